"""What was said about pictures, by whom and in which operation: the history that nothing is ever taken out of.

A change is ``(image id, kind, value)``. Kinds and their values:

tag, untag   the tag's name
favourite    True or False
rating       0 to 5, or None
note         the text, or None
collect      {collection: name, uid, position}; the position is None when the picture was taken out
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, insert, select

from seedbank.records import OpinionEvent
from seedbank.store.tables import entries, images, opinion_events, users
from seedbank.store.writing import Work, require_entries

TAG, UNTAG, COLLECT = "tag", "untag", "collect"
PERSONAL = ("favourite", "rating", "note")
"""Opinions of each user's own, with the column that holds each."""

Change = tuple[int, str, Any]


def write_events(work: Work, operation: int, changes: Sequence[Change]) -> None:
    """The history has these changes, made by the user at work in `operation`."""
    rows = [
        {
            "image_id": image,
            "user_id": work.user_id,
            "operation_id": operation,
            "at": work.at,
            "kind": kind,
            "value": value,
        }
        for image, kind, value in changes
    ]
    if rows:
        work.connection.execute(insert(opinion_events), rows)


def history(connection: Connection, entry: int) -> list[OpinionEvent]:
    """All that was ever said about the entry's image, oldest first."""
    require_entries(connection, [entry])
    event = opinion_events.c
    statement = (
        select(event.at, users.c.name, event.kind, event.value, images.c.digest, event.operation_id)
        .select_from(opinion_events.join(users).join(images))
        .where(event.image_id == select(entries.c.image_id).where(entries.c.id == entry).scalar_subquery())
        .order_by(event.id)
    )
    return [
        OpinionEvent(row.at, row.name, row.kind, row.value, row.digest, row.operation_id)
        for row in connection.execute(statement)
    ]
