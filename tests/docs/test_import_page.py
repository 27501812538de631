"""docs/import.md is true: its script writes the files, its commands are run in this order and print what it says."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

from tests.docs.test_catalogue_page import VARIES, say
from tests.importing.conftest import _kept, warm  # noqa: F401
from tests.sessions import commands, masked

PAGE = Path(__file__).parents[2] / "docs" / "import.md"
UID = r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"


def _masked(line: str, folder: Path) -> str:
    told = re.sub(UID, "UID", line.replace(str(folder), "HERE"))
    return re.sub(r"/[0-9a-f]{2}/(?=[0-9a-f]{64})", "/", told)


@pytest.mark.usefixtures("warm")
def test_every_block_of_the_page_is_true(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    for name, value in (("BANK", "art.db"), ("USER", "ann"), ("CACHE", str(tmp_path / "cache"))):
        monkeypatch.setenv(f"SEEDBANK_{name}", value)
    monkeypatch.setenv("COLUMNS", "200")
    for language, block in re.findall(r"^```(\w+)\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL):
        if language == "python":
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(compile(block, str(PAGE), "exec"), {})
            assert printed.getvalue().splitlines() == re.findall(r"  # (.*)$", block, re.MULTILINE)
            continue
        for command, shown in commands(block):
            told = [_masked(line, tmp_path) for line in say(command, tmp_path)]
            assert masked(told, VARIES) == masked(shown, VARIES), command
