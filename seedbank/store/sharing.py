"""What entries share, stored once: recipes, models, environments, pictures and files, each found by its digest."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Select, Table, bindparam, delete, insert, select, update

from seedbank.environment import Environment
from seedbank.hashing import json_digest, sha256
from seedbank.recipe import Recipe
from seedbank.records import Blob, Model, Picture
from seedbank.store import recipes as recipe_rows
from seedbank.store import words
from seedbank.store.digests import head, rows_with
from seedbank.store.inserting import insert_many
from seedbank.store.reading import chunks
from seedbank.store.tables import (
    blobs,
    environment_parts,
    environments,
    images,
    model_files,
    models,
    parts,
    prompts,
    recipes,
    settings,
)
from seedbank.store.weights import store_hashes
from seedbank.store.wordindex import store_words


@lru_cache(32)
def _by_digest(table: Table) -> Select[Any]:
    """Rows of `table` by their `digests`. Made once, since making a statement takes longer than to run it."""
    return select(table).where(head(table.c.digest).in_(bindparam("digests", expanding=True)))


def known_rows(connection: Connection, table: Table, digests: Iterable[str]) -> dict[str, Any]:
    """{digest: row} of those that are there."""
    found: dict[str, Any] = {}
    for some in chunks(sorted(set(digests))):
        found |= {row.digest: row for row in connection.execute(_by_digest(table), {"digests": some})}
    return found


def known_ids(connection: Connection, table: Table, digests: Iterable[str]) -> dict[str, int]:
    """{digest: id} of those that are there."""
    found: dict[str, int] = {}
    for some in chunks(sorted(set(digests))):
        found |= {digest.hex(): number for digest, number in rows_with(connection, table, some)}
    return found


def ensure(
    connection: Connection, table: Table, rows: Mapping[str, Mapping[str, Any]], known: Mapping[str, int] | None = None
) -> dict[str, int]:
    """{digest: id} of `rows` ({digest: other columns}), after inserting those that are not there yet.

    `known` are those that are there, where they were looked up already.
    """
    found = dict(known_ids(connection, table, rows) if known is None else known)
    missing = [digest for digest in rows if digest not in found]
    ids = insert_many(connection, table, [{"digest": digest, **rows[digest]} for digest in missing])
    return found | dict(zip(missing, ids, strict=True))


@dataclass(frozen=True)
class StoredRecipe:
    """Where a recipe lies: its id and columns, and the settings that it shares with others."""

    id: int
    columns: Mapping[str, Any]
    settings_digest: str
    settings: Mapping[str, Any]


def store_recipes(
    connection: Connection, given: Iterable[Recipe | None], known_models: Mapping[str, int]
) -> dict[str, StoredRecipe]:
    """{digest: recipe} of the recipes, their prompts and settings stored once."""
    unique = {recipe.digest: recipe for recipe in given if recipe is not None}
    divided = {digest: recipe_rows.split(recipe) for digest, recipe in unique.items()}
    bodies = _settings_digests({digest: body for digest, (_, body) in divided.items()})
    known_settings = ensure(connection, settings, {bodies[digest]: {"body": body} for digest, (_, body) in divided.items()})
    known_prompts = store_prompts(
        connection, {columns[name] for columns, _ in divided.values() for name in ("prompt", "negative")} - {None}
    )
    rows = {}
    for digest, (columns, _) in divided.items():
        model, prompt, negative = (columns[name] for name in ("model", "prompt", "negative"))
        rows[digest] = {name: value for name, value in columns.items() if name not in ("model", "prompt", "negative")} | {
            "settings_id": known_settings[bodies[digest]],
            "model_id": None if model is None else known_models[model],
            "prompt_id": None if prompt is None else known_prompts[prompt],
            "negative_id": None if negative is None else known_prompts[negative],
        }
    ids = ensure(connection, recipes, rows)
    return {digest: StoredRecipe(ids[digest], rows[digest], bodies[digest], divided[digest][1]) for digest in rows}


def _settings_digests(bodies: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """{digest of a recipe: that of its settings}. Most recipes of an import share theirs: a digest is taken of each once."""
    texts = {digest: json.dumps(body) for digest, body in bodies.items()}
    of_texts = {text: json_digest(bodies[digest]) for text, digest in {text: digest for digest, text in texts.items()}.items()}
    return {digest: of_texts[text] for digest, text in texts.items()}


def store_prompts(connection: Connection, texts: Iterable[str]) -> dict[str, int]:
    """{text: id} of prompts, with what is indexed of those that are new."""
    digests = {text: sha256(text.encode()) for text in sorted(texts)}
    found = known_ids(connection, prompts, digests.values())
    missing = [text for text, digest in digests.items() if digest not in found]
    rows = []
    news: set[str] = set()
    for text in missing:
        tokens = words.tokens(text)
        news.update(filter(words.is_indexed, tokens))
        rows.append(
            {"digest": digests[text], "text": text, "tokens": words.joined(tokens), "pairs": " ".join(words.pairs_of(tokens))}
        )
    ids = insert_many(connection, prompts, rows)
    store_words(connection, news)
    return {text: found[digest] for text, digest in digests.items() if digest in found} | dict(zip(missing, ids, strict=True))


def model_digest(recipe: Recipe | None) -> str | None:
    """The digest of the recipe's model, where it is one."""
    return None if recipe is None or not recipe_rows.is_digest(recipe.model) else recipe.model


