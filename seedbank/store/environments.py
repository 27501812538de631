"""Environments as a bank keeps them: parts that many share."""

from __future__ import annotations

from sqlalchemy import Connection, select

from seedbank.environment import Environment
from seedbank.errors import BadInput, NotFound
from seedbank.store.tables import environment_parts, environments, parts


def read_environment(connection: Connection, digest: str) -> Environment:
    """The environment with this digest, or the only one whose digest begins like that, or `NotFound`."""
    found = list(
        connection.scalars(
            select(environments.c.digest)
            .where(environments.c.digest.between(digest.ljust(64, "0"), digest.ljust(64, "f")))
            .limit(2)
        )
    )
    if len(found) > 1:
        raise BadInput(f"{digest!r} is the beginning of several environments' digests.", "Give more digits.")
    digest = found[0] if found else digest
    statement = (
        select(parts.c.kind, parts.c.body)
        .select_from(environments.outerjoin(environment_parts).outerjoin(parts))
        .where(environments.c.digest == digest)
    )
    rows = connection.execute(statement).all()
    if not rows:
        raise NotFound(f"There is no environment {digest[:12]} in this bank.")
    return Environment({row.kind: row.body for row in rows if row.kind is not None})
