"""A block in which every diffusers pipeline call is recorded, as ``with bank.recording() as report:`` opens it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from seedbank.bank import Bank
from seedbank.recording.capture import Later, Recorded, inside_a_call, record_call
from seedbank.recording.gaps import Gaps, RecordingGap, told
from seedbank.records import Entry
from seedbank.store.opinions import checked_tags


class Report:
    """What a block recorded. `entries` and `gaps` wait until everything that was called so far is stored."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: list[tuple[str, Recorded]] = []
        self._gaps = Gaps()

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The entries of every call, in the order in which the calls ended."""
        return tuple(entry for _, recorded in self._so_far() for entry in recorded.entries)

    @property
    def gaps(self) -> tuple[str, ...]:
        """One sentence for each call that could not be recorded whole."""
        return tuple(told(name, gap) for name, recorded in self._so_far() if (gap := recorded.gap) is not None)

    def _so_far(self) -> list[tuple[str, Recorded]]:
        with self._lock:
            return list(self._calls)

    def _add(self, pipeline: str, recorded: Recorded) -> None:
        with self._lock:
            self._calls.append((pipeline, recorded.without_result()))
        self._gaps.add(pipeline, recorded)


@contextmanager
def recording(bank: Bank, later: Later, tags: Sequence[str] = ()) -> Iterator[Report]:
    """Record every pipeline call of this block in `bank`; on leaving, all is stored and every gap is a `RecordingGap`.

    Of nested blocks the innermost records a call. Calls in threads that opened no block of their own are recorded by the
    block opened last. A pipeline that another one calls belongs to that call. Raises `BadInput` for what is no tag.
    """
    from seedbank.worker.interception import Interception

    report, tags = Report(), checked_tags(tags)

    def handle(pipe: Any, args: tuple[Any, ...], kwargs: dict[str, Any], run: Callable[[], Any]) -> Any:
        if inside_a_call():
            return run()
        recorded = record_call(bank, pipe, args, kwargs, later, tags, run)
        report._add(type(pipe).__name__, recorded)
        report._gaps.say_softly()
        return recorded.result

    try:
        with Interception(handle):
            yield report
    except BaseException:
        with suppress(RecordingGap):  # where warnings are errors the user's own is the one that counts
            report._gaps.say(wait=True)
        raise
    report._gaps.say(wait=True)
