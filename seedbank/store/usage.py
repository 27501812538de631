"""Which entries were made with which models and adapters, and the files of models that the bank keeps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from sqlalchemy import Text, func, select, type_coerce

from seedbank.records import Blob
from seedbank.store.sharing import store_blobs
from seedbank.store.tables import entries, models, recipes, settings

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from seedbank.store.store import Store

Needs = tuple[str, ...]
"""Digests of a model and of adapters that a rendering needs together."""


def needs(store: Store) -> Iterator[tuple[Needs, int]]:
    """(digests, how many live entries need exactly these), without reading a single entry."""
    with store.database.reading() as connection:
        digests = {row.id: row.digest for row in connection.execute(select(models.c.id, models.c.digest))}
        adapters = adapters_of_settings(connection)
        model = func.coalesce(entries.c.model_id, recipes.c.model_id)
        counted = (
            select(model, recipes.c.settings_id, func.count())
            .select_from(entries.outerjoin(recipes, entries.c.recipe_id == recipes.c.id))
            .where(entries.c.trashed.is_(None))
            .group_by(model, recipes.c.settings_id)
        )
        found: Counter[Needs] = Counter()
        for model_id, settings_id, count in connection.execute(counted):
            wanted = ((digests[model_id],) if model_id is not None else ()) + adapters.get(settings_id, ())
            found[wanted] += count
    yield from found.items()


def adapters_of_settings(connection: Connection, after: int = 0) -> dict[int, Needs]:
    """{id of a recipe's settings: digests of its adapters}, only those that have any; of the settings behind `after`."""
    having = type_coerce(settings.c.body, Text).like('%"adapters":%')
    named = select(settings.c.id, settings.c.body).where(settings.c.id > after, having)
    return {row.id: _adapters(row.body) for row in connection.execute(named)}


def _adapters(body: object) -> Needs:
    items = body.get("adapters", ()) if isinstance(body, dict) else ()
    return tuple(item["digest"] for item in items if isinstance(item, dict) and "digest" in item)


def keep_files(store: Store, digest: str, blobs: Iterable[Blob]) -> None:
    """The bank keeps these files of the model with this digest; they lie in the image store already."""
    from seedbank.store.writing import Work

    with store.database.writing() as connection:
        work = Work.begin(connection, store.user)
        store_blobs(connection, blobs)
        work.record("keep", model=digest)
