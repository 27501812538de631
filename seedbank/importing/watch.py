"""Following the folders that a tool writes to: a picture is imported when nothing has been written to it for a while."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Event

from seedbank.bank import Bank
from seedbank.errors import BadInput
from seedbank.importing.options import BEFORE, KNOWN, REJECTED, Options, Report
from seedbank.importing.service import Import
from seedbank.importing.walk import SUFFIXES, Say, walk
from seedbank.progress import QUIET, Progress

SETTLED = 1.0
"""Seconds without a change after which a file counts as written."""
PATIENCE = 30.0
"""Seconds for which a file that cannot be read is tried again: its writer may only have paused."""
AGAIN = 5.0
LOOK = 250
"""Milliseconds between two looks at what has changed."""


def watch(
    bank: Bank,
    paths: Sequence[str | Path],
    options: Options | None = None,
    progress: Progress = QUIET,
    stop: Event | None = None,
) -> Iterator[Report]:
    """Import what is in the folders, then what is written to them, until `stop` is set. Ctrl-C raises `KeyboardInterrupt`.

    Raises `BadInput` for what is not a folder.
    """
    import watchfiles  # inotify and its kin on other systems, and polling where there is none

    folders = tuple(os.path.abspath(os.path.expanduser(path)) for path in paths)
    for folder in folders:
        if not os.path.isdir(folder):
            raise BadInput(f"{folder} is not a folder.", "Only folders can be followed.")
    changes = watchfiles.watch(
        *folders, watch_filter=None, rust_timeout=LOOK, yield_on_timeout=True, stop_event=stop, ignore_permission_denied=True
    )
    next(changes, None)  # from now on nothing is missed, also while the first import runs
    unreadable: list[Report] = []

    def say(path: str, reason: str) -> None:
        unreadable.append(Report(path, REJECTED, reason=reason))

    with Import(bank, folders, options or Options()) as under_way:
        try:
            with progress.task("importing", unit=" files") as task:
                for report in _reports(under_way, folders, say, under_way.own_folders):
                    task.advance()
                    yield report
            yield from _drained(unreadable)
            settling = Settling()
            for changed in changes:
                for _, path in changed:
                    if _may_be_picture(path, folders):
                        settling.touch(path)
                if ready := settling.ready():
                    for report in _reports(under_way, ready, say, under_way.own_folders):
                        if report.outcome in (KNOWN, BEFORE):
                            continue  # its folder was touched
                        if report.outcome != REJECTED or settling.give_up(report.path):
                            yield report
                    yield from _drained(unreadable)
        finally:
            under_way.finish()


class Settling:
    """Paths that were written to, until they have come to rest."""

    def __init__(self) -> None:
        self._due: dict[str, float] = {}
        self._changed: dict[str, float] = {}

    def touch(self, path: str) -> None:
        """The path has changed now."""
        self._changed[path] = time.monotonic()
        self._due[path] = self._changed[path] + SETTLED

    def ready(self) -> list[str]:
        """Paths that have come to rest and are still there, each once."""
        now = time.monotonic()
        found = [path for path, due in self._due.items() if due <= now]
        for path in found:
            del self._due[path]
        for path in [path for path, when in self._changed.items() if path not in self._due and when + PATIENCE < now]:
            del self._changed[path]
        return [path for path in found if os.path.exists(path)]

    def give_up(self, path: str) -> bool:
        """Whether a file that cannot be read is to be reported; else it is tried again later."""
        now = time.monotonic()
        if self._changed.get(path, 0.0) + PATIENCE < now:
            return True
        self._due[path] = now + AGAIN
        return False


def _reports(under_way: Import, paths: Sequence[str], say: Say, avoid: list[Path]) -> Iterator[Report]:
    yield from under_way.feed(walk(paths, say, avoid))
    yield from under_way.flush()


def _drained(reports: list[Report]) -> Iterator[Report]:
    while reports:
        yield reports.pop(0)


def _may_be_picture(path: str, folders: Sequence[str]) -> bool:
    """Whether a change of the path matters: a picture or a folder, nothing hidden below the folders that are followed."""
    inside = next((os.path.relpath(path, folder) for folder in folders if path.startswith(folder.rstrip("/") + "/")), "")
    if any(part.startswith(".") for part in inside.split(os.sep) if part):
        return False
    return os.path.splitext(path)[1].lower() in SUFFIXES or os.path.isdir(path)
