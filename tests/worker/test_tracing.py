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
from seedbank.worker.noise import noise_of  # noqa: E402
from seedbank.worker.refusal import Refusal  # noqa: E402
from seedbank.worker.tracing import COMPONENTS, MODULES, NONE, Trace  # noqa: E402
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


def call_of(pipe):
    """The arguments of the recipe's call, with a fresh generator."""
    return {**calling.call_arguments(pipe, recipe_of(pipe)), "generator": torch.Generator().manual_seed(7)}


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
    bare = pipe(**call_of(pipe)).images[0]
    before = [dict(vars(owner)) for owner in (pipe.scheduler, pipe.vae)]
    with Trace(pipe) as trace:
        traced = pipe(**call_of(pipe)).images[0]
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
            pipe(**call_of(pipe))
        assert calls == [1] and pipe.vae.decode is mine
    finally:
        del pipe.vae.decode


def test_without_digests_times_are_still_told(pipe):
    with Trace(pipe, NONE) as trace:
        pipe(**call_of(pipe))
    assert trace.digests == [] and all(trace.seconds[stage] > 0 for stage in ("encode", "denoise", "decode"))


TINY = {"prompt": "a star", "height": 64, "width": 64, "num_inference_steps": 2}
MODULES_OF = {
    tiny_models.Z_IMAGE: ("transformer", "step.001/transformer.layers.0.attention.to_out.0"),
    tiny_models.SD15: ("unet", "step.001/unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_out.0"),
    tiny_models.SDXL: ("unet", "step.001/unet.down_blocks.1.attentions.0.proj_in"),
    tiny_models.FLUX: ("transformer", "step.001/transformer.single_transformer_blocks.0.proj_out"),
}


def trace_of(pipe, level="stages", **arguments):
    with Trace(pipe, level) as trace:
        image = pipe(**TINY | arguments, generator=torch.Generator().manual_seed(7)).images[0]
    assert trace.problem is None
    return dict(trace.digests), image.tobytes()


@pytest.fixture(scope="module")
def family(pipe, tmp_path_factory):
    """A tiny pipeline in memory by its class."""
    made = {tiny_models.Z_IMAGE: pipe}

    def get(name):
        if name not in made:
            made[name] = tiny_models.BUILDERS[name](tmp_path_factory.mktemp("tokenizers"))
            made[name].set_progress_bar_config(disable=True)
            for component in made[name].components.values():
                if isinstance(component, torch.nn.Module):
                    component.eval()  # what is not loaded from files still drops out at random
        return made[name]

    return get


@pytest.mark.parametrize("name", tiny_models.FAMILIES)
def test_deeper_traces_add_what_components_and_modules_gave_and_change_nothing(family, name):
    pipe, (denoiser, leaf) = family(name), MODULES_OF[name]
    plain, picture = trace_of(pipe)
    components, same = trace_of(pipe, COMPONENTS)
    modules, again = trace_of(pipe, MODULES)
    assert picture == same == again
    for deep in (components, modules):
        assert {stage: digest for stage, digest in deep.items() if "/" not in stage} == plain
        assert [stage for stage in deep if "/" not in stage] == list(plain), "and in the same order"
    assert {"prompt/text_encoder", f"step.000/{denoiser}", f"step.001/{denoiser}", "vae.out/vae.decoder"} <= set(components)
    assert leaf in modules and leaf not in components and set(components) < set(modules)
    stages = list(modules)
    assert stages.index("noise") < stages.index(f"step.000/{denoiser}") < stages.index("step.000")
    assert not any(module._forward_hooks for module in getattr(pipe, denoiser).modules())


def test_a_module_that_computes_otherwise_is_the_first_that_differs(pipe):
    whole, _ = trace_of(pipe, MODULES)
    changed = pipe.transformer.layers[1].feed_forward.w2
    hook = changed.register_forward_hook(lambda _module, _inputs, output: output * 1.001)
    try:
        other, _ = trace_of(pipe, MODULES)
    finally:
        hook.remove()
    assert next(stage for stage in whole if whole[stage] != other[stage]) == "step.000/transformer.layers.1.feed_forward.w2"


def test_an_input_image_has_stages_of_its_own(family):
    from diffusers import StableDiffusionImg2ImgPipeline
    from PIL import Image

    pipe = StableDiffusionImg2ImgPipeline(**family(tiny_models.SD15).components, requires_safety_checker=False)
    pipe.set_progress_bar_config(disable=True)
    with Trace(pipe, COMPONENTS) as trace:
        picture = Image.new("RGB", (64, 64), "red")
        pipe("a star", picture, strength=1.0, num_inference_steps=2, generator=torch.Generator().manual_seed(7))
    stages = [stage for stage, _ in trace.digests]
    plain = [stage for stage in stages if "/" not in stage]
    assert plain[:5] == ["prompt", "vae.enc.in", "vae.enc.out", "noise", "step.000"] and plain[-2:] == ["vae.in", "vae.out"]
    assert stages.index("vae.enc.in") < stages.index("vae.enc.out/vae.encoder") < stages.index("vae.enc.out")


def test_what_breaks_in_a_trace_does_not_reach_the_call(pipe, monkeypatch):
    def broken(*_):
        raise MemoryError("no room")

    monkeypatch.setattr("seedbank.worker.tracing.copies", broken)
    with Trace(pipe) as trace:
        assert pipe(**call_of(pipe)).images
    assert trace.digests == [] and trace.problem == "MemoryError: no room"


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
    one, two = (noise_of(recipe["noise"], "cpu").arguments["generator"] for _ in range(2))
    assert one is not two and one.device.type == "cpu" and one.initial_seed() == 7
    largest = noise_of({"kind": "torch-cpu", "seed": str(2**64 - 1)}, "cpu").arguments["generator"]
    assert largest.initial_seed() % 2**64 == 2**64 - 1


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
    assert (tmp_path / "pixels.000").read_bytes() == bytes(64 * 64 * 3)
