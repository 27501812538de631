"""Words of prompts and notes as conditions: what the index of words lists, and where a piece is looked for in a text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, select

from seedbank.store import words
from seedbank.store.asking import Asking, one_of
from seedbank.store.measuring import expected
from seedbank.store.postgresql import LIST
from seedbank.store.sources import NOTHING, Condition, Source, listed
from seedbank.store.tables import entries, opinions, prompts, recipes, vocabulary
from seedbank.store.wordindex import Holders, prompts_having, prompts_with

MOST_WORDS = 1000
"""A piece of more words than this (``*e*``) is looked for in the prompts themselves; it is common then."""

SAMPLED, COMMON, COMMON_IN_ORDER = 1_000, 10, 3
"""A phrase that so many of the newest prompts have is found soon by walking entries; newest first, which is the order in which
they lie, three times as soon."""

MOST_READ = 100_000
"""Prompts with all words of a phrase that are read for those where they stand side by side, in about 0.15 s."""

MOST_HELD = 5_000
"""Prompts with a phrase that are remembered."""

LAST = chr(0x10FFFF)
"""No word has a later character."""


def prompt_condition(asking: Asking, key: str, value: str) -> Condition:
    return prompts_condition(asking, (value,))


def prompts_condition(asking: Asking, values: Sequence[str], in_order: bool = False) -> Condition:
    """The prompt has all of these. The index is asked for all their words at once, and a prompt is looked up once.

    `in_order`: entries are asked for newest first.
    """
    pieces = [piece for value in values if (piece := _piece(value)) is not None]
    if not pieces:
        return Condition(asking.bare("prompt_id").is_not(None))
    held = and_(*(_position(asking, prompts.c.tokens, piece) > 0 for piece in pieces))
    found = select(case((held, 1), else_=0)).where(prompts.c.id == entries.c.prompt_id).correlate(entries)
    test = found.scalar_subquery() == 1
    indexed = [_indexed_terms(asking, value) for value in values]
    wanted = [some for terms in indexed for some in terms or ()]
    if not wanted:
        return Condition(test)
    if not all(wanted):
        return NOTHING
    holders = prompts_having(wanted, sqlite=asking.sqlite)
    joined = holders.table.join(listed, listed.c.prompt_id == holders.id)
    besides: tuple[ColumnElement[bool], ...] = ()
    if None in indexed or not all(map(_is_one_term, values)):
        of_holder = select(case((held, 1), else_=0)).where(prompts.c.id == holders.id).correlate(holders.table)
        besides = (of_holder.scalar_subquery() == 1 if asking.sqlite else held,)
        if not asking.testing and any(len(words.tokens(value)) > 1 for value in values):
            common = COMMON_IN_ORDER if in_order else COMMON
            key = (*values, common)
            ids = asking.once("phrases", key, lambda: _with_phrases(asking, holders, held, besides, common))
            if ids is not None:
                return one_of(asking, "prompt_id", ids)
    return Condition(test, (Source(listed.c.id, joined, (holders.where,), False, besides),), True)


def _with_phrases(
    asking: Asking, holders: Holders, held: ColumnElement[bool], besides: Sequence[ColumnElement[bool]], common: int
) -> list[int] | None:
    """The prompts for which `held` holds, where the index tells only that they have the words; None where `common` of the
    newest are such, or where too many are to be read or held.

    To walk entries for a rare phrase of common words means to look up a prompt for each, and anew for each page.
    """
    asking.settle(LIST)
    newest = select(func.max(prompts.c.id)).scalar_subquery()
    among_newest = select(func.count()).select_from(prompts).where(prompts.c.id > newest - SAMPLED, held)
    if (asking.connection.scalar(among_newest) or 0) >= common:
        return None
    having = select(holders.id).select_from(holders.table).where(holders.where)
    if _size(asking, having) > MOST_READ:
        return None
    found = list(asking.connection.scalars(having.where(*besides).limit(MOST_HELD + 1)))
    return found if len(found) <= MOST_HELD else None


def _size(asking: Asking, statement: Select[Any]) -> int:
    """How many rows a statement gives: counted up to `MOST_READ`, or what PostgreSQL expects."""
    if not asking.sqlite:
        return expected(asking, statement)
    some = statement.limit(MOST_READ + 1).subquery()
    return asking.connection.scalar(select(func.count()).select_from(some)) or 0


def negative_condition(asking: Asking, key: str, value: str) -> Condition:
    piece = _piece(value)
    held = select(recipes.c.id).where(recipes.c.id == entries.c.recipe_id).correlate(entries)
    if piece is None:
        return Condition(held.where(recipes.c.negative_id.is_not(None)).exists())
    found = (
        select(_position(asking, prompts.c.tokens, piece))
        .select_from(recipes.join(prompts, recipes.c.negative_id == prompts.c.id))
        .where(recipes.c.id == entries.c.recipe_id)
        .correlate(entries)
    )
    test = found.scalar_subquery() > 0
    wanted = _indexed_terms(asking, value)
    if wanted is None:
        return Condition(test)
    if not all(wanted):
        return NOTHING
    of_recipes = select(recipes.c.id).where(recipes.c.negative_id.in_(prompts_with(wanted, sqlite=asking.sqlite)))
    return Condition(test, (Source(listed.c.id, listed, (listed.c.recipe_id.in_(of_recipes),), ordered=False),))


def note_condition(asking: Asking, key: str, value: str) -> Condition:
    """Notes are few and not indexed: they are read."""
    piece = _piece(value) or ""
    rows = asking.connection.execute(select(opinions.c.image_id, opinions.c.note).where(opinions.c.note.is_not(None)))
    return one_of(asking, "image_id", sorted({row.image_id for row in rows if piece in words.stream(row.note)}))


def _piece(value: str) -> str | None:
    """What to look for in a stream of tokens; None when every text has it."""
    found = words.tokens(value.removeprefix("*").removesuffix("*")) if value.strip("*") else []
    if not found:
        return None
    piece = " ".join(found)
    return ("" if value.startswith("*") else " ") + piece + ("" if value.endswith("*") else " ")


def _position(asking: Asking, column: ColumnElement[str], piece: str) -> ColumnElement[int]:
    position: Any = func.instr if asking.sqlite else func.strpos
    found: ColumnElement[int] = position(column, piece)
    return found


def _is_one_term(value: str) -> bool:
    """Whether the index has one term for all of it: a word, or two letters of a script without spaces."""
    found = words.tokens(value)
    return "*" not in value and (len(found) == 1 or (len(found) == 2 and all(map(words.is_unspaced, found))))


def _indexed_terms(asking: Asking, value: str) -> list[list[str]] | None:
    """Terms that a prompt with these words has, one of each list; None where the index does not help."""
    inner = value.removeprefix("*").removesuffix("*") if value.strip("*") else ""
    tokens = words.tokens(inner)
    wanted: list[list[str]] = []
    """All of these lists, any word of each; a word may end in ``*``."""
    last = len(tokens) - 1
    for at, token in enumerate(tokens):
        open_left, open_right = value.startswith("*") and at == 0, value.endswith("*") and at == last
        if not words.is_indexed(token) or ((open_left or open_right) and words.is_unspaced(token)):
            if words.is_unspaced(token):
                wanted.append([token])
            continue
        if open_left or (open_right and asking.sqlite):
            pieces = _words_with(asking, token, open_left, open_right)
            if pieces is None:
                continue
            wanted.append(pieces)
        else:
            wanted.append([f"{token}*" if open_right else token])
    covered = words.pairs_of(tokens)
    if covered:  # pairs say more than their letters
        letters = {letter for term in covered for letter in term}
        wanted = [[term] for term in covered] + [some for some in wanted if not (len(some) == 1 and some[0] in letters)]
    return wanted or None


def _words_with(asking: Asking, piece: str, open_left: bool, open_right: bool) -> list[str] | None:
    """The words of the bank that begin or end with `piece` or contain it; None when there are too many.

    The index of SQLite knows beginnings too, but gathers all that they find before it gives the first.
    """
    word = vocabulary.c.word
    held = word.like(f"%{piece}{'%' if open_right else ''}") if open_left else word.between(piece, piece + LAST)
    found = list(asking.connection.scalars(select(word).where(held).limit(MOST_WORDS + 1)))
    return found if len(found) <= MOST_WORDS else None
