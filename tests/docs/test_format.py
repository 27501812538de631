"""docs/format.md: its verifier is run as it stands on the page, and its statements are held against a bank."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import seedbank
from seedbank.bank import Pixels
from seedbank.recipe import Recipe

PAGE = Path(__file__).parents[2] / "docs" / "format.md"
ROWS = bytes(range(256)) * 12


@pytest.fixture
def verifier(tmp_path: Path) -> Path:
    (script,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    path = tmp_path / "verify.py"
    path.write_text(script, encoding="utf-8")
    return path


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A bank of seven pictures in several modes and files, one of them recorded twice."""
    from PIL import Image

    database = tmp_path / "a bank 猫.db"
    with seedbank.open(database, create=True) as bank:
        recipe = Recipe(conditioning={"prompt": "星"}, noise={"seed": 7}, call={"width": 16, "height": 16})
        for mode, size in (("RGB", 768), ("RGBA", 1024), ("L", 256), ("LA", 512)):
            bank.add(Pixels(mode, 16, 16, ROWS[:size]), recipe)
        bank.add(Pixels("RGB", 16, 16, ROWS[:768]))
        palette = tmp_path / "palette.png"
        Image.frombytes("RGB", (32, 32), ROWS).convert("P").save(palette)
        bank.add(palette)
        Image.frombytes("RGB", (32, 32), ROWS).save(tmp_path / "photo.jpg")
        bank.add(tmp_path / "photo.jpg")
    return database


def _run(verifier: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", str(verifier), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_verifier_knows_nothing_of_seedbank(verifier: Path) -> None:
    script = verifier.read_text(encoding="utf-8")
    assert re.findall(r"^(?:import|from) .*", script, re.M) == [
        "import hashlib, pathlib, sqlite3, struct, sys",
        "from PIL import Image",
    ]
    assert len(script.splitlines()) < 40


def test_the_verifier_confirms_every_picture_of_a_bank(verifier: Path, database: Path) -> None:
    result = _run(verifier, database)
    assert result.stdout == "7 confirmed, 0 wrong\n", result.stderr
    assert result.returncode == 0


def test_the_verifier_finds_a_flipped_byte_and_a_missing_file(verifier: Path, database: Path) -> None:
    files = sorted(path for path in Path(f"{database}.images").rglob("*") if path.is_file())
    files[0].chmod(0o644)
    data = bytearray(files[0].read_bytes())
    data[-1] ^= 1
    files[0].write_bytes(data)
    files[1].unlink()
    result = _run(verifier, database)
    assert result.stdout.splitlines()[0] == "5 confirmed, 2 wrong"
    assert {str(files[0]), str(files[1])} == set(result.stdout.splitlines()[1:])
    assert result.returncode == 1


def test_the_verifier_takes_a_copy_of_the_pictures(verifier: Path, database: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    Path(f"{database}.images").rename(copy)
    assert _run(verifier, database).stdout.startswith("0 confirmed, 7 wrong")
    assert _run(verifier, database, copy).stdout == "7 confirmed, 0 wrong\n"


def test_the_recipe_on_the_page_is_a_recipe() -> None:
    page = re.sub("<(model|file) digest>", "ab" * 32, PAGE.read_text(encoding="utf-8"))
    plain, beside = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    values = {**json.loads(plain), **json.loads(beside)}
    assert Recipe.from_dict(values).to_dict() == values


def test_the_tables_on_the_page_are_tables_of_a_bank(database: Path) -> None:
    import sqlite3

    section = PAGE.read_text(encoding="utf-8").partition("## The database")[2]
    named = set(re.findall(r"^\| `(\w+)`(?:, `(\w+)`)?", section, re.M))
    found = {name for (name,) in sqlite3.connect(database).execute("SELECT name FROM sqlite_master")}
    assert {name for pair in named for name in pair if name} <= found
    assert named
