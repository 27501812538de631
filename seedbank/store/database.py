"""Connections: how a bank is read and how it is written.

One writer at a time on both databases: ``BEGIN IMMEDIATE`` on SQLite, a lock for the length of the transaction on
PostgreSQL. So ids follow the order of commits, "look, then insert" needs no second thought, and nothing can deadlock.
Readers never wait.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from seedbank.errors import StorageError
from seedbank.store import postgresql, sqlite
from seedbank.store.failures import of_another_schema, translated
from seedbank.store.forked import Forks
from seedbank.store.place import Place
from seedbank.store.sending import send
from seedbank.store.versions import REVISION, check_known

WRITERS = 0x5EEDBA9C
"""The advisory lock of PostgreSQL that writers queue for."""


class Database:
    """Connections to the database of one bank; `file` is that of SQLite, None where a server has it."""

    def __init__(self, place: Place, *, create: bool = False) -> None:
        """Raises `NoBank` when there is no such SQLite file and `create` is not set; connects to nothing yet."""
        self.place, self.named = place, str(place)
        self.file = None if place.file is None else sqlite.File(place.file, place, create=create)
        self.engine = postgresql.engine(place.url) if self.file is None else self.file.engine
        self._writable = False
        self.checked = False
        """Whether the bank had the schema of this code when it was opened, and must have it still."""
        self._forks = Forks(self.engine, lambda: None if self.file is None else self.file.opened)

    @property
    def is_sqlite(self) -> bool:
        return self.file is not None

    @contextmanager
    def reading(self, seconds: float | None = None, planned: Mapping[str, str] = MappingProxyType({})) -> Iterator[Connection]:
        """A connection that sees one state of the bank throughout.

        With `seconds`, statements that run longer are stopped: `StorageError`, with advice. `planned` are settings of
        PostgreSQL's planner.
        """
        unchanged = nullcontext() if self.file is None else self.file.unchanged()
        with translated(self.named), self._of_one_schema(), unchanged, self.engine.connect() as connection:
            if self.file is None:  # SQLite is like that by itself
                begin = postgresql.beginning(seconds, planned, of_bank=self.checked)
                connection = connection.execution_options(seedbank_begin=begin)
            with connection.begin():
                if seconds is None:
                    yield connection
                    return
                raw: Any = connection.connection.driver_connection  # by now: later it may be lost
                with postgresql.for_its_values(raw) if self.file is None else sqlite.limited(raw, seconds):
                    yield connection

    def require_writable(self) -> None:
        """Raises `StorageError` where nothing can be written, before work whose result could not be kept."""
        if self.file is None:
            if not self._writable:
                with self.reading() as connection:
                    send(connection, "INSERT INTO entries (uid) SELECT uid FROM entries WHERE false")
                self._writable = True  # asked once: each recorded call comes here
        elif not self.file.writable:
            with self.writing() as connection:
                send(connection, "DELETE FROM bank WHERE 0")  # that a file is read alone is said with the first change

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A connection in a transaction that no other writer shares; everything inside is stored, or nothing."""
        ends = False
        with translated(self.named), self._of_one_schema(), self.engine.connect() as connection:
            connection = connection.execution_options(seedbank_write=True)
            try:
                with connection.begin():
                    self._take_turn(connection)
                    yield connection
                    ends = True
            except DBAPIError as error:
                if ends and error.connection_invalidated:  # it may be stored, and the server did not come to say so
                    raise StorageError(
                        f"The connection to {self.named} was lost in the last moment: what was to be stored is there or not.",
                        "See with seedbank log before it is done again.",
                    ) from None
                raise

    def _take_turn(self, connection: Connection) -> None:
        """Queues for the turn of writing, and raises `OtherSchema` where another program has upgraded the bank meanwhile: what
        this code would write may be accepted and still be wrong."""
        lock = [f"SELECT pg_advisory_xact_lock({WRITERS})"] if self.file is None else []
        asked = [REVISION] if self.checked else []
        if lock or asked:
            rows = send(connection, "; ".join([*lock, *asked]))  # in one message; the second sees what the first has waited for
            if asked:
                check_known(self.place, rows[0][0])

    @contextmanager
    def _of_one_schema(self) -> Iterator[None]:
        """Inside, a statement that is refused because another program has upgraded the bank meanwhile is `OtherSchema`."""
        try:
            yield
        except DBAPIError as error:
            if self.checked and of_another_schema(error):
                with self.engine.connect() as connection, connection.begin():
                    check_known(self.place, send(connection, REVISION)[0][0])
            raise

    def settle_journal(self) -> None:
        """Gives a bank's file the journal that is safe with this SQLite. Only for files that are known to be banks."""
        if self.file is not None:
            self.file.settle_journal()

    def close(self) -> None:
        """Gives all connections back."""
        self.engine.dispose()
