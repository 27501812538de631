"""Collections: pictures in an order that people gave them, and saved searches, which go by a name in the same way.

Like all opinions they hang on the image. A picture's place is a number between those of its neighbours, so that moving
one changes one row.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from seedbank.errors import BadInput, NotFound
from seedbank.records import Collection
from seedbank.store.digests import head
from seedbank.store.history import COLLECT, Change, write_events
from seedbank.store.opinions import checked_name, pictures_of
from seedbank.store.reading import chunks
from seedbank.store.tables import collection_items, collections, entries, images, users
from seedbank.store.words import fold
from seedbank.store.writing import Work, new_uid, spans

NARROWEST = 1e-6
"""Places closer than this are numbered anew."""

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


# -- changing one ----------------------------------------------------------------------------------------------------


def create(work: Work, name: str, query: str | None = None) -> None:
    """A new collection, or with `query` a saved search. Raises `BadInput` when the name is taken."""
    wanted = checked_name(name, "collection")
    if (taken := _row(work.connection, wanted)) is not None:
        raise BadInput(f"There is a collection {taken.name!r} already.", "Choose another name, or remove it first.")
    make(work, "save search" if query is not None else "create collection", wanted, query)


def make(work: Work, kind: str, name: str, query: str | None = None, **details: Any) -> int:
    """The operation `kind`, with which a collection or saved search comes; the name is checked and free."""
    uid = new_uid()
    after = {"name": name} if query is None else {"name": name, "query": query}
    put_state(work, uid, after)
    return _write_down(work, kind, uid, None, after, **details)


def change(work: Work, name: str, *, new_name: str | None = None, query: str | None = None, cover: int | None = None) -> None:
    """The collection has this name, query or cover (an entry that it holds); what is None stays."""
    row = find(work.connection, name)
    before = read_state(work.connection, row.uid)
    assert before is not None
    after = dict(before)
    if new_name is not None:
        after["name"] = wanted = checked_name(new_name, "collection")
        taken = _row(work.connection, wanted)
        if taken is not None and taken.id != row.id:
            raise BadInput(f"There is a collection {taken.name!r} already.", "Choose another name.")
    if query is not None:
        if row.query is None:
            raise BadInput(f"{row.name!r} is a collection of pictures, not a saved search.", "Choose another name.")
        after["query"] = query
    if cover is not None:
        (image,) = pictures_of(work.connection, [cover])
        if row.query is None and image not in places(work.connection, row.id):
            raise BadInput(
                f"Entry {cover} is not in the collection {row.name!r}.",
                f"Add it with: seedbank collection add {row.name!r} {cover}",
            )
        after["cover"] = work.connection.scalar(select(images.c.digest).where(images.c.id == image))
    if after != before:
        put_state(work, row.uid, after)
        _write_down(work, "change collection", row.uid, before, after)


def remove(work: Work, name: str) -> None:
    """There is no collection with this name any more; its pictures stay where they are."""
    row = find(work.connection, name)
    before = read_state(work.connection, row.uid)
    changes = place(work, row, dict.fromkeys(places(work.connection, row.id)))
    put_state(work, row.uid, None)
    write_events(work, _write_down(work, "remove collection", row.uid, before, None), changes)


def add(work: Work, name: str, ids: Sequence[int]) -> int:
    """The entries' pictures are in the collection, new ones at its end; gives how many came in."""
    row = ordered(work.connection, name)
    known = places(work.connection, row.id)
    news = [image for image in pictures_of(work.connection, ids) if image not in known]
    first = max(known.values(), default=0.0) + 1
    return _placed(work, row, "add to collection", ids, {image: first + number for number, image in enumerate(news)})


def take_out(work: Work, name: str, ids: Sequence[int]) -> int:
    """The entries' pictures are not in the collection; gives how many were."""
    row = ordered(work.connection, name)
    known = places(work.connection, row.id)
    gone = [image for image in pictures_of(work.connection, ids) if image in known]
    return _placed(work, row, "take out of collection", ids, dict.fromkeys(gone))


