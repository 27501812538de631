"""How a query is answered: which source is walked, and what is tested on the way.

The databases' own planners guess badly here: they know little of how common a tag of a user is, and either sort a hundred
thousand entries for the fifty newest or walk a million for a handful. So the sources of a query are counted first
(`measuring`), which costs a fraction of a millisecond, and the statement says what is to be done:

* few: the shortest source is read whole, tested and sorted;
* many, in order: the shortest source that an index gives in the order of ids is walked until the page is full;
* anything else: entries are walked in the order that was asked for. What cannot be listed is common then, unless all of it
  lies far off: the walk ends after a while, and the rest comes from the shortest source, read whole (`rest`; in other orders
  than that of ids, `sortedpages`).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    Integer,
    Select,
    and_,
    bindparam,
    func,
    select,
    union,
    union_all,
)
from sqlalchemy.sql.elements import ClauseElement

from seedbank.query import KEYS, And, Node, Not, Or, Query, Term, terms_of
from seedbank.store.asking import Asking, any_of
from seedbank.store.conditions import condition
from seedbank.store.meanings import BEYOND, meaning
from seedbank.store.measuring import choose
from seedbank.store.mergedwalk import merged_walk
from seedbank.store.postgresql import LOOK
from seedbank.store.reading import LARGEST_ID, chunks
from seedbank.store.sending import Rows, Sent
from seedbank.store.sources import NOTHING, Bound, Condition, Source, in_order_of_ids, not_that, past
from seedbank.store.tables import entries
from seedbank.store.wordconditions import prompts_condition

T = TypeVar("T")

MOST: Bound = bindparam("most", 0, type_=Integer)
_BOUNDS = {"most": MOST, "start": bindparam("start", 0, type_=Integer), "end": bindparam("end", 0, type_=Integer)}
"""What is given to a statement each time it is sent."""


@dataclass(frozen=True)
class Plan:
    """`held` must hold of what `sources` list (None: of all entries); `few`: they are short and in no order.

    `rest` lists everything too, at a price: for where walking all entries does not soon find enough. Ids are listed newest
    first, of those below `start`; `ascending`: oldest first, of those above.
    """

    held: tuple[Condition, ...]
    sources: tuple[Source, ...] | None
    few: bool = False
    sqlite: bool = True
    rest: tuple[Source, ...] | None = None
    ascending: bool = False
    known: dict[Hashable, Any] = field(default_factory=dict, compare=False)
    """What was found out for it: statements that were sent, to be sent again, and more."""

    @property
    def is_empty(self) -> bool:
        """Whether it is known that nothing is found."""
        return self.sources == ()

    def whole(self) -> Plan:
        """For counting all of it: what can be listed is listed, however long it is, before all entries are walked."""
        return self if self.rest is None else self.of_list(self.rest)

    def of_list(self, sources: tuple[Source, ...]) -> Plan:
        """The same from these sources, read whole, which list everything, too."""
        return self.knowing(sources, lambda: replace(self, sources=sources, few=True, rest=None, known={}))

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
        return self.knowing(key, lambda: Sent.of(make(), connection.dialect))

    def knowing(self, key: Hashable, find_out: Callable[[], T]) -> T:
        """What `find_out` gives, found out once as long as the plan is remembered."""
        if key not in self.known:
            self.known[key] = find_out()
        found: T = self.known[key]
        return found

    def _shaped(self, shape: str, given: dict[str, int]) -> ClauseElement:
        bounds = {name: _BOUNDS[name] for name in given}
        if shape == "ends":
            return self.ends(**bounds)
        statement: Select[Any] = getattr(self, shape)(**{name: one for name, one in bounds.items() if name != "most"})
        return statement.limit(bounds["most"])

    def near(self, start: Bound, end: Bound) -> Select[tuple[int]]:
        """Select of the ids, of all entries from `start` to `end`."""
        found = select(entries.c.id).where(*self.tests(), self._until(entries.c.id, end))
        return in_order_of_ids(found, entries.c.id, start, self.ascending)

    def walk(self, start: int | Bound | None = None) -> Select[tuple[int]]:
        """Select of the ids. One source at most, unless they are few; several are walked by `stretch`."""
        if self.sources is None or self.few:
            return in_order_of_ids(self.any_order(start), entries.c.id, start, self.ascending)
        (source,) = self.sources
        if not self.sqlite:
            return merged_walk(source, self.held, start, ascending=self.ascending)
        joined = source.table.join(entries, entries.c.id == source.column)
        found = select(entries.c.id).select_from(joined).where(*source.where, *source.besides, *self.tests(source.column))
        return in_order_of_ids(found, source.column, start, self.ascending)

    def any_order(self, start: int | Bound | None = None) -> Select[tuple[int]]:
        """Select of the ids, to be ordered, and to be looked for behind `start`."""
        statement = select(entries.c.id).where(*self.tests())
        if self.sources is None:
            return statement
        behind = [() if start is None else (past(source.column, start, self.ascending),) for source in self.sources]
        listed = [source.ids().where(*bound) for source, bound in zip(self.sources, behind, strict=True)]
        return statement.where(self._among(_united(listed)))

    def _among(self, ids: Select[tuple[int]]) -> ColumnElement[bool]:
        """Entries with these ids. As an array for PostgreSQL, or it may walk all entries and look each up in the list."""
        if self.sqlite:
            return entries.c.id.in_(ids)
        return entries.c.id == func.any(func.array(ids.scalar_subquery()))

    def ends(self, most: Bound, start: Bound | None = None) -> CompoundSelect[Any]:
        """Select of a row for each source: the last of its first `most` ids, and how many these are."""
        firsts = [
            in_order_of_ids(source.ids(), source.column, start, self.ascending).limit(most).subquery()
            for source in self.sources or ()
        ]
        last = func.max if self.ascending else func.min
        return union_all(*(select(last(first.c.id), func.count()).select_from(first) for first in firsts))

    def stretch(self, start: Bound | None = None, end: Bound | None = None) -> Select[tuple[int]]:
        """Select of the ids, of those from `start` to `end`."""
        parts = []
        for source in self.sources or ():
            bounds = [] if start is None else [past(source.column, start, self.ascending)]
            bounds += [] if end is None else [self._until(source.column, end)]
            parts.append(source.ids().where(*bounds))
        ids = select(entries.c.id).where(self._among(_united(parts)), *self.tests())
        return in_order_of_ids(ids, entries.c.id, None, self.ascending)

    def _until(self, column: ColumnElement[int], end: Bound) -> ColumnElement[bool]:
        return column <= end if self.ascending else column >= end


def _united(parts: Sequence[Select[Any]]) -> Select[tuple[int]]:
    """Select of the ids of all `parts`, each once; SQLite unites 500 at a time."""
    while len(parts) > 1:
        parts = [select(union(*some).subquery().c.id) for some in chunks(parts)]
    return parts[0]


def plan(asking: Asking, query: Query, *, in_order: bool, ascending: bool = False, walk: bool = False) -> Plan:
    """How to answer `query`; `in_order`: newest first is asked for, or oldest first (`ascending`), so that ordered sources
    can be walked. `walk`: entries are given, and all is tested.
    """
    meant = [meaning(asking, term) for term in terms_of(query.where) if term.key in BEYOND]
    if None in meant:
        return _plan(asking, query, in_order, ascending, walk)
    key = (query.where, in_order, ascending, walk, asking.user, *meant)
    return asking.once("plan", key, lambda: _plan(asking, query, in_order, ascending, walk))


def _plan(asking: Asking, query: Query, in_order: bool, ascending: bool, walk: bool) -> Plan:
    asking.settle(LOOK)
    parts = _conjuncts(query.where)
    conditions = _conditions(asking, parts, in_order and not ascending)
    everywhere = any(term.key == "trash" for term in terms_of(query.where))
    live = [] if everywhere else [Condition(asking.bare("trashed").is_(None))]
    if any(one.sources == () for one in conditions):
        return Plan((), ())
    chosen, few, rest = (None, False, None) if walk else choose(asking, conditions, in_order=in_order, ascending=ascending)
    held = [one for at, one in enumerate(conditions) if at != chosen or not one.exact]
    sources = None if chosen is None else conditions[chosen].sources
    held.sort(key=lambda one: one.of_id is None)  # what costs least first
    return Plan((*live, *held), sources, few, asking.sqlite, None if rest is None else conditions[rest].sources, ascending)


def _conjuncts(node: Node | None) -> list[Node]:
    return [] if node is None else list(node.of) if isinstance(node, And) else [node]


def _conditions(asking: Asking, parts: Sequence[Node], in_order: bool = False) -> list[Condition]:
    """One for each part, but for all words of prompts one together."""
    words = [part for part in parts if isinstance(part, Term) and part.key == "prompt"]
    found = [_condition(asking, part) for part in parts if part not in words]
    if words:
        found.append(prompts_condition(asking, [KEYS["prompt"].read(word.text) for word in words], in_order))
    return found


def _condition(asking: Asking, node: Node) -> Condition:
    match node:
        case Term():
            asking.settle(LOOK)
            return condition(asking, node)
        case Not(of):
            with asking.only_testing():
                return not_that(_condition(asking, of))
        case Or(parts):
            return any_of([_condition(asking, part) for part in parts])
        case And(parts):
            found = _conditions(asking, parts)
            if any(one.sources == () for one in found):
                return NOTHING
            chosen, _, _ = choose(asking, found, in_order=False)

            def of_id(number: ColumnElement[int]) -> ColumnElement[bool]:
                return and_(*(func.coalesce(one.on(number), False) for one in found))

            sources = None if chosen is None else found[chosen].sources
            return Condition(of_id(entries.c.id), sources, of_id=of_id if all(one.of_id for one in found) else None)


def saved(asking: Asking, node: Node) -> Condition:
    """The condition of a saved search."""
    return _condition(asking, node)
