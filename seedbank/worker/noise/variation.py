"""Variation: noise between that of a seed and that of a second seed, on the great circle through both (slerp).

Two forms. ``sane`` takes the angle between the two tensors as wholes. ``a1111`` is what A1111 and SwarmUI compute: an angle
for every column, over the height of the latents, and for noise that is almost the same a straight mixture in which the two
are swapped. The first is the better one; the second is there to follow pictures made with these tools, to within the
rounding of their float32 arithmetic.

Everything is computed in float64 with sums whose order is defined, so that the bits do not depend on the machine.
"""

from __future__ import annotations

import math

import numpy
from numpy.typing import NDArray

from ..elementary import Array
from ..interpolation import ALMOST_THE_SAME, arc_weights, slerp

SANE, A1111 = "sane", "a1111"
FORMS = (SANE, A1111)


def vary(noise: NDArray[numpy.float32], other: NDArray[numpy.float32], strength: float, form: str) -> Array:
    """The noise at `strength` (0: `noise`, 1: `other`) of the way; arrays of one shape (…, height, width), as float64."""
    low, high = noise.astype(numpy.float64), other.astype(numpy.float64)
    return {SANE: slerp, A1111: _a1111}[form](low, high, strength)


def _a1111(low: Array, high: Array, strength: float) -> Array:
    cosine = _columns(low / _norm(low), high / _norm(high))
    if math.fsum(cosine.ravel().tolist()) / cosine.size > ALMOST_THE_SAME:
        return low * strength + high * (1.0 - strength)
    weights = arc_weights(cosine, strength)
    return low * weights[0] + high * weights[1]


def _norm(values: Array) -> Array:
    return numpy.sqrt(_columns(values, values))


def _columns(one: Array, other: Array) -> Array:
    """Sums of products over the height, row after row, of shape (…, 1, width)."""
    total = numpy.zeros_like(one[..., :1, :])
    for row in range(one.shape[-2]):
        total = total + one[..., row : row + 1, :] * other[..., row : row + 1, :]
    return total
