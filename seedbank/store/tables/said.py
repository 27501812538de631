"""Opinions: the present state, its history, and what entries are found by because of it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, CheckConstraint, Column, Double, Index, SmallInteger, Table, Text

from seedbank.store.tables.base import Small, metadata, own_id, row_of
from seedbank.store.types import Json, Time, Uid

tags = Table(
    "tags",
    metadata,
    own_id(),
    Column("name", Text, nullable=False),
    Column("folded", Text, nullable=False, unique=True),
)

image_tags = Table(
    "image_tags",
    metadata,
    row_of("image_id", "images", key=True),
    row_of("tag_id", "tags", key=True, index=True),
    sqlite_with_rowid=False,
)

opinions = Table(
    "opinions",
    metadata,
    row_of("image_id", "images", key=True),
    row_of("user_id", "users", key=True),
    Column("favourite", Boolean, nullable=False),
    Column("rating", SmallInteger),
    Column("note", Text),
    CheckConstraint("rating BETWEEN 0 AND 5", name="rating"),
    sqlite_with_rowid=False,
)
Index(None, opinions.c.user_id, opinions.c.favourite, opinions.c.image_id)
Index(None, opinions.c.user_id, opinions.c.rating, opinions.c.image_id)

opinion_events = Table(
    "opinion_events",
    metadata,
    own_id(),
    row_of("image_id", "images", index=True),
    row_of("operation_id", "operations", index=True),
    Column("kind", Text, nullable=False),
    Column("value", Json),
    row_of("user_id", "users", null=True),  # where it is not who did the operation
    Column("at", Time),  # where it is not the time of the operation
)

collections = Table(
    "collections",
    metadata,
    own_id(),
    Column("uid", Uid, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("folded", Text, nullable=False, unique=True),
    Column("created", Time, nullable=False),
    row_of("user_id", "users"),
    row_of("cover_id", "images", null=True, index=True),
    Column("query", Text),  # of a saved search, which has no items
)

collection_items = Table(
    "collection_items",
    metadata,
    row_of("collection_id", "collections", key=True),
    row_of("image_id", "images", key=True, index=True),
    Column("position", Double, nullable=False),
    sqlite_with_rowid=False,
)
Index(None, collection_items.c.collection_id, collection_items.c.position)


postings = Table(
    "postings",
    metadata,
    Column("key", Small, primary_key=True, autoincrement=False),
    Column("entry_id", Small, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)
"""Tags, favourites and ratings by entry, in order of ids. Triggers keep it; nothing else writes here."""

TAG, FAVOURITE, RATING = 0, 1, 2
"""Kinds of postings; the value is the id of the tag, that of the user, 8 times that of the user plus the rating."""


def posting_key(kind: int, value: Any) -> Any:
    """What `postings.key` says of a kind and a value, which may be a column."""
    return value * 4 + kind
