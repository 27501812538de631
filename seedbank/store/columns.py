"""Groups of columns as they lie in the database, for statements about what entries share; `rows` makes values of them.

A statement that asks for several groups gives rows of which each group is a slice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, select, type_coerce
from sqlalchemy.types import TypeDecorator

from seedbank.store.tables import blobs, images, models, prompts, recipes, settings

Columns = list[ColumnElement[Any]]


def as_they_lie(*columns: ColumnElement[Any], prefix: str = "") -> Columns:
    """`columns` without what their types make of the values; `prefix` keeps equal names apart."""
    plain = (type_coerce(one, one.type.impl_instance) if isinstance(one.type, TypeDecorator) else one for one in columns)
    return [found.label(f"{prefix}{one.key}") for one, found in zip(columns, plain, strict=True)]


def slices(*groups: Sequence[Any]) -> list[slice]:
    """Where each group stands in a row of all of them."""
    found, at = [], 0
    for group in groups:
        found.append(slice(at, at + len(group)))
        at += len(group)
    return found


negatives = prompts.alias("negatives")

PICTURE = as_they_lie(*(images.c[name] for name in ("digest", "mode", "width", "height", "phash")), prefix="image_")
BLOB = as_they_lie(*(blobs.c[name] for name in ("digest", "size", "media_type", "location")), prefix="blob_")
OUTPUT = ("output", "trace_digest", "trace_size")
"""Columns of entries and of regenerations."""
RECIPE = [
    *as_they_lie(recipes.c.digest, settings.c.body, recipes.c.model_id, prefix="recipe_"),
    *as_they_lie(models.c.digest, prefix="model_"),
    *as_they_lie(*(recipes.c[name] for name in ("seed", "steps", "guidance", "width", "height")), prefix="recipe_"),
    prompts.c.text.label("recipe_prompt"),
    negatives.c.text.label("recipe_negative"),
]


def recipe_select() -> Select[Any]:
    """Select of the id of each recipe and what `rows.recipe_of` needs, to be narrowed and ordered."""
    return select(recipes.c.id, *RECIPE).select_from(
        recipes.outerjoin(settings)
        .outerjoin(models, recipes.c.model_id == models.c.id)
        .outerjoin(prompts, recipes.c.prompt_id == prompts.c.id)
        .outerjoin(negatives, recipes.c.negative_id == negatives.c.id)
    )
