"""Processes that examine files, made by one that has loaded the libraries: the next one is there in milliseconds.

The driver cannot be forked, as it may hold torch, threads and connections; and to load the libraries takes each new process a
quarter of a second of a core. So one process loads them once, has neither threads nor files open, and forks as it is told.
It ends with the driver, and its processes with it, also when it is killed and one of them hangs.

The driver writes tasks into one pipe of a process and reads answers from another, as pickled values. Pipes hold much: a
process goes on for as long as the driver stores what others have found. Where the system gives small ones it waits for the
driver more often, and the driver never for it.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from seedbank.errors import StorageError
from seedbank.posix import end_with, make_pipe, pipe_size

ROOT = Path(__file__).resolve().parents[2]
THREADS = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""Every process has one core; the threads of numpy would only take memory from its limit, and could not be forked."""
MALLOC = dict.fromkeys(("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"), str(32 << 20))
"""Of glibc: memory for a picture of usual size is kept for the next one. Else each gets pages that the kernel has to clear
anew, which took a seventh of the time of one of 1024x1024."""
PIPE = 1 << 20
"""Bytes that a pipe is asked to hold; less where the system gives less."""
PIPES = 32 << 20
"""Bytes that all pipes together are asked to hold. Linux gives a user 64 MiB, and beyond that pipes of 8 KiB only."""
LENGTH = 4
"""Bytes before an answer that say how long it is."""
START, WAIT, KILL = b"start", b"wait", b"kill"
MESSAGE = 32
"""Bytes of the longest message between the driver and the process that forks."""
UNPREPARED = 3
"""Exit status of a process that could not begin."""
PATIENCE = 10.0
"""Seconds for the process that forks to end its own when it is told to."""


