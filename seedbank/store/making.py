"""Runs that make entries, sweeps and blends: all that one of them does is one operation, so that one undo takes it back.

The run's entries, the tags that they get and their collection come in transactions of their own, for hours perhaps. They are
parts of the operation that was written down when the run began.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from seedbank.store import collected, collections
from seedbank.store.book import undone
from seedbank.store.history import write_events
from seedbank.store.opinions import checked_name, pictures_of
from seedbank.store.tables import operations
from seedbank.store.writing import Work


def begin(work: Work, kind: str, run: int, name: str | None, query: str | None = None) -> int:
    """The operation of the run. The collection `name`, or with `query` the saved search, is made with it where there is none.

    A run that goes on has the operation that it began with, unless that was undone or its collection was taken away. Raises
    `BadInput` when pictures were to be put into a saved search.
    """
    wanted = None if name is None else checked_name(name, "collection")
    there = wanted is None or collected.exists(work.connection, wanted)
    if wanted is not None and there and query is None:
        collected.ordered(work.connection, wanted)
    if there and (known := _begun(work.connection, kind, run)) is not None:
        return known
    if wanted is None:
        return work.record(kind, run=run)
    return work.record(kind, run=run, name=wanted) if there else collections.make(work, kind, wanted, query, run=run)


def gather(work: Work, name: str, ids: Sequence[int], operation: int) -> None:
    """The entries' pictures stand in this order at the end of the collection, as a part of `operation`."""
    row = collected.find(work.connection, name)
    pictures = pictures_of(work.connection, ids)
    known = collected.places(work.connection, row.id)
    if list(known)[-len(pictures) :] != pictures:
        first = max((place for image, place in known.items() if image not in set(pictures)), default=0.0) + 1
        wanted: dict[int, float | None] = {image: first + number for number, image in enumerate(pictures)}
        write_events(work, operation, collected.place(work, row, wanted))


def _begun(connection: Connection, kind: str, run: int) -> int | None:
    """The latest operation of this kind that stands for the run; None where there is none, or where it was undone."""
    statement = select(operations.c.id, operations.c.details).where(operations.c.kind == kind).order_by(operations.c.id.desc())
    for row in connection.execute(statement):
        if row.details["run"] == run:
            return None if row.id in undone(connection) else int(row.id)
    return None
