"""Durable work over many entries, how entries hang together, and the attempts to rebuild them."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Table, Text, UniqueConstraint

from seedbank.store.tables.base import Small, metadata, own_id, row_of
from seedbank.store.types import Digest, Json, Time, Uid

runs = Table(
    "runs",
    metadata,
    own_id(),
    Column("uid", Uid, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("name", Text, unique=True),
    Column("digest", Digest, nullable=False, unique=True),
    Column("specification", Json, nullable=False),
    Column("created", Time, nullable=False),
    row_of("user_id", "users"),
    Column("finished", Time),  # of a run that walks folders: when the walk came to its end
    sqlite_autoincrement=True,
)

edges = Table(
    "edges",
    metadata,
    row_of("child_id", "entries", key=True),
    row_of("parent_id", "entries", key=True, index=True),
    Column("kind", Text, primary_key=True),
    sqlite_with_rowid=False,
)

run_entries = Table(
    "run_entries",
    metadata,
    row_of("run_id", "runs", key=True),
    row_of("entry_id", "entries", key=True, index=True),
    sqlite_with_rowid=False,
)

regenerations = Table(
    "regenerations",
    metadata,
    own_id(),
    Column("uid", Uid, nullable=False, unique=True),
    Column("at", Time, nullable=False),
    row_of("user_id", "users"),
    row_of("entry_id", "entries"),
    row_of("run_id", "runs", null=True),
    Column("verdict", Text, nullable=False),
    Column("experiment", Boolean, nullable=False),
    row_of("environment_id", "environments", null=True, index=True),
    row_of("image_id", "images", null=True, index=True),
    row_of("blob_id", "blobs", null=True, index=True),
    Column("trace_digest", Digest),
    Column("trace_size", Small),
    Column("output", Json),
    Column("trace", Text, nullable=False),
    Column("first_difference", Text),
    Column("drift", Json),
    Column("explanation", Json),
    Column("evidence", Json),
    UniqueConstraint("run_id", "entry_id"),
    sqlite_autoincrement=True,
)
Index(None, regenerations.c.entry_id, regenerations.c.id)
