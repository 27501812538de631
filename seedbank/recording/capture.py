"""Capture: run a user's own loaded pipeline, unchanged, and record the call whole.

Nothing of the user's is touched: not the arguments, not the random state, not the pipeline. Recording fails softly: the
result is handed back all the same, and `Recorded.gap` says what is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Event
from typing import TYPE_CHECKING, Any

from seedbank.bank import Bank, now
from seedbank.errors import SeedbankError
from seedbank.recording.keep import keep
from seedbank.recording.look import Call, look
from seedbank.recording.pictures import images_of, pictures_of
from seedbank.recording.storing import Promised
from seedbank.records import Entry
from seedbank.store.opinions import checked_tags

if TYPE_CHECKING:
    from seedbank.worker.tracing import Trace

Kept = tuple[tuple[Entry, ...], str | None]
"""(the entries, what went wrong with recording if anything)"""
Later = Callable[[Callable[[], Kept]], Promised[Kept]]

_inside: ContextVar[bool] = ContextVar("seedbank_inside_a_recorded_call", default=False)


class Recorded:
    """What `Library.record` gives: the pipeline's own result at once, the entries as soon as they are safely stored.

    Encoding and storing go on beside your next rendering. `entries` and `gap` wait for them; so does closing the bank.
    A gap that nobody asked for becomes a warning (`RecordingGap`), at the latest when the bank is closed.
    """

    def __init__(self, result: Any, kept: Promised[Kept] | Kept, asked: Event | None = None) -> None:
        self.result = result
        self._kept = kept
        self._asked = asked or Event()

    @property
    def images(self) -> list[Any]:
        """The images of the result, as the pipeline returned them."""
        return images_of(self.result)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """One entry for each image, stored; empty when recording failed."""
        return self._wait()[0]

    @property
    def gap(self) -> str | None:
        """What went wrong with recording, in one sentence; None when all is recorded."""
        gap = self._wait()[1]
        self._asked.set()
        return gap

    @property
    def unasked_gap(self) -> str | None:
        """`gap`, or None where somebody has asked for that; this does not count."""
        return None if self._asked.is_set() else self._wait()[1]

    @property
    def done(self) -> bool:
        """Whether `entries` and `gap` are known without waiting."""
        return not isinstance(self._kept, Promised) or self._kept.done()

    def without_result(self) -> Recorded:
        """The same without the pipeline's result, which may hold a GPU's memory."""
        return Recorded(None, self._kept, self._asked)

    def _wait(self) -> Kept:
        return self._kept.result() if isinstance(self._kept, Promised) else self._kept


def inside_a_call() -> bool:
    """Whether this is inside a recorded call: pipelines that it calls belong to it."""
    return _inside.get()


def record_call(
    bank: Bank,
    pipe: Any,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    later: Later,
    tags: Sequence[str] = (),
    run: Callable[[], Any] | None = None,
) -> Recorded:
    """Run ``pipe(*args, **kwargs)`` and record one entry for each image. An error of the pipeline itself is passed on.

    `later` runs the storing part, in order, beside what the caller does next. `run` makes the call where it is not plain
    ``pipe(*args, **kwargs)``.
    """
    tags = checked_tags(tags)
    call, gap = _softly(lambda: look(pipe, args, kwargs))
    with _watched(call) as watch:
        result = run() if run is not None else pipe(*args, **kwargs)
    if call is None:
        return Recorded(result, ((), gap))
    # Copied now: the images belong to the user, who may draw on them while they are stored.
    pictures, gap = _softly(lambda: pictures_of(result, call.output_type))
    if pictures is None:
        return Recorded(result, ((), gap))
    finished = now()

    def store() -> Kept:
        entries: list[Entry] = []
        _, problem = _softly(lambda: entries.extend(keep(bank, call, watch.trace, pictures, finished, tags)))
        return tuple(entries), problem or watch.problem

    kept, gap = _softly(lambda: later(store))
    return Recorded(result, ((), gap) if kept is None else kept)


class _Watch:
    """What is watched during a call, and what went wrong with watching it."""

    trace: Trace | None = None
    problem: str | None = None


@contextmanager
def _watched(call: Call | None) -> Iterator[_Watch]:
    """Trace what happens inside and see which global random states it draws from; nothing here reaches the call."""
    from seedbank.worker import randomness
    from seedbank.worker.tracing import Trace

    watch = _Watch()
    before: dict[str, Any] = {}
    if call is not None:
        watch.trace, watch.problem = _softly(lambda: Trace(call.pipe, device=call.device).__enter__())
        before, problem = _softly(randomness.snapshot)
        watch.problem = watch.problem or problem
    token = _inside.set(True)
    try:
        yield watch
    finally:
        _inside.reset(token)
        if watch.trace is not None:
            _, problem = _softly(watch.trace.__exit__)
            watch.problem = watch.problem or problem
    if call is not None and before:
        drawn, problem = _softly(lambda: randomness.consumed(before, randomness.snapshot()))
        watch.problem = watch.problem or problem
        # The global generator that was passed with its seed is begun anew from that.
        kept = [name for name in drawn or () if not (name == randomness.CPU and call.noise.get("global"))]
        if drawn:
            call.drawn = drawn
        if kept:
            call.random_state = randomness.pack(before, kept)


def _softly(act: Callable[[], Any]) -> tuple[Any, str | None]:
    """The value of `act`, or what went wrong: recording must never cost the user an image."""
    try:
        return act(), None
    except SeedbankError as error:
        return None, error.message
    except Exception as error:
        return None, f"{type(error).__name__}: {error}"
