"""Changes of collections: pictures in an order that people gave them, and saved searches, which go by a name in the same way.

Like all opinions they hang on the image. A picture's place is a number between those of its neighbours, so that moving
one changes one row. Every change is an operation.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Row, select

from seedbank.errors import BadInput
from seedbank.store.collected import State, find, named, ordered, place, places, put_state, read_state
from seedbank.store.digests import head
from seedbank.store.history import write_events
from seedbank.store.opinions import checked_name, pictures_of
from seedbank.store.reading import chunks
from seedbank.store.tables import images
from seedbank.store.writing import Work, new_uid, spans

NARROWEST = 1e-6
"""Places closer than this are numbered anew."""


def create(work: Work, name: str, query: str | None = None) -> None:
    """A new collection, or with `query` a saved search. Raises `BadInput` when the name is taken."""
    wanted = checked_name(name, "collection")
    if (taken := named(work.connection, wanted)) is not None:
        shown = shlex.quote(taken.name)
        more = f"collection add {shown} WHICH" if taken.query is None else f"collection save {shown} --replace QUERY"
        raise BadInput(f"There is a collection {taken.name!r} already.", f"Choose another name, or change it: seedbank {more}")
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
        taken = named(work.connection, wanted)
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
                f"Add it with: seedbank collection add {shlex.quote(row.name)} {cover}",
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


def _placed(work: Work, row: Row[Any], kind: str, ids: Iterable[int], wanted: dict[int, float | None]) -> int:
    changes = place(work, row, wanted)
    if changes:
        write_events(work, work.record(kind, entries=spans(ids), name=row.name), changes)
    return len(changes)


def _write_down(work: Work, kind: str, uid: str, before: State, after: State, **details: Any) -> int:
    shown = after or before
    assert shown is not None
    return work.record(kind, **details, name=shown["name"], collection={"uid": uid, "was": before, "is": after})
