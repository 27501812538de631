"""Logarithm, sine and arc cosine whose bits do not depend on the machine.

The C library, NumPy and CUDA each round these functions their own way, and NumPy another way for each instruction set. Here
they are made of ``+ - * /``, the square root and exact scaling by powers of two, which IEEE 754 defines to the last bit. All
take and give float64 arrays; they are accurate to a few units in the last place, which no float32 result shows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy
from numpy.typing import NDArray

Array = NDArray[numpy.float64]

HALF_PI = (1.5707963267341256, 6.077100506506192e-11)
"""π/2 in two parts: the first has 33 bits, so that small multiples of it are exact."""
_LOG = tuple(2.0 / (2 * k + 1) for k in range(13))
_SIN = tuple((-1) ** k / math.factorial(2 * k + 1) for k in range(9))
_COS = tuple((-1) ** k / math.factorial(2 * k) for k in range(9))
# Numerator and denominator of (arcsin(x) - x) / x as a function of x²: fdlibm, Sun Microsystems 1993, e_acos.c.
_ARC_P = (0.0, 0.16666666666666666, -0.3255658186224009, 0.20121253213486293, -0.04005553450067941, 7.915349942898145e-4,
          3.479331075960212e-5)  # fmt: skip
_ARC_Q = (1.0, -2.403394911734414, 2.0209457602335057, -0.6882839716054533, 0.07703815055590194)


def horner(coefficients: Sequence[float], x: Array) -> Array:
    """The polynomial with these coefficients, the constant first, evaluated from the highest power down."""
    value = numpy.full_like(x, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        value = value * x + coefficient
    return value


def log(x: Array) -> Array:
    """The natural logarithm of positive numbers: the exponent times ln 2, and the series of 2 artanh((m - 1) / (m + 1))."""
    mantissa, exponent = numpy.frexp(x)
    small = mantissa < 0.7071067811865476
    mantissa = numpy.where(small, mantissa * 2.0, mantissa)
    exponent = numpy.where(small, exponent - 1, exponent)
    ratio = (mantissa - 1.0) / (mantissa + 1.0)
    return exponent * 0.6931471805599453 + ratio * horner(_LOG, ratio * ratio)


def sincos(x: Array) -> tuple[Array, Array]:
    """(sine, cosine) of angles from 0 to a few turns: reduced to ±π/4, then the Taylor series."""
    turns = numpy.floor(x * 0.6366197723675814 + 0.5)
    rest = (x - turns * HALF_PI[0]) - turns * HALF_PI[1]
    square = rest * rest
    sine, cosine = rest * horner(_SIN, square), horner(_COS, square)
    quarter = turns.astype(numpy.int64) & 3
    first, second = numpy.where(quarter & 1, cosine, sine), numpy.where(quarter & 1, sine, cosine)
    return numpy.where(quarter >= 2, -first, first), numpy.where((quarter == 1) | (quarter == 2), -second, second)


def arccos(x: Array) -> Array:
    """The angle from 0 to π whose cosine is `x`."""
    large = numpy.abs(x) >= 0.5
    square = numpy.where(large, (1.0 - numpy.abs(x)) * 0.5, x * x)
    root = numpy.where(large, numpy.sqrt(square), x)
    arc = root + root * (horner(_ARC_P, square) / horner(_ARC_Q, square))
    pi = 3.141592653589793
    return numpy.where(large, numpy.where(x < 0, pi - 2.0 * arc, 2.0 * arc), pi * 0.5 - arc)
