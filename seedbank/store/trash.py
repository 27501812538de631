"""The trash: entries with a tombstone, which can be taken back until someone purges them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from sqlalchemy import Column, Connection, Table, delete, exists, or_, select, update

from seedbank.errors import BadInput
from seedbank.store.purges import PURGE
from seedbank.store.reading import chunks
from seedbank.store.tables import (
    adapters,
    blobs,
    collection_items,
    collections,
    edges,
    entries,
    entry_adapters,
    entry_inputs,
    entry_payloads,
    environment_parts,
    environments,
    image_tags,
    images,
    import_files,
    import_folders,
    metadata,
    methods,
    model_files,
    models,
    opinion_events,
    opinions,
    parts,
    payloads,
    prompts,
    recipes,
    regenerations,
    run_entries,
    settings,
    sizes,
    weight_hashes,
)
from seedbank.store.wordindex import forget_words
from seedbank.store.writing import Work, require_entries, spans

OWNED = {
    entries: (entry_inputs, entry_adapters, entry_payloads, import_files, edges, run_entries, regenerations),
    images: (image_tags, opinions, opinion_events, collection_items),
    environments: (environment_parts,),
    models: (model_files, weight_hashes),
}
"""Rows that belong to a row and go with it; every other reference keeps it."""

SHARED = (
    *(recipes, environments, models, images, blobs, settings, prompts, parts, methods, sizes, adapters),
    *(payloads, import_folders),
)
"""What entries share, in an order in which nothing refers to an earlier one."""


def trash(work: Work, ids: Iterable[int]) -> list[int]:
    """The entries are in the trash; gives those that were not before."""
    changed = _in_trash(work.connection, require_entries(work.connection, ids), False)
    _mark(work, "rm", changed, work.at)
    return changed


def restore(work: Work, ids: Iterable[int]) -> list[int]:
    """The entries are out of the trash; gives those that were in it."""
    changed = _in_trash(work.connection, require_entries(work.connection, ids), True)
    _mark(work, "restore", changed, None)
    return changed


def _in_trash(connection: Connection, ids: list[int], wanted: bool) -> list[int]:
    found: set[int] = set()
    for some in chunks(ids):
        state = entries.c.trashed.is_not(None) if wanted else entries.c.trashed.is_(None)
        found.update(connection.scalars(select(entries.c.id).where(entries.c.id.in_(some), state)))
    return [number for number in ids if number in found]


def _mark(work: Work, kind: str, ids: list[int], value: object) -> None:
    for some in chunks(ids):
        work.connection.execute(update(entries).where(entries.c.id.in_(some)).values(trashed=value))
    if ids:
        work.record(kind, entries=spans(ids))


# -- purging -------------------------------------------------------------------------------------------------------


def purge(work: Work, ids: Iterable[int]) -> list[int]:
    """The entries are gone for good, with all that nothing else needs; the operation keeps the digests.

    Raises `BadInput` when one is not in the trash. Files in the image store are left to `gc`.
    """
    connection = work.connection
    wanted = require_entries(connection, ids)
    if kept := sorted(set(wanted) - set(_in_trash(connection, wanted, True))):
        raise BadInput(f"Entry {kept[0]} is not in the trash.", f"Put it there first with: seedbank rm {kept[0]}")
    if not wanted:
        return []
    candidates = _used(connection, wanted)
    digests = {
        "images": _digests(connection, images, candidates[images]),
        "recipes": _digests(connection, recipes, candidates[recipes]),
        "files": _digests(connection, blobs, candidates[blobs]),
    }
    traces = _traces(connection, wanted)
    texts = _streams(connection, candidates[prompts])
    _delete(connection, entries, wanted)
    _uncover(connection, candidates[images])
    gone = {table.name: _sweep(connection, table, candidates[table]) for table in SHARED}
    lost = {
        name: sorted(digests[name][number] for number in gone[table.name])
        for name, table in (("images", images), ("recipes", recipes), ("files", blobs))
    }
    forget_words(connection, (texts[number] for number in gone["prompts"]))
    work.record(PURGE, entries=spans(wanted), **lost, traces=traces)
    return wanted


def _uncover(connection: Connection, candidates: set[int]) -> None:
    """Collections that were shown by a picture which no entry has any more are shown by none: a cover keeps no picture."""
    used = exists().where(entries.c.image_id == collections.c.cover_id)
    for some in chunks(sorted(candidates)):
        where = collections.c.cover_id.in_(some), ~used
        connection.execute(update(collections).where(*where).values(cover_id=None))


def _used(connection: Connection, ids: list[int]) -> dict[Table, set[int]]:
    """Everything shared that these entries use, directly or through what they own or share."""
    found: dict[Table, set[int]] = {table: set() for table in SHARED}
    pending: list[tuple[Table, str, list[int]]] = [(entries, "id", ids)]
    pending += [(table, name, ids) for table in OWNED[entries] for name in _columns(table, entries)]
    while pending:
        table, key, numbers = pending.pop()
        for column, target in _references(table):
            if target not in found:
                continue
            for some in chunks(numbers):
                values = connection.scalars(select(column).where(table.c[key].in_(some), column.is_not(None)).distinct())
                news = set(values) - found[target]
                found[target] |= news
                if news:
                    pending.append((target, "id", sorted(news)))
                    pending += [
                        (owned, name, sorted(news)) for owned in OWNED.get(target, ()) for name in _columns(owned, target)
                    ]
    return found


def _sweep(connection: Connection, table: Table, candidates: set[int]) -> list[int]:
    """Deletes those of `candidates` that nothing refers to any more, and gives their ids."""
    owned = OWNED.get(table, ())
    referrers = [
        exists().where(column == table.c.id)
        for other in metadata.tables.values()
        if other not in owned
        for column, target in _references(other)
        if target is table
    ]
    swept: list[int] = []
    for some in chunks(sorted(candidates)):
        unused = list(connection.scalars(select(table.c.id).where(table.c.id.in_(some), ~or_(*referrers))))
        _delete(connection, table, unused)
        swept += unused
    return swept


def _delete(connection: Connection, table: Table, ids: list[int]) -> None:
    for some in chunks(ids):
        for owned in OWNED.get(table, ()):
            for name in _columns(owned, table):
                connection.execute(delete(owned).where(owned.c[name].in_(some)))
        connection.execute(delete(table).where(table.c.id.in_(some)))


def _references(table: Table) -> Iterator[tuple[Column[int], Table]]:
    for constraint in table.foreign_keys:
        yield constraint.parent, constraint.column.table


def _columns(table: Table, target: Table) -> list[str]:
    return [column.name for column, other in _references(table) if other is target]


def _streams(connection: Connection, ids: Iterable[int]) -> dict[int, str]:
    found: dict[int, str] = {}
    for some in chunks(sorted(ids)):
        rows = connection.execute(select(prompts.c.id, prompts.c.tokens).where(prompts.c.id.in_(some)))
        found |= {row.id: row.tokens for row in rows}
    return found


def _traces(connection: Connection, ids: list[int]) -> list[str]:
    """What these entries and their attempts were rendered like. Others may have been rendered alike, and keep the files."""
    found: set[str] = set()
    for some in chunks(ids):
        for table, entry in ((entries, entries.c.id), (regenerations, regenerations.c.entry_id)):
            statement = select(table.c.trace_digest).where(entry.in_(some), table.c.trace_digest.is_not(None))
            found.update(connection.scalars(statement))
    return sorted(found)


def _digests(connection: Connection, table: Table, ids: Iterable[int]) -> Mapping[int, str]:
    found: dict[int, str] = {}
    for some in chunks(sorted(ids)):
        rows = connection.execute(select(table.c.id, table.c.digest).where(table.c.id.in_(some)))
        found |= {row.id: row.digest for row in rows}
    return found
