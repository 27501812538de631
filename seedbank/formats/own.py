"""seedbank's own: the whole recipe in `png:seedbank`, and beside it `parameters` text with the model's name for people.

The recipe as it is stands in the extra `recipe`; the fields are for those who compare it with other tools.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from seedbank.errors import BadInput
from seedbank.formats import a1111
from seedbank.formats.reading import CERTAIN, Foreign, FormatError, Payload, Reading
from seedbank.formats.values import find, foreign, json_object
from seedbank.recipe import Recipe

TOOL = "seedbank"
PLACE = "png:seedbank"


def read(payloads: Sequence[Payload]) -> Reading | None:
    payload = find(payloads, PLACE)
    if payload is None:
        return None
    values = json_object(payload.text)
    if values is None:
        raise FormatError("The recipe in the file is no JSON object.")
    try:
        recipe = Recipe.from_dict(values)
        return Reading(TOOL, _fields(recipe, values, _told(payloads)), payload.place)
    except (BadInput, TypeError, ValueError, AttributeError) as error:
        reason = error.message if isinstance(error, BadInput) else "a part of it is not what it should be."
        raise FormatError(f"The recipe in the file cannot be read: {reason}") from None


def _told(payloads: Sequence[Payload]) -> Foreign:
    """The recipe that the text beside it tells: names that the recipe itself leaves out."""
    text = find(payloads, "png:parameters")
    try:
        reading = None if text is None else a1111.read([text])
    except FormatError:
        reading = None
    return Foreign() if reading is None else reading.recipe


def _fields(recipe: Recipe, values: Mapping[str, Any], told: Foreign) -> Foreign:
    sampler, schedule = a1111.sampler_of(recipe.scheduler)
    return foreign(
        prompt=recipe.prompt,
        negative_prompt=recipe.negative_prompt,
        seed=recipe.seed,
        steps=recipe.steps,
        guidance_scale=recipe.guidance,
        sampler=sampler,
        schedule=schedule,
        width=recipe.width,
        height=recipe.height,
        model=told.model,
        loras=told.loras,
        extras={"recipe": values, "digest": recipe.digest},
        confidence=CERTAIN,
    )
