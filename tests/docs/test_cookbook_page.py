"""docs/cookbook.md is true: the commands of each recipe are run in order on an empty bank, and print what the page says.

Times, places and digests differ from machine to machine, and so do the last digits of distances.
"""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import pytest

from tests.rendering import shared_cache
from tests.sessions import commands, masked
from tests.warm import InProcess, Kept

PAGE = Path(__file__).parents[2] / "docs" / "cookbook.md"
VARIES = (
    (r"\S*art\.db\.images/\S+", "FILE"),
    (r"\b\d+\.\d s\b", "TIME"),
    (r"about \d+(\.\d+)? (s|min)$", "about TIME"),
    (r"\d+ of 64 bits apart, SSIM [\d.]+, PSNR [\d.]+ dB", "NUMBERS"),
    (r", (\"differs\"|…|\"same\").*\}$", ", …}"),
)


def recipes() -> dict[str, list[tuple[str, list[str]]]]:
    """{heading: [(command, the lines below it), …]}."""
    found = {}
    for heading, text in re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL):
        found[heading] = list(commands(text))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("heading", recipes())
def test_every_recipe_of_the_page_is_true(heading: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: Kept):
    monkeypatch.chdir(tmp_path)
    environ = {**os.environ, "SEEDBANK_CACHE": str(shared_cache()), "SEEDBANK_USER": "ann", "COLUMNS": "110"}
    seedbank = InProcess(tmp_path / "art.db", environ, kept)
    seedbank("init")
    for command, shown in recipes()[heading]:
        words = shlex.split(command)
        assert words[0] == "seedbank"
        ran = seedbank(*words[1:], ok=range(5))
        expected, said = (masked(lines, VARIES) for lines in (shown, ran.err.splitlines()))
        assert sorted(expected) == sorted([*said, *masked(ran.lines, VARIES)]), command
        # On a terminal the two streams come in the order in which they were written; here each keeps its own.
        assert [line for line in expected if line not in said] == masked(ran.lines, VARIES), command
