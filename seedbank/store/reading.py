"""From rows to records: a page of entries costs the same few statements, however long it is.

These statements are always the same, so they stand here as text: that costs `ls` neither the tables nor a compiler of SQL,
and a page none of what SQLAlchemy does to find out that it has compiled a statement before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

from msgspec import Struct, field
from sqlalchemy import Connection

from seedbank.errors import NotFound
from seedbank.records import Blob, Entry, Model, ModelFile, Picture
from seedbank.store.recipes import join
from seedbank.store.rows import fields_of, output_of, parsed, plain_of
from seedbank.store.sending import Rows, send
from seedbank.store.types import moment, phash_text, seed_number, uid_text

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
    entries.trashed, entries.verdict, entries.model_id, USER, ENVIRONMENT,
    recipes.digest AS recipe, SETTINGS, recipes.model_id AS recipe_model,
    recipes.seed, recipes.steps, recipes.guidance, recipes.width, recipes.height,
    prompts.text AS prompt, negatives.text AS negative,
    images.digest AS image, images.mode, images.width AS columns, images.height AS rows, images.phash,
    blobs.digest AS blob, blobs.size, blobs.media_type, blobs.location,
    entries.output, entries.trace_digest, entries.trace_size,
    (
        SELECT CAST({list}(TAG) AS TEXT) FROM image_tagsTAGGED
        WHERE image_tags.image_id = entries.image_id
    ) AS tags,
    (
        SELECT CAST({list}({row}(SAYER, opinions.favourite, opinions.rating, opinions.note)) AS TEXT) FROM opinionsSAID
        WHERE opinions.image_id = entries.image_id
    ) AS opinions
FROM entries
LEFT JOIN recipes ON recipes.id = entries.recipe_id
LEFT JOIN prompts ON prompts.id = recipes.prompt_id
LEFT JOIN prompts AS negatives ON negatives.id = recipes.negative_id
LEFT JOIN images ON images.id = entries.image_id
LEFT JOIN blobs ON blobs.id = entries.blob_id
JOINS
WHERE entries.id {among}
"""


def _with(**pieces: str) -> str:
    return re.sub("|".join(pieces), lambda found: pieces[found[0]], _ENTRIES)


WHOLE = _with(
    USER="users.name AS user_name",
    ENVIRONMENT="environments.digest AS environment",
    SETTINGS="settings.body",
    TAGGED=" JOIN tags ON tags.id = image_tags.tag_id",
    TAG="tags.name",
    SAYER="users.id, users.name",
    SAID=" JOIN users ON users.id = opinions.user_id",
    JOINS="""LEFT JOIN users ON users.id = entries.user_id
LEFT JOIN environments ON environments.id = entries.environment_id
LEFT JOIN settings ON settings.id = recipes.settings_id""",
)
"""What is known of entries, but for their models."""

REFERRING = _with(
    USER="entries.user_id",
    ENVIRONMENT="entries.environment_id",
    SETTINGS="recipes.settings_id",
    TAGGED="",
    TAG="image_tags.tag_id",
    SAYER="opinions.user_id, opinions.user_id",
    SAID="",
    JOINS="",
)
"""The same with the ids of what many entries share, for who remembers that: PostgreSQL takes a third less for it."""

_MODEL_AT, _ENVIRONMENT_AT, _SETTINGS_AT, _TAGS_AT = 9, 11, 13, -2
"""Places in their rows."""


def newest_ids(connection: Connection, limit: int, before: int | None) -> list[int]:
    """The ids of live entries, newest first, of those below `before`."""
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    below, bound = ("", ()) if before is None else (f"AND entries.id < {mark} ", (min(max(before, 0), LARGEST_ID),))
    statement = f"SELECT entries.id FROM entries WHERE entries.trashed IS NULL {below}ORDER BY entries.id DESC LIMIT {mark}"
    return [number for (number,) in send(connection, statement, (*bound, max(limit, 0)), keep=True)]


def entries_by_id(connection: Connection, ids: Sequence[int], user: str, shared: Shared | None = None) -> list[Entry]:
    """The entries with these ids, in this order, with the opinions of `user`.

    `shared` is what they share, as it stands in the bank that this transaction sees; what is read is added.
    Raises `NotFound` for the first that does not exist.
    """
    found: dict[int, Entry] = {}
    for some in chunks([number for number in ids if 0 < number <= LARGEST_ID]):
        rows = rows_among(connection, WHOLE if shared is None else REFERRING, some)
        found |= {entry.id: entry for entry in _entries_of(rows, user, _shared_by(connection, rows, shared))}
    if absent := [number for number in ids if number not in found]:
        raise no_entry(absent[0])
    return [found[number] for number in ids]