def store_models(connection: Connection, given: Iterable[Model | None], named: Iterable[Recipe | None]) -> dict[str, int]:
    """{digest: id} of models that were given whole or only named by a recipe; known ones become what was last seen."""
    whole = {model.digest: model for model in given if model is not None}
    rows: dict[str, dict[str, Any]] = {digest: _model_row(model) for digest, model in whole.items()}
    empty: dict[str, Any] = dict.fromkeys(("name", "folded", "pipeline", "source", "revision", "variant", "config"))
    for digest in {digest for recipe in named if (digest := model_digest(recipe)) is not None}:
        rows.setdefault(digest, empty)
    before = known_rows(connection, models, rows)
    ids = ensure(connection, models, rows, {digest: row.id for digest, row in before.items()})
    for digest, model in whole.items():
        known = before.get(digest)
        if known is not None and any(getattr(known, name) != value for name, value in rows[digest].items()):
            connection.execute(update(models).where(models.c.id == ids[digest]).values(rows[digest]))
        if known is None or known.source is None:  # a name alone says nothing of its files
            files = [
                {"model_id": ids[digest], "path": file.path, "size": file.size, "sha256": file.sha256} for file in model.files
            ]
            if files:
                connection.execute(delete(model_files).where(model_files.c.model_id == ids[digest]))
                connection.execute(insert(model_files), files)
    store_hashes(connection, ((ids[digest], model) for digest, model in whole.items()))
    return ids


def _model_row(model: Model) -> dict[str, Any]:
    return {
        "name": model.name,
        "folded": words.fold(model.name),
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
                part_id = insert_many(connection, parts, [{"kind": kind, "digest": part, "body": environment.parts[kind]}])[0]
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
    found = known_ids(connection, images, rows)
    for digest, known in known_rows(connection, images, found).items():
        news = {name: value for name, value in rows[digest].items() if value is not None and getattr(known, name) is None}
        if news:
            connection.execute(update(images).where(images.c.id == known.id).values(news))
    return ensure(connection, images, rows, found)


def store_blobs(connection: Connection, given: Iterable[Blob | None]) -> dict[str, int]:
    """{digest: id} of files. One that lies in the image store stays there; one elsewhere is where it was last seen."""
    rows: dict[str, dict[str, Any]] = {}
    for blob in given:
        if blob is not None and (blob.digest not in rows or blob.location is None):
            rows[blob.digest] = {"size": blob.size, "media_type": blob.media_type, "location": blob.location}
    found = known_ids(connection, blobs, rows)
    for digest, known in known_rows(connection, blobs, found).items():
        if known.location is not None and known.location != rows[digest]["location"]:
            connection.execute(update(blobs).where(blobs.c.id == known.id).values(location=rows[digest]["location"]))
    return ensure(connection, blobs, rows, found)
