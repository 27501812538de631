"""docs/keeping.md is true: its script makes the bank, its commands are run in this order and print what it says."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.docs.test_catalogue_page import VARIES, say
from tests.sessions import commands, masked

PAGE = Path(__file__).parents[2] / "docs" / "keeping.md"
SIZES = ((r"[\d,]+ bytes", "SIZE"), (r"\b00\d\d\b", "SCHEMA"))


def _said(command: str, folder: Path) -> list[str]:
    if command.startswith("seedbank"):
        return say(command, folder)
    return subprocess.run(
        command, shell=True, capture_output=True, text=True, cwd=folder, timeout=60, check=True
    ).stdout.splitlines()


def test_every_block_of_the_page_is_true(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    for name, value in (("BANK", "art.db"), ("USER", "ann"), ("CACHE", str(tmp_path / "cache"))):
        monkeypatch.setenv(f"SEEDBANK_{name}", value)
    for language, block in re.findall(r"^```(\w+)\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL):
        if language == "python":
            exec(compile(block, str(PAGE), "exec"), {})
            continue
        for command, shown in commands(block):
            told = [line.replace(str(tmp_path), "HERE") for line in _said(command, tmp_path)]
            assert masked(told, (*VARIES, *SIZES)) == masked(shown, (*VARIES, *SIZES)), command
