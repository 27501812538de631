"""Statements that are sent past SQLAlchemy: what it does around a small one takes longer than the database does for it.

They take part in the transaction that SQLAlchemy has begun; their errors are those of its own statements, and whoever listens
to its engine for statements hears of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from msgspec import Struct, field
from sqlalchemy import ClauseElement, Connection, Dialect
from sqlalchemy.exc import DBAPIError

KEPT_AFTER = 5
"""Times that a connection to PostgreSQL runs a statement before it is prepared: psycopg's own number."""

MOST_WORDED = 20
"""Texts of a statement for different values that are remembered; then it begins anew."""

_PLACE = re.compile(r"%\(\w+\)s")
"""Where a value goes in a statement for PostgreSQL."""

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


def send(connection: Connection, statement: str, values: Values = (), *, keep: bool = False, worded: bool = False) -> Rows:
    """The rows of a statement in the words of the driver, with values as they lie in the database.

    Without `values`, PostgreSQL takes several statements in one message; the rows are those of the last.
    `keep`: the text never changes, and PostgreSQL plans it once for all values.
    `worded`: its values stand in the text, so PostgreSQL plans it for them, and only once where it is sent again.
    """
    driver: Any = connection.connection.driver_connection
    for listener in connection.engine.dispatch.before_cursor_execute:
        listener(connection, None, statement, values, None, False)
    with of_the_driver(connection, statement):
        if connection.dialect.name == "sqlite":
            rows: Rows = driver.execute(statement, values).fetchall()
            return rows
        threshold, driver.prepare_threshold = driver.prepare_threshold, 1 if worded else KEPT_AFTER if keep else None
        try:
            with driver.cursor(binary=worded or bool(values)) as cursor:  # digests need not be written and read as text
                cursor.execute(statement, values or None, prepare=None if worded else keep)
                while cursor.nextset():
                    pass
                return list(cursor.fetchall()) if cursor.description else []
        finally:
            driver.prepare_threshold = threshold


class Sent(Struct, frozen=True):
    """A statement of SQLAlchemy as the driver takes it, made once to be sent often.

    `order`: the names of its values as SQLite takes them, by place; None where they are given by name.
    `worded`: its texts with the values in them, by those that are given, for PostgreSQL.
    """

    text: str
    values: dict[str, Any]
    order: tuple[str, ...] | None
    worded: dict[tuple[Any, ...], str] = field(default_factory=dict)

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
        if self.order is None:
            return send(connection, self._worded(connection, given), worded=True)
        values = {**self.values, **given}
        return send(connection, self.text, tuple([values[name] for name in self.order]))

    def _worded(self, connection: Connection, given: dict[str, Any]) -> str:
        """The text with all values in it, as psycopg writes them.

        How common a tag is decides how lists are joined, so a plan is made for one tag; to make it takes longer than most
        pages do, so it is kept for who asks again.
        """
        key = tuple(given.values())
        found = self.worded.get(key)
        if found is None:
            from psycopg import ClientCursor

            if len(self.worded) >= MOST_WORDED:
                self.worded.clear()
            driver: Any = connection.connection.driver_connection
            # In brackets, since a minus sign binds less than the type that follows: -2^63 would be too large before it.
            found = self.worded[key] = ClientCursor(driver).mogrify(_PLACE.sub(r"(\g<0>)", self.text), {**self.values, **given})
        return found

    def ids(self, connection: Connection, **given: Any) -> list[int]:
        """The first column of what it finds."""
        return [row[0] for row in self.rows(connection, **given)]
