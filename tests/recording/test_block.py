"""`with bank.recording():` every pipeline call in the block is recorded; nothing else changes."""

import asyncio
import random
import threading
import warnings

import numpy
import pytest

import seedbank
from seedbank.recording.gaps import RecordingGap
from tests import tiny_models

pytestmark = pytest.mark.slow
torch = pytest.importorskip("torch")

CALL = {"prompt": "a red circle", "height": 64, "width": 64, "num_inference_steps": 1}


@pytest.fixture(scope="module")
def load(model):
    """A tiny pipeline by its family, loaded once."""
    from diffusers import DiffusionPipeline

    loaded = {}

    def get(family):
        if family not in loaded:
            loaded[family] = DiffusionPipeline.from_pretrained(str(model(family)), dtype=torch.float32)
            loaded[family].set_progress_bar_config(disable=True)
        return loaded[family]

    return get


@pytest.fixture
def pipe(load):
    return load(tiny_models.Z_IMAGE)


def seeded(seed=7):
    return torch.Generator("cpu").manual_seed(seed)


def random_states():
    states = [torch.get_rng_state().numpy().tobytes(), random.getstate(), str(numpy.random.get_state())]
    return states + ([torch.cuda.get_rng_state().numpy().tobytes()] if torch.cuda.is_available() else [])


def seed_everything():
    torch.manual_seed(1)
    random.seed(1)
    numpy.random.seed(1)


def script(first, second):
    """A user's script: two pipelines, one drawing from torch's global generator, one with a batch."""
    pictures = [*first(**CALL).images, *second(CALL["prompt"], 64, 64, num_inference_steps=2, num_images_per_prompt=2).images]
    return [picture.tobytes() for picture in pictures], random_states()


def test_every_call_is_recorded_and_neither_pictures_nor_random_states_change(bank, load):
    first, second = load(tiny_models.Z_IMAGE), load(tiny_models.SD15)
    calls = type(first).__call__, type(second).__call__
    seed_everything()
    bare = script(first, second)
    seed_everything()
    with bank.recording(tags=["script"]) as report:
        recorded = script(first, second)
    assert recorded == bare
    assert (type(first).__call__, type(second).__call__) == calls, "the classes are as they were"
    assert [entry.recipe.pipeline for entry in report.entries] == [tiny_models.Z_IMAGE, tiny_models.SD15, tiny_models.SD15]
    assert [bank.pixels(entry).rows for entry in report.entries] == bare[0]
    assert report.gaps == () and all(entry.tags == ("script",) for entry in report.entries)
    assert [entry.recipe.batch["index"] for entry in report.entries[1:]] == [0, 1]
    assert report.entries[1].recipe.call["num_inference_steps"] == 2, "arguments by position have their names"


def test_arrays_and_tensors_are_recorded_as_the_picture_that_they_stand_for(bank, pipe):
    with bank.recording() as report:
        results = [pipe(**CALL, generator=seeded(), output_type=form).images for form in ("pil", "np", "pt")]
        single = pipe(**CALL, generator=seeded(), return_dict=False, output_type="np")
    assert [type(result).__name__ for result in results] == ["list", "ndarray", "Tensor"] and isinstance(single, tuple)
    assert report.gaps == () and len(report.entries) == 4
    assert len({entry.picture.digest for entry in report.entries}) == 1
    assert len({entry.recipe_digest for entry in report.entries}) == 1
    assert all(entry.obstacles == () for entry in report.entries)


def test_latents_are_an_entry_without_a_picture_that_says_so(bank, pipe):
    with bank.recording(tags=["half"]) as report:
        latents = pipe(**CALL, generator=seeded(), output_type="latent").images
    (entry,) = report.entries
    assert latents.shape[0] == 1 and report.gaps == ()
    assert entry.picture is None and "latents" in entry.obstacles[-1]
    assert "noise" in dict(bank.trace_of(entry.output))


def test_of_nested_blocks_the_innermost_records(bank, pipe, tmp_path):
    with seedbank.open(tmp_path / "other.db", create=True) as other, bank.recording() as outer:
        pipe(**CALL, generator=seeded(1))
        with other.recording() as inner:
            pipe(**CALL, generator=seeded(2))
        pipe(**CALL, generator=seeded(3))
        assert [entry.seed for entry in outer.entries] == [1, 3]
        assert [entry.seed for entry in inner.entries] == [2]


def test_threads_are_recorded_by_their_own_block_or_else_by_the_one_that_is_open(bank, load):
    pipes = {1: load(tiny_models.Z_IMAGE), 2: load(tiny_models.SD15)}
    seen = {}

    def own(number):
        with bank.recording(tags=[f"thread {number}"]) as report:
            together.wait()
            pipes[number](**CALL, generator=seeded(number))
        seen[number] = report.entries

    together = threading.Barrier(2)
    with bank.recording() as outer:
        run_all(*(threading.Thread(target=own, args=(number,)) for number in pipes))
        assert outer.entries == ()
        run_all(threading.Thread(target=lambda: pipes[1](**CALL, generator=seeded(3))))
    assert {number: [entry.seed for entry in entries] for number, entries in seen.items()} == {1: [1], 2: [2]}
    assert [entry.seed for entry in outer.entries] == [3]


