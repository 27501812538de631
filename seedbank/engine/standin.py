"""The stand-in model in the cache, built where it is not there yet by the process that has torch."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from seedbank.engine.child import OFFLINE, worker_command
from seedbank.engine.source import made
from seedbank.errors import RenderFailed, StorageError


def build_standin(folder: Path, python: str = sys.executable) -> None:
    """Write the stand-in model to `folder`; it appears there whole or not at all. Raises `StorageError`, `RenderFailed`."""
    parent = made(folder.parent)
    try:
        building = tempfile.TemporaryDirectory(dir=parent, prefix=".building-")
    except OSError as error:
        raise _unwritable(parent, error) from None
    with building:
        whole = Path(building.name) / folder.name
        done = subprocess.run(
            worker_command(python, "standin", str(whole)), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, encoding="utf-8", errors="replace", env={**os.environ, **OFFLINE}, check=False,
        )  # fmt: skip
        if done.returncode:
            said = (done.stderr.strip().splitlines() or [f"its process ended with {done.returncode}"])[-1]
            raise RenderFailed(f"The stand-in model could not be built in {parent}: {said}")
        try:
            whole.replace(folder)
        except OSError as error:
            if not folder.exists():  # else somebody else was faster
                raise _unwritable(parent, error) from None


def _unwritable(folder: Path, error: OSError) -> StorageError:
    return StorageError(
        f"The cache folder {folder} cannot be written: {error.strerror}.", "Name another place in SEEDBANK_CACHE."
    )
