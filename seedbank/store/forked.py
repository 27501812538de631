"""Connections when the process is forked: none may be used by parent and child.

A server would hear both on one connection. SQLite keeps what it has locked in the memory of the process, so a child takes the
locks of its parent for its own, and does without what the parent would see (sqlite.org/howtocorrupt.html, 2.6).
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Engine, event
from sqlalchemy.pool import Pool

from seedbank.errors import StorageError
from seedbank.posix import tell_of_forks

Identity = tuple[int, int] | None
"""What two files of the same name do not share."""

_inherited: list[Pool] = []
"""Connections to servers that the parent uses, never let go of: to close them would speak to the server."""
_lost: set[Identity] = set()
"""SQLite files that another thread of the parent was using at the fork."""


class Forks:
    """What becomes of the connections of one engine at a fork; `file` names the SQLite file, None for a server."""

    def __init__(self, engine: Engine, file: Callable[[], Identity]) -> None:
        self._engine, self._file, self._open = engine, file, 0
        event.listen(engine, "connect", lambda *_: self._count(1))
        event.listen(engine, "close", lambda *_: self._count(-1))
        tell_of_forks(self)

    def _count(self, more: int) -> None:
        self._open += more

    def before_fork(self) -> None:
        """Close those to a file that nobody uses; both sides open it anew."""
        if self._engine.dialect.name == "sqlite":
            self._engine.dispose()

    def after_fork(self, child: bool) -> None:
        """In the child, leave those of the parent alone."""
        if not child:
            return
        if self._engine.dialect.name != "sqlite":
            _inherited.append(self._engine.pool)
            self._engine.dispose(close=False)
        elif self._open:
            _lost.add(self._file())


def check_usable(named: str, file: Identity) -> None:
    """Raises `StorageError` for a SQLite file that was in use when this process was forked."""
    if file in _lost:
        raise StorageError(
            f"{named} was in use by another thread when this process was forked, so it cannot be used here.",
            'Start such processes while nothing is recorded or read, or with multiprocessing.get_context("spawn").',
        )
