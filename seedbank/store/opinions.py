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
from seedbank.records import TeamOpinion
from seedbank.store.history import TAG, UNTAG, Change, write_events
from seedbank.store.inserting import insert_many
from seedbank.store.reading import chunks
from seedbank.store.tables import entries, image_tags, opinions, tags, users
from seedbank.store.words import fold
from seedbank.store.writing import Work, require_entries, spans

LONGEST_NAME = 100
BLANK: Mapping[str, Any] = {"favourite": False, "rating": None, "note": None}
"""What a user's opinion of a picture is before anything was said."""


def checked_tag(name: str) -> str:
    """`name` as a tag: NFC, trimmed. Raises `BadInput` for names that could not be typed in a query again."""
    return checked_name(name, "tag")


def checked_tags(names: str | Iterable[str]) -> tuple[str, ...]:
    """`names` as tags; a single text is one tag, not its letters.

    Whoever renders or imports asks before: a name that is found out with the first picture costs it.
    """
    return tuple(checked_tag(name) for name in ((names,) if isinstance(names, str) else names))


def checked_name(name: str, what: str) -> str:
    """`name` as the name of a tag or a collection, which are typed in queries."""
    found = unicodedata.normalize("NFC", name).strip()
    if not found:
        raise BadInput(f"The name of a {what} cannot be empty.")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in found):
        raise BadInput(f"The {what} {found!r} contains a control character.", "Remove it.")
    if "," in found or '"' in found:
        raise BadInput(f"The {what} {found!r} contains a comma or a quotation mark.", "Leave it out.")
    if found.startswith("-"):
        raise BadInput(f"A {what} cannot begin with '-', as {found!r} does.", f"In a query that means: without this {what}.")
    if len(found) > LONGEST_NAME:
        raise BadInput(f"A {what} can have {LONGEST_NAME} characters; this one has {len(found)}.", "Shorten it.")
    return found


def checked_note(text: str) -> str | None:
    """`text` as a note, NFC and trimmed; None when nothing is left of it."""
    if re.search("[\0\ud800-\udfff]", text):
        raise BadInput("The note contains a character that cannot be stored (NUL or a lone surrogate).", "Remove it.")
    return unicodedata.normalize("NFC", text).strip() or None


# -- what the store does: one operation each ------------------------------------------------------------------------


def add_tags(work: Work, ids: Iterable[int], names: Iterable[str], operation: int | None = None) -> int:
    """The entries' images have these tags; gives how many images changed. It is part of `operation`, or one of its own."""
    wanted = [checked_tag(name) for name in names]
    changes = give_tags(work, pictures_of(work.connection, ids), wanted)
    if operation is None:
        return _recorded(work, TAG, ids, changes, tags=wanted)
    write_events(work, operation, changes)
    return len({image for image, *_ in changes})


def remove_tags(work: Work, ids: Iterable[int], names: Iterable[str]) -> int:
    """The entries' images do not have these tags, whoever gave them; gives how many images changed."""
    unwanted = [checked_tag(name) for name in names]
    return _recorded(work, UNTAG, ids, take_tags(work, pictures_of(work.connection, ids), unwanted), tags=unwanted)


def set_opinion(work: Work, kind: str, ids: Iterable[int], column: str, value: Any) -> int:
    """`column` of the user's opinion of the entries' images is `value`; gives how many images changed."""
    pictures = pictures_of(work.connection, ids)
    changes = set_column(work, pictures, column, value, work.user_id)
    return _recorded(work, kind, ids, changes, value="none" if value is None else value)


def adopt(work: Work, source: int, ids: Iterable[int]) -> int:
    """The entries' images have what was said of the image of the entry `source`: its tags, and, where the user has said
    nothing of them yet, the user's own favourite, rating and note. Gives how many images changed; one operation."""
    connection = work.connection
    (origin,) = pictures_of(connection, [source])
    pictures = [picture for picture in pictures_of(connection, ids) if picture != origin]
    statement = select(tags.c.name).select_from(image_tags.join(tags)).where(image_tags.c.image_id == origin)
    changes = give_tags(work, pictures, list(connection.scalars(statement)))
    mine = opinions.c.user_id == work.user_id
    own = connection.execute(select(opinions).where(mine, opinions.c.image_id == origin)).one_or_none()
    for column, blank in BLANK.items():
        value = blank if own is None else getattr(own, column)
        if value != blank:
            said: set[int] = set()
            for some in chunks(pictures):
                where = mine, opinions.c.image_id.in_(some), opinions.c[column].is_distinct_from(blank)
                said.update(connection.scalars(select(opinions.c.image_id).where(*where)))
            changes += set_column(work, [one for one in pictures if one not in said], column, value, work.user_id)
    return _recorded(work, "adopt", ids, changes, source=source)


