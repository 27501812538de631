"""Statements that are sent past SQLAlchemy: what it does around a small one takes longer than the database does for it.

They take part in the transaction that SQLAlchemy has begun; their errors are those of its own statements, and whoever listens
to its engine for statements hears of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from msgspec import Struct
from sqlalchemy import ClauseElement, Connection, Dialect
from sqlalchemy.exc import DBAPIError

KEPT_AFTER = 5
"""Times that a connection to PostgreSQL runs a statement before it is prepared: psycopg's own number."""

Values = tuple[Any, ...] | dict[str, Any]
Rows = list[tuple[Any, ...]]


@contextmanager
def of_the_driver(connection: Connection, statement: str) -> Iterator[None]:
    """Errors of the driver inside, raised as SQLAlchemy raises those of its own statements; what is lost is not used again."""
    driver: Any = connection.connection.driver_connection
    errors: Any = connection.dialect.dbapi
    try:
        yield
    except errors.Error as error:
        if lost := connection.dialect.is_disconnect(error, driver, None):
            connection.invalidate(error)
        raise DBAPIError.instance(statement, None, error, errors.Error, connection_invalidated=lost) from error


def send(connection: Connection, statement: str, values: Values = (), *, keep: bool = False) -> Rows:
    """The rows of a statement in the words of the driver, with values as they lie in the database.

    Without `values`, PostgreSQL takes several statements in one message; the rows are those of the last.
    `keep`: the text never changes, and PostgreSQL plans it once for all values.
    """
    driver: Any = connection.connection.driver_connection
    for listener in connection.engine.dispatch.before_cursor_execute:
        listener(connection, None, statement, values, None, False)
    with of_the_driver(connection, statement):
        if connection.dialect.name == "sqlite":
            rows: Rows = driver.execute(statement, values).fetchall()
            return rows
        threshold, driver.prepare_threshold = driver.prepare_threshold, KEPT_AFTER if keep else None
        try:
            with driver.cursor(binary=bool(values)) as cursor:  # digests need not be written and read as text
                cursor.execute(statement, values or None, prepare=keep)
                while cursor.nextset():
                    pass
                return list(cursor.fetchall()) if cursor.description else []
        finally:
            driver.prepare_threshold = threshold


class Sent(Struct, frozen=True):
    """A statement of SQLAlchemy as the driver takes it, made once to be sent often.

    `order`: the names of its values as SQLite takes them, by place; None where they are given by name.
    """

    text: str
    values: dict[str, Any]
    order: tuple[str, ...] | None

    @classmethod
    def of(cls, statement: ClauseElement, dialect: Dialect) -> Sent:
        """`statement` with the values that it has; those that are given each time must have types that convert nothing."""
        compiled: Any = statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
        values = dict(compiled.params)
        for bound, name in compiled.bind_names.items():
            if convert := bound.type.dialect_impl(dialect).bind_processor(dialect):
                names = [f"{name}_{at}" for at in range(1, len(bound.value) + 1)] if bound.expanding else [name]  # of IN (…)
                values |= {one: convert(values[one]) for one in names}
        return cls(compiled.string, values, None if compiled.positiontup is None else tuple(compiled.positiontup))

    def rows(self, connection: Connection, **given: Any) -> Rows:
        """What it finds with these values in place of its own."""
        values = {**self.values, **given}
        return send(connection, self.text, values if self.order is None else tuple([values[name] for name in self.order]))

    def ids(self, connection: Connection, **given: Any) -> list[int]:
        """The first column of what it finds."""
        return [row[0] for row in self.rows(connection, **given)]
