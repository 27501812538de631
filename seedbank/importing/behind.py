"""A transaction that ends beside what comes next.

Its statements are made by the caller's thread, its commit by another: that waits for the disk, the longer the larger the bank
is, since the rows of a batch then lie in pages of their own.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import TypeVar

T = TypeVar("T")


class Behind:
    """One transaction at a time that is being committed."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="seedbank-commit")
        self._ending: Future[bool | None] | None = None

    def begin(self, transaction: AbstractContextManager[T]) -> T:
        """What the transaction gives, once its statements are made; `wait` says that it is kept. Waits for the one before."""
        self.wait()
        given = transaction.__enter__()
        self._ending = self._thread.submit(transaction.__exit__, None, None, None)
        return given

    @property
    def done(self) -> bool:
        """Whether `wait` would return, or raise, at once."""
        return self._ending is None or self._ending.done()

    def wait(self) -> None:
        """Until it is committed. What kept it from that is raised here."""
        ending, self._ending = self._ending, None
        if ending is not None:
            ending.result()

    def close(self) -> None:
        """Let it end, however; what was not waited for is not known to be kept."""
        self._thread.shutdown(wait=True)
