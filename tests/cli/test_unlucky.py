"""Names that no file system takes, places that cannot be entered, links in a circle: a sentence, and nothing is written."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from seedbank.__main__ import run
from seedbank.api import Library
from tests.pictured import drawing, recipe

LONG = "x" * 300
WORDS = {
    "a bank": ["--bank", LONG, "ls"],
    "a new bank": ["--bank", LONG, "init"],
    "a bundle": ["export", f"{LONG}.seedbank"],
    "a backup": ["db", "backup", LONG],
    "a sheet": ["ls", "--contact-sheet", f"{LONG}.png"],
    "a page": ["open", "-o", f"{LONG}.html"],
    "a text": ["generate", "--from", LONG],
    "a model": ["generate", "a cat", "--model", LONG],
    "an input": ["generate", "a cat", "--image", LONG],
}


@pytest.fixture
def bank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    with Library.open("art.db", create=True) as library:
        library.add(drawing(1), recipe(1))
    monkeypatch.setenv("SEEDBANK_BANK", str(tmp_path / "art.db"))
    return tmp_path


@pytest.mark.parametrize("what", WORDS)
def test_a_name_that_is_too_long_for_any_file_is_said_to_be(what: str, bank: Path, capsys: pytest.CaptureFixture[str]):
    there = sorted(bank.iterdir())
    assert run(WORDS[what]) == 2
    said = capsys.readouterr().err
    assert f"{LONG[:80]}… cannot be used: File name too long.\n  Choose a shorter name." in said
    assert len(said) < 200 and sorted(bank.iterdir()) == there


def test_a_folder_of_configuration_whose_name_is_too_long_is_said(bank: Path, monkeypatch, capsys):
    monkeypatch.delenv("SEEDBANK_BANK")
    monkeypatch.setenv("XDG_CONFIG_HOME", f"/{LONG}")
    assert run(["ls"]) == 2 and "File name too long" in capsys.readouterr().err


def test_a_bank_in_a_folder_that_may_not_be_entered_is_said(bank: Path, monkeypatch, capsys):
    def stat(path, **_):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "stat", stat)  # what root is never answered
    assert run(["--bank", "closed/art.db", "ls"]) == 2
    assert "closed/art.db cannot be used: Permission denied." in capsys.readouterr().err


def test_an_image_store_in_a_circle_of_links_is_said(bank: Path, capsys):
    (bank / "circle").symlink_to("circle")
    assert run(["--bank", "new.db", "init", "--images", "circle"]) == 1
    assert "circle" in capsys.readouterr().err and not (bank / "new.db").exists()
    assert run(["--bank", "circle", "init"]) in (1, 2)


@pytest.mark.parametrize(
    ("number", "said"), [(errno.ENOSPC, "in TMPDIR"), (errno.EMFILE, "ulimit -n"), (errno.EDQUOT, "TMPDIR")]
)
def test_a_machine_without_room_or_files_is_said_and_nothing_comes_in(number: int, said: str, bank: Path, monkeypatch, capsys):
    from seedbank.exchange.bundle.looking import Looked

    def unpack(*_: object) -> Path:
        raise OSError(number, os.strerror(number))

    assert run(["export", "out.seedbank"]) == 0 and run(["--bank", "other.db", "init"]) == 0
    monkeypatch.setattr(Looked, "unpack", unpack)
    assert run(["--bank", "other.db", "import", "out.seedbank"]) == 1
    told = capsys.readouterr().err
    assert f"A file that the command needs cannot be used: {os.strerror(number)}." in told and said in told
    with Library.open("other.db") as other:
        assert not list(other.store.ids())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("import -", "No recipe was found in this text."),
        ("generate --from -", "No recipe was found in this text."),
        ("rm seed:0..", "there is no terminal to ask"),
    ],
)
def test_a_closed_input_has_nothing_to_read(words: str, said: str, bank: Path):
    with Library.open("art.db") as library:
        library.add(drawing(2), recipe(2))
    ran = subprocess.run(["sh", "-c", f"{sys.executable} -m seedbank {words} <&-"], capture_output=True, text=True)
    assert ran.returncode == 2 and said in ran.stderr and "Traceback" not in ran.stderr


def test_no_file_gets_the_number_of_a_closed_stream(bank: Path):
    """What a library prints would be written into it."""
    streams = "[stream.fileno() for stream in (sys.stdin, sys.stdout, sys.stderr)]"
    told = f"import sys, seedbank.__main__ as m; m.run = lambda _: {streams} != [0, 1, 2]"
    ran = subprocess.run(["sh", "-c", f'{sys.executable} -c "{told}; m.main()" <&- >&- 2>&-'])
    assert ran.returncode == 0
