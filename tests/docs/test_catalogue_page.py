"""docs/catalogue.md is true: its script makes the bank, its commands are run in this order and print what it says."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sessions import commands, masked

PAGE = Path(__file__).parents[2] / "docs" / "catalogue.md"
VARIES = (
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(\+00:00)?", "TIME"),
    (r"\b[0-9a-f]{64}\b", "DIGEST"),
    (r"[\d.]+ KB", "SIZE"),
    (r"^  20\d\d-\d\d ", "  MONTH "),
)


def blocks() -> list[tuple[str, str]]:
    """[(language, text), …] of the blocks of the page, in order."""
    return re.findall(r"^```(\w+)\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def say(command: str, folder: Path) -> list[str]:
    """What a command prints on both streams; seedbank's own run in this process."""
    words = shlex.split(command)
    if words[0] == "python3":
        done = subprocess.run([sys.executable, *words[1:]], capture_output=True, text=True, cwd=folder, timeout=200)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()
    from seedbank.__main__ import run

    with pytest.MonkeyPatch.context() as patch:
        while "=" in words[0]:
            patch.setenv(*words.pop(0).split("=", 1))
        assert words[0] == "seedbank"
        both = io.StringIO()
        with contextlib.redirect_stdout(both), contextlib.redirect_stderr(both):
            run(words[1:])
    return both.getvalue().splitlines()


def test_every_block_of_the_page_is_true(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    for name, value in (("BANK", "art.db"), ("USER", "ann"), ("CACHE", str(tmp_path / "cache"))):
        monkeypatch.setenv(f"SEEDBANK_{name}", value)
    monkeypatch.setenv("COLUMNS", "110")
    names: dict[str, object] = {}
    for language, block in blocks():
        if language == "python":
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(compile(block, str(PAGE), "exec"), names)
            assert printed.getvalue().splitlines() == re.findall(r"# (.*)$", block, re.MULTILINE) * ("print(" in block)
        else:
            for command, shown in commands(block):
                assert masked(say(command, tmp_path), VARIES) == masked(shown, VARIES), command
