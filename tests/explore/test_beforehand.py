"""What no pipeline of a class takes is refused before a render process starts, and nothing else is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from seedbank.api import Library
from seedbank.engine.source import Source
from seedbank.errors import BadInput, Blocked
from seedbank.explore.axes import parse_axis
from seedbank.explore.beforehand import check_axes, check_changes
from seedbank.recording.beforehand import check_beforehand
from seedbank.recording.extras import Extras
from seedbank.recording.request import Request
from seedbank.records import Model, ModelFile, NewEntry
from tests.store.examples import digest, recipe


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


@pytest.fixture
def coarse(tmp_path: Path) -> Path:
    """The folder of a model with 8 pixels to each latent one; beside it, VAEs with 2 and 32 as folders, and one as a file."""
    for name, blocks in (("model/vae", 4), ("fine", 2), ("coarse", 6)):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "config.json").write_text(json.dumps({"block_out_channels": [8] * blocks}))
    (tmp_path / "model/model_index.json").write_text('{"_class_name": "FluxPipeline"}')
    (tmp_path / "one.safetensors").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("vae", "multiple"),
    [(None, 16), ("one.safetensors", 16), ("fine", 4), ("coarse", 64)],
    ids=["own", "file", "fine", "coarse"],
)
def test_a_size_is_held_against_the_vae_that_is_used(coarse: Path, vae: str | None, multiple: int) -> None:
    place = None if vae is None else str(coarse / vae)
    folder = coarse / "model"
    for side, refused in ((multiple, False), (multiple // 2, True)):
        request = Request("x", width=side, height=128)
        for check in (
            lambda request=request: check_beforehand(request, Source("model", "model", folder), Extras(vae=place)),
            lambda side=side: check_changes("FluxPipeline", folder, [("size", (side, 128))], place),
            lambda side=side: check_axes([parse_axis(f"size={side}x128")], "FluxPipeline", folder, place),
        ):
            if refused:
                with pytest.raises(BadInput, match=f"both sides must be multiples of {multiple}"):
                    check()
            else:
                check()


@pytest.mark.parametrize(
    ("vae", "given", "multiple"),
    [
        (None, None, 16),
        ("fine", None, 4),
        ("coarse", None, 64),
        ("one.safetensors", None, 16),
        ("fine", "none", 16),
        ("gone", None, None),
    ],
)
def test_a_size_of_an_entry_is_held_against_the_vae_that_it_has(
    coarse: Path, tmp_path: Path, vae: str | None, given: str | None, multiple: int | None
) -> None:
    model = Model(digest("model"), "model", (ModelFile("x", 1, digest("x")),), source=str(coarse / "model"))
    used = Model(
        digest("vae"), "vae", (ModelFile("config.json", 1, digest("y")),), pipeline="vae", source=str(coarse / str(vae))
    )
    items: tuple[dict[str, Any], ...] = ({"kind": "vae", "digest": used.digest},) if vae else ()
    made = recipe(7, pipeline="FluxPipeline", model=model.digest, adapters=items)
    with Library.open(tmp_path / "art.db", create=True) as bank:
        bank.store.add_entry(NewEntry(recipe=made, model=model, adapters=(used,) if vae else ()))

        def refused(side: int) -> bool:
            try:
                bank.vary(1, size=(side, 128), vae=given)
            except BadInput as error:
                assert "both sides must be multiples of" in error.message
                if given is None:
                    with pytest.raises(BadInput, match="The axis 'size="):
                        bank.sweeping(of=1, axes=[f"size={side}x128"])
                return True
            except Blocked:
                return False  # what there is of the model cannot be loaded
            raise AssertionError(side)

        assert refused(2) is (multiple is not None)
        if multiple is not None:
            assert (refused(multiple), refused(multiple // 2)) == (False, True)
