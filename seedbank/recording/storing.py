"""The thread that stores recorded calls, in order, beside what the caller does next."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar
from weakref import WeakSet

from seedbank.posix import give_way, tell_of_forks

T = TypeVar("T")
WAITING = 16
"""Calls whose pictures are in memory and not stored yet; one more waits, so that a caller that is faster than the disk does
not fill the memory."""
LATER = 0.1
"""Seconds after a call in which the next one is looked at and its prompt encoded. A device that renders has nothing to do
meanwhile, so the caller has the cores, their caches and the GIL for itself. Once it waits for the device, storing is in
nobody's way."""


_all: WeakSet[Storing] = WeakSet()
_ended = threading.Event()
"""The main thread has ended: other threads may go on, but executors take nothing any more. Where nobody tells when it ends,
this is so from the beginning: what is recorded is stored at once, by whoever records it."""


def _store_all() -> None:
    """What a program leaves behind without closing its bank."""
    _ended.set()
    for storing in list(_all):
        storing.wait()


try:
    # Before the executors of the standard library close, which encoders and S3 still need; `atexit` comes after that. It is
    # what they use themselves, and no public function does the same (Python 3.11 to 3.14), so it may be gone one day.
    threading._register_atexit(_store_all)  # type: ignore[attr-defined]
except (AttributeError, RuntimeError):  # it is gone, or the first call is recorded by a thread that goes on
    _ended.set()


class Storing:
    """One thread that gives way to renderings: it would else share their cores, and hold the GIL when the next call is looked
    at. So it begins `delay` seconds after a call, and at once when somebody waits."""

    def __init__(self, waiting: int = WAITING, delay: float = LATER) -> None:
        self._waiting = waiting
        self._delay = delay
        self._begin()
        tell_of_forks(self)
        _all.add(self)

    def _begin(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="seedbank-record", initializer=give_way)
        self._changed = threading.Condition()
        self._under_way = self._forks = 0
        self._awaited = False

    def later(self, act: Callable[[], T]) -> Promised[T]:
        """Run `act` after those before it. Waits while there are too many. Runs it at once where the main thread has ended."""
        due = time.monotonic() + self._delay

        def in_time() -> T:
            with self._changed:
                self._changed.wait_for(lambda: self._awaited, max(0.0, due - time.monotonic()))
            return act()

        with self._changed:
            if self._under_way >= self._waiting:
                self.hurry()
            self._changed.wait_for(lambda: self._under_way < self._waiting and not self._forks)
            if not _ended.is_set():
                self._awaited = False
                future = self._pool.submit(in_time)
                future.add_done_callback(self._done)  # first: Ctrl-C between the two must leave nothing that is waited for
                self._under_way += 1
                return Promised(future, self)
        return Promised(_run(act), self)

    def _done(self, _: Future[T]) -> None:
        with self._changed:
            self._under_way -= 1
            self._changed.notify_all()

    def hurry(self) -> None:
        """Somebody waits for all that came so far."""
        with self._changed:
            self._awaited = True
            self._changed.notify_all()

    def wait(self) -> None:
        """Wait until nothing is under way."""
        with self._changed:
            self.hurry()
            self._changed.wait_for(lambda: self._under_way <= 0)

    def before_fork(self) -> None:
        """A forked process has no such thread: what waits for it is stored first, by this one."""
        with self._changed:
            self._forks += 1
            self.wait()

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
        self.hurry()
        self._pool.shutdown(wait=True)


def _run(act: Callable[[], T]) -> Future[T]:
    future: Future[T] = Future()
    try:
        future.set_result(act())
    except Exception as error:
        future.set_exception(error)
    return future


class Promised(Generic[T]):
    """What storing will give, once it has run."""

    def __init__(self, future: Future[T], storing: Storing) -> None:
        self._future = future
        self._storing = storing

    def done(self) -> bool:
        """Whether it has run."""
        return self._future.done()

    def result(self, timeout: float | None = None) -> T:
        """What it gave; what it raised is raised. Waits for it, at most `timeout` seconds, and lets it begin."""
        if not self._future.done():
            self._storing.hurry()
        return self._future.result(timeout)
