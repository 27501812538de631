"""What the log of operations says of itself: which are undone or done again, and what tags were renamed to."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from seedbank.store.tables import operations
from seedbank.store.tagging import RENAME
from seedbank.store.words import fold

UNDO = "undo"


@dataclass
class Book:
    """Which operations are undone or done again, and how tags were renamed, in order."""

    steps: dict[int, tuple[int, bool]] = field(default_factory=dict)
    """{undo operation: (first operation, whether it does it again)}"""
    renames: list[tuple[int, datetime, str, str]] = field(default_factory=list)
    """(operation, when, folded old name, new name)"""

    @classmethod
    def read(cls, connection: Connection) -> Book:
        book = cls()
        kinds = (UNDO, RENAME)
        for row in connection.execute(select(operations).where(operations.c.kind.in_(kinds)).order_by(operations.c.id)):
            details = row.details or {}
            if row.kind == UNDO:
                root, again = book.root(details["undoes"])
                book.steps[row.id] = root, not again
            if "tag" in details:
                book.renames.append((row.id, row.at, fold(details["tag"]["from"]), details["tag"]["to"]))
        return book

    def root(self, number: int) -> tuple[int, bool]:
        """(first operation, whether `number` does it, and not undoes it)."""
        if number in self.steps:
            return self.steps[number]
        return number, True

    def undone_by(self, root: int) -> int | None:
        """The operation that undid `root`, if that is how it stands."""
        last = [(number, again) for number, (first, again) in self.steps.items() if first == root]
        return last[-1][0] if last and not last[-1][1] else None

    def today(self, event: Row[Any]) -> str:
        """What the tag of an event (`history.EVENT`) is called now.

        An operation can go on for long: of what its later parts said, the time tells which renames were still to come. What
        came in a bundle was said before its operation, and has the names of then.
        """
        name: str = event.value
        for number, at, old, new in self.renames:
            later = number > event.operation_id and (event.at <= event.entered or event.at < at)
            if later and fold(name) == old:
                name = new
        return name


def undone(connection: Connection) -> dict[int, int]:
    """{operation: the operation that undid it} of all that are undone at present."""
    book = Book.read(connection)
    found = {root: book.undone_by(root) for root, _ in book.steps.values()}
    return {root: by for root, by in found.items() if by is not None}
