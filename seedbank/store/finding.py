"""Finding entries: pages in an order, ids, and how many there are."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from sqlalchemy import Connection, func, select

from seedbank.errors import NotFound
from seedbank.query import EVERYTHING, Query
from seedbank.records import Count, Page
from seedbank.store.database import Database
from seedbank.store.postgresql import LIST, LOOK, WALK, Settings
from seedbank.store.reading import CHUNK, LARGEST_ID, Shared, entries_by_id, newest_ids
from seedbank.store.remembering import memory_of

# What only a query needs is imported inside the methods: listing the newest entries must stay quick to start.
if TYPE_CHECKING:
    from seedbank.store.asking import Asking
    from seedbank.store.hashes import Hashes
    from seedbank.store.matching import Remembered
    from seedbank.store.planning import Plan
    from seedbank.store.sending import Rows

SECONDS = 20.0
"""A statement that takes longer is stopped, with advice."""

EXACTLY = 10_000
"""Up to here matches are counted one by one."""

SAMPLED = 4_000
"""Entries that are looked at to estimate how many match."""

KNOWN = 300
"""Queries of which it is known how they are planned; then it begins anew."""


class Finder:
    """Finds entries of one bank as one user sees them."""

    def __init__(self, database: Database, user: str) -> None:
        self.database = database
        self.user = user
        self.gone: Callable[[], Collection[str]] = tuple
        """Digests of models and adapters that are not at hand today; only who knows the disk can tell."""
        self.remark: Callable[[str], None] | None = None
        """Hears of names in queries that the bank does not have."""
        self._settled: dict[Query, Settings] = {}
        """How pages of these queries were planned the last time, so that PostgreSQL is told with the beginning. May be out
        of date: it is told again where it has to be."""

    @cached_property
    def _memory(self) -> tuple[Remembered, Hashes]:
        """What a process remembers that asks again and again."""
        from seedbank.store.hashes import Hashes
        from seedbank.store.matching import Remembered

        return Remembered(), Hashes()

    # -- pages --------------------------------------------------------------------------------------------------------

    def page(self, query: Query, limit: int, after: int | None) -> Page:
        """At most `limit` entries behind the entry `after`."""
        limit = min(limit, LARGEST_ID - 1)  # databases take no larger numbers, and no bank has as many
        with self._reading(query) as (connection, settings):
            if query == EVERYTHING:
                found, memory = newest_ids(connection, limit + 1, after), memory_of(connection)
            else:
                asking = self._ask(connection, settings)
                found, memory = self._page(asking, query, limit + 1, after), asking.memory
            shown, shared = found[:limit], memory.once("shared", Shared)
            listed = tuple(entries_by_id(connection, shown, self.user, shared))
        return Page(listed, shown[-1] if len(found) > limit and shown else None)

    def ids(self, query: Query) -> Iterator[int]:
        """All matches, in short transactions: what is found may be changed meanwhile."""
        after = None
        size = CHUNK
        while True:
            with self._reading(query) as reading:
                try:
                    found = self._ids(*reading, query, size, after)
                except NotFound:  # the last one was purged meanwhile
                    return
            yield from found
            if len(found) < size:
                return
            after, size = found[-1], min(4 * size, 64 * CHUNK)

    def page_ids(self, query: Query, limit: int, after: int | None = None) -> list[int]:
        """The ids of a page."""
        with self._reading(query) as reading:
            return self._ids(*reading, query, min(limit, LARGEST_ID), after)

    @contextmanager
    def _reading(self, query: Query) -> Iterator[tuple[Connection, Settings]]:
        """For pages, of which most are walked: PostgreSQL is told how to plan with the beginning of the transaction."""
        settings = LOOK if query == EVERYTHING else self._settled.get(query, WALK)
        with self.database.reading(SECONDS, {} if settings is LOOK else settings) as connection:
            yield connection, settings

    @contextmanager
    def _asking(self) -> Iterator[Asking]:
        with self.database.reading(SECONDS) as connection:
            yield self._ask(connection)

    def _ask(self, connection: Connection, settings: Settings = LOOK) -> Asking:
        from seedbank.store.asking import Asking
        from seedbank.store.planning import saved

        sqlite = self.database.is_sqlite
        return Asking(connection, self.user, sqlite, *self._memory, self.gone, saved, self.remark, settings=settings)

    def _ids(self, connection: Connection, settings: Settings, query: Query, limit: int, after: int | None) -> list[int]:
        if query == EVERYTHING:
            return newest_ids(connection, limit, after)
        return self._page(self._ask(connection, settings), query, limit, after)

    def _page(self, asking: Asking, query: Query, limit: int, after: int | None) -> list[int]:
        from seedbank.store.planning import plan
        from seedbank.store.sortedpages import sorted_page

        first = query.sort[0] if query.sort else None
        by_id = first is None or first.key in ("id", "added")  # an order that has no gaps and decides everything
        how = plan(asking, query, in_order=by_id, ascending=first is not None and by_id and first.ascending)
        if how.is_empty or limit <= 0:
            return []
        self._settle(asking, query, LIST if how.few else WALK)
        if not by_id:
            return sorted_page(asking, how, query.sort, limit, after)
        start = None if after is None else min(after, LARGEST_ID)
        if how.sources is not None and len(how.sources) > 1 and not how.few:
            return self._stretches(asking, how, limit, start)
        if how.sources is None and how.rest is not None:
            return self._near_or_rest(asking, how, limit, start)
        return _ids(how.fetch(asking.connection, "walk", most=limit, start=start))

    def _settle(self, asking: Asking, query: Query, settings: Settings) -> None:
        asking.settle(settings)
        if self._settled.get(query, WALK) is not settings:
            if len(self._settled) >= KNOWN:
                self._settled.clear()
            self._settled[query] = settings

    def _near_or_rest(self, asking: Asking, how: Plan, limit: int, start: int | None) -> list[int]:
        """The first ids of what is common: found among the first entries, or else all of it lies far off."""
        from seedbank.store.measuring import far, newest, shortest

        if start is None:
            start = 0 if how.ascending else newest(asking) + 1
        end = start + far(asking) * (1 if how.ascending else -1)
        found = _ids(how.fetch(asking.connection, "near", most=limit, start=start, end=end))
        if len(found) == limit or not (end < newest(asking) if how.ascending else end > 0):
            return found
        sources = how.knowing("shortest", lambda: shortest(asking, how.held))
        if sources is None:
            return found + _ids(how.fetch(asking.connection, "walk", most=limit - len(found), start=end))
        asking.settle(LIST)
        return found + _ids(how.of_list(sources).fetch(asking.connection, "walk", most=limit - len(found), start=end))

    def _stretches(self, asking: Asking, how: Plan, limit: int, start: int | None) -> list[int]:
        """The first ids of several ordered sources: longer and longer stretches of all of them are put together."""
        found: list[int] = []
        size = 2 * limit if len(how.held) > 1 else limit + limit // 4  # only the trash is left out
        nearest = min if how.ascending else max
        while True:
            ends = how.fetch(asking.connection, "ends", most=size, start=start)
            end = nearest((last for last, count in ends if count == size), default=None)
            found += _ids(how.fetch(asking.connection, "stretch", most=limit - len(found), start=start, end=end))
            if end is None or len(found) >= limit:
                return found
            start, size = end, size * 4

    # -- how many -----------------------------------------------------------------------------------------------------

    def count(self, query: Query, at_most: int | None) -> int:
        """How many match; counting stops at `at_most`."""
        with self._asking() as asking:
            return self._count(asking, query, at_most)

    def _count(self, asking: Asking, query: Query, at_most: int | None) -> int:
        from seedbank.store.planning import plan

        how = plan(asking, Query(query.where), in_order=False)
        if how.is_empty:
            return 0
        most = None if at_most is None else min(at_most, LARGEST_ID)
        how = how.whole() if at_most is None else how
        asking.settle(LOOK if how.sources is None else LIST)
        matches = how.any_order().limit(most).subquery()
        return asking.connection.scalar(select(func.count()).select_from(matches)) or 0

    def count_about(self, query: Query) -> Count:
        """How many match: exactly when they are few, else about, from a sample of the ids."""
        from seedbank.store.planning import plan

        with self._asking() as asking:
            how = plan(asking, Query(query.where), in_order=True)
            if how.is_empty:
                return Count(0, True)
            if how.few or how.sources is not None:
                bounded = self._count(asking, query, EXACTLY + 1)
                if bounded <= EXACTLY:
                    return Count(bounded, True)
            return self._estimate(asking, query)

    def _estimate(self, asking: Asking, query: Query) -> Count:
        from seedbank.store.planning import plan
        from seedbank.store.tables import entries

        connection = asking.connection
        low, high = connection.execute(select(func.min(entries.c.id), func.max(entries.c.id))).one()
        if low is None:
            return Count(0, True)
        sampled = sample(low, high)
        tests = plan(asking, Query(query.where), in_order=False, walk=True).tests()
        statement = select(func.count()).select_from(entries).where(entries.c.id.in_(sampled), *tests)
        matches = connection.scalar(statement) or 0
        span = high - low + 1
        if len(sampled) == span:
            return Count(matches, True)
        if matches < 20:  # rare, and nothing lists it: only counting tells
            return Count(self._count(asking, query, None), True)
        return Count(round(matches * span / len(sampled)), False)


def _ids(rows: Rows) -> list[int]:
    return [row[0] for row in rows]


def sample(low: int, high: int) -> Sequence[int]:
    """Ids from `low` to `high`, evenly spread, `SAMPLED` at most; the same ones each time."""
    span = high - low + 1
    return range(low, high + 1) if span <= SAMPLED else [low + span * at // SAMPLED for at in range(SAMPLED)]
