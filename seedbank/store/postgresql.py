"""Connections to PostgreSQL: how their transactions begin, and how it is known that they are still there."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry

from seedbank.errors import MissingEngine
from seedbank.store.sending import send

SNAPSHOT = "SELECT CASE WHEN NOT pg_is_in_recovery() THEN pg_current_snapshot()::text END"
"""What a transaction of PostgreSQL sees, in words that no other state of the bank has; NULL on a replica."""

TAKEN = "seedbank.snapshot"
"""Where a connection keeps the row of `SNAPSHOT` of its transaction, when it was taken with the beginning."""

ALIVE = 1.0
"""Seconds for which a connection to PostgreSQL counts as alive after its last use, as long as the server has sent nothing."""

_USED = "seedbank.used"
"""When a connection to PostgreSQL was used last, by `time.monotonic`."""


def engine(url: URL) -> Engine:
    """Connections to this server. Raises `MissingEngine` without a driver."""
    try:
        import psycopg
    except ImportError:
        raise MissingEngine("PostgreSQL needs a driver.", "Install it with: pip install 'seedbank-images[postgres]'") from None
    made = create_engine(url, isolation_level="AUTOCOMMIT")

    @event.listens_for(made, "begin")
    def begin(connection: Connection) -> None:
        """The driver never begins a transaction by itself, so that settings can be sent in the same message."""
        options = connection.get_execution_options()
        connection.info.pop(TAKEN, None)
        if options.get("isolation_level") == "AUTOCOMMIT":
            return
        rows = send(connection, options.get("seedbank_begin", "BEGIN"))
        if rows:
            connection.info[TAKEN] = rows[0]

    @event.listens_for(made, "connect")
    @event.listens_for(made, "checkin")
    def used(driver: Any, record: ConnectionPoolEntry) -> None:
        record.info[_USED] = time.monotonic()

    @event.listens_for(made, "checkout")
    def alive(driver: Any, record: ConnectionPoolEntry, _: Any) -> None:
        """The server may have ended a connection that lay idle. It says so, unless the net has lost that."""
        if time.monotonic() - record.info[_USED] < ALIVE and not _has_something_to_read(driver):
            return
        try:
            driver.execute("SELECT 1")
        except psycopg.Error as error:
            raise InvalidatePoolError from error  # the pool makes new connections

    return made


def _has_something_to_read(driver: Any) -> bool:
    import selectors

    with selectors.DefaultSelector() as selector:
        selector.register(driver.fileno(), selectors.EVENT_READ)
        return bool(selector.select(0))

