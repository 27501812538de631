"""Connections to SQLite: which module is safe, how a bank's file is opened, and that it is still the same file."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from seedbank.errors import BadInput, NoBank, StorageError
from seedbank.store.failures import translated
from seedbank.store.forked import Identity, check_usable
from seedbank.store.place import Place
from seedbank.store.sending import send
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


class File:
    """The SQLite file of a bank as this process has it open.

    foreign_keys   whether connections that are made from now on look after foreign keys
    alone          its state where it is read as one that nobody changes, else None
    opened         which file was opened first under this name
    """

    def __init__(self, path: Path, place: Place, *, create: bool = False) -> None:
        """Raises `NoBank` when there is no such file and `create` is not set; connects to nothing yet."""
        self.path, self.named = path, str(place)
        self.foreign_keys = True
        self.alone: State | None = None
        self.opened: Identity = None
        self._create = create
        if create:
            with _folder_errors(path):
                path.parent.mkdir(parents=True, exist_ok=True)
        elif not path.exists():
            raise NoBank(f"There is no bank at {place}.", place.created_by)
        if path.is_dir():
            raise BadInput(f"{place} is a folder, not a bank.", "Name the database file in it.")
        self.engine = self._engine()

    def check_same(self) -> None:
        """Raises `StorageError` when another file than the one that was opened bears its name, or none."""
        if _identity(self.path) != self.opened:
            raise StorageError(
                f"{self.named} was replaced or removed while it was open here.",
                "Open the bank again; put another file in its place only while no program has it open.",
            )

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """Inside, nobody writes to a file that is read alone; what was written before is seen."""
        if self.alone is not None:
            self.check_same()
            if State.of(self.path) != self.alone:
                self.alone = None
                self.engine.dispose()
        yield
        if self.alone is not None:
            check_unchanged(self.path, self.alone)

    @property
    def writable(self) -> bool:
        """Whether the file, and others beside it, can be written here."""
        return writable(self.path)

    def settle_journal(self) -> None:
        """Gives the file the journal that is safe with this SQLite. Where it cannot be written it is read as it is."""
        if self.writable:
            with translated(self.named), self.engine.connect() as connection:
                raw = connection.connection.driver_connection
                assert raw is not None
                wanted = journal_mode(sqlite_module().sqlite_version_info)
                if raw.execute("PRAGMA journal_mode").fetchone()[0] != wanted:
                    raw.execute(f"PRAGMA journal_mode = {wanted}")

    # -- connections ---------------------------------------------------------------------------------------------------

    def _engine(self) -> Engine:
        engine = create_engine("sqlite://", module=sqlite_module(), creator=self._connect, poolclass=QueuePool)

        @event.listens_for(engine, "connect")
        def known(driver: Any, record: ConnectionPoolEntry) -> None:
            self.opened = self.opened or _identity(self.path)

        @event.listens_for(engine, "checkout")
        def same(driver: Any, record: ConnectionPoolEntry, _: Any) -> None:
            """What is written to a file that is gone is lost, and its journal would be taken for that of the new one."""
            self.check_same()

        @event.listens_for(engine, "begin")
        def begin(connection: Connection) -> None:
            """The module never begins a transaction by itself (or a failed migration would leave half a schema)."""
            write = connection.get_execution_options().get("seedbank_write", False)
            send(connection, "BEGIN IMMEDIATE" if write else "BEGIN")

        return engine

    def _connect(self) -> Any:
        if self.opened:
            self.check_same()
        check_usable(self.named, _identity(self.path))
        address = f"file:{quote(str(self.path.absolute()))}?mode={'rwc' if self._create else 'rw'}"
        if self._create or self.writable or not self.path.exists():
            return self._open(address)
        try:
            return self._open(address)
        except sqlite_module().OperationalError:
            self.alone = state_to_read(self.path)
            return self._open(f"{address}&immutable=1")

    def _open(self, address: str) -> Any:
        module = sqlite_module()
        connection = module.connect(address, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        connection.execute(f"PRAGMA foreign_keys = {self.foreign_keys:d}")
        connection.execute("PRAGMA synchronous = FULL")  # reads the file, as all that follow
        connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT}")
        connection.execute(f"PRAGMA cache_size = -{CACHE}")
        return connection


@contextmanager
def limited(driver: Any, seconds: float) -> Iterator[None]:
    """Inside, statements of this connection are stopped after so long."""
    end = time.monotonic() + seconds
    driver.set_progress_handler(lambda: time.monotonic() > end, PROGRESS_STEPS)
    try:
        yield
    finally:
        driver.set_progress_handler(None, 0)


@contextmanager
def _folder_errors(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BadInput(f"The folder {file.parent} cannot be created: {error.strerror}.", "Choose another place.") from None


def _identity(file: Path) -> Identity:
    """What two files of the same name do not share; None where there is none."""
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_dev, found.st_ino