class Starter:
    """The process that forks, as the driver knows it. It starts with the first process that is asked for."""

    def __init__(self, module: str, jobs: int, *arguments: str) -> None:
        self._module = module
        self._arguments = arguments
        self._pipe = min(PIPE, PIPES // (2 * jobs))
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        self._count = 0
        self.proven = False
        """A process has answered."""

    def start(self) -> Started:
        """A new process. It takes tasks at once, even before it is there."""
        channel = self._running()
        (tasks, give), (take, answers) = make_pipe(self._pipe), make_pipe(self._pipe)
        try:
            with suppress(OSError):  # the process that forks has ended: the pipes say so, and `end` how
                socket.send_fds(channel, [START], [tasks, answers])
        finally:
            os.close(tasks)
            os.close(answers)
        self._count += 1
        return Started(self, self._count - 1, give, take)

    def _running(self) -> socket.socket:
        if self._channel is None:
            self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
            with theirs:
                # A session of its own: Ctrl-C in the terminal reaches only the driver, which then ends its processes.
                # And `-P`: what lies in the folder that the user is in is no module of ours, whatever its name.
                self._process = subprocess.Popen(
                    [sys.executable, "-P", "-m", self._module, str(theirs.fileno()), *self._arguments],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                    env={**os.environ, **THREADS, **MALLOC, "PYTHONPATH": path},
                )
        return self._channel

    def end(self, number: int, kill: bool) -> int:
        """The exit status of a process that ends by itself, or is killed; negative for a signal.

        Raises `StorageError` where none could be started, or none can be any more.
        """
        assert self._channel is not None
        assert self._process is not None
        said = b""
        with suppress(OSError):
            self._channel.send(b"%s %d" % (KILL if kill else WAIT, number))
            said = self._channel.recv(MESSAGE)
        status = int(said) if said else self._process.wait()
        if said and status != UNPREPARED:
            return status
        if self.proven and not said:
            raise StorageError(
                f"The process that starts those that decode files ended ({in_words(status)}).",
                "Import the folder again, with fewer --jobs where memory is short: what is stored is not read again.",
            )
        raise StorageError(
            f"The process that decodes files could not be started ({in_words(status)}).",
            f"Try fewer --jobs, or see why with: {sys.executable} -P -m {self._module}",
        )

    def close(self) -> None:
        """End the process that forks, and all that it has forked."""
        if self._channel is not None and self._process is not None:
            self._channel.close()
            try:
                self._process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._channel = self._process = None


class Started:
    """One process: tasks go in, answers come out; `fileno` is for a selector."""

    def __init__(self, starter: Starter, number: int, give: int, take: int) -> None:
        self._starter, self._number = starter, number
        self._give, self._take = give, take
        self._read = bytearray()
        self.room = pipe_size(give) // 4  # what is written into a pipe begins a new page where it does not fit the last one

    def fileno(self) -> int:
        return self._take

    def send(self, data: bytes) -> None:
        """Give it a pickled task. Waits where the pipe is full, which it never is while no more than `room` is under way."""
        rest = memoryview(data)
        with suppress(BrokenPipeError):  # it has ended; `answers` says so
            while rest:
                rest = rest[os.write(self._give, rest) :]

    def answers(self) -> list[Any] | None:
        """What it has answered since, perhaps nothing whole yet; None when it has ended."""
        try:
            data = os.read(self._take, PIPE)
        except OSError:
            return None
        if not data:
            return None
        self._starter.proven = True
        self._read += data
        return list(self._whole())

    def _whole(self) -> Iterator[Any]:
        at, read = 0, self._read
        while len(read) >= at + LENGTH:
            end = at + LENGTH + int.from_bytes(read[at : at + LENGTH], "big")
            if len(read) < end:
                break
            yield pickle.loads(read[at + LENGTH : end])
            at = end
        del read[:at]

    def close(self) -> None:
        """Hear and say no more: it ends when it has nothing to do."""
        os.close(self._give)
        os.close(self._take)

    def end(self, kill: bool) -> int:
        """As `Starter.end`."""
        self.close()
        return self._starter.end(self._number, kill)


Work = Callable[[BinaryIO, Callable[[Any], None]], None]


def in_words(status: int) -> str:
    """An exit status; negative is the number of a signal."""
    return signal.Signals(-status).name if status < 0 else f"exit status {status}"


def serve(channel: socket.socket, prepare: Callable[[], None], work: Work) -> None:
    """Fork processes as the driver asks, until it is gone.

    Each does `prepare`, then `work` with its tasks and a function that answers.
    """
    gc.freeze()  # what is loaded is never garbage: no process looks at it again, so its memory stays shared
    parent = os.getpid()
    forked: list[int] = []
    try:
        while True:
            said, files, _, _ = socket.recv_fds(channel, MESSAGE, 2)
            if not said:
                return
            if said == START:
                if (process := os.fork()) == 0:
                    channel.close()
                    _work(parent, prepare, work, *files)
                forked.append(process)
                for file in files:
                    os.close(file)
            else:
                what, which = said.split()
                channel.send(b"%d" % _ended(forked, int(which), kill=what == KILL))
    finally:
        for number in range(len(forked)):
            _ended(forked, number, kill=True)


def _work(parent: int, prepare: Callable[[], None], work: Work, tasks: int, answers: int) -> None:
    """What a forked process does. It never comes back: what stands behind `fork` is its parent's."""

    def answer(value: Any) -> None:
        data = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
        rest = memoryview(len(data).to_bytes(LENGTH, "big") + data)
        while rest:
            rest = rest[os.write(answers, rest) :]

    status = UNPREPARED
    try:
        end_with(parent)
        prepare()
        status = 1
        with open(tasks, "rb") as file:
            work(file, answer)
        status = 0
    except BrokenPipeError:  # the driver is gone
        status = 0
    finally:
        os._exit(status)


def _ended(forked: list[int], number: int, kill: bool) -> int:
    """The exit status of a process; 0 of one whose status was told before."""
    process, forked[number] = forked[number], 0
    if not process:
        return 0
    if kill:
        os.kill(process, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
