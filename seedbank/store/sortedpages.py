"""Pages in another order than that of ids.

Entries are walked in the order that is asked for, and tested, which soon fills a page where what is looked for is common. But
where all of it lies far off (a tag that only old entries have, the latest first), or two common things have nothing in common,
a million would be walked. So where a condition has a list, only the first entries are tested; then the shortest list is read
whole and sorted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Select, func, select

from seedbank.query import Sort
from seedbank.store.asking import Asking
from seedbank.store.measuring import far, shortest
from seedbank.store.planning import MOST, Plan
from seedbank.store.postgresql import LIST, WALK
from seedbank.store.reading import LARGEST_ID, no_entry
from seedbank.store.sorting import Phase, phases
from seedbank.store.tables import entries

NEAR = 1_000
"""Entries that are tested at first: as many as have a page of what one in twenty is."""

T = TypeVar("T")

Position = Sequence[Any]
"""The values of the keys of an entry in its phase."""


def sorted_page(asking: Asking, how: Plan, sort: Sequence[Sort], limit: int, after: int | None) -> list[int]:
    """The first ids of what `how` finds in the order of `sort`, behind the entry `after`. Raises `NotFound` without that."""
    found: list[int] = []
    of_order = asking.once("phases", (sort, asking.user), lambda: phases(asking, sort))
    start = 0 if after is None else _phase_of(asking.connection, of_order, after)
    for at, phase in enumerate(of_order[start:], start):
        place = None if after is None or at > start else _values(asking.connection, phase, after)
        found += _Stretch(asking, how, phase, place, (tuple(sort), at)).ids(limit - len(found))
        if len(found) >= limit:
            break
    return found


class _Stretch:
    """One phase of an order, behind `place`; what is sent for all of it is remembered as `key`."""

    def __init__(self, asking: Asking, how: Plan, phase: Phase, place: Position | None, key: tuple[Any, ...]) -> None:
        self.asking, self.how, self.phase, self.place, self.key = asking, how, phase, place, key

    def ids(self, limit: int) -> list[int]:
        """The first ids in order, `limit` at most."""
        if self.how.sources is not None:
            return self._fetch("few", partial(self._of, self.how), limit)
        self.asking.settle(WALK)  # the phase before may have been read from a list
        if self.phase.condition.sources and len(self.phase.keys) == 1:
            return self._fetch("list", self._of_list, limit)
        if self.phase.condition.sources or not self.phase.is_indexed:
            return self._rest(self.place, limit)
        return self._near_or_rest(limit) if self.how.rest else self._fetch("walk", partial(self._of, self.how), limit)

    def _of_list(self) -> Select[tuple[int]]:
        """Select of the ids, where the phase is a list and is walked as any source, by id."""
        ((_, ascending),) = self.phase.keys
        of_list = Plan(self.how.held, self.phase.condition.sources, sqlite=self.how.sqlite, ascending=ascending)
        return of_list.walk(None if self.place is None else self.place[0])

    def _near_or_rest(self, limit: int) -> list[int]:
        found: list[int] = []
        start = self.place
        for many in (NEAR, far(self.asking)):
            end = self._once(f"end {many}", partial(self._end, start, many))
            found += self._fetch(f"near {many}", partial(self._of, self.how, start, end), limit - len(found))
            if len(found) >= limit or end is None:
                return found
            start = end
        return found + self._rest(start, limit - len(found))

    def _end(self, start: Position | None, many: int) -> Position | None:
        """Where so many entries behind `start` end, of which nothing is asked; None where there are fewer."""
        everything = Plan((), None, sqlite=self.how.sqlite)
        keys = [key for key, _ in self.phase.keys]
        statement = self._of(everything, start).with_only_columns(*keys).offset(many - 1).limit(1)
        return self.asking.connection.execute(statement).one_or_none()

    def _rest(self, start: Position | None, limit: int) -> list[int]:
        """From the shortest list, read whole, unless all are long."""
        conditions = [*self.how.held, self.phase.condition]
        sources = self._once("shortest", lambda: shortest(self.asking, conditions))
        how = self.how if sources is None else self.how.of_list(sources)
        self.asking.settle(WALK if sources is None else LIST)
        return self._fetch("rest", partial(self._of, how, start), limit)

    def _once(self, name: str, make: Callable[[], T]) -> T:
        return self.how.knowing((*self.key, name), make) if self.place is None else make()

    def _fetch(self, name: str, make: Callable[[], Select[tuple[int]]], limit: int) -> list[int]:
        if self.place is not None:
            return list(self.asking.connection.scalars(make().limit(limit)))
        sent = self.how.once((*self.key, name), lambda: make().limit(MOST), self.asking.connection)
        return list(sent.ids(self.asking.connection, most=limit))

    def _of(self, how: Plan, start: Position | None = None, end: Position | None = None) -> Select[tuple[int]]:
        """Select of the ids of this phase in order, behind `start`, and not behind `end`."""
        start = self.place if start is None else start
        statement = how.any_order().where(self.phase.condition.test)
        if start is not None:
            statement = statement.where(self.phase.behind(start))
        if end is not None:
            statement = statement.where(self.phase.until(end))
        return statement.order_by(*self.phase.order())


def _phase_of(connection: Connection, of_order: Sequence[Phase], number: int) -> int:
    """In which phase an entry stands. Raises `NotFound`."""
    held: list[ColumnElement[Any]] = [func.coalesce(phase.condition.test, False) for phase in of_order]
    row = None
    if 0 < number <= LARGEST_ID:
        row = connection.execute(select(*held).select_from(entries).where(entries.c.id == number)).one_or_none()
    if row is None:
        raise no_entry(number)
    return next(at for at, holds in enumerate(row) if holds)


def _values(connection: Connection, phase: Phase, number: int) -> Position:
    keys = [key for key, _ in phase.keys]
    return connection.execute(select(*keys).where(entries.c.id == number)).one()
