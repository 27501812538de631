"""Sources of normal numbers, one for each kind of noise, and how they are combined."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from ..interpolation import between
from ..refusal import BAD_INPUT, Refusal
from . import nvidia, portable
from .drawing import Draw, Source
from .variation import vary


class TorchStream:
    """A generator of torch's own, on the CPU or a GPU: every draw goes on where the one before ended.

    It draws in `dtype` where that is given. `before` images of the same size are drawn first, and thrown away.
    """

    def __init__(self, seed: int, device: str = "cpu", dtype: torch.dtype | None = None, before: int = 0) -> None:
        self.generator = torch.Generator(device).manual_seed(seed)
        self.dtype = dtype
        self.before = before

    def normal(self, shape: Sequence[int], dtype: torch.dtype, draw: Draw) -> torch.Tensor:
        for _ in range(self.before if draw.initial else 0):
            self._draw(shape, dtype)
        return self._draw(shape, dtype)

    def _draw(self, shape: Sequence[int], dtype: torch.dtype) -> torch.Tensor:
        drawn = self.dtype or dtype
        return torch.randn(tuple(shape), generator=self.generator, device=self.generator.device, dtype=drawn)


class Portable:
    """``seedbank-v1``: every draw has a stream of its own, so none depends on another."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def normal(self, shape: Sequence[int], dtype: torch.dtype, draw: Draw) -> torch.Tensor:
        purpose = portable.ENCODING if draw.encoding else portable.NOISE
        return torch.from_numpy(portable.normal(self.seed, shape, draw.stage, draw.number, purpose))


class A1111Nvidia:
    """``a1111-nv``: one offset for each draw. A1111 draws nothing while it encodes, so that comes from `Portable`."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.offset = 0

    def normal(self, shape: Sequence[int], dtype: torch.dtype, draw: Draw) -> torch.Tensor:
        if draw.encoding:
            return Portable(self.seed).normal(shape, dtype, draw)
        self.offset += 1
        return torch.from_numpy(nvidia.a1111_normal(self.seed, shape, self.offset - 1))


class OtherCuda:
    """What a CUDA generator gives on a device with so many threads, computed on the CPU; see `nvidia.cuda_normal`."""

    def __init__(self, seed: int, sm_count: int, threads_per_sm: int) -> None:
        self.seed = seed
        self.offset = 0
        self.size = (sm_count, threads_per_sm)

    def normal(self, shape: Sequence[int], dtype: torch.dtype, draw: Draw) -> torch.Tensor:
        threads = nvidia.cuda_threads(torch.Size(shape).numel(), *self.size)
        values, self.offset = nvidia.cuda_normal(self.seed, shape, self.offset, threads)
        return torch.from_numpy(values)


class Varied:
    """`source`, with the initial noise moved towards that of `other`."""

    def __init__(self, source: Source, other: Source, strength: float, form: str) -> None:
        self.source, self.other, self.strength, self.form = source, other, strength, form

    def normal(self, shape: Sequence[int], dtype: torch.dtype, draw: Draw) -> torch.Tensor:
        values = self.source.normal(shape, dtype, draw)
        if not draw.initial:
            return values
        if len(shape) < 2:
            raise Refusal(BAD_INPUT, "Noise without height and width has no variations.")
        low, high = (_array(noise) for noise in (values, self.other.normal(shape, dtype, draw)))
        return torch.from_numpy(vary(low, high, self.strength, self.form)).to(dtype)


class Blended:
    """Every draw between that of `source` and that of `other`: also what a scheduler draws in its steps."""

    def __init__(self, source: Source, other: Source, alpha: float, curve: str) -> None:
        self.source, self.other, self.alpha, self.curve = source, other, alpha, curve

    def normal(self, shape: Sequence[int], dtype: torch.dtype, draw: Draw) -> torch.Tensor:
        one, other = (_array(source.normal(shape, dtype, draw)).astype("float64") for source in (self.source, self.other))
        return torch.from_numpy(between(one, other, self.alpha, self.curve)).to(dtype)


class Delayed:
    """The initial noise from `first`, everything later from `later`: A1111's eta noise seed delta (ENSD)."""

    def __init__(self, first: Source, later: Source) -> None:
        self.first, self.later = first, later

    def normal(self, shape: Sequence[int], dtype: torch.dtype, draw: Draw) -> torch.Tensor:
        return (self.first if draw.stage == 0 else self.later).normal(shape, dtype, draw)


class Shown:
    """`source`, whose initial noise `look` sees first."""

    def __init__(self, source: Source, look: Callable[[torch.Tensor], None]) -> None:
        self.source, self.look = source, look

    def normal(self, shape: Sequence[int], dtype: torch.dtype, draw: Draw) -> torch.Tensor:
        values = self.source.normal(shape, dtype, draw)
        if draw.initial:
            self.look(values.to(dtype))
        return values


def _array(noise: torch.Tensor) -> Any:
    return noise.detach().to("cpu", torch.float32).numpy()
