"""Connections: where a bank is, how it is read and how it is written.

One writer at a time on both databases: ``BEGIN IMMEDIATE`` on SQLite, a lock for the length of the transaction on
PostgreSQL. So ids follow the order of commits, "look, then insert" needs no second thought, and nothing can deadlock.
Readers never wait.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any
from urllib.parse import quote

from msgspec import Struct
from sqlalchemy import URL, Connection, Engine, create_engine, event, func, make_url, select
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from seedbank.errors import BadInput, NoBank, StorageError
from seedbank.store import postgresql
from seedbank.store.failures import translated
from seedbank.store.forked import Forks, check_usable
from seedbank.store.sending import KEPT_AFTER, send
from seedbank.store.unwritable import State, check_unchanged, state_to_read, writable

SAFE_WAL = (3, 51, 3)
"""Older versions of SQLite can corrupt a WAL database when two connections write and checkpoint at the same instant."""

BUSY_SECONDS = 30
CHECKPOINT = 4096
"""Pages (of 4 KiB) after which SQLite brings its WAL into the file, four times its own number. Digests land anywhere in
their indexes, so each transaction of an import touches other pages of them; the later they are written, the fewer twice."""
CACHE = 32 * 1024
"""KiB that a connection to SQLite keeps of a file at most, 16 times its own number: what a page of entries touches lies all
over a large bank, and asking the system for it again and again was up to a seventh of the time."""
PROGRESS_STEPS = 100_000
"""Instructions of SQLite between two looks at the clock: about a millisecond."""

WRITERS = 0x5EEDBA9C
"""The advisory lock of PostgreSQL that writers queue for."""


def sqlite_module() -> ModuleType:
    """The module for SQLite: that of the standard library when it is safe with WAL, else `pysqlite3` when installed."""
    if sqlite3.sqlite_version_info >= SAFE_WAL:
        return sqlite3
    try:
        import pysqlite3
    except ImportError:
        return sqlite3
    return pysqlite3  # type: ignore[no-any-return]


def journal_mode(version: tuple[int, ...]) -> str:
    """The journal that is safe with this version of SQLite."""
    return "wal" if version >= SAFE_WAL else "truncate"


_POSTGRESQL = ("postgresql", "postgres", "postgresql+psycopg")
_SECRET = ("password", "sslpassword")
"""Options of an address that nobody else may see."""


class Place(Struct, frozen=True):
    """Where a bank is: a SQLite file or a PostgreSQL database."""

    url: URL
    file: Path | None

    @classmethod
    def parse(cls, text: str) -> Place:
        """The place named by a URL (``sqlite:///…``, ``postgresql://…``) or by the path of a SQLite file."""
        scheme = text.split(":")[0]
        if "://" not in text:
            if scheme in (*_POSTGRESQL, "sqlite") and scheme != text:
                return cls._unknown(f"{scheme}:…")  # the rest may hold a password
            return cls.parse(f"sqlite:///{text}") if text else cls._unknown(text)
        try:
            url = make_url(text)
        except ArgumentError:
            return cls._unknown(f"{scheme}://…")
        except ValueError:
            raise BadInput(
                f"The port in the address {scheme}://… of the bank is not a number.",
                "Write postgresql://USER@HOST:PORT/DATABASE; a colon in the password is %3A there.",
            ) from None
        if "\0" in "".join(map(str, (*url[:4], url.database, *url.query.values()))):
            raise BadInput(f"The address {scheme}://… of the bank has a NUL character (%00) in it.", "Leave it out.")
        if "@" in (url.host or ""):
            raise BadInput(
                f"The user name or the password in the address {scheme}://… of the bank has an @ that ends it too early.",
                "Write %40 for an @ in it.",
            )
        match url.drivername:
            case "sqlite" if url.database and url.database != ":memory:":
                return cls(url, Path(url.database).expanduser())
            case "sqlite":
                raise BadInput("A bank needs a file; a SQLite database in memory cannot be one.", "Use sqlite:///bank.db.")
            case name if name in _POSTGRESQL:
                return cls(url.set(drivername="postgresql+psycopg"), None)
        return cls._unknown(f"{url.drivername}://…")

    @classmethod
    def _unknown(cls, text: str) -> Place:
        raise BadInput(
            f"{text!r} is not the address of a bank.", "Use a file, sqlite:///FILE or postgresql://USER@HOST/DATABASE."
        )

    def __str__(self) -> str:
        """For people, and to be given with --bank again; never with a password."""
        return str(self.file) if self.file is not None else self.without_password()

    @property
    def option(self) -> str:
        """``--bank …`` as it is typed into a shell."""
        import shlex

        return f"--bank {shlex.quote(str(self))}"

    @property
    def option_anywhere(self) -> str:
        """The same for whatever folder it is typed in."""
        return self.option if self.file is None else Place(self.url, self.file.absolute()).option

    @property
    def created_by(self) -> str:
        """How a bank is made here, as the hint where there is none."""
        images = " --images FOLDER" if self.file is None else ""
        return f"Create one there with: seedbank {self.option} init{images}"

    def without_password(self) -> str:
        """The address in PostgreSQL's own form; see `secrets` for what it lacks."""
        url = self.url
        query = {name: value for name, value in url.query.items() if name not in _SECRET}
        return URL.create("postgresql", url.username, None, url.host, url.port, url.database, query).render_as_string()

    def secrets(self) -> dict[str, str]:
        """The password as PostgreSQL's programs take it from the environment: a command line can be read by everybody."""
        given = self.url.query.get("password", self.url.password)
        found = given[-1] if isinstance(given, tuple) else given
        return {"PGPASSWORD": str(found)} if found else {}


class Database:
    """Connections to the database of one bank."""

    def __init__(self, place: Place, *, create: bool = False) -> None:
        """Raises `NoBank` when there is no such SQLite file and `create` is not set; connects to nothing yet."""
        self.place, self.named = place, str(place)
        self.foreign_keys = True
        self.alone: State | None = None
        """The state of a SQLite file that is read as one that nobody changes; None of all others."""
        self.opened: tuple[int, int] | None = None
        """The SQLite file that was opened first under this name."""
        self._writable = False
        if place.file is None:
            self.engine = postgresql.engine(place.url)
        else:
            if create:
                with _folder_errors(place.file):
                    place.file.parent.mkdir(parents=True, exist_ok=True)
            elif not place.file.exists():
                raise NoBank(f"There is no bank at {place}.", place.created_by)
            if place.file.is_dir():
                raise BadInput(f"{place} is a folder, not a bank.", "Name the database file in it.")
            self.engine = _sqlite(self, place.file, create=create)
        self._forks = Forks(self.engine, lambda: self.opened)

    @property
    def is_sqlite(self) -> bool:
        return self.place.file is not None

    @contextmanager
    def reading(self, seconds: float | None = None, planned: Mapping[str, str] = MappingProxyType({})) -> Iterator[Connection]:
        """A connection that sees one state of the bank throughout.

        With `seconds`, statements that run longer are stopped: `StorageError`, with advice. `planned` are settings of
        PostgreSQL's planner.
        """
        with translated(self.named), self._unchanged(), self.engine.connect() as connection:
            if not self.is_sqlite:  # SQLite is like that by itself
                connection = connection.execution_options(seedbank_begin=postgresql.beginning(seconds, planned))
            with connection.begin():
                if seconds is None:
                    yield connection
                    return
                with self._limited(connection, seconds):
                    yield connection

    @contextmanager
    def _unchanged(self) -> Iterator[None]:
        """Inside, nobody writes to a file that is read alone; what was written before is seen."""
        if self.alone is not None:
            self.check_same_file()
            if State.of(self._sqlite_file) != self.alone:
                self.alone = None
                self.engine.dispose()
        yield
        if self.alone is not None:
            check_unchanged(self._sqlite_file, self.alone)

    @property
    def _sqlite_file(self) -> Path:
        assert self.place.file is not None
        return self.place.file

    def check_same_file(self) -> None:
        """Raises `StorageError` when another file than the one that was opened bears its name, or none."""
        if _identity(self._sqlite_file) != self.opened:
            raise StorageError(
                f"{self.named} was replaced or removed while it was open here.",
                "Open the bank again; put another file in its place only while no program has it open.",
            )

    def require_writable(self) -> None:
        """Raises `StorageError` where nothing can be written, before work whose result could not be kept."""
        if not self.is_sqlite:
            if not self._writable:
                with self.reading() as connection:
                    send(connection, "INSERT INTO entries (uid) SELECT uid FROM entries WHERE false")
                self._writable = True  # asked once: each recorded call comes here
        elif not writable(self._sqlite_file):
            with self.writing() as connection:
                send(connection, "DELETE FROM bank WHERE 0")  # that a file is read alone is said with the first change

    @contextmanager
    def _limited(self, connection: Connection, seconds: float) -> Iterator[None]:
        """Inside, statements are stopped after so long, and PostgreSQL plans each for the values that it has.

        How common a tag is decides how two lists are to be joined: a plan for any tag compared each of 600 entries with each
        of 700, and would with 100,000. Where one plan is as good for all values, `send` is told to keep it.
        """
        raw: Any = connection.connection.driver_connection  # by now: later it may be lost
        if not self.is_sqlite:
            raw.prepare_threshold = None
            try:
                yield
            finally:
                raw.prepare_threshold = KEPT_AFTER
            return
        end = time.monotonic() + seconds
        raw.set_progress_handler(lambda: time.monotonic() > end, PROGRESS_STEPS)
        try:
            yield
        finally:
            raw.set_progress_handler(None, 0)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A connection in a transaction that no other writer shares; everything inside is stored, or nothing."""
        ends = False
        with translated(self.named), self.engine.connect() as connection:
            connection = connection.execution_options(seedbank_write=True)
            try:
                with connection.begin():
                    if not self.is_sqlite:
                        connection.execute(select(func.pg_advisory_xact_lock(WRITERS)))
                    yield connection
                    ends = True
            except DBAPIError as error:
                if ends and error.connection_invalidated:  # it may be stored, and the server did not come to say so
                    raise StorageError(
                        f"The connection to {self.named} was lost in the last moment: what was to be stored is there or not.",
                        "See with seedbank log before it is done again.",
                    ) from None
                raise

    def settle_journal(self) -> None:
        """Gives a bank's file the journal that is safe with this SQLite. Only for files that are known to be banks.

        Where it cannot be written it is read as it is.
        """
        if self.is_sqlite and writable(self._sqlite_file):
            with translated(self.named), self.engine.connect() as connection:
                raw = connection.connection.driver_connection
                assert raw is not None
                wanted = journal_mode(sqlite_module().sqlite_version_info)
                if raw.execute("PRAGMA journal_mode").fetchone()[0] != wanted:
                    raw.execute(f"PRAGMA journal_mode = {wanted}")

    def close(self) -> None:
        """Gives all connections back."""
        self.engine.dispose()


@contextmanager
def _folder_errors(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BadInput(f"The folder {file.parent} cannot be created: {error.strerror}.", "Choose another place.") from None


def _sqlite(database: Database, file: Path, *, create: bool) -> Engine:
    module = sqlite_module()
    address = f"file:{quote(str(file.absolute()))}?mode={'rwc' if create else 'rw'}"

    def connect() -> Any:
        if database.opened:
            database.check_same_file()
        check_usable(database.named, _identity(file))
        if create or writable(file) or not file.exists():
            return opened(address)
        try:
            return opened(address)
        except module.OperationalError:
            database.alone = state_to_read(file)
            return opened(f"{address}&immutable=1")

    def opened(address: str) -> Any:
        connection = module.connect(address, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        connection.execute(f"PRAGMA foreign_keys = {database.foreign_keys:d}")
        connection.execute("PRAGMA synchronous = FULL")  # reads the file, as all that follow
        connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT}")
        connection.execute(f"PRAGMA cache_size = -{CACHE}")
        return connection

    engine = create_engine("sqlite://", module=module, creator=connect, poolclass=QueuePool)

    @event.listens_for(engine, "connect")
    def known(driver: Any, record: ConnectionPoolEntry) -> None:
        database.opened = database.opened or _identity(file)

    @event.listens_for(engine, "checkout")
    def same(driver: Any, record: ConnectionPoolEntry, _: Any) -> None:
        """What is written to a file that is no longer there is lost, and its journal would be taken for that of the new one."""
        database.check_same_file()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        """The module never begins a transaction by itself (or a failed migration would leave half a schema)."""
        write = connection.get_execution_options().get("seedbank_write", False)
        send(connection, "BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def _identity(file: Path) -> tuple[int, int] | None:
    """What two files of the same name do not share; None where there is none."""
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_dev, found.st_ino
