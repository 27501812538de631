"""Following a folder: a picture comes in when it is written, and not before."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import Queue

import pytest

from seedbank.api import Library
from seedbank.errors import BadInput
from seedbank.importing import watch as watching
from seedbank.importing.options import Report
from tests.importing.pictures import folder_of, png

pytestmark = pytest.mark.usefixtures("warm")


@pytest.fixture
def follow(bank: Library, monkeypatch: pytest.MonkeyPatch):
    """Follows a folder in a thread until the test ends; gives what it reports."""
    monkeypatch.setattr(watching, "SETTLED", 0.4)
    monkeypatch.setattr(watching, "AGAIN", 0.4)
    monkeypatch.setattr(watching, "LOOK", 50)
    stop = threading.Event()
    threads: list[threading.Thread] = []

    def start(folder: Path) -> Callable[[], Report]:
        found: Queue[Report] = Queue()

        def run() -> None:
            reports = bank.watching([folder], jobs=1, stop=stop)
            for report in reports:
                found.put(report)

        threads.append(threading.Thread(target=run, daemon=True))
        threads[-1].start()
        return lambda: found.get(timeout=60)

    yield start
    stop.set()
    for thread in threads:
        thread.join(60)


def test_what_is_written_to_a_followed_folder_comes_in_when_it_is_whole(bank: Library, follow, tmp_path: Path):
    folder = folder_of(tmp_path / "out", 1)
    report = follow(folder)
    assert report().outcome == "imported", "what was there before"
    (folder / "new").mkdir()
    (folder / "notes.txt").write_text("nothing to see")
    (folder / ".hidden.png").write_bytes(png(7))
    with (folder / "new/slow.png").open("wb") as file:
        data = png(1)
        for start in range(0, len(data), 400):
            file.write(data[start : start + 400])
            file.flush()
            time.sleep(0.15)
    slow = report()
    assert (Path(slow.path).name, slow.outcome) == ("slow.png", "imported")
    (folder / "cut.png").write_bytes(png(2)[:-30])
    time.sleep(1.0)
    (folder / "cut.png").write_bytes(png(2))
    whole = report()
    assert (Path(whole.path).name, whole.outcome) == ("cut.png", "imported"), "its writer had only paused"
    assert {entry.seed for entry in bank.find("")} == {0, 1, 2}


def test_a_file_that_stays_broken_is_reported(bank: Library, follow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(watching, "PATIENCE", 1.0)
    (tmp_path / "out").mkdir()
    report = follow(tmp_path / "out")
    time.sleep(0.5)
    (tmp_path / "out/cut.png").write_bytes(png(2)[:-30])
    assert report().outcome == "rejected"


def test_only_folders_can_be_followed(bank: Library, tmp_path: Path):
    (tmp_path / "a.png").write_bytes(png(1))
    with pytest.raises(BadInput, match="is not a folder"):
        next(bank.watching([tmp_path / "a.png"]))
