"""What no pipeline of a class takes is refused before a render process starts, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import pytest

from seedbank.errors import BadInput
from seedbank.explore.axes import parse_axis
from seedbank.explore.beforehand import check_axes


@pytest.mark.parametrize("text", ["dtype=float32,bfloat16", "device=cpu,cuda", "mode=as-is,strict", "cfg=1,2", "seed=1..3"])
def test_an_axis_that_is_no_argument_of_the_pipeline_is_left_to_whoever_knows_it(text: str) -> None:
    check_axes([parse_axis(text)], "ZImagePipeline", None)


def test_an_argument_that_the_pipeline_lacks_is_refused_beside_it() -> None:
    axes = [parse_axis("dtype=float32,bfloat16"), parse_axis("eta=0,1")]
    with pytest.raises(BadInput, match="The axis 'eta=0,1' cannot be rendered: ZImagePipeline has no argument 'eta'"):
        check_axes(axes, "ZImagePipeline", None)


def test_a_clip_skip_of_more_layers_than_the_encoder_has_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text_encoder").mkdir()
    (tmp_path / "text_encoder/config.json").write_text('{"model_type": "clip_text_model", "num_hidden_layers": 12}')
    check_axes([parse_axis("clip_skip=1,12")], "StableDiffusionPipeline", tmp_path)
    with pytest.raises(BadInput, match="The axis 'clip_skip=1,13' cannot be rendered: A clip skip of 13"):
        check_axes([parse_axis("clip_skip=1,13")], "StableDiffusionPipeline", tmp_path)
