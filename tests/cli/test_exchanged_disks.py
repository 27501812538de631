"""Two banks whose image stores were exchanged, as a user meets them: nothing is lost, and each sentence says what to do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from seedbank.api import Library
from tests.pictured import add, drawing
from tests.warm import InProcess, Kept


@pytest.fixture
def banks(tmp_path: Path, environ: dict[str, str], kept: Kept) -> tuple[InProcess, InProcess]:
    """`seedbank` on two banks with a picture each, whose image stores have changed places."""
    for name in ("ann", "bob"):
        with Library.open(tmp_path / f"{name}.db", create=True, images=str(tmp_path / name), user=name) as bank:
            add(bank, ord(name[0]))
    for one, other in (("ann", "between"), ("bob", "ann"), ("between", "bob")):
        (tmp_path / one).rename(tmp_path / other)
    drawing(3).save(tmp_path / "new.png")
    return InProcess(tmp_path / "ann.db", environ, kept), InProcess(tmp_path / "bob.db", environ, kept)


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_commands_that_would_write_are_refused_before_they_work_and_reading_goes_on(banks, tmp_path: Path):
    ann, bob = banks
    before = files(tmp_path)
    for command in (
        ("import", str(tmp_path / "new.png")),
        ("regen", "1"),
        ("generate", "x", "--model", "embedded@0"),
        ("gc", "--grace", "0"),
        ("gc", "--dry-run"),
        ("db", "claim"),
    ):
        said = ann(*command, ok=[1]).err
        assert said.startswith(f"seedbank: The image store {tmp_path / 'ann'} belongs to the bank "), said
        assert f"({tmp_path / 'bob.db'}), and not to this one, " in said
        assert "Is another disk mounted there?" in said
    (finding,) = ann("check", "--json", ok=[1]).objects
    assert finding["kind"] == "store"
    assert ann("ls", "--ids").lines == bob("ls", "--ids").lines == ["1"]
    assert files(tmp_path) == before


def test_once_they_are_back_all_is_whole(banks, tmp_path: Path):
    for one, other in (("ann", "between"), ("bob", "ann"), ("between", "bob")):
        (tmp_path / one).rename(tmp_path / other)
    for seedbank in banks:
        seedbank("import", str(tmp_path / "new.png"))
        assert "0 files" in seedbank("gc", "--grace", "0").out
        assert seedbank("check", "--read-data").code == 0


def test_a_store_is_shared_on_purpose_and_then_nothing_is_removed_from_it(banks, tmp_path: Path):
    ann, _ = banks
    assert ann("db", "claim", "--share").out == (
        f"{tmp_path / 'ann'}: the image store of {tmp_path / 'ann.db'}, shared with {tmp_path / 'bob.db'}\n"
    )
    ann("import", str(tmp_path / "new.png"))
    said = ann("gc", "--grace", "0", ok=[1]).err
    assert f"take its line out of {tmp_path / 'ann' / 'seedbank-store.txt'}" in said


def test_a_new_bank_is_not_made_in_the_store_of_another_nor_beside_one_that_was_left(banks, tmp_path: Path, environ, kept):
    new = InProcess(tmp_path / "new.db", environ, kept)
    assert "is the image store of the bank" in new("init", "--images", str(tmp_path / "ann"), ok=[2]).err
    os.rename(tmp_path / "ann", tmp_path / "new.db.images")
    said = new("init", ok=[2]).err
    assert f"{tmp_path / 'new.db.images'} is the image store of the bank" in said
    assert "seedbank init --images FOLDER" in said
    assert not (tmp_path / "new.db").exists()
    assert "There is already a bank" in banks[0]("init", "--images", str(tmp_path / "bob"), ok=[2]).err
    new("init", "--images", str(tmp_path / "fresh"))


def test_a_bank_whose_files_are_lost_for_good_gets_an_empty_store(banks, tmp_path: Path):
    ann, _ = banks
    os.rename(tmp_path / "ann", tmp_path / "lost")
    said = ann("import", str(tmp_path / "new.png"), ok=[1]).err
    assert "is not there." in said and "seedbank db claim" in said
    assert "is not there" in ann("gc", ok=[1]).err
    assert ann("db", "claim").out == f"{tmp_path / 'ann'}: the image store of {tmp_path / 'ann.db'}\n"
    ann("import", str(tmp_path / "new.png"))
    assert [finding["kind"] for finding in ann("check", "--json", ok=[1]).objects] == ["missing"]


def test_a_copy_of_a_bank_is_the_same_bank(banks, tmp_path: Path, environ, kept):
    ann, _ = banks
    os.rename(tmp_path / "bob", tmp_path / "copy.db.images")
    ann("db", "backup", str(tmp_path / "copy.db"))
    with Library.open(tmp_path / "copy.db") as bank, bank.store.database.writing() as connection:
        connection.exec_driver_sql("UPDATE bank SET images = NULL")
    copy = InProcess(tmp_path / "copy.db", environ, kept)
    copy("import", str(tmp_path / "new.png"))
    copy("gc")
    assert copy("check", "--read-data").code == 0
