"""docs/bundles.md is true: its script makes the bank, its commands are run in this order and print what it says."""

from __future__ import annotations

import contextlib
import io
import re
import subprocess
from pathlib import Path

import pytest

from tests.docs.test_catalogue_page import VARIES, say
from tests.importing.conftest import _kept, warm  # noqa: F401
from tests.sessions import commands, masked

PAGE = Path(__file__).parents[2] / "docs" / "bundles.md"
SHARDED = (r"/[0-9a-f]{2}/(?=DIGEST)", "/")


def _said(command: str, folder: Path) -> list[str]:
    if "seedbank " in command and not command.startswith("python3"):
        return say(command, folder)
    return subprocess.run(command, shell=True, capture_output=True, text=True, cwd=folder, timeout=60).stdout.splitlines()


@pytest.mark.usefixtures("warm")
def test_every_block_of_the_page_is_true(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    for name, value in (("BANK", "art.db"), ("USER", "ann"), ("CACHE", str(tmp_path / "cache"))):
        monkeypatch.setenv(f"SEEDBANK_{name}", value)
    names: dict[str, object] = {}
    for language, block in re.findall(r"^```(\w+)\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL):
        if language == "python":
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(compile(block, str(PAGE), "exec"), names)
            assert printed.getvalue().splitlines() == re.findall(r"  # (.*)$", block, re.MULTILINE)
            continue
        for command, shown in commands(block):
            told = [line.replace(str(tmp_path), "HERE") for line in _said(command, tmp_path)]
            assert masked(told, (*VARIES, SHARDED)) == masked(shown, (*VARIES, SHARDED)), command
