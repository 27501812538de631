"""What all tables have in common: how their constraints are called, and how they refer to each other."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, MetaData

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

Small = BigInteger().with_variant(Integer(), "postgresql")
"""A number of 32 bits, as ids are: on PostgreSQL each takes its room in every index; SQLite stores as few bytes as it can."""


def own_id() -> Column[int]:
    """The id of a row."""
    # SQLite numbers rows by itself only in a column that is called INTEGER; it holds 64 bits there too.
    return Column("id", Integer, primary_key=True)


def row_of(name: str, table: str, *, null: bool = False, key: bool = False, index: bool = False) -> Column[int]:
    """A column that refers to a row of another table."""
    return Column(name, Small, ForeignKey(f"{table}.id"), nullable=null, primary_key=key, index=index or None)


# `sqlite_autoincrement`: the id of a purged row is never given out again.
# No `postgresql_…` options: they would load that dialect for every reader of a SQLite file.
# `sqlite_with_rowid=False`: pure relations lie in the tree of their primary key, once instead of twice.
