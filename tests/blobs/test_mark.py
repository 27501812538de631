"""Whose an image store is: what the file in it says, who is refused, and what older banks get."""

from __future__ import annotations

import errno
import itertools
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from seedbank.blobs import Blobs
from seedbank.blobs.base import MARK
from seedbank.blobs.mark import Owner, admit, claim, objection, owners, require_alone, require_free
from seedbank.errors import BadInput, StorageError
from seedbank.testing import PICTURE

numbers = itertools.count()


def owner(number: int, files: Iterable[str] = (), place: str = "") -> Owner:
    return Owner(f"0199{number:04x}-0000-7000-8000-000000000000", place or f"/home/ann/{number}.db", lambda: files)


def opened(blobs: Blobs, bank: Owner) -> Blobs:
    """The same store, as this bank opens it."""
    again = Blobs.open(blobs.url)
    again.guard = lambda store: admit(store, bank)
    return again


ANN, BOB = owner(1), owner(2)


@pytest.fixture(params=["folder", "memory"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    return Blobs.open(tmp_path / "images" if request.param == "folder" else f"memory://mark-{next(numbers)}", create=True)


def test_a_store_is_the_banks_that_came_first_and_takes_nothing_of_another(blobs: Blobs):
    digest = opened(blobs, ANN).put(PICTURE, "image/png").digest
    other = opened(blobs, BOB)
    changes = (
        lambda: other.put(b"another", "image/png"),
        lambda: other.put_file(Path(__file__), "0" * 64, "text/x-python"),
        lambda: other.renew([digest]),
        lambda: other.remove(digest),
        *([other.staging, lambda: other.adopt({}), lambda: other.remove_leftover("x")] if blobs.path(digest) else []),
    )
    for change in changes:
        with pytest.raises(StorageError) as caught:
            change()
        assert f"belongs to the bank {ANN.uid} ({ANN.place}), and not to this one, {BOB.uid}." in caught.value.message
        assert caught.value.hint.startswith("Is another disk mounted there?")
    assert [item.name for item in other.list()] == [digest]
    assert other.get(digest) == PICTURE, "reading asks nobody"
    assert list(owners(blobs) or ()) == [ANN.uid]


def test_whose_a_store_is_is_asked_once(blobs: Blobs):
    asked: list[Blobs] = []
    blobs.guard = asked.append
    for number in range(3):
        blobs.put(bytes([number]), "image/png")
    assert asked == [blobs]


@pytest.mark.parametrize(("here", "of", "taken"), [(1, 1, True), (0, 1, False), (2, 4, True), (1, 4, False), (20, 1000, True)])
def test_a_store_that_names_nobody_is_the_banks_that_has_its_files_there(blobs: Blobs, here: int, of: int, taken: bool):
    there = [blobs.put(bytes([number]), "image/png").digest for number in range(here)]
    blobs.put(b"of nobody", "image/png")
    bank = owner(3, there + [f"{number:064x}" for number in range(of - here)])
    if taken:
        assert objection(blobs, bank) is None
        assert owners(blobs) is None, "asking writes nothing"
        opened(blobs, bank).put(PICTURE, "image/png")
        assert owners(blobs) == {bank.uid: bank.place}
        return
    with pytest.raises(StorageError, match=f"does not say whose it is, and has {here} of {of} files of this bank") as caught:
        opened(blobs, bank).put(PICTURE, "image/png")
    assert caught.value.hint.endswith(": seedbank db claim")
    claim(blobs, bank)
    opened(blobs, bank).put(PICTURE, "image/png")


def test_a_bank_without_files_gets_a_store_without_files_only(blobs: Blobs):
    stray = blobs.put(PICTURE, "image/png").digest
    with pytest.raises(StorageError, match="has files already, and this bank has none"):
        opened(blobs, ANN).put(b"another", "image/png")
    blobs.remove(stray)
    opened(blobs, ANN).put(b"another", "image/png")


@pytest.mark.parametrize("there", [[], ["lost+found"]])
def test_a_file_system_of_its_own_in_the_place_of_a_store_takes_nothing(tmp_path: Path, there: list[str]):
    for name in (".", *there):
        (tmp_path / "images" / name).mkdir()
    blobs = Blobs.open(tmp_path / "images")
    with pytest.raises(StorageError, match=r"0 of 1 files|an empty folder"):
        opened(blobs, owner(1, ["0" * 64])).put(PICTURE, "image/png")
    assert os.listdir(tmp_path / "images") == there


def test_a_mark_that_names_nobody_is_damage_and_not_leave_to_write(blobs: Blobs):
    blobs.write_mark(b"")
    with pytest.raises(StorageError, match=rf"{MARK} is damaged: it names no bank"):
        opened(blobs, ANN).put(PICTURE, "image/png")
    with pytest.raises(StorageError, match="is damaged"):
        claim(blobs, ANN)


@pytest.mark.parametrize(
    "line",
    [
        f"bank {ANN.uid} /home/ann/1.db\r\n",
        f"bank {ANN.uid}\r\n",
        f"\ufeffbank {ANN.uid.upper()}\n",
        f"  Bank\t{ANN.uid}  /home/ann/1.db  ",
    ],
)
def test_a_mark_is_read_as_editors_leave_it(blobs: Blobs, line: str):
    blobs.write_mark(f"{line}bank {BOB.uid}".encode() if line.endswith("\n") else line.encode())
    assert (owners(blobs) or {})[ANN.uid] in ("", ANN.place)
    opened(blobs, ANN).put(PICTURE, "image/png")
    if line.endswith("\n"):
        with pytest.raises(StorageError, match="is shared with"):
            require_alone(blobs, ANN)


def test_a_mark_that_is_a_link_to_nowhere_is_not_called_another_banks(tmp_path: Path):
    blobs = Blobs.open(tmp_path / "images", create=True)
    (tmp_path / "images" / MARK).symlink_to(tmp_path / "gone" / MARK)
    with pytest.raises(StorageError, match="was written and is not there") as caught:
        claim(blobs, ANN)
    assert "link" in caught.value.hint


def test_where_only_the_mark_cannot_be_written_recording_goes_on(blobs: Blobs, monkeypatch: pytest.MonkeyPatch):
    def refused(*_: object, **__: object) -> None:
        raise StorageError("Access is denied.")

    store = opened(blobs, ANN)
    monkeypatch.setattr(type(store), "write_mark", refused)
    assert store.get(store.put(PICTURE, "image/png").digest) == PICTURE
    assert owners(blobs) is None
    with pytest.raises(StorageError, match="denied"):
        claim(blobs, ANN)


def test_banks_that_share_a_store_on_purpose_both_write_and_neither_removes(blobs: Blobs):
    assert claim(blobs, ANN) == {} == claim(blobs, ANN)
    with pytest.raises(StorageError, match="belongs to") as caught:
        claim(blobs, BOB)
    assert caught.value.hint.endswith(": seedbank db claim --share")
    require_alone(blobs, ANN)
    assert claim(blobs, BOB, share=True) == {ANN.uid: ANN.place}
    for bank in (ANN, BOB):
        opened(blobs, bank).put(PICTURE, "image/png")
        with pytest.raises(StorageError, match="is shared with") as caught:
            require_alone(blobs, bank)
        assert f"take its line out of {blobs.url}/{MARK}" in caught.value.hint
    text = (blobs.mark() or b"").decode()
    blobs.write_mark("".join(line for line in text.splitlines(True) if ANN.uid not in line).encode(), replace=True)
    require_alone(blobs, BOB)


def test_a_new_bank_comes_into_no_store_of_another(blobs: Blobs):
    require_free(blobs)
    blobs.put(PICTURE, "image/png")
    with pytest.raises(BadInput, match="has files of an image store already, and does not say whose they are"):
        require_free(blobs)
    claim(blobs, ANN)
    with pytest.raises(BadInput, match=f"is the image store of the bank {ANN.uid}"):
        require_free(blobs)


def test_of_many_banks_at_the_same_moment_one_comes_first(blobs: Blobs):
    def come(number: int) -> bool:
        try:
            claim(Blobs.open(blobs.url), owner(number))
        except StorageError:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(come, range(16))) == 1
    assert len(owners(blobs) or {}) == 1
    assert list(blobs.leftovers()) == []


def test_many_who_record_into_one_bank_at_the_same_moment_are_all_admitted(blobs: Blobs):
    with ThreadPoolExecutor(8) as threads:
        for digest in threads.map(lambda number: opened(blobs, ANN).put(bytes([number]), "image/png").digest, range(40)):
            assert blobs.has(digest)
    assert owners(blobs) == {ANN.uid: ANN.place}


def test_whoever_finds_that_another_bank_was_faster_by_a_moment_stores_nothing(blobs: Blobs, monkeypatch: pytest.MonkeyPatch):
    store, write = opened(blobs, ANN), type(blobs).write_mark

    def faster(self: Blobs, data: bytes) -> None:
        monkeypatch.undo()
        opened(blobs, BOB).require_own()
        write(self, data)

    monkeypatch.setattr(type(blobs), "write_mark", faster)
    with pytest.raises(StorageError, match="belongs to the bank"):
        store.put(PICTURE, "image/png")
    assert owners(blobs) == {BOB.uid: BOB.place}
    assert list(blobs.list()) == []


def test_a_file_system_without_hard_links_keeps_the_first_mark_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refused(*_: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refused)
    blobs = Blobs.open(tmp_path / "images", create=True)
    blobs.write_mark(b"bank 1")
    blobs.write_mark(b"bank 2")
    assert blobs.mark() == b"bank 1"
    assert list(blobs.leftovers()) == []


def test_whatever_a_place_is_called_the_mark_has_one_line_for_a_bank(blobs: Blobs):
    odd = owner(7, place=f"/home/猫\n\x1b[2J\udcff/bank {BOB.uid} x.db")
    claim(blobs, odd)
    assert owners(blobs) == {odd.uid: f"/home/猫??[2J?/bank {BOB.uid} x.db"}
