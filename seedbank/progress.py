"""Progress is an argument: whoever calls a long piece of work says how it is shown, and the default is not at all.

with progress.task("regen", total=len(entries)) as task:
    for entry in entries:
        ...
        task.advance()

for entry in track(progress, entries, "regen"):
    ...
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Protocol, TypeVar

T = TypeVar("T")


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
    """A bar on stderr with rate and remaining time, gone when the task ends: only results stay on the screen."""

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
            leave=False,
            delay=0.5,
            dynamic_ncols=True,
        ) as bar:
            yield _Bar(bar.update)


class _Bar:
    def __init__(self, update: Callable[[int], object]) -> None:
        self._update = update

    def advance(self, count: int = 1) -> None:
        self._update(count)


QUIET: Progress = _Quiet()


def terminal() -> Progress:
    """Bars on stderr. Ask for it only when stderr is a terminal."""
    return _Terminal()
