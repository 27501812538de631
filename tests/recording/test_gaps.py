"""A call that could not be recorded whole is said to somebody, though it costs no image and raises nothing."""

import os
import subprocess
import sys
import warnings

import pytest

import seedbank
from seedbank.errors import BadInput
from seedbank.recording.capture import Recorded
from seedbank.recording.gaps import Gaps, RecordingGap
from tests import tiny_models

CALL = {"prompt": "a red circle", "height": 64, "width": 64, "num_inference_steps": 1}
FULL = Recorded("images", ((), "No space left on device"))


@pytest.fixture(scope="module")
def pipe(model):
    from diffusers import DiffusionPipeline

    loaded = DiffusionPipeline.from_pretrained(str(model(tiny_models.Z_IMAGE)))
    loaded.set_progress_bar_config(disable=True)
    return loaded


@pytest.fixture
def full(tmp_path, monkeypatch):
    """A bank whose image store takes nothing more."""

    def put(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    opened = seedbank.open(tmp_path / "art.db", create=True, user="ann")
    monkeypatch.setattr(opened.blobs, "put", put)
    return opened


@pytest.mark.slow
def test_a_gap_that_nobody_asked_for_is_said_when_the_bank_is_closed(full, pipe):
    with pytest.warns(RecordingGap, match="ZImagePipeline was not recorded whole.*No space left"), full:
        assert full.record(pipe, **CALL).images[0].size == (64, 64)


@pytest.mark.slow
def test_a_gap_that_was_asked_for_is_not_said_again(full, pipe):
    with warnings.catch_warnings(), full:
        warnings.simplefilter("error")
        assert "No space left" in full.record(pipe, **CALL).gap


@pytest.mark.slow
def test_an_image_store_of_another_bank_costs_no_picture(tmp_path, pipe):
    with seedbank.open(tmp_path / "art.db", create=True, user="ann") as bank:
        bank.blobs.write_mark(b"bank 01990000-0000-7000-8000-000000000000\n", replace=True)
    with seedbank.open(tmp_path / "art.db") as bank:
        recorded = bank.record(pipe, **CALL)
        assert recorded.images[0].size == (64, 64)
        assert "belongs to the bank 0199" in recorded.gap
        with pytest.warns(RecordingGap, match="belongs to the bank 0199"), bank.recording():
            assert pipe(**CALL).images[0].size == (64, 64)
        assert list(bank.find()) == list(bank.blobs.list()) == []


def test_it_is_said_with_a_later_call_and_once():
    gaps = Gaps()
    gaps.add("FluxPipeline", FULL)
    with pytest.warns(RecordingGap, match="FluxPipeline") as said:
        gaps.say()
        gaps.say()
    assert len(said) == 1


def test_where_warnings_are_errors_it_is_raised_where_it_costs_no_image():
    gaps = Gaps()
    gaps.add("FluxPipeline", Recorded("images", ((), "No space left on device")))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gaps.say_softly()
        with pytest.raises(RecordingGap, match="FluxPipeline"):
            gaps.say()
        gaps.say()


def said_by(gaps):
    """How many warnings saying all of them makes."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        gaps.say()
    return len(said)


def test_after_a_fork_the_parent_says_what_was_not_said_and_the_child_what_is_its_own():
    gaps = Gaps()
    gaps.add("FluxPipeline", FULL)
    with gaps._lock:  # as when another thread adds one
        child = os.fork()
    if child == 0:
        before = said_by(gaps)
        gaps.add("FluxPipeline", FULL)
        os._exit(10 * before + said_by(gaps))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
    assert said_by(gaps) == 1


def test_the_result_which_may_be_a_gpus_memory_is_not_kept():
    assert FULL.without_result().result is None and FULL.result == "images"


def test_where_warnings_are_errors_an_error_in_the_block_is_the_one_that_comes_out(tmp_path):
    with warnings.catch_warnings(), seedbank.open(tmp_path / "art.db", create=True, user="ann") as bank:
        warnings.simplefilter("error")
        with pytest.raises(BadInput, match="the user's own"), bank.recording() as report:
            report._add("FluxPipeline", FULL)
            raise BadInput("the user's own")


def test_a_program_that_ends_without_closing_its_bank_is_told_too():
    program = """
from seedbank.recording.capture import Recorded
from seedbank.recording.gaps import SINGLE
SINGLE.add("FluxPipeline", Recorded(None, ((), "No space left on device")))
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "RecordingGap: A call of FluxPipeline was not recorded whole: No space left on device" in ended.stderr
