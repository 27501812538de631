"""Numbers, likenesses and families, the same on both databases."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from seedbank.errors import BadInput, NotFound
from seedbank.records import Blob, Duplicates, Edge, NewEntry, NewRegeneration, Picture
from seedbank.store import Store, facets
from tests.store.examples import digest, model


def entry(number: int, phash: str | None = None, **changes: object) -> NewEntry:
    blob = Blob(digest("file", number), 1000 * number, "image/png")
    values = {"picture": Picture(digest("pixels", number), "RGB", 8, 8, phash), "blob": blob, "origin": "added"}
    return NewEntry(**values | changes)  # type: ignore[arg-type]


# -- copies -----------------------------------------------------------------------------------------------------------


def test_new_pictures_are_held_against_those_of_which_something_was_said(store: Store):
    looks = ["0" * 16, "f" * 16, "0" * 15 + "7", "0" * 15 + "1", "f" * 16, "0" * 14 + "ff", None]
    store.add_entries([entry(number, phash) for number, phash in enumerate(looks, 1)])
    store.add_entry(entry(1, "0" * 16))  # 8: the same picture as 1, which needs no offer
    store.tag([1, 5], ["poster"])
    store.rate([3], 4)
    assert store.curation.copies([2, 4, 5, 6, 7, 8], 4) == [(4, 1, 1)], "5 is new itself, 6 is too far away"
    assert store.curation.copies([2], 4) == [(2, 5, 0)]
    store.trash([1])
    assert store.curation.copies([4], 4) == [(4, 8, 1)]
    store.trash([8])
    assert store.curation.copies([4], 4) == [(4, 3, 2)]
    assert store.curation.copies([], 4) == []


def test_only_pictures_that_have_something_to_adopt_are_offered(store: Store):
    store.add_entries([entry(number, "0" * 15 + str(number)) for number in (1, 2)])
    store.rate([1], 4, user="bob")
    store.favourite([1])
    assert store.curation.copies([2], 4) == [(2, 1, 2)]
    store.favourite([1], on=False)
    assert store.curation.copies([2], 4) == [], "nothing is said any more, and another's rating is not taken over"


# -- numbers ----------------------------------------------------------------------------------------------------------


def test_numbers_count_live_entries_and_the_files_of_all(store: Store):
    store.add_entries([entry(1, model=model("z")), entry(2, model=model("z")), entry(3, model=model("a")), entry(4), entry(5)])
    store.tag([1, 2, 5], ["poster"])
    store.tag([1], ["hero"])
    store.add_regeneration(NewRegeneration(1, "exact"))
    store.trash([2])
    found = store.curation.stats()
    assert (found.entries, found.in_trash, found.files, found.bytes, found.about) == (4, 1, 5, 15_000, frozenset())
    assert found.by["model"] == (("none", 2), ("a", 1), ("z", 1))
    assert found.by["tag"] == (("poster", 3), ("hero", 1))
    assert found.by["verdict"] == (("none", 3), ("exact", 1))
    assert found.by["month"] == ((f"{datetime.now(UTC):%Y-%m}", 4),)


def test_numbers_of_some_entries_are_theirs_alone(store: Store):
    store.add_entries([entry(1, model=model("z")), entry(2, model=model("z")), entry(3)])
    store.tag([1], ["poster"])
    found = store.curation.stats([1, 3])
    assert (found.entries, found.files, found.bytes) == (2, 2, 4000)
    assert found.by["model"] == (("none", 1), ("z", 1))
    assert found.by["tag"] == (("poster", 1),)


def test_an_empty_bank_has_numbers_too(store: Store):
    found = store.curation.stats()
    assert (found.entries, found.files, found.bytes, found.by["month"]) == (0, 0, 0, ())


def test_months_are_counted_across_the_year(store: Store, monkeypatch: pytest.MonkeyPatch):
    from seedbank.store import writing

    for number, when in enumerate((datetime(2025, 12, 31, 23, 59, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)), 1):
        monkeypatch.setattr(writing, "datetime", type("Then", (), {"now": lambda zone, when=when: when}))
        store.add_entry(entry(number))
    assert store.curation.stats().by["month"] == (("2025-12", 1), ("2026-01", 1))


def test_the_size_of_very_many_files_is_estimated_and_said_to_be(store: Store, monkeypatch: pytest.MonkeyPatch):
    store.add_entries(entry(number) for number in range(1, 301))
    monkeypatch.setattr(facets, "SCANNED", 100)
    monkeypatch.setattr(facets, "SAMPLED", 100)
    found = store.curation.stats()
    assert found.about == {"files", "bytes"}
    assert found.files == 300
    assert found.bytes == pytest.approx(1000 * 300 * 301 / 2, rel=0.05)


# -- likenesses -------------------------------------------------------------------------------------------------------


def test_pictures_that_look_alike_are_found_exactly_the_nearest_first(store: Store):
    store.add_entries(
        [
            entry(1, "8000000000000001"),
            entry(2, "8000000000000003"),
            entry(3, "0000000000000001"),
            entry(4, "80000000000000ff"),
            entry(5),
            entry(6, "8000000000000001"),
        ]
    )
    found = store.curation.alike("8000000000000001", 2)
    assert found == [(1, 0), (6, 0), (2, 1), (3, 1)]
    assert store.curation.alike("8000000000000001", 7, but=digest("pixels", 1)) == [(6, 0), (2, 1), (3, 1), (4, 7)]
    store.trash([2])
    assert (2, 1) not in store.curation.alike("8000000000000001", 2)


def test_duplicates_are_the_same_pictures_then_those_that_look_alike(store: Store):
    store.add_entries(
        [
            entry(1, "8000000000000001"),
            entry(1, "8000000000000001"),
            entry(2, "8000000000000003"),
            entry(3, "8000000000000007"),
            entry(4, "7fffffffffffffff"),
            entry(4, "7fffffffffffffff"),
        ]
    )
    exact = [Duplicates("exact", (1, 2), 0), Duplicates("exact", (5, 6), 0)]
    assert store.curation.duplicates(None) == exact
    assert store.curation.duplicates(1) == [*exact, Duplicates("alike", (1, 2, 3, 4), 2)]
    assert store.curation.duplicates(1, [3, 4, 5]) == [Duplicates("alike", (3, 4), 1)]
    store.trash([2, 3])
    assert store.curation.duplicates(1) == [Duplicates("exact", (5, 6), 0), Duplicates("alike", (1, 4), 2)]


@pytest.mark.parametrize("distance", [-1, 17])
def test_a_distance_at_which_nothing_is_alike_is_refused(store: Store, distance: int):
    with pytest.raises(BadInput, match="Use 0 to 16"):
        store.curation.duplicates(distance)


# -- families ---------------------------------------------------------------------------------------------------------


def test_a_family_is_all_ancestors_and_descendants_and_no_cousins(store: Store):
    store.add_entry(entry(1))
    store.add_entry(entry(2, parents=((1, "variant-of"),)))
    store.add_entry(entry(3, parents=((1, "variant-of"),)))
    store.add_entry(entry(4, parents=((2, "blended-from"), (3, "blended-from"))))
    store.add_entry(entry(5, parents=((4, "variant-of"),)))
    edges, cut = store.curation.family(2, 100)
    assert sorted((edge.parent, edge.child) for edge in edges) == [(1, 2), (2, 4), (4, 5)]
    assert not cut
    assert len(store.curation.family(4, 100)[0]) == 5
    assert store.curation.family(1, 2) == ([Edge(2, 1, "variant-of"), Edge(3, 1, "variant-of")], True)
    with pytest.raises(NotFound):
        store.curation.family(99, 10)
