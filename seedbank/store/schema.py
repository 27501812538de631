"""Building, upgrading and copying the database of a bank. Alembic is imported here only, when used."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert
from sqlalchemy.exc import DBAPIError

from seedbank.errors import BadInput, MissingEngine, NoBank, OtherSchema, StorageError
from seedbank.store.database import Database
from seedbank.store.failures import translated
from seedbank.store.integrity import integrity
from seedbank.store.place import Place
from seedbank.store.sqlite import sqlite_module
from seedbank.store.tables import bank
from seedbank.store.versions import HEAD, read_revision
from seedbank.store.writing import Work, new_uid

__all__ = ["Status", "Upgrade", "backup", "create", "integrity", "migrate", "status", "upgrade"]

FREE = 0.1
"""The share of free pages from which on a file is written anew after an upgrade."""
PACKAGE = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Status:
    """Which schema a bank has; `revision` is None when there is no bank there."""

    place: str
    revision: str | None
    head: str = HEAD

    @property
    def state(self) -> str:
        """`absent`, `current`, `older` or `newer`."""
        if self.revision is None:
            return "absent"
        return "current" if self.revision == self.head else "older" if self.revision < self.head else "newer"


@dataclass(frozen=True)
class Upgrade:
    """What an upgrade did. `copy` is the file of before, on SQLite; `before` equals `after` when nothing was to do."""

    before: str
    after: str
    copy: Path | None


def status(url: str) -> Status:
    """Which schema the bank at `url` has; changes nothing and creates nothing."""
    place = Place.parse(url)
    try:
        with _opened(place) as database:
            return Status(str(place), read_revision(database))
    except NoBank:
        return Status(str(place), None)


def create(place: Place, images_url: str | None, user: str, *, exist_ok: bool) -> None:
    """Builds all tables and the bank's own row in one transaction; an existing one is `BadInput`, unless `exist_ok`."""
    if place.file is None and images_url is None:
        raise BadInput(
            "A bank in PostgreSQL needs a place for its pictures.", "Name a folder or an s3:// address with --images."
        )
    with _opened(place, create=True) as database:
        revision = read_revision(database)
        if revision is None:
            _check_nobodys(database)
            database.settle_journal()
            with database.writing() as connection:
                # Another process may have been faster; then Alembic finds nothing to do.
                migrate(connection)
                if connection.scalar(bank.select().with_only_columns(bank.c.id)) is None:
                    work = Work.begin(connection, user)
                    connection.execute(insert(bank).values(id=1, uid=new_uid(), created=work.at, images=images_url))
                    work.record("create bank")
                    return
    if not exist_ok:
        raise BadInput(f"There is already a bank in {place}.", "Use it as it is, or choose another place.")


def _check_nobodys(database: Database) -> None:
    """Raises `BadInput` for the tables of another program: any in a SQLite file, and those of Alembic on PostgreSQL, where a
    database may serve several programs but a schema has one history."""
    tables = "SELECT name FROM sqlite_master WHERE type = 'table'"
    theirs = "SELECT name FROM unnest(ARRAY['alembic_version', 'bank']) AS name WHERE to_regclass(name) IS NOT NULL"
    with database.reading() as connection:
        names = set(connection.exec_driver_sql(tables if database.is_sqlite else theirs).scalars())
    if names and not {"alembic_version", "bank"} <= names:
        remedy = "a file that is not there yet" if database.is_sqlite else "a database of its own (createdb makes one)"
        raise BadInput(f"{database.place} is a database of another program.", f"Name {remedy}.")


def upgrade(url: str) -> Upgrade:
    """Brings the bank at `url` to this code's schema, all or nothing, on SQLite after a dated copy beside it."""
    place = Place.parse(url)
    with _opened(place) as database:
        before = read_revision(database)
        if before is None:
            raise NoBank(f"There is no bank in {place}.", place.created_by)
        if before > HEAD:
            raise OtherSchema(
                f"The bank {place} was written by a newer seedbank (schema {before}; this one knows {HEAD}).",
                "Install that version with: pip install --upgrade seedbank-images",
            )
        copy = None
        if before < HEAD:
            if place.file is not None:
                copy = _free_name(place.file, before)
                _copy_sqlite(database, place.file, copy)
            with _without_foreign_keys(database), database.writing() as connection:
                migrate(connection)
            if place.file is None:
                _settle(database)
            else:
                _give_back_room(database)
        return Upgrade(before, HEAD, copy)


def _settle(database: Database) -> None:
    """What autovacuum does some minutes after tables were written anew: it counts them, and maps what all may see.

    Until then PostgreSQL walks the wrong way and looks up each entry of an index in its table: pages of a million entries
    took 40 to 250 ms without the numbers. Where it cannot be done now, autovacuum still does it.
    """
    with suppress(DBAPIError), database.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("VACUUM (ANALYZE)")


