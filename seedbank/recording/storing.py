"""The thread that stores recorded calls, in order, beside what the caller does next."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from seedbank.posix import give_way, tell_of_forks

T = TypeVar("T")
WAITING = 16
"""Calls whose pictures are in memory and not stored yet; one more waits, so that a caller that is faster than the disk does
not fill the memory."""


class Storing:
    """One thread that gives way to renderings: it would else share their cores, and hold the GIL when the next call is looked
    at."""

    def __init__(self, waiting: int = WAITING) -> None:
        self._waiting = waiting
        self._begin()
        tell_of_forks(self)

    def _begin(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="seedbank-record", initializer=give_way)
        self._changed = threading.Condition()
        self._under_way = self._forks = 0

    def later(self, act: Callable[[], T]) -> Future[T]:
        """Run `act` after those before it. Waits while there are too many."""
        with self._changed:
            self._changed.wait_for(lambda: self._under_way < self._waiting and not self._forks)
            future = self._pool.submit(act)
            self._under_way += 1
        future.add_done_callback(self._done)
        return future

    def _done(self, _: Future[T]) -> None:
        with self._changed:
            self._under_way -= 1
            self._changed.notify_all()

    def before_fork(self) -> None:
        """A forked process has no such thread: what waits for it is stored first, by this one."""
        with self._changed:
            self._forks += 1
            self._changed.wait_for(lambda: not self._under_way)

    def after_fork(self, child: bool) -> None:
        """Begin anew in the child; go on in the parent."""
        if child:
            self._begin()
            return
        with self._changed:
            self._forks -= 1
            self._changed.notify_all()

    def close(self) -> None:
        """Wait until everything has run."""
        self._pool.shutdown(wait=True)
