"""How a query is answered: which source is walked, and what is tested on the way.

The databases' own planners guess badly here: they know little of how common a tag of a user is, and either sort a hundred
thousand entries for the fifty newest or walk a million for a handful. So the sources of a query are counted first, up to a
bound, which costs a fraction of a millisecond, and the statement says what is to be done:

* few: the shortest source is read whole, tested and sorted;
* many, in order: the shortest source that an index gives in the order of ids is walked until the page is full;
* anything else: entries are walked in the order that was asked for. What cannot be listed is common then, unless all of it
  is old: newest first, the walk ends after a while, and the rest comes from the shortest source, read whole (`rest`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Executable, Select, and_, func, select, union
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.elements import ClauseElement

from seedbank.query import And, Node, Not, Or, Query, Term, terms_of
from seedbank.store.asking import Asking, any_of
from seedbank.store.conditions import condition
from seedbank.store.sources import NOTHING, Condition, Source, not_that
from seedbank.store.tables import entries

FEW = 5_000
"""Entries that are read and sorted at once, in about 10 ms."""

FEW_IN_ORDER = 1_000
"""The same where the source can be walked in order instead: counting farther would take longer than walking."""

SURELY_MANY = 20 * FEW
"""Where PostgreSQL expects more than this, nothing is counted."""

SAMPLED = 200
"""The newest ids of a source that tell how dense it is."""


@dataclass(frozen=True)
class Plan:
    """`tests` must hold of what `sources` list (None: of all entries); `few`: they are short and in no order.

    `rest` lists everything too, at a price: for where walking all entries does not soon find enough.
    """

    tests: tuple[ColumnElement[bool], ...]
    sources: tuple[Source, ...] | None
    few: bool = False
    sqlite: bool = True
    rest: tuple[Source, ...] | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it is known that nothing is found."""
        return self.sources == ()

    def walk(self, start: int | None = None, *, ascending: bool = False) -> Select[tuple[int]]:
        """Select of the ids newest first, of those below `start`; `ascending`: oldest first, of those above.

        One source at most, unless they are few; several are walked by `stretch`.
        """
        if self.sources is None or self.few:
            return _in_order(self.any_order(), entries.c.id, start, ascending)
        (source,) = self.sources
        joined = source.table.join(entries, entries.c.id == source.column)
        found = select(entries.c.id).select_from(joined).where(*source.where, *self.tests)
        return _in_order(found, source.column, start, ascending)

    def any_order(self) -> Select[tuple[int]]:
        """Select of the ids, to be ordered."""
        statement = select(entries.c.id).where(*self.tests)
        return statement if self.sources is None else statement.where(self._among(_together(self.sources)))

    def stretch_of_all(self, start: int, floor: int) -> Select[tuple[int]]:
        """As `walk`, of all entries, no farther than `floor`."""
        return _in_order(select(entries.c.id).where(*self.tests, entries.c.id >= floor), entries.c.id, start, False)

    def from_rest(self, start: int) -> Select[tuple[int]]:
        """As `walk`, from what `rest` lists below `start`: read whole, sorted, tested."""
        assert self.rest is not None
        below = [source.ids().where(source.column < start) for source in self.rest]
        together = below[0] if len(below) == 1 else select(union(*below).subquery().c.id)
        return select(entries.c.id).where(*self.tests, self._among(together)).order_by(entries.c.id.desc())

    def _among(self, ids: Select[tuple[int]]) -> ColumnElement[bool]:
        """Entries with these ids. As an array for PostgreSQL, or it may walk all entries and look each up in the list."""
        if self.sqlite:
            return entries.c.id.in_(ids)
        return entries.c.id == func.any(func.array(ids.scalar_subquery()))

    def ends(self, start: int | None, size: int) -> Select[Any]:
        """Select of one row: for each source the lowest of its first `size` ids below `start`, and how many these are."""
        columns = []
        for source in self.sources or ():
            first = _in_order(source.ids(), source.column, start, False).limit(size).subquery()
            columns += [
                select(func.min(first.c.id)).scalar_subquery(),
                select(func.count()).select_from(first).scalar_subquery(),
            ]
        return select(*columns)

    def stretch(self, start: int | None, floor: int | None) -> Select[tuple[int]]:
        """Select of the ids newest first, of those below `start` and not below `floor`."""
        parts = [source.ids() for source in self.sources or ()]
        bounds = [(start, False), (floor, True)]
        for (at, part), source in zip(enumerate(parts), self.sources or (), strict=True):
            for bound, is_floor in bounds:
                if bound is not None:
                    part = part.where(source.column >= bound if is_floor else source.column < bound)
            parts[at] = part
        together = union(*parts).subquery()
        ids = select(entries.c.id).where(self._among(select(together.c.id)), *self.tests)
        return ids.order_by(entries.c.id.desc())


def _in_order(
    statement: Select[tuple[int]], column: ColumnElement[int], start: int | None, ascending: bool
) -> Select[tuple[int]]:
    if start is not None:
        statement = statement.where(column > start if ascending else column < start)
    return statement.order_by(column.asc() if ascending else column.desc())


def _together(sources: Sequence[Source]) -> Select[tuple[int]]:
    """Select of the ids of all sources, each once."""
    parts = [source.ids() for source in sources]
    return parts[0] if len(parts) == 1 else select(union(*parts).subquery().c.id)


