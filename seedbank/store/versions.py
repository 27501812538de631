"""Which schema a bank has: one string to compare, without any migration library."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seedbank.errors import NoBank, OtherSchema

if TYPE_CHECKING:
    from seedbank.store.database import Database
    from seedbank.store.place import Place

HEAD = "0009"
"""The revision of the schema that this code reads and writes; revisions are numbered in order."""
REVISION = "SELECT version_num FROM alembic_version"


def read_revision(database: Database) -> str | None:
    """The revision of the bank's schema; None when there is no bank in this database."""
    named = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name IN ('alembic_version', 'bank')"
    known = "SELECT count(to_regclass('alembic_version')) + count(to_regclass('bank'))"
    with database.reading() as connection:
        if connection.exec_driver_sql(named if database.is_sqlite else known).scalar() != 2:
            return None
        return connection.exec_driver_sql(REVISION).scalar()


def check_revision(database: Database) -> None:
    """Raises `NoBank` when there is none, `OtherSchema` when this code cannot read it, now or later."""
    revision = read_revision(database)
    if revision is None:
        raise NoBank(f"There is no bank in {database.place}.", database.place.created_by)
    check_known(database.place, revision)
    database.checked = True


def check_known(place: Place, revision: str) -> None:
    """Raises `OtherSchema` unless it is that of this code."""
    if revision != HEAD:
        raise other_schema(place, revision)


def other_schema(place: Place, revision: str) -> OtherSchema:
    """What to say of a bank with this revision, and what to do."""
    if revision > HEAD:
        return OtherSchema(
            f"The bank {place} was written by a newer seedbank (schema {revision}; this one knows {HEAD}).",
            "Install that version with: pip install --upgrade seedbank-images",
        )
    older = f"The bank {place} was written by an older seedbank (schema {revision}; this one uses {HEAD})."
    command = f"seedbank {place.option} db"
    if place.file is None:
        return OtherSchema(older, f"Copy it with: {command} backup FILE. Then upgrade it with: {command} upgrade")
    return OtherSchema(older, f"Upgrade it, after a copy is made, with: {command} upgrade")
