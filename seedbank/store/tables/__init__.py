"""All tables of a bank.

Things that many entries share are stored once and found by digest: models, environments and their parts, prompts, the
settings of recipes (everything but prompts, seed and the columns that people search by), pictures and blobs. Opinions
hang on the picture, so that they survive moves and meet again on re-import.

`migrations/` is what builds them in a database; a test holds both against each other.
"""

from __future__ import annotations

from seedbank.store.tables.base import Small, metadata
from seedbank.store.tables.done import edges, regenerations, run_entries, runs
from seedbank.store.tables.imported import entry_payloads, import_files, import_folders, payloads
from seedbank.store.tables.people import bank, operations, users
from seedbank.store.tables.ran import environment_parts, environments, model_files, models, parts, weight_hashes
from seedbank.store.tables.rendered import (
    adapters,
    blobs,
    entries,
    entry_adapters,
    entry_inputs,
    images,
    methods,
    prompts,
    recipes,
    settings,
    sizes,
    vocabulary,
)
from seedbank.store.tables.said import (
    FAVOURITE,
    RATING,
    TAG,
    collection_items,
    collections,
    image_tags,
    opinion_events,
    opinions,
    posting_key,
    postings,
    tags,
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

__all__ = [
    "FAVOURITE",
    "ONLY_MIGRATED",
    "OTHERWISE_ON_POSTGRESQL",
    "RATING",
    "TAG",
    "Small",
    "adapters",
    "bank",
    "blobs",
    "collection_items",
    "collections",
    "edges",
    "entries",
    "entry_adapters",
    "entry_inputs",
    "entry_payloads",
    "environment_parts",
    "environments",
    "image_tags",
    "images",
    "import_files",
    "import_folders",
    "metadata",
    "methods",
    "model_files",
    "models",
    "operations",
    "opinion_events",
    "opinions",
    "parts",
    "payloads",
    "posting_key",
    "postings",
    "prompts",
    "recipes",
    "regenerations",
    "run_entries",
    "runs",
    "settings",
    "sizes",
    "tags",
    "users",
    "vocabulary",
    "weight_hashes",
]
