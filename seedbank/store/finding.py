"""Finding entries: pages newest first, and what WHICH on a command line stands for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select

from seedbank.errors import BadInput, NotFound
from seedbank.records import Entry
from seedbank.store.database import Database
from seedbank.store.filters import conditions
from seedbank.store.query import Query, Term, parse_query
from seedbank.store.reading import CHUNK, LARGEST_ID, chunks, entry_select, everything, no_entry, read_entries
from seedbank.store.tables import entries, images, recipes

SHOWN = 5
"""Digests listed when a prefix fits several."""


PIECE = r"\d+(?:\.\.\d*)?"
"""An id, a range 3..9, or an open one 3.. of WHICH."""


class Finder:
    """Finds entries of one bank as one user sees them."""

    def __init__(self, database: Database, user: str) -> None:
        self.database = database
        self.user = user

    def find(self, query: Query, limit: int, before: int | None) -> list[Entry]:
        found: list[Entry] = []
        with self.database.reading() as connection:
            while len(found) < limit:
                size = min(limit - len(found), CHUNK)
                statement = entry_select().where(*self._where(query, before)).order_by(entries.c.id.desc()).limit(size)
                page = read_entries(connection, statement, self.user)
                found += page
                if len(page) < size:
                    break
                before = page[-1].id
        return found

    def ids(self, query: Query) -> Iterator[int]:
        """Newest first, in short transactions: what is found may be changed meanwhile."""
        before = None
        while True:
            with self.database.reading() as connection:
                statement = select(entries.c.id).select_from(everything).where(*self._where(query, before))
                page = list(connection.scalars(statement.order_by(entries.c.id.desc()).limit(CHUNK)))
            yield from page
            if len(page) < CHUNK:
                return
            before = page[-1]

    def count(self, query: Query, at_most: int | None) -> int:
        matches = select(entries.c.id).select_from(everything).where(*self._where(query, None))
        with self.database.reading() as connection:
            return connection.scalar(select(func.count()).select_from(matches.limit(at_most).subquery())) or 0

    def _where(self, query: Query, before: int | None) -> list[ColumnElement[bool]]:
        found = conditions(query, self.user, sqlite=self.database.is_sqlite)
        return found if before is None else [*found, entries.c.id < min(before, LARGEST_ID)]

    # -- WHICH --------------------------------------------------------------------------------------------------------

    def resolve(self, which: str | Sequence[str], trash: bool | None) -> list[int]:
        """`trash`: only live entries (False), only those in the trash (True), or both (None)."""
        words = [which] if isinstance(which, str) else list(which)
        if not words or not any(word.strip() for word in words):
            raise BadInput("No entry was named.", "Give an id, a range such as 3..9, @last, a digest or a query.")
        text = " ".join(words).strip()
        if text == "@last":
            found = self._last(trash)
        elif re.fullmatch(rf"{PIECE}([,\s]+{PIECE})*", text, re.ASCII):
            found = self._numbered(text, trash)
        elif re.fullmatch(r"[0-9a-fA-F]{6,64}", text) and (by_digest := self._by_digest(text.lower())):
            found = self._in_state(by_digest, trash)
        else:
            found = self._queried(parse_query(which if isinstance(which, str) else words), trash)
        if not found:
            place = "in the trash" if trash else "in this bank"
            raise NotFound(
                f"No entry {place} matches {text!r}.",
                "See what there is with: seedbank ls" + (" trash:yes" if trash else ""),
            )
        return found

    def _last(self, trash: bool | None) -> list[int]:
        with self.database.reading() as connection:
            last = connection.scalar(select(func.max(entries.c.id)).where(*_state(trash)))
        return [] if last is None else [last]

    def _numbered(self, text: str, trash: bool | None) -> list[int]:
        found: dict[int, None] = {}
        with self.database.reading() as connection:
            for piece in re.split(r"[,\s]+", text):
                first, dots, last = piece.partition("..")
                if dots:
                    low, high = min(int(first), LARGEST_ID), min(int(last or LARGEST_ID), LARGEST_ID)
                    if low > high:
                        raise BadInput(f"The range {piece} is backwards.", f"Write {last}..{first}.")
                    statement = (
                        select(entries.c.id).where(entries.c.id.between(low, high), *_state(trash)).order_by(entries.c.id)
                    )
                    found |= dict.fromkeys(connection.scalars(statement))
                else:
                    found[self._one(connection, int(first), trash)] = None
        return list(found)

    def _one(self, connection: Connection, number: int, trash: bool | None) -> int:
        row = None
        if number <= LARGEST_ID:
            row = connection.execute(select(entries.c.id, entries.c.trashed).where(entries.c.id == number)).one_or_none()
        if row is None:
            raise no_entry(number)
        if trash is False and row.trashed is not None:
            raise NotFound(f"Entry {number} is in the trash.", f"Take it out with: seedbank restore {number}")
        if trash is True and row.trashed is None:
            raise NotFound(f"Entry {number} is not in the trash.", f"Put it there with: seedbank rm {number}")
        return number

    def _by_digest(self, prefix: str) -> list[int]:
        """Entries whose image or recipe digest begins like that. Raises `BadInput` when several digests do."""
        found: dict[str, str] = {}
        numbers: list[int] = []
        with self.database.reading() as connection:
            for table, column, word in (
                (images, entries.c.image_id, "image"),
                (recipes, entries.c.recipe_id, "recipe"),
            ):
                rows = connection.execute(
                    select(table.c.id, table.c.digest)
                    .where(_begins(table.c.digest, prefix), select(1).where(column == table.c.id).exists())
                    .limit(SHOWN + 1)
                ).all()
                found |= {row.digest: word for row in rows}
                for row in rows:
                    numbers += connection.scalars(select(entries.c.id).where(column == row.id).order_by(entries.c.id))
        if len(found) > 1:
            listed = ", ".join(f"{digest[: len(prefix) + 6]} ({word})" for digest, word in list(found.items())[:SHOWN])
            raise BadInput(f"{prefix!r} is the beginning of several digests: {listed}.", "Give more digits.")
        return list(dict.fromkeys(numbers))

    def _in_state(self, numbers: list[int], trash: bool | None) -> list[int]:
        kept: list[int] = []
        with self.database.reading() as connection:
            for some in chunks(numbers):
                kept += connection.scalars(
                    select(entries.c.id).where(entries.c.id.in_(some), *_state(trash)).order_by(entries.c.id)
                )
        return kept

    def _queried(self, query: Query, trash: bool | None) -> list[int]:
        if any(term.key == "trash" for term in query.terms) or trash is False:
            return sorted(self.ids(query))
        found = sorted(self.ids(Query((*query.terms, Term("trash", True)))))
        return found if trash else sorted([*found, *self.ids(query)])


def _state(trash: bool | None) -> list[ColumnElement[bool]]:
    if trash is None:
        return []
    return [entries.c.trashed.is_not(None) if trash else entries.c.trashed.is_(None)]


def _begins(column: ColumnElement[Any], prefix: str) -> ColumnElement[bool]:
    """Digests that begin with `prefix`, as a range that an index can serve."""
    return column.between(prefix.ljust(64, "0"), prefix.ljust(64, "f"))
