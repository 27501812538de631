"""Numbers of NVIDIA's Philox generator, computed on the CPU: as A1111 imitates it, and as a CUDA device spreads them.

Philox 4x32-10 under the 64-bit seed as its key turns a counter (offset, 0, subsequence, 0) into four 32-bit integers;
the Box-Muller transform makes two normal numbers of two of them (cuRAND, ``curand_philox4x32_x.h``, ``curand_normal.h``).

* A1111 (``modules/rng_philox.py``) gives every element its own subsequence, takes one number of the four, and counts the
  offset up by one for each draw. The sine and the logarithm are our own, so that the bits are the same on every machine;
  A1111 uses NumPy's, which differ by less than one unit in the last place of a float64.
* A CUDA device runs at most SMs x threads per SM threads. Thread t fills the elements t, t + T, t + 2T, t + 3T of T threads
  with the four numbers of one counter, then goes on 4T further (PyTorch, ``aten/src/ATen/native/cuda/
  DistributionTemplates.h``). So two GPUs agree on the elements below their smaller T only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy
from numpy.typing import NDArray

from ..elementary import Array, log, sincos

Integers = NDArray[numpy.uint64]
MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
INCREMENTS = (0x9E3779B9, 0xBB67AE85)
LOW = (1 << 32) - 1
BLOCK = 256
"""Threads in one block of PyTorch's distribution kernels."""
UNROLL = 4

TWO_PI_STEP = float(numpy.float32(2.3283064e-10 * 6.2831855))
"""2π / 2^32 as cuRAND and A1111 have it, in float32."""


def philox(seed: int, offset: Integers, subsequence: Integers) -> tuple[Integers, Integers, Integers, Integers]:
    """Four 32-bit integers (as uint64) for each counter."""
    low, mask = numpy.uint64(32), numpy.uint64(LOW)
    a, b, c, d = offset & mask, offset >> low, subsequence & mask, subsequence >> low
    keys = [seed & LOW, seed >> 32]
    for _ in range(10):
        left, right = a * numpy.uint64(MULTIPLIERS[0]), c * numpy.uint64(MULTIPLIERS[1])
        a, b = (right >> low) ^ b ^ numpy.uint64(keys[0]), right & mask
        c, d = (left >> low) ^ d ^ numpy.uint64(keys[1]), left & mask
        keys = [(key + increment) & LOW for key, increment in zip(keys, INCREMENTS, strict=True)]
    return a, b, c, d


def a1111_normal(seed: int, shape: Sequence[int], offset: int) -> NDArray[numpy.float32]:
    """The draw number `offset` (from 0) of A1111's generator ``NV`` for this seed; `shape` is that of one image."""
    count = math.prod(shape)
    x, y, _, _ = philox(seed, numpy.full(count, offset, dtype=numpy.uint64), numpy.arange(count, dtype=numpy.uint64))
    radius = numpy.sqrt(-2.0 * log(x.astype(numpy.float64) * 2.0**-32 + 2.0**-33))
    sine, _ = sincos(y.astype(numpy.float64) * TWO_PI_STEP + TWO_PI_STEP / 2)
    return (radius * sine).astype(numpy.float32).reshape(shape)


def cuda_threads(count: int, sm_count: int, threads_per_sm: int) -> int:
    """How many threads of a device draw `count` numbers."""
    return min(-(-count // BLOCK), sm_count * (threads_per_sm // BLOCK)) * BLOCK


def cuda_normal(seed: int, shape: Sequence[int], offset: int, threads: int) -> tuple[NDArray[numpy.float32], int]:
    """(the numbers that a CUDA generator at `offset` gives with so many threads, its offset afterwards).

    Offsets count calls of the engine, each of four integers. The integers are the device's to the bit; the normal numbers
    differ from it in the last digits, since a device has a sine and a logarithm of its own.
    """
    count = math.prod(shape)
    element = numpy.arange(count, dtype=numpy.uint64)
    rounds = element // numpy.uint64(threads)
    integers = philox(seed, rounds // numpy.uint64(UNROLL) + numpy.uint64(offset), element % numpy.uint64(threads))
    part = rounds % numpy.uint64(UNROLL)
    x, y = (numpy.where(part < 2, integers[k], integers[k + 2]) for k in (0, 1))
    sine, cosine = sincos(_single(y, TWO_PI_STEP))
    radius = numpy.sqrt(-2.0 * log(_single(x, 2.0**-32)))
    values = (radius * numpy.where(part % numpy.uint64(2), cosine, sine)).astype(numpy.float32)
    return values.reshape(shape), offset + (count - 1) // (threads * UNROLL) + 1


def _single(integers: Integers, step: float) -> Array:
    """(integer + 1/2) x step, rounded to float32 as on the device."""
    return (integers.astype(numpy.float64) * step + step / 2).astype(numpy.float32).astype(numpy.float64)
