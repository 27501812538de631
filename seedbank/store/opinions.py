"""Opinions on pictures: tags (of the team), favourites, ratings and notes (of each user), with their history.

They hang on the image, so entries with the same pixels share them. Saying a thing twice is saying it once.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from seedbank.errors import BadInput
from seedbank.records import OpinionEvent
from seedbank.store.reading import chunks
from seedbank.store.recipes import fold
from seedbank.store.sharing import insert_many
from seedbank.store.tables import entries, image_tags, images, opinion_events, opinions, tags, users
from seedbank.store.writing import Work, require_entries, spans

LONGEST_TAG = 100


def checked_tag(name: str) -> str:
    """`name` as a tag: NFC, trimmed. Raises `BadInput` for names that could not be typed in a query again."""
    tag = unicodedata.normalize("NFC", name).strip()
    if not tag:
        raise BadInput("A tag cannot be empty.")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in tag):
        raise BadInput(f"The tag {tag!r} contains a control character.", "Remove it.")
    if "," in tag or '"' in tag:
        raise BadInput(f"The tag {tag!r} contains a comma or a quotation mark.", "Leave it out.")
    if tag.startswith("-"):
        raise BadInput(f"A tag cannot begin with '-', as {tag!r} does.", "In a query that means: without this tag.")
    if len(tag) > LONGEST_TAG:
        raise BadInput(f"A tag can have {LONGEST_TAG} characters; this one has {len(tag)}.", "Write a note instead.")
    return tag


def add_tags(work: Work, ids: Iterable[int], names: Iterable[str]) -> int:
    """The entries' images have these tags; gives how many images changed."""
    pictures = _pictures(work.connection, ids)
    wanted = {fold(tag): tag for tag in map(checked_tag, names)}
    known = _tags(work.connection, wanted)
    missing = {folded: name for folded, name in wanted.items() if folded not in known}
    if missing and pictures:
        rows = [{"name": name, "folded": folded} for folded, name in missing.items()]
        known |= dict(zip(missing, zip(insert_many(work.connection, tags, rows), missing.values(), strict=True), strict=True))
    there = _tagged(work.connection, pictures, [number for number, _ in known.values()])
    added = [(image, number, name) for image in pictures for number, name in known.values() if (number, image) not in there]
    if added:
        links = [{"tag_id": number, "image_id": image, "user_id": work.user_id} for image, number, _ in added]
        work.connection.execute(insert(image_tags), links)
        _note_down(work, "tag", ids, [(image, name) for image, _, name in added])
    return len({image for image, *_ in added})


def remove_tags(work: Work, ids: Iterable[int], names: Iterable[str]) -> int:
    """The entries' images do not have these tags, whoever gave them; gives how many images changed."""
    pictures = _pictures(work.connection, ids)
    known = _tags(work.connection, {fold(checked_tag(name)): name for name in names})
    there = _tagged(work.connection, pictures, [number for number, _ in known.values()])
    removed = [(image, number, name) for image in pictures for number, name in known.values() if (number, image) in there]
    for number, _ in known.values():
        for some in chunks([image for image, tag, _ in removed if tag == number]):
            work.connection.execute(delete(image_tags).where(image_tags.c.tag_id == number, image_tags.c.image_id.in_(some)))
    if removed:
        _note_down(work, "untag", ids, [(image, name) for image, _, name in removed])
    return len({image for image, *_ in removed})


def set_opinion(work: Work, kind: str, ids: Iterable[int], column: str, value: Any) -> int:
    """`column` of the user's opinion of the entries' images is `value`; gives how many images changed."""
    pictures = _pictures(work.connection, ids)
    changed: list[int] = []
    for some in chunks(pictures):
        rows = work.connection.execute(
            select(opinions).where(opinions.c.user_id == work.user_id, opinions.c.image_id.in_(some))
        ).all()
        known: dict[int, Row[Any]] = {row.image_id: row for row in rows}
        blank = {"favourite": False, "rating": None, "note": None}
        unknown = [image for image in some if image not in known and value != blank[column]]
        news = [blank | {"image_id": image, "user_id": work.user_id, column: value} for image in unknown]
        olds = [image for image, row in known.items() if getattr(row, column) != value]
        if news:
            work.connection.execute(insert(opinions), news)
        if olds:
            where = opinions.c.user_id == work.user_id, opinions.c.image_id.in_(olds)
            work.connection.execute(update(opinions).where(*where).values({column: value}))
        changed += [*olds, *unknown]
    if changed:
        _note_down(work, kind, ids, [(image, value) for image in changed])
    return len(changed)


def history(connection: Connection, entry: int) -> list[OpinionEvent]:
    """All that was ever said about the entry's image, oldest first."""
    require_entries(connection, [entry])
    statement = (
        select(opinion_events.c.at, users.c.name, opinion_events.c.kind, opinion_events.c.value, images.c.digest)
        .select_from(opinion_events.join(users).join(images))
        .where(opinion_events.c.image_id == select(entries.c.image_id).where(entries.c.id == entry).scalar_subquery())
        .order_by(opinion_events.c.id)
    )
    return [OpinionEvent(row.at, row.name, row.kind, row.value, row.digest) for row in connection.execute(statement)]


def checked_note(text: str) -> str | None:
    """`text` as a note, NFC and trimmed; None when nothing is left of it."""
    if re.search("[\0\ud800-\udfff]", text):
        raise BadInput("The note contains a character that cannot be stored (NUL or a lone surrogate).", "Remove it.")
    return unicodedata.normalize("NFC", text).strip() or None


def _pictures(connection: Connection, ids: Iterable[int]) -> list[int]:
    """The images of entries, each once. Raises `BadInput` for an entry without one."""
    found: dict[int, int | None] = {}
    wanted = require_entries(connection, ids)
    for some in chunks(wanted):
        rows = connection.execute(select(entries.c.id, entries.c.image_id).where(entries.c.id.in_(some)))
        found |= {row.id: row.image_id for row in rows}
    for number in wanted:
        if found[number] is None:
            raise BadInput(
                f"Entry {number} has no image yet, and tags, ratings and notes hang on the image.",
                f"Render it first with: seedbank regen {number}",
            )
    return [image for image in dict.fromkeys(found[number] for number in wanted) if image is not None]


def _tags(connection: Connection, wanted: Mapping[str, str]) -> dict[str, tuple[int, str]]:
    """{folded name: (id, name)} of the tags that exist."""
    rows = connection.execute(select(tags).where(tags.c.folded.in_(list(wanted))))
    return {row.folded: (row.id, row.name) for row in rows}


def _tagged(connection: Connection, pictures: list[int], numbers: list[int]) -> set[tuple[int, int]]:
    found: set[tuple[int, int]] = set()
    for some in chunks(pictures):
        where = image_tags.c.tag_id.in_(numbers), image_tags.c.image_id.in_(some)
        found |= {(row.tag_id, row.image_id) for row in connection.execute(select(image_tags).where(*where))}
    return found


def _note_down(work: Work, kind: str, ids: Iterable[int], changes: list[tuple[int, Any]]) -> None:
    """One operation, and one event per image."""
    operation = work.record(kind, entries=spans(ids))
    rows = [
        {
            "image_id": image,
            "user_id": work.user_id,
            "operation_id": operation,
            "at": work.at,
            "kind": kind,
            "value": value,
        }
        for image, value in changes
    ]
    work.connection.execute(insert(opinion_events), rows)
