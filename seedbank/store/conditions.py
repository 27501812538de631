"""From the terms of a query to conditions on entries, one function for each kind of key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import and_, exists, or_, select

from seedbank.errors import BadInput
from seedbank.query import KEYS, Term
from seedbank.query.values import BeyondAll, Neighbours, Range, Ranges
from seedbank.recipe import LARGEST_SEED
from seedbank.store import sources
from seedbank.store.asking import Asking, any_of, one_of
from seedbank.store.digests import begins
from seedbank.store.files import lost_references
from seedbank.store.matching import named, size_ids
from seedbank.store.meanings import added_ids
from seedbank.store.nameconditions import (
    collection_condition,
    favourite_condition,
    lora_condition,
    model_condition,
    rating_condition,
    run_condition,
    tag_condition,
    user_condition,
)
from seedbank.store.reading import LARGEST_ID, no_entry
from seedbank.store.sources import (
    NOTHING,
    Condition,
    Source,
    by_column,
    by_ids,
    by_range,
    listed,
    not_that,
)
from seedbank.store.tables import (
    blobs,
    edges,
    entries,
    images,
    models,
    recipes,
    weight_hashes,
)
from seedbank.store.wordconditions import negative_condition, note_condition, prompt_condition

LARGEST_NUMBER = 1e300
LARGEST_STEPS = 2**31 - 1
"""`tables.Small`."""
METHOD_WORDS = {"dtype": "number format"}
ENVIRONMENT_WORDS = {"gpu": "GPU", "device": "device"}
"""What keys look for, where that is not their own name."""


def condition(asking: Asking, term: Term) -> Condition:
    """The condition of one term."""
    if term.key.startswith("env."):
        return _environment(asking, term.key, term.text)
    try:
        value = KEYS[term.key].read(term.text)
    except BeyondAll as error:  # in a saved search
        if asking.remark is not None:
            place = f" in the saved search {asking.search!r}" if asking.search else ""
            asking.remark(f"{term.key}:{term.text}{place} finds nothing: it {error}")
        return NOTHING
    return _CONDITIONS[term.key](asking, term.key, value)


# -- what entries share --------------------------------------------------------------------------------------------


def _size(asking: Asking, key: str, value: Any) -> Condition:
    ids = asking.once(key, value, lambda: size_ids(asking.connection, value))
    return by_column(entries.c.size_id, ids, sqlite=asking.sqlite)


def _method(asking: Asking, key: str, value: str) -> Condition:
    ids = asking.once(key, value, lambda: asking.remembered.method_ids(asking.connection, key, value))
    if not ids:
        asking.missed_word(METHOD_WORDS.get(key, key), value, asking.remembered.method_names(key))
    return by_column(entries.c.method_id, ids, sqlite=asking.sqlite)


def _environment(asking: Asking, key: str, value: str) -> Condition:
    ids = asking.once(key, value, lambda: asking.remembered.environment_ids(asking.connection, key, value))
    if not ids:
        what = ENVIRONMENT_WORDS.get(key) or f"{key.removeprefix('env.')} version"
        asking.missed_word(what, value, asking.remembered.environment_names(key))
    return by_column(entries.c.environment_id, ids, sqlite=asking.sqlite)


# -- numbers, times, words to choose from --------------------------------------------------------------------------


def _numbers(column: str, largest: float) -> Callable[[Asking, str, Ranges], Condition]:
    return lambda asking, key, value: by_range(column, value, largest, sqlite=asking.sqlite)  # type: ignore[arg-type]


def _guidance(asking: Asking, key: str, value: Ranges) -> Condition:
    held = or_(*(sources.between(recipes.c.guidance, one, LARGEST_NUMBER) for one in value))
    return Condition(select(1).where(recipes.c.id == entries.c.recipe_id, held).correlate(entries).exists())


def _added(asking: Asking, key: str, value: tuple[Any, Any]) -> Condition:
    """Entries are added in order of ids, so a time is a range of ids."""
    low, high = added_ids(asking, value)
    if low is None or high is None:
        return NOTHING
    return by_range("id", (Range(low, high),), LARGEST_ID, sqlite=asking.sqlite)


def _created(asking: Asking, key: str, value: tuple[Any, Any]) -> Condition:
    first, last = value
    tested = asking.bare("created")
    source = Source(listed.c.id, listed, (listed.c.created >= first, listed.c.created < last), ordered=False)
    return Condition(and_(tested >= first, tested < last), (source,), True)


def _verdict(asking: Asking, key: str, value: str) -> Condition:
    if value.casefold() == "any":
        return Condition(asking.bare("verdict").is_not(None))
    return by_column(entries.c.verdict, [None if value.casefold() == "none" else value.casefold()], sqlite=asking.sqlite)


def _regenerable(asking: Asking, key: str, value: bool) -> Condition:
    obstructed = Source(listed.c.id, listed, (listed.c.obstacles.is_not(None),))
    gone = asking.gone()
    # Models without files that imported files name are judged by `gone`, which knows what they mean here.
    unknown = models.c.source.is_(None) & ~exists().where(weight_hashes.c.model_id == models.c.id)
    lost = list(asking.connection.scalars(select(models.c.id).where(unknown | models.c.digest.in_(gone))))
    found = [
        Condition(entries.c.obstacles.is_not(None), (obstructed,), True),
        _missing(asking, "recipe_id"),
        by_column(entries.c.model_id, [None, *lost], sqlite=asking.sqlite),
    ]
    without = asking.remembered.settings_needing(asking.connection, gone)
    if without:
        recipes_without = select(recipes.c.id).where(recipes.c.settings_id.in_(without))
        source = Source(listed.c.id, listed, (listed.c.recipe_id.in_(recipes_without),), ordered=False)
        found.append(Condition(entries.c.recipe_id.in_(recipes_without), (source,)))
    return not_that(any_of(found)) if value else any_of(found)


def _missing(asking: Asking, name: str) -> Condition:
    """A column of entries, which is indexed alone, is not known."""
    source = Source(listed.c.id, listed, (listed.c[name].is_(None),), ordered=asking.sqlite)
    return Condition(asking.bare(name).is_(None), (source,), True)


def _bytes(asking: Asking, key: str, value: bool) -> Condition:
    absent = Condition(asking.bare("blob_id").is_(None), (Source(listed.c.id, listed, (listed.c.blob_id.is_(None),)),), True)
    if lost := lost_references(asking.connection):
        absent = any_of([absent, one_of(asking, "blob_id", lost)])
    return not_that(absent) if value else absent


def _origin(asking: Asking, key: str, value: str) -> Condition:
    return Condition(named(entries.c.origin, value))


def _trash(asking: Asking, key: str, value: bool) -> Condition:
    if not value:
        return Condition(asking.bare("trashed").is_(None))
    return Condition(
        asking.bare("trashed").is_not(None),
        (Source(listed.c.id, listed, (listed.c.trashed.is_not(None),), ordered=False),),
        True,
    )


# -- relations between entries -------------------------------------------------------------------------------------


def _digest(asking: Asking, key: str, value: str) -> Condition:
    found = [
        by_ids(column, select(table.c.id).where(begins(table.c.digest, value)), sqlite=asking.sqlite)
        for column, table in (("image_id", images), ("blob_id", blobs), ("recipe_id", recipes))
    ]
    return any_of(found)


def _parent(asking: Asking, key: str, value: int) -> Condition:
    if value > LARGEST_ID:
        return NOTHING
    ids = select(edges.c.child_id).where(edges.c.parent_id == value)
    return by_ids("id", ids, sqlite=asking.sqlite)


def _child(asking: Asking, key: str, value: int) -> Condition:
    if value > LARGEST_ID:
        return NOTHING
    ids = select(edges.c.parent_id).where(edges.c.child_id == value)
    return by_ids("id", ids, sqlite=asking.sqlite)


def _like(asking: Asking, key: str, value: Neighbours) -> Condition:
    if value.entry > LARGEST_ID:
        raise no_entry(value.entry)
    wanted = select(images.c.phash).join(entries, entries.c.image_id == images.c.id).where(entries.c.id == value.entry)
    phash = asking.connection.scalar(wanted)
    if phash is None:
        if asking.connection.scalar(select(entries.c.id).where(entries.c.id == value.entry)) is None:
            raise no_entry(value.entry)
        raise BadInput(f"Entry {value.entry} has no picture that others could look like.", "Choose one that has.")
    return one_of(asking, "image_id", asking.hashes.near(asking.connection, phash, value.distance))


_CONDITIONS: dict[str, Callable[[Asking, str, Any], Condition]] = {
    "added": _added,
    "by": user_condition,
    "bytes": _bytes,
    "cfg": _numbers("cfg", LARGEST_NUMBER),
    "child": _child,
    "collection": collection_condition,
    "created": _created,
    "device": _environment,
    "digest": _digest,
    "dtype": _method,
    "fav": favourite_condition,
    "gpu": _environment,
    "guidance": _guidance,
    "id": _numbers("id", LARGEST_ID),
    "like": _like,
    "lora": lora_condition,
    "model": model_condition,
    "negative": negative_condition,
    "note": note_condition,
    "origin": _origin,
    "parent": _parent,
    "pipeline": _method,
    "prompt": prompt_condition,
    "rating": rating_condition,
    "regenerable": _regenerable,
    "run": run_condition,
    "sampler": _method,
    "schedule": _method,
    "scheduler": _method,
    "seed": _numbers("seed", LARGEST_SEED),
    "size": _size,
    "steps": _numbers("steps", LARGEST_STEPS),
    "tag": tag_condition,
    "trash": _trash,
    "verdict": _verdict,
}
