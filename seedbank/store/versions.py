"""Which schema a bank has: one string to compare, without any migration library."""

from __future__ import annotations

from seedbank.errors import NoBank, OtherSchema
from seedbank.store.database import Database

HEAD = "0009"
"""The revision of the schema that this code reads and writes; revisions are numbered in order."""


def read_revision(database: Database) -> str | None:
    """The revision of the bank's schema; None when there is no bank in this database."""
    named = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name IN ('alembic_version', 'bank')"
    known = "SELECT count(to_regclass('alembic_version')) + count(to_regclass('bank'))"
    with database.reading() as connection:
        if connection.exec_driver_sql(named if database.is_sqlite else known).scalar() != 2:
            return None
        return connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()


def check_revision(database: Database) -> None:
    """Raises `NoBank` when there is none, `OtherSchema` when this code cannot read it."""
    revision = read_revision(database)
    if revision is None:
        raise NoBank(f"There is no bank in {database.place}.", database.place.created_by)
    if revision < HEAD:
        raise OtherSchema(
            f"The bank {database.place} was written by an older seedbank (schema {revision}; this one uses {HEAD}).",
            f"Upgrade it, after a copy is made, with: seedbank {database.place.option} db upgrade",
        )
    if revision > HEAD:
        raise OtherSchema(
            f"The bank {database.place} was written by a newer seedbank (schema {revision}; this one knows {HEAD}).",
            "Install that version with: pip install --upgrade seedbank-images",
        )
