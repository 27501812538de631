"""Pictures of other sizes: scaled where their proportions agree, shown with bars and without numbers where they do not."""

from __future__ import annotations

import io

import numpy
import pytest
from PIL import Image

import seedbank
from seedbank.errors import BadInput
from seedbank.explore.sheets import changes
from seedbank.images.lettering import LINE
from seedbank.images.sheets import RGB, alike, rgb


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    with seedbank.open(tmp_path_factory.mktemp("bank") / "a.db", create=True) as opened:
        for size in ((64, 64), (128, 128), (128, 64)):
            stream = io.BytesIO()
            Image.linear_gradient("L").resize(size).convert("RGB").save(stream, "PNG")
            opened.add(stream.getvalue())
        yield opened


def test_a_picture_of_other_proportions_keeps_them_and_has_no_numbers(bank):
    found = bank.compare([1, 2, 3])
    larger, wide = found.others
    assert (larger.alike, larger.scaled, wide.alike, wide.scaled) == (True, (128, 128), False, (128, 64))
    assert larger.drift["psnr"] > 40 and (wide.drift["psnr"], wide.drift["ssim"]) == (0, 0)
    shown = numpy.frombuffer(found.pictures[2].rows, numpy.uint8).reshape(64, 64, 3)
    bars = numpy.concatenate([shown[:16], shown[48:]])
    assert (bars == bars[0, 0]).all() and not (shown[16:48] == bars[0, 0]).all(), "64x32 stands in the middle of 64x64"
    with pytest.raises(BadInput, match="same proportions; that of entry 3 is 128x64"):
        found.flips()


def test_the_sheet_names_each_of_several_changes(bank):
    one, other = (
        bank.add(Image.new("RGB", (64, 64), colour), {"conditioning": {"prompt": "a cat", **more}, "call": call})
        for colour, more, call in (
            ("red", {}, {"guidance_scale": 2, "num_inference_steps": 8}),
            ("blue", {"negative_prompt": "blurry"}, {"guidance_scale": 0, "num_inference_steps": 8}),
        )
    )
    without, found = (bank.compare([one.id, number]) for number in (1, other.id))
    assert [word for word, _, _ in found.others[0].changes] == ["negative", "guidance"]
    heights = [Image.open(io.BytesIO(comparison.sheet())).height for comparison in (without, found)]
    assert heights[1] - heights[0] == 2 * LINE, "a line for each change"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ((64, 64), (128, 128), True),
        ((1024, 576), (512, 288), True),
        ((1000, 563), (500, 281), True),
        ((64, 64), (64, 80), False),
    ],
)
def test_proportions_agree_to_within_a_pixel(one, other, same):
    assert alike(one, other) is same and alike(other, one) is same
    assert rgb(RGB(*one, bytes(3 * one[0] * one[1])), other).width == other[0]


def test_what_a_picture_has_no_longer_is_none_below_it(bank):
    one, other = (
        bank.add(Image.new("RGB", (64, 64), colour), {"conditioning": {"prompt": "a cat", **more}, "noise": {"seed": "7"}})
        for colour, more in (("green", {"negative_prompt": "blurry"}), ("yellow", {}))
    )
    assert changes(one, other) == ["negative none"]
    assert changes(other, one) == ["negative blurry"]
