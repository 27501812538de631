"""Pictures for the tests, made by whole-number arithmetic so that they are the same everywhere."""

from __future__ import annotations

import numpy as np

from seedbank.images import DecodedImage


def pixels(mode: str, array: np.ndarray) -> DecodedImage:
    return DecodedImage(mode, array.shape[1], array.shape[0], array.tobytes(), {}, "PNG", False)


def pattern(width: int, height: int, k: int) -> np.ndarray:
    """Shape (height, width, 3)."""
    y, x = np.mgrid[0:height, 0:width].astype(np.int64)
    channels = [(x * 3 + y * k) % 256, (x * x // 7 + y * 5) % 256, (x * y // (k + 3) + k * 11) % 256]
    return np.stack(channels, -1).astype(np.uint8)


def shaken(array: np.ndarray) -> np.ndarray:
    """The same picture, each channel changed by -2 to 2."""
    return np.clip(array.astype(int) + np.indices(array.shape).sum(0) % 5 - 2, 0, 255).astype(np.uint8)
