"""All tables of a bank.

Things that many entries share are stored once and found by digest: models, environments and their parts, prompts, the
settings of recipes (everything but prompts, seed and the columns that people search by), pictures and blobs. Opinions
hang on the picture, so that they survive moves and meet again on re-import.

`migrations/` is what builds them in a database; a test holds both against each other.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)

from seedbank.store.types import Digest, Json, Phash, Seed, Time, Uid

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

Small = BigInteger().with_variant(Integer(), "postgresql")
"""A number of 32 bits, as ids are: on PostgreSQL each takes its room in every index; SQLite stores as few bytes as it can."""


def _id() -> Column[int]:
    # SQLite numbers rows by itself only in a column that is called INTEGER; it holds 64 bits there too.
    return Column("id", Integer, primary_key=True)


def _ref(name: str, table: str, *, null: bool = False, key: bool = False, index: bool = False) -> Column[int]:
    return Column(name, Small, ForeignKey(f"{table}.id"), nullable=null, primary_key=key, index=index or None)


# `sqlite_autoincrement`: the id of a purged row is never given out again.
# No `postgresql_…` options: they would load that dialect for every reader of a SQLite file.
# `sqlite_with_rowid=False`: pure relations lie in the tree of their primary key, once instead of twice.

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
    _id(),
    Column("uid", Uid, nullable=False, unique=True),
    Column("name", Text, nullable=False, unique=True),
)

operations = Table(
    "operations",
    metadata,
    _id(),
    Column("uid", Uid, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("at", Time, nullable=False),
    _ref("user_id", "users"),
    Column("details", Json),
    sqlite_autoincrement=True,
)
Index(None, operations.c.kind, operations.c.id)

# -- what ran ------------------------------------------------------------------------------------------------------

models = Table(
    "models",
    metadata,
    _id(),
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
    _ref("model_id", "models", key=True),
    Column("path", Text, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("sha256", Digest, nullable=False),
    sqlite_with_rowid=False,
)

weight_hashes = Table(
    "weight_hashes",
    metadata,
    _ref("model_id", "models", key=True),
    Column("kind", Text, primary_key=True),
    Column("hash", Text(collation="C").with_variant(Text(), "sqlite"), primary_key=True),
    sqlite_with_rowid=False,
)
Index(None, weight_hashes.c.kind, weight_hashes.c.hash)

environments = Table("environments", metadata, _id(), Column("digest", Digest, nullable=False, unique=True))

parts = Table(
    "parts",
    metadata,
    _id(),
    Column("kind", Text, nullable=False),
    Column("digest", Digest, nullable=False),
    Column("body", Json, nullable=False),
    UniqueConstraint("kind", "digest"),
)

environment_parts = Table(
    "environment_parts",
    metadata,
    _ref("environment_id", "environments", key=True),
    _ref("part_id", "parts", key=True, index=True),
    sqlite_with_rowid=False,
)

# -- what was rendered ---------------------------------------------------------------------------------------------

prompts = Table(
    "prompts",
    metadata,
    _id(),
    Column("digest", Digest, nullable=False, unique=True),
    Column("text", Text, nullable=False),
    Column("tokens", Text, nullable=False, server_default=""),  # `words.stream` of the text: where words are looked for
    Column("pairs", Text, nullable=False, server_default=""),  # `words.pairs`: what the index of words holds besides
)

vocabulary = Table(
    "vocabulary",
    metadata,
    Column("word", Text(collation="C").with_variant(Text(), "sqlite"), primary_key=True),
    sqlite_with_rowid=False,
)

methods = Table(
    "methods",
    metadata,
    _id(),
    Column("digest", Digest, nullable=False, unique=True),
    Column("pipeline", Text),
    Column("scheduler", Text),
    Column("config", Json),
    Column("dtypes", Json),
)

sizes = Table(
    "sizes",
    metadata,
    _id(),
    Column("width", BigInteger, nullable=False),
    Column("height", BigInteger, nullable=False),
    UniqueConstraint("width", "height"),
)

adapters = Table(
    "adapters",
    metadata,
    _id(),
    Column("digest", Digest, nullable=False, unique=True),
    Column("name", Text),
    Column("folded", Text),
)

settings = Table(
    "settings",
    metadata,
    _id(),
    Column("digest", Digest, nullable=False, unique=True),
    Column("body", Json, nullable=False),
)

recipes = Table(
    "recipes",
    metadata,
    _id(),
    Column("digest", Digest, nullable=False, unique=True),
    _ref("settings_id", "settings", index=True),
    _ref("model_id", "models", null=True, index=True),
    _ref("prompt_id", "prompts", null=True, index=True),
    _ref("negative_id", "prompts", null=True, index=True),
    Column("seed", Seed),
    Column("steps", Small),
    Column("guidance", Double),
    Column("width", Small),
    Column("height", Small),
)

images = Table(
    "images",
    metadata,
    _id(),
    Column("digest", Digest, nullable=False, unique=True),
    Column("mode", Text),
    Column("width", Small),
    Column("height", Small),
    Column("phash", Phash),
)

blobs = Table(
    "blobs",
    metadata,
    _id(),
    Column("digest", Digest, nullable=False, unique=True),
    Column("size", BigInteger, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("location", Text),
)

runs = Table(
    "runs",
    metadata,
    _id(),
    Column("uid", Uid, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("name", Text, unique=True),
    Column("digest", Digest, nullable=False, unique=True),
    Column("specification", Json, nullable=False),
    Column("created", Time, nullable=False),
    _ref("user_id", "users"),
    Column("finished", Time),  # of a run that walks folders: when the walk came to its end
    sqlite_autoincrement=True,
)

entries = Table(
    "entries",
    metadata,
    _id(),
    Column("uid", Uid, nullable=False, unique=True),
    Column("added", Time, nullable=False),
    Column("created", Time),
    _ref("user_id", "users"),
    Column("origin", Text, nullable=False),
    _ref("recipe_id", "recipes", null=True, index=True),
    _ref("environment_id", "environments", null=True),
    _ref("model_id", "models", null=True),
    _ref("image_id", "images", null=True, index=True),
    _ref("blob_id", "blobs", null=True, index=True),
    Column("trace_digest", Digest),  # of a file in the image store, which has no row of its own
    Column("trace_size", Small),  # none where the file is not here
    Column("output", Json),
    Column("obstacles", Json),
    Column("details", Json),
    _ref("run_id", "runs", null=True),
    Column("trashed", Time),
    Column("verdict", Text),  # of the latest regeneration that was no experiment
    # What people search by, beside the recipe that says the same:
    _ref("prompt_id", "prompts", null=True),
    _ref("method_id", "methods", null=True),
    _ref("size_id", "sizes", null=True),
    Column("seed", Seed),
    Column("steps", Small),
    Column("cfg", Double),  # the guidance in its common form
    sqlite_autoincrement=True,
)
Index(None, entries.c.trashed)
# Each gives its entries in order of ids: a page newest first needs no sorting.
for _name in (
    "added",
    "cfg",
    "created",
    "environment_id",
    "method_id",
    "model_id",
    "prompt_id",
    "run_id",
    "seed",
    "size_id",
    "steps",
    "user_id",
    "verdict",
):
    Index(None, entries.c[_name], entries.c.id)

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


entry_adapters = Table(
    "entry_adapters",
    metadata,
    _ref("adapter_id", "adapters", key=True),
    _ref("entry_id", "entries", key=True, index=True),
    sqlite_with_rowid=False,
)

ONLY_MIGRATED = frozenset(
    {
        "prompt_words",
        "ix_prompts_words",
        "ix_entries_absent",
        "ix_entries_obstructed",
        "ix_entries_unjudged",
        "ix_blobs_elsewhere",
    }
)
"""What SQLAlchemy has no word for, or only one that would load a dialect: the index of words and partial indexes."""

OTHERWISE_ON_POSTGRESQL = frozenset(
    {
        "uq_blobs_digest",  # unique by the beginning of the digest, as `digests.head` looks for it
        "uq_images_digest",
        "uq_recipes_digest",
        "uq_prompts_digest",  # unique by its hash
        "ix_opinion_events_image_id",  # the beginning of the primary key
        "ix_entries_added_id",  # without the id, which SQLite has in every index
    }
)
"""What is smaller on PostgreSQL in another form than on SQLite."""

entry_inputs = Table(
    "entry_inputs",
    metadata,
    _ref("entry_id", "entries", key=True),
    Column("position", Integer, primary_key=True),
    _ref("blob_id", "blobs", index=True),
    sqlite_with_rowid=False,
)

# -- what was imported ---------------------------------------------------------------------------------------------

payloads = Table(
    "payloads",
    metadata,
    _id(),
    Column("digest", Digest, nullable=False, unique=True),  # of the bytes before they were compressed
    Column("body", LargeBinary, nullable=False),  # zlib
)

entry_payloads = Table(
    "entry_payloads",
    metadata,
    _ref("entry_id", "entries", key=True),
    Column("position", Integer, primary_key=True),
    Column("place", Text, nullable=False),
    _ref("payload_id", "payloads", index=True),  # the text in UTF-8
    _ref("raw_id", "payloads", null=True, index=True),  # the bytes in the file, where they are others
    sqlite_with_rowid=False,
)

import_folders = Table("import_folders", metadata, _id(), Column("path", Text, nullable=False, unique=True))

import_files = Table(
    "import_files",
    metadata,
    _ref("folder_id", "import_folders", key=True),
    Column("name", Text, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    Column("inode", BigInteger, nullable=False),
    Column("digest", Digest, nullable=False, index=True),
    _ref("entry_id", "entries", index=True),
    sqlite_with_rowid=False,
)

# -- how entries hang together, and what was done with them ----------------------------------------------------------

edges = Table(
    "edges",
    metadata,
    _ref("child_id", "entries", key=True),
    _ref("parent_id", "entries", key=True, index=True),
    Column("kind", Text, primary_key=True),
    sqlite_with_rowid=False,
)

run_entries = Table(
    "run_entries",
    metadata,
    _ref("run_id", "runs", key=True),
    _ref("entry_id", "entries", key=True, index=True),
    sqlite_with_rowid=False,
)

regenerations = Table(
    "regenerations",
    metadata,
    _id(),
    Column("uid", Uid, nullable=False, unique=True),
    Column("at", Time, nullable=False),
    _ref("user_id", "users"),
    _ref("entry_id", "entries"),
    _ref("run_id", "runs", null=True),
    Column("verdict", Text, nullable=False),
    Column("experiment", Boolean, nullable=False),
    _ref("environment_id", "environments", null=True, index=True),
    _ref("image_id", "images", null=True, index=True),
    _ref("blob_id", "blobs", null=True, index=True),
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

# -- opinions: the current state beside its history ----------------------------------------------------------------

tags = Table(
    "tags",
    metadata,
    _id(),
    Column("name", Text, nullable=False),
    Column("folded", Text, nullable=False, unique=True),
)

image_tags = Table(
    "image_tags",
    metadata,
    _ref("image_id", "images", key=True),
    _ref("tag_id", "tags", key=True, index=True),
    sqlite_with_rowid=False,
)

opinions = Table(
    "opinions",
    metadata,
    _ref("image_id", "images", key=True),
    _ref("user_id", "users", key=True),
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
    _id(),
    _ref("image_id", "images", index=True),
    _ref("operation_id", "operations", index=True),
    Column("kind", Text, nullable=False),
    Column("value", Json),
    _ref("user_id", "users", null=True),  # where it is not who did the operation
    Column("at", Time),  # where it is not the time of the operation
)

collections = Table(
    "collections",
    metadata,
    _id(),
    Column("uid", Uid, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("folded", Text, nullable=False, unique=True),
    Column("created", Time, nullable=False),
    _ref("user_id", "users"),
    _ref("cover_id", "images", null=True, index=True),
    Column("query", Text),  # of a saved search, which has no items
)

collection_items = Table(
    "collection_items",
    metadata,
    _ref("collection_id", "collections", key=True),
    _ref("image_id", "images", key=True, index=True),
    Column("position", Double, nullable=False),
    sqlite_with_rowid=False,
)
Index(None, collection_items.c.collection_id, collection_items.c.position)
