"""`bank.record(pipe, …)`: the user's own pipeline, call and random state are untouched, and the call is recorded whole."""

import threading

import numpy
import pytest

from tests import tiny_models

CALL = {"prompt": "a red circle", "height": 64, "width": 64, "num_inference_steps": 3}


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


@pytest.fixture
def pipe(torch, model):
    from diffusers import DiffusionPipeline

    loaded = DiffusionPipeline.from_pretrained(str(model(tiny_models.Z_IMAGE)), dtype=torch.float32)
    loaded.set_progress_bar_config(disable=True)
    return loaded


def seeded(torch, seed=7):
    return torch.Generator("cpu").manual_seed(seed)


def test_the_call_is_recorded_whole_and_rebuilt_exactly(bank, pipe, torch):
    recorded = bank.record(pipe, **CALL, generator=seeded(torch), tags=["mine"])
    (entry,) = recorded.entries
    assert (recorded.gap, entry.obstacles, entry.origin, entry.seed) == (None, (), "recorded", 7)
    assert bank.pixels(entry).rows == recorded.images[0].tobytes()
    (outcome,) = bank.regen(entry.id)
    assert (outcome.regeneration.verdict, outcome.regeneration.trace) == ("exact", "same")


def test_recording_changes_neither_the_picture_nor_the_random_state(bank, pipe, torch):
    state = torch.get_rng_state()
    bare = pipe(**CALL, generator=seeded(torch)).images[0]
    recorded = bank.record(pipe, **CALL, generator=seeded(torch)).images[0]
    assert numpy.array_equal(numpy.asarray(bare), numpy.asarray(recorded))
    assert torch.equal(state, torch.get_rng_state())
    assert "step" not in vars(pipe.scheduler), "the pipeline is as it was"


def test_the_prompt_list_is_recorded_as_it_was_passed(bank, pipe, torch):
    """ZImagePipeline writes its chat template into the list that it is given."""
    prompts = ["a red circle"]
    (entry,) = bank.record(pipe, **{**CALL, "prompt": prompts}, generator=seeded(torch)).entries
    assert entry.prompt == "a red circle"
    assert bank.regen(entry.id)[0].regeneration.verdict == "exact"


def test_without_a_generator_the_global_random_state_is_kept_and_replayed(bank, pipe, torch):
    torch.manual_seed(123)
    (entry,) = bank.record(pipe, **CALL).entries
    assert entry.recipe.noise == {"kind": "global"}
    assert entry.output.flags["global_random_state_consumed"]
    torch.manual_seed(99)
    assert bank.regen(entry.id)[0].regeneration.verdict == "exact"


def test_a_used_generator_is_an_obstacle(bank, pipe, torch):
    generator = seeded(torch)
    torch.randn(4, generator=generator)
    (entry,) = bank.record(pipe, **CALL, generator=generator).entries
    assert "had been used" in entry.obstacles[0]
    assert bank.regen(entry.id)[0].regeneration.verdict == "blocked"


def test_weights_that_were_changed_in_memory_are_an_obstacle(bank, pipe, torch):
    pipe.transformer.layers[0].attention.to_q.weight.data.mul_(1.01)
    (entry,) = bank.record(pipe, **CALL, generator=seeded(torch)).entries
    assert "not those of the files: transformer" in entry.obstacles[0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda pipe: pipe.vae.register_to_config(scaling_factor=0.9), "scaling_factor of vae"),
        (lambda pipe: setattr(pipe.tokenizer, "chat_template", "{{ messages[0]['content'] }}!"), "chat template"),
        (lambda pipe: pipe.image_processor.register_to_config(do_normalize=False), "do_normalize"),
        (lambda pipe: pipe.transformer.register_forward_hook(lambda *_: None), "hook"),
        (lambda pipe: [p.data.mul_(1.3) for p in pipe.transformer.parameters() if p.dim() == 1], "not those of the files"),
        (
            lambda pipe: setattr(
                pipe, "scheduler", type("Mine", (type(pipe.scheduler),), {}).from_config(pipe.scheduler.config)
            ),
            "own",
        ),
    ],
)
def test_what_a_script_changed_on_the_pipeline_is_an_obstacle(bank, pipe, torch, change, words):
    change(pipe)
    (entry,) = bank.record(pipe, **CALL, generator=seeded(torch)).entries
    assert any(words in obstacle for obstacle in entry.obstacles), entry.obstacles


def test_autocast_around_the_call_is_an_obstacle(bank, pipe, torch):
    with torch.autocast("cpu", torch.bfloat16):
        (entry,) = bank.record(pipe, **CALL, generator=seeded(torch)).entries
    assert any("Autocast" in obstacle for obstacle in entry.obstacles)


@pytest.mark.parametrize("family", tiny_models.FAMILIES)
def test_a_pipeline_as_it_was_loaded_has_no_obstacle_at_the_first_call_nor_later(bank, model, torch, family):
    from diffusers import DiffusionPipeline

    pipe = DiffusionPipeline.from_pretrained(str(model(family)), dtype=torch.float32)
    pipe.set_progress_bar_config(disable=True)
    (entry,) = bank.record(pipe, **CALL, generator=seeded(torch), tags="one tag").entries
    assert entry.obstacles == ()
    (again,) = bank.record(pipe, **CALL, generator=seeded(torch)).entries
    assert again.obstacles == (), "what libraries leave on a pipeline after its first call is no departure"
    assert "one tag" in entry.tags
    found = bank.regen(entry.id)[0].regeneration
    assert found.verdict == "exact", found.explanation


def test_a_callback_is_an_obstacle_and_a_tensor_argument_is_kept(bank, pipe, torch):
    latents = torch.zeros(1, 16, 8, 8)
    (entry,) = bank.record(pipe, **CALL, latents=latents, generator=seeded(torch), callback_on_step_end=lambda *_: {}).entries
    assert [(item["role"], item["kind"]) for item in entry.recipe.inputs] == [("latents", "tensor")]
    assert any("callback_on_step_end" in obstacle for obstacle in entry.obstacles)


def test_an_error_of_the_pipeline_is_the_users_and_nothing_is_recorded(bank, pipe, torch):
    before = bank.store.count()
    with pytest.raises(ValueError, match="divisible"):
        bank.record(pipe, **{**CALL, "height": 65}, generator=seeded(torch))
    assert bank.store.count() == before


def test_when_recording_fails_the_user_keeps_the_image(bank, pipe, torch, monkeypatch):
    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(bank.blobs, "put", full)
    recorded = bank.record(pipe, **CALL, generator=seeded(torch))
    assert recorded.images[0].size == (64, 64)
    assert recorded.entries == ()
    assert "No space left" in recorded.gap


def test_the_picture_and_the_trace_of_an_entry_wait_for_the_disk_at_the_same_time(bank, pipe, torch, monkeypatch):
    put, met = bank.blobs.put, threading.Barrier(2, timeout=60)
    monkeypatch.setattr(bank.blobs, "put", lambda data, kind: (met.wait(), put(data, kind))[1])
    (entry,) = bank.record(pipe, **CALL, generator=seeded(torch)).entries
    assert bank.blobs.has(entry.blob.digest) and bank.blobs.has(entry.output.trace.digest)


def test_a_result_without_pictures_is_said_and_handed_back(bank, pipe, torch):
    class Silent(type(pipe)):
        def __call__(self, **_):
            return "no pictures at all"

    recorded = bank.record(Silent(**pipe.components), **CALL)
    assert "no pictures" in recorded.gap and recorded.entries == ()
    assert recorded.result == "no pictures at all"
