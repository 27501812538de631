"""Which schema a bank has: one string to compare, without any migration library."""

from __future__ import annotations

from sqlalchemy import column, inspect, select, table

from seedbank.errors import NoBank, OtherSchema
from seedbank.store.database import Database
from seedbank.store.tables import HEAD


def read_revision(database: Database) -> str | None:
    """The revision of the bank's schema; None when there is no bank in this database."""
    with database.reading() as connection:
        names = inspect(connection).get_table_names()
        if "alembic_version" not in names or "bank" not in names:
            return None
        return connection.scalar(select(column("version_num")).select_from(table("alembic_version")))


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
