"""The trash, and what a purge takes along."""

import pytest

from seedbank.errors import BadInput, NotFound
from seedbank.records import NewRegeneration, Output
from seedbank.store import Store
from seedbank.store.integrity import integrity
from seedbank.store.tables import metadata
from tests.store.examples import digest, new_entry, recipe


def counts(store: Store) -> dict[str, int]:
    """Rows per table, without the audit log."""
    with store.database.reading() as connection:
        return {
            name: connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar_one()
            for name in metadata.tables
            if name not in ("operations", "users", "tags")
        }


def test_the_trash_gives_back_what_it_was_given(store: Store):
    entry = store.add_entry(new_entry(1))
    store.tag([1], ["hero"])
    assert store.trash([1, 1]) == [1]
    assert store.trash([1]) == []
    assert store.entry(1).trashed is not None
    assert not store.find()
    assert store.restore([1]) == [1]
    assert store.restore([1]) == []
    assert store.entry(1).tags == ("hero",)
    assert store.entry(1).trashed == entry.trashed
    assert [operation.kind for operation in store.operations(limit=2)] == ["restore", "rm"]


def test_only_what_is_in_the_trash_can_be_purged(store: Store):
    store.add_entries([new_entry(1), new_entry(2)])
    store.trash([1])
    with pytest.raises(BadInput, match="Entry 2 is not in the trash"):
        store.purge([1, 2])
    assert store.count() == 1
    assert store.entry(1).trashed is not None


def test_a_purge_leaves_the_bank_as_if_the_entry_had_never_been(store: Store):
    store.add_entry(new_entry(1))
    before = counts(store)
    other = {"scheduler": {"class": "Other", "config": {}}}
    gone = store.add_entry(new_entry(2, recipe=recipe(2, **other), parents=((1, "variant-of"),)))
    store.tag([gone.id], ["hero"])
    store.rate([gone.id], 2)
    run = store.start_run("regen", {}, [gone.id])
    store.add_regeneration(NewRegeneration(gone.id, "exact", run=run.id, output=Output(trace_digest=digest("again"))))
    store.trash([gone.id])
    assert store.purge([gone.id]) == [gone.id]
    assert counts(store) == before | {"runs": 1}
    with pytest.raises(NotFound):
        store.entry(gone.id)
    operation = store.operations(limit=1)[0]
    assert (operation.kind, operation.details["entries"]) == ("purge", str(gone.id))
    assert operation.details["images"] == [digest("pixels", 2)]
    assert operation.details["recipes"] == [recipe(2, **other).digest]
    assert operation.details["files"] == [digest("file", 2)]
    assert operation.details["traces"] == sorted([digest("trace", 2), digest("again")])
    assert list(integrity(store)) == []


def test_a_purge_keeps_what_others_still_need(store: Store):
    first = store.add_entry(new_entry(1))
    again = store.add_entry(new_entry(1))
    store.rate([first.id], 4)
    store.trash([first.id])
    store.purge([first.id])
    kept = store.entry(again.id)
    assert (kept.rating, kept.recipe, kept.blob) == (4, first.recipe, first.blob)


def test_the_id_of_a_purged_entry_is_not_given_out_again(store: Store):
    store.add_entries([new_entry(1), new_entry(2)])
    store.trash([2])
    store.purge([2])
    assert store.add_entry(new_entry(3)).id == 3


def test_many_are_purged_at_once(store: Store):
    ids = store.add_entries(new_entry(number) for number in range(520))
    store.trash(ids[1:])
    assert store.purge(ids[1:]) == ids[1:]
    assert counts(store)["recipes"] == 1
