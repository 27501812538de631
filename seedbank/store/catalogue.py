"""What entries are found by: columns of their own beside the recipe, and relations in order of ids."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select, tuple_, update

from seedbank.hashing import plain_value, sha256
from seedbank.pipelines import cfg_of
from seedbank.recipe import Recipe
from seedbank.records import NewEntry, Picture
from seedbank.store.inserting import insert_many
from seedbank.store.matching import SAID, said_of
from seedbank.store.reading import chunks
from seedbank.store.recipes import is_digest
from seedbank.store.sharing import StoredRecipe, ensure
from seedbank.store.tables import adapters, entries, methods, recipes, settings, sizes
from seedbank.store.types import json_text
from seedbank.store.words import fold

Size = tuple[int, int]


def searched_columns(connection: Connection, news: Sequence[tuple[NewEntry, StoredRecipe | None]]) -> list[dict[str, Any]]:
    """The columns of `entries` that searching needs, for each new entry."""
    known_methods = _store_methods(connection, news)
    wanted = [_size(new, stored) for new, stored in news]
    known_sizes = _store_sizes(connection, {size for size in wanted if size is not None})
    return [
        {
            "prompt_id": stored.columns["prompt_id"] if stored else None,
            "method_id": method,
            "size_id": known_sizes[size] if size else None,
            "seed": stored.columns["seed"] if stored else None,
            "steps": stored.columns["steps"] if stored else None,
            "cfg": searched_cfg(new.recipe.pipeline, new.recipe.call) if new.recipe else None,
        }
        for (new, stored), size, method in zip(news, wanted, known_methods, strict=True)
    ]


def _size(new: NewEntry, stored: StoredRecipe | None) -> Size | None:
    """Width and height of the picture, or as the recipe plans it."""
    picture, columns = new.picture, stored.columns if stored else {}
    width = picture.width if picture and picture.width is not None else columns.get("width")
    height = picture.height if picture and picture.height is not None else columns.get("height")
    return None if width is None or height is None else (width, height)


def size_of(connection: Connection, picture: Picture) -> int | None:
    """The row of a picture's size; None when it is not known."""
    if picture.width is None or picture.height is None:
        return None
    return _store_sizes(connection, {(picture.width, picture.height)})[picture.width, picture.height]


def _store_sizes(connection: Connection, wanted: set[Size]) -> dict[Size, int]:
    found: dict[Size, int] = {}
    for some in chunks(sorted(wanted)):
        rows = connection.execute(select(sizes).where(tuple_(sizes.c.width, sizes.c.height).in_(some)))
        found |= {(row.width, row.height): row.id for row in rows}
    missing = sorted(wanted - set(found))
    ids = insert_many(connection, sizes, [{"width": width, "height": height} for width, height in missing])
    return found | dict(zip(missing, ids, strict=True))


def _store_methods(connection: Connection, news: Sequence[tuple[NewEntry, StoredRecipe | None]]) -> list[int | None]:
    """The row of `methods` of each new entry, which says how it renders. A bank has few, and so have many new entries."""
    rows: dict[Any, dict[str, Any]] = {}
    keys = []
    for new, stored in news:
        said = said_of(new.details)
        keys.append(key := None if stored is None else (stored.settings_digest, *said.items()))
        if stored is not None and key not in rows:
            rows[key] = method_row(stored.settings, said)
    digests = {key: method_digest(row) for key, row in rows.items()}
    ids = ensure(connection, methods, {digests[key]: row for key, row in rows.items()})
    return [None if key is None else ids[digests[key]] for key in keys]


def tell_words(connection: Connection, words: Mapping[int, Mapping[str, str]]) -> None:
    """Entries have what their files call the sampler and the schedule ({entry: words}), and are found by it from now on.

    What an entry says already stays.
    """
    of_recipes = entries.join(recipes, entries.c.recipe_id == recipes.c.id).join(
        settings, recipes.c.settings_id == settings.c.id
    )
    statement = select(entries.c.id, entries.c.details, settings.c.body).select_from(of_recipes)
    for some in chunks(sorted(words)):
        for row in connection.execute(statement.where(entries.c.id.in_(some))).all():
            details = {**words[row.id], **plain_value(row.details or {})}
            method = method_row(row.body, details)
            digest = method_digest(method)
            values = {"details": details, "method_id": ensure(connection, methods, {digest: method})[digest]}
            connection.execute(update(entries).where(entries.c.id == row.id).values(values))


def method_digest(row: Mapping[str, Any]) -> str:
    """The digest of a row of `methods`."""
    return sha256(json_text(row).encode())


def method_row(settings: Mapping[str, Any], details: Mapping[str, Any]) -> dict[str, Any]:
    """How a recipe with these settings renders: pipeline class, scheduler and its settings, dtypes.

    What the file of an import calls its sampler and its schedule stands beside it, under `SAID`: whether `Euler` is that of a
    flow-matching model is not known until its weights are, and some schedules have no counterpart in diffusers.
    """
    scheduler = settings.get("scheduler")
    of_scheduler = scheduler if isinstance(scheduler, Mapping) else {}
    config = of_scheduler.get("config")
    if said := said_of(details):
        config = {**(config if isinstance(config, Mapping) else {}), SAID: said}
    return {
        "pipeline": _text(settings.get("pipeline")),
        "scheduler": _text(of_scheduler.get("class")),
        "config": config,
        "dtypes": settings.get("dtypes"),
    }


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def searched_cfg(pipeline: str | None, call: Mapping[str, Any]) -> float | None:
    """The guidance that entries of such recipes are found by."""
    cfg = cfg_of(pipeline, call)
    return cfg if cfg is not None and math.isfinite(cfg) else None


def store_adapters(connection: Connection, given: Iterable[tuple[int, Recipe | None]]) -> list[dict[str, int]]:
    """Rows of `entry_adapters` for (entry id, recipe): the adapters that the recipes name by digest."""
    of_entries = {number: _adapters(recipe) for number, recipe in given if recipe is not None and recipe.adapters}
    rows = {digest: row for named in of_entries.values() for digest, row in named.items()}
    known = ensure(connection, adapters, rows)
    return [{"adapter_id": known[digest], "entry_id": number} for number, named in of_entries.items() for digest in named]


def _adapters(recipe: Recipe) -> dict[str, dict[str, Any]]:
    named: dict[str, dict[str, Any]] = {}
    for adapter in recipe.adapters:
        digest, name = adapter.get("digest"), adapter.get("name")
        if isinstance(digest, str) and is_digest(digest):
            text = name if isinstance(name, str) else None
            named[digest] = {"name": text, "folded": None if text is None else fold(text)}
    return named
