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

from sqlalchemy import Connection, Row, insert, select

from seedbank.records import OpinionEvent
from seedbank.store.tables import entries, images, operations, opinion_events, users
from seedbank.store.writing import Work, require_entries

TAG, UNTAG, COLLECT = "tag", "untag", "collect"
PERSONAL = ("favourite", "rating", "note")
"""Opinions of each user's own, with the column that holds each."""

Change = tuple[int, str, Any]


def write_events(work: Work, operation: int, changes: Sequence[Change], user: int | None = None) -> None:
    """The history has these changes of `operation`, said by the user with this id, or by the one at work."""
    rows = [
        {
            "image_id": image,
            "user_id": work.user_id if user is None else user,
            "operation_id": operation,
            "at": work.at,
            "kind": kind,
            "value": value,
        }
        for image, kind, value in changes
    ]
    if rows:
        work.connection.execute(insert(opinion_events), rows)


def in_order(rows: Iterable[Row[Any]]) -> list[Row[Any]]:
    """Events in the order in which they were said; `rows` come by id, with the time of their operation as `entered`.

    Of what was said here the order is that of ids, whatever the clocks of several machines said. What was said elsewhere
    and came in a bundle was entered later than it was said, and takes its place by its time.
    """
    latest: dict[int, datetime] = {}
    placed = []
    for row in rows:
        when = row.at
        if row.at == row.entered:
            when = latest[row.image_id] = max(row.at, latest.get(row.image_id, row.at))
        placed.append((when, row.id, row))
    return [row for _, _, row in sorted(placed, key=lambda one: one[:2])]


def history(connection: Connection, entry: int) -> list[OpinionEvent]:
    """All that was ever said about the entry's image, oldest first."""
    require_entries(connection, [entry])
    event = opinion_events.c
    statement = (
        select(opinion_events, users.c.name, images.c.digest, operations.c.at.label("entered"))
        .select_from(
            opinion_events.join(users, event.user_id == users.c.id)
            .join(images, event.image_id == images.c.id)
            .join(operations, event.operation_id == operations.c.id)
        )
        .where(event.image_id == select(entries.c.image_id).where(entries.c.id == entry).scalar_subquery())
        .order_by(event.id)
    )
    return [
        OpinionEvent(row.at, row.name, row.kind, row.value, row.digest, row.operation_id)
        for row in in_order(connection.execute(statement))
    ]
