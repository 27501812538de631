"""Verdicts as pure functions of digests and pixels."""

from types import SimpleNamespace

import pytest

from seedbank.bank import Pixels
from seedbank.errors import BadInput
from seedbank.records import CLOSE, DIFFERENT, EXACT, UNSTABLE
from seedbank.regen import exit_code
from seedbank.regen.causes import Differences
from seedbank.regen.explain import explanation
from seedbank.regen.judge import Judgement, Tolerance, compare_traces, judge
from seedbank.regen.stages import stage_words

GREY = Pixels("RGB", 16, 16, bytes([100]) * 768)
TRACE = (("prompt", "a"), ("noise", "b"), ("step.000", "c"), ("pixels", "d"))


def shifted(by):
    return Pixels("RGB", 16, 16, bytes([100 + by]) * 768)


def verdict(present, recorded=GREY, tolerance=Tolerance(), traces=((), ())):  # noqa: B008
    same = recorded == present
    return judge("x", "x" if same else "y", recorded, present, traces, tolerance)


def test_equal_digests_are_exact():
    assert verdict(GREY).verdict == EXACT


def test_one_level_of_one_channel_is_close_and_two_are_different():
    assert verdict(shifted(1)).verdict == CLOSE
    assert verdict(shifted(2)).verdict == DIFFERENT
    assert verdict(shifted(2)).drift["max"] == 2
    assert verdict(shifted(2), tolerance=Tolerance.parse("2")).verdict == CLOSE


def test_another_size_is_different_without_figures():
    small = Pixels("RGB", 8, 8, bytes(192))
    assert verdict(small).verdict == DIFFERENT
    assert verdict(small).drift == {}


def test_without_the_recorded_bytes_nothing_is_called_close():
    assert judge("x", "y", None, shifted(1), ((), ()), Tolerance()).verdict == DIFFERENT


def test_the_trace_says_where_two_computations_part():
    assert compare_traces(TRACE, TRACE) == ("same", None)
    drifted = (*TRACE[:2], ("step.000", "other"), TRACE[3])
    assert compare_traces(TRACE, drifted) == ("differs", "step.000")
    assert compare_traces((), TRACE) == ("absent", None)
    assert compare_traces(TRACE[:3], TRACE) == ("differs", "pixels")


@pytest.mark.parametrize("text", ["", "nonsense", "max=-1", "mse=3", "psnr=", "300", "ssim=98", "phash=64", "2,3"])
def test_a_tolerance_that_makes_no_sense_is_refused(text):
    with pytest.raises(BadInput, match="tolerance"):
        Tolerance.parse(text)


def test_policies_hold_together():
    policy = Tolerance.parse("psnr=30,phash=4")
    assert policy.holds({"max": 90, "psnr": 31, "ssim": 0.1, "phash": 4})
    assert not policy.holds({"max": 0, "psnr": 29, "ssim": 1, "phash": 0})


def test_exact_says_that_you_can_go_on():
    assert explanation(Judgement(EXACT, "same"), Differences()) == {"line": "exact: you can go on from this image"}


def test_exact_with_another_computation_says_so():
    told = explanation(Judgement(EXACT, "differs", "vae.out"), Differences())
    assert told["line"] == "exact: the computation drifted from the VAE decoding on, the picture did not"
    assert told["grade"] == "unexplained"


def test_without_a_recorded_difference_the_cause_is_not_invented():
    told = explanation(Judgement(DIFFERENT, "absent"), Differences())
    assert told["line"] == "different: nothing recorded that could cause it differs — unexplained"
    assert (told["grade"], told["causes"]) == ("unexplained", [])


def test_close_and_unstable_have_lines_of_their_own():
    close = explanation(Judgement(CLOSE, "differs", "vae.out", {"max": 1.0}), Differences())
    assert close["line"].startswith("close: no eye sees it (at most 1 of 255) from the VAE decoding on")
    unstable = explanation(Judgement(UNSTABLE, "differs", "prompt", parting="step.000"), Differences())
    assert unstable["line"].startswith(
        "unstable: two renderings here disagree with each other from the first denoising step on"
    )


def test_stages_are_said_in_words():
    assert stage_words("step.002") == "denoising step 3"
    assert stage_words("input.mask_image") == "the decoding of the input mask_image"
    assert stage_words("noise") == "the initial noise"
    assert stage_words("encoded.000") == "the encoding of the input image"
    assert stage_words("step.000/transformer.layers.3") == "the first denoising step, in transformer.layers.3"


@pytest.mark.parametrize(
    ("verdicts", "accept", "code"),
    [
        ([], (), 0),
        (["exact", "exact"], (), 0),
        (["exact", "blocked"], (), 1),
        (["failed", "different", "exact"], (), 3),
        (["close"], (), 3),
        (["close"], ("close",), 0),
        (["unstable"], ("close",), 3),
    ],
)
def test_differing_wins_over_not_rebuilt_wins_over_exact(verdicts, accept, code):
    outcomes = [SimpleNamespace(regeneration=SimpleNamespace(verdict=verdict)) for verdict in verdicts]
    assert exit_code(outcomes, accept) == code


def test_what_does_not_come_back_is_to_be_kept():
    told = [explanation(Judgement(verdict, "absent"), Differences()) for verdict in (DIFFERENT, UNSTABLE, CLOSE)]
    assert ["Keep the PNG" in one.get("hint", "") for one in told] == [True, True, False]
    assert "hint" not in explanation(Judgement(DIFFERENT, "absent"), Differences(), ["threads=1"])
