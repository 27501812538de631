"""The thread that stores recorded calls."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from seedbank.recording.storing import Storing


@pytest.fixture
def storing():
    made = Storing(waiting=2)
    yield made
    made.close()


def test_calls_are_stored_in_order_and_closing_waits_for_all(storing):
    done = []
    futures = [storing.later(lambda number=number: done.append(number)) for number in range(20)]
    storing.close()
    assert done == list(range(20)) and all(future.done() for future in futures)


def test_a_caller_that_is_too_fast_waits_until_there_is_room(storing):
    go, third = threading.Event(), threading.Event()
    storing.later(go.wait)
    storing.later(lambda: None)
    caller = threading.Thread(target=lambda: (storing.later(lambda: None), third.set()))
    caller.start()
    assert not third.wait(0.2), "two wait already"
    go.set()
    assert third.wait(10)
    caller.join()


def test_it_begins_later_unless_somebody_waits():
    storing, begun = Storing(waiting=2, delay=60), threading.Event()
    try:
        first = storing.later(begun.set)
        assert not begun.wait(0.2) and not first.done(), "the next call begins"
        assert storing.later(lambda: "stored").result(10) == "stored" and first.done()
        for _ in range(4):  # two wait, so the others hurry them
            storing.later(lambda: None)
    finally:
        storing.close()


def test_it_begins_though_nobody_waits():
    storing, begun = Storing(delay=0.05), threading.Event()
    storing.later(begun.set)
    assert begun.wait(10)
    storing.close()


def test_what_fails_is_told_and_makes_room_for_others(storing):
    def broken():
        raise OSError("the disk is full")

    for _ in range(5):
        with pytest.raises(OSError, match="the disk is full"):
            storing.later(broken).result()


def test_a_fork_waits_for_what_is_under_way_and_a_child_stores_what_it_records_itself(storing):
    stored, go = [], threading.Event()
    storing.later(go.wait)
    storing.later(lambda: stored.append(1))
    threading.Timer(0.05, go.set).start()
    child = os.fork()
    if child == 0:
        found = [storing.later(lambda number=number: number).result(10) for number in range(5)]
        os._exit(found == [*range(5)] and stored == [1])
    assert stored == [1]
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
    assert storing.later(lambda: "goes on").result(10) == "goes on"


LEFT = """
from concurrent.futures import ThreadPoolExecutor
from seedbank.recording.storing import Storing
for number in range(3):
    Storing().later(lambda: ThreadPoolExecutor(1).submit(print, "stored").result())
"""


def test_what_waits_when_a_program_ends_is_stored_by_whatever_threads_it_takes():
    done = subprocess.run([sys.executable, "-c", LEFT], capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["stored"] * 3


LONGER = """
import concurrent.futures.thread, threading
{before}
def render():
    threading.main_thread().join()
    from seedbank.recording.storing import Storing
    Storing().later(lambda: print("stored"))
threading.Thread(target=render).start()
"""


@pytest.mark.parametrize("before", ["import seedbank.recording.storing", ""])
def test_what_a_thread_records_after_the_main_one_has_ended_is_stored_by_itself(before):
    done = subprocess.run([sys.executable, "-c", LONGER.format(before=before)], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("stored\n", "")


UNTOLD = """
import concurrent.futures.thread, threading
{gone}
from concurrent.futures import ThreadPoolExecutor
from seedbank.recording.storing import Storing
promised = Storing(delay=60).later(lambda: ThreadPoolExecutor(1).submit(threading.get_ident).result() and threading.get_ident())
print(promised.done() and promised.result() == threading.get_ident())
"""


@pytest.mark.parametrize(("gone", "at_once"), [("del threading._register_atexit", True), ("", False)])
def test_where_python_does_not_tell_when_a_program_ends_calls_are_stored_at_once(gone, at_once):
    command = [sys.executable, "-W", "error", "-c", UNTOLD.format(gone=gone)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == (f"{at_once}\n", "")


FORKED = """
import os
from seedbank.posix import tell_of_forks
class Bank:
    before_fork = staticmethod(lambda: None)
    after_fork = staticmethod(lambda child: None)
tell_of_forks(bank := Bank())
from concurrent.futures import ThreadPoolExecutor
from seedbank.recording.storing import Storing
storing = Storing(delay=60)
storing.later(lambda: ThreadPoolExecutor(1).submit(print, "stored").result())
if os.fork() == 0:
    os._exit(0)
os.wait()
"""


def test_a_fork_waits_for_what_is_stored_by_an_executor_that_was_first_needed_after_a_bank_was_opened():
    done = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, timeout=30)
    assert (done.stdout, done.stderr) == ("stored\n", "")


@pytest.mark.skipif(sys.platform != "linux", reason="threads have a priority of their own on Linux only")
def test_it_gives_way_to_the_threads_that_render(storing):
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    theirs = storing.later(lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id())).result()
    assert theirs == min(19, ours + 5) and os.getpriority(os.PRIO_PROCESS, 0) == ours
