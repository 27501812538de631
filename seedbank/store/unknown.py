"""Names in a query that the bank does not have: what is said of them, with the nearest that it has."""

from __future__ import annotations

from difflib import get_close_matches

from sqlalchemy import Connection, Table, func, select

from seedbank.store.words import fold

MOST = 2_000
"""Names that one is held against, in some hundredths of a second: those that are about as long, the ones with the same first
letter before others."""
LONGEST = 60
"""Characters that are said of a name."""


def unknown(connection: Connection, what: str, name: str, table: Table, search: str | None = None) -> str:
    """``there is no tag 'poter': did you mean 'poster'?``, of a `name` that no row of `table` has, in a saved search or not."""
    near = nearest(connection, name, table)
    said = f"there is no {what} {name if len(name) <= LONGEST else f'{name[:LONGEST]}…'!r}"
    place = f", which the saved search {search!r} looks for" if search else ""
    return f"{said}{place}" + (f": did you mean {near!r}?" if near else "")


def nearest(connection: Connection, name: str, table: Table) -> str | None:
    """The name in `table` that is most like this one; None where none is."""
    wanted = fold(name)
    alike = func.length(table.c.name).between(len(name) - 2, len(name) + 2)
    first = func.lower(func.substr(table.c.name, 1, 1)) == wanted[:1]  # seldom the letter that is mistyped
    statement = select(table.c.name).where(alike).order_by(first.desc(), table.c.id.desc()).limit(MOST)
    names = {fold(known): known for known in connection.scalars(statement)}
    close = get_close_matches(wanted, list(names), n=1)
    return names[close[0]] if close else None
