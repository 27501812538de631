"""What changed, told so that it is seen."""

from datetime import UTC, datetime
from typing import Any

import pytest

from seedbank.cli.printing import from_to
from seedbank.frozen import replace
from seedbank.lineage import cfg_beside, parted, recipe_changes
from seedbank.recipe import Recipe
from seedbank.records import Entry, Output

STAR = "a yellow star in the night sky"


@pytest.mark.parametrize(
    ("old", "new", "room", "told"),
    [
        (STAR, f"{STAR}, oil painting", 30, ("…night sky", "…night sky, oil painting")),
        (STAR, f"{STAR}, oil painting", 60, (STAR, f"{STAR}, oil painting")),
        ("a red circle on a blue background", "a green circle on a blue background", 24, None),
        ("山谷里的小木屋，晨雾", "山谷里的小木屋，晨雾，水彩风格", 12, ("…晨雾", "…晨雾，水彩风格")),
        ("", STAR, 10, None),
        (8, 20, 1, None),
        (None, STAR, 10, None),
    ],
)
def test_long_texts_are_told_from_a_little_before_they_part(old, new, room, told):
    assert parted(old, new, room) == (told or (old, new))


def test_what_was_added_to_a_long_prompt_is_seen_on_a_line():
    assert from_to(STAR, f"{STAR}, oil painting", 30) == "…night sky → …night sky, oil painting"
    assert from_to(8, 20) == "8 → 20" and from_to(None, "blurry") == "none → blurry"


def in_dtypes(**dtypes: str) -> Entry:
    recipe = Recipe(conditioning={"prompt": "x"}, noise={"seed": "7"}, call={}, dtypes=dtypes)
    unknown = {"environment_digest": None, "model": None, "picture": None, "blob": None, "created": None, "recipe_digest": None}
    made = {"output": Output(), "obstacles": (), "details": {}, "user": "ann", "origin": "generated"}
    return Entry(id=1, uid="", added=datetime.now(UTC), recipe=recipe, **unknown, **made)


def test_a_dtype_that_all_parts_share_is_one_change():
    single, half = in_dtypes(unet="float32", vae="float32"), in_dtypes(unet="float16", vae="float16")
    mixed = in_dtypes(unet="float16", vae="float32")
    assert recipe_changes(single, half) == [("dtype", "float32", "float16")]
    assert recipe_changes(single, single) == []
    assert recipe_changes(single, mixed) == [("dtypes.unet", "float32", "float16")]


INK, OIL = "a" * 64, "b" * 64


def given(adapters: tuple[tuple[str, Any], ...] = (), image: tuple[str, str] | None = None) -> Entry:
    """An entry with LoRAs of these digests and weights, and an input picture (digest, where it lay)."""
    recipe = Recipe(
        conditioning={"prompt": "x"},
        noise={"seed": "7"},
        call={},
        adapters=tuple({"kind": "lora", "digest": digest, "weight": weight} for digest, weight in adapters),
        inputs=() if image is None else ({"role": "image", "digest": image[0]},),
    )
    return replace(in_dtypes(), recipe=recipe, details={} if image is None else {"inputs": {"image": image[1]}})


def test_adapters_are_told_one_by_one_by_their_names_and_weights():
    names = {INK: "ink", OIL: "oil"}
    ink = given(((INK, 0.8),))
    assert recipe_changes(ink, given(((INK, 0.5),)), names) == [("lora.ink", 0.8, 0.5)]
    assert recipe_changes(ink, given(((OIL, 0.8),)), names) == [("lora.ink", 0.8, None), ("lora.oil", None, 0.8)]
    assert recipe_changes(given(), ink) == [("lora.aaaaaaaaaaaa", None, 0.8)]
    both = given(((INK, 1), (OIL, 1))), given(((OIL, 1), (INK, 1)))
    assert recipe_changes(*both, names) == [("adapters", "ink, oil", "oil, ink")]
    whole = given(((INK, {"unet": 0.5}),))
    assert recipe_changes(ink, whole, names) == [("lora.ink", 0.8, {"unet": 0.5})]


def test_an_adapter_without_a_weight_is_there_or_not():
    with_net = replace(given(), recipe=replace(given().recipe, adapters=({"kind": "controlnet", "digest": INK},)))
    assert recipe_changes(given(), with_net, {INK: "canny"}) == [("controlnet.canny", None, "yes")]


def test_input_files_are_told_by_their_names_or_digests():
    edges = given(image=(INK, "/home/ann/edges.png"))
    assert recipe_changes(edges, given(image=(OIL, "C:\\ann\\depth.png"))) == [("image", "edges.png", "depth.png")]
    assert recipe_changes(edges, given(image=(OIL, "/tmp/edges.png"))) == [("image", INK, OIL)]
    assert recipe_changes(given(), edges) == [("image", None, "edges.png")]
    assert recipe_changes(edges, given(image=(INK, "/tmp/other.png"))) == []


@pytest.mark.parametrize(("pipeline", "told"), [("ZImagePipeline", " (CFG 9)"), ("StableDiffusionPipeline", ""), (None, "")])
def test_a_guidance_that_people_type_as_another_number_is_told_in_that_form_too(pipeline, told):
    entry = in_dtypes(unet="float32")
    recipe = Recipe(conditioning={}, noise={}, call={"guidance_scale": 8}, pipeline=pipeline)
    assert cfg_beside("guidance", replace(entry, recipe=recipe)) == told
    assert cfg_beside("steps", replace(entry, recipe=recipe)) == ""
