"""Files that could not be imported, so that they are not examined again as long as they have not changed.

That is no part of a bank: another version of what decodes may take them. It lies in the user's cache, and may be lost at any
time without harm.
"""

from __future__ import annotations

import json
import time
from importlib.metadata import version
from typing import Any

from seedbank.engine.source import cache_folder, remember
from seedbank.importing.walk import Found

MOST = 100_000
"""Files that are remembered; the latest count."""
EVERY = 5.0
"""Seconds after which what is new is written while an import goes on: who ends it loses no more than that."""


class Refused:
    """{path: state and reason} of files that were rejected as they are, by this version of seedbank and of Pillow."""

    def __init__(self) -> None:
        self.path = cache_folder() / "rejected-files.json"
        self._known = self._read()
        self._news: dict[str, list[Any]] = {}
        self._saved = time.monotonic()

    def reason(self, found: Found) -> str | None:
        """Why the file was rejected, if it has not changed since; what `add` was told here is not asked for."""
        known = self._known.get(found.path)
        return str(known[-1]) if isinstance(known, list) and known[:-1] == _state(found) else None

    def add(self, found: Found, reason: str) -> None:
        """The file is rejected as it is."""
        self._news[found.path] = [*_state(found), reason]
        if len(self._news) > MOST:
            del self._news[next(iter(self._news))]

    def save_in_time(self) -> None:
        """`save`, but for what is new since less than `EVERY`: all of them are written each time."""
        if time.monotonic() >= self._saved + EVERY:
            self.save()

    def save(self) -> None:
        """Write what is new beside what others have written meanwhile."""
        if self._news:
            files = {path: known for path, known in self._read().items() if path not in self._news} | self._news
            latest = dict(list(files.items())[-MOST:])
            remember(self.path, json.dumps({"by": _by(), "files": latest}))
            self._news.clear()
        self._saved = time.monotonic()

    def _read(self) -> dict[str, Any]:
        try:
            held = json.loads(self.path.read_text("utf-8"))
            files = held["files"] if held["by"] == _by() else {}
        except (OSError, ValueError, KeyError, TypeError):
            return {}
        return files if isinstance(files, dict) else {}


def _state(found: Found) -> list[Any]:
    return [found.size, found.mtime_ns, found.inode]


def _by() -> str:
    return f"seedbank {version('seedbank-images')}, Pillow {version('pillow')}"
