"""The thread that stores recorded calls, in order, beside what the caller does next."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from seedbank.posix import give_way

T = TypeVar("T")
WAITING = 16
"""Calls whose pictures are in memory and not stored yet; one more waits, so that a caller that is faster than the disk does
not fill the memory."""


class Storing:
    """One thread that gives way to renderings: it would else share their cores, and hold the GIL when the next call is looked
    at."""

    def __init__(self, waiting: int = WAITING) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="seedbank-record", initializer=give_way)
        self._places = threading.Semaphore(waiting)

    def later(self, act: Callable[[], T]) -> Future[T]:
        """Run `act` after those before it. Waits while there are too many."""
        self._places.acquire()
        try:
            future = self._pool.submit(act)
        except BaseException:
            self._places.release()
            raise
        future.add_done_callback(lambda _: self._places.release())
        return future

    def close(self) -> None:
        """Wait until everything has run."""
        self._pool.shutdown(wait=True)