def plan(asking: Asking, query: Query, *, in_order: bool, walk: bool = False) -> Plan:
    """How to answer `query`; `in_order`: newest first is asked for, so that ordered sources can be walked.

    `walk`: entries are given, and all is tested.
    """
    parts = _conjuncts(query.where)
    conditions = [_condition(asking, part) for part in parts]
    live = [] if any(term.key == "trash" for term in terms_of(query.where)) else [asking.bare("trashed").is_(None)]
    if any(one.sources == () for one in conditions):
        return Plan((), ())
    chosen, few, rest = (None, False, None) if walk else _choose(asking, conditions, in_order=in_order)
    tests = [one.test for at, one in enumerate(conditions) if at != chosen or not one.exact]
    sources = None if chosen is None else conditions[chosen].sources
    return Plan((*live, *tests), sources, few, asking.sqlite, None if rest is None else conditions[rest].sources)


def _conjuncts(node: Node | None) -> list[Node]:
    return [] if node is None else list(node.of) if isinstance(node, And) else [node]


def _condition(asking: Asking, node: Node) -> Condition:
    match node:
        case Term():
            return condition(asking, node)
        case Not(of):
            return not_that(_condition(asking, of))
        case Or(parts):
            return any_of([_condition(asking, part) for part in parts])
        case And(parts):
            found = [_condition(asking, part) for part in parts]
            if any(one.sources == () for one in found):
                return NOTHING
            chosen, _, _ = _choose(asking, found, in_order=False)
            test = and_(*(func.coalesce(one.test, False) for one in found))
            return Condition(test, None if chosen is None else found[chosen].sources)


def _choose(asking: Asking, conditions: Sequence[Condition], *, in_order: bool) -> tuple[int | None, bool, int | None]:
    """(position of the condition whose sources are the ones to go by, whether they are few, that of the shortest).

    None in the first place: walk all entries.
    """
    candidates = [at for at, one in enumerate(conditions) if one.sources is not None]
    if not candidates:
        return None, False, None
    if in_order and len(conditions) == 1 and conditions[0].ordered:
        return 0, False, None
    bounds = [FEW_IN_ORDER if in_order and conditions[at].ordered else FEW for at in candidates]
    sizes = _sizes(asking, [conditions[at] for at in candidates], bounds)
    few = [(size, at) for at, size, bound in zip(candidates, sizes, bounds, strict=True) if size <= bound]
    if few:
        return min(few)[1], True, None
    shortest = min(zip(sizes, candidates, strict=True))[1]
    ordered = [at for at in candidates if conditions[at].ordered]
    return (_sparsest(asking, conditions, ordered) if ordered and in_order else None), False, shortest


def _sizes(asking: Asking, conditions: Sequence[Condition], bounds: Sequence[int]) -> list[int]:
    """How long the sources of each condition are, each source counted up to the bound of its condition."""
    sizes = [0 if asking.sqlite else sum(_estimate(asking, source) for source in one.sources or ()) for one in conditions]
    counted = [at for at, size in enumerate(sizes) if size <= SURELY_MANY]
    counts = [
        select(func.count()).select_from(source.ids().limit(bounds[at] + 1).subquery()).scalar_subquery()
        for at in counted
        for source in conditions[at].sources or ()
    ]
    values = iter(asking.connection.execute(select(*counts)).one() if counts else ())
    for at in counted:
        sizes[at] = sum(next(values) for _ in conditions[at].sources or ())
    return sizes


def _estimate(asking: Asking, source: Source) -> int:
    """What PostgreSQL's statistics say of a list that its index of words gives only as a whole: counting needs all of it."""
    if source.ordered:
        return 0
    first = asking.connection.scalar(Explain(source.ids()))
    rows = re.search(r"rows=(\d+)", first or "")
    return int(rows[1]) if rows else 0


class Explain(Executable, ClauseElement):
    """EXPLAIN of a statement; the first line has the estimate for all of it."""

    inherit_cache = False

    def __init__(self, statement: Select[Any]) -> None:
        self.statement = statement


@compiles(Explain)
def _explained(element: Explain, compiler: Any, **options: Any) -> str:
    return f"EXPLAIN {compiler.process(element.statement, **options)}"


def _sparsest(asking: Asking, conditions: Sequence[Condition], ordered: Sequence[int]) -> int:
    """Which of several ordered sources has the fewest entries among the newest: whose first ones reach back the farthest."""
    if len(ordered) == 1:
        return ordered[0]
    columns = []
    for at in ordered:
        ends = []
        for source in conditions[at].sources or ():
            first = _in_order(source.ids(), source.column, None, False).limit(SAMPLED).subquery()
            ends.append(select(func.min(first.c.id)).scalar_subquery())
        columns.append(ends)
    values = iter(asking.connection.execute(select(*(end for ends in columns for end in ends))).one())
    ends_of = {at: [next(values) for _ in ends] for at, ends in zip(ordered, columns, strict=True)}
    reach = {at: max((end for end in ends if end is not None), default=0) for at, ends in ends_of.items()}  # None: it is empty
    return min(ordered, key=lambda at: reach[at])


def saved(asking: Asking, node: Node) -> Condition:
    """The condition of a saved search."""
    return _condition(asking, node)
