"""Perceptual hashes of banks must not change, so a picture at 32x32 is what it always was, to the bit."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from PIL import Image

from seedbank.images import lanczos
from seedbank.images.compare import hash_of_small

SIZES = [(1024, 1024), (512, 768), (832, 1216), (1536, 640), (257, 300), (1001, 999)]
LEFT_TO_PILLOW = [(640, 1536), (6000, 300), (100, 100), (20, 400), (1, 1)]


def pictures(width: int, height: int) -> dict[str, np.ndarray]:
    """Noise, edges of full contrast (whose sums overshoot on both sides), and a gradient."""
    rng = np.random.default_rng(width * height)
    return {
        "noise": rng.integers(0, 256, (height, width), dtype=np.uint8),
        "edges": np.kron(rng.integers(0, 2, (-(-height // 37), -(-width // 37))), np.ones((37, 37)))[:height, :width] * 255,
        "gradient": np.add.outer(np.arange(height), np.arange(width)) * 255 / (width + height),
        "white": np.full((height, width), 255),
    }


@pytest.mark.parametrize("size", SIZES + LEFT_TO_PILLOW, ids=str)
def test_a_picture_at_32x32_is_pillows_to_the_bit(size: tuple[int, int]) -> None:
    for name, values in pictures(*size).items():
        grey = Image.fromarray(values.astype(np.uint8))
        expected = np.asarray(grey.resize((32, 32), Image.Resampling.LANCZOS))
        assert np.array_equal(lanczos.at_32x32(grey), expected), name


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_pictures_of_usual_sizes_are_computed_here(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    grey = Image.new("L", size, 7)
    monkeypatch.setattr(Image.Image, "resize", None)
    assert (lanczos.at_32x32(grey) == 7).all()


def test_a_large_picture_takes_little_memory() -> None:
    pixels = np.zeros((4000, 4000), np.uint8)
    lanczos.at_32x32(Image.new("L", (4000, 400)))  # the coefficients are there
    grey = Image.fromarray(pixels)
    tracemalloc.start()
    lanczos.at_32x32(grey)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 2 * pixels.nbytes + (24 << 20), "the bytes twice while Pillow joins them, and little beside"


@pytest.mark.parametrize("size", [256, 1024, 3000])
def test_no_sum_can_be_rounded(size: int) -> None:
    parts = lanczos._parts(size)
    assert parts is not None
    assert all(255 * np.abs(coefficients.astype(np.int64)).sum(axis=0).max() < 2**24 for *_, coefficients in parts)


def test_hashes_are_the_golden_ones() -> None:
    greys = {name: Image.fromarray(values.astype(np.uint8)) for name, values in pictures(1024, 768).items()}
    found = {name: hash_of_small(lanczos.at_32x32(grey)) for name, grey in greys.items()}
    assert found == {
        "noise": "c5b8b2e0f3b23691",
        "edges": "86ef0365b9744c8e",
        "gradient": "803bf7674d770c42",
        "white": "8000000000000000",
    }
