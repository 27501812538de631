"""Names as conditions: what people call tags, users, collections, models, adapters and runs. Unknown ones are told."""

from __future__ import annotations

import re
from dataclasses import replace

from sqlalchemy import select

from seedbank.errors import BadInput, NotFound
from seedbank.query.values import Range, Ranges
from seedbank.store import sources, words
from seedbank.store.asking import Asking, any_of
from seedbank.store.matching import DIGEST, adapter_ids, named, pattern
from seedbank.store.reading import LARGEST_ID
from seedbank.store.sources import NOTHING, Condition, by_column, by_ids, by_posting, by_relation, not_that
from seedbank.store.tables import (
    FAVOURITE,
    RATING,
    TAG,
    adapters,
    collection_items,
    collections,
    entries,
    entry_adapters,
    models,
    run_entries,
    runs,
    tags,
    users,
)

DEEPEST_SEARCH = 5
"""Saved searches that use saved searches."""


def tag_condition(asking: Asking, key: str, value: str) -> Condition:
    ids = asking.ids_named(tags, value)
    if not ids:
        asking.missed("tag", value, tags)
    return by_posting(TAG, ids, sqlite=asking.sqlite)


def favourite_condition(asking: Asking, key: str, value: str) -> Condition:
    word = value.casefold()
    if word == "no":
        return not_that(favourite_condition(asking, key, "yes"))
    if word in ("any", "*"):
        return by_posting(FAVOURITE, sorted(asking.users.values()), sqlite=asking.sqlite)
    if word == "yes":
        value = asking.user  # who has never said anything is not known yet
    elif value not in asking.users:
        asking.missed("user", value, users)
    return by_posting(FAVOURITE, [asking.users[value]] if value in asking.users else [], sqlite=asking.sqlite)


def rating_condition(asking: Asking, key: str, value: Ranges | None) -> Condition:
    if value is None:
        return not_that(rating_condition(asking, key, (Range(0, 5),)))
    user = asking.users.get(asking.user)
    given = [
        number for number in range(6) if any((one.low or 0) <= number <= (5 if one.high is None else one.high) for one in value)
    ]
    values = [user * 8 + number for number in given] if user is not None else []
    return by_posting(RATING, values, sqlite=asking.sqlite)


def collection_condition(asking: Asking, key: str, value: str) -> Condition:
    rows = asking.connection.execute(select(collections).where(named(collections.c.folded, value))).all()
    if not rows:
        from seedbank.store.unknown import nearest

        near = nearest(asking.connection, value, collections)
        raise NotFound(
            f"There is no collection {value!r}.",
            f"Did you mean {near!r}?" if near else "See them with: seedbank collection ls",
        )
    found = [_saved(asking, row.name, row.query) for row in rows if row.query is not None]
    if own := [row.id for row in rows if row.query is None]:
        items = select(collection_items.c.image_id).where(collection_items.c.collection_id.in_(own))
        found.append(by_ids("image_id", items, sqlite=asking.sqlite))
    return any_of(found)


def _saved(asking: Asking, name: str, query: str) -> Condition:
    from seedbank.query import parse_saved

    if asking.depth >= DEEPEST_SEARCH:
        raise BadInput(f"The saved search {name!r} uses itself, or too many others inside each other.", "Change its query.")
    where = parse_saved(name, query).where
    if where is None:
        return sources.EVERYTHING
    inside = replace(asking, depth=asking.depth + 1, search=name)
    found = asking.plan(inside, where)
    asking.settings = inside.settings  # the server's, whoever told it
    return found


def model_condition(asking: Asking, key: str, value: str) -> Condition:
    ids = asking.ids_named(models, value, digests=True)
    if not ids and not DIGEST.fullmatch(value.lower()):
        asking.missed("model", value, models)
    return by_column(entries.c.model_id, ids, sqlite=asking.sqlite)


def lora_condition(asking: Asking, key: str, value: str) -> Condition:
    if value == "*":
        ids = list(asking.connection.scalars(select(adapters.c.id)))
    else:
        ids = asking.once("lora", value, lambda: adapter_ids(asking.connection, value))
        if not ids and not DIGEST.fullmatch(value.lower()):
            asking.missed("adapter", value, adapters)
    return by_relation(entry_adapters, entry_adapters.c.adapter_id, ids, sqlite=asking.sqlite)


def user_condition(asking: Asking, key: str, value: str) -> Condition:
    wanted = pattern(value)
    ids = sorted(number for name, number in asking.users.items() if wanted.fullmatch(words.fold(name)))
    if not ids:
        asking.missed("user", value, users)
    return by_column(entries.c.user_id, ids, sqlite=asking.sqlite)


def run_condition(asking: Asking, key: str, value: str) -> Condition:
    which = runs.c.name == value
    if re.fullmatch("[0-9]{1,100}", value) and int(value) <= LARGEST_ID:  # Python takes no thousands of digits
        which = which | (runs.c.id == int(value))
    ids = list(asking.connection.scalars(select(runs.c.id).where(which)))
    if not ids:
        asking.missed("run", value, runs)
        return NOTHING
    made = by_column(entries.c.run_id, ids, sqlite=asking.sqlite)
    return any_of([made, by_relation(run_entries, run_entries.c.run_id, ids, sqlite=asking.sqlite)])
