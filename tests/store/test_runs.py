"""Durable runs and the regenerations they insert."""

import math

import pytest

from seedbank.errors import BadInput, NotFound
from seedbank.records import TRACE_TYPE, Blob, NewRegeneration, Output, Picture
from seedbank.store import Store
from tests.store.examples import digest, environment, new_entry


@pytest.fixture
def five(store: Store) -> Store:
    """A bank with five entries."""
    store.add_entries(new_entry(number) for number in range(1, 6))
    return store


def test_a_regeneration_comes_back_as_it_was_given(five: Store):
    new = NewRegeneration(
        entry=2,
        verdict="different",
        environment=environment("2.14.0"),
        picture=Picture(digest("new"), "RGB", 128, 128),
        blob=Blob(digest("new file"), 10, "image/png"),
        output=Output(trace=Blob(digest("t"), 5, TRACE_TYPE), trace_digest=digest("t"), seconds={"all": 1.5}),
        trace="differs",
        first_difference="step.003",
        drift={"max": 12, "psnr": math.inf, "ssim": 0.99, "phash": 2},
        explanation={"line": "different: keep the PNG", "causes": [{"name": "torch"}]},
        evidence={"expected": digest("pixels", 2)},
    )
    made = five.add_regeneration(new, user="bob")
    for name in ("entry", "verdict", "experiment", "run", "picture", "blob", "output", "trace", "first_difference", "drift"):
        assert getattr(made, name) == getattr(new, name), name
    assert (made.user, made.environment_digest) == ("bob", environment("2.14.0").digest)
    assert (made.explanation, made.evidence) == (new.explanation, new.evidence)
    assert five.regenerations(2) == [made]
    assert {digest("new file"), digest("t")} <= {file.digest for file in five.blobs()}


def test_the_verdict_of_an_entry_is_that_of_its_latest_regeneration_that_was_no_experiment(five: Store):
    assert five.entry(1).verdict is None
    seen = []
    for verdict, experiment in (("different", False), ("exact", False), ("failed", True)):
        five.add_regeneration(NewRegeneration(1, verdict, experiment))
        seen.append(five.entry(1).verdict)
    assert seen == ["different", "exact", "exact"]


def test_starting_a_run_again_resumes_it(five: Store):
    run = five.start_run("regen", {"tolerance": 1}, [3, 1, 2, 3])
    assert (run.total, run.done, five.pending(run)) == (3, 0, [1, 2, 3])
    five.add_regeneration(NewRegeneration(2, "exact", run=run.id))
    again = five.start_run("regen", {"tolerance": 1}, [1, 2, 3], user="bob")
    assert (again.id, again.user, again.done, five.pending(again)) == (run.id, "ann", 1, [1, 3])
    assert five.run_verdicts(run.id) == {1: None, 2: "exact", 3: None}
    others = [five.start_run("regen", {"tolerance": 2}, [1, 2, 3]), five.start_run("regen", {"tolerance": 1}, [1, 2])]
    assert len({run.id, *(other.id for other in others)}) == 3
    assert [one.id for one in five.runs()] == [3, 2, 1]


def test_a_name_stands_for_one_piece_of_work(five: Store):
    run = five.start_run("regen", {"tolerance": 1}, [1, 2], name="torch-2.14")
    assert five.run("torch-2.14") == five.run(run.id) == five.run(str(run.id)) == run
    assert five.start_run("regen", {"tolerance": 1}, [1, 2, 3], name="torch-2.14") == run
    with pytest.raises(BadInput, match="name of a run is empty"):
        five.start_run("regen", {"tolerance": 1}, [1], name=" ")
    with pytest.raises(BadInput, match="something else"):
        five.start_run("regen", {"tolerance": 2}, [1, 2], name="torch-2.14")
    for which in ("nothing", 99, 2**70):
        with pytest.raises(NotFound, match="There is no run"):
            five.run(which)


def test_the_second_attempt_in_a_run_changes_nothing(five: Store):
    run = five.start_run("regen", {}, [1])
    first = five.add_regeneration(NewRegeneration(1, "exact", run=run.id))
    assert five.add_regeneration(NewRegeneration(1, "failed", run=run.id)) == first
    assert five.entry(1).verdict == "exact"
    assert five.regenerations(1) == [first]


def test_a_run_over_unknown_entries_is_refused(five: Store):
    with pytest.raises(NotFound, match="entry 9 "):
        five.start_run("regen", {}, [1, 9])
    with pytest.raises(NotFound):
        five.add_regeneration(NewRegeneration(9, "exact"))
    with pytest.raises(BadInput, match="no verdict"):
        five.add_regeneration(NewRegeneration(1, "good"))
    assert five.runs() == []


def test_a_run_of_an_older_seedbank_goes_on_where_only_options_that_it_did_not_know_are_new(five: Store):
    known = {"tolerance": {"max": 0}, "model": None}
    begun = five.start_run("regen", known, [1, 2], name="nightly")
    later = {**known, "prove": False, "changes": {}, "env": None, "find_links": ()}
    assert five.start_run("regen", later, [1, 2], name="nightly").id == begun.id
    for other in ({**later, "prove": True}, {**later, "tolerance": {"max": None}}):
        with pytest.raises(BadInput, match="does something else"):
            five.start_run("regen", other, [1, 2], name="nightly")
