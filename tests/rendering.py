"""Shared by the tests that render: a cache with the stand-in model, and the command line as a user runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

STANDIN = "embedded@0"


def shared_cache() -> Path:
    """A cache folder that holds the stand-in model, built once for all test processes of this user."""
    from seedbank.engine.standin import build_standin

    root = Path(tempfile.gettempdir()) / f"seedbank-tests-{os.getuid()}"
    root.mkdir(exist_ok=True)
    folder = root / "models" / "embedded-0"
    with FileLock(root / "lock"):
        if not (folder / "model_index.json").exists():
            build_standin(folder)
    return root


@dataclass(frozen=True)
class Ran:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    @property
    def objects(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]


@dataclass
class CommandLine:
    """`seedbank --bank …` in a process of its own, as a user runs it."""

    bank: str | Path
    environ: dict[str, str]

    def __call__(self, *arguments: str, ok: Sequence[int] = (0,), **environ: str) -> Ran:
        command = [sys.executable, "-m", "seedbank", "--bank", str(self.bank), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, env={**self.environ, **environ}, timeout=300)
        ran = Ran(done.returncode, done.stdout, done.stderr)
        assert "Traceback" not in ran.err, ran.err
        assert done.returncode in ok, (arguments, ran)
        return ran
