"""The cells of a sweep in the bank: found by content, told when they fail, counted as the run's own or as others'."""

from __future__ import annotations

from seedbank.frozen import replace
from seedbank.store import Store, cells
from tests.store.examples import new_entry

SPECIFICATION = {"axes": ["seed=1..5"], "cells": 5}


def test_cells_are_found_by_recipe_in_an_environment(store: Store):
    whole = new_entry(1)
    assert whole.recipe is not None and whole.environment is not None
    store.add_entries([whole, new_entry(2), replace(new_entry(1), blob=None), replace(new_entry(1), obstacles=("fused",))])
    digest = whole.recipe.digest
    assert cells.rendered(store, [digest, "0" * 64]) == {digest: [cells.Rendered(1, whole.environment.digest, None)]}
    store.trash([1])
    assert cells.rendered(store, [digest]) == {}


def test_a_sweep_counts_what_it_made_and_what_it_found(store: Store):
    store.add_entries([new_entry(1), new_entry(2)])
    run = store.start_run("sweep", SPECIFICATION, [])
    assert (run.total, run.done) == (5, 0)
    store.add_entries([replace(new_entry(number), run=run.id) for number in (3, 4)])
    cells.reuse(store, run.id, [1, 2])
    cells.reuse(store, run.id, [2])
    assert cells.reused(store, run.id) == {1, 2}
    assert (store.run(run.id).total, store.run(run.id).done) == (5, 4)


def test_the_last_failure_of_a_cell_is_remembered(store: Store):
    first, second = (store.start_run("sweep", SPECIFICATION | {"tags": [name]}, []).id for name in "ab")
    for message in ("out of memory", "another reason"):
        cells.tell_failure(store, first, 3, message)
    cells.tell_failure(store, second, 1, "too")
    assert cells.failures(store, first) == {3: "another reason"}
    assert [operation.kind for operation in store.operations(limit=1)] == [cells.FAILED]


def test_a_recipe_that_grew_while_it_was_rendered_is_found_under_its_planned_digest(store: Store):
    run = store.start_run("sweep", SPECIFICATION, [])
    store.add_entries(
        [replace(new_entry(1), run=run.id, details={cells.PLANNED: "ab" * 32}), replace(new_entry(2), run=run.id)]
    )
    assert cells.renamed(store, run.id) == {"ab" * 32: 1}
