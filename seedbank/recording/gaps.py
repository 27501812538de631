"""Calls that could not be recorded whole, and how that is said: recording costs no image, so it raises nothing."""

from __future__ import annotations

import atexit
import threading
import warnings
from collections import deque

from seedbank.posix import tell_of_forks
from seedbank.recording.capture import Recorded


class RecordingGap(UserWarning):
    """A pipeline call that could not be recorded whole. The call itself went on as ever."""


def told(pipeline: str, gap: str) -> str:
    """The gap of a call of this class, for people."""
    return f"A call of {pipeline} was not recorded whole: {gap}"


class Gaps:
    """Calls whose gaps are not said yet, in the order in which they ended."""

    def __init__(self) -> None:
        self._begin()
        tell_of_forks(self)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._calls: deque[tuple[str, Recorded]] = deque()

    def before_fork(self) -> None:
        """Nothing to do: both sides have the same calls then."""

    def after_fork(self, child: bool) -> None:
        """What is not said yet the parent says; the child says what it records itself."""
        if child:
            self._begin()

    def add(self, pipeline: str, recorded: Recorded) -> None:
        """A call of this class; its result, which may hold a GPU's memory, is not kept."""
        with self._lock:
            self._calls.append((pipeline, recorded.without_result()))

    def say(self, wait: bool = False, *, softly: bool = False) -> None:
        """A `RecordingGap` for each gap that is known, and that the caller has not asked for; with `wait` of all calls.

        `softly` leaves one for a later time where warnings are errors.
        """
        while (call := self._next(wait)) is not None:
            pipeline, recorded = call
            if (gap := recorded.unasked_gap) is None:
                continue
            try:
                warnings.warn(told(pipeline, gap), RecordingGap, stacklevel=4)
            except RecordingGap:
                if not softly:
                    raise
                with self._lock:
                    self._calls.appendleft(call)
                return

    def say_softly(self) -> None:
        """As `say`, but nothing is raised: the image is still the user's."""
        self.say(softly=True)

    def _next(self, wait: bool) -> tuple[str, Recorded] | None:
        with self._lock:
            return self._calls.popleft() if self._calls and (wait or self._calls[0][1].done) else None


SINGLE = Gaps()
"""Of calls outside of blocks. They are said with a later call, when a bank is closed, and at the end of the program."""
atexit.register(SINGLE.say)  # what waits is stored before: see `seedbank.recording.storing`
