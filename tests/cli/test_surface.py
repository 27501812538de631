"""Pictures, adapters and samplers on the command line; every command is a real process."""

import pytest

from tests.tiny_adapters import Pieces

SMALL = ("--steps", "3", "--size", "64x64", "--seed", "7", "--device", "cpu", "--model", "embedded@0")


@pytest.fixture(scope="module")
def pieces(tmp_path_factory):
    """Pictures only: nothing here needs torch."""
    root = tmp_path_factory.mktemp("pieces")
    return Pieces(root, lambda family: root / family)


@pytest.mark.slow
def test_a_picture_a_mask_and_a_sampler_are_recorded_and_shown(seedbank, pieces):
    given = ("--image", pieces["photo.jpg"], "--strength", "0.7", "--mask", pieces["mask.png"], "--sampler", "lcm")
    ran = seedbank("generate", "a red circle", *SMALL, *given)
    assert "note: photo.jpg is resized from 80x60 to 64x64, and its proportions change." in ran.err
    shown = seedbank("show", "1").out
    assert "ZImageInpaintPipeline   scheduler FlowMatchLCMScheduler" in shown
    assert f"   {pieces['photo.jpg']}\n" in shown


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--mask", "mask.png"), 2, "--mask has no effect without --image"),
        (("--image", "nowhere.png"), 2, "The picture nowhere.png cannot be read"),
        (("--lora", "nowhere.safetensors"), 2, "There is no file"),
    ],
)
def test_what_makes_no_sense_is_one_sentence_and_nothing_is_recorded(seedbank, arguments, code, words):
    ran = seedbank("generate", "a red circle", *SMALL, *arguments, ok=[code])
    assert words in ran.err
    assert seedbank("ls", "--ids").lines == []
