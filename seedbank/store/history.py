"""What was said about pictures, by whom and in which operation: the history that nothing is ever taken out of.

A change is ``(image id, kind, value)``. Kinds and their values:

tag, untag   the tag's name
favourite    True or False
rating       0 to 5, or None
note         the text, or None
collect      {collection: name, uid, position}; the position is None when the picture was taken out
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, func, insert, select

from seedbank.records import OpinionEvent
from seedbank.store.tables import entries, images, operations, opinion_events, users
from seedbank.store.writing import Work, require_entries

TAG, UNTAG, COLLECT = "tag", "untag", "collect"
PERSONAL = ("favourite", "rating", "note")
"""Opinions of each user's own, with the column that holds each."""

Change = tuple[int, str, Any]


def write_events(work: Work, operation: int, changes: Sequence[Change], user: int | None = None) -> None:
    """The history has these changes of `operation`, said by the user with this id, or by the one at work."""
    if not changes:
        return
    done = select(operations.c.user_id, operations.c.at).where(operations.c.id == operation)
    by, at = work.connection.execute(done).one()
    user = work.user_id if user is None else user
    rows = [
        {
            "image_id": image,
            "user_id": None if user == by else user,
            "operation_id": operation,
            "at": None if work.at == at else work.at,
            "kind": kind,
            "value": value,
        }
        for image, kind, value in changes
    ]
    work.connection.execute(insert(opinion_events), rows)


_event, _done = opinion_events.c, operations.c
EVENT = (
    *(_event[name] for name in ("id", "image_id", "operation_id", "kind", "value")),
    func.coalesce(_event.user_id, _done.user_id).label("user_id"),
    func.coalesce(_event.at, _done.at).label("at"),
    _done.at.label("entered"),
)
"""An event from `EVENTS`, whole: who, when, and when the operation was that wrote it down."""

EVENTS = opinion_events.join(operations, _event.operation_id == _done.id)


def in_order(rows: Iterable[Row[Any]]) -> list[Row[Any]]:
    """Events in the order in which they were said; `rows` come by id, with the time of their operation as `entered`.

    Of what was said here the order is that of ids, whatever the clocks of several machines said. What was said elsewhere
    and came in a bundle was entered later than it was said, and takes its place by its time.
    """
    latest: dict[int, datetime] = {}
    placed = []
    for row in rows:
        when = row.at
        if row.at >= row.entered:
            when = latest[row.image_id] = max(row.at, latest.get(row.image_id, row.at))
        placed.append((when, row.id, row))
    return [row for _, _, row in sorted(placed, key=lambda one: one[:2])]


def said_of(pictures: ColumnElement[bool]) -> Select[Any]:
    """Select of all events of these pictures in order of ids, with the names of users and the digests of the pictures."""
    return (
        select(*EVENT, users.c.name, images.c.digest)
        .select_from(
            EVENTS.join(users, users.c.id == func.coalesce(_event.user_id, _done.user_id)).join(
                images, _event.image_id == images.c.id
            )
        )
        .where(pictures)
        .order_by(_event.id)
    )


def history(connection: Connection, entry: int) -> list[OpinionEvent]:
    """All that was ever said about the entry's image, oldest first."""
    require_entries(connection, [entry])
    of_entry = select(entries.c.image_id).where(entries.c.id == entry).scalar_subquery()
    statement = said_of(_event.image_id == of_entry)
    return [
        OpinionEvent(row.at, row.name, row.kind, row.value, row.digest, row.operation_id)
        for row in in_order(connection.execute(statement))
    ]
