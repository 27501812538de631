"""New rows, one or thousands at once.

Whoever writes is alone (`Database.writing`), so the ids of many rows are known before they are there, and none has to be asked
for row by row: SQLite takes them as one prepared statement, PostgreSQL as a COPY.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Table, func, insert, select, text
from sqlalchemy.sql.dml import ReturningInsert
from sqlalchemy.types import TypeDecorator

from seedbank.store.sending import of_the_driver

FEW = 8
"""So many rows are inserted one after the other: to begin a COPY costs more."""


def insert_many(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Inserts rows of the same columns and gives their ids in the same order."""
    if not rows:
        return []
    if len(rows) <= FEW:
        return list(connection.scalars(_insert(table), list(rows)))
    ids = _reserved(connection, table, len(rows))
    write_many(connection, table, [{"id": number, **row} for number, row in zip(ids, rows, strict=True)])
    return ids


@lru_cache(64)
def _insert(table: Table) -> ReturningInsert[Any]:
    """Made once, since making a statement takes longer than to run it."""
    return insert(table).returning(table.c.id, sort_by_parameter_order=True)


def write_many(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Inserts rows of the same columns, which have their ids already or have none."""
    if len(rows) <= FEW:
        if rows:
            connection.execute(insert(table), list(rows))
        return
    names = list(rows[0])
    columns = [_bound(connection, table, name, [row[name] for row in rows]) for name in names]
    listed = ", ".join(f'"{name}"' for name in names)
    values = list(zip(*columns, strict=True))
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"INSERT INTO {table.name} ({listed}) VALUES ({', '.join('?' * len(names))})", values)
    else:
        _copy(connection, f"COPY {table.name} ({listed}) FROM STDIN", values)


def _reserved(connection: Connection, table: Table, count: int) -> list[int]:
    """Ids for `count` rows, in order, that nothing has or had."""
    if connection.dialect.name == "postgresql":  # `setval` would ask for more rights than to insert one row does
        following = select(func.nextval(f"{table.name}_id_seq")).select_from(func.generate_series(1, count))
        return list(connection.scalars(following))
    largest = connection.scalar(select(func.max(table.c.id))) or 0
    if table.dialect_options["sqlite"]["autoincrement"]:
        used = text("SELECT seq FROM sqlite_sequence WHERE name = :name")
        largest = max(largest, connection.scalar(used, {"name": table.name}) or 0)
    return list(range(largest + 1, largest + 1 + count))


def _bound(connection: Connection, table: Table, name: str, values: Sequence[Any]) -> Sequence[Any]:
    """The values of a column as they lie in the database."""
    kind = table.c[name].type
    if not isinstance(kind, TypeDecorator):
        return values
    bound: Callable[..., Any] = kind.process_bind_param
    dialect = connection.dialect
    return [None if value is None else bound(value, dialect) for value in values]


def _copy(connection: Connection, statement: str, values: Sequence[tuple[Any, ...]]) -> None:
    driver: Any = connection.connection.driver_connection
    with of_the_driver(connection, statement), driver.cursor() as cursor, cursor.copy(statement) as copy:
        for row in values:
            copy.write_row(row)
