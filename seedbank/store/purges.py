"""Purges, as a process must know of them that remembers rows by their ids.

SQLite gives the id of a row again when that row and all behind it are gone, which only a purge does. That a row with this id
is there, or even that the same one is, says nothing of those before it: a folder that was imported, purged, and imported again
after its first picture was changed has the same rows behind that one.
"""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from seedbank.store.tables import operations

PURGE = "purge"
"""The kind of the operations."""

_IS_PURGE = operations.c.kind == PURGE


def last_purge(connection: Connection) -> int:
    """The number of the operation that purged last, 0 when there was none."""
    return connection.scalar(select(func.max(operations.c.id)).where(_IS_PURGE)) or 0


def pictures_purged(connection: Connection, after: int) -> int:
    """How many pictures went in the purges after this one."""
    found = connection.scalars(select(operations.c.details).where(_IS_PURGE, operations.c.id > after))
    return sum(len(details["images"]) for details in found)
