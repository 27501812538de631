"""The four measures against their references: scikit-image 0.26 (as golden numbers) and ImageHash."""

from __future__ import annotations

import json

import imagehash
import numpy as np
import pytest
from PIL import Image

from seedbank.images import metrics, perceptual_hash

from .pictures import pattern, pixels, shaken


@pytest.mark.parametrize(
    ("a", "b", "ssim", "psnr", "largest"),
    [
        (pattern(64, 48, 1), pattern(64, 48, 2), 0.9213080483280681, 14.41611448313669, 222),
        (pattern(96, 96, 2), pattern(96, 96, 3), 0.7770873121774394, 10.613655787939278, 253),
        (pattern(40, 30, 5), shaken(pattern(40, 30, 5)), 0.9961086584033565, 45.129560891649525, 2),
    ],
)
def test_the_numbers_are_those_of_scikit_image(a, b, ssim: float, psnr: float, largest: int) -> None:
    """Made with gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255."""
    found = metrics(pixels("RGB", a), pixels("RGB", b))
    assert found["ssim"] == pytest.approx(ssim, abs=1e-9)
    assert found["psnr"] == pytest.approx(psnr, abs=1e-9)
    assert found["max"] == largest


def test_equal_pictures_have_numbers_that_json_can_carry() -> None:
    found = metrics(pixels("RGB", pattern(40, 30, 1)), pixels("RGB", pattern(40, 30, 1)))
    assert found == {"max": 0.0, "psnr": 200.0, "ssim": 1.0, "phash": 0.0}
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_one_channel_off_by_one_is_found_in_a_large_picture() -> None:
    a = pattern(512, 512, 3)
    b = a.copy()
    b[300, 200, 1] ^= 1
    found = metrics(pixels("RGB", a), pixels("RGB", b))
    assert found["max"] == 1.0
    assert 100 < found["psnr"] < 200


def test_a_difference_in_the_alpha_channel_alone_counts() -> None:
    a = np.concatenate([pattern(40, 30, 1), np.full((30, 40, 1), 255, np.uint8)], -1)
    b = a.copy()
    b[..., 3] = 250
    assert metrics(pixels("RGBA", a), pixels("RGBA", b))["max"] == 5.0


@pytest.mark.parametrize("other", [pixels("RGB", pattern(41, 30, 1)), pixels("L", pattern(40, 30, 1)[..., 0].copy())])
def test_pictures_of_other_size_or_mode_have_nothing_in_common_but_the_hash(other) -> None:
    found = metrics(pixels("RGB", pattern(40, 30, 1)), other)
    assert (found["max"], found["psnr"], found["ssim"]) == (255.0, 0.0, 0.0)
    assert 0 <= found["phash"] <= 64


@pytest.mark.parametrize("size", [(1, 1), (5, 3), (11, 11), (10, 200)])
def test_small_pictures_can_be_compared(size: tuple[int, int]) -> None:
    a = pattern(*size, 1)
    assert metrics(pixels("RGB", a), pixels("RGB", a))["ssim"] == pytest.approx(1)
    assert metrics(pixels("RGB", a), pixels("RGB", 255 - a))["ssim"] < 1


def test_sixteen_bits_are_measured_on_the_same_scale() -> None:
    a = np.full((20, 20), 40_000, "<u2")
    found = metrics(pixels("I;16", a), pixels("I;16", a + 257))
    assert found["max"] == pytest.approx(1)


@pytest.mark.parametrize("k", range(12))
@pytest.mark.parametrize("size", [(64, 64), (300, 200), (33, 128)])
def test_the_perceptual_hash_is_that_of_imagehash(k: int, size: tuple[int, int]) -> None:
    array = pattern(*size, k)
    assert perceptual_hash(pixels("RGB", array)) == str(imagehash.phash(Image.fromarray(array)))


@pytest.mark.parametrize("colour", [(0, 0, 0), (7, 7, 7), (255, 255, 255), (200, 10, 99)])
def test_flat_pictures_have_one_hash_whatever_the_noise_of_the_arithmetic(colour) -> None:
    found = perceptual_hash(pixels("RGB", np.full((50, 50, 3), colour, np.uint8)))
    assert found == ("8000000000000000" if any(colour) else "0" * 16)


def test_the_perceptual_hash_hardly_moves_when_a_picture_is_shaken() -> None:
    array = np.asarray(Image.fromarray(pattern(64, 64, 1)).resize((256, 256), Image.Resampling.BICUBIC))
    assert metrics(pixels("RGB", array), pixels("RGB", shaken(array)))["phash"] <= 4
