"""Building and upgrading the database of a bank. Alembic is imported here only, when used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event, insert
from sqlalchemy.exc import DBAPIError

from seedbank.errors import BadInput, NoBank, StorageError
from seedbank.posix import UNFINISHED
from seedbank.progress import QUIET, Progress
from seedbank.store.copies import backup, copy_sqlite, opened_database
from seedbank.store.database import Database
from seedbank.store.place import Place
from seedbank.store.sqlite import sqlite_module
from seedbank.store.tables import bank, metadata
from seedbank.store.versions import HEAD, REVISION, other_schema, read_revision
from seedbank.store.writing import Work, new_uid

__all__ = ["Status", "Upgrade", "backup", "create", "migrate", "migrations_folder", "status", "upgrade"]

FREE = 0.1
"""The share of free pages from which on a file is written anew after an upgrade."""
PATIENCE = "30s"
"""For which an upgrade of PostgreSQL waits for those who read; whoever comes meanwhile waits for it."""
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
    copy: Path | None = None


def status(url: str) -> Status:
    """Which schema the bank at `url` has; changes nothing and creates nothing."""
    place = Place.parse(url)
    try:
        with opened_database(place) as database:
            return Status(str(place), read_revision(database))
    except NoBank:
        return Status(str(place), None)


def create(place: Place, images_url: str | None, user: str, *, exist_ok: bool) -> None:
    """Builds all tables and the bank's own row in one transaction; an existing one is `BadInput`, unless `exist_ok`."""
    if place.file is None and images_url is None:
        raise BadInput(
            "A bank in PostgreSQL needs a place for its pictures.", "Name a folder or an s3:// address with --images."
        )
    with opened_database(place, create=True) as database:
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


def upgrade(url: str, progress: Progress = QUIET) -> Upgrade:
    """Brings the bank at `url` to this code's schema, all or nothing, on SQLite after a dated copy beside it.

    Nobody writes from before the copy until the end, so the copy lacks nothing. Of an upgrade that did not come about no copy
    stays. Raises `NoBank`, `OtherSchema` for a bank of a newer seedbank, `StorageError`.
    """
    place = Place.parse(url)
    with opened_database(place) as database:
        if (before := _upgradable(place, read_revision(database))) == HEAD:
            return Upgrade(before, HEAD)
        copy = None
        try:
            with _without_foreign_keys(database), _refusals_said(place), database.writing() as connection:
                # Another program may have been faster, while this one waited for its turn.
                if (before := _upgradable(place, connection.exec_driver_sql(REVISION).scalar())) == HEAD:
                    return Upgrade(before, HEAD)
                if place.file is not None:
                    copy = _keep(database, place.file.resolve(), before, progress)
                with _statements_shown(connection, f"upgrading from {before} to {HEAD}", progress):
                    migrate(connection)
        except BaseException:
            if copy is not None and _is_as_before(database, before):
                copy.unlink()
            raise
        with progress.task("settling"):
            if place.file is None:
                _settle(database)
            else:
                _give_back_room(database)
        return Upgrade(before, HEAD, copy)


def _upgradable(place: Place, revision: str | None) -> str:
    if revision is None:
        raise NoBank(f"There is no bank in {place}.", place.created_by)
    if revision > HEAD:
        raise other_schema(place, revision)
    return revision


@contextmanager
def _refusals_said(place: Place) -> Iterator[None]:
    """What a database refuses in a migration, as a sentence: views and triggers of others may hang on what it changes."""
    try:
        yield
    except DBAPIError as error:
        reason = ". ".join(line.strip().rstrip(".") for line in str(error.orig).splitlines()[:2])
        raise StorageError(
            f"{place} cannot be upgraded: {reason}. Nothing was changed.",
            "What others have added to its tables, such as views, can be dropped before and made again afterwards.",
        ) from error


@contextmanager
def _statements_shown(connection: Connection, label: str, progress: Progress) -> Iterator[None]:
    with progress.task(label, unit=" statements") as task:

        def done(*_: Any) -> None:
            task.advance()

        event.listen(connection, "after_cursor_execute", done)
        yield


def _settle(database: Database) -> None:
    """What autovacuum does some minutes after tables were written anew: it counts them, and maps what all may see.

    Until then PostgreSQL walks the wrong way and looks up each entry of an index in its table: pages of a million entries
    took 40 to 250 ms without the numbers. Where it cannot be done now, autovacuum still does it.
    """
    with suppress(DBAPIError), database.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("VACUUM (ANALYZE)")


def migrate(connection: Connection, revision: str = "head") -> None:
    """Runs the migrations up to `revision` inside the open transaction of `connection`."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    config.attributes |= {"connection": connection, "tables": [*metadata.tables], "patience": PATIENCE}
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


# -- SQLite ----------------------------------------------------------------------------------------------------------


def _keep(database: Database, file: Path, revision: str, progress: Progress) -> Path:
    """A copy of the file beside it, named after its schema and the time. What killed upgrades left of theirs goes."""
    for left in file.parent.glob(f"{file.name}.[0-9][0-9][0-9][0-9].*{UNFINISHED}*"):
        left.unlink()
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    names = (file.with_name(f"{file.name}.{revision}.{stamp}{suffix}") for suffix in ("", *(f"-{n}" for n in range(1, 1000))))
    target = next(name for name in names if not name.exists())
    copy_sqlite(database, file, target, progress)
    return target


def _is_as_before(database: Database, revision: str) -> bool:
    """Whether an upgrade that failed has left a whole file of this revision."""
    with suppress(Exception), database.reading() as connection:
        whole = connection.exec_driver_sql("PRAGMA quick_check").scalar() == "ok"
        return whole and connection.exec_driver_sql(REVISION).scalar() == revision
    return False


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
