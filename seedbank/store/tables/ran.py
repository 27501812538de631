"""What ran: models and their files, environments and their parts."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Table, Text, UniqueConstraint

from seedbank.store.tables.base import metadata, own_id, row_of
from seedbank.store.types import Digest, Json

models = Table(
    "models",
    metadata,
    own_id(),
    Column("digest", Digest, nullable=False, unique=True),
    Column("name", Text),
    Column("folded", Text),
    Column("pipeline", Text),
    Column("source", Text),
    Column("revision", Text),
    Column("variant", Text),
    Column("config", Text),
)

model_files = Table(
    "model_files",
    metadata,
    row_of("model_id", "models", key=True),
    Column("path", Text, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("sha256", Digest, nullable=False),
    sqlite_with_rowid=False,
)

weight_hashes = Table(
    "weight_hashes",
    metadata,
    row_of("model_id", "models", key=True),
    Column("kind", Text, primary_key=True),
    Column("hash", Text(collation="C").with_variant(Text(), "sqlite"), primary_key=True),
    sqlite_with_rowid=False,
)
Index(None, weight_hashes.c.kind, weight_hashes.c.hash)

environments = Table("environments", metadata, own_id(), Column("digest", Digest, nullable=False, unique=True))

parts = Table(
    "parts",
    metadata,
    own_id(),
    Column("kind", Text, nullable=False),
    Column("digest", Digest, nullable=False),
    Column("body", Json, nullable=False),
    UniqueConstraint("kind", "digest"),
)

environment_parts = Table(
    "environment_parts",
    metadata,
    row_of("environment_id", "environments", key=True),
    row_of("part_id", "parts", key=True, index=True),
    sqlite_with_rowid=False,
)
