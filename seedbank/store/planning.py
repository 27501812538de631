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
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from math import isqrt
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    Executable,
    Integer,
    Select,
    and_,
    bindparam,
    func,
    literal,
    select,
    union,
    union_all,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.elements import ClauseElement

from seedbank.query import And, Node, Not, Or, Query, Term, terms_of
from seedbank.store.asking import Asking, any_of
from seedbank.store.conditions import condition
from seedbank.store.meanings import BEYOND, meaning
from seedbank.store.reading import LARGEST_ID, chunks
from seedbank.store.sending import Rows, Sent
from seedbank.store.sources import NOTHING, Condition, Source, not_that
from seedbank.store.tables import entries

FEW = 5_000
"""Entries that are read and sorted at once, in about 10 ms."""

WORTH = 100
"""To read a list of n entries that is in no order costs as n; to walk a bank of t entries for the 50 newest of them costs as
50 t / n, and twice as much for each. So a list is read as long as n² is below 100 t: up to 10,000 of a million entries."""

FEW_IN_ORDER = 1_000
"""The same where the source can be walked in order instead: counting farther would take longer than walking."""

SURELY_MANY = 4
"""Where PostgreSQL expects that many times what is few, nothing is counted."""

Bound = ColumnElement[int]
MOST: Bound = bindparam("most", 0, type_=Integer)
_BOUNDS = {"most": MOST, "start": bindparam("start", 0, type_=Integer), "floor": bindparam("floor", 0, type_=Integer)}
"""What is given to a statement each time it is sent."""


@dataclass(frozen=True)
class Plan:
    """`held` must hold of what `sources` list (None: of all entries); `few`: they are short and in no order.

    `rest` lists everything too, at a price: for where walking all entries does not soon find enough.
    """

    held: tuple[Condition, ...]
    sources: tuple[Source, ...] | None
    few: bool = False
    sqlite: bool = True
    rest: tuple[Source, ...] | None = None
    sent: dict[Hashable, Sent] = field(default_factory=dict, compare=False)
    """Statements that were sent for it, to be sent again."""

    @property
    def is_empty(self) -> bool:
        """Whether it is known that nothing is found."""
        return self.sources == ()

    def whole(self) -> Plan:
        """For counting all of it: what can be listed is listed, however long it is, before all entries are walked."""
        return self if self.rest is None else replace(self, sources=self.rest, rest=None, few=True, sent={})

    def tests(self, number: ColumnElement[int] = entries.c.id) -> list[ColumnElement[bool]]:
        """What must hold of an entry, in a statement that walks ids in the column `number`.

        So lists are held against each other before a row of entries is looked up, which costs several times as much.
        """
        return [one.on(number) for one in self.held]

    def fetch(self, connection: Connection, shape: str, **bounds: int | None) -> Rows:
        """What the statement `shape` (a method of this class) finds within these bounds, `most` rows where that is given.

        The statement is made once for a plan that is remembered.
        """
        given = {name: min(max(value, 0), LARGEST_ID) for name, value in bounds.items() if value is not None}
        return self.once((shape, *given), lambda: self._shaped(shape, given), connection).rows(connection, **given)

    def once(self, key: Hashable, make: Callable[[], ClauseElement], connection: Connection) -> Sent:
        """The statement that `make` makes, to be sent as often as needed."""
        found = self.sent.get(key)
        if found is None:
            found = self.sent[key] = Sent.of(make(), connection.dialect)
        return found

    def _shaped(self, shape: str, given: dict[str, int]) -> ClauseElement:
        bounds = {name: _BOUNDS[name] for name in given}
        if shape == "ends":
            return self.ends(**bounds)
        statement: Select[Any] = getattr(self, shape)(**{name: one for name, one in bounds.items() if name != "most"})
        return statement.limit(bounds["most"])

    def newest(self, start: Bound, floor: Bound) -> Select[tuple[int]]:
        """Select of the ids newest first, of all entries below `start` and not below `floor`."""
        found = select(entries.c.id).where(*self.tests(), entries.c.id >= floor)
        return _in_order(found, entries.c.id, start, False)

    def walk(self, start: int | Bound | None = None, *, ascending: bool = False) -> Select[tuple[int]]:
        """Select of the ids newest first, of those below `start`; `ascending`: oldest first, of those above.

        One source at most, unless they are few; several are walked by `stretch`.
        """
        if self.sources is None or self.few:
            return _in_order(self.any_order(), entries.c.id, start, ascending)
        (source,) = self.sources
        joined = source.table.join(entries, entries.c.id == source.column)
        found = select(entries.c.id).select_from(joined).where(*source.where, *self.tests(source.column))
        return _in_order(found, source.column, start, ascending)

    def any_order(self) -> Select[tuple[int]]:
        """Select of the ids, to be ordered."""
        statement = select(entries.c.id).where(*self.tests())
        return statement if self.sources is None else statement.where(self._among(_together(self.sources)))

    def from_rest(self, start: Bound) -> Select[tuple[int]]:
        """As `walk`, from what `rest` lists below `start`: read whole, sorted, tested."""
        assert self.rest is not None
        together = _united([source.ids().where(source.column < start) for source in self.rest])
        return select(entries.c.id).where(*self.tests(), self._among(together)).order_by(entries.c.id.desc())

    def _among(self, ids: Select[tuple[int]]) -> ColumnElement[bool]:
        """Entries with these ids. As an array for PostgreSQL, or it may walk all entries and look each up in the list."""
        if self.sqlite:
            return entries.c.id.in_(ids)
        return entries.c.id == func.any(func.array(ids.scalar_subquery()))

    def ends(self, most: Bound, start: Bound | None = None) -> CompoundSelect[Any]:
        """Select of a row for each source: the lowest of its first `most` ids below `start`, and how many these are."""
        firsts = [_in_order(source.ids(), source.column, start, False).limit(most).subquery() for source in self.sources or ()]
        return union_all(*(select(func.min(first.c.id), func.count()).select_from(first) for first in firsts))

    def stretch(self, start: Bound | None = None, floor: Bound | None = None) -> Select[tuple[int]]:
        """Select of the ids newest first, of those below `start` and not below `floor`."""
        parts = [source.ids() for source in self.sources or ()]
        bounds = [(start, False), (floor, True)]
        for (at, part), source in zip(enumerate(parts), self.sources or (), strict=True):
            for bound, is_floor in bounds:
                if bound is not None:
                    part = part.where(source.column >= bound if is_floor else source.column < bound)
            parts[at] = part
        ids = select(entries.c.id).where(self._among(_united(parts)), *self.tests())
        return ids.order_by(entries.c.id.desc())