def _entries_of(rows: Rows, user: str, shared: Shared) -> Iterator[Entry]:
    """Each value is named here once and goes where it belongs: a page has two thousand of them."""
    models, users, environments, settings = shared.models, shared.users, shared.environments, shared.settings
    names = shared.tags
    for (
        number, uid, added, created, origin, obstacles, details, trashed, verdict, model_id, user_id, environment_id,
        recipe, settings_id, recipe_model, seed, steps, guidance, width, height, prompt, negative,
        image, mode, columns, lines, phash, blob, size, media_type, location, output, trace, trace_size, tags, opinions,
    ) in rows:  # fmt: skip
        model = None if model_id is None else models[model_id]
        weights = None if recipe_model is None or model is None else model.digest
        body = None if settings_id is None else settings[settings_id]
        favourite, rating, notes = (False, None, ()) if opinions is None or opinions == "[]" else _said(opinions, user, users)
        yield Entry(
            id=number,
            uid=uid_text(uid),
            added=moment(added),
            created=None if created is None else moment(created),
            user=users[user_id],
            origin=origin,
            recipe=None
            if recipe is None
            else join(fields_of(body), weights, seed_number(seed), steps, guidance, width, height, prompt, negative),
            recipe_digest=None if recipe is None else recipe.hex(),
            environment_digest=None if environment_id is None else environments[environment_id].hex(),
            model=model,
            picture=None if image is None else Picture(image.hex(), mode, columns, lines, phash_text(phash)),
            blob=None if blob is None else Blob(blob.hex(), size, media_type, location),
            output=output_of(output, trace, trace_size),
            obstacles=() if obstacles is None else tuple(parsed(obstacles)),
            details=plain_of(details),
            tags=() if tags is None or tags == "[]" else tuple(sorted([names[one] for one in parsed(tags)])),
            favourite=favourite,
            rating=rating,
            notes=notes,
            verdict=verdict,
            trashed=None if trashed is None else moment(trashed),
        )


def _said(opinions: str, user: str, users: Mapping[Any, str]) -> tuple[bool, int | None, tuple[str, ...]]:
    """(favourite, rating) by `user`, and the notes of all in the order of their users, of what is said of a picture."""
    own, notes = (False, None), []
    for _, who, favourite, rating, note in sorted(parsed(opinions)):
        if users[who] == user:
            own = bool(favourite), rating
        if note is not None:
            notes.append(note)
    return *own, tuple(notes)


# -- what entries share ----------------------------------------------------------------------------------------------

SHARED = 1_000
"""Rows of a kind that are remembered; then it begins anew."""


class _Itself(dict[Any, Any]):
    """For what need not be looked up."""

    def __missing__(self, key: Any) -> Any:
        return key


class Shared(Struct):
    """What many entries share, by ids: names of all users and of tags, digests of environments, bodies of settings, models."""

    users: dict[int, str] = field(default_factory=dict)
    tags: dict[int, str] = field(default_factory=dict)
    environments: dict[int, bytes] = field(default_factory=dict)
    settings: dict[int, str] = field(default_factory=dict)
    models: dict[int, Model] = field(default_factory=dict)


_USERS = "SELECT id, name FROM users"
_TAGS = "SELECT id, name FROM tags WHERE id {among}"
_ENVIRONMENTS = "SELECT id, digest FROM environments WHERE id {among}"
_SETTINGS = "SELECT id, body FROM settings WHERE id {among}"


def _shared_by(connection: Connection, rows: Rows, shared: Shared | None) -> Shared:
    """`shared` with everything that these rows refer to, read where it is not known; without it, what is not in the rows."""

    def ids_at(place: int) -> set[int]:
        return {row[place] for row in rows if row[place] is not None}

    def read(known: dict[int, Any], ids: set[int], look_up: Callable[[set[int]], Iterable[tuple[Any, ...]]]) -> None:
        if ids - known.keys():
            if len(known) > SHARED:
                known.clear()
            known.update(look_up(ids - known.keys()))

    found = Shared(_Itself(), _Itself(), _Itself(), _Itself()) if shared is None else shared
    read(found.models, ids_at(_MODEL_AT), lambda ids: read_models(connection, ids).items())
    if shared is not None:
        if not shared.users:
            shared.users.update(send(connection, _USERS, keep=True))
        read(shared.tags, _tags_of(rows), lambda ids: rows_among(connection, _TAGS, ids))
        read(shared.environments, ids_at(_ENVIRONMENT_AT), lambda ids: rows_among(connection, _ENVIRONMENTS, ids))
        read(shared.settings, ids_at(_SETTINGS_AT), lambda ids: rows_among(connection, _SETTINGS, ids))
    return found


def _tags_of(rows: Rows) -> set[int]:
    return {one for row in rows if (tags := row[_TAGS_AT]) is not None for one in parsed(tags)}


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
