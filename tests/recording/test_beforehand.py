"""What is refused from a model's files alone, held against the pipeline itself."""

import pytest

from seedbank.engine.unloaded import most_clip_skip
from seedbank.errors import BadInput
from seedbank.recording.beforehand import check_clip_skip
from tests import tiny_models

pytestmark = pytest.mark.slow


def test_a_clip_skip_is_refused_where_the_encoder_has_no_such_layer(model):
    from diffusers import DiffusionPipeline

    folder = model(tiny_models.SDXL)
    most = most_clip_skip(folder)
    encode = DiffusionPipeline.from_pretrained(str(folder)).encode_prompt
    given = {"device": "cpu", "num_images_per_prompt": 1, "do_classifier_free_guidance": False}
    check_clip_skip(most, folder)
    encode("a red circle", **given, clip_skip=most)
    with pytest.raises(BadInput, match=f"clip skip of {most + 1}"):
        check_clip_skip(most + 1, folder)
    with pytest.raises(IndexError):
        encode("a red circle", **given, clip_skip=most + 1)


def test_a_single_encoder_begins_with_its_last_layer(model):
    assert most_clip_skip(model(tiny_models.SD15)) == most_clip_skip(model(tiny_models.SDXL)) + 1


def test_a_clip_skip_of_an_encoder_that_is_not_known_is_left_to_the_pipeline(tmp_path):
    check_clip_skip(99, tmp_path)
