"""Undo against snapshots: whatever was done, going back step by step passes through every state that there was."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seedbank.records import NewEntry, Picture
from seedbank.store import Store
from tests.store.examples import digest

PICTURES = 3
some = st.lists(st.integers(1, PICTURES), min_size=1, max_size=PICTURES, unique=True)
edits = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["tag", "untag"]), some, st.sampled_from(["a", "b", "c"])),
        st.tuples(st.just("favourite"), some, st.booleans()),
        st.tuples(st.just("rate"), some, st.none() | st.integers(0, 5)),
        st.tuples(st.just("note"), some, st.sampled_from(["", "one", "two"])),
        st.tuples(st.sampled_from(["collect", "take_out", "move"]), some, st.just(None)),
        st.tuples(st.sampled_from(["rename", "merge"]), st.just([1]), st.sampled_from([("a", "b"), ("b", "c"), ("a", "d")])),
    ),
    max_size=8,
)


def state(store: Store) -> Any:
    """All that is said of the three pictures; the empty names of tags do not count."""
    entries = store.entries(range(1, PICTURES + 1))
    said = [(entry.tags, entry.favourite, entry.rating, entry.notes) for entry in entries]
    return said, store.curation.entries_in("c")


def act(store: Store, edit: tuple[str, list[int], Any]) -> None:
    kind, ids, value = edit
    names = {tag.name for tag in store.curation.tags()}
    held = set(store.curation.entries_in("c"))
    match kind:
        case "tag" | "untag":
            getattr(store, kind)(ids, [value])
        case "favourite" | "rate" | "note":
            getattr(store, kind)(ids, value)
        case "collect" | "take_out":
            getattr(store.curation, kind)("c", ids)
        case "move" if held.issuperset(ids):
            store.curation.move("c", ids)
        case "rename" if value[0] in names and value[1] not in names:
            store.curation.rename_tag(*value)
        case "merge" if value[0] in names:
            store.curation.merge_tags(*value)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=edits)
def test_going_back_passes_through_every_state_and_forth_again(store: Store, steps: list[tuple[str, list[int], Any]]):
    if store.count() == 0:
        store.add_entries(
            NewEntry(picture=Picture(digest("pixels", number), "RGB", 8, 8), origin="added") for number in range(PICTURES)
        )
        store.curation.create_collection("c")
    states, done = [state(store)], []
    for step in steps:
        before = store.operations(limit=1)[0].id
        act(store, step)
        if store.operations(limit=1)[0].id != before:
            states.append(state(store))
            done.append(store.operations(limit=1)[0].id)
    undoing = []
    for operation, expected in zip(reversed(done), reversed(states[:-1]), strict=True):
        undone = store.curation.undo()
        assert (undone.operation.id, undone.kept) == (operation, ())
        assert state(store) == expected
        undoing.append(undone.undo)
    for operation, expected in zip(reversed(undoing), states[1:], strict=True):
        assert store.curation.undo(operation).kept == ()
        assert state(store) == expected
    for _ in done:
        store.curation.undo()
    assert state(store) == states[0]
