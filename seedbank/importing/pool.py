"""Processes that examine files under limits. One that dies or hangs costs the file it was at, and nothing else.

The standard library's pool of processes gives up as a whole when one dies and has no limit of time for a single task. Here
each process has pipes of its own and gets tasks ahead, so that it never waits for the driver; when it ends before its answer,
the first task without one is to blame, and the others go to the process that takes its place. One that ends with nothing to do
is no file's fault, and is left out from then on.
"""

from __future__ import annotations

import pickle
import selectors
import time
from collections import deque
from types import TracebackType
from typing import Generic, NamedTuple, Self, TypeVar

from seedbank.importing.examine import HEADERS, Examined, Rejected, Task
from seedbank.importing.starting import Starter, in_words

Key = TypeVar("Key")

MODULE = "seedbank.importing.examine"
AHEAD = 256
"""Work that a process is given before it has answered: enough for the time that the driver stores a batch, and so little that
no process has much to do when the last ones have nothing left. To read headers is 1, and to decode 1 more for each `PIECE`."""
PIECE = 256 << 10
MOST = 64
"""Answers after which no more are waited for: those of processes that are quicker than the driver never end."""
FEW, PAUSE = 8, 0.05
"""With fewer answers than that the driver waits so many seconds for others, as long as every process has enough to do: to be
woken for each picture takes it twice the time, and the processes the caches of their cores."""
SECONDS = 60.0
"""Time for one file. A picture of the largest size takes a few seconds; a busy machine ten times as long."""
START_SECONDS = 120.0
"""Time for a process to load its libraries and answer for the first time."""


class _Given(NamedTuple, Generic[Key]):
    """A task that a process has, as it was sent, and how much work it is."""

    key: Key
    data: bytes
    work: int


class _Child(Generic[Key]):
    """One process and what it has to do."""

    def __init__(self, starter: Starter) -> None:
        self.process = starter.start()
        self.tasks: deque[_Given[Key]] = deque()
        self._unsent: deque[bytes] = deque()
        self._sent = 0
        self.work = 0
        self.answered = False
        self.since = time.monotonic()

    def give(self, given: _Given[Key]) -> None:
        if not self.tasks:
            self.since = time.monotonic()
        self.tasks.append(given)
        self.work += given.work
        self._unsent.append(given.data)
        self._send()

    def _send(self) -> None:
        """Send as many tasks as its pipe has room for. One that is longer goes alone, as it then waits for it."""
        while self._unsent and (not self._sent or self._sent + len(self._unsent[0]) <= self.process.room):
            data = self._unsent.popleft()
            self._sent += len(data)
            self.process.send(data)

    def answers(self) -> list[tuple[Key, Examined | Rejected]] | None:
        """What it has answered; None when it has ended. A part of an answer is a sign of life, too."""
        if (results := self.process.answers()) is None:
            return None
        self.answered = True
        self.since = time.monotonic()
        found = [(self._answered().key, result) for result in results]
        self._send()
        return found

    def _answered(self) -> _Given[Key]:
        given = self.tasks.popleft()
        self.work -= given.work
        self._sent -= len(given.data)
        return given

    @property
    def laden(self) -> bool:
        """It has enough to do."""
        return self.work >= AHEAD

    @property
    def deadline(self) -> float:
        return self.since + (SECONDS if self.answered else START_SECONDS)


class Pool(Generic[Key]):
    """Up to `jobs` processes, started as there is work for them; without `decode` they are there sooner, to read headers."""

    def __init__(self, jobs: int, decode: bool = True) -> None:
        self._jobs = jobs
        self._children: list[_Child[Key]] = []
        self._selector = selectors.DefaultSelector()
        self._starter = Starter(MODULE, jobs, *([] if decode else [HEADERS]))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._selector.close()
        for child in self._children:
            child.process.close()
        self._children.clear()
        self._starter.close()

    @property
    def full(self) -> bool:
        """Every process has enough to do: `collect` before `give`."""
        return len(self._children) == self._jobs and all(child.laden for child in self._children)

    @property
    def busy(self) -> bool:
        """There are answers to wait for."""
        return any(child.tasks for child in self._children)

    def give(self, key: Key, task: Task) -> None:
        """Have `task` examined; `key` comes back with the answer."""
        child = self._least()
        if child is not None and not child.tasks:
            self._ready(0.0)  # without one that has ended meanwhile
            child = self._least()
        if child is None or (child.tasks and len(self._children) < self._jobs):
            child = self._start()
        work = 1 + (task.size // PIECE if task.decode else 0)
        child.give(_Given(key, pickle.dumps(task, pickle.HIGHEST_PROTOCOL), work))

    def collect(self, patience: float = float("inf")) -> list[tuple[Key, Examined | Rejected]]:
        """The answers that are there, after waiting for at least one; none after `patience` seconds, or when not busy."""
        end = time.monotonic() + patience
        while busy := [child for child in self._children if child.tasks]:
            first = min(child.deadline for child in busy)
            found = self._heard(min(first, end) - time.monotonic())
            if 0 < len(found) < FEW and all(2 * child.work >= AHEAD for child in self._children):
                time.sleep(max(0.0, min(PAUSE, end - time.monotonic())))
                found += self._heard(0.0)
            late = [child for child in self._children if child.tasks and time.monotonic() > child.deadline]
            found += [self._replace(child, hung=True) for child in late]
            if found or time.monotonic() >= end:
                return found
        return []

    def _heard(self, seconds: float) -> list[tuple[Key, Examined | Rejected]]:
        """The answers that are there, after waiting for one for so long."""
        found: list[tuple[Key, Examined | Rejected]] = []
        ready = self._ready(seconds)
        while ready:
            for child in ready:
                answers = child.answers()
                found += [self._replace(child, hung=False)] if answers is None else answers
            ready = self._ready(0.0) if len(found) < MOST else []
        return found

    def _least(self) -> _Child[Key] | None:
        """The process that has the least to do."""
        return min(self._children, key=lambda child: (child.laden, child.work), default=None)

    def _ready(self, seconds: float) -> list[_Child[Key]]:
        """Processes that have answered, or ended at work. Those that have ended without any are taken out."""
        ready: list[_Child[Key]] = [key.data for key, _ in self._selector.select(max(0.0, seconds))]
        for child in ready:
            if not child.tasks and child.answers() is None:
                self._take_out(child, kill=False)
        return [child for child in ready if child.tasks]

    def _start(self) -> _Child[Key]:
        child = _Child[Key](self._starter)
        self._children.append(child)
        self._selector.register(child.process, selectors.EVENT_READ, child)
        return child

    def _take_out(self, child: _Child[Key], kill: bool) -> int:
        """Use a process no more; its exit status."""
        self._children.remove(child)
        self._selector.unregister(child.process)
        return child.process.end(kill)

    def _replace(self, child: _Child[Key], hung: bool) -> tuple[Key, Rejected]:
        """Take a process out that has ended or hangs; the file that it was at, and why."""
        status = self._take_out(child, kill=hung)
        lost, *others = child.tasks
        if others:
            heir = self._start()
            for other in others:
                heir.give(other)
        if hung:
            return lost.key, Rejected(f"It was not decoded within {SECONDS:.0f} seconds.", passing=True)
        return lost.key, Rejected(f"The process that decoded it ended ({in_words(status)}).", passing=True)
