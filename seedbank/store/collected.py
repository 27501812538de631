"""Collections as they are: read, and put into a state without an operation that says so.

What changes them is in `collections`; undoing and merging put states, which they have from the history or from elsewhere.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from seedbank.errors import BadInput, NotFound
from seedbank.records import Collection
from seedbank.store.digests import head
from seedbank.store.history import COLLECT, Change
from seedbank.store.reading import chunks
from seedbank.store.tables import collection_items, collections, entries, images, users
from seedbank.store.words import fold
from seedbank.store.writing import Work

State = dict[str, Any] | None
"""{name, query, cover: image digest} of a collection as far as it has them, None when there is none: what undoing
brings back."""


def read_collections(connection: Connection) -> list[Collection]:
    """All collections and saved searches, by name."""
    counts = (
        select(collection_items.c.collection_id, func.count().label("pictures"))
        .group_by(collection_items.c.collection_id)
        .subquery()
    )
    statement = (
        select(collections, users.c.name.label("user"), images.c.digest.label("cover"), counts.c.pictures)
        .select_from(
            collections.join(users, collections.c.user_id == users.c.id)
            .outerjoin(images, collections.c.cover_id == images.c.id)
            .outerjoin(counts, counts.c.collection_id == collections.c.id)
        )
        .order_by(collections.c.folded)
    )
    return [
        Collection(row.uid, row.name, row.created, row.user, row.query, row.cover, row.pictures or 0)
        for row in connection.execute(statement)
    ]


def read_collection(connection: Connection, name: str) -> Collection:
    """The collection or saved search with this name. Raises `NotFound`."""
    number = find(connection, name).id
    uid = connection.scalar(select(collections.c.uid).where(collections.c.id == number))
    return next(found for found in read_collections(connection) if found.uid == uid)


def entries_in(connection: Connection, name: str) -> list[int]:
    """The entries of a collection in its order: of each picture the oldest entry that is not in the trash."""
    number = find(connection, name).id
    statement = (
        select(func.min(entries.c.id))
        .select_from(collection_items.join(entries, entries.c.image_id == collection_items.c.image_id))
        .where(collection_items.c.collection_id == number, entries.c.trashed.is_(None))
        .group_by(collection_items.c.image_id, collection_items.c.position)
        .order_by(collection_items.c.position, collection_items.c.image_id)
    )
    return [entry for entry in connection.scalars(statement) if entry is not None]


def images_in(connection: Connection, name: str) -> list[str]:
    """The image digests of a collection in its order."""
    statement = (
        select(images.c.digest)
        .select_from(collection_items.join(images))
        .where(collection_items.c.collection_id == find(connection, name).id)
        .order_by(collection_items.c.position, collection_items.c.image_id)
    )
    return list(connection.scalars(statement))


# -- one of them -----------------------------------------------------------------------------------------------------


def find(connection: Connection, name: str) -> Row[Any]:
    """The row of the collection with this name. Raises `NotFound`."""
    row = named(connection, name)
    if row is None:
        near = get_close_matches(fold(name), list(connection.scalars(select(collections.c.folded))), n=1)
        raise NotFound(
            f"There is no collection {name!r}.",
            f"Did you mean {near[0]!r}?" if near else "See them with: seedbank collection ls",
        )
    return row


def exists(connection: Connection, name: str) -> bool:
    """Whether there is a collection or saved search with this name."""
    return named(connection, name) is not None


def places(connection: Connection, number: int) -> dict[int, float]:
    """{image id: place} in the collection with this id, in its order."""
    statement = select(collection_items).where(collection_items.c.collection_id == number)
    rows = connection.execute(statement.order_by(collection_items.c.position, collection_items.c.image_id))
    return {row.image_id: row.position for row in rows}


def place(work: Work, row: Row[Any], wanted: dict[int, float | None]) -> list[Change]:
    """The pictures have these places in the collection, None for outside of it; what changed."""
    known = places(work.connection, row.id)
    here = collection_items.c.collection_id == row.id
    gone = [image for image, position in wanted.items() if position is None and image in known]
    for some in chunks(gone):
        work.connection.execute(delete(collection_items).where(here, collection_items.c.image_id.in_(some)))
    moved = {image: position for image, position in wanted.items() if position is not None and known.get(image) != position}
    for image, position in moved.items():
        if image in known:
            work.connection.execute(
                update(collection_items).where(here, collection_items.c.image_id == image).values(position=position)
            )
    news = [
        {"collection_id": row.id, "image_id": image, "position": position}
        for image, position in moved.items()
        if image not in known
    ]
    if news:
        work.connection.execute(insert(collection_items), news)
    changed: dict[int, float | None] = {**dict.fromkeys(gone), **moved}
    return [
        (image, COLLECT, {"collection": row.name, "uid": row.uid, "position": position}) for image, position in changed.items()
    ]


def read_state(connection: Connection, uid: str) -> State:
    """What the collection with this uid is called, searches for and is shown by; None when there is none."""
    statement = select(collections.c.name, collections.c.query, images.c.digest.label("cover"))
    joined = collections.outerjoin(images, collections.c.cover_id == images.c.id)
    row = connection.execute(statement.select_from(joined).where(collections.c.uid == uid)).one_or_none()
    return None if row is None else {name: value for name, value in row._mapping.items() if value is not None}


def put_state(work: Work, uid: str, state: State) -> None:
    """The collection with this uid is like that, or is gone. Its pictures must have been taken out before."""
    if state is None:
        work.connection.execute(delete(collections).where(collections.c.uid == uid))
        return
    cover = work.connection.scalar(select(images.c.id).where(head(images.c.digest) == state.get("cover")))
    values = {"name": state["name"], "folded": fold(state["name"]), "query": state.get("query"), "cover_id": cover}
    if read_state(work.connection, uid) is None:
        work.insert(collections, uid=uid, created=work.at, user_id=work.user_id, **values)
    else:
        work.connection.execute(update(collections).where(collections.c.uid == uid).values(values))


def named(connection: Connection, name: str) -> Row[Any] | None:
    """The row of the collection with this name, None where there is none."""
    return connection.execute(select(collections).where(collections.c.folded == fold(name.strip()))).one_or_none()


def ordered(connection: Connection, name: str) -> Row[Any]:
    """The row of the collection of pictures with this name. Raises `NotFound`, and `BadInput` for a saved search."""
    row = find(connection, name)
    if row.query is not None:
        raise BadInput(
            f"{row.name!r} is a saved search: its pictures are what it finds.",
            "Make a collection of them with: seedbank collection create NAME, collection add NAME QUERY",
        )
    return row