def _in_order(
    statement: Select[tuple[int]], column: ColumnElement[int], start: int | Bound | None, ascending: bool
) -> Select[tuple[int]]:
    if start is not None:
        statement = statement.where(column > start if ascending else column < start)
    return statement.order_by(column.asc() if ascending else column.desc())


def _together(sources: Sequence[Source]) -> Select[tuple[int]]:
    """Select of the ids of all sources, each once."""
    return _united([source.ids() for source in sources])


def _united(parts: Sequence[Select[Any]]) -> Select[tuple[int]]:
    """Select of the ids of all `parts`, each once; SQLite unites 500 at a time."""
    while len(parts) > 1:
        parts = [select(union(*some).subquery().c.id) for some in chunks(parts)]
    return parts[0]


def plan(asking: Asking, query: Query, *, in_order: bool, walk: bool = False) -> Plan:
    """How to answer `query`; `in_order`: newest first is asked for, so that ordered sources can be walked.

    `walk`: entries are given, and all is tested.
    """
    meant = [meaning(asking, term) for term in terms_of(query.where) if term.key in BEYOND]
    if None in meant:
        return _plan(asking, query, in_order, walk)
    key = (query.where, in_order, walk, asking.user, *meant)
    return asking.once("plan", key, lambda: _plan(asking, query, in_order, walk))


