"""What was imported: what files say of themselves, and where they lay."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, Table, Text

from seedbank.store.tables.base import metadata, own_id, row_of
from seedbank.store.types import Digest

payloads = Table(
    "payloads",
    metadata,
    own_id(),
    Column("digest", Digest, nullable=False, unique=True),  # of the bytes before they were compressed
    Column("body", LargeBinary, nullable=False),  # zlib
)

entry_payloads = Table(
    "entry_payloads",
    metadata,
    row_of("entry_id", "entries", key=True),
    Column("position", Integer, primary_key=True),
    Column("place", Text, nullable=False),
    row_of("payload_id", "payloads", index=True),  # the text in UTF-8
    row_of("raw_id", "payloads", null=True, index=True),  # the bytes in the file, where they are others
    sqlite_with_rowid=False,
)

import_folders = Table("import_folders", metadata, own_id(), Column("path", Text, nullable=False, unique=True))

import_files = Table(
    "import_files",
    metadata,
    row_of("folder_id", "import_folders", key=True),
    Column("name", Text, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    Column("inode", BigInteger, nullable=False),
    Column("digest", Digest, nullable=False, index=True),
    row_of("entry_id", "entries", index=True),
    sqlite_with_rowid=False,
)
