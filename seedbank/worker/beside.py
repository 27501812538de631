"""Digests computed beside the computation that makes the tensors, and times that do not make it wait.

A tensor is copied at once, since a pipeline may change it in place later. From a CUDA device the copy is queued in the
device's own stream into page-locked memory: the call goes on, and the bytes are hashed in a thread once they have arrived.
What the call itself takes must not grow meanwhile, so memory for copies is used again, and the thread is woken seldom.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import torch

from .digests import nested_digest, tensors_in

BATCH = 1 << 22
"""Bytes of stages that are hashed in one go beside the computation; a rest below it when the digests are asked for. Each
waking of the thread can take the caller's core or its GIL for a moment, and 4 MiB are hashed in 3 ms."""
LARGE = 1 << 16
"""Bytes from which on a copy lies in memory that is kept: what is smaller takes few pages."""
KEPT = 1 << 25
"""Bytes of memory that are kept for the copies of later calls."""


class Buffers:
    """Memory that lay under copies before. The system clears every page of fresh memory when it is first written to: 3 ms
    for the stages of one picture of 1024x1024. It would also move what the pipeline itself allocates to fresh pages.
    """

    def __init__(self, limit: int = KEPT) -> None:
        self._limit = limit
        self._free: list[torch.Tensor] = []
        self._lock = threading.Lock()

    def take(self, size: int) -> torch.Tensor:
        """`size` bytes or up to twice as many, with whatever they held."""
        with self._lock:
            fitting = [place for place, buffer in enumerate(self._free) if size <= buffer.numel() <= 2 * size]
            if fitting:
                return self._free.pop(min(fitting, key=lambda place: self._free[place].numel()))
        with torch.inference_mode(False):  # made inside it, it could not be written to outside
            return torch.empty(size, dtype=torch.uint8, device="cpu")

    def give_back(self, buffer: torch.Tensor) -> None:
        """Keep the memory for a later copy; where it is too much, what lay longest goes."""
        if buffer.numel() > self._limit:
            return
        with self._lock:
            self._free.append(buffer)
            while sum(kept.numel() for kept in self._free) > self._limit:
                del self._free[0]


_buffers = Buffers()


@dataclass(frozen=True)
class Copy:
    """A tensor's copy in memory, whole once `arrived` has happened."""

    values: torch.Tensor
    arrived: Any = None
    buffer: torch.Tensor | None = None
    """The memory under `values`, where it is one of those that are used again."""

    def wait(self) -> torch.Tensor:
        if self.arrived is not None:
            self.arrived.synchronize()
        return self.values

    def let_go(self) -> None:
        """The values are needed no more: from now on another copy may lie in their place."""
        if self.buffer is not None:
            _buffers.give_back(self.buffer)


def copies(value: Any) -> list[Copy]:
    """Copies of every tensor inside `value`, in order."""
    return [_copy(tensor.detach()) for tensor in tensors_in(value)]


def _copy(tensor: torch.Tensor) -> Copy:
    if tensor.device.type == "cuda":
        return _queued(tensor)
    if tensor.nbytes < LARGE:
        return Copy(tensor.to("cpu", copy=True))
    buffer = _buffers.take(tensor.nbytes)
    values = buffer[: tensor.nbytes].view(tensor.dtype).view(tensor.shape)
    return Copy(values.copy_(tensor), buffer=buffer)


def _queued(tensor: torch.Tensor) -> Copy:
    """The copy of a tensor on a CUDA device. torch itself keeps page-locked memory and gives it out again."""
    with torch.cuda.device(tensor.device):
        kept = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
        kept.copy_(tensor, non_blocking=True)
        arrived = torch.cuda.Event(blocking=True)
        arrived.record()
    return Copy(kept, arrived)


@dataclass
class _Stage:
    """One stage: the copies of its tensors until they are hashed, and then its digest, None when it held no tensor."""

    name: str
    copies: list[Copy] = field(default_factory=list)
    digest: str | None = None

    def hash(self) -> None:
        self.digest = nested_digest([copy.wait() for copy in self.copies])
        for copy in self.copies:
            copy.let_go()
        self.copies = []


class Hasher:
    """Digests by stage, in the order in which the stages were added."""

    def __init__(self) -> None:
        self._stages: list[_Stage] = []
        self._waiting: list[_Stage] = []
        self._bytes = 0
        self._pool: ThreadPoolExecutor | None = None
        self._begun: list[Future[None]] = []

    def __len__(self) -> int:
        return len(self._stages)

    def add(self, name: str, copies: list[Copy], at: int | None = None) -> None:
        """Hash copies as one stage, beside the computation as soon as there are enough of them."""
        stage = _Stage(name, copies)
        self._insert(stage, at)
        self._waiting.append(stage)
        self._bytes += sum(copy.values.nbytes for copy in copies)
        # Executors take nothing once the main thread has ended: then all are hashed when the digests are asked for.
        if self._bytes > BATCH and threading.main_thread().is_alive():
            self._pool = self._pool or ThreadPoolExecutor(max_workers=1, thread_name_prefix="seedbank-hash")
            self._begun.append(self._pool.submit(_hash, self._waiting))
            self._waiting, self._bytes = [], 0

    def add_now(self, name: str, value: Any) -> None:
        """Hash the tensors of `value` at once and copy nothing: for deep traces, whose copies would fill the memory."""
        self._insert(_Stage(name, digest=nested_digest(value)), None)

    def _insert(self, stage: _Stage, at: int | None) -> None:
        self._stages.insert(len(self._stages) if at is None else at, stage)

    def close(self) -> None:
        """No more stages come; what is being hashed goes on."""
        if self._pool is not None:
            self._pool.shutdown(wait=False)

    def digests(self) -> list[list[str]]:
        """[stage, digest] of every stage that held a tensor. Waits for what is still being hashed."""
        waiting, self._waiting = self._waiting, []
        _hash(waiting)
        for begun in self._begun:
            begun.result()
        return [[stage.name, stage.digest] for stage in self._stages if stage.digest is not None]


def _hash(stages: list[_Stage]) -> None:
    for stage in stages:
        stage.hash()


class Clock:
    """Moments of a computation: on CUDA they are events in its stream, elsewhere readings of the wall clock."""

    def __init__(self, device: torch.device | str = "cpu") -> None:
        device = torch.device(device)
        self._stream = torch.cuda.current_stream(device) if device.type == "cuda" else None

    def now(self) -> Any:
        """This moment."""
        if self._stream is None:
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record(self._stream)
        return event

    def seconds(self, start: Any, end: Any) -> float:
        """Seconds from one moment to a later one. Waits until the device has come that far."""
        if self._stream is None:
            return float(end - start)
        end.synchronize()
        return float(start.elapsed_time(end)) / 1000
