"""Between two arrays: straight (lerp), or on the great circle through both (slerp), with the same bits on every machine.

Noise between two noises is what a diffusion model expects only on the great circle: on the straight line its numbers
shrink, to 0.71 of their size half-way. Embeddings of texts are not spread like noise; for them the straight line is usual.

Everything is computed in float64 with sums whose order is defined. This module needs no torch.
"""

from __future__ import annotations

import math

import numpy

from .elementary import Array, arccos, sincos

SLERP, LERP = "slerp", "lerp"
CURVES = (SLERP, LERP)
ALMOST_THE_SAME = 0.9995
"""Cosine of the angle above which slerp is straight, since the sine of the angle would be divided by."""


def between(one: Array, other: Array, alpha: float, curve: str = SLERP) -> Array:
    """`alpha` (0: `one`, 1: `other`) of the way between two float64 arrays of one shape."""
    return {SLERP: slerp, LERP: lerp}[curve](one, other, alpha)


def lerp(one: Array, other: Array, alpha: float) -> Array:
    """The straight line."""
    return one * (1.0 - alpha) + other * alpha


def slerp(one: Array, other: Array, alpha: float) -> Array:
    """The great circle, by the angle between the two arrays as wholes (Shoemake 1985)."""
    # Products of float32 values are exact in float64, and fsum rounds their sum once: no order of adding matters.
    size = math.sqrt(_dot(one, one) * _dot(other, other))
    cosine = _dot(one, other) / size if size else 1.0
    if abs(cosine) > ALMOST_THE_SAME:
        return lerp(one, other, alpha)
    weights = arc_weights(numpy.array([cosine]), alpha)
    return one * weights[0] + other * weights[1]


def arc_weights(cosine: Array, alpha: float) -> tuple[Array, Array]:
    """How much of each of the two there is at `alpha` of the way over an angle with this cosine."""
    angle = arccos(numpy.clip(cosine, -1.0, 1.0))
    whole = sincos(angle)[0]
    return sincos((1.0 - alpha) * angle)[0] / whole, sincos(alpha * angle)[0] / whole


def _dot(one: Array, other: Array) -> float:
    return math.fsum((one * other).ravel().tolist())
