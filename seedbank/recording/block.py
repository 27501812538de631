"""A block in which every diffusers pipeline call is recorded, as ``with bank.recording() as report:`` opens it."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from seedbank.bank import Bank
from seedbank.recording.capture import Later, Recorded, inside_a_call, record_call
from seedbank.records import Entry
from seedbank.store.opinions import checked_tags


class RecordingGap(UserWarning):
    """A pipeline call in a recording block that could not be recorded whole. The call itself went on as ever."""


class Report:
    """What a block recorded. `entries` and `gaps` wait until everything that was called so far is stored."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: list[tuple[str, Recorded]] = []
        self._unsaid = 0

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The entries of every call, in the order in which the calls ended."""
        return tuple(entry for _, recorded in self._so_far() for entry in recorded.entries)

    @property
    def gaps(self) -> tuple[str, ...]:
        """One sentence for each call that could not be recorded whole."""
        return tuple(_gap(name, recorded) for name, recorded in self._so_far() if recorded.gap is not None)

    def _so_far(self) -> list[tuple[str, Recorded]]:
        with self._lock:
            return list(self._calls)

    def _add(self, pipeline: str, recorded: Recorded) -> None:
        with self._lock:
            self._calls.append((pipeline, recorded.without_result()))

    def _warn(self, wait: bool) -> None:
        """Say the gaps that are known and not said yet; with `wait` all of them."""
        calls = self._so_far()
        while self._unsaid < len(calls) and (wait or calls[self._unsaid][1].done):
            name, recorded = calls[self._unsaid]
            self._unsaid += 1
            if recorded.gap is not None:
                warnings.warn(_gap(name, recorded), RecordingGap, stacklevel=4)


def _gap(pipeline: str, recorded: Recorded) -> str:
    return f"A call of {pipeline} was not recorded whole: {recorded.gap}"


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
        with suppress(RecordingGap):  # where warnings are errors the image is still the user's
            report._warn(wait=False)
        return recorded.result

    try:
        with Interception(handle):
            yield report
    finally:
        report._warn(wait=True)
