"""From rows to records: a page of entries costs the same few statements, however long it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Row, Select, select

from seedbank.environment import Environment
from seedbank.errors import BadInput, NotFound
from seedbank.hashing import plain_value
from seedbank.recipe import Recipe
from seedbank.records import Blob, Entry, Model, ModelFile, Output, Picture
from seedbank.store import recipes as recipe_rows
from seedbank.store.tables import (
    blobs,
    entries,
    environment_parts,
    environments,
    image_tags,
    images,
    model_files,
    models,
    opinions,
    parts,
    prompts,
    recipes,
    settings,
    tags,
    users,
)

T = TypeVar("T")

CHUNK = 500
"""Values in one IN (…)."""

LARGEST_ID = 2**31 - 1
"""Two thousand million entries; see `tables.RowId`."""

traces = blobs.alias("traces")
negatives = prompts.alias("negatives")

everything = (
    entries.join(users, entries.c.user_id == users.c.id)
    .outerjoin(recipes, entries.c.recipe_id == recipes.c.id)
    .outerjoin(settings, recipes.c.settings_id == settings.c.id)
    .outerjoin(prompts, recipes.c.prompt_id == prompts.c.id)
    .outerjoin(negatives, recipes.c.negative_id == negatives.c.id)
    .outerjoin(images, entries.c.image_id == images.c.id)
    .outerjoin(blobs, entries.c.blob_id == blobs.c.id)
    .outerjoin(traces, entries.c.trace_id == traces.c.id)
    .outerjoin(models, entries.c.model_id == models.c.id)
    .outerjoin(environments, entries.c.environment_id == environments.c.id)
)
"""Entries with all that belongs to them; a database skips the joins whose columns are not asked for."""


def _labelled(prefix: str, columns: Iterable[ColumnElement[Any]]) -> list[ColumnElement[Any]]:
    return [column.label(f"{prefix}_{column.key}") for column in columns]


picture_columns = _labelled("image", (images.c[name] for name in ("id", "digest", "mode", "width", "height", "phash")))
blob_columns = _labelled("blob", (blobs.c[name] for name in ("digest", "size", "media_type", "location")))
trace_columns = _labelled("trace", (traces.c[name] for name in ("digest", "size", "media_type", "location")))
_HOT = ("seed", "steps", "guidance", "width", "height", "scheduler", "pipeline", "mode")
_recipe_columns = [
    *_labelled("recipe", (recipes.c[name] for name in ("digest", *_HOT))),
    recipes.c.model_id.label("recipe_model_id"),
    settings.c.body.label("recipe_settings"),
    prompts.c.text.label("recipe_prompt"),
    negatives.c.text.label("recipe_negative"),
]

entry_columns: list[ColumnElement[Any]] = [
    *(
        entries.c[name]
        for name in ("id", "uid", "added", "created", "origin", "output", "obstacles", "details", "trashed", "verdict")
    ),
    entries.c.trace_digest.label("traced"),
    entries.c.model_id,
    users.c.name.label("user"),
    environments.c.digest.label("environment_digest"),
    models.c.digest.label("model_digest"),
    *_recipe_columns,
    *picture_columns,
    *blob_columns,
    *trace_columns,
]


def entry_select() -> Select[Any]:
    """Select of everything that `read_entries` needs, to be narrowed and ordered."""
    return select(*entry_columns).select_from(everything)


def recipe_select() -> Select[Any]:
    """Select of all recipes with what `row_recipe` needs, to be narrowed and ordered."""
    return select(recipes.c.id, models.c.digest.label("model_digest"), *_recipe_columns).select_from(
        recipes.outerjoin(settings)
        .outerjoin(models, recipes.c.model_id == models.c.id)
        .outerjoin(prompts, recipes.c.prompt_id == prompts.c.id)
        .outerjoin(negatives, recipes.c.negative_id == negatives.c.id)
    )


def read_entries(connection: Connection, statement: Select[Any], user: str) -> list[Entry]:
    """The entries of `statement`, made from `entry_select`, with the opinions of `user`, in four statements."""
    rows = connection.execute(statement).all()
    known_models = read_models(connection, {row.model_id for row in rows if row.model_id is not None})
    pictures = sorted({row.image_id for row in rows if row.image_id is not None})
    tagged, own, noted = _opinions(connection, pictures, user)
    result = []
    for row in rows:
        favourite, rating = own.get(row.image_id, (False, None))
        result.append(
            Entry(
                id=row.id,
                uid=row.uid,
                added=row.added,
                created=row.created,
                user=row.user,
                origin=row.origin,
                recipe=row_recipe(row),
                recipe_digest=row.recipe_digest,
                environment_digest=row.environment_digest,
                model=known_models.get(row.model_id),
                picture=row_picture(row),
                blob=row_blob(row, "blob"),
                output=row_output(row),
                obstacles=tuple(row.obstacles or ()),
                details=plain_value(row.details or {}),
                tags=tuple(sorted(tagged.get(row.image_id, ()))),
                favourite=favourite,
                rating=rating,
                notes=tuple(noted.get(row.image_id, ())),
                verdict=row.verdict,
                trashed=row.trashed,
            )
        )
    return result


def entries_by_id(connection: Connection, ids: Sequence[int], user: str) -> list[Entry]:
    """The entries with these ids, in this order. Raises `NotFound` for the first that does not exist."""
    found: dict[int, Entry] = {}
    for some in chunks([number for number in ids if 0 < number <= LARGEST_ID]):
        statement = entry_select().where(entries.c.id.in_(some))
        found |= {entry.id: entry for entry in read_entries(connection, statement, user)}
    if absent := [number for number in ids if number not in found]:
        raise no_entry(absent[0])
    return [found[number] for number in ids]


def no_entry(number: int) -> NotFound:
    """The error for an id that does not exist."""
    return NotFound(f"There is no entry {number} in this bank.", "See what there is with: seedbank ls")


def chunks(values: Iterable[T]) -> Iterable[list[T]]:
    """`values` in lists short enough for one IN (…)."""
    listed = list(values)
    return (listed[start : start + CHUNK] for start in range(0, len(listed), CHUNK))


# -- parts of a row ------------------------------------------------------------------------------------------------


def row_recipe(row: Row[Any]) -> Recipe | None:
    if row.recipe_digest is None:
        return None
    columns = {name: getattr(row, f"recipe_{name}") for name in (*_HOT, "prompt", "negative")}
    columns["model"] = row.model_digest if row.recipe_model_id is not None else None
    return recipe_rows.join(columns, row.recipe_settings)


def row_picture(row: Row[Any]) -> Picture | None:
    if row.image_digest is None:
        return None
    return Picture(row.image_digest, row.image_mode, row.image_width, row.image_height, row.image_phash)


def row_blob(row: Row[Any], name: str) -> Blob | None:
    digest, size, media_type, location = (
        getattr(row, f"{name}_{part}") for part in ("digest", "size", "media_type", "location")
    )
    return None if digest is None else Blob(digest, size, media_type, location)


def row_output(row: Row[Any]) -> Output:
    values: Mapping[str, Any] = plain_value(row.output or {})
    return Output(trace=row_blob(row, "trace"), trace_digest=row.traced, **values)


# -- what entries share --------------------------------------------------------------------------------------------


def read_models(connection: Connection, ids: Iterable[int]) -> dict[int, Model]:
    """{id: model} with the files of each."""
    wanted = sorted(ids)
    if not wanted:
        return {}
    statement = (
        select(models, model_files.c.path, model_files.c.size, model_files.c.sha256)
        .select_from(models.outerjoin(model_files))
        .where(models.c.id.in_(wanted))
        .order_by(models.c.id, model_files.c.path)
    )
    found: dict[int, tuple[Row[Any], list[ModelFile]]] = {}
    for row in connection.execute(statement).all():
        files = found.setdefault(row.id, (row, []))[1]
        if row.path is not None:
            files.append(ModelFile(row.path, row.size, row.sha256))
    return {
        number: Model(
            digest=row.digest,
            name=row.name or row.digest[:12],
            files=tuple(files),
            pipeline=row.pipeline,
            source=row.source,
            revision=row.revision,
            variant=row.variant,
            config=row.config,
        )
        for number, (row, files) in found.items()
    }


def read_environment(connection: Connection, digest: str) -> Environment:
    """The environment with this digest, or the only one whose digest begins like that, or `NotFound`."""
    found = list(
        connection.scalars(
            select(environments.c.digest)
            .where(environments.c.digest.between(digest.ljust(64, "0"), digest.ljust(64, "f")))
            .limit(2)
        )
    )
    if len(found) > 1:
        raise BadInput(f"{digest!r} is the beginning of several environments' digests.", "Give more digits.")
    digest = found[0] if found else digest
    statement = (
        select(parts.c.kind, parts.c.body)
        .select_from(environments.outerjoin(environment_parts).outerjoin(parts))
        .where(environments.c.digest == digest)
    )
    rows = connection.execute(statement).all()
    if not rows:
        raise NotFound(f"There is no environment {digest[:12]} in this bank.")
    return Environment({row.kind: row.body for row in rows if row.kind is not None})


def _opinions(
    connection: Connection, pictures: list[int], user: str
) -> tuple[dict[int, list[str]], dict[int, tuple[bool, int | None]], dict[int, list[str]]]:
    """Tags of all, favourite and rating of `user`, notes of all, by the id of the picture."""
    tagged: dict[int, list[str]] = {}
    own: dict[int, tuple[bool, int | None]] = {}
    noted: dict[int, list[str]] = {}
    if not pictures:
        return tagged, own, noted
    of_tags = (
        select(image_tags.c.image_id, tags.c.name).select_from(image_tags.join(tags)).where(image_tags.c.image_id.in_(pictures))
    )
    for row in connection.execute(of_tags).all():
        tagged.setdefault(row.image_id, []).append(row.name)
    of_users = (
        select(opinions, users.c.name)
        .select_from(opinions.join(users))
        .where(opinions.c.image_id.in_(pictures))
        .order_by(opinions.c.user_id)
    )
    for row in connection.execute(of_users).all():
        if row.note is not None:
            noted.setdefault(row.image_id, []).append(row.note)
        if row.name == user:
            own[row.image_id] = (row.favourite, row.rating)
    return tagged, own, noted
