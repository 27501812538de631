"""`check --read-data` against real files: what lies in the image store contradicts what the database says of it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from seedbank.api import Library
from seedbank.bank import pixels_of
from seedbank.blobs.base import MARK
from seedbank.blobs.mark import owners
from seedbank.check import check, collect_garbage
from seedbank.errors import StorageError
from seedbank.recipe import Recipe
from seedbank.records import Model, NewEntry, NewRegeneration
from tests.pictured import drawing, recipe

WEIGHTS = Model("a" * 64, "tiny")


@pytest.fixture
def bank(bank_url: str) -> Iterator[Library]:
    """Four entries as seedbank records them: the last two differ in nothing that is searched by."""
    with Library.open(bank_url, user="ann") as bank:
        bank.blobs.create()
        for number in range(4):
            changes = {"eta": number / 10} if number > 1 else {}
            whole = Recipe.from_dict(recipe(2 * min(number, 2), **changes))
            pixels = pixels_of(drawing(number))
            picture, _ = bank.put_image(pixels)
            stages = (("noise", "1" * 64), ("pixels", picture.digest))
            bank.put_entry(pixels, NewEntry(recipe=whole, model=WEIGHTS), stages)
        yield bank


def exchange(bank: Library, column: str, one: int, other: int) -> None:
    with bank.store.database.writing() as connection:
        rows = dict(connection.exec_driver_sql(f"SELECT id, {column} FROM entries WHERE id IN ({one}, {other})").all())
        for number, value in ((one, rows[other]), (other, rows[one])):
            text = f"x'{value.hex()}'" if isinstance(value, bytes) else value
            text = f"'\\x{value.hex()}'" if isinstance(value, bytes) and not bank.store.database.is_sqlite else text
            connection.exec_driver_sql(f"UPDATE entries SET {column} = {text} WHERE id = {number}")


def found(bank: Library, **options: bool) -> list[str]:
    return [finding.message for finding in check(bank, **options)]


def test_only_what_has_a_whole_recipe_is_said_to_be_rendered_again(bank: Library):
    entry = bank.add(drawing(9))
    for lost in (bank.entry(1), entry):
        assert lost.blob is not None
        bank.blobs.remove(lost.blob.digest)
    hints = {finding.message.removesuffix(" is missing.").split()[-1]: finding.hint for finding in check(bank)}
    assert hints["1"] == "Copy it back from a backup, or render it again: seedbank regen 1"
    assert hints[str(entry.id)] == "Copy it back from a backup."


def test_an_image_store_that_is_gone_is_one_finding_and_not_one_for_each_file(bank: Library):
    store = Path(bank.blobs.url)
    away = store.rename(store.with_name("elsewhere"))
    for read_data in (False, True):
        (finding,) = check(bank, read_data=read_data)
        assert finding.message.startswith(f"The image store {store} is not there or empty, without all ")
    store.mkdir()
    assert [finding.kind for finding in check(bank, read_data=True)] == ["missing"]
    store.rmdir()
    away.rename(store)
    assert found(bank) == []


def test_what_is_purged_while_it_is_checked_is_no_finding(bank: Library, monkeypatch: pytest.MonkeyPatch):
    blobs = bank.store.blobs

    def purged_after():
        yield from blobs()
        monkeypatch.undo()
        bank.store.trash([1])
        bank.store.purge([1])
        assert collect_garbage(bank, grace_hours=0).blobs

    monkeypatch.setattr(bank.store, "blobs", purged_after)
    assert found(bank, read_data=True) == []


def test_disks_that_were_exchanged_take_nothing_and_lose_nothing_and_are_one_finding(bank: Library, tmp_path: Path):
    with Library.open(tmp_path / "other.db", create=True) as other:
        other.add(drawing(9))
        places = [Path(one.blobs.url) for one in (bank, other)]
        before = [sorted(item.name for item in one.blobs.list()) for one in (bank, other)]
    exchange_folders(*places)
    try:
        for url, held in ((bank.place, before[1]), (tmp_path / "other.db", before[0])):
            with Library.open(url, user="ann") as opened:
                for change in (lambda bank: bank.add(drawing(10)), lambda bank: collect_garbage(bank, grace_hours=0)):
                    with pytest.raises(StorageError, match=r"belongs to the bank .*, and not to this one"):
                        change(opened)
                assert len(list(opened.find())) in (1, 4)
                (finding,) = check(opened, read_data=True)
                assert (finding.kind, "another disk" in finding.hint) == ("store", True)
                assert [item.name for item in opened.blobs.list()] == held
    finally:
        exchange_folders(*places)
    assert found(bank, read_data=True) == []


def exchange_folders(one: Path, other: Path) -> None:
    one.rename(one.with_name("between"))
    other.rename(one)
    one.with_name("between").rename(other)


def test_a_store_from_before_it_named_its_bank_is_known_by_its_files(bank: Library, tmp_path: Path):
    mark, place = Path(bank.blobs.url) / MARK, bank.place
    mark.unlink()
    assert found(bank) == []
    with Library.open(place, user="ann") as opened:
        opened.add(drawing(10))
    assert owners(bank.blobs) == {bank.owner.uid: bank.owner.place}
    mark.unlink()
    away = [Path(bank.blobs.path(item.name) or "") for item in bank.blobs.list()]
    for file in away:
        file.rename(tmp_path / file.name)
    (stray := Path(bank.blobs.url) / "00" / ("0" * 64)).touch()
    with Library.open(place, user="ann") as opened:
        for change in (lambda: opened.add(drawing(11)), lambda: collect_garbage(opened)):
            with pytest.raises(StorageError, match="does not say whose it is, and has 0 of"):
                change()
        assert [(finding.kind, finding.hint[-19:]) for finding in check(opened)] == [("store", ": seedbank db claim")]
        for file in away:
            (tmp_path / file.name).rename(file)
        opened.add(drawing(11))
    stray.unlink()


def test_users_who_come_first_at_the_same_moment_both_record(bank: Library):
    (Path(bank.blobs.url) / MARK).unlink()

    def record(number: int) -> int:
        with Library.open(bank.place, user=f"user{number}") as opened:
            return opened.add(drawing(20 + number)).id

    with ThreadPoolExecutor(4) as threads:
        assert len(set(threads.map(record, range(4)))) == 4
    assert list(owners(bank.blobs) or ()) == [bank.owner.uid]
    assert found(bank) == []


def test_pictures_traces_and_recipes_that_belong_together_are_whole(bank: Library):
    assert found(bank, read_data=True) == []


def test_exchanged_files_are_other_pixels(bank: Library):
    exchange(bank, "blob_id", 1, 2)
    assert [message.split(" of ")[0] for message in found(bank)] == []
    assert [finding.hint.startswith("Render it again: seedbank regen") for finding in check(bank, read_data=True)] == [True] * 2
    carried = "The pixels of entry {} are not the recorded ones."
    assert found(bank, read_data=True) == [carried.format(1), carried.format(2)]


def test_exchanged_recipes_are_seen_by_what_the_files_carry(bank: Library):
    exchange(bank, "recipe_id", 3, 4)
    assert found(bank) == []
    carried = "The file of entry {} carries another recipe than the entry has."
    assert found(bank, read_data=True) == [carried.format(3), carried.format(4)]


def test_exchanged_traces_end_with_other_pictures(bank: Library):
    exchange(bank, "trace_digest", 1, 2)
    assert found(bank) == []
    ends = "The trace of entry {} is that of another picture."
    assert found(bank, read_data=True) == [ends.format(1), ends.format(2)]


def test_exchanged_traces_of_one_picture_are_seen_by_the_attempts_that_differed(bank: Library):
    image = bank.entry(1).picture.digest
    traces = [(("noise", n * 64), ("step.000", s * 64), ("pixels", image)) for n, s in ("ab", "ac", "dc", "dd")]
    first, second = (
        bank.put_entry(pixels_of(drawing(0)), NewEntry(recipe=Recipe.from_dict(recipe(2)), model=WEIGHTS), stages).id
        for stages in (traces[0], traces[2])
    )
    for number, stages, stage in ((first, traces[1], "step.000"), (second, traces[3], "step.000"), (1, traces[1], "noise")):
        bank.add_regeneration(NewRegeneration(number, "exact", trace="differs", first_difference=stage), None, stages)
    deep = NewRegeneration(first, "exact", trace="differs", first_difference="step.000")
    bank.add_regeneration(deep, None, [("transformer", "e" * 64), ("pixels", image)])
    assert found(bank, read_data=True) == []
    exchange(bank, "trace_digest", first, second)
    another = "The trace of entry {} is another one: attempt {} differs from it first in noise, not in step.000."
    assert found(bank, read_data=True) == [another.format(first, 1), another.format(second, 2)]


def test_what_is_said_of_pixels_is_computed_from_them(bank: Library):
    with bank.store.database.writing() as connection:
        connection.exec_driver_sql(
            "UPDATE images SET phash = phash + 1, mode = 'L' WHERE id = (SELECT image_id FROM entries WHERE id = 2)"
        )
    assert found(bank, read_data=True) == ["The mode and perceptual hash recorded of entry 2 is not that of its pixels."]


def test_a_picture_of_another_entry_is_no_whole_image(bank: Library, tmp_path: Path):
    exchange(bank, "blob_id", 1, 2)
    entry = bank.entry(1)
    assert not bank.has_whole_image(entry)
    bank.bring_back(entry, pixels_of(drawing(0)))
    assert bank.has_whole_image(bank.entry(1))
    assert found(bank, read_data=True) == ["The pixels of entry 2 are not the recorded ones."]
