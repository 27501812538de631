"""How PostgreSQL walks a list, newest first, in an order of work that it would not choose by itself.

It knows how long lists are, but takes what has a tag to lie anywhere among the entries. Where all of it is old, or two lists
have nothing in common for a long while, its plans walk a million entries, or read a list from its beginning, for a page. So
the statement says it: lists are held against each other first, each from where the walked one begins, by merging them where
that is best; then rows of `entries` are looked up for what they share, until the page is full.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Select, func, select

from seedbank.store.sources import Bound, Condition, Source, asked_row_by_row, in_order_of_ids, past
from seedbank.store.tables import entries


def merged_walk(source: Source, held: Sequence[Condition], start: int | Bound | None, *, ascending: bool) -> Select[tuple[int]]:
    """Select of the ids that `source` lists and of which all of `held` holds, newest first, of those below `start`.

    `ascending`: oldest first, of those above.
    """
    by_list = [_on_list(one, source, start, ascending) for one in held if one.of_id is not None]
    ids = in_order_of_ids(source.ids().where(*by_list), source.column, start, ascending)
    of_row = [one.test for one in held if one.of_id is None]
    if not of_row:
        return ids
    number = source.column
    if by_list:
        shared = asked_row_by_row(ids, sqlite=False).subquery("shared")
        number = shared.c.id
        ids = in_order_of_ids(select(number), number, None, ascending)
    row = select(1).where(entries.c.id == number, *of_row).correlate_except(entries)
    return ids.where(asked_row_by_row(row, sqlite=False).exists())


def _on_list(one: Condition, source: Source, start: int | Bound | None, ascending: bool) -> ColumnElement[bool]:
    """What must hold of an id before its row is looked up."""
    if one.member is None:
        return one.on(source.column)
    walked = source.indexed() if start is None else source.indexed().where(past(source.column, start, ascending))
    ids, column = walked.subquery(), one.member.column
    first = select((func.min if ascending else func.max)(ids.c.id)).scalar_subquery()
    return one.member.of(source.column, column >= first if ascending else column <= first)
