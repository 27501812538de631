"""Digests computed beside the computation that makes the tensors, and times that do not make it wait.

A tensor is copied at once, since a pipeline may change it in place later. From a CUDA device the copy is queued in the
device's own stream into page-locked memory: the call goes on, and the bytes are hashed in a thread once they have arrived.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import torch

from .digests import nested_digest, tensors_in

SMALL = 1 << 17
"""Bytes of a stage that are hashed when the digests are asked for: waking a thread would cost more."""


@dataclass(frozen=True)
class Copy:
    """A tensor's copy in memory, whole once `arrived` has happened."""

    values: torch.Tensor
    arrived: Any = None

    def wait(self) -> torch.Tensor:
        if self.arrived is not None:
            self.arrived.synchronize()
        return self.values


def copies(value: Any) -> list[Copy]:
    """Copies of every tensor inside `value`, in order."""
    return [_copy(tensor.detach()) for tensor in tensors_in(value)]


def _copy(tensor: torch.Tensor) -> Copy:
    if tensor.device.type != "cuda":
        return Copy(tensor.to("cpu", copy=True))
    with torch.cuda.device(tensor.device):
        kept = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
        kept.copy_(tensor, non_blocking=True)
        arrived = torch.cuda.Event(blocking=True)
        arrived.record()
    return Copy(kept, arrived)


class Hasher:
    """Digests by stage, in the order in which the stages were added."""

    def __init__(self) -> None:
        self._stages: list[tuple[str, Callable[[], str | None]]] = []
        self._pool: ThreadPoolExecutor | None = None
        self._digests: list[list[str]] | None = None

    def __len__(self) -> int:
        return len(self._stages)

    def add(self, stage: str, tensors: list[Copy], at: int | None = None) -> None:
        """Hash copies as one stage: large ones beside the computation, small ones when the digests are asked for."""

        def digest() -> str | None:
            return nested_digest([tensor.wait() for tensor in tensors])

        if sum(tensor.values.nbytes for tensor in tensors) > SMALL:
            self._pool = self._pool or ThreadPoolExecutor(max_workers=1, thread_name_prefix="seedbank-hash")
            digest = self._pool.submit(digest).result
        self._insert(stage, digest, at)

    def add_now(self, stage: str, value: Any) -> None:
        """Hash the tensors of `value` at once and copy nothing: for deep traces, whose copies would fill the memory."""
        found = nested_digest(value)
        self._insert(stage, lambda: found, None)

    def _insert(self, stage: str, digest: Callable[[], str | None], at: int | None) -> None:
        self._stages.insert(len(self._stages) if at is None else at, (stage, digest))

    def close(self) -> None:
        """No more stages come; what is being hashed goes on."""
        if self._pool is not None:
            self._pool.shutdown(wait=False)

    def digests(self) -> list[list[str]]:
        """[stage, digest] of every stage that held a tensor. Waits for what is still being hashed."""
        if self._digests is None:
            found = [(stage, digest()) for stage, digest in self._stages]
            self._digests = [[stage, digest] for stage, digest in found if digest is not None]
            self._stages = []
        return self._digests


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