def backup(url: str, target: Path) -> Path:
    """A copy of the database at `url` in the file `target`, made while others may write, and verified."""
    place = Place.parse(url)
    if target.exists():
        raise BadInput(f"{target} exists already.", "Choose another name.")
    if not target.parent.is_dir():
        raise BadInput(f"There is no folder {target.parent}.", "Create it, or choose another.")
    with _opened(place) as database:
        if read_revision(database) is None:
            raise NoBank(f"There is no bank in {place}.")
        if place.file is not None:
            _copy_sqlite(database, place.file, target)
    if place.file is None:
        _dump_postgresql(place, target)
    return target


def migrate(connection: Connection, revision: str = "head") -> None:
    """Runs the migrations up to `revision` inside the open transaction of `connection`."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
    if connection.dialect.name == "sqlite" and (broken := connection.exec_driver_sql("PRAGMA foreign_key_check").all()):
        table, row, parent, _ = broken[0]
        raise StorageError(
            f"The upgrade would have left row {row} of {table} without its row in {parent}; nothing was changed."
        )


def migrations_folder() -> Path:
    """`migrations/` beside the package in a checkout, else the copy in the wheel."""
    beside = PACKAGE.parent / "migrations"
    return beside if (beside / "env.py").exists() else PACKAGE / "_migrations"


@contextmanager
def _opened(place: Place, *, create: bool = False) -> Iterator[Database]:
    database = Database(place, create=create)
    try:
        yield database
    finally:
        database.close()


@contextmanager
def _without_foreign_keys(database: Database) -> Iterator[None]:
    """Migrations of SQLite rebuild tables, and dropping a table with foreign keys on deletes its children.

    The setting has no effect inside a transaction, so connections get it when they are made; `migrate` checks the keys.
    """
    if database.file is None:
        yield
        return
    database.file.foreign_keys = False
    database.close()
    try:
        yield
    finally:
        database.file.foreign_keys = True
        database.close()


def _give_back_room(database: Database) -> None:
    """A SQLite file that a migration left with many free pages is written anew without them.

    Where somebody reads the bank at this moment, or the disk has no room for a second file, it stays as it is: whole, and
    the free pages are filled by what comes next.
    """
    with database.engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        free, pages = (driver.execute(f"PRAGMA {name}").fetchone()[0] for name in ("freelist_count", "page_count"))
        if free > FREE * pages:
            with suppress(sqlite_module().Error):
                driver.execute("VACUUM")


# -- copies --------------------------------------------------------------------------------------------------------


def _free_name(file: Path, revision: str) -> Path:
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    names = (file.with_name(f"{file.name}.{revision}.{stamp}{suffix}") for suffix in ("", *(f"-{n}" for n in range(1, 1000))))
    return next(name for name in names if not name.exists())


def _copy_sqlite(database: Database, source: Path, target: Path) -> None:
    """Copies with SQLite's online backup, verifies the copy, and only then gives it its name."""
    module = sqlite_module()
    unfinished = target.with_name(f"{target.name}.unfinished")
    try:
        with database.reading() as connection, translated(str(target)):
            origin: Any = connection.connection.driver_connection
            copy = module.connect(unfinished)  # both from the same module, or the backup is refused
            try:
                origin.backup(copy)
                copy.execute("PRAGMA journal_mode = delete")  # one file, without companions
                found = copy.execute("PRAGMA quick_check").fetchone()[0]
            finally:
                copy.close()
        if found != "ok":
            raise StorageError(f"The copy of {source} is damaged: {found}.", "Run: seedbank check")
        _sync(unfinished)
        os.replace(unfinished, target)
        _sync(target.parent)
    except (OSError, module.Error) as error:
        raise StorageError(
            f"{source} could not be copied to {target}: {error}.",
            "Nothing was changed. See that there is room, and that one may write there.",
        ) from error
    finally:
        unfinished.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _dump_postgresql(place: Place, target: Path) -> None:
    tool = shutil.which("pg_dump")
    if tool is None:
        raise MissingEngine(
            "A copy of a PostgreSQL bank is made by pg_dump, which is not installed.",
            "Install PostgreSQL's client tools.",
        )
    unfinished = target.with_name(f"{target.name}.unfinished")
    done = subprocess.run(
        [tool, "--format=custom", f"--file={unfinished}", place.without_password()],
        env=os.environ | place.secrets(),
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise StorageError(
                f"pg_dump could not copy {place}: {reason}",
                "It must be as new as the server: put such a one first on PATH.",
            )
        _sync(unfinished)
        os.replace(unfinished, target)
        _sync(target.parent)
    finally:
        unfinished.unlink(missing_ok=True)
