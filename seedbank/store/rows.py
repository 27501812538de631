"""Parts of a row as they lie in the database, and the values that are made of them.

A page of entries has thousands of values. To ask for each by its name, or through a type that converts it, takes longer
than to find the page. So statements ask for columns as they lie, in groups; each group is a slice of the row.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Integer, bindparam, func, select, type_coerce
from sqlalchemy.types import ARRAY, TypeDecorator

from seedbank.hashing import plain_value
from seedbank.recipe import Recipe
from seedbank.records import Blob, Output, Picture
from seedbank.store import recipes as recipe_rows
from seedbank.store.tables import blobs, images, prompts, recipes, settings
from seedbank.store.types import digest_text, phash_text, seed_number

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


# -- groups of columns ---------------------------------------------------------------------------------------------

traces = blobs.alias("traces")
negatives = prompts.alias("negatives")

PICTURE = as_they_lie(*(images.c[name] for name in ("digest", "mode", "width", "height", "phash")), prefix="image_")
BLOB, TRACE = (
    as_they_lie(*(table.c[name] for name in ("digest", "size", "media_type", "location")), prefix=prefix)
    for table, prefix in ((blobs, "blob_"), (traces, "trace_"))
)
_HOT = ("seed", "steps", "guidance", "width", "height")
RECIPE = [
    *as_they_lie(recipes.c.digest, settings.c.body, recipes.c.model_id, *(recipes.c[name] for name in _HOT), prefix="recipe_"),
    prompts.c.text.label("recipe_prompt"),
    negatives.c.text.label("recipe_negative"),
]
_NAMES = (*_HOT, "prompt", "negative")


# -- values --------------------------------------------------------------------------------------------------------


def picture_of(
    digest: bytes | None, mode: str | None, width: int | None, height: int | None, phash: int | None
) -> Picture | None:
    """What the columns of `PICTURE` say."""
    return None if digest is None else Picture(digest.hex(), mode, width, height, phash_text(phash))


def blob_of(digest: bytes | None, size: int, media_type: str, location: str | None) -> Blob | None:
    """What the columns of `BLOB` or `TRACE` say."""
    return None if digest is None else Blob(digest.hex(), size, media_type, location)


def output_of(output: Sequence[Any], trace: Sequence[Any]) -> Output:
    """An output from the columns `output` and `trace_digest`, and those of `TRACE`."""
    body, traced = output
    values: Mapping[str, Any] = plain_of(body)
    return Output(trace=blob_of(*trace), trace_digest=digest_text(traced), **values)


def plain_of(body: str | None) -> Any:
    """The JSON object in a column, with Python's numbers; empty when there is none."""
    return {} if body is None else plain_value(json.loads(body))


def recipe_of(row: Sequence[Any], model: bytes | None, read: dict[str, Any]) -> Recipe | None:
    """The recipe that the columns of `RECIPE` and the digest of its model say.

    `read` keeps settings that were parsed, by their text: most entries of a page have the same.
    """
    digest, body, model_id, *values = row
    if digest is None:
        return None
    if body not in read:
        read[body] = json.loads(body)
    columns = dict(zip(_NAMES, values, strict=True))
    columns["seed"] = seed_number(columns["seed"])
    columns["model"] = digest_text(model) if model_id is not None else None
    return recipe_rows.join(columns, read[body])


# -- many ids as one parameter ---------------------------------------------------------------------------------------


def among(column: ColumnElement[int], *, sqlite: bool) -> ColumnElement[bool]:
    """`column` is one of the parameter `ids`, as `ids_given` makes it: one value, so that the statement has one text.

    Databases and drivers keep what they prepared by the text; a plan for ten tables takes longer than a page.
    """
    if sqlite:
        return column.in_(select(func.json_each(bindparam("ids")).table_valued("value").c.value))
    return column == func.any(bindparam("ids", type_=ARRAY(Integer)))


def ids_given(connection: Connection, ids: Iterable[int]) -> dict[str, Any]:
    """The parameter `ids` of `among`."""
    listed = list(ids)
    return {"ids": json.dumps(listed) if connection.dialect.name == "sqlite" else listed}
