"""kill -9 in the middle of an import: what was reported is there, and going on brings the rest, nothing twice."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from seedbank.api import Library
from seedbank.check import check
from seedbank.hashing import sha256
from tests.importing.pictures import png

FILES = 5000
SCRIPT = """
import sys, seedbank
with seedbank.open(sys.argv[1], user="ann") as bank:
    for report in bank.importing([sys.argv[2]]):
        print(report.path, report.outcome, flush=True)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """5,000 files in 50 folders; ten of them are copies of others."""
    top = tmp_path_factory.mktemp("many")
    for number in range(FILES):
        path = top / f"{number // 100:02}" / f"{number:04}.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(png(number if number < FILES - 10 else number - FILES // 2))
    return top


def _killed(bank: Path, folder: Path, after: int) -> set[str]:
    """The paths that an import reported before it was killed, soon after so many of them."""
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(bank), str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    reported = []
    for line in process.stdout:
        reported.append(line)
        if len(reported) == after:
            time.sleep(random.Random(after).uniform(0, 0.3))
            process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    return {line.rpartition(" ")[0] for line in reported if line.endswith("\n")}


@pytest.mark.slow
def test_an_import_of_5000_files_is_killed_twice_and_loses_nothing(bank: Library, folder: Path, tmp_path: Path):
    reported = _killed(tmp_path / "art.db", folder, 600)
    there = {entry.details["file"] for entry in bank.find("", limit=None)}
    assert reported <= there, "what was reported is there"
    assert len(there) < FILES
    reported |= _killed(tmp_path / "art.db", folder, len(there) + 800)
    assert list(bank.importing([folder]))
    entries = bank.find("", limit=None)
    files = {sha256(path.read_bytes()) for path in folder.rglob("*.png")}
    assert len(files) == FILES - 10
    assert sorted(entry.blob.digest for entry in entries if entry.blob) == sorted(files), "nothing lost, nothing twice"
    assert len(bank.store.runs()) == 1
    assert {report.outcome for report in bank.importing([folder])} == {"known"}
    assert list(check(bank)) == []
    assert bank.undo().changed == len(files)
    assert not bank.find("")
