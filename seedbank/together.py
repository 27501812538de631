"""Pieces of one computation, made by several threads side by side."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")


def side_by_side(acts: Sequence[Callable[[], T]], threads: int = 2) -> list[T]:
    """What each of `acts` gives, in their order. This thread makes them with others, `threads` in all; whoever is free takes
    the next. The first error is raised once no thread works any more.

    Not by an executor of `concurrent.futures`: it takes nothing any more when the program ends, which is when the last picture
    of a script is stored. Where no thread can be started this one makes them all.
    """
    results: list[Any] = [None] * len(acts)
    errors: list[BaseException] = []
    waiting = list(enumerate(acts))[::-1]

    def work() -> None:
        while not errors:
            try:
                number, act = waiting.pop()
            except IndexError:
                return
            try:
                results[number] = act()
            except BaseException as error:
                errors.append(error)

    others = [threading.Thread(target=work, name="seedbank-beside") for _ in range(min(threads, len(acts)) - 1)]
    started = []
    with suppress(RuntimeError):
        for other in others:
            other.start()
            started.append(other)
    work()
    for other in started:
        other.join()
    if errors:
        raise errors[0]
    return results
