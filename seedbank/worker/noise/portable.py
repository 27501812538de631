"""Noise of the kind ``seedbank-v1``: the same bits on every machine, for one image at a time.

Philox 4x64-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3") under the key (seed, 0) turns a counter
into four 64-bit integers. The counter is (block, number, stage, purpose); blocks are counted from 1. The upper 53 bits of an
integer are a uniform number in the middle of one of 2^53 cells, and algorithm AS 241 (Wichura 1988, PPND16) makes it normal.
`docs/noise.md` has the whole definition and a program of thirty lines. It must never change: a better one is seedbank-v2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy
from numpy.typing import NDArray

from ..elementary import Array, horner, log

NOISE, ENCODING = 0, 1
"""Purposes: the noise of the picture; what is drawn while a VAE encodes an input image."""

# AS 241: numerators and denominators for |q| <= 0.425, for r <= 5 and beyond, the constant first.
CENTRE = (
    (3.3871328727963666080, 1.3314166789178437745e2, 1.9715909503065514427e3, 1.3731693765509461125e4,
     4.5921953931549871457e4, 6.7265770927008700853e4, 3.3430575583588128105e4, 2.5090809287301226727e3),
    (1.0, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3, 2.1213794301586595867e4,
     3.9307895800092710610e4, 2.8729085735721942674e4, 5.2264952788528545610e3),
)  # fmt: skip
NEAR = (
    (1.42343711074968357734, 4.63033784615654529590, 5.76949722146069140550, 3.64784832476320460504, 1.27045825245236838258,
     2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4),
    (1.0, 2.05319162663775882187, 1.67638483018380384940, 6.89767334985100004550e-1, 1.48103976427480074590e-1,
     1.51986665636164571966e-2, 5.47593808499534494600e-4, 1.05075007164441684324e-9),
)  # fmt: skip
FAR = (
    (6.65790464350110377720, 5.46378491116411436990, 1.78482653991729133580, 2.96560571828504891230e-1,
     2.65321895265761230930e-2, 1.24266094738807843860e-3, 2.71155556874348757815e-5, 2.01033439929228813265e-7),
    (1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2, 7.86869131745613259100e-4,
     1.84631831751005468180e-5, 1.42151175831644588870e-7, 2.04426310338993978564e-15),
)  # fmt: skip


def normal(seed: int, shape: Sequence[int], stage: int = 0, number: int = 0, purpose: int = NOISE) -> NDArray[numpy.float32]:
    """Standard normal numbers in float32, filled in row-major order.

    `stage` is 0 before the first denoising step and k in the k-th step; `number` counts the draws within the stage from 0.
    """
    uniform = centred_uniform(seed, math.prod(shape), (number, stage, purpose))
    return inverse_normal(uniform).astype(numpy.float32).reshape(shape)


def centred_uniform(seed: int, count: int, stream: tuple[int, int, int]) -> Array:
    """Numbers in (-1/2, 1/2), the odd multiples of 2^-54: never an end, and as many above 0 as below."""
    integers = numpy.random.Philox(
        counter=numpy.array([0, *stream], dtype=numpy.uint64), key=numpy.array([seed, 0], dtype=numpy.uint64)
    ).random_raw(count)
    cells = (integers >> numpy.uint64(11)).astype(numpy.int64) - (1 << 52)
    return (cells.astype(numpy.float64) + 0.5) * 2.0**-53


def inverse_normal(q: Array) -> Array:
    """The standard normal quantile of the probabilities 1/2 + q, by AS 241; the sign is that of q."""
    value = numpy.empty_like(q)
    centre = numpy.abs(q) <= 0.425
    r = 0.180625 - q[centre] * q[centre]
    value[centre] = q[centre] * (horner(CENTRE[0], r) / horner(CENTRE[1], r))
    tail = q[~centre]
    r = numpy.sqrt(-log(0.5 - numpy.abs(tail)))
    near, far = r - 1.6, r - 5.0
    size = numpy.where(r <= 5.0, horner(NEAR[0], near) / horner(NEAR[1], near), horner(FAR[0], far) / horner(FAR[1], far))
    value[~centre] = numpy.where(tail < 0, -size, size)
    return value
