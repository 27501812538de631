"""From records to rows: one unit of work per transaction, and what many entries share stored once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, Table, delete, insert, select, update

from seedbank.environment import Environment
from seedbank.errors import BadInput, NotFound
from seedbank.hashing import json_digest, sha256
from seedbank.recipe import Recipe
from seedbank.records import EDGES, Blob, Model, NewEntry, Output, Picture
from seedbank.store import recipes as recipe_rows
from seedbank.store.reading import LARGEST_ID, chunks, no_entry
from seedbank.store.tables import (
    blobs,
    edges,
    entries,
    entry_inputs,
    environment_parts,
    environments,
    images,
    model_files,
    models,
    operations,
    parts,
    prompts,
    recipes,
    runs,
    settings,
    users,
)


def new_uid() -> str:
    """A fresh UUIDv7."""
    from uuid6 import uuid7

    return str(uuid7())


@dataclass
class Work:
    """One transaction of one user, at one time."""

    connection: Connection
    user: str
    at: datetime

    @classmethod
    def begin(cls, connection: Connection, user: str) -> Work:
        return cls(connection, user, datetime.now(UTC))

    @cached_property
    def user_id(self) -> int:
        """The row of the user, made at the first write."""
        known = self.connection.scalar(select(users.c.id).where(users.c.name == self.user))
        return known if known is not None else self.insert(users, name=self.user, uid=new_uid())

    def insert(self, table: Table, **values: Any) -> int:
        """Inserts one row and gives its id."""
        return insert_many(self.connection, table, [values])[0]

    def record(self, kind: str, **details: Any) -> int:
        """Writes down who did what when; every write does so in its own transaction. Gives the operation's id."""
        return self.insert(
            operations, uid=new_uid(), kind=kind, at=self.at, user_id=self.user_id, details=details or None
        )


def spans(ids: Iterable[int]) -> str:
    """Ids in the short form of the command line: ``3..9,12``."""
    pieces: list[list[int]] = []
    for number in sorted(set(ids)):
        if pieces and pieces[-1][1] == number - 1:
            pieces[-1][1] = number
        else:
            pieces.append([number, number])
    return ",".join(f"{first}..{last}" if first < last else str(first) for first, last in pieces)


def require_entries(connection: Connection, ids: Iterable[int]) -> list[int]:
    """`ids` without repetition. Raises `NotFound` for the first that does not exist."""
    wanted = list(dict.fromkeys(ids))
    if out_of_range := [number for number in wanted if not 0 < number <= LARGEST_ID]:
        raise no_entry(out_of_range[0])
    found: set[int] = set()
    for some in chunks(wanted):
        found.update(connection.scalars(select(entries.c.id).where(entries.c.id.in_(some))))
    if absent := [number for number in wanted if number not in found]:
        raise no_entry(absent[0])
    return wanted


# -- entries -------------------------------------------------------------------------------------------------------


def add_entries(work: Work, news: Sequence[NewEntry]) -> list[int]:
    """Stores entries in order, with everything they are made of, and gives their ids."""
    for new in news:
        _check(new)
    connection = work.connection
    require_entries(connection, (parent for new in news for parent, _ in new.parents))
    _require_runs(connection, {new.run for new in news if new.run is not None})
    known_models = store_models(connection, [new.model for new in news], [new.recipe for new in news])
    known_recipes = store_recipes(connection, [new.recipe for new in news], known_models)
    known_environments = store_environments(connection, [new.environment for new in news])
    known_images = store_pictures(connection, [new.picture for new in news])
    known_blobs = store_blobs(connection, [blob for new in news for blob in (new.blob, new.output.trace, *new.inputs)])
    rows = []
    for new in news:
        model = new.model.digest if new.model else _model_digest(new.recipe)
        rows.append(
            {
                "uid": new_uid(),
                "added": work.at,
                "created": new.created,
                "user_id": work.user_id,
                "origin": new.origin,
                "recipe_id": known_recipes[new.recipe.digest] if new.recipe else None,
                "environment_id": known_environments[new.environment.digest] if new.environment else None,
                "model_id": known_models[model] if model else None,
                "image_id": known_images[new.picture.digest] if new.picture else None,
                "blob_id": known_blobs[new.blob.digest] if new.blob else None,
                "trace_id": known_blobs[new.output.trace.digest] if new.output.trace else None,
                "trace_digest": new.output.trace_digest,
                "output": output_values(new.output),
                "obstacles": list(new.obstacles) or None,
                "details": dict(new.details) or None,
                "run_id": new.run,
            }
        )
    ids = insert_many(connection, entries, rows)
    inputs = [
        {"entry_id": number, "position": position, "blob_id": known_blobs[blob.digest]}
        for number, new in zip(ids, news, strict=True)
        for position, blob in enumerate(new.inputs)
    ]
    lineage = [
        {"child_id": number, "parent_id": parent, "kind": kind}
        for number, new in zip(ids, news, strict=True)
        for parent, kind in dict.fromkeys(new.parents)
    ]
    for table, relations in ((entry_inputs, inputs), (edges, lineage)):
        if relations:
            connection.execute(insert(table), relations)
    work.record("add", entries=spans(ids))
    return ids


