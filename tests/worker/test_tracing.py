"""Traces and calls in this process, with a pipeline of a user's own."""

from __future__ import annotations

import hashlib
import inspect
import random
import struct

import pytest

pytestmark = pytest.mark.slow
torch = pytest.importorskip("torch")

from seedbank.worker import calling, digests, randomness  # noqa: E402
from seedbank.worker.describe import describe  # noqa: E402
from seedbank.worker.refusal import Refusal  # noqa: E402
from seedbank.worker.tracing import NONE, Trace  # noqa: E402
from tests import tiny_models  # noqa: E402


@pytest.fixture(scope="module")
def pipe(tmp_path_factory):
    from diffusers import ZImagePipeline

    folder = tiny_models.build(tiny_models.Z_IMAGE, tmp_path_factory.mktemp("models") / "z-image")
    pipe = ZImagePipeline.from_pretrained(folder, dtype=torch.float32)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def recipe_of(pipe, **changes):
    said = describe(pipe)
    call = {"height": 64, "width": 64, "num_inference_steps": 2, "guidance_scale": 3}
    recipe = {"pipeline": said["pipeline"], "scheduler": said["scheduler"], "dtypes": said["dtypes"], "call": call}
    return recipe | {"conditioning": {"prompt": "a star"}, "noise": {"kind": "torch-cpu", "seed": "7"}} | changes


def test_a_tensor_digest_is_what_the_format_says():
    tensor = torch.tensor([[1.0, -2.5]])
    expected = hashlib.sha256(b"seedbank.tensor.v1\0float32\x001,2\0" + struct.pack("<ff", 1.0, -2.5)).hexdigest()
    assert digests.tensor_digest(tensor) == expected
    assert digests.tensor_digest(torch.tensor([[1.0], [-2.5]]).t()) == expected
    half = hashlib.sha256(b"seedbank.tensor.v1\0bfloat16\x001\0" + struct.pack("<H", 0x3F80)).hexdigest()
    assert digests.tensor_digest(torch.ones(1, dtype=torch.bfloat16)) == half
    assert digests.tensor_digest(torch.ones(())) != digests.tensor_digest(torch.ones(1))


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float16", "float64", "complex64", "float8_e4m3fn"])
def test_tensors_of_every_dtype_have_a_digest(dtype):
    tensor = torch.zeros(3).to(getattr(torch, dtype))
    assert digests.tensor_digest(tensor) == digests.tensor_digest(tensor.clone())


def test_several_tensors_have_one_digest_in_their_order():
    one, two = torch.ones(2), torch.zeros(2)
    assert digests.nested_digest([one]) == digests.tensor_digest(one)
    assert digests.nested_digest((one, None, [two])) == digests.nested_digest({"a": one, "b": two})
    assert digests.nested_digest([one, two]) != digests.nested_digest([two, one])
    assert digests.nested_digest([None, "text"]) is None


def test_tracing_changes_nothing_and_leaves_nothing_behind(pipe):
    arguments = calling.call_arguments(pipe, recipe_of(pipe))
    bare = pipe(**arguments).images[0]
    before = [dict(vars(owner)) for owner in (pipe.scheduler, pipe.vae)]
    with Trace(pipe) as trace:
        traced = pipe(**calling.call_arguments(pipe, recipe_of(pipe))).images[0]
    assert traced.tobytes() == bare.tobytes()
    assert [stage for stage, _ in trace.digests] == ["prompt", "noise", "step.000", "step.001", "vae.in", "vae.out"]
    assert trace.steps == 2
    for owner, names in zip((pipe.scheduler, pipe.vae), before, strict=True):
        assert not {"step", "encode", "decode"} & set(vars(owner)) and set(vars(owner)) == set(names)
    assert "encode_prompt" not in vars(pipe)


def test_everything_is_put_back_after_an_error(pipe):
    with pytest.raises(ValueError, match="divisible"), Trace(pipe):
        pipe("a star", height=63, width=64)
    assert "encode_prompt" not in vars(pipe) and "step" not in vars(pipe.scheduler) and "decode" not in vars(pipe.vae)


