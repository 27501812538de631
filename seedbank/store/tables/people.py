"""The bank, who works in it, and who did what when."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Index, Integer, Table, Text

from seedbank.store.tables.base import metadata, own_id, row_of
from seedbank.store.types import Json, Time, Uid

bank = Table(
    "bank",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("uid", Uid, nullable=False),
    Column("created", Time, nullable=False),
    Column("images", Text),
    Column("settings", Json),
    CheckConstraint("id = 1", name="only_one"),
)

users = Table(
    "users",
    metadata,
    own_id(),
    Column("uid", Uid, nullable=False, unique=True),
    Column("name", Text, nullable=False, unique=True),
)

operations = Table(
    "operations",
    metadata,
    own_id(),
    Column("uid", Uid, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("at", Time, nullable=False),
    row_of("user_id", "users"),
    Column("details", Json),
    sqlite_autoincrement=True,
)
Index(None, operations.c.kind, operations.c.id)
