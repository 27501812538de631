"""The team's tags as a vocabulary: which there are, renaming one, merging two.

A rename changes one row, however many pictures have the tag; a merge is an edit of pictures like any other.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from sqlalchemy import Connection, Row, delete, func, select, update

from seedbank.errors import BadInput, NotFound
from seedbank.records import Tag
from seedbank.store.history import write_events
from seedbank.store.opinions import checked_tag, give_tags, take_tags
from seedbank.store.tables import image_tags, tags
from seedbank.store.words import fold
from seedbank.store.writing import Work

RENAME, MERGE = "rename tag", "merge tags"


def read_tags(connection: Connection) -> list[Tag]:
    """All tags that a picture has, the commonest first."""
    counts = select(image_tags.c.tag_id, func.count().label("pictures")).group_by(image_tags.c.tag_id).subquery()
    statement = select(tags.c.name, counts.c.pictures).join(counts, counts.c.tag_id == tags.c.id)
    return [
        Tag(row.name, row.pictures) for row in connection.execute(statement.order_by(counts.c.pictures.desc(), tags.c.folded))
    ]


def tag_names(connection: Connection, prefix: str, limit: int) -> list[str]:
    """Tags that begin with `prefix`, without regard to case, for completing what is typed."""
    used = select(image_tags.c.image_id).where(image_tags.c.tag_id == tags.c.id).exists()
    statement = select(tags.c.name).where(tags.c.folded.startswith(fold(prefix), autoescape=True), used)
    return list(connection.scalars(statement.order_by(tags.c.folded).limit(limit)))


def rename_tag(work: Work, old: str, new: str) -> int:
    """The tag `old` is called `new` on every picture; gives how many have it.

    Raises `NotFound` when there is no such tag, `BadInput` when there is one called `new` already.
    """
    row, name = _used(work.connection, old), checked_tag(new)
    if row.name == name:
        return _pictures(work.connection, row.id)
    if fold(name) != row.folded and (other := _find(work.connection, name)) is not None:
        if _pictures(work.connection, other.id):
            raise BadInput(
                f"There is a tag {other.name!r} already.", f"Join them with: seedbank tags merge {old!r} {other.name!r}"
            )
        work.connection.execute(delete(tags).where(tags.c.id == other.id))  # only a name that nothing has any more
    work.connection.execute(update(tags).where(tags.c.id == row.id).values(name=name, folded=fold(name)))
    work.record(RENAME, tag={"from": row.name, "to": name})
    return _pictures(work.connection, row.id)


def merge_tags(work: Work, old: str, into: str) -> int:
    """Every picture that has the tag `old` has `into` instead; gives how many changed."""
    row, name = _used(work.connection, old), checked_tag(into)
    if fold(name) == row.folded:
        raise BadInput(
            f"{old!r} and {into!r} are the same tag.", f"To change how it is written: seedbank tags rename {old!r} {into!r}"
        )
    pictures = list(work.connection.scalars(select(image_tags.c.image_id).where(image_tags.c.tag_id == row.id)))
    changes = [*take_tags(work, pictures, [row.name]), *give_tags(work, pictures, [name])]
    write_events(work, work.record(MERGE, merged=row.name, into=name), changes)
    return len(pictures)


def _find(connection: Connection, name: str) -> Row[Any] | None:
    return connection.execute(select(tags).where(tags.c.folded == fold(name))).one_or_none()


def _used(connection: Connection, name: str) -> Row[Any]:
    row = _find(connection, checked_tag(name))
    if row is None or not _pictures(connection, row.id):
        near = get_close_matches(name, [tag.name for tag in read_tags(connection)], n=1)
        raise NotFound(
            f"No picture has the tag {name!r}.", f"Did you mean {near[0]!r}?" if near else "See them with: seedbank tags"
        )
    return row


def _pictures(connection: Connection, tag: int) -> int:
    return connection.scalar(select(func.count()).select_from(image_tags).where(image_tags.c.tag_id == tag)) or 0
