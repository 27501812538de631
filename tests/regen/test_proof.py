"""The search for a cause, on renderings that are made up: which causes are proven and which must not be."""

import pytest

from seedbank.regen.proof import LIMIT, Seen, prove, steps_to

RECORDED = Seen("recorded", (("step.000", "r"), ("pixels", "recorded")))


def world(effect):
    """A renderer in which `effect(changed)` names what comes out; nothing changed gives the record."""

    def render(changed):
        result = effect(changed)
        return RECORDED if result == "recorded" else result and Seen(result, (("step.000", result), ("pixels", result)))

    return render


def search(names, effect):
    render = world(effect)
    return prove(names, render, RECORDED, render(frozenset(names)))


def test_a_single_change_is_proven_both_ways():
    proof = search(["a", "b", "c"], lambda made: "other" if "b" in made else "recorded")
    assert proof.causes == ("b",)
    assert {trial.changed for trial in proof.trials if trial.restores} >= {(), ("a", "c")}
    assert any(trial.changed == ("b",) and trial.reproduces for trial in proof.trials)


def test_two_changes_that_only_work_together_are_proven_as_a_pair():
    proof = search(["a", "b", "c"], lambda made: "other" if {"a", "c"} <= made else "recorded")
    assert proof.causes == ("a", "c")


def test_two_changes_that_each_do_something_else_are_proven_as_a_pair():
    effects = {frozenset(): "recorded", frozenset("a"): "x", frozenset("b"): "y", frozenset("ab"): "xy"}
    assert search(["a", "b"], effects.__getitem__).causes == ("a", "b")


def test_either_of_two_that_do_the_same_is_no_cause_alone():
    proof = search(["a", "b"], lambda made: "other" if made else "recorded")
    assert proof.causes == ("a", "b")


def test_of_many_changes_the_smallest_set_is_found():
    proof = search(list("abcde"), lambda made: "other" if {"a", "c", "e"} <= made else "recorded")
    assert proof.causes == ("a", "c", "e")


def test_a_cause_that_nobody_told_of_is_never_blamed_on_a_change():
    """Something else is at work here whatever is put back."""
    proof = search(["a"], lambda made: "other with a" if made else "other")
    assert proof.causes == ()
    assert "something else" in proof.note


def test_a_rendering_that_cannot_be_repeated_proves_nothing():
    seen = []

    def render(changed):
        seen.append(changed)
        return RECORDED if not changed else Seen(f"random {len(seen)}")

    proof = prove(["a"], render, RECORDED, Seen("random 0"))
    assert proof.causes == ()


def test_equal_pixels_with_another_trace_do_not_restore_the_record():
    drifted = Seen("recorded", (("step.000", "drifted"), ("pixels", "recorded")))
    proof = prove(["a"], lambda made: drifted, RECORDED, drifted)
    assert proof.causes == ()
    assert proof.trials[0].first_difference == "step.000"


def test_what_cannot_be_tried_proves_nothing():
    assert prove(["a"], lambda made: None, RECORDED, Seen("other")).causes == ()
    assert prove([], lambda made: RECORDED, RECORDED, Seen("other")).trials == ()


@pytest.mark.parametrize("count", [12])
def test_the_search_ends(count):
    calls = []

    def effect(made):
        calls.append(made)
        return "other" if len(made) >= 6 else "recorded"

    names = [str(number) for number in range(count)]
    proof = search(names, effect)
    assert proof.causes == () and str(LIMIT) in proof.note
    assert len(calls) <= LIMIT + 1


@pytest.mark.parametrize("guilty", ["a", "b"])
def test_the_beginning_alone_never_stands_for_the_whole(guilty):
    """What was begun to undo the one is rendered whole when it is made alone."""
    render = world(lambda made: "other" if guilty in made else "recorded")
    begin = lambda made: (("step.000", "other" if guilty in made else "r"),)  # noqa: E731
    assert prove(["a", "b"], render, RECORDED, render(frozenset("ab")), begin).causes == (guilty,)


def test_a_rerun_that_differs_at_the_beginning_is_not_rendered_to_its_end():
    rendered = []

    def effect(made):
        rendered.append(made)
        return "other" if "b" in made else "recorded"

    render = world(effect)
    begin = lambda made: (("step.000", "other" if "b" in made else "r"),)  # noqa: E731
    proof = prove(["a", "b", "c"], render, RECORDED, render(frozenset("abc")), begin)
    assert proof.causes == ("b",)
    assert frozenset("bc") not in rendered and frozenset("a") | frozenset("c") in rendered


@pytest.mark.parametrize(
    ("stage", "total", "steps"),
    [
        ("prompt", 8, 1),
        ("step.000", 2, 1),
        ("step.003", 8, 4),
        ("step.004", 8, None),
        ("vae.out", 8, None),
        ("prompt", 1, None),
    ],
)
def test_only_the_beginning_is_rendered_where_that_saves_half(stage, total, steps):
    assert steps_to(stage, total) == steps
