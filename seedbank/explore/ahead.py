"""One thing under way in a thread while the one before is dealt with: rendering the next image while the last is recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def ahead(act: Callable[[T], R], items: Iterable[T], stop: Callable[[], object] = lambda: None) -> Iterator[tuple[T, R]]:
    """(item, act(item)) in order; while the caller deals with one, `act` runs for the next in a thread.

    What `act` raises is raised in its turn, and nothing runs after it. When the caller leaves, what is under way is waited
    for; when it is interrupted (Ctrl-C), `stop` is called first, which must make `act` end.
    """
    under_way: tuple[T, Future[R]] | None = None
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="seedbank-render") as pool:
        try:
            for item in items:
                following = item, pool.submit(act, item)
                before, under_way = under_way, following
                if before is not None:
                    yield before[0], before[1].result()
            if under_way is not None:
                yield under_way[0], under_way[1].result()
        except BaseException as error:
            pool.shutdown(wait=False, cancel_futures=True)
            if isinstance(error, KeyboardInterrupt):
                stop()
            raise