def _plan(asking: Asking, query: Query, in_order: bool, walk: bool) -> Plan:
    asking.walk(False)
    parts = _conjuncts(query.where)
    conditions = [_condition(asking, part) for part in parts]
    everywhere = any(term.key == "trash" for term in terms_of(query.where))
    live = [] if everywhere else [Condition(asking.bare("trashed").is_(None))]
    if any(one.sources == () for one in conditions):
        return Plan((), ())
    chosen, few, rest = (None, False, None) if walk else _choose(asking, conditions, in_order=in_order)
    held = [one for at, one in enumerate(conditions) if at != chosen or not one.exact]
    sources = None if chosen is None else conditions[chosen].sources
    return Plan((*live, *held), sources, few, asking.sqlite, None if rest is None else conditions[rest].sources)


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

            def of_id(number: ColumnElement[int]) -> ColumnElement[bool]:
                return and_(*(func.coalesce(one.on(number), False) for one in found))

            sources = None if chosen is None else found[chosen].sources
            return Condition(of_id(entries.c.id), sources, of_id=of_id if any(one.of_id for one in found) else None)


def _choose(asking: Asking, conditions: Sequence[Condition], *, in_order: bool) -> tuple[int | None, bool, int | None]:
    """(position of the condition whose sources are the ones to go by, whether they are few, that of the shortest).

    None in the first place: walk all entries.
    """
    candidates = [at for at, one in enumerate(conditions) if one.sources is not None]
    if not candidates:
        return None, False, None
    if in_order and len(conditions) == 1 and conditions[0].ordered:
        return 0, False, None
    walked = {at for at in candidates if in_order and conditions[at].ordered}
    few_of_all = 0 if len(walked) == len(candidates) else max(FEW, isqrt(WORTH * newest(asking)))
    measured = [_Measured(at, conditions[at], at in walked, FEW_IN_ORDER if at in walked else few_of_all) for at in candidates]
    _measure(asking, measured)
    few = [(one.size, one.at) for one in measured if one.size <= one.bound]
    if few:
        return min(few)[1], True, None
    ordered = [(one.reach, one.at) for one in measured if one.in_order]
    return (min(ordered)[1] if ordered else None), False, min((one.size, one.at) for one in measured)[1]


@dataclass
class _Measured:
    """What is known of the sources of the condition `at`: `size`, counted up to `bound` each, and, where they can be walked
    `in_order`, how far back that many reach: the farther, the sparser they are."""

    at: int
    condition: Condition
    in_order: bool
    bound: int
    size: int = 0
    reach: int = 0


def newest(asking: Asking) -> int:
    """The highest id; 0 in an empty bank."""
    return asking.once("newest", None, lambda: asking.connection.scalar(select(func.max(entries.c.id))) or 0)


def _measure(asking: Asking, conditions: Sequence[_Measured]) -> None:
    """One statement for all of them, but for what PostgreSQL is asked beforehand, and for more than SQLite can unite."""
    parts = []
    for place, one in enumerate(conditions):
        sources = one.condition.sources or ()
        one.size = 0 if asking.sqlite else _estimate(asking, sources)
        if one.size > SURELY_MANY * one.bound:
            continue
        one.size = 0
        for source in sources:
            first = _in_order(source.ids(), source.column, None, False) if one.in_order else source.ids()
            some = first.limit(one.bound + 1).subquery()
            parts.append(select(literal(place), func.count(), func.min(some.c.id)).select_from(some))
    for some_parts in chunks(parts):
        for place, count, lowest in asking.connection.execute(union_all(*some_parts)):
            conditions[place].size += count
            if count > conditions[place].bound:  # or else the source ends there
                conditions[place].reach = max(conditions[place].reach, lowest)


def _estimate(asking: Asking, sources: Sequence[Source]) -> int:
    """What PostgreSQL's statistics say of lists that its index of words gives only as a whole: counting needs all of them."""
    parts = [source.ids() for source in sources if not source.ordered]
    first = asking.connection.scalar(Explain(union_all(*parts))) if parts else None
    rows = re.search(r"rows=(\d+)", first or "")
    return int(rows[1]) if rows else 0


class Explain(Executable, ClauseElement):
    """EXPLAIN of a statement; the first line has the estimate for all of it."""

    inherit_cache = False

    def __init__(self, statement: Executable) -> None:
        self.statement = statement


@compiles(Explain)
def _explained(element: Explain, compiler: Any, **options: Any) -> str:
    return f"EXPLAIN {compiler.process(element.statement, **options)}"


def saved(asking: Asking, node: Node) -> Condition:
    """The condition of a saved search."""
    return _condition(asking, node)
