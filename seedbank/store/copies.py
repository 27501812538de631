"""Copies of a bank's database: one that its user asks for, and one of before an upgrade."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from seedbank.errors import BadInput, MissingEngine, NoBank, StorageError
from seedbank.posix import UNFINISHED
from seedbank.progress import QUIET, Progress
from seedbank.store.database import Database
from seedbank.store.failures import translated
from seedbank.store.opened import Opened
from seedbank.store.place import Place
from seedbank.store.sqlite import sqlite_module
from seedbank.store.versions import read_revision

PIECE = 4096
"""Pages that are copied between two looks at the progress, and at whether Ctrl-C was pressed."""


def backup(url: str, target: Path, progress: Progress = QUIET) -> Path:
    """A copy of the database at `url` in the file `target`, made while others may write, and verified, whatever its schema."""
    place = Place.parse(url)
    if target.exists():
        raise BadInput(f"{target} exists already.", "Choose another name.")
    if not target.parent.is_dir():
        raise BadInput(f"There is no folder {target.parent}.", "Create it, or choose another.")
    with opened_database(place) as database:
        if read_revision(database) is None:
            raise NoBank(f"There is no bank in {place}.")
        if place.file is not None:
            copy_sqlite(database, place.file, target, progress)
    if place.file is None:
        _dump_postgresql(place, target)
    return target


def pictures_of(url: str) -> str:
    """Where the pictures of the bank at `url` are, whatever its schema."""
    with opened_database(Place.parse(url)) as database:
        return Opened(database).info().images_url


@contextmanager
def opened_database(place: Place, *, create: bool = False) -> Iterator[Database]:
    """The database of a bank of any schema, or of none, for as long as this lasts."""
    database = Database(place, create=create)
    try:
        yield database
    finally:
        database.close()


def copy_sqlite(database: Database, source: Path, target: Path, progress: Progress = QUIET) -> None:
    """Copies with SQLite's online backup, verifies the copy, and only then gives it its name. Its permissions stay the same."""
    module = sqlite_module()
    unfinished = _beside(target)
    try:
        unfinished.touch(mode=0o600, exist_ok=False)
        with database.reading() as connection, translated(str(target)):
            origin: Any = connection.connection.driver_connection
            origin.execute("SELECT count(*) FROM sqlite_master").fetchone()  # one state, however many pieces it comes in
            copy = module.connect(unfinished)  # both from the same module, or the backup is refused
            try:
                _copy_pages(origin, copy, progress)
                copy.execute("PRAGMA journal_mode = delete")  # one file, without companions
                found = copy.execute("PRAGMA quick_check").fetchone()[0]
            finally:
                copy.close()
        if found != "ok":
            raise StorageError(f"The copy of {source} is damaged: {found}.", "Run: seedbank check")
        shutil.copymode(source, unfinished)
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


def _beside(target: Path) -> Path:
    """Where the copy is made: of two that copy to one place, each has a file of its own."""
    return target.with_name(f"{target.name}.{os.getpid()}-{secrets.token_hex(4)}{UNFINISHED}")


def _copy_pages(origin: Any, copy: Any, progress: Progress) -> None:
    size, pages = (origin.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_size", "page_count"))
    with progress.task("copying", total=pages * size, unit="B") as task:
        left = pages

        def shown(_: int, remaining: int, total: int) -> None:
            nonlocal left
            task.advance((left - remaining) * size)
            left = remaining

        origin.backup(copy, pages=PIECE, progress=shown)


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
    unfinished = _beside(target)
    try:
        unfinished.touch(mode=0o600, exist_ok=False)  # not everybody may read the database, so not its copy
        done = subprocess.run(
            [tool, "--format=custom", f"--file={unfinished}", place.without_password()],
            env=os.environ | place.secrets(),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise StorageError(
                f"pg_dump could not copy {place}: {reason}",
                "It must be as new as the server: put such a one first on PATH." if "version" in reason else "",
            )
        _sync(unfinished)
        os.replace(unfinished, target)
        _sync(target.parent)
    except OSError as error:
        raise StorageError(
            f"{place} could not be copied to {target}: {error.strerror}.", "See that one may write there."
        ) from None
    finally:
        unfinished.unlink(missing_ok=True)