def move(work: Work, name: str, ids: Sequence[int], before: int | None = None) -> int:
    """The entries' pictures stand, in this order, before the entry `before`, or at the end; gives how many were named."""
    row = ordered(work.connection, name)
    known = places(work.connection, row.id)
    for entry in [*ids, *([] if before is None else [before])]:
        if pictures_of(work.connection, [entry])[0] not in known:
            raise BadInput(f"Entry {entry} is not in the collection {row.name!r}.", "Add it first.")
    moving = pictures_of(work.connection, ids)
    anchor = None if before is None else pictures_of(work.connection, [before])[0]
    if anchor in moving:
        raise BadInput(f"Entry {before} cannot be moved before itself.")
    rest = sorted((image for image in known if image not in moving), key=lambda image: (known[image], image))
    at = len(rest) if anchor is None else rest.index(anchor)
    low = known[rest[at - 1]] if at else None
    high = known[rest[at]] if at < len(rest) else None
    if low is None:
        low = (high or 1.0) - len(moving) - 1
    step = 1.0 if high is None else (high - low) / (len(moving) + 1)
    if step < NARROWEST:
        order = [*rest[:at], *moving, *rest[at:]]
        wanted: dict[int, float | None] = {image: number + 1.0 for number, image in enumerate(order)}
    else:
        wanted = {image: low + step * (number + 1) for number, image in enumerate(moving)}
    _placed(work, row, "move in collection", ids, wanted)
    return len(moving)


def receive(work: Work, name: str, digests: Sequence[str], cover: str | None = None) -> list[str]:
    """A new collection of the pictures with these image digests, in this order; gives those that are not in this bank."""
    known: dict[str, int] = {}
    for some in chunks(dict.fromkeys(digests)):
        rows = work.connection.execute(select(images.c.digest, images.c.id).where(head(images.c.digest).in_(some)))
        known |= {row.digest: row.id for row in rows}
    create(work, name)
    row = find(work.connection, name)
    here = dict.fromkeys(known[digest] for digest in digests if digest in known)
    wanted: dict[int, float | None] = {image: number + 1.0 for number, image in enumerate(here)}
    changes = place(work, row, wanted)
    if changes:
        write_events(work, work.record("add to collection", name=row.name), changes)
    if cover in known:
        before = read_state(work.connection, row.uid)
        assert before is not None
        put_state(work, row.uid, before | {"cover": cover})
        _write_down(work, "change collection", row.uid, before, before | {"cover": cover})
    return [digest for digest in dict.fromkeys(digests) if digest not in known]


# -- the present state, without an operation ------------------------------------------------------------------------


def find(connection: Connection, name: str) -> Row[Any]:
    """The row of the collection with this name. Raises `NotFound`."""
    row = _row(connection, name)
    if row is None:
        near = get_close_matches(fold(name), list(connection.scalars(select(collections.c.folded))), n=1)
        raise NotFound(
            f"There is no collection {name!r}.",
            f"Did you mean {near[0]!r}?" if near else "See them with: seedbank collection ls",
        )
    return row


def exists(connection: Connection, name: str) -> bool:
    """Whether there is a collection or saved search with this name."""
    return _row(connection, name) is not None


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


def _row(connection: Connection, name: str) -> Row[Any] | None:
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


def _placed(work: Work, row: Row[Any], kind: str, ids: Iterable[int], wanted: dict[int, float | None]) -> int:
    changes = place(work, row, wanted)
    if changes:
        write_events(work, work.record(kind, entries=spans(ids), name=row.name), changes)
    return len(changes)


def _write_down(work: Work, kind: str, uid: str, before: State, after: State, **details: Any) -> int:
    shown = after or before
    assert shown is not None
    return work.record(kind, **details, name=shown["name"], collection={"uid": uid, "was": before, "is": after})
