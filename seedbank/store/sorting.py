"""The order of what is found, and pages that go on where the last one ended, without OFFSET.

A page begins behind an entry, which is named by its id; where it stands in the order is read from the entry itself. The
order is cut into phases: entries of which the first key is known, then the others, so that an index can serve the first
and unknown values come last in either direction. Ratings, which are few, are a phase each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, and_, case, false, func, literal, not_, or_, select, true

from seedbank.query import Sort
from seedbank.store.asking import Asking
from seedbank.store.sources import Condition, by_posting, not_that
from seedbank.store.tables import RATING, entries, opinions
from seedbank.store.types import EPOCH

Key = tuple[ColumnElement[Any], bool]
"""An expression that is never NULL, and whether the smallest comes first."""


@dataclass(frozen=True)
class Phase:
    """Entries for which `condition` holds, ordered by `keys`; all before those of the next phase."""

    condition: Condition
    keys: tuple[Key, ...]

    @property
    def is_indexed(self) -> bool:
        """Whether an index has the order; a later key may be known or not, and is no column."""
        return isinstance(self.keys[0][0], Column)

    def order(self) -> list[ColumnElement[Any]]:
        """For ORDER BY."""
        return [key.asc() if ascending else key.desc() for key, ascending in self.keys]

    def behind(self, values: Sequence[Any]) -> ColumnElement[bool]:
        """What comes after an entry with these values of the keys."""
        key, ascending = self.keys[0]
        so_far = key >= values[0] if ascending else key <= values[0]
        return and_(so_far, self._after(values))  # so that an index finds the place

    def until(self, values: Sequence[Any]) -> ColumnElement[bool]:
        """What comes before such an entry, and the entry."""
        key, ascending = self.keys[0]
        so_far = key <= values[0] if ascending else key >= values[0]
        return and_(so_far, not_(self._after(values)))

    def _after(self, values: Sequence[Any]) -> ColumnElement[bool]:
        found: ColumnElement[bool] = false()
        equal: ColumnElement[bool] = true()
        for (key, ascending), value in zip(self.keys, values, strict=True):
            found = or_(found, and_(equal, key > value if ascending else key < value))
            equal = and_(equal, key == value)
        return found


def phases(asking: Asking, sort: Sequence[Sort]) -> list[Phase]:
    """The phases of an order that does not begin with the id; it ends with that, in the direction of the last key."""
    first, rest = sort[0], sort[1:]
    tail: list[Key] = []
    for one in rest:
        tail += _known(asking, one)
        if one.key in ("id", "added"):
            break
    else:
        tail.append((entries.c.id, sort[-1].ascending))
    if first.key == "rating":
        return [*_rating_phases(asking, first.ascending, tuple(tail))]
    column = entries.c[first.key]
    return [
        Phase(Condition(column.is_not(None)), ((column, first.ascending), *tail)),
        Phase(Condition(asking.bare(first.key).is_(None)), tuple(tail)),
    ]


def _rating_phases(asking: Asking, ascending: bool, tail: tuple[Key, ...]) -> Iterator[Phase]:
    user = asking.users.get(asking.user)
    if user is not None:
        for rating in range(6) if ascending else reversed(range(6)):
            yield Phase(by_posting(RATING, [user * 8 + rating], sqlite=asking.sqlite), tail)
    values = [user * 8 + rating for rating in range(6)] if user is not None else []
    yield Phase(not_that(by_posting(RATING, values, sqlite=asking.sqlite)), tail)


def _known(asking: Asking, sort: Sort) -> list[Key]:
    """A later key, as one that says whether it is known and one that is never NULL."""
    if sort.key in ("id", "added"):
        return [(entries.c.id, sort.ascending)]
    column: ColumnElement[Any] = _own_rating(asking) if sort.key == "rating" else entries.c[sort.key]
    filler = EPOCH if sort.key == "created" else 0
    return [(case((column.is_(None), 1), else_=0), True), (func.coalesce(column, literal(filler, column.type)), sort.ascending)]


def _own_rating(asking: Asking) -> ColumnElement[Any]:
    own = select(opinions.c.rating).where(
        opinions.c.user_id == asking.users.get(asking.user, 0), opinions.c.image_id == entries.c.image_id
    )
    return own.correlate(entries).scalar_subquery()
