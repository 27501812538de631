"""The perceptual hashes that a process keeps: read in pieces, and never those of a picture that is gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from seedbank.query import parse
from seedbank.records import Picture
from seedbank.store import Store, hashes
from tests.store.examples import digest, new_entry


def picture(number: int, phash: str | None) -> Picture:
    return Picture(digest("looks", number), "RGB", 8, 8, phash)


def alike(store: Store, number: int) -> list[int]:
    return store._finder.page_ids(parse(f"like:{number}~0"), 20)


@pytest.fixture
def store(tmp_path: Path):
    with Store.create(str(tmp_path / "bank.db"), user="ann") as made:
        yield made


def test_hashes_are_read_in_pieces_and_new_ones_are_added(store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(hashes, "AT_ONCE", 3)
    for number in range(1, 11):
        store.add_entry(new_entry(number, picture=picture(number, "00" * 8 if number % 3 else "ff" * 8)))
    assert alike(store, 3) == [9, 6, 3]
    store.add_entry(new_entry(12, picture=picture(12, "ff" * 8)))
    assert alike(store, 3) == [11, 9, 6, 3]


def test_what_was_read_stays_when_a_query_is_stopped(store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(hashes, "AT_ONCE", 2)
    for number in range(1, 8):
        store.add_entry(new_entry(number, picture=picture(number, "0f" * 8)))
    asked: list[tuple[int, int]] = []
    read = hashes._read

    def stopped(connection, after, upto):
        asked.append((after, upto))
        if len(asked) == 3:
            raise TimeoutError
        return read(connection, after, upto)

    monkeypatch.setattr(hashes, "_read", stopped)
    with pytest.raises(TimeoutError):
        alike(store, 1)
    assert alike(store, 1) == [7, 6, 5, 4, 3, 2, 1]
    assert asked == [(0, 2), (2, 4), (4, 6), (4, 6), (6, 7)]


def test_the_id_of_a_purged_picture_that_is_given_again_stands_for_the_new_one(store: Store):
    for number in (1, 2):
        store.add_entry(new_entry(number, picture=picture(number, "0f" * 8)))
    assert alike(store, 1) == [2, 1]
    store.trash([2])
    store.purge([2])
    store.add_entry(new_entry(3, picture=picture(3, "f0" * 8)))
    assert alike(store, 1) == [1]


def test_after_a_purge_as_many_of_the_last_pictures_are_read_as_were_purged(store: Store, monkeypatch: pytest.MonkeyPatch):
    for number in range(1, 9):
        store.add_entry(new_entry(number, picture=picture(number, "0f" * 8 if number != 4 else None)))
    assert alike(store, 1) == [8, 7, 6, 5, 3, 2, 1]
    asked: list[tuple[int, int]] = []
    read = hashes._read
    monkeypatch.setattr(hashes, "_read", lambda connection, *ids: (asked.append(ids), read(connection, *ids))[1])
    store.trash([3])
    assert (alike(store, 1), asked) == ([8, 7, 6, 5, 2, 1], []), "nothing was purged"
    store.purge([3])
    assert (alike(store, 1), asked) == ([8, 7, 6, 5, 2, 1], [(7, 8)])
    asked.clear()
    store.trash([7, 8])
    store.purge([7, 8])
    for number in (9, 10, 11):
        store.add_entry(new_entry(number, picture=picture(number, "0f" * 8 if number == 11 else "f0" * 8)))
    assert (alike(store, 1), asked) == ([11, 6, 5, 2, 1], [(5, 9)]), "three were purged; SQLite gave 7 and 8 again"
    asked.clear()
    store.trash([5, 6, 9, 10, 11])
    store.purge([5, 6, 9, 10, 11])
    assert (alike(store, 1), asked) == ([2, 1], [(0, 4)]), "more were purged than are known"
    store.add_entry(new_entry(12, picture=picture(12, "0f" * 8)))
    assert alike(store, 1) == [12, 2, 1]


def test_when_none_of_the_pictures_is_there_that_were_last_all_are_read_anew(store: Store):
    for number in (1, 2, 3):
        store.add_entry(new_entry(number, picture=picture(number, "0f" * 8)))
    assert alike(store, 1) == [3, 2, 1]
    store.trash([1, 2, 3])
    store.purge([1, 2, 3])
    for number, phash in ((4, "f0" * 8), (5, "0f" * 8), (6, "f0" * 8)):
        store.add_entry(new_entry(number, picture=picture(number, phash)))
    assert alike(store, 5) == [5]


def test_pictures_that_come_again_behind_another_one_are_not_taken_for_those_before(store: Store):
    """As when a folder is imported, purged, and imported again after its first picture was changed."""
    store.add_entries(new_entry(number, picture=picture(number, "0f" * 8)) for number in range(1, 3))
    again = [new_entry(number, picture=picture(number, "0f" * 8 if number == 3 else "f0" * 8)) for number in range(3, 153)]
    store.add_entries(again)
    assert alike(store, 1) == [3, 2, 1]
    store.trash(range(3, 153))
    store.purge(range(3, 153))
    store.add_entries([new_entry(200, picture=picture(200, "f0" * 8)), *again[1:]])
    assert alike(store, 1) == [2, 1]
    assert alike(store, 153)[0] == 302
