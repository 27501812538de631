"""Progress is an argument: whoever calls a long piece of work says how it is shown, and the default is not at all.

with progress.task("regen", total=len(entries)) as task:
    for entry in entries:
        ...
        task.advance()

for entry in track(progress, entries, "regen"):
    ...
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable, Iterator, Sized
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
DELAY = 0.5
"""Seconds after which a bar is shown: what takes less needs none."""
PULSE = 1.0
"""Seconds between two looks at the clock while nothing advances."""
NOT_COUNTED = "{desc} … {elapsed}"
"""A task of which nothing has been counted yet, and nobody knows how much there is: how long it has taken."""


class Task(Protocol):
    """One piece of work under way."""

    def advance(self, count: int = 1) -> None:
        """`count` more units are done."""


class Progress(Protocol):
    """A way to show how far work has come."""

    def task(self, label: str, total: int | None = None, unit: str = "") -> AbstractContextManager[Task]:
        """Show a task while the context lasts. `total` is None when it is not known; `unit` is B for bytes."""


def track(progress: Progress, items: Iterable[T], label: str, total: int | None = None) -> Iterator[T]:
    """The items one by one; each counts as done when the next one is asked for."""
    if total is None and isinstance(items, Sized):
        total = len(items)
    with progress.task(label, total) as task:
        for item in items:
            yield item
            task.advance()


class _Quiet:
    """Shows nothing."""

    def task(self, label: str, total: int | None = None, unit: str = "") -> AbstractContextManager[Task]:
        return nullcontext(self)

    def advance(self, count: int = 1) -> None:
        pass


class _Terminal:
    """A bar on stderr with rate and remaining time, gone when the task ends: only results stay on the screen.

    Its clock goes on while nothing advances: a large model is loaded, or its first picture rendered, for minutes.
    """

    @contextmanager
    def task(self, label: str, total: int | None = None, unit: str = "") -> Iterator[Task]:
        from tqdm import tqdm  # costs 20 ms or more, and only when something is shown

        scale = unit == "B"
        with tqdm(
            total=total,
            desc=label,
            unit=unit or " items",
            unit_scale=scale,
            unit_divisor=1024 if scale else 1000,
            bar_format=NOT_COUNTED if total is None else None,
            leave=False,
            delay=DELAY,
            dynamic_ncols=True,
        ) as bar:
            ended = threading.Event()
            clock = threading.Thread(target=_keep_shown, args=(bar, ended), name="seedbank-clock", daemon=True)
            clock.start()
            try:
                yield _Bar(bar)
            finally:
                ended.set()
                clock.join()


def _keep_shown(bar: Any, ended: threading.Event) -> None:
    wait = DELAY
    while not ended.wait(wait):
        bar.delay = 0  # it stands on the screen from now on, and is taken away at its end
        bar.refresh()
        wait = PULSE


class _Bar:
    def __init__(self, bar: Any) -> None:
        self._bar = bar

    def advance(self, count: int = 1) -> None:
        if count:
            self._bar.bar_format = None
        self._bar.update(count)


QUIET: Progress = _Quiet()


def terminal() -> Progress:
    """Bars on stderr. Ask for it only when stderr is a terminal."""
    return _Terminal()


def aside() -> AbstractContextManager[None]:
    """While it lasts no bar stands on the screen, so that lines can be written; they come back below those."""
    tqdm = getattr(sys.modules.get("tqdm"), "tqdm", None)
    return nullcontext() if tqdm is None else tqdm.external_write_mode(file=sys.stderr)
