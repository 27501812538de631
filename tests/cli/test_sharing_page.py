"""docs/sharing.md is true: its commands are run in this order and print what it says."""

from __future__ import annotations

import io
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sessions import commands, masked
from tests.warm import InProcess, Kept

PAGE = Path(__file__).parents[2] / "docs" / "sharing.md"
VARIES = (
    (r"\b[0-9a-f]{64}\b|\b[0-9a-f]{8}…", "DIGEST"),
    (r"\b[0-9a-f]{12}\b", "DIGEST"),
    (r"(?:/\S+/)?(\w+\.db\.images)/\S+", r"\1/FILE"),
    (r"--model /\S+", "--model FOLDER"),
    (r"rest [\w-]+…?", "rest"),
    (r"\d+\.\d s\b", "TIME"),
)
BANKS = ("art.db", "theirs.db")


def say(command: str, folder: Path, banks: dict[str, InProcess], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a command prints: notes and errors first. seedbank's own run in this process, the others in a shell."""
    if not command.startswith("seedbank "):
        done = subprocess.run(command, shell=True, capture_output=True, text=True, cwd=folder, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()
    command, _, pattern = command.partition(" | grep ")
    words = shlex.split(command)[1:]
    bank = banks["art.db"]
    if words[0] == "--bank":
        bank, words = banks[words[1]], words[2:]
    target = None
    if ">" in words:
        words, target = words[: words.index(">")], folder / words[-1]
    if "<" in words:
        data = (folder / words[-1]).read_bytes()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), encoding="utf-8"))
        words = words[: words.index("<")]
    ran = bank(*words, ok=[0, 1, 2])
    if target is not None:
        target.write_text(ran.out, "utf-8")
        return ran.err.splitlines()
    lines = [*ran.err.splitlines(), *ran.lines]
    return [line for line in lines if pattern in line] if pattern else lines


@pytest.mark.slow
def test_every_command_of_the_page_is_true(tmp_path: Path, environ: dict[str, str], kept: Kept, monkeypatch):
    monkeypatch.chdir(tmp_path)
    english = environ | {"LC_ALL": "C.UTF-8", "COLUMNS": "110"}
    banks = {name: InProcess(tmp_path / name, english, kept) for name in BANKS}
    for bank in banks.values():
        bank("init")
    for command, shown in commands(PAGE.read_text("utf-8")):
        if command == "cat scene.txt":
            (tmp_path / "scene.txt").write_text("\n".join(shown), "utf-8")
            continue
        assert masked(say(command, tmp_path, banks, monkeypatch), VARIES) == masked(shown, VARIES), command
