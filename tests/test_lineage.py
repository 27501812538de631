"""What changed, told so that it is seen."""

from datetime import UTC, datetime

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


@pytest.mark.parametrize(("pipeline", "told"), [("ZImagePipeline", " (CFG 9)"), ("StableDiffusionPipeline", ""), (None, "")])
def test_a_guidance_that_people_type_as_another_number_is_told_in_that_form_too(pipeline, told):
    entry = in_dtypes(unet="float32")
    recipe = Recipe(conditioning={}, noise={}, call={"guidance_scale": 8}, pipeline=pipeline)
    assert cfg_beside("guidance", replace(entry, recipe=recipe)) == told
    assert cfg_beside("steps", replace(entry, recipe=recipe)) == ""
