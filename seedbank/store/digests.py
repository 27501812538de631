"""Looking things up by their digest, whole or by its beginning.

On PostgreSQL the largest tables are unique by the first 15 bytes of a digest: a value in an index takes half the room
then, and two SHA-256 that agree in 120 bits are not found. So a digest of these tables is looked for as `head` says;
comparing the column itself would read the whole table.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Dialect, LargeBinary, Table
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator

from seedbank.store.tables import blobs, images, recipes

HEAD_BYTES = 15
"""16 with the byte in which PostgreSQL says how long a value is: two words of 8, as rows in an index are laid out."""

BY_HEAD = (blobs, images, recipes)


class Head(TypeDecorator[str]):
    """The beginning of a digest: hexadecimal digits outside, bytes inside; on SQLite all of it."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:
        if value is None:
            return None
        return bytes.fromhex(value)[:HEAD_BYTES] if dialect.name == "postgresql" else bytes.fromhex(value)


class head_of(FunctionElement[str]):
    """The beginning of a column of digests, as the indexes of PostgreSQL have it; on SQLite the column."""

    type = Head()
    inherit_cache = True


@compiles(head_of)
def _whole(element: head_of, compiler: Any, **options: Any) -> str:
    return str(compiler.process(element.clauses, **options))


@compiles(head_of, "postgresql")
def _beginning(element: head_of, compiler: Any, **options: Any) -> str:
    return f"substr({compiler.process(element.clauses, **options)}, 1, {HEAD_BYTES})"


def head(column: ColumnElement[str]) -> ColumnElement[str]:
    """What to compare with a digest, or with several, in the place of this column of a table."""
    return head_of(column) if getattr(column, "table", None) in BY_HEAD else column


def rows_with(connection: Connection, table: Table, digests: Sequence[str]) -> Sequence[Sequence[Any]]:
    """(digest as it lies, id) of the rows with these digests. Imports ask for thousands: SQLAlchemy writes nothing here."""
    values = [bytes.fromhex(digest) for digest in digests]
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" * len(values))
        return connection.exec_driver_sql(f"SELECT digest, id FROM {table.name} WHERE digest IN ({marks})", tuple(values)).all()
    looked, sought = "digest", values
    if table in BY_HEAD:
        looked, sought = f"substr(digest, 1, {HEAD_BYTES})", [value[:HEAD_BYTES] for value in values]
    statement = f"SELECT digest, id FROM {table.name} WHERE {looked} = ANY(%(sought)s)"
    return connection.exec_driver_sql(statement, {"sought": sought}).all()


def begins(column: ColumnElement[str], prefix: str) -> ColumnElement[bool]:
    """Digests that begin with `prefix`, as a range that an index can serve."""
    first, last = prefix.ljust(64, "0"), prefix.ljust(64, "f")
    inside = column.between(first, last)
    return inside if head(column) is column else head(column).between(first, last) & inside
