"""From rows to records: a page of entries costs the same few statements, however long it is.

These statements are always the same, so they stand here as text: that costs `ls` neither the tables nor a compiler of SQL,
and a page none of what SQLAlchemy does to find out that it has compiled a statement before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import Connection

from seedbank.errors import NotFound
from seedbank.records import Entry, Model, ModelFile
from seedbank.store.rows import blob_of, output_of, parsed, picture_of, plain_of, recipe_of
from seedbank.store.sending import Rows, send
from seedbank.store.types import digest_text, moment, uid_text

T = TypeVar("T")

CHUNK = 500
"""Values in one IN (…)."""

LARGEST_ID = 2**31 - 1
"""Two thousand million entries; see `tables.Small`."""


def no_entry(number: int) -> NotFound:
    """The error for an id that does not exist."""
    return NotFound(f"There is no entry {number} in this bank.", "See what there is with: seedbank ls")


def chunks(values: Iterable[T]) -> Iterable[list[T]]:
    """`values` in lists short enough for one IN (…)."""
    listed = list(values)
    return (listed[start : start + CHUNK] for start in range(0, len(listed), CHUNK))


def rows_among(connection: Connection, statement: str, ids: Iterable[int]) -> Rows:
    """The rows of a statement whose ``{among}`` means one of these ids, with values as they lie.

    The ids are one parameter: databases and drivers keep what they prepared by the text of a statement, and a plan for ten
    tables takes longer than a page.
    """
    listed, sqlite = list(ids), connection.dialect.name == "sqlite"
    return send(connection, _in_words_of(statement, sqlite), (str(listed),) if sqlite else {"ids": listed}, keep=True)


@cache
def _in_words_of(statement: str, sqlite: bool) -> str:
    """`statement` for SQLite or for PostgreSQL; ``{list}`` makes a JSON array of rows, ``{row}`` one of values."""
    if sqlite:
        return statement.format(among="IN (SELECT value FROM json_each(?1))", list="json_group_array", row="json_array")
    return statement.format(among="= ANY(%(ids)s::INTEGER[])", list="json_agg", row="json_build_array")


# -- entries ---------------------------------------------------------------------------------------------------------

_ENTRIES = """
SELECT entries.id, entries.uid, entries.added, entries.created, entries.origin, entries.obstacles, entries.details,
    entries.trashed, entries.verdict, entries.model_id, users.name, environments.digest AS environment,
    recipes.digest AS recipe, settings.body, recipes.model_id AS recipe_model, models.digest AS model,
    recipes.seed, recipes.steps, recipes.guidance, recipes.width, recipes.height,
    prompts.text AS prompt, negatives.text AS negative,
    images.digest AS image, images.mode, images.width AS columns, images.height AS rows, images.phash,
    blobs.digest AS blob, blobs.size, blobs.media_type, blobs.location,
    entries.output, entries.trace_digest, entries.trace_size,
    (
        SELECT CAST({list}(tags.name) AS TEXT) FROM image_tags JOIN tags ON tags.id = image_tags.tag_id
        WHERE image_tags.image_id = entries.image_id
    ) AS tags,
    (
        SELECT CAST({list}({row}(users.id, users.name, opinions.favourite, opinions.rating, opinions.note)) AS TEXT)
        FROM opinions JOIN users ON users.id = opinions.user_id
        WHERE opinions.image_id = entries.image_id
    ) AS opinions
