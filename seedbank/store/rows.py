"""Values of columns as they lie in the database, without the types that convert them.

A page of entries has thousands of values. To ask for each by its name, or through a type, takes longer than to find the
page. What the database holds was checked when it was stored, so nothing is checked again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from seedbank.hashing import plain_value
from seedbank.recipe import Recipe, all_fields
from seedbank.records import TRACE_TYPE, Blob, Output, Picture
from seedbank.store.recipes import join
from seedbank.store.types import digest_text, phash_text, seed_number

parsed = msgspec.json.decode
"""The values of a JSON text, in a fifth of the time that `json.loads` takes."""


def picture_of(
    digest: bytes | None, mode: str | None, width: int | None, height: int | None, phash: int | None
) -> Picture | None:
    """What the columns of `PICTURE` say."""
    return None if digest is None else Picture(digest.hex(), mode, width, height, phash_text(phash))


def blob_of(digest: bytes | None, size: int, media_type: str, location: str | None) -> Blob | None:
    """What the columns of `BLOB` say."""
    return None if digest is None else Blob(digest.hex(), size, media_type, location)


def output_of(body: str | None, trace: bytes | None, size: int | None) -> Output:
    """What the columns of `OUTPUT` say."""
    digest = digest_text(trace)
    here = None if digest is None or size is None else Blob(digest, size, TRACE_TYPE)
    return Output(trace=here, trace_digest=digest, **plain_of(body))


def plain_of(body: str | None) -> Any:
    """The JSON object in a column, with Python's numbers; empty when there is none."""
    if body is None:
        return {}
    return plain_value(parsed(body)) if '"$' in body else parsed(body)  # numbers that JSON lacks begin like that


def recipe_of(
    digest: bytes | None, body: str | None, model_id: int | None, model: bytes | None, seed: int | None, *columns: Any
) -> Recipe | None:
    """The recipe that the columns of `RECIPE` say."""
    if digest is None:
        return None
    return join(fields_of(body), None if model_id is None else digest_text(model), seed_number(seed), *columns)


# -- settings of recipes, which many share ---------------------------------------------------------------------------

_SEEN = 500
"""Texts that are remembered; then it begins anew."""

_copiers: dict[str, Callable[[], dict[str, Any]] | None] = {}
"""What makes copies of what a text says, from the second time on that it is seen."""


def fields_of(body: str | None) -> dict[str, Any]:
    """The fields of a recipe with the settings that this text says, for `join`.

    Each time in dicts and lists of their own: whoever has a recipe may change it.
    """
    body = body or "{}"
    if copier := _copiers.get(body):
        return copier()
    values = all_fields(parsed(body))
    if body in _copiers:
        _copiers[body] = _copier(values)
        return fields_of(body)
    if len(_copiers) >= _SEEN:
        _copiers.clear()
    _copiers[body] = None
    return values


def _copier(value: Any) -> Callable[[], Any]:
    """Makes copies of JSON values in dicts, lists and tuples that share nothing which can be changed.

    Which values are containers is found out once, so a copy takes a third of the time of parsing.
    """
    if isinstance(value, tuple):
        listed = _copier(list(value))
        return lambda: tuple(listed())
    items = value.items() if isinstance(value, dict) else enumerate(value)
    inner = [(key, _copier(item)) for key, item in items if isinstance(item, dict | list | tuple) and item != ()]
    if not inner:
        return value.copy  # type: ignore[no-any-return]

    def copy() -> Any:
        made = value.copy()
        for key, make in inner:
            made[key] = make()
        return made

    return copy
