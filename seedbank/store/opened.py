"""A bank's database as it is opened: its place, its connections, what it says of itself."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from msgspec import Struct

from seedbank import config
from seedbank.store.database import Database
from seedbank.store.place import Place
from seedbank.store.rows import parsed
from seedbank.store.types import moment, uid_text
from seedbank.store.versions import check_revision

if TYPE_CHECKING:
    from pathlib import Path

    from seedbank.store.writing import Work


class BankInfo(Struct, frozen=True):
    """What a bank says of itself."""

    uid: str
    created: datetime
    images_url: str
    settings: Mapping[str, Any]


class Opened:
    """One bank's database, as one user uses it. Safe to share between threads."""

    def __init__(self, database: Database, user: str | None = None) -> None:
        """For `create` and `open`, which look after the schema."""
        self.user = user or config.user()
        self._database = database

    @classmethod
    def create(cls, url: str, *, images_url: str | None = None, user: str | None = None, exist_ok: bool = False) -> Self:
        """A new bank. Without `images_url`, pictures lie beside a SQLite file; on PostgreSQL it must be given.

        Raises `BadInput` when there is a bank already, unless `exist_ok`.
        """
        from seedbank.store import schema

        place = Place.parse(url)
        schema.create(place, images_url, user or config.user(), exist_ok=exist_ok)
        return cls.open(url, user=user)

    @classmethod
    def open(cls, url: str, *, user: str | None = None) -> Self:
        """The bank at `url`. Raises `NoBank` when there is none, `OtherSchema` when another version wrote it."""
        database = Database(Place.parse(url))
        try:
            check_revision(database)
            database.settle_journal()
        except BaseException:
            database.close()
            raise
        return cls(database, user)

    def close(self) -> None:
        """Gives all connections back."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    def database(self) -> Database:
        """The connections, for the other modules of this package."""
        return self._database

    @contextmanager
    def _write(self, user: str | None) -> Iterator[Work]:
        from seedbank.store import writing

        with self._database.writing() as connection:
            yield writing.Work.begin(connection, user or self.user)

    @staticmethod
    def images_beside(url: str) -> str | None:
        """Where pictures of a new bank at `url` lie where nothing else is said; None on PostgreSQL, where it must be said."""
        place = Place.parse(url)
        return None if place.file is None else _beside(place.file)

    def move_images(self, place: str) -> None:
        """Pictures lie at `place` from now on; beside the SQLite file is not written down, as both move together."""
        from pathlib import Path

        from sqlalchemy import update

        from seedbank.store.tables import bank

        file = self._database.place.file
        beside = file is not None and Path(_beside(file)).absolute() == Path(place)
        with self._write(None) as work:
            work.connection.execute(update(bank).values(images=None if beside else place))
            work.record("move images", paths=[place])

    def info(self) -> BankInfo:
        """What the bank says of itself."""
        with self._database.reading() as connection:
            row = connection.exec_driver_sql("SELECT uid, created, images, settings FROM bank").one()
        uid, created, images, settings = row
        file = self._database.place.file
        place = images if file is None else images or _beside(file)
        return BankInfo(uid_text(uid), moment(created), place, {} if settings is None else parsed(settings))


def _beside(file: Path) -> str:
    """The place of pictures beside the file of SQLite itself, also where a link names it: not beside every link."""
    return f"{os.path.realpath(file) if file.is_symlink() else file}.images"
