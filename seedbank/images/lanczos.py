"""A grey picture at 32x32, to the bit what Pillow's Lanczos filter gives, in a third of its time.

Pillow sums products of bytes and coefficients of 22 binary digits in whole numbers, row by row, with one instruction each.
The same sums are matrix products, which BLAS computes fast, though in 32-bit floats: these hold whole numbers up to 2^24, so
each coefficient is split in two parts whose sums stay below that. Then no addition rounds, and neither the order of
additions nor the processor can change a bit.

Source: Pillow, `src/libImaging/Resample.c`; the filter: Turkowski, "Filters for common resampling tasks" (1990).
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Bytes = NDArray[np.uint8]
Part = tuple[int, int, NDArray[np.float32]]
"""(first, last, coefficients) of `GROUP` output columns: the input columns that decide them, and (last - first, 2 * GROUP)
numbers, the upper parts of the coefficients before the lower ones."""

SIDE = 32
SUPPORT = 3.0
"""Output pixels to either side that the filter reaches."""
PRECISION = 22
"""Binary digits of a coefficient behind the point."""
LOWER = 7
"""Binary digits of its lower part."""
GROUP = 8
"""Output columns that are computed together: their input columns overlap, so most of them are needed by all."""
STRIP = 1 << 20
"""Pixels that are there as floats at once: a large picture takes no more memory than a usual one."""
SMALLEST = 256
"""Smaller pictures take Pillow a moment, too."""


def at_32x32(grey: Image.Image) -> Bytes:
    """What ``grey.resize((32, 32), Image.Resampling.LANCZOS)`` holds, shape (32, 32); `grey` has mode ``L``."""
    width, height = grey.size
    # Pillow takes the rows first, but from version 13 on the columns where the picture is much taller than wide.
    if min(width, height) >= SMALLEST and 3 * width >= 2 * height:
        across, down = _parts(width), _parts(height)
        if across is not None and down is not None:
            return _narrowed(_narrowed(np.asarray(grey), across).T, down).T
    return np.asarray(grey.resize((SIDE, SIDE), Image.Resampling.LANCZOS))


def _narrowed(pixels: Bytes, parts: tuple[Part, ...]) -> Bytes:
    """Every row of `pixels`, shape (rows, size), at 32 columns."""
    height, width = pixels.shape
    sums = np.empty((height, SIDE), np.int32)
    rows = max(1, STRIP // width)
    for top in range(0, height, rows):
        values = pixels[top : top + rows].astype(np.float32)
        for number, (first, last, coefficients) in enumerate(parts):
            products = (values[:, first:last] @ coefficients).astype(np.int32)
            place = sums[top : top + rows, number * GROUP : (number + 1) * GROUP]
            place[:] = (products[:, :GROUP] << LOWER) + products[:, GROUP:]
    rounded: Bytes = np.clip((sums + (1 << PRECISION - 1)) >> PRECISION, 0, 255).astype(np.uint8)
    return rounded


@lru_cache(64)
def _parts(size: int) -> tuple[Part, ...] | None:
    """The coefficients for rows of `size` pixels; None where the sums could be too large to be exact."""
    columns = [_coefficients(size, column) for column in range(SIDE)]
    parts = []
    for start in range(0, SIDE, GROUP):
        group = columns[start : start + GROUP]
        first, last = group[0][0], max(begin + len(values) for begin, values in group)
        table = np.zeros((last - first, GROUP), np.int64)
        for number, (begin, values) in enumerate(group):
            table[begin - first : begin - first + len(values), number] = values
        upper = (table + (1 << LOWER - 1)) >> LOWER
        both = np.hstack([upper, table - (upper << LOWER)])
        if 255 * np.abs(both).sum(axis=0).max() >= 2**24:
            return None
        parts.append((first, last, both.astype(np.float32)))
    return tuple(parts)


def _coefficients(size: int, column: int) -> tuple[int, list[int]]:
    """The first pixel of a row of `size` that decides the output column, and the weight of each from there on, times 2^22."""
    scale = size / SIDE
    centre, support = (column + 0.5) * scale, SUPPORT * scale
    first, last = max(0, int(centre - support + 0.5)), min(size, int(centre + support + 0.5))
    weights = [_lanczos((pixel - centre + 0.5) * (1.0 / scale)) for pixel in range(first, last)]
    total = 0.0
    for weight in weights:  # one after the other, as `sum` adds more precisely from Python 3.12 on
        total += weight
    scaled = [weight / total * (1 << PRECISION) for weight in weights]
    return first, [int(value - 0.5) if value < 0 else int(value + 0.5) for value in scaled]


def _lanczos(x: float) -> float:
    return _sinc(x) * _sinc(x / 3) if -SUPPORT <= x < SUPPORT else 0.0


def _sinc(x: float) -> float:
    return math.sin(x * math.pi) / (x * math.pi) if x else 1.0
