"""Processes that examine files under limits. One that dies or hangs costs the file it was at, and nothing else.

The standard library's pool of processes gives up as a whole when one dies and has no limit of time for a single task. Here
each process has a connection of its own and gets a few tasks ahead, so that it never waits for the driver; when it ends
before its answer, the first task without one is to blame, and the others go to the process that takes its place.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Generic, Self, TypeVar

from seedbank.errors import StorageError
from seedbank.importing.examine import Examined, Rejected, Task

Key = TypeVar("Key")

AHEAD = 32
"""Tasks that a process is given before it has answered: work for the time that the driver stores a batch. With the longest
paths that there are they fit the buffer of a socket, so sending never waits for a process that waits itself."""
MOST = 64
"""Answers that are taken at once: those of processes that are quicker than the driver never end."""
SECONDS = 60.0
"""Time for one file. A picture of the largest size takes a few seconds; a busy machine ten times as long."""
START_SECONDS = 120.0
"""Time for a process to load its libraries and answer for the first time."""
ROOT = Path(__file__).resolve().parents[2]
THREADS = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""Every process has one core; the threads of numpy would only take memory from its limit."""
MALLOC = dict.fromkeys(("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"), str(32 << 20))
"""Of glibc: memory for a picture of usual size is kept for the next one. Else each gets pages that the kernel has to clear
anew, which took a seventh of the time of one of 1024x1024."""


class _Child(Generic[Key]):
    """One process and what it has to do."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-m", "seedbank.importing.examine", str(theirs.fileno())]
            path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
            # A session of its own: Ctrl-C in the terminal reaches only the driver, which then ends its processes.
            self.process = subprocess.Popen(
                command,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                env={**os.environ, **THREADS, **MALLOC, "PYTHONPATH": path},
            )
        self.connection = Connection(ours.detach())
        self.tasks: deque[tuple[Key, Task]] = deque()
        self.answered = False
        self.since = time.monotonic()

    def give(self, key: Key, task: Task) -> None:
        if not self.tasks:
            self.since = time.monotonic()
        self.tasks.append((key, task))
        with suppress(OSError):  # it has ended; `answer` says so
            self.connection.send(task)

    def answer(self) -> tuple[Key, Examined | Rejected] | None:
        """The next answer; None when the process has ended."""
        try:
            result = self.connection.recv()
        except (EOFError, OSError):
            return None
        self.answered = True
        self.since = time.monotonic()
        return self.tasks.popleft()[0], result

    @property
    def deadline(self) -> float:
        return self.since + (SECONDS if self.answered else START_SECONDS)

    def end(self) -> int:
        """End the process; its exit status."""
        self.connection.close()
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGKILL)
        return self.process.wait()


class Pool(Generic[Key]):
    """Up to `jobs` processes, started as there is work for them."""

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._children: list[_Child[Key]] = []
        self._selector = selectors.DefaultSelector()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for child in self._children:
            self._selector.unregister(child.connection)
            child.end()
        self._children.clear()
        self._selector.close()

    @property
    def full(self) -> bool:
        """Every process has enough to do: `collect` before `give`."""
        return len(self._children) == self._jobs and all(len(child.tasks) >= AHEAD for child in self._children)

    @property
    def busy(self) -> bool:
        """There are answers to wait for."""
        return any(child.tasks for child in self._children)

    def give(self, key: Key, task: Task) -> None:
        """Have `task` examined; `key` comes back with the answer."""
        child = min(self._children, key=lambda child: len(child.tasks), default=None)
        if child is None or (child.tasks and len(self._children) < self._jobs):
            child = self._start()
        child.give(key, task)

    def collect(self, patience: float = float("inf")) -> list[tuple[Key, Examined | Rejected]]:
        """The answers that are there, after waiting for at least one; none after `patience` seconds, or when not busy."""
        end = time.monotonic() + patience
        while busy := [child for child in self._children if child.tasks]:
            first = min(child.deadline for child in busy)
            ready = self._ready(min(first, end) - time.monotonic())
            found: list[tuple[Key, Examined | Rejected]] = []
            while ready:
                for child in ready:
                    found.append(child.answer() or self._replace(child, hung=False))
                ready = self._ready(0.0) if len(found) < MOST else []
            late = [child for child in self._children if child.tasks and time.monotonic() > child.deadline]
            found += [self._replace(child, hung=True) for child in late]
            if found or time.monotonic() >= end:
                return found
        return []

    def _ready(self, seconds: float) -> list[_Child[Key]]:
        """Processes that have answered, or ended at work."""
        return [key.data for key, _ in self._selector.select(max(0.0, seconds)) if key.data.tasks]

    def _start(self) -> _Child[Key]:
        child = _Child[Key]()
        self._children.append(child)
        self._selector.register(child.connection, selectors.EVENT_READ, child)
        return child

    def _replace(self, child: _Child[Key], hung: bool) -> tuple[Key, Rejected]:
        """Take a process out that has ended or hangs; the file that it was at, and why."""
        self._children.remove(child)
        self._selector.unregister(child.connection)
        status = child.end()
        (key, _), *others = child.tasks
        if not child.answered and not hung and status > 0:
            raise StorageError(
                f"The process that decodes files could not be started (exit status {status}).",
                f"See why with: {sys.executable} -m seedbank.importing.examine 0",
            )
        if others:
            heir = self._start()
            for other in others:
                heir.give(*other)
        if hung:
            return key, Rejected(f"It was not decoded within {SECONDS:.0f} seconds.", passing=True)
        name = signal.Signals(-status).name if status < 0 else f"exit status {status}"
        return key, Rejected(f"The process that decoded it ended ({name}).", passing=True)
