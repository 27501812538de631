"""What was rendered: recipes and what they share, pictures, files, and the entries that hold them together."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Double, Index, Integer, Table, Text, UniqueConstraint

from seedbank.store.tables.base import Small, metadata, own_id, row_of
from seedbank.store.types import Digest, Json, Phash, Seed, Time, Uid

prompts = Table(
    "prompts",
    metadata,
    own_id(),
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
    own_id(),
    Column("digest", Digest, nullable=False, unique=True),
    Column("pipeline", Text),
    Column("scheduler", Text),
    Column("config", Json),
    Column("dtypes", Json),
)

sizes = Table(
    "sizes",
    metadata,
    own_id(),
    Column("width", BigInteger, nullable=False),
    Column("height", BigInteger, nullable=False),
    UniqueConstraint("width", "height"),
)

adapters = Table(
    "adapters",
    metadata,
    own_id(),
    Column("digest", Digest, nullable=False, unique=True),
    Column("name", Text),
    Column("folded", Text),
)

settings = Table(
    "settings",
    metadata,
    own_id(),
    Column("digest", Digest, nullable=False, unique=True),
    Column("body", Json, nullable=False),
)

recipes = Table(
    "recipes",
    metadata,
    own_id(),
    Column("digest", Digest, nullable=False, unique=True),
    row_of("settings_id", "settings", index=True),
    row_of("model_id", "models", null=True, index=True),
    row_of("prompt_id", "prompts", null=True, index=True),
    row_of("negative_id", "prompts", null=True, index=True),
    Column("seed", Seed),
    Column("steps", Small),
    Column("guidance", Double),
    Column("width", Small),
    Column("height", Small),
)

images = Table(
    "images",
    metadata,
    own_id(),
    Column("digest", Digest, nullable=False, unique=True),
    Column("mode", Text),
    Column("width", Small),
    Column("height", Small),
    Column("phash", Phash),
)

blobs = Table(
    "blobs",
    metadata,
    own_id(),
    Column("digest", Digest, nullable=False, unique=True),
    Column("size", BigInteger, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("location", Text),
)

entries = Table(
    "entries",
    metadata,
    own_id(),
    Column("uid", Uid, nullable=False, unique=True),
    Column("added", Time, nullable=False),
    Column("created", Time),
    row_of("user_id", "users"),
    Column("origin", Text, nullable=False),
    row_of("recipe_id", "recipes", null=True, index=True),
    row_of("environment_id", "environments", null=True),
    row_of("model_id", "models", null=True),
    row_of("image_id", "images", null=True, index=True),
    row_of("blob_id", "blobs", null=True, index=True),
    Column("trace_digest", Digest),  # of a file in the image store, which has no row of its own
    Column("trace_size", Small),  # none where the file is not here
    Column("output", Json),
    Column("obstacles", Json),
    Column("details", Json),
    row_of("run_id", "runs", null=True),
    Column("trashed", Time),
    Column("verdict", Text),  # of the latest regeneration that was no experiment
    # What people search by, beside the recipe that says the same:
    row_of("prompt_id", "prompts", null=True),
    row_of("method_id", "methods", null=True),
    row_of("size_id", "sizes", null=True),
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

entry_adapters = Table(
    "entry_adapters",
    metadata,
    row_of("adapter_id", "adapters", key=True),
    row_of("entry_id", "entries", key=True, index=True),
    sqlite_with_rowid=False,
)

entry_inputs = Table(
    "entry_inputs",
    metadata,
    row_of("entry_id", "entries", key=True),
    Column("position", Integer, primary_key=True),
    row_of("blob_id", "blobs", index=True),
    sqlite_with_rowid=False,
)
