"""Models by digest or all of them, and the operations of a bank."""

from __future__ import annotations

from sqlalchemy import Connection, select

from seedbank.errors import NotFound
from seedbank.records import Model, Operation
from seedbank.store.reading import LARGEST_ID, read_models
from seedbank.store.tables import models, operations, users


def read_model(connection: Connection, digest: str) -> Model:
    """The model with this digest. Raises `NotFound`."""
    number = connection.scalar(select(models.c.id).where(models.c.digest == digest))
    if number is None:
        raise NotFound(f"There is no model {digest[:12]} in this bank.", "See them with: seedbank models")
    return read_models(connection, [number])[number]


def all_models(connection: Connection) -> list[Model]:
    """All models, in the order in which they were first seen."""
    return list(read_models(connection, connection.scalars(select(models.c.id))).values())


def read_operations(connection: Connection, limit: int, before: int | None) -> list[Operation]:
    """Who did what when, newest first, of those below the id `before`."""
    most = min(limit, LARGEST_ID)
    statement = select(operations, users.c.name.label("user")).join(users).order_by(operations.c.id.desc()).limit(most)
    if before is not None:
        statement = statement.where(operations.c.id < min(before, LARGEST_ID))
    rows = connection.execute(statement).all()
    return [Operation(row.id, row.uid, row.kind, row.at, row.user, row.details or {}) for row in rows]
