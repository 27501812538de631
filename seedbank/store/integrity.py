"""Whether the rows of a bank are whole and agree with each other. Finds, and never repairs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Connection, Select, except_, exists, or_, select, union_all

from seedbank.errors import SeedbankError
from seedbank.hashing import json_digest, sha256
from seedbank.store import words
from seedbank.store.columns import recipe_select
from seedbank.store.lineage import circle
from seedbank.store.reading import CHUNK
from seedbank.store.rows import recipe_of
from seedbank.store.runs import counting_verdict
from seedbank.store.tables import (
    FAVOURITE,
    RATING,
    TAG,
    collection_items,
    edges,
    entries,
    environment_parts,
    environments,
    image_tags,
    images,
    opinion_events,
    opinions,
    parts,
    posting_key,
    postings,
    prompts,
    recipes,
    regenerations,
    settings,
)
from seedbank.store.writing import spans

if TYPE_CHECKING:
    from seedbank.store.store import Store


def integrity(store: Store) -> Iterator[str]:
    """What is wrong with the database, one sentence each, with ids; nothing when all is well."""
    with store.database.reading() as connection:
        if store.database.is_sqlite:
            for (found,) in connection.exec_driver_sql("PRAGMA quick_check"):
                if found != "ok":
                    yield f"The database file is damaged: {found}."
            for table, row, parent, _ in connection.exec_driver_sql("PRAGMA foreign_key_check"):
                yield f"Row {row} of {table} refers to a row of {parent} that does not exist."
        yield from _shared(connection)
        yield from _environments(connection)
        yield from _recipes(connection)
        yield from _contradictions(connection)
        yield from _lineage(connection)
        yield from _postings(connection)


# -- what is stored under a digest has this digest --------------------------------------------------------------------


def _shared(connection: Connection) -> Iterator[str]:
    for row in in_batches(connection, select(prompts)):
        if sha256(row.text.encode()) != row.digest or words.stream(row.text) != row.tokens:
            used = or_(recipes.c.prompt_id == row.id, recipes.c.negative_id == row.id)
            yield f"A prompt is not the one that was recorded{where_in(connection, used)}."
    for row in in_batches(connection, select(settings)):
        if _digest(row.body) != row.digest:
            used = recipes.c.settings_id == row.id
            yield f"Settings of a recipe are not those that were recorded{where_in(connection, used)}."
    for row in in_batches(connection, select(parts)):
        if _digest(row.body) != row.digest:
            of_part = select(environment_parts.c.environment_id).where(environment_parts.c.part_id == row.id)
            used = entries.c.environment_id.in_(of_part)
            yield f"The {row.kind} of an environment is not what was recorded{where_in(connection, used)}."


def _environments(connection: Connection) -> Iterator[str]:
    whole: dict[int, tuple[str, dict[str, str]]] = {}
    statement = select(environments.c.id, environments.c.digest, parts.c.kind, parts.c.digest.label("part"))
    for row in connection.execute(statement.select_from(environments.outerjoin(environment_parts).outerjoin(parts))):
        kinds = whole.setdefault(row.id, (row.digest, {}))[1]
        if row.kind is not None:
            kinds[row.kind] = row.part
    for number, (digest, kinds) in whole.items():
        if json_digest(kinds) != digest:
            used = entries.c.environment_id == number
            yield f"Environment {digest[:12]} lacks a part or has a strange one{where_in(connection, used)}."


def _recipes(connection: Connection) -> Iterator[str]:
    for row in in_batches(connection, recipe_select()):
        number, *stored = row
        digest = stored[0].hex()
        try:
            recipe = recipe_of(*stored)
            same = recipe is not None and recipe.digest == digest
        except (SeedbankError, KeyError, TypeError, ValueError):
            same = False
        if not same:
            used = recipes.c.id == number
            yield f"Recipe {digest[:12]} cannot be rebuilt to its digest{where_in(connection, used)}."


def _digest(body: Any) -> str | None:
    try:
        return json_digest(body)
    except SeedbankError:
        return None


def in_batches(connection: Connection, statement: Select[Any], size: int = CHUNK) -> Iterator[Any]:
    """All rows of `statement`, whose first column is the id, `size` at a time."""
    identity = statement.selected_columns[0]
    last = 0
    while rows := connection.execute(statement.where(identity > last).order_by(identity).limit(size)).all():
        yield from rows
        last = rows[-1].id


# -- rows that contradict each other ----------------------------------------------------------------------------------


def _contradictions(connection: Connection) -> Iterator[str]:
    latest = counting_verdict(entries.c.id)
    for sentence, condition in (
        ("name another model than their recipes", entries.c.model_id.is_distinct_from(recipes.c.model_id) & _has_model),
        ("have a file but no image digest", entries.c.blob_id.is_not(None) & entries.c.image_id.is_(None)),
        ("carry a verdict that is not that of their latest regeneration", entries.c.verdict.is_distinct_from(latest)),
    ):
        if where := where_in(connection, condition):
            yield f"Entries {sentence}{where}."
    for table in (image_tags, opinions, opinion_events, collection_items):
        used = or_(
            exists().where(entries.c.image_id == table.c.image_id),
            exists().where(regenerations.c.image_id == table.c.image_id),
        )
        statement = select(images.c.digest).select_from(table.join(images, table.c.image_id == images.c.id))
        for digest in connection.scalars(statement.where(~used).distinct().limit(CHUNK)):
            yield f"There is an opinion ({table.name}) on image {digest[:12]}, which no entry has."


def _lineage(connection: Connection) -> Iterator[str]:
    """Nothing comes from itself. Entries come after their parents but for those of bundles, so few edges can close a circle."""
    against = select(edges.c.child_id).where(edges.c.parent_id >= edges.c.child_id)
    if ids := circle(connection, connection.scalars(against)):
        yield f"Entries come from each other in a circle (entries {spans(ids)})."


def _postings(connection: Connection) -> Iterator[str]:
    """What entries are found by, against the opinions that it was made from."""
    said = union_all(
        select(posting_key(TAG, image_tags.c.tag_id), entries.c.id).join(entries, entries.c.image_id == image_tags.c.image_id),
        select(posting_key(FAVOURITE, opinions.c.user_id), entries.c.id)
        .join(entries, entries.c.image_id == opinions.c.image_id)
        .where(opinions.c.favourite),
        select(posting_key(RATING, opinions.c.user_id * 8 + opinions.c.rating), entries.c.id)
        .join(entries, entries.c.image_id == opinions.c.image_id)
        .where(opinions.c.rating.is_not(None)),
    )
    held = select(postings.c.key, postings.c.entry_id)
    for first, second, what in ((said, held, "are not found by all"), (held, said, "are found by more than")):
        rows = connection.execute(except_(select(first.subquery()), select(second.subquery())).limit(CHUNK)).all()
        if ids := {row[1] for row in rows}:
            more = " and more" if len(rows) == CHUNK else ""
            yield f"Entries {what} that is said of their images (entries {spans(ids)}{more})."


_has_model = recipes.c.model_id.is_not(None)


def where_in(connection: Connection, condition: ColumnElement[bool]) -> str:
    """In which entries that is, for the end of a sentence; empty when in none."""
    statement = select(entries.c.id).select_from(entries.outerjoin(recipes)).where(condition)
    ids = connection.scalars(statement.order_by(entries.c.id).limit(CHUNK)).all()
    more = " and more" if len(ids) == CHUNK else ""
    return f" (entries {spans(ids)}{more})" if ids else ""
