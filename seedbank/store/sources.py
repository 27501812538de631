"""Conditions of a query in two forms: a test of one entry, and sources that list the entries themselves.

A page is found by walking one source, newest first, and testing the rest of the query on each entry. Most sources lie in
an index in the order of ids and can be walked lazily; others are only of use when they are short.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, Table, and_, false, func, literal_column, not_, select, true
from sqlalchemy.sql.elements import UnaryExpression
from sqlalchemy.sql.operators import custom_op

from seedbank.query.values import Range, Ranges
from seedbank.store.tables import entries, posting_key, postings

MOST_SOURCES = 6
"""More lists than this are not walked side by side, but read as one, when they are short."""

MOST_WALKED = 100
"""The same for lists of several values or conditions: a statement has so many columns at most."""

Bound = ColumnElement[int]

listed = entries.alias("listed")
"""The entries of a source; `entries` itself is what is tested."""


@dataclass(frozen=True)
class Source:
    """Ids of entries: `column` of `table`, where `where` holds. `ordered`: an index gives them in order of ids.

    `besides` must hold too, and no index knows it: what a list costs is how long it is without.
    """

    column: ColumnElement[int]
    table: FromClause
    where: tuple[ColumnElement[bool], ...]
    ordered: bool = True
    besides: tuple[ColumnElement[bool], ...] = ()

    def ids(self) -> Select[Any]:
        """Select of the ids, as a column called `id`."""
        return self.indexed().where(*self.besides)

    def indexed(self) -> Select[Any]:
        """The same of everything that the index lists."""
        return select(self.column.label("id")).select_from(self.table).where(*self.where)


@dataclass(frozen=True)
class Membership:
    """That a list, which an index gives in the order of ids, has an entry; not `inside`: that it lacks it."""

    held: Select[Any]
    column: ColumnElement[int]
    inside: bool = True

    def of(self, number: ColumnElement[int], *bounds: ColumnElement[bool]) -> ColumnElement[bool]:
        """The test for the id `number`, in a form that PostgreSQL takes for a join."""
        found = self.held.where(self.column == number, *bounds).correlate_except(self.column.table).exists()
        return found if self.inside else not_(found)


@dataclass(frozen=True)
class Condition:
    """`test` of one row of `entries`; `sources` list a superset of what it holds of, None when nothing can.

    `exact`: the sources list nothing else, so that whoever walks them need not test. `of_id`: makes the same test for an id,
    where lists that are sorted by ids tell without the row of `entries`. `member`: the same where it is one list.
    """

    test: ColumnElement[bool]
    sources: tuple[Source, ...] | None = None
    exact: bool = False
    of_id: Callable[[ColumnElement[int]], ColumnElement[bool]] | None = None
    member: Membership | None = None

    def on(self, number: ColumnElement[int]) -> ColumnElement[bool]:
        """The test, for a statement that has the id in `number` before it has the row."""
        return self.test if self.of_id is None else self.of_id(number)

    @property
    def ordered(self) -> bool:
        return self.sources is not None and len(self.sources) <= MOST_WALKED and all(source.ordered for source in self.sources)


def in_order_of_ids(
    statement: Select[tuple[int]], column: ColumnElement[int], start: int | Bound | None, ascending: bool
) -> Select[tuple[int]]:
    """`statement` newest first, of ids below `start`; `ascending`: oldest first, of those above."""
    if start is not None:
        statement = statement.where(past(column, start, ascending))
    return statement.order_by(column.asc() if ascending else column.desc())


def past(column: ColumnElement[int], start: int | Bound, ascending: bool) -> ColumnElement[bool]:
    """Ids that come behind `start`."""
    return column > start if ascending else column < start


NOTHING = Condition(false(), (), True)
EVERYTHING = Condition(true())


def not_that(condition: Condition) -> Condition:
    """What is not known does not match, and so matches the negated condition: NULL must not swallow both."""

    def turned(test: ColumnElement[bool]) -> ColumnElement[bool]:
        return not_(func.coalesce(test, false()))

    return Condition(
        turned(condition.test),
        of_id=condition.of_id and (lambda number: turned(condition.on(number))),
        member=condition.member and replace(condition.member, inside=not condition.member.inside),
    )


def bare(column: ColumnElement[Any], *, sqlite: bool) -> ColumnElement[Any]:
    """`column` in a test: SQLite must not take it as an invitation to use its index instead of the source, or, where it is a
    subquery, to join its table last."""
    return UnaryExpression(column, operator=custom_op("+"), type_=column.type) if sqlite else column


def asked_row_by_row(statement: Select[Any], *, sqlite: bool) -> Select[Any]:
    """`statement`, whose existence is a test. PostgreSQL must not take it as an invitation to walk its table instead of the
    source, or to read all that it lists into memory first; it leaves a subquery with an OFFSET where it stands."""
    return statement if sqlite else statement.offset(literal_column("0"))


def by_column(column: ColumnElement[Any], values: Sequence[Any], *, sqlite: bool) -> Condition:
    """`column` of entries, which is indexed together with the id, is one of `values`; None stands for not known."""
    if not values:
        return NOTHING
    known = [value for value in values if value is not None]
    tested = bare(column, sqlite=sqlite)
    tests = ([tested.in_(known) if len(known) > 1 else tested == known[0]] if known else []) + (
        [tested.is_(None)] if len(known) < len(values) else []
    )
    test = tests[0] if len(tests) == 1 else tests[0] | tests[1]
    name = str(column.key)
    if len(known) > MOST_SOURCES:
        where = [listed.c[name].in_(known)] + ([listed.c[name].is_(None)] if len(known) < len(values) else [])
    else:
        where = [listed.c[name].is_(None) if value is None else listed.c[name] == value for value in values]
    ordered = len(known) <= MOST_SOURCES
    return Condition(test, tuple(Source(listed.c.id, listed, (one,), ordered) for one in where), True)


def by_posting(kind: int, values: Sequence[int], *, sqlite: bool) -> Condition:
    """A posting of this kind with one of `values`."""
    return by_relation(postings, postings.c.key, [posting_key(kind, value) for value in values], sqlite=sqlite)


def by_relation(table: Table, column: ColumnElement[int], values: Sequence[int], *, sqlite: bool) -> Condition:
    """A relation, whose primary key is `column` and the id of the entry, has the entry with one of `values`."""
    if not values:
        return NOTHING
    tested = table.alias("tested")
    named = tested.c[str(column.key)]
    held = select(1).where(named.in_(values) if len(values) > 1 else named == values[0])

    def of_id(number: ColumnElement[int]) -> ColumnElement[bool]:
        found = held.where(tested.c.entry_id == number).correlate_except(tested)
        return bare(asked_row_by_row(found, sqlite=sqlite).exists(), sqlite=sqlite)

    member = Membership(held, tested.c.entry_id) if len(values) == 1 else None
    return Condition(of_id(entries.c.id), by_value(table, column, values), True, of_id, member)


def by_value(table: Table, column: ColumnElement[int], values: Sequence[int]) -> tuple[Source, ...]:
    """Sources of a relation whose primary key ends with `column` and the id of the entry."""
    if len(values) > MOST_SOURCES:
        return (Source(table.c.entry_id, table, (column.in_(values),), ordered=False),)
    return tuple(Source(table.c.entry_id, table, (column == value,)) for value in values)


def by_ids(column: str, ids: Select[Any], *, sqlite: bool) -> Condition:
    """`column` of entries, which is indexed, is one of the ids that a subquery gives. Listed without order."""
    test = bare(entries.c[column], sqlite=sqlite).in_(ids)
    return Condition(test, (Source(listed.c.id, listed, (listed.c[column].in_(ids),), ordered=False),), True)


def by_range(column: str, ranges: Ranges, largest: int, *, sqlite: bool) -> Condition:
    """`column` of entries lies in one of the ranges; nothing beyond `largest` is ever sent to the database."""
    tested = [between(bare(entries.c[column], sqlite=sqlite), one, largest) for one in ranges]
    sources = tuple(
        Source(
            listed.c.id,
            listed,
            (between(listed.c[column], one, largest),),
            ordered=column == "id" or (one.low is not None and one.low == one.high),
        )
        for one in ranges
    )
    return Condition(any_test(tested), sources, True)


def between(column: ColumnElement[Any], wanted: Range, largest: float) -> ColumnElement[bool]:
    """`column` lies in `wanted`; unknown values never do."""
    low, high = wanted.low, wanted.high
    if (low is not None and low > largest) or (high is not None and high < -largest):
        return false()
    if low is not None and low == high:
        return column == low
    ends = [column >= low] if low is not None and low >= -largest else []
    ends += [column <= high] if high is not None and high <= largest else []
    return and_(*ends) if ends else column.is_not(None)


def any_test(tests: Sequence[ColumnElement[bool]]) -> ColumnElement[bool]:
    """At least one of `tests` holds, one or more."""
    found = tests[0]
    for test in tests[1:]:
        found = found | test
    return found
