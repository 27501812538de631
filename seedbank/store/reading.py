"""From rows to records: a page of entries costs the same few statements, however long it is."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import CompoundSelect, Connection, Select, null, select, union_all

from seedbank.environment import Environment
from seedbank.errors import BadInput, NotFound
from seedbank.records import Entry, Model, ModelFile
from seedbank.store.rows import (
    BLOB,
    PICTURE,
    RECIPE,
    TRACE,
    among,
    as_they_lie,
    blob_of,
    ids_given,
    negatives,
    output_of,
    picture_of,
    plain_of,
    recipe_of,
    slices,
    traces,
)
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
from seedbank.store.types import digest_text, moment, uid_text

T = TypeVar("T")

CHUNK = 500
"""Values in one IN (…)."""

LARGEST_ID = 2**31 - 1
"""Two thousand million entries; see `tables.RowId`."""

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


_NAMES = ("id", "uid", "added", "created", "origin", "obstacles", "details", "trashed", "verdict", "output", "trace_digest")
_SHARED = [
    entries.c.model_id,
    entries.c.image_id,
    users.c.name.label("user"),
    *as_they_lie(environments.c.digest, prefix="environment_"),
    *as_they_lie(models.c.digest, prefix="model_"),
]
_GROUPS = (as_they_lie(*(entries.c[name] for name in _NAMES)), _SHARED, RECIPE, PICTURE, BLOB, TRACE)
_own, _shared, _recipe, _picture, _blob, _trace = slices(*_GROUPS)


@cache
def _entries_among(sqlite: bool) -> Select[Any]:
    statement = select(*(column for group in _GROUPS for column in group)).select_from(everything)
    return statement.where(among(entries.c.id, sqlite=sqlite))


def entries_by_id(connection: Connection, ids: Sequence[int], user: str) -> list[Entry]:
    """The entries with these ids, in this order, with the opinions of `user`.

    Raises `NotFound` for the first that does not exist.
    """
    found: dict[int, Entry] = {}
    for some in chunks([number for number in ids if 0 < number <= LARGEST_ID]):
        found |= {entry.id: entry for entry in _read_entries(connection, some, user)}
    if absent := [number for number in ids if number not in found]:
        raise no_entry(absent[0])
    return [found[number] for number in ids]


def _read_entries(connection: Connection, ids: Sequence[int], user: str) -> Iterator[Entry]:
    """The entries with these ids in any order, in three statements."""
    statement = _entries_among(connection.dialect.name == "sqlite")
    rows = connection.execute(statement, ids_given(connection, ids)).all()
    shared = [row[_shared] for row in rows]
    known_models = read_models(connection, {model_id for model_id, *_ in shared if model_id is not None})
    said = _said(connection, {image_id for _, image_id, *_ in shared if image_id is not None}, user)
    settings_read: dict[str, Any] = {}
    for row, (model_id, image_id, name, environment, model) in zip(rows, shared, strict=True):
        number, uid, added, created, origin, obstacles, details, trashed, verdict, *output = row[_own]
        opinion = said.get(image_id, _UNSAID)
        yield Entry(
            id=number,
            uid=uid_text(uid),
            added=moment(added),
            created=None if created is None else moment(created),
            user=name,
            origin=origin,
            recipe=recipe_of(row[_recipe], model, settings_read),
            recipe_digest=digest_text(row[_recipe][0]),
            environment_digest=digest_text(environment),
            model=known_models.get(model_id),
            picture=picture_of(*row[_picture]),
            blob=blob_of(*row[_blob]),
            output=output_of(output, row[_trace]),
            obstacles=() if obstacles is None else tuple(json.loads(obstacles)),
            details=plain_of(details),
            tags=tuple(sorted(opinion.tags)),
            favourite=opinion.favourite,
            rating=opinion.rating,
            notes=tuple(opinion.notes),
            verdict=verdict,
            trashed=None if trashed is None else moment(trashed),
        )


def recipe_select() -> Select[Any]:
    """Select of the id of each recipe, what `recipe_of` needs and the digest of its model, to be narrowed and ordered."""
    columns = [recipes.c.id, *RECIPE, *as_they_lie(models.c.digest, prefix="model_")]
    return select(*columns).select_from(
        recipes.outerjoin(settings)
        .outerjoin(models, recipes.c.model_id == models.c.id)
        .outerjoin(prompts, recipes.c.prompt_id == prompts.c.id)
        .outerjoin(negatives, recipes.c.negative_id == negatives.c.id)
    )


def no_entry(number: int) -> NotFound:
    """The error for an id that does not exist."""
    return NotFound(f"There is no entry {number} in this bank.", "See what there is with: seedbank ls")


def chunks(values: Iterable[T]) -> Iterable[list[T]]:
    """`values` in lists short enough for one IN (…)."""
    listed = list(values)
    return (listed[start : start + CHUNK] for start in range(0, len(listed), CHUNK))


# -- what entries share --------------------------------------------------------------------------------------------


_MODEL = ("id", "name", "pipeline", "source", "revision", "variant", "config")
_FILE = ("path", "size", "sha256")


@cache
def _models_among(sqlite: bool) -> Select[Any]:
    columns = (models.c.digest, *(models.c[name] for name in _MODEL), *(model_files.c[name] for name in _FILE))
    statement = select(*as_they_lie(*columns)).select_from(models.outerjoin(model_files))
    return statement.where(among(models.c.id, sqlite=sqlite)).order_by(models.c.id, model_files.c.path)


def read_models(connection: Connection, ids: Iterable[int]) -> dict[int, Model]:
    """{id: model} with the files of each."""
    wanted = sorted(ids)
    if not wanted:
        return {}
    statement = _models_among(connection.dialect.name == "sqlite")
    found: dict[int, tuple[Sequence[Any], list[ModelFile]]] = {}
    for row in connection.execute(statement, ids_given(connection, wanted)).all():
        *model, path, size, sha256 = row
        files = found.setdefault(model[1], (model, []))[1]
        if path is not None:
            files.append(ModelFile(path, size, sha256.hex()))
    return {
        number: Model(digest.hex(), name or digest.hex()[:12], tuple(files), pipeline, source, revision, variant, config)
        for number, ((digest, _, name, pipeline, source, revision, variant, config), files) in found.items()
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


@dataclass
class _Said:
    """What is said of a picture: tags and notes by all, favourite and rating by one."""

    tags: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    favourite: bool = False
    rating: int | None = None


_UNSAID = _Said()
_OPINION = ("favourite", "rating", "note")


@cache
def _said_of(sqlite: bool) -> CompoundSelect[Any]:
    of_tags = (
        select(image_tags.c.image_id, tags.c.name.label("tag"), *(null().label(name) for name in ("user", "id", *_OPINION)))
        .select_from(image_tags.join(tags))
        .where(among(image_tags.c.image_id, sqlite=sqlite))
    )
    of_users = (
        select(opinions.c.image_id, null(), users.c.name, users.c.id, *(opinions.c[name] for name in _OPINION))
        .select_from(opinions.join(users))
        .where(among(opinions.c.image_id, sqlite=sqlite))
    )
    return union_all(of_tags, of_users)


def _said(connection: Connection, pictures: Iterable[int], user: str) -> dict[int, _Said]:
    """What is said of pictures, by their ids, as `user` sees it."""
    wanted = sorted(pictures)
    if not wanted:
        return {}
    found: dict[int, _Said] = {}
    statement = _said_of(connection.dialect.name == "sqlite")
    rows = connection.execute(statement, ids_given(connection, wanted)).all()
    for image_id, tag, name, _, favourite, rating, note in sorted(rows, key=lambda row: row[3] or 0):  # notes by user
        said = found.setdefault(image_id, _Said())
        if tag is not None:
            said.tags.append(tag)
            continue
        if name == user:
            said.favourite, said.rating = bool(favourite), rating
        if note is not None:
            said.notes.append(note)
    return found
