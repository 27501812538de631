"""Generators and arguments as scripts pass them: recorded so that a regeneration draws and computes the same, or said."""

import numpy
import pytest

from tests import tiny_models
from tests.tiny_adapters import load

torch = pytest.importorskip("torch")
CALL = {"prompt": "a red circle", "height": 64, "width": 64, "num_inference_steps": 3}
TWO = {**CALL, "prompt": ["a red circle", "a blue star"]}


@pytest.fixture
def pipe(model):
    return load(model(tiny_models.SD15))


@pytest.fixture
def stochastic(model):
    """A pipeline that passes no generator to a scheduler that draws in every step."""
    from diffusers import FlowMatchEulerDiscreteScheduler

    flow = load(model(tiny_models.Z_IMAGE))
    flow.scheduler = FlowMatchEulerDiscreteScheduler.from_config(flow.scheduler.config, stochastic_sampling=True)
    return flow


def seeded(seed=7):
    return torch.Generator("cpu").manual_seed(seed)


def verdicts(bank, entries):
    return [(found.regeneration.verdict, found.regeneration.trace) for found in bank.regen([entry.id for entry in entries])]


def test_the_global_generator_passed_with_its_seed_gives_the_steps_their_noise_in_turn(bank, stochastic):
    (entry,) = bank.record(stochastic, **CALL, generator=torch.manual_seed(7)).entries
    assert entry.recipe.noise == {"kind": "torch-cpu", "seed": "7", "global": True}
    assert entry.recipe.inputs == (), "the seed says where its state began"
    (own,) = bank.record(stochastic, **CALL, generator=seeded()).entries
    assert own.picture.digest != entry.picture.digest
    torch.manual_seed(99)
    assert verdicts(bank, [entry, own]) == [("exact", "same")] * 2


def test_the_global_generator_for_a_whole_batch_is_replayed(bank, pipe):
    entries = bank.record(pipe, **TWO, generator=torch.manual_seed(5)).entries
    assert verdicts(bank, entries) == [("exact", "same")] * 2


@pytest.mark.parametrize(
    ("generators", "words"),
    [
        (lambda: [seeded()] * 2, "One generator was passed for several images"),
        (lambda: [seeded(), None], "Some images of the batch had a generator and others had none"),
        (lambda: [seeded(), torch.manual_seed(8)], "One of several generators is torch's global one"),
    ],
)
def test_generators_of_a_batch_that_seeds_do_not_describe_are_an_obstacle(bank, pipe, generators, words):
    for entry in bank.record(pipe, **TWO, generator=generators()).entries:
        assert any(words in obstacle for obstacle in entry.obstacles), entry.obstacles


def test_numbers_of_numpy_are_numbers(bank, pipe, model):
    numbers = {
        "num_inference_steps": numpy.int64(3),
        "guidance_scale": numpy.float32(3.3),
        "guidance_rescale": numpy.float64(0.5),
    }
    (entry,) = bank.record(pipe, **{**CALL, **numbers}, generator=seeded()).entries
    assert (entry.obstacles, entry.recipe.steps) == ((), 3)
    flow = load(model(tiny_models.Z_IMAGE))
    (listed,) = bank.record(flow, **CALL, sigmas=list(numpy.float32([1, 0.5, 0.25])), generator=seeded()).entries
    assert listed.recipe.call["sigmas"] == [1, 0.5, 0.25]
    assert verdicts(bank, [entry, listed]) == [("exact", "same")] * 2


def test_arguments_without_a_name_are_passed_as_they_stand(bank, pipe):
    (entry,) = bank.record(pipe, "a red circle", 64, 64, 3, generator=seeded()).entries
    (named,) = bank.record(pipe, **CALL, generator=seeded()).entries
    assert entry.recipe == named.recipe


def test_an_argument_that_the_pipeline_does_not_name_is_said(bank, pipe):
    (entry,) = bank.record(pipe, **CALL, generator=seeded(), guidance=3).entries
    assert entry.obstacles == ("The pipeline names no argument guidance, so it is not known what it did.",)


def test_a_tensor_and_an_array_lie_in_memory_as_they_did(bank, pipe):
    from diffusers import StableDiffusionImg2ImgPipeline

    latents = torch.randn(1, 4, 16, 16, generator=seeded(1))
    turned = {"latents": latents.to(memory_format=torch.channels_last)}
    (entry,) = bank.record(pipe, **CALL, **turned, generator=seeded()).entries
    assert entry.recipe.inputs[0]["strides"] == [1024, 1, 64, 4]
    (plain,) = bank.record(pipe, **CALL, latents=latents, generator=seeded()).entries
    assert "strides" not in plain.recipe.inputs[0]
    start = StableDiffusionImg2ImgPipeline(**pipe.components, requires_safety_checker=False)
    array = numpy.asfortranarray(numpy.random.default_rng(0).random((1, 64, 64, 3), dtype="float32"))
    call = {"prompt": "a", "num_inference_steps": 3, "strength": 0.7}
    (painted,) = bank.record(start, **call, image=array, generator=seeded()).entries
    assert verdicts(bank, [entry, plain, painted]) == [("exact", "same")] * 3