def _check(new: NewEntry) -> None:
    if new.blob is not None and new.picture is None:
        raise BadInput("A file was given without the digest of its pixels.", "Give both: the picture and its blob.")
    if new.recipe and new.model and new.recipe.model and new.recipe.model != new.model.digest:
        raise BadInput(f"The recipe names the model {new.recipe.model[:12]}, but {new.model.digest[:12]} was given.")
    for _, kind in new.parents:
        if kind not in EDGES:
            raise BadInput(f"There is no kind of lineage called {kind!r}.", f"Use one of: {', '.join(EDGES)}.")


def _require_runs(connection: Connection, numbers: set[int]) -> None:
    if numbers:
        found = set(connection.scalars(select(runs.c.id).where(runs.c.id.in_(sorted(numbers)))))
        for number in sorted(numbers - found):
            raise NotFound(f"There is no run {number} in this bank.")


def output_values(output: Output) -> dict[str, Any] | None:
    """What of an output has no column; empty parts are left out."""
    values = {"seconds": dict(output.seconds), "peak_memory": output.peak_memory, "flags": dict(output.flags)}
    return {name: value for name, value in values.items() if value not in (None, {})} or None


# -- what entries share --------------------------------------------------------------------------------------------


def insert_many(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Inserts rows and gives their ids in the same order."""
    if not rows:
        return []
    statement = insert(table).returning(table.c.id, sort_by_parameter_order=True)
    return list(connection.scalars(statement, list(rows)))


def known_rows(connection: Connection, table: Table, digests: Iterable[str]) -> dict[str, Any]:
    """{digest: row} of those that are there."""
    found: dict[str, Any] = {}
    for some in chunks(sorted(set(digests))):
        found |= {row.digest: row for row in connection.execute(select(table).where(table.c.digest.in_(some)))}
    return found


def ensure(connection: Connection, table: Table, rows: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    """{digest: id} of `rows` ({digest: other columns}), after inserting those that are not there yet."""
    found = {digest: row.id for digest, row in known_rows(connection, table, rows).items()}
    missing = [digest for digest in rows if digest not in found]
    ids = insert_many(connection, table, [{"digest": digest, **rows[digest]} for digest in missing])
    return found | dict(zip(missing, ids, strict=True))


def store_recipes(
    connection: Connection, given: Iterable[Recipe | None], known_models: Mapping[str, int]
) -> dict[str, int]:
    """{digest: id} of the recipes, their prompts and settings stored once."""
    unique = {recipe.digest: recipe for recipe in given if recipe is not None}
    divided = {digest: recipe_rows.split(recipe) for digest, recipe in unique.items()}
    bodies = {digest: json_digest(body) for digest, (_, body) in divided.items()}
    known_settings = ensure(
        connection, settings, {bodies[digest]: {"body": body} for digest, (_, body) in divided.items()}
    )
    texts = {
        columns[name] for columns, _ in divided.values() for name in ("prompt", "negative") if columns[name] is not None
    }
    by_text = {text: sha256(text.encode()) for text in sorted(texts)}
    known_prompts = ensure(
        connection,
        prompts,
        {digest: {"text": text, "folded": recipe_rows.folded_or_none(text)} for text, digest in by_text.items()},
    )
    rows = {}
    for digest, (columns, _) in divided.items():
        model, prompt, negative = (columns.pop(name) for name in ("model", "prompt", "negative"))
        rows[digest] = columns | {
            "settings_id": known_settings[bodies[digest]],
            "model_id": None if model is None else known_models[model],
            "prompt_id": None if prompt is None else known_prompts[by_text[prompt]],
            "negative_id": None if negative is None else known_prompts[by_text[negative]],
        }
    return ensure(connection, recipes, rows)


def _model_digest(recipe: Recipe | None) -> str | None:
    """The digest of the recipe's model, where it is one."""
    return None if recipe is None else recipe_rows.split(recipe)[0]["model"]


def store_models(
    connection: Connection, given: Iterable[Model | None], named: Iterable[Recipe | None]
) -> dict[str, int]:
    """{digest: id} of models that were given whole or only named by a recipe; known ones become what was last seen."""
    whole = {model.digest: model for model in given if model is not None}
    rows: dict[str, dict[str, Any]] = {digest: _model_row(model) for digest, model in whole.items()}
    empty: dict[str, Any] = dict.fromkeys(("name", "folded", "pipeline", "source", "revision", "variant", "config"))
    for digest in {digest for recipe in named if (digest := _model_digest(recipe)) is not None}:
        rows.setdefault(digest, empty)
    before = known_rows(connection, models, rows)
    ids = ensure(connection, models, rows)
    for digest, model in whole.items():
        known = before.get(digest)
        if known is not None and any(getattr(known, name) != value for name, value in rows[digest].items()):
            connection.execute(update(models).where(models.c.id == ids[digest]).values(rows[digest]))
        if known is None or known.name is None:
            files = [
                {"model_id": ids[digest], "path": file.path, "size": file.size, "sha256": file.sha256}
                for file in model.files
            ]
            if files:
                connection.execute(delete(model_files).where(model_files.c.model_id == ids[digest]))
                connection.execute(insert(model_files), files)
    return ids


def _model_row(model: Model) -> dict[str, Any]:
    return {
        "name": model.name,
        "folded": recipe_rows.fold(model.name),
        "pipeline": model.pipeline,
        "source": model.source,
        "revision": model.revision,
        "variant": model.variant,
        "config": model.config,
    }


def store_environments(connection: Connection, given: Iterable[Environment | None]) -> dict[str, int]:
    """{digest: id} of environments, their parts stored once."""
    unique = {environment.digest: environment for environment in given if environment is not None}
    found = {digest: row.id for digest, row in known_rows(connection, environments, unique).items()}
    for digest, environment in unique.items():
        if digest in found:
            continue
        found[digest] = number = insert_many(connection, environments, [{"digest": digest}])[0]
        for kind, part in environment.part_digests.items():
            part_id = connection.scalar(select(parts.c.id).where(parts.c.kind == kind, parts.c.digest == part))
            if part_id is None:
                part_id = insert_many(
                    connection, parts, [{"kind": kind, "digest": part, "body": environment.parts[kind]}]
                )[0]
            connection.execute(insert(environment_parts).values(environment_id=number, part_id=part_id))
    return found


def store_pictures(connection: Connection, given: Iterable[Picture | None]) -> dict[str, int]:
    """{digest: id} of pictures. What was not known of a picture before is filled in, what was known stays."""
    names = ("mode", "width", "height", "phash")
    rows: dict[str, dict[str, Any]] = {}
    for picture in given:
        if picture is not None:
            values = rows.setdefault(picture.digest, dict.fromkeys(names))
            values.update({name: getattr(picture, name) for name in names if values[name] is None})
    before = known_rows(connection, images, rows)
    for digest, known in before.items():
        news = {
            name: value for name, value in rows[digest].items() if value is not None and getattr(known, name) is None
        }
        if news:
            connection.execute(update(images).where(images.c.id == known.id).values(news))
    return ensure(connection, images, rows)


def store_blobs(connection: Connection, given: Iterable[Blob | None]) -> dict[str, int]:
    """{digest: id} of files. One that lies in the image store stays there; one elsewhere is where it was last seen."""
    rows: dict[str, dict[str, Any]] = {}
    for blob in given:
        if blob is not None and (blob.digest not in rows or blob.location is None):
            rows[blob.digest] = {"size": blob.size, "media_type": blob.media_type, "location": blob.location}
    before = known_rows(connection, blobs, rows)
    for digest, known in before.items():
        if known.location is not None and known.location != rows[digest]["location"]:
            connection.execute(update(blobs).where(blobs.c.id == known.id).values(location=rows[digest]["location"]))
    return ensure(connection, blobs, rows)
