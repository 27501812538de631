"""What no pipeline of a class takes is refused before a render process starts, and nothing else is."""

from __future__ import annotations

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
