"""Names in a query that the bank does not have: what is said of them, with the nearest that it has."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from sqlalchemy import ColumnElement, Connection, Table, exists, func, select

from seedbank.store.tables import adapters, entries, models
from seedbank.store.words import fold

MOST = 2_000
"""Names that one is held against, in some hundredths of a second: those that are about as long, the ones with the same first
letter before others."""
WITHOUT = {"tag": "-tag:*", "adapter": "-lora:*", "model": "-model:*"}
"""How entries without any are found, by what `none` would be the name of."""
LONGEST = 60
"""Characters that are said of a name."""


def unknown(connection: Connection, what: str, name: str, table: Table, search: str | None = None) -> str:
    """``there is no tag 'poter': did you mean 'poster'?``, of a `name` that no row of `table` has, in a saved search or not."""
    said = f"there is no {what} {shown(name)}"
    place = f", which the saved search {search!r} looks for" if search else ""
    if fold(name) == "none" and what in WITHOUT:
        return f"{said}{place}: {WITHOUT[what]} finds what has none"
    return f"{said}{place}{meant(nearest(connection, name, table))}"


def unknown_word(what: str, name: str, known: Iterable[str]) -> str:
    """``no entry has the sampler 'eular': did you mean 'euler'?``, of a `name` that is none of the `known` folded words."""
    words = sorted(set(known))
    close = get_close_matches(fold(name), words, n=1) or [word for word in words if word.startswith(fold(name))]
    return f"no entry has the {what} {shown(name)}{meant(close[0] if close else None)}"


def shown(name: str) -> str:
    """A name that somebody wrote, in quotation marks and not too long."""
    return repr(name if len(name) <= LONGEST else f"{name[:LONGEST]}…")


def meant(near: str | None) -> str:
    """The end of a sentence about an unknown name, with the nearest known one where there is one."""
    return f": did you mean {near!r}?" if near else ""


def nearest(connection: Connection, name: str, table: Table) -> str | None:
    """The name in `table` that is most like this one; None where none is."""
    wanted = fold(name)
    table, counted = _named_in(table)
    alike = func.length(table.c.name).between(len(name) - 2, len(name) + 2)
    first = func.lower(func.substr(table.c.name, 1, 1)) == wanted[:1]  # seldom the letter that is mistyped
    statement = select(table.c.name).where(alike, *counted).order_by(first.desc(), table.c.id.desc()).limit(MOST)
    names = {fold(known): known for known in connection.scalars(statement)}
    close = get_close_matches(wanted, list(names), n=1)
    return names[close[0]] if close else _longer(connection, wanted, table, counted)


def _longer(connection: Connection, wanted: str, table: Table, counted: list[ColumnElement[bool]]) -> str | None:
    """The shortest name that begins with what was written: a word of two, a family without its version."""
    begins = func.lower(table.c.name).startswith(wanted, autoescape=True)
    length = func.length(table.c.name)
    statement = select(table.c.name).where(begins, *counted).order_by(length, table.c.id).limit(1)
    return connection.scalar(statement) if wanted else None


def _named_in(table: Table) -> tuple[Table, list[ColumnElement[bool]]]:
    """Where the names of `table` stand, and which of them are offered: models and adapters are named in one table, and those
    that no entry has for the one or the other are left out."""
    if table is models:
        return models, [exists().where(entries.c.model_id == models.c.id)]
    if table is adapters:
        return models, [exists().where(adapters.c.digest == models.c.digest)]
    return table, []