def team_opinions(connection: Connection, ids: Iterable[int]) -> dict[int, list[TeamOpinion]]:
    """{entry id: what each user said of its image}, users in the order of their names."""
    found: dict[int, list[TeamOpinion]] = {}
    for some in chunks(ids):
        statement = (
            select(entries.c.id, users.c.name, opinions.c.favourite, opinions.c.rating, opinions.c.note)
            .select_from(
                entries.join(opinions, opinions.c.image_id == entries.c.image_id).join(users, opinions.c.user_id == users.c.id)
            )
            .where(entries.c.id.in_(some))
        )
        for row in connection.execute(statement):
            if (row.favourite, row.rating, row.note) != (False, None, None):
                found.setdefault(row.id, []).append(TeamOpinion(row.name, row.favourite, row.rating, row.note))
    return {number: sorted(said, key=lambda one: one.user) for number, said in found.items()}


def _recorded(work: Work, kind: str, ids: Iterable[int], changes: list[Change], **details: Any) -> int:
    """One operation for `changes`, if there are any; gives how many images changed."""
    if changes:
        write_events(work, work.record(kind, entries=spans(ids), **details), changes)
    return len({image for image, *_ in changes})


# -- changes of the present state, without an operation -------------------------------------------------------------


def give_tags(work: Work, pictures: list[int], names: list[str]) -> list[Change]:
    """The pictures have these tags (checked names); what changed."""
    wanted = {fold(name): name for name in names}
    known = _tags(work.connection, wanted)
    missing = {folded: name for folded, name in wanted.items() if folded not in known}
    if missing and pictures:
        rows = [{"name": name, "folded": folded} for folded, name in missing.items()]
        known |= dict(zip(missing, zip(insert_many(work.connection, tags, rows), missing.values(), strict=True), strict=True))
    there = tagged(work.connection, pictures, [number for number, _ in known.values()])
    added = [(image, number, name) for image in pictures for number, name in known.values() if (number, image) not in there]
    if added:
        links = [{"tag_id": number, "image_id": image} for image, number, _ in added]
        work.connection.execute(insert(image_tags), links)
    return [(image, TAG, name) for image, _, name in added]


def take_tags(work: Work, pictures: list[int], names: list[str]) -> list[Change]:
    """The pictures do not have these tags (checked names); what changed."""
    known = _tags(work.connection, {fold(name): name for name in names})
    there = tagged(work.connection, pictures, [number for number, _ in known.values()])
    removed = [(image, number, name) for image in pictures for number, name in known.values() if (number, image) in there]
    for number, _ in known.values():
        for some in chunks([image for image, tag, _ in removed if tag == number]):
            work.connection.execute(delete(image_tags).where(image_tags.c.tag_id == number, image_tags.c.image_id.in_(some)))
    return [(image, UNTAG, name) for image, _, name in removed]


def set_column(work: Work, pictures: list[int], column: str, value: Any, user_id: int) -> list[Change]:
    """`column` of a user's opinion of the pictures is `value`; what changed."""
    changed: list[int] = []
    for some in chunks(pictures):
        where = opinions.c.user_id == user_id, opinions.c.image_id.in_(some)
        known: dict[int, Row[Any]] = {row.image_id: row for row in work.connection.execute(select(opinions).where(*where))}
        unknown = [image for image in some if image not in known and value != BLANK[column]]
        news = [{**BLANK, "image_id": image, "user_id": user_id, column: value} for image in unknown]
        olds = [image for image, row in known.items() if getattr(row, column) != value]
        if news:
            work.connection.execute(insert(opinions), news)
        if olds:
            where = opinions.c.user_id == user_id, opinions.c.image_id.in_(olds)
            work.connection.execute(update(opinions).where(*where).values({column: value}))
        changed += [*olds, *unknown]
    return [(image, column, value) for image in changed]


def pictures_of(connection: Connection, ids: Iterable[int]) -> list[int]:
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
                f"Render it first; how: seedbank recipe {number} --check",
            )
    return [image for image in dict.fromkeys(found[number] for number in wanted) if image is not None]


def tagged(connection: Connection, pictures: list[int], numbers: list[int]) -> set[tuple[int, int]]:
    """{(tag id, image id)} of these tags on these pictures."""
    found: set[tuple[int, int]] = set()
    for some in chunks(pictures):
        where = image_tags.c.tag_id.in_(numbers), image_tags.c.image_id.in_(some)
        found |= {(row.tag_id, row.image_id) for row in connection.execute(select(image_tags).where(*where))}
    return found


def _tags(connection: Connection, wanted: Mapping[str, str]) -> dict[str, tuple[int, str]]:
    """{folded name: (id, name)} of the tags that exist."""
    rows = connection.execute(select(tags).where(tags.c.folded.in_(list(wanted))))
    return {row.folded: (row.id, row.name) for row in rows}
