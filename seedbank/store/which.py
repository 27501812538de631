"""What WHICH on a command line stands for: an id, ``3..9``, ``1,2,5``, ``@last``, digits of a digest, a query."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, func, select

from seedbank.errors import BadInput, NotFound
from seedbank.query import Query, Term, both, parse, terms_of
from seedbank.store.digests import begins
from seedbank.store.finding import Finder
from seedbank.store.reading import LARGEST_ID, chunks, no_entry
from seedbank.store.tables import blobs, entries, images, recipes

SHOWN = 5
"""Digests listed when a prefix fits several."""

PIECE = r"(?:@last|\d+(?:\.\.\d*)?)"
"""The newest entry, an id, a range 3..9, or an open one 3.. of WHICH."""


def resolve(finder: Finder, which: str | Sequence[str], trash: bool | None) -> list[int]:
    """The ids. `trash`: only live entries (False), only those in the trash (True), or both (None)."""
    words = [which] if isinstance(which, str) else list(which)
    if not words or not any(word.strip() for word in words):
        raise BadInput("No entry was named.", "Give an id, a range such as 3..9, @last, a digest or a query.")
    text = " ".join(words).strip()
    if re.fullmatch(rf"{PIECE}([,\s]+{PIECE})*", text, re.ASCII):
        found = _numbered(finder, text, trash)
    elif re.fullmatch(r"[0-9a-fA-F]{6,64}", text) and (by_digest := _by_digest(finder, text.lower())):
        found = _in_state(finder, by_digest, trash)
    else:
        found = _queried(finder, parse(which if isinstance(which, str) else words), trash)
    if not found:
        place = "in the trash" if trash else "in this bank"
        raise NotFound(
            f"No entry {place} matches {text!r}.",
            "See what there is with: seedbank ls" + (" trash:yes" if trash else ""),
        )
    return found


def _last(connection: Connection, trash: bool | None) -> list[int]:
    last = connection.scalar(select(func.max(entries.c.id)).where(*_state(trash)))
    return [] if last is None else [last]


def _numbered(finder: Finder, text: str, trash: bool | None) -> list[int]:
    found: dict[int, None] = {}
    with finder.database.reading() as connection:
        for piece in re.split(r"[,\s]+", text):
            first, dots, last = piece.partition("..")
            if dots:
                low, high = min(int(first), LARGEST_ID), min(int(last or LARGEST_ID), LARGEST_ID)
                if low > high:
                    raise BadInput(f"The range {piece} is backwards.", f"Write {last}..{first}.")
                statement = select(entries.c.id).where(entries.c.id.between(low, high), *_state(trash)).order_by(entries.c.id)
                found |= dict.fromkeys(connection.scalars(statement))
            elif piece == "@last":
                found |= dict.fromkeys(_last(connection, trash))
            else:
                found[_one(connection, int(first), trash)] = None
    return list(found)


def _one(connection: Connection, number: int, trash: bool | None) -> int:
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


def _by_digest(finder: Finder, prefix: str) -> list[int]:
    """Entries whose image, recipe or file digest begins like that. Raises `BadInput` when several digests do."""
    found: dict[str, str] = {}
    numbers: list[int] = []
    with finder.database.reading() as connection:
        for table, column, word in (
            (images, entries.c.image_id, "image"),
            (recipes, entries.c.recipe_id, "recipe"),
            (blobs, entries.c.blob_id, "file"),  # the name of the file that `generate` prints
        ):
            rows = connection.execute(
                select(table.c.id, table.c.digest)
                .where(begins(table.c.digest, prefix), select(1).where(column == table.c.id).exists())
                .limit(SHOWN + 1)
            ).all()
            found |= {row.digest: word for row in rows}
            for row in rows:
                numbers += connection.scalars(select(entries.c.id).where(column == row.id).order_by(entries.c.id))
    if len(found) > 1:
        listed = ", ".join(f"{digest[: len(prefix) + 6]} ({word})" for digest, word in list(found.items())[:SHOWN])
        raise BadInput(f"{prefix!r} is the beginning of several digests: {listed}.", "Give more digits.")
    return list(dict.fromkeys(numbers))


def _in_state(finder: Finder, numbers: list[int], trash: bool | None) -> list[int]:
    kept: list[int] = []
    with finder.database.reading() as connection:
        for some in chunks(numbers):
            kept += connection.scalars(
                select(entries.c.id).where(entries.c.id.in_(some), *_state(trash)).order_by(entries.c.id)
            )
    return kept


def _queried(finder: Finder, query: Query, trash: bool | None) -> list[int]:
    if trash is not False and not any(term.key == "trash" for term in terms_of(query.where)):
        inside = Term("trash", "yes")
        if trash is None:
            return sorted([*finder.ids(query), *finder.ids(both(query, Query(inside)))])
        query = both(query, Query(inside))
    found = list(finder.ids(query))
    return found if query.sort else sorted(found)


def _state(trash: bool | None) -> list[ColumnElement[bool]]:
    if trash is None:
        return []
    return [entries.c.trashed.is_not(None) if trash else entries.c.trashed.is_(None)]
