"""Connections to PostgreSQL: how their transactions begin, and how it is known that they are still there."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry

from seedbank.errors import MissingEngine
from seedbank.store.sending import KEPT_AFTER, send

BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ"
AFTER_UPGRADES = "LOCK TABLE alembic_version IN ACCESS SHARE MODE"
"""Waits for an upgrade that is under way before the transaction takes its snapshot: to one from before it, tables that were
written anew are empty."""
_STATE = "CASE WHEN NOT pg_is_in_recovery() THEN pg_current_snapshot()::text END"
SNAPSHOT = f"SELECT {_STATE}"
"""What a transaction sees, in words that no other state of the bank has; NULL on a replica."""

TAKEN = "seedbank.snapshot"
"""Where a connection keeps this of its transaction, when it was taken with the beginning: a tuple of the one value."""

Settings = Mapping[str, str]

PLANNED_HERE: Settings = {
    "jit": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "max_parallel_workers_per_gather": "0",
}
"""`planning` chooses what is walked; PostgreSQL shall look up the rest row by row. To start workers takes as long as a page:
an emoji among ten million entries was found in 15 ms without them, in 31 with two."""

WALK: Settings = {"enable_sort": "off", "enable_bitmapscan": "off", "enable_seqscan": "off", "enable_mergejoin": "on"}
"""The page is full long before everything has been looked at.

Without sorting, what is merged are lists in order of ids: two tags side by side cost a quarter of looking up each entry.
"""

LOOK: Settings = {"enable_sort": "on", "enable_bitmapscan": "on", "enable_seqscan": "on", "enable_mergejoin": "off"}
"""The reverse: for names and numbers that are looked up."""

LIST: Settings = {"enable_sort": "on", "enable_bitmapscan": "on", "enable_seqscan": "off", "enable_mergejoin": "off"}
"""The same where a list that an index gives is counted or read whole. Left to itself, PostgreSQL cuts each of some thousand
prompts into words instead of asking their index, in ten times as long: it takes no function for dear."""

ALIVE = 1.0
"""Seconds for which a connection to PostgreSQL counts as alive after its last use, as long as the server has sent nothing."""

_USED = "seedbank.used"
"""When a connection to PostgreSQL was used last, by `time.monotonic`."""


def setting(settings: Settings) -> str:
    """The statement that gives these to the transaction; a SET LOCAL for each takes longer."""
    return "SELECT " + ", ".join(f"set_config('{name}', '{value}', true)" for name, value in settings.items())


@cache
def _beginning(begin: str, seconds: float, planned: tuple[tuple[str, str], ...]) -> str:
    limit = {"statement_timeout": str(max(1, round(seconds * 1000)))}
    return f"{begin}; {setting({**limit, **PLANNED_HERE, **dict(planned)})}, {_STATE}"


def beginning(seconds: float | None, planned: Settings, *, of_bank: bool) -> str:
    """How a transaction begins that sees one state of the bank. With `seconds`, its statements end after so long, they are
    planned as `PLANNED_HERE` and `planned` say, and it is known which state it is; all that in one message.

    `of_bank`: there is a bank in this database.
    """
    begin = f"{BEGIN}; {AFTER_UPGRADES}" if of_bank else BEGIN
    return begin if seconds is None else _beginning(begin, seconds, tuple(planned.items()))


@contextmanager
def for_its_values(driver: Any) -> Iterator[None]:
    """Inside, each statement of this connection is planned for the values that it has.

    How common a tag is decides how two lists are to be joined: a plan for any tag compared each of 600 entries with each
    of 700, and would with 100,000. Where one plan is as good for all values, `send` is told to keep it.
    """
    driver.prepare_threshold = None
    try:
        yield
    finally:
        driver.prepare_threshold = KEPT_AFTER


def engine(url: URL) -> Engine:
    """Connections to this server. Raises `MissingEngine` without a driver."""
    try:
        import psycopg
    except ImportError:
        raise MissingEngine("PostgreSQL needs a driver.", "Install it with: pip install 'seedbank-images[postgres]'") from None
    # Whatever the server or the environment would have: prompts are in all scripts.
    made = create_engine(url, isolation_level="AUTOCOMMIT", client_encoding="utf8")

    @event.listens_for(made, "connect", insert=True)  # before SQLAlchemy asks how texts are written
    def plain_texts(driver: Any, record: ConnectionPoolEntry) -> None:
        """A server may be set to take a backslash for a sign; the driver then sends bytes that are others."""
        if driver.info.parameter_status("standard_conforming_strings") == "off":
            driver.execute("SET standard_conforming_strings = on")
            driver.commit()

    @event.listens_for(made, "begin")
    def begin(connection: Connection) -> None:
        """The driver never begins a transaction by itself, so that settings can be sent in the same message."""
        options = connection.get_execution_options()
        connection.info.pop(TAKEN, None)
        if options.get("isolation_level") == "AUTOCOMMIT":
            return
        rows = send(connection, options.get("seedbank_begin", "BEGIN"))
        if rows:
            connection.info[TAKEN] = rows[0][-1:]

    @event.listens_for(made, "connect")
    @event.listens_for(made, "checkin")
    def used(driver: Any, record: ConnectionPoolEntry) -> None:
        record.info[_USED] = time.monotonic()

    @event.listens_for(made, "checkout")
    def alive(driver: Any, record: ConnectionPoolEntry, _: Any) -> None:
        """The server may have ended a connection that lay idle. It says so, unless the net has lost that."""
        try:
            if time.monotonic() - record.info[_USED] >= ALIVE or _has_something_to_read(driver):
                driver.execute("SELECT 1")
        except psycopg.Error as error:
            raise InvalidatePoolError from error  # the pool makes new connections

    return made


def _has_something_to_read(driver: Any) -> bool:
    import selectors

    with selectors.DefaultSelector() as selector:
        selector.register(driver.fileno(), selectors.EVENT_READ)
        return bool(selector.select(0))