FROM entries
JOIN users ON users.id = entries.user_id
LEFT JOIN recipes ON recipes.id = entries.recipe_id
LEFT JOIN settings ON settings.id = recipes.settings_id
LEFT JOIN prompts ON prompts.id = recipes.prompt_id
LEFT JOIN prompts AS negatives ON negatives.id = recipes.negative_id
LEFT JOIN images ON images.id = entries.image_id
LEFT JOIN blobs ON blobs.id = entries.blob_id
LEFT JOIN models ON models.id = entries.model_id
LEFT JOIN environments ON environments.id = entries.environment_id
WHERE entries.id {among}
"""
_OWN, _RECIPE, _PICTURE, _BLOB, _OUTPUT = slice(0, 12), slice(12, 23), slice(23, 28), slice(28, 32), slice(32, 35)
_MODEL_ID, _TAGS, _OPINIONS = 9, 35, 36


def newest_ids(connection: Connection, limit: int, before: int | None) -> list[int]:
    """The ids of live entries, newest first, of those below `before`."""
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    below, bound = ("", ()) if before is None else (f"AND entries.id < {mark} ", (min(before, LARGEST_ID),))
    statement = f"SELECT entries.id FROM entries WHERE entries.trashed IS NULL {below}ORDER BY entries.id DESC LIMIT {mark}"
    return [number for (number,) in send(connection, statement, (*bound, max(limit, 0)), keep=True)]


def entries_by_id(connection: Connection, ids: Sequence[int], user: str, known: dict[int, Model] | None = None) -> list[Entry]:
    """The entries with these ids, in this order, with the opinions of `user`.

    `known` are models by their ids, as they stand in the bank that this transaction sees; those that are read are added.
    Raises `NotFound` for the first that does not exist.
    """
    models = {} if known is None else known
    found: dict[int, Entry] = {}
    for some in chunks([number for number in ids if 0 < number <= LARGEST_ID]):
        found |= {entry.id: entry for entry in _read_entries(connection, some, user, models)}
    if absent := [number for number in ids if number not in found]:
        raise no_entry(absent[0])
    return [found[number] for number in ids]


def _read_entries(connection: Connection, ids: Sequence[int], user: str, models: dict[int, Model]) -> Iterator[Entry]:
    """The entries with these ids in any order, in two statements; one where `models` has all of theirs."""
    rows = rows_among(connection, _ENTRIES, ids)
    models |= read_models(connection, {row[_MODEL_ID] for row in rows if row[_MODEL_ID] is not None} - models.keys())
    for row in rows:
        number, uid, added, created, origin, obstacles, details, trashed, verdict, model_id, name, where = row[_OWN]
        favourite, rating, notes = _said(row[_OPINIONS], user)
        yield Entry(
            id=number,
            uid=uid_text(uid),
            added=moment(added),
            created=None if created is None else moment(created),
            user=name,
            origin=origin,
            recipe=recipe_of(*row[_RECIPE]),
            recipe_digest=digest_text(row[_RECIPE.start]),
            environment_digest=digest_text(where),
            model=models.get(model_id),
            picture=picture_of(*row[_PICTURE]),
            blob=blob_of(*row[_BLOB]),
            output=output_of(*row[_OUTPUT]),
            obstacles=() if obstacles is None else tuple(parsed(obstacles)),
            details=plain_of(details),
            tags=tuple(sorted(_listed(row[_TAGS]))),
            favourite=favourite,
            rating=rating,
            notes=notes,
            verdict=verdict,
            trashed=None if trashed is None else moment(trashed),
        )


# -- what entries share ----------------------------------------------------------------------------------------------

_MODELS = """
SELECT models.id, models.digest, models.name, models.pipeline, models.source, models.revision, models.variant, models.config,
    model_files.path, model_files.size, model_files.sha256
FROM models
LEFT JOIN model_files ON model_files.model_id = models.id
WHERE models.id {among}
ORDER BY models.id, model_files.path
"""


def read_models(connection: Connection, ids: Iterable[int]) -> dict[int, Model]:
    """{id: model} with the files of each, in order of ids."""
    wanted = sorted(ids)
    if not wanted:
        return {}
    found: dict[int, tuple[Sequence[Any], list[ModelFile]]] = {}
    for number, *model, path, size, sha256 in rows_among(connection, _MODELS, wanted):
        files = found.setdefault(number, (model, []))[1]
        if path is not None:
            files.append(ModelFile(path, size, sha256.hex()))
    return {
        number: Model(digest.hex(), name or digest.hex()[:12], tuple(files), *rest)
        for number, ((digest, name, *rest), files) in found.items()
    }


# -- what people say -------------------------------------------------------------------------------------------------


def _listed(body: str | None) -> list[Any]:
    """A JSON array that a subquery made; PostgreSQL gives NULL for an empty one."""
    return [] if body is None or body == "[]" else parsed(body)


def _said(body: str | None, user: str) -> tuple[bool, int | None, tuple[str, ...]]:
    """(favourite, rating) by `user`, and the notes of all in the order of their users, of what is said of a picture."""
    said = _listed(body)
    if not said:
        return False, None, ()
    said.sort()
    own = next(((bool(favourite), rating) for _, name, favourite, rating, _ in said if name == user), (False, None))
    return *own, tuple(note for *_, note in said if note is not None)
