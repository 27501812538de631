"""How many of what there are. Exact where an index answers, an estimate from a sample ("about") where only a scan would."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select

from seedbank.records import Stats
from seedbank.store.reading import chunks
from seedbank.store.tables import blobs, entries, image_tags, models, regenerations, tags

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
    sizes: dict[str, int] = {}
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
        pictures = select(blobs.c.digest, blobs.c.size).select_from(entries.join(blobs, entries.c.blob_id == blobs.c.id))
        traces = select(entries.c.trace_digest, entries.c.trace_size).where(entries.c.trace_size.is_not(None))
        for file_of in (pictures.where(blobs.c.location.is_(None)), traces):
            sizes |= {row[0]: row[1] for row in connection.execute(file_of.where(entries.c.id.in_(some)))}
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
    found = [
        _files(connection, blobs.c.id, blobs.c.digest, blobs.c.size, blobs.c.location.is_(None)),
        *(
            _files(connection, table.c.id, table.c.trace_digest, table.c.trace_size, table.c.trace_size.is_not(None))
            for table in (entries, regenerations)
        ),
    ]
    about = frozenset({"files", "bytes"}) if any(sampled for *_, sampled in found) else frozenset[str]()
    return sum(count for count, *_ in found), sum(size for _, size, _ in found), about


def _files(
    connection: Connection,
    number: ColumnElement[int],
    digest: ColumnElement[str],
    size: ColumnElement[int],
    here: ColumnElement[bool],
) -> tuple[int, int, bool]:
    """(files that rows of one table name, their bytes, whether that is estimated from a sample of the ids)."""
    largest = connection.scalar(select(func.max(number))) or 0
    if largest <= SCANNED:
        once = select(digest, size.label("size")).where(here).distinct().subquery()
        row = connection.execute(select(func.count(), func.sum(once.c.size)).select_from(once)).one()
        return row[0], int(row[1] or 0), False
    looked_at = [1 + largest * step // SAMPLED for step in range(SAMPLED)]
    count = total = 0
    for some in chunks(looked_at):
        row = connection.execute(select(func.count(), func.sum(size)).where(here, number.in_(some))).one()
        count, total = count + row[0], total + int(row[1] or 0)
    scale = largest / SAMPLED
    return round(count * scale), round(total * scale), True


def _count(connection: Connection, table: Any, *where: ColumnElement[bool]) -> int:
    return connection.scalar(select(func.count()).select_from(table).where(*where)) or 0


def _model_names(connection: Connection) -> dict[int | None, str]:
    rows = connection.execute(select(models.c.id, models.c.name, models.c.digest))
    return {row.id: row.name or row.digest[:12] for row in rows}


def _sorted(counts: Any) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
