"""The next thing is under way while the one before is dealt with."""

from __future__ import annotations

import threading
import time

import pytest

from seedbank.explore.ahead import ahead


def test_everything_comes_in_order_and_the_next_is_under_way_meanwhile():
    begun = threading.Semaphore(0)

    def act(number: int) -> int:
        begun.release()
        return number * number

    pairs = ahead(act, range(4))
    assert next(pairs) == (0, 0)
    assert begun.acquire(timeout=10) and begun.acquire(timeout=10), "the second began before it was asked for"
    assert list(pairs) == [(1, 1), (2, 4), (3, 9)]


def test_an_error_comes_in_its_turn_and_ends_it():
    def act(number: int) -> int:
        if number == 2:
            raise ValueError("two")
        return number

    seen = []
    with pytest.raises(ValueError, match="two"):
        for pair in ahead(act, range(10)):
            seen.append(pair)
    assert seen == [(0, 0), (1, 1)]


def test_who_is_interrupted_stops_what_is_under_way():
    stopped = threading.Event()

    def act(number: int) -> int:
        if number:
            assert stopped.wait(timeout=10)
        return number

    pairs = ahead(act, range(3), stopped.set)
    next(pairs)
    with pytest.raises(KeyboardInterrupt):
        pairs.throw(KeyboardInterrupt())
    assert stopped.is_set()


def test_who_leaves_waits_for_what_is_under_way_and_nothing_more_begins():
    ended = []

    def act(number: int) -> int:
        time.sleep(0.02)
        ended.append(number)
        return number

    pairs = ahead(act, range(10), lambda: pytest.fail("nothing is stopped"))
    next(pairs)
    pairs.close()
    assert ended in ([0, 1], [0])