def test_a_wrapper_of_the_users_own_is_kept(pipe):
    calls = []
    original = pipe.vae.decode

    def mine(*args, **kwargs):
        calls.append(1)
        return original(*args, **kwargs)

    pipe.vae.decode = mine
    try:
        with Trace(pipe):
            pipe(**calling.call_arguments(pipe, recipe_of(pipe)))
        assert calls == [1] and pipe.vae.decode is mine
    finally:
        del pipe.vae.decode


def test_without_digests_times_are_still_told(pipe):
    with Trace(pipe, NONE) as trace:
        pipe(**calling.call_arguments(pipe, recipe_of(pipe)))
    assert trace.digests == [] and all(trace.seconds[stage] > 0 for stage in ("encode", "denoise", "decode"))


def test_lists_of_a_recipe_are_copied_since_the_pipeline_writes_into_them(pipe):
    recipe = recipe_of(pipe, conditioning={"prompt": ["a star"]})
    arguments = calling.call_arguments(pipe, recipe)
    pipe(**arguments)
    assert arguments["prompt"] != ["a star"]
    assert recipe["conditioning"] == {"prompt": ["a star"]}
    assert calling.call_arguments(pipe, recipe)["prompt"] == ["a star"]


def test_json_values_get_back_the_types_that_the_signature_names(pipe):
    recipe = recipe_of(pipe)
    recipe["call"] |= {"sigmas": [1, 0.5], "cfg_truncation": {"$float": "inf"}, "cfg_normalization": False}
    arguments = calling.call_arguments(pipe, recipe)
    assert [type(sigma) for sigma in arguments["sigmas"]] == [float, float]
    assert arguments["cfg_truncation"] == float("inf") and arguments["cfg_normalization"] is False
    assert type(arguments["guidance_scale"]) is float and type(arguments["height"]) is int
    assert type(calling.scheduler_for(recipe).config["shift"]) is float


def test_a_generator_of_a_recipe_is_fresh_for_every_call(pipe):
    recipe = recipe_of(pipe)
    one, two = (calling.call_arguments(pipe, recipe)["generator"] for _ in range(2))
    assert one is not two and one.device.type == "cpu" and one.initial_seed() == 7
    largest = calling.call_arguments(pipe, recipe_of(pipe, noise={"kind": "torch-cpu", "seed": str(2**64 - 1)}))
    assert largest["generator"].initial_seed() % 2**64 == 2**64 - 1


@pytest.mark.parametrize("name", ["generator", "output_type", "callback_on_step_end"])
def test_arguments_that_the_worker_decides_are_refused(pipe, name):
    recipe = recipe_of(pipe)
    recipe["call"][name] = "x"
    with pytest.raises(Refusal, match=name):
        calling.call_arguments(pipe, recipe)


def test_global_random_states_are_compared_packed_and_restored():
    before = randomness.snapshot()
    assert randomness.consumed(before, randomness.snapshot()) == []
    drawn = torch.rand(3), random.random()
    after = randomness.snapshot()
    assert randomness.consumed(before, after) == ["python", "torch"]
    randomness.restore(randomness.pack(before, ["python", "torch"]))
    assert torch.equal(torch.rand(3), drawn[0]) and random.random() == drawn[1]


def test_an_image_that_the_safety_checker_blackened_is_flagged(pipe, tmp_path):
    from types import SimpleNamespace

    from PIL import Image

    from seedbank.worker.loading import LoadedPipeline
    from seedbank.worker.render import render

    class Checked(type(pipe)):
        def __call__(self, **_):
            return SimpleNamespace(images=[Image.new("RGB", (64, 64))], nsfw_content_detected=[True])

    Checked.__name__ = type(pipe).__name__
    Checked.__call__.__signature__ = inspect.signature(type(pipe).__call__)
    loaded = LoadedPipeline(Checked(**pipe.components), "cpu", "key", 0.0)
    rendering = render(loaded, recipe_of(pipe), tmp_path)
    assert rendering["flags"] == {"safety_checker_blackened": True}
    assert (tmp_path / "pixels").read_bytes() == bytes(64 * 64 * 3)
