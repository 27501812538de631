"""How many of what there are. Exact where an index answers, an estimate from a sample ("about") where only a scan would."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select

from seedbank.records import Stats
from seedbank.store.reading import chunks
from seedbank.store.tables import blobs, entries, image_tags, models, tags

SCANNED = 200_000
"""Files whose sizes are added up one by one; of more, a sample is."""
SAMPLED = 5_000
NONE = "none"


def stats(connection: Connection) -> Stats:
    """What all live entries are: by model, tag, month in which they were added (UTC), verdict, and their files."""
    trashed = entries.c.trashed.is_not(None)
    in_trash = _count(connection, entries, trashed)
    total = _count(connection, entries) - in_trash
    names = _model_names(connection)
    models_: Counter[str] = Counter()
    for key, count in _grouped(connection, entries.c.model_id, trashed).items():
        models_[names.get(key, NONE)] += count
    verdicts = {key or NONE: count for key, count in _grouped(connection, entries.c.verdict, trashed).items()}
    files, size, about = _storage(connection)
    return Stats(
        entries=total,
        in_trash=in_trash,
        by={
            "model": _sorted(models_),
            "tag": _tags(connection),
            "month": tuple(_months(connection)),
            "verdict": _sorted(verdicts),
        },
        files=files,
        bytes=size,
        about=about,
    )


def stats_of(connection: Connection, ids: Iterable[int]) -> Stats:
    """The same of these entries, looked at one by one."""
    names = _model_names(connection)
    counts: dict[str, Counter[str]] = {name: Counter() for name in ("model", "tag", "month", "verdict")}
    total = 0
    sizes: dict[int, int] = {}
    for some in chunks(ids):
        total += len(some)
        row_of = select(entries.c.model_id, entries.c.verdict, entries.c.added).where(entries.c.id.in_(some))
        for row in connection.execute(row_of):
            counts["model"][names.get(row.model_id, NONE)] += 1
            counts["verdict"][row.verdict or NONE] += 1
            counts["month"][f"{row.added.astimezone(UTC):%Y-%m}"] += 1
        tag_of = select(tags.c.name).select_from(
            entries.join(image_tags, image_tags.c.image_id == entries.c.image_id).join(tags)
        )
        counts["tag"].update(connection.scalars(tag_of.where(entries.c.id.in_(some))))
        for column in (entries.c.blob_id, entries.c.trace_id):
            file_of = select(blobs.c.id, blobs.c.size).select_from(entries.join(blobs, column == blobs.c.id))
            sizes |= {
                row.id: row.size
                for row in connection.execute(file_of.where(entries.c.id.in_(some), blobs.c.location.is_(None)))
            }
    by = {name: tuple(sorted(count.items())) if name == "month" else _sorted(count) for name, count in counts.items()}
    return Stats(entries=total, in_trash=0, by=by, files=len(sizes), bytes=sum(sizes.values()))


def _grouped(connection: Connection, column: ColumnElement[Any], trashed: ColumnElement[bool]) -> dict[Any, int]:
    """{value: live entries}; all of them from the index of the column, less the few in the trash."""
    found = Counter({row[0]: row[1] for row in connection.execute(select(column, func.count()).group_by(column))})
    # Counted here: asked to group them, SQLite walks the index of the column through the whole table.
    found.subtract(connection.scalars(select(column).where(trashed)))
    return {key: count for key, count in found.items() if count}


def _tags(connection: Connection) -> tuple[tuple[str, int], ...]:
    """Pictures per tag."""
    counts = select(image_tags.c.tag_id, func.count().label("pictures")).group_by(image_tags.c.tag_id).subquery()
    rows = connection.execute(select(tags.c.name, counts.c.pictures).join(counts, counts.c.tag_id == tags.c.id))
    return _sorted({row.name: row.pictures for row in rows})


def _months(connection: Connection) -> Iterator[tuple[str, int]]:
    """(2026-11, entries) from the index of times, less those in the trash."""
    first, last = (connection.scalar(select(end(entries.c.added))) for end in (func.min, func.max))
    thrown = Counter(
        (at.year, at.month) for at in connection.scalars(select(entries.c.added).where(entries.c.trashed.is_not(None)))
    )
    start = None if first is None else first.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    while start is not None and start <= last:
        following = _next_month(start)
        count = (
            _count(connection, entries, entries.c.added >= start, entries.c.added < following) - thrown[start.year, start.month]
        )
        if count:
            yield f"{start:%Y-%m}", count
        start = following


def _next_month(month: datetime) -> datetime:
    return month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)


def _storage(connection: Connection) -> tuple[int, int, frozenset[str]]:
    """(files in the image store, their bytes, what of it is estimated)."""
    largest = connection.scalar(select(func.max(blobs.c.id))) or 0
    here = blobs.c.location.is_(None)
    if largest <= SCANNED:
        row = connection.execute(select(func.count(), func.sum(blobs.c.size)).where(here)).one()
        return row[0], int(row[1] or 0), frozenset()
    looked_at = [1 + largest * step // SAMPLED for step in range(SAMPLED)]
    count = size = 0
    for some in chunks(looked_at):
        row = connection.execute(select(func.count(), func.sum(blobs.c.size)).where(here, blobs.c.id.in_(some))).one()
        count, size = count + row[0], size + int(row[1] or 0)
    scale = largest / SAMPLED
    return round(count * scale), round(size * scale), frozenset({"files", "bytes"})


def _count(connection: Connection, table: Any, *where: ColumnElement[bool]) -> int:
    return connection.scalar(select(func.count()).select_from(table).where(*where)) or 0


def _model_names(connection: Connection) -> dict[int | None, str]:
    rows = connection.execute(select(models.c.id, models.c.name, models.c.digest))
    return {row.id: row.name or row.digest[:12] for row in rows}


def _sorted(counts: Any) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
