"""Pieces of one computation, made by several threads."""

from __future__ import annotations

import subprocess
import sys
import threading
from functools import partial

import pytest

from seedbank.together import side_by_side

AT_THE_END = """
import concurrent.futures.thread, time
from seedbank.together import side_by_side
def store():
    while not concurrent.futures.thread._shutdown:
        time.sleep(0.01)
    print(side_by_side([lambda: "a", lambda: "b", lambda: "c"]))
concurrent.futures.thread.ThreadPoolExecutor(1).submit(store)
"""


def test_results_come_in_the_order_of_the_acts_and_are_made_at_the_same_time() -> None:
    met = threading.Barrier(2, timeout=10)
    assert side_by_side([lambda: (met.wait(), "a")[1], lambda: (met.wait(), "b")[1], lambda: "c"]) == ["a", "b", "c"]
    assert side_by_side([partial(pow, number, 2) for number in range(50)], 3) == [number**2 for number in range(50)]
    assert side_by_side([]) == []


def test_an_error_is_raised_when_no_thread_works_any_more() -> None:
    before = threading.active_count()

    def fails() -> None:
        raise ValueError("this one")

    with pytest.raises(ValueError, match="this one"):
        side_by_side([fails, *[lambda: None] * 20])
    assert threading.active_count() == before


def test_without_another_thread_this_one_makes_them_all(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuses)
    assert side_by_side([threading.get_ident] * 3) == [threading.get_ident()] * 3


def test_what_is_stored_while_a_program_ends_is_made_all_the_same() -> None:
    done = subprocess.run([sys.executable, "-c", AT_THE_END], capture_output=True, text=True, timeout=60)
    assert done.stdout == "['a', 'b', 'c']\n", done.stderr
