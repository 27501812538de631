"""How far two pictures are apart: four numbers, each with its published definition, computed with numpy alone."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seedbank.images.codec import Pixels, image_of

Floats = NDArray[np.float64]

HIGHEST_PSNR = 200.0
"""dB of equal pictures, whose PSNR is infinite: JSON has no infinity, and no two different pictures come near it."""
WINDOW, SIGMA = 11, 1.5
BASIS = np.cos(np.pi * np.outer(np.arange(8), 2 * np.arange(32) + 1) / 64)
"""The 8 lowest frequencies of the DCT-II over 32 values, shape (8, 32)."""


def metrics(a: Pixels, b: Pixels) -> dict[str, float]:
    """{max, psnr, ssim, phash} of two pictures.

    max    largest difference of a channel, 0 to 255
    psnr   peak signal-to-noise ratio over all channels in dB, `HIGHEST_PSNR` for equal pictures
    ssim   structural similarity of the luma, -1 to 1 (Wang, Bovik, Sheikh, Simoncelli 2004)
    phash  how many of the 64 bits of the perceptual hashes differ

    Pictures of different size or mode have no pixels in common: 255, 0 dB, 0; only the hashes can be compared.
    """
    bits = (int(perceptual_hash(a), 16) ^ int(perceptual_hash(b), 16)).bit_count()
    if (a.mode, a.width, a.height) != (b.mode, b.width, b.height):
        return {"max": 255.0, "psnr": 0.0, "ssim": 0.0, "phash": float(bits)}
    difference = np.abs(samples(a) - samples(b))
    return {
        "max": float(difference.max()),
        "psnr": _psnr(float(np.mean(difference**2))),
        "ssim": _ssim(luma(a), luma(b)),
        "phash": float(bits),
    }


def samples(pixels: Pixels) -> Floats:
    """The channels as numbers from 0 to 255, shape (height, width, channels)."""
    if pixels.mode == "I;16":
        values = np.frombuffer(pixels.rows, "<u2").astype(np.float64) / 257.0
    else:
        values = np.frombuffer(pixels.rows, np.uint8).astype(np.float64)
    return values.reshape(pixels.height, pixels.width, -1)


def luma(pixels: Pixels) -> Floats:
    """Brightness from 0 to 255, shape (height, width): ITU-R BT.601 in whole numbers, as Pillow converts to ``L``."""
    return np.asarray(_grey(pixels), dtype=np.float64)


def perceptual_hash(pixels: Pixels) -> str:
    """The 64-bit "pHash" as 16 hex digits, bit for bit as the library ImageHash computes it.

    The luma at 32x32 is transformed by a two-dimensional DCT-II; each bit says whether one of the 8x8 lowest
    frequencies lies above their median. Rounding makes flat pictures, where only noise of the arithmetic is left, equal
    everywhere.
    """
    # By Pillow, with one thread: `lanczos` is faster, but BLAS would take all threads from a rendering beside it.
    return hash_of_small(np.asarray(_grey(pixels).resize((32, 32), Image.Resampling.LANCZOS)))


def hash_of_small(grey: NDArray[np.uint8]) -> str:
    """The perceptual hash of a picture whose luma is there at 32x32, shape (32, 32)."""
    low = np.round(BASIS @ np.ascontiguousarray(grey, dtype=np.float64) @ BASIS.T, 6)
    bits = (low > np.median(low)).flatten()
    return f"{int(''.join('1' if bit else '0' for bit in bits), 2):016x}"


def _grey(pixels: Pixels) -> Image.Image:
    if pixels.mode == "I;16":
        return Image.fromarray(np.round(samples(pixels)[:, :, 0]).astype(np.uint8))
    return image_of(pixels).convert("L")


def _psnr(mean_square: float) -> float:
    return HIGHEST_PSNR if mean_square == 0 else 10 * math.log10(255**2 / mean_square)


def _ssim(a: Floats, b: Floats) -> float:
    """The mean SSIM over all positions where an 11x11 Gaussian window of sigma 1.5 fits.

    In smaller pictures the window is as large as they are.
    """
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    mean_a, mean_b = _blurred(a), _blurred(b)
    var_a, var_b = _blurred(a * a) - mean_a**2, _blurred(b * b) - mean_b**2
    covariance = _blurred(a * b) - mean_a * mean_b
    top = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    return float(np.mean(top / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))))


def _blurred(values: Floats) -> Floats:
    """The weighted means in every whole window: shape (height - 10, width - 10)."""
    for axis in (0, 1):
        size = min(WINDOW, values.shape[axis])
        distance = np.arange(size) - (size - 1) / 2
        weights = np.exp(-(distance**2) / (2 * SIGMA**2))
        weights /= weights.sum()
        count = values.shape[axis] - size + 1
        parts: Any = (weights[i] * values.take(range(i, i + count), axis) for i in range(size))
        values = sum(parts)
    return values
