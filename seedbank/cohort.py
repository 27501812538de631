"""Cohorts: the images that one forward pass made together.

A batch changes bits: an image of three is not the image that is rendered alone. So every image of a batch is an entry with a
recipe of its own, and each recipe names the cohort by the digest of its *cohort record*: the whole call as it was made, in
canonical JSON, kept as an input of every one of these entries. A regeneration renders the whole cohort and takes its image.

    {"v": 1, "call": {every argument, prompts as they were passed}, "noise": {kind, …}, "seeds": [one, or one for each image]}
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from seedbank.errors import Blocked
from seedbank.frozen import replace
from seedbank.recipe import Recipe

TEXTS = ("prompt", "prompt_2", "prompt_3", "negative_prompt", "negative_prompt_2", "negative_prompt_3")
MEDIA_TYPE = "application/vnd.seedbank.cohort+json"
VERSION = 1


def cohort_of(call: Mapping[str, Any], noise: Mapping[str, Any], seeds: Sequence[int] | None) -> dict[str, Any]:
    """The record of a call. `seeds` are those of the generators that were passed: one for all images, or one for each."""
    return {"v": VERSION, "call": call, "noise": noise, "seeds": [str(seed) for seed in seeds or ()]}


def read_cohort(data: bytes) -> dict[str, Any]:
    """The cohort whose canonical JSON was kept. Raises `Blocked` for another version."""
    record: dict[str, Any] = json.loads(data)
    if record.get("v") != VERSION:
        raise Blocked(f"This record of a batch has version {record.get('v')}; this seedbank reads {VERSION}.", "Upgrade.")
    return record


def member(cohort: Mapping[str, Any], index: int) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """(conditioning, call, noise) of the recipe of one image: its own texts and its own seed."""
    call = dict(cohort["call"])
    per_prompt = call.pop("num_images_per_prompt", None) or 1
    conditioning = {name: _one(call.pop(name), index // per_prompt) for name in TEXTS if name in call}
    noise, seeds = dict(cohort["noise"]), cohort["seeds"]
    if seeds:
        noise["seed"] = seeds[index] if len(seeds) > 1 else seeds[0]
    return conditioning, call, noise


def whole(recipe: Recipe, cohort: Mapping[str, Any]) -> Recipe:
    """What renders the whole cohort, of which `recipe` is one image: its batch has a size and no index.

    Raises `Blocked` when the two do not belong together.
    """
    assert recipe.batch is not None
    conditioning, call, noise = member(cohort, recipe.batch["index"])
    sized = {name: recipe.call.get(name) for name in ("width", "height")}
    if (conditioning, call | sized, noise) != (recipe.conditioning, {**recipe.call, **sized}, recipe.noise):
        raise Blocked("The record of the batch does not belong to this recipe.", "See it with: seedbank show")
    seeds = cohort["seeds"]
    drawn = {"seeds": seeds} if len(seeds) > 1 else {"seed": seeds[0]} if seeds else {}
    return replace(
        recipe,
        conditioning={},
        call=cohort["call"],
        noise={**cohort["noise"], **drawn},
        batch={"size": recipe.batch["size"]},
    )


def _one(value: Any, index: int) -> Any:
    """The text of one image: a list has one for each prompt."""
    return value[index] if isinstance(value, list) and value else value
