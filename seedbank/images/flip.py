"""FLIP: how different two pictures look to somebody who flips between them, place by place.

Andersson, Nilsson, Akenine-Möller, Oskarsson, Åström, Fairchild 2020, by the authors' own library `flip-evaluator`, which is
the extra ``flip``. It takes a picture for one of 67 pixels per degree of sight.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seedbank.errors import BadInput, MissingEngine
from seedbank.images.codec import Pixels
from seedbank.images.sheets import RGB, shown


@dataclass(frozen=True)
class Flip:
    """`heat` is a picture from black (equal) over red to yellow and white (as different as can be); `mean` is 0 to 1."""

    heat: Pixels
    mean: float


def flip(reference: Pixels, other: Pixels) -> Flip:
    """FLIP of two pictures of one size. Raises `MissingEngine` where the extra is not installed."""
    try:
        from flip_evaluator import evaluate
    except ImportError:
        raise MissingEngine("FLIP is an extra that is not installed.", "pip install 'seedbank-images[flip]'") from None
    if (reference.width, reference.height) != (other.width, other.height):
        raise BadInput("FLIP compares pictures of one size only.")
    one, two = (np.asarray(shown(pixels), dtype=np.float32) / 255 for pixels in (reference, other))
    heat, mean, _ = evaluate(one, two, "LDR")
    colours = np.round(np.clip(np.asarray(heat), 0, 1) * 255).astype(np.uint8)
    return Flip(RGB(reference.width, reference.height, colours.tobytes()), float(mean))
