"""Files and pictures: what is referred to, by whom, and bytes that come back."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, exists, or_, select, update

from seedbank.errors import BadInput, NotFound
from seedbank.records import TRACE_DIFFERS, Blob, Picture, Referred, StoredPicture
from seedbank.store.columns import BLOB, PICTURE, slices
from seedbank.store.database import Database
from seedbank.store.digests import head, head_of
from seedbank.store.reading import CHUNK
from seedbank.store.rows import blob_of, picture_of
from seedbank.store.sharing import store_blobs, store_pictures
from seedbank.store.tables import blobs, entries, entry_inputs, images, model_files, recipes, regenerations
from seedbank.store.writing import Work, require_entries

REFERENCES = (entries.c.blob_id, entry_inputs.c.blob_id, regenerations.c.blob_id)
OWN = ("generated", "recorded")
"""Origins of entries that were recorded with everything that they were made of, and whose files were written here."""


def read_blob(connection: Connection, digest: str) -> Blob:
    """The file with this digest. Raises `NotFound`."""
    row = connection.execute(select(blobs).where(head(blobs.c.digest) == digest)).one_or_none()
    if row is None:
        raise NotFound(f"There is no file {digest[:12]} in this bank.")
    return Blob(row.digest, row.size, row.media_type, row.location)


def referred(database: Database) -> Iterator[Referred]:
    """Every file that any row refers to, kept models included, in short transactions; a trace once for each rendering."""
    referred_to = or_(*(exists().where(column == blobs.c.id) for column in REFERENCES))
    with database.reading() as connection:  # few, and found from the other side, as model files are not indexed by digest
        same = head_of(model_files.c.sha256) == head_of(blobs.c.digest)
        kept = connection.execute(select(blobs).join(model_files, same).where(~referred_to))
        listed = {row.digest: row for row in kept}
    yield from (Referred(row.digest, row.size, row.location) for row in listed.values())
    last = 0
    while True:
        with database.reading() as connection:
            statement = select(blobs).where(blobs.c.id > last, referred_to).order_by(blobs.c.id).limit(CHUNK)
            rows = connection.execute(statement).all()
        yield from (Referred(row.digest, row.size, row.location) for row in rows)
        if len(rows) < CHUNK:
            break
        last = rows[-1].id
    for table, entry in ((entries, entries.c.id), (regenerations, regenerations.c.entry_id)):
        traced = select(table.c.id, entry.label("entry"), table.c.trace_digest, table.c.trace_size)
        for _, number, digest, size in _in_short(database, traced.where(table.c.trace_size.is_not(None)), table.c.id):
            yield Referred(digest, size, None, number)


def lost_references(connection: Connection) -> list[int]:
    """The ids of files outside the image store that are gone, or have another size; asked of the disk now."""
    statement = select(blobs.c.id, blobs.c.size, blobs.c.location).where(blobs.c.location.is_not(None))
    return [row.id for row in connection.execute(statement) if not _has_size(row.location, row.size)]


def _has_size(path: str, size: int) -> bool:
    try:
        return os.stat(path).st_size == size
    except OSError:
        return False


def entries_of_blob(connection: Connection, digest: str) -> list[int]:
    """The ids of the entries whose picture, trace or input is this file. An image is no trace; otherwise all entries are
    looked through."""
    row = connection.execute(select(blobs).where(head(blobs.c.digest) == digest)).one_or_none()
    used: list[ColumnElement[bool]] = []
    if row is not None:
        inputs = select(entry_inputs.c.entry_id).where(entry_inputs.c.blob_id == row.id)
        used += entries.c.blob_id == row.id, entries.c.id.in_(inputs)
    if row is None or not row.media_type.startswith("image/"):
        used.append(entries.c.trace_digest == digest)
    return list(connection.scalars(select(entries.c.id).where(or_(*used)).order_by(entries.c.id)))


def entries_of_picture(connection: Connection, digest: str) -> list[int]:
    """The ids of the entries with this image digest."""
    return list(
        connection.scalars(select(entries.c.id).join(images).where(head(images.c.digest) == digest).order_by(entries.c.id))
    )


def stored_pictures(database: Database) -> Iterator[StoredPicture]:
    """The pictures of all entries whose bytes are here, in short transactions."""
    statement = select(entries.c.id, entries.c.origin, recipes.c.digest.label("recipe"), *PICTURE, *BLOB).select_from(
        entries.join(images)
        .join(blobs, entries.c.blob_id == blobs.c.id)
        .outerjoin(recipes, entries.c.recipe_id == recipes.c.id)
    )
    head_, picture, blob = slices(("id", "origin", "recipe"), PICTURE, BLOB)
    for row in _in_short(database, statement):
        number, origin, recipe = row[head_]
        found, file = picture_of(*row[picture]), blob_of(*row[blob])
        assert found is not None and file is not None
        yield StoredPicture(number, found, file, recipe, origin in OWN)


def stored_traces(database: Database) -> Iterator[tuple[int, str, str]]:
    """(entry, image digest, file digest of the trace) of all entries with a trace, in short transactions."""
    columns = (entries.c.id, images.c.digest, entries.c.trace_digest)
    statement = select(*columns).select_from(entries.join(images)).where(entries.c.trace_size.is_not(None))
    for row in _in_short(database, statement):
        yield tuple(row)


def differing_traces(database: Database) -> Iterator[tuple[int, int, str, str, str | None]]:
    """(attempt, entry, file digests of the entry's trace and of the attempt's, the first stage that differed), in short
    transactions."""
    columns = (
        regenerations.c.id,
        regenerations.c.entry_id,
        entries.c.trace_digest,
        regenerations.c.trace_digest,
        regenerations.c.first_difference,
    )
    statement = (
        select(*columns)
        .select_from(regenerations.join(entries, regenerations.c.entry_id == entries.c.id))
        .where(regenerations.c.trace == TRACE_DIFFERS, regenerations.c.trace_size.is_not(None))
        .where(entries.c.trace_size.is_not(None))
    )
    for row in _in_short(database, statement, regenerations.c.id):
        yield tuple(row)


def _in_short(database: Database, statement: Select[Any], number: ColumnElement[int] = entries.c.id) -> Iterator[Any]:
    """The rows of a statement in order of the ids `number`, its first column, without holding anything open."""
    last = 0
    while True:
        with database.reading() as connection:
            rows = connection.execute(statement.where(number > last).order_by(number).limit(CHUNK)).all()
        yield from rows
        if len(rows) < CHUNK:
            return
        last = rows[-1][0]


def attach(work: Work, number: int, blob: Blob, picture: Picture | None = None) -> None:
    """The entry's picture lies in `blob`; `picture` is what is known of it now. Raises `BadInput` without an image digest."""
    connection = work.connection
    require_entries(connection, [number])
    row = connection.execute(select(entries.c.image_id, entries.c.blob_id).where(entries.c.id == number)).one()
    if row.image_id is None:
        raise BadInput(f"Entry {number} has no image digest that a file could belong to.")
    store_pictures(connection, [picture])
    known = store_blobs(connection, [blob])[blob.digest]
    if known != row.blob_id:
        connection.execute(update(entries).where(entries.c.id == number).values(blob_id=known))
        work.record("attach", entries=str(number), file=blob.digest)
