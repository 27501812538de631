"""How long the lists are that a query could go by: counted up to a bound, or estimated by PostgreSQL where counting is dear."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isqrt
from typing import Any

from sqlalchemy import Executable, func, literal, select, union_all
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.elements import ClauseElement

from seedbank.store.asking import Asking
from seedbank.store.postgresql import LIST
from seedbank.store.reading import chunks
from seedbank.store.sources import Condition, Source, in_order_of_ids
from seedbank.store.tables import entries

FEW = 1_000
"""Entries that are read and sorted at once in any bank, in about 2 ms."""

WORTH = 100
"""To read a list of n entries that is in no order costs as n; to walk a bank of t entries for the 50 newest of them costs as
50 t / n, and twice as much for each. So a list is read as long as n² is below 100 t: up to 10,000 of a million entries."""

FEW_IN_ORDER = 1_000
"""The same where the source can be walked in order instead: counting farther would take longer than walking."""

WALKED = 2
"""As many times what is `few` are walked for a page before what lists its matches is read whole instead: 20,000 of a million
entries, in about 20 ms."""

SHARE = 4
"""A list that has more than one in so many entries is not read whole: to walk the rest of them costs as much."""

SURELY_MANY = 4
"""Where PostgreSQL expects that many times what is few, nothing is counted."""


def few(asking: Asking) -> int:
    """How long a list in no order may be to be read whole, instead of walking all entries."""
    return max(FEW, isqrt(WORTH * newest(asking)))


def far(asking: Asking) -> int:
    """How many entries are walked before a list is read whole."""
    return WALKED * few(asking)


def shortest(asking: Asking, conditions: Sequence[Condition]) -> tuple[Source, ...] | None:
    """The shortest of the lists that these conditions have; None where the shortest is too long to be read whole."""
    most, bound = newest(asking) // SHARE, max(1, far(asking))
    listed = [one for one in conditions if one.sources is not None]
    while listed:
        measured = [_Measured(at, one, False, bound) for at, one in enumerate(listed)]
        _measure(asking, measured, False)
        size, at = min((one.size, one.at) for one in measured)
        if size <= bound:
            return listed[at].sources
        if bound >= most:
            break
        bound = min(4 * bound, most)
    return None


def choose(
    asking: Asking, conditions: Sequence[Condition], *, in_order: bool, ascending: bool = False
) -> tuple[int | None, bool, int | None]:
    """(position of the condition whose sources are the ones to go by, whether they are few, that of the shortest).

    None in the first place: walk all entries. `in_order`: newest first, or oldest first (`ascending`).
    """
    candidates = [at for at, one in enumerate(conditions) if one.sources is not None]
    if not candidates:
        return None, False, None
    if in_order and len(conditions) == 1 and conditions[0].ordered:
        return 0, False, None
    walked = {at for at in candidates if in_order and conditions[at].ordered}
    few_of_all = 0 if len(walked) == len(candidates) else few(asking)
    measured = [_Measured(at, conditions[at], at in walked, FEW_IN_ORDER if at in walked else few_of_all) for at in candidates]
    _measure(asking, measured, ascending)
    short = [(one.size, one.at) for one in measured if one.size <= one.bound]
    if short:
        return min(short)[1], True, None
    ordered = [(-one.reach, one.at) for one in measured if one.in_order]
    return (min(ordered)[1] if ordered else None), False, min((one.size, one.at) for one in measured)[1]


@dataclass
class _Measured:
    """What is known of the sources of the condition `at`: `size`, counted up to `bound` each, and, where they can be walked
    `in_order`, how far that many reach from the first id: the farther, the sparser they are."""

    at: int
    condition: Condition
    in_order: bool
    bound: int
    size: int = 0
    reach: float = inf


def newest(asking: Asking) -> int:
    """The highest id; 0 in an empty bank."""
    return asking.once("newest", None, lambda: asking.connection.scalar(select(func.max(entries.c.id))) or 0)


def _measure(asking: Asking, conditions: Sequence[_Measured], ascending: bool) -> None:
    """One statement for all of them, but for what PostgreSQL is asked beforehand, and for more than SQLite can unite."""
    if not all(one.in_order for one in conditions):
        asking.settle(LIST)
    parts, last = [], func.max if ascending else func.min
    for place, one in enumerate(conditions):
        sources = one.condition.sources or ()
        one.size = 0 if asking.sqlite else _estimate(asking, sources)
        if one.size > SURELY_MANY * one.bound:
            continue
        one.size = 0
        for source in sources:
            listed = source.indexed()
            first = in_order_of_ids(listed, source.column, None, ascending) if one.in_order else listed
            some = first.limit(one.bound + 1).subquery()
            parts.append(select(literal(place), func.count(), last(some.c.id)).select_from(some))
    for some_parts in chunks(parts):
        for place, count, end in asking.connection.execute(union_all(*some_parts)):
            conditions[place].size += count
            if count > conditions[place].bound:  # or else the source ends there
                conditions[place].reach = min(conditions[place].reach, end if ascending else -end)


def _estimate(asking: Asking, sources: Sequence[Source]) -> int:
    """What PostgreSQL's statistics say of lists that its index of words gives only as a whole: counting needs all of them."""
    parts = [source.indexed() for source in sources if not source.ordered]
    return expected(asking, union_all(*parts)) if parts else 0


def expected(asking: Asking, statement: Executable) -> int:
    """How many rows PostgreSQL expects of a statement."""
    rows = re.search(r"rows=(\d+)", asking.connection.scalar(Explain(statement)) or "")
    return int(rows[1]) if rows else 0


class Explain(Executable, ClauseElement):
    """EXPLAIN of a statement; the first line has the estimate for all of it."""

    inherit_cache = False

    def __init__(self, statement: Executable) -> None:
        self.statement = statement


@compiles(Explain)
def _explained(element: Explain, compiler: Any, **options: Any) -> str:
    return f"EXPLAIN {compiler.process(element.statement, **options)}"
