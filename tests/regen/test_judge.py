"""Verdicts as pure functions of digests and pixels."""

from types import SimpleNamespace

import pytest

from seedbank.bank import Pixels
from seedbank.environment import Environment
from seedbank.errors import BadInput
from seedbank.records import CLOSE, DIFFERENT, EXACT, UNSTABLE
from seedbank.regen import exit_code
from seedbank.regen.explain import causes_between, explanation, stage_words
from seedbank.regen.judge import Judgement, Tolerance, compare_traces, judge

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


@pytest.mark.parametrize("text", ["", "nonsense", "max=-1", "mse=3", "psnr="])
def test_a_tolerance_that_makes_no_sense_is_refused(text):
    with pytest.raises(BadInput, match="tolerance"):
        Tolerance.parse(text)


def test_policies_hold_together():
    policy = Tolerance.parse("psnr=30,phash=4")
    assert policy.holds({"max": 90, "psnr": 31, "ssim": 0.1, "phash": 4})
    assert not policy.holds({"max": 0, "psnr": 29, "ssim": 1, "phash": 0})


def environment(torch="2.13.0", threads=2, record="r1"):
    return Environment(
        {
            "distributions": {"torch": {"version": torch, "record": record}, "zipp": {"version": "4", "record": "z"}},
            "profile": {"threads": threads},
        }
    )


def test_the_line_for_a_designer_names_what_differs_the_likeliest_first():
    causes = causes_between(environment(), environment("2.14.0", threads=1, record="r2"))
    told = explanation(Judgement(DIFFERENT, "differs", "step.000", {"max": 90}), causes)
    assert (
        told["line"]
        == "different from the first denoising step on: keep the PNG; what differs: torch 2.13.0 to 2.14.0, threads 2 to 1"
    )
    assert (told["grade"], told["stage"]) == ("suspect", "step.000")


def test_the_same_version_built_otherwise_is_a_cause_too():
    assert [cause["name"] for cause in causes_between(environment(), environment(record="own build"))] == ["torch.record"]


def test_exact_says_that_you_can_go_on():
    assert explanation(Judgement(EXACT, "same"), [])["line"] == "exact: you can go on from this image"


def test_exact_with_another_computation_says_so():
    told = explanation(Judgement(EXACT, "differs", "vae.out"), [])
    assert told["line"] == "exact: the computation drifted from the VAE decoding on, the picture did not"


def test_without_a_recorded_difference_the_cause_is_not_invented():
    told = explanation(Judgement(DIFFERENT, "absent"), [])
    assert told["grade"] == "unexplained"
    assert "not known" in told["line"]


def test_unstable_and_close_have_lines_of_their_own():
    assert explanation(Judgement(UNSTABLE), [])["line"].startswith("unstable: two renderings here disagree")
    assert explanation(Judgement(CLOSE, drift={"max": 1.0}), [])["line"].startswith("close: no eye sees it (at most 1 of 255)")


def test_stages_are_said_in_words():
    assert stage_words("step.002") == "denoising step 3"
    assert stage_words("noise") == "the initial noise"


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
