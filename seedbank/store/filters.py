"""From a query to conditions on the joined tables of `reading.everything`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, false, func, not_, or_, select

from seedbank.recipe import LARGEST_SEED
from seedbank.store.query import Query, Range, Term
from seedbank.store.reading import LARGEST_ID
from seedbank.store.recipes import fold
from seedbank.store.tables import entries, image_tags, images, models, opinions, prompts, recipes, tags, users
from seedbank.store.words import stream


def conditions(query: Query, user: str, *, sqlite: bool) -> list[ColumnElement[bool]]:
    """What must hold of an entry, with favourites and ratings as `user` sees them."""
    trash = next((term.value != term.negated for term in query.terms if term.key == "trash"), False)
    found: list[ColumnElement[bool]] = [entries.c.trashed.is_not(None) if trash else entries.c.trashed.is_(None)]
    for term in query.terms:
        if term.key != "trash":
            # What is not known does not match, and so matches the negated term: NULL must not swallow both.
            condition = _CONDITIONS[term.key](term, user, sqlite)
            found.append(not_(func.coalesce(condition, false())) if term.negated else condition)
    return found


def _prompt(term: Term, user: str, sqlite: bool) -> ColumnElement[bool]:
    position = func.instr if sqlite else func.strpos
    return position(prompts.c.tokens, stream(str(term.value))) > 0


def _tag(term: Term, user: str, sqlite: bool) -> ColumnElement[bool]:
    tag = select(tags.c.id).where(tags.c.folded == fold(str(term.value))).scalar_subquery()
    return exists().where(image_tags.c.tag_id == tag, image_tags.c.image_id == entries.c.image_id).correlate(entries)


def _opinion(user: str, condition: ColumnElement[bool]) -> ColumnElement[bool]:
    own = opinions.c.user_id == select(users.c.id).where(users.c.name == user).correlate(None).scalar_subquery()
    return exists().where(own, opinions.c.image_id == entries.c.image_id, condition).correlate(entries)


def _favourite(term: Term, user: str, sqlite: bool) -> ColumnElement[bool]:
    favourite = _opinion(user, opinions.c.favourite)
    return favourite if term.value else not_(favourite)


def _rating(term: Term, user: str, sqlite: bool) -> ColumnElement[bool]:
    return _opinion(user, _between(opinions.c.rating, term.value, 5))


def _model(term: Term, user: str, sqlite: bool) -> ColumnElement[bool]:
    text = fold(str(term.value))
    if text.endswith("*"):
        return models.c.folded.startswith(text[:-1], autoescape=True)
    return models.c.folded == text


def _verdict(term: Term, user: str, sqlite: bool) -> ColumnElement[bool]:
    return entries.c.verdict.is_(None) if term.value == "none" else entries.c.verdict == term.value


def _size(term: Term, user: str, sqlite: bool) -> ColumnElement[bool]:
    assert isinstance(term.value, tuple)
    width, height = term.value
    made = and_(images.c.width == width, images.c.height == height)
    planned = and_(images.c.width.is_(None), recipes.c.width == width, recipes.c.height == height)
    return or_(made, planned)


def _bytes(term: Term, user: str, sqlite: bool) -> ColumnElement[bool]:
    return entries.c.blob_id.is_not(None) if term.value else entries.c.blob_id.is_(None)


def _numbers(column: ColumnElement[Any], largest: int) -> Callable[[Term, str, bool], ColumnElement[bool]]:
    return lambda term, user, sqlite: _between(column, term.value, largest)


def _between(column: ColumnElement[Any], wanted: Any, largest: int) -> ColumnElement[bool]:
    """`largest` is the largest number that the column holds: nothing beyond it is ever sent to the database."""
    assert isinstance(wanted, Range)
    low, high = wanted.low, wanted.high
    if low is not None and low > largest:
        return false()
    if low is not None and low == high:
        return column == low
    ends = [column >= low] if low is not None else []
    ends += [column <= high] if high is not None and high <= largest else []
    return and_(*ends) if ends else column.is_not(None)


_CONDITIONS: dict[str, Callable[[Term, str, bool], ColumnElement[bool]]] = {
    "bytes": _bytes,
    "fav": _favourite,
    "id": _numbers(entries.c.id, LARGEST_ID),
    "model": _model,
    "prompt": _prompt,
    "rating": _rating,
    "seed": _numbers(recipes.c.seed, LARGEST_SEED),
    "size": _size,
    "steps": _numbers(recipes.c.steps, LARGEST_ID),
    "tag": _tag,
    "verdict": _verdict,
}