def test_tasks_of_asyncio_are_recorded_by_their_own_block(bank, pipe):
    seen = {}

    async def own(number, others):
        with bank.recording() as report:
            await others.wait()
            pipe(**CALL, generator=seeded(number))
        seen[number] = [entry.seed for entry in report.entries]

    async def together():
        others = asyncio.Event()
        tasks = [asyncio.create_task(own(number, others)) for number in (1, 2)]
        await asyncio.sleep(0)
        others.set()
        await tasks[0]
        await tasks[1]

    asyncio.run(together())
    assert seen == {1: [1], 2: [2]}


def run_all(*threads):
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_a_call_inside_a_call_and_inside_record_is_recorded_once(bank, pipe):
    with bank.recording() as report:

        class Twice(type(pipe)):
            """Imported inside the block, and made of another pipeline."""

            def __call__(self, **arguments):
                super().__call__(**arguments)
                return super().__call__(**arguments)

        Twice(**pipe.components)(**CALL, generator=seeded())
        bank.record(pipe, **CALL, generator=seeded())
    assert [entry.recipe.pipeline for entry in report.entries] == ["Twice"]


def test_a_class_that_is_not_loaded_by_seedbank_is_recorded_and_says_so(bank, tmp_path):
    from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel

    unet = UNet2DModel(
        sample_size=8, block_out_channels=(8, 8), layers_per_block=1, norm_num_groups=4,
        down_block_types=("DownBlock2D",) * 2, up_block_types=("UpBlock2D",) * 2,
    )  # fmt: skip
    DDPMPipeline(unet, DDPMScheduler()).save_pretrained(tmp_path / "ddpm")
    ddpm = DDPMPipeline.from_pretrained(tmp_path / "ddpm")
    ddpm.set_progress_bar_config(disable=True)
    with bank.recording() as report:
        image = ddpm(num_inference_steps=2, generator=seeded()).images[0]
    (entry,) = report.entries
    assert bank.pixels(entry).rows == image.tobytes()
    assert [stage for stage, _ in bank.trace_of(entry.output)] == ["noise", "step.000", "step.001", "pixels"]
    assert entry.obstacles == ("The pipeline class 'DDPMPipeline' is not one that seedbank loads.",)


def full(*_args, **_kwargs):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("broken", ["seedbank.recording.capture.look", "seedbank.worker.tracing.copies", "blobs"])
def test_whatever_breaks_in_recording_the_image_is_the_users_and_the_gap_is_said(bank, pipe, monkeypatch, broken):
    bare = pipe(**CALL, generator=seeded()).images[0]
    monkeypatch.setattr(*((bank.blobs, "put") if broken == "blobs" else (broken,)), full)
    with pytest.warns(RecordingGap, match="ZImagePipeline was not recorded whole.*No space left"), bank.recording() as report:
        image = pipe(**CALL, generator=seeded()).images[0]
    assert image.tobytes() == bare.tobytes()
    assert len(report.gaps) == 1 and "No space left" in report.gaps[0]
    # Without its trace an image is still recorded.
    assert [entry.output.trace for entry in report.entries] == ([None] if "tracing" in broken else [])


def test_a_warning_that_is_an_error_is_raised_when_the_block_ends_and_costs_no_image(bank, pipe, monkeypatch):
    monkeypatch.setattr("seedbank.recording.capture.look", full)
    with warnings.catch_warnings(), pytest.raises(RecordingGap, match="No space left"), bank.recording() as report:
        warnings.simplefilter("error")
        assert pipe(**CALL, generator=seeded()).images[0].size == (64, 64)
    assert len(report.gaps) == 1


def test_a_pipeline_that_runs_in_two_threads_at_once_costs_its_trace_alone(bank, pipe):
    from seedbank.worker.tracing import Trace

    with pytest.warns(RecordingGap, match="another thread"), Trace(pipe), bank.recording() as report:
        pipe(**CALL, generator=seeded())
    assert report.entries[0].output.trace is None
    assert "step" not in vars(pipe.scheduler)


def test_an_error_of_the_pipeline_is_the_users_and_everything_is_put_back(bank, pipe):
    call = type(pipe).__call__
    with pytest.raises(ValueError, match="divisible"), bank.recording() as report:
        pipe(**{**CALL, "height": 65}, generator=seeded())
    assert report.entries == () and report.gaps == ()
    assert type(pipe).__call__ is call
