"""The whole bank: entries and what they are made of, runs and regenerations, opinions and their history."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "bank",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("uid", sa.LargeBinary(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("images", sa.Text()),
        sa.Column("settings", sa.Text()),
        sa.CheckConstraint("id = 1", name="ck_bank_only_one"),
        sa.PrimaryKeyConstraint("id", name="pk_bank"),
    )
    op.create_table(
        "blobs",
        sa.Column("id", ID, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("location", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_blobs"),
        sa.UniqueConstraint("digest", name="uq_blobs_digest"),
    )
    op.create_table(
        "environments",
        sa.Column("id", ID, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_environments"),
        sa.UniqueConstraint("digest", name="uq_environments_digest"),
    )
    op.create_table(
        "images",
        sa.Column("id", ID, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("mode", sa.Text()),
        sa.Column("width", sa.BigInteger()),
        sa.Column("height", sa.BigInteger()),
        sa.Column("phash", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name="pk_images"),
        sa.UniqueConstraint("digest", name="uq_images_digest"),
    )
    op.create_table(
        "models",
        sa.Column("id", ID, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("name", sa.Text()),
        sa.Column("folded", sa.Text()),
        sa.Column("pipeline", sa.Text()),
        sa.Column("source", sa.Text()),
        sa.Column("revision", sa.Text()),
        sa.Column("variant", sa.Text()),
        sa.Column("config", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_models"),
        sa.UniqueConstraint("digest", name="uq_models_digest"),
    )
    op.create_table(
        "parts",
        sa.Column("id", ID, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_parts"),
        sa.UniqueConstraint("kind", "digest", name="uq_parts_kind_digest"),
    )
    op.create_table(
        "prompts",
        sa.Column("id", ID, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("folded", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_prompts"),
        sa.UniqueConstraint("digest", name="uq_prompts_digest"),
    )
    op.create_table(
        "settings",
        sa.Column("id", ID, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_settings"),
        sa.UniqueConstraint("digest", name="uq_settings_digest"),
    )
    op.create_table(
        "tags",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("folded", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_tags"),
        sa.UniqueConstraint("folded", name="uq_tags_folded"),
    )
    op.create_table(
        "users",
        sa.Column("id", ID, nullable=False),
        sa.Column("uid", sa.LargeBinary(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("name", name="uq_users_name"),
        sa.UniqueConstraint("uid", name="uq_users_uid"),
    )
    op.create_table(
        "collections",
        sa.Column("id", ID, nullable=False),
        sa.Column("uid", sa.LargeBinary(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("folded", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("cover_id", sa.BigInteger()),
        sa.ForeignKeyConstraint(["cover_id"], ["images.id"], name="fk_collections_cover_id"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_collections_user_id"),
        sa.PrimaryKeyConstraint("id", name="pk_collections"),
        sa.UniqueConstraint("folded", name="uq_collections_folded"),
        sa.UniqueConstraint("uid", name="uq_collections_uid"),
    )
    op.create_index("ix_collections_cover_id", "collections", ["cover_id"])
    op.create_table(
        "environment_parts",
        sa.Column("environment_id", sa.BigInteger(), nullable=False),
        sa.Column("part_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["environment_id"], ["environments.id"], name="fk_environment_parts_environment_id"),
        sa.ForeignKeyConstraint(["part_id"], ["parts.id"], name="fk_environment_parts_part_id"),
        sa.PrimaryKeyConstraint("environment_id", "part_id", name="pk_environment_parts"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_environment_parts_part_id", "environment_parts", ["part_id"])
    op.create_table(
        "image_tags",
        sa.Column("tag_id", sa.BigInteger(), nullable=False),
        sa.Column("image_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], name="fk_image_tags_image_id"),
        sa.ForeignKeyConstraint(["tag_id"], ["tags.id"], name="fk_image_tags_tag_id"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_image_tags_user_id"),
        sa.PrimaryKeyConstraint("tag_id", "image_id", name="pk_image_tags"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_image_tags_image_id", "image_tags", ["image_id"])
    op.create_table(
        "model_files",
        sa.Column("model_id", sa.BigInteger(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name="fk_model_files_model_id"),
        sa.PrimaryKeyConstraint("model_id", "path", name="pk_model_files"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "operations",
        sa.Column("id", ID, nullable=False),
        sa.Column("uid", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("details", sa.Text()),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_operations_user_id"),
        sa.PrimaryKeyConstraint("id", name="pk_operations"),
        sa.UniqueConstraint("uid", name="uq_operations_uid"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "opinions",
        sa.Column("image_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("favourite", sa.Boolean(), nullable=False),
        sa.Column("rating", sa.SmallInteger()),
        sa.Column("note", sa.Text()),
        sa.CheckConstraint("rating BETWEEN 0 AND 5", name="ck_opinions_rating"),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], name="fk_opinions_image_id"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_opinions_user_id"),
        sa.PrimaryKeyConstraint("image_id", "user_id", name="pk_opinions"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_opinions_user_id_favourite_image_id", "opinions", ["user_id", "favourite", "image_id"])
    op.create_index("ix_opinions_user_id_rating_image_id", "opinions", ["user_id", "rating", "image_id"])
    op.create_table(
        "recipes",
        sa.Column("id", ID, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("settings_id", sa.BigInteger(), nullable=False),
        sa.Column("model_id", sa.BigInteger()),
        sa.Column("prompt_id", sa.BigInteger()),
        sa.Column("negative_id", sa.BigInteger()),
        sa.Column("seed", sa.BigInteger()),
        sa.Column("steps", sa.BigInteger()),
        sa.Column("guidance", sa.Double()),
        sa.Column("width", sa.BigInteger()),
        sa.Column("height", sa.BigInteger()),
        sa.Column("scheduler", sa.Text()),
        sa.Column("pipeline", sa.Text()),
        sa.Column("mode", sa.Text()),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name="fk_recipes_model_id"),
        sa.ForeignKeyConstraint(["negative_id"], ["prompts.id"], name="fk_recipes_negative_id"),
        sa.ForeignKeyConstraint(["prompt_id"], ["prompts.id"], name="fk_recipes_prompt_id"),
        sa.ForeignKeyConstraint(["settings_id"], ["settings.id"], name="fk_recipes_settings_id"),
        sa.PrimaryKeyConstraint("id", name="pk_recipes"),
        sa.UniqueConstraint("digest", name="uq_recipes_digest"),
    )
    op.create_index("ix_recipes_model_id", "recipes", ["model_id"])
    op.create_index("ix_recipes_negative_id", "recipes", ["negative_id"])
    op.create_index("ix_recipes_prompt_id", "recipes", ["prompt_id"])
    op.create_index("ix_recipes_seed", "recipes", ["seed"])
    op.create_index("ix_recipes_settings_id", "recipes", ["settings_id"])
    op.create_table(
        "runs",
        sa.Column("id", ID, nullable=False),
        sa.Column("uid", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text()),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("specification", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_runs_user_id"),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
        sa.UniqueConstraint("digest", name="uq_runs_digest"),
        sa.UniqueConstraint("name", name="uq_runs_name"),
        sa.UniqueConstraint("uid", name="uq_runs_uid"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "collection_items",
        sa.Column("collection_id", sa.BigInteger(), nullable=False),
        sa.Column("image_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["collection_id"], ["collections.id"], name="fk_collection_items_collection_id"),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], name="fk_collection_items_image_id"),
        sa.PrimaryKeyConstraint("collection_id", "image_id", name="pk_collection_items"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_collection_items_image_id", "collection_items", ["image_id"])
    op.create_table(
        "entries",
        sa.Column("id", ID, nullable=False),
        sa.Column("uid", sa.LargeBinary(), nullable=False),
        sa.Column("added", sa.BigInteger(), nullable=False),
        sa.Column("created", sa.BigInteger()),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("recipe_id", sa.BigInteger()),
        sa.Column("environment_id", sa.BigInteger()),
        sa.Column("model_id", sa.BigInteger()),
        sa.Column("image_id", sa.BigInteger()),
        sa.Column("blob_id", sa.BigInteger()),
        sa.Column("trace_id", sa.BigInteger()),
        sa.Column("trace_digest", sa.LargeBinary()),
        sa.Column("output", sa.Text()),
        sa.Column("obstacles", sa.Text()),
        sa.Column("details", sa.Text()),
        sa.Column("run_id", sa.BigInteger()),
        sa.Column("trashed", sa.BigInteger()),
        sa.ForeignKeyConstraint(["blob_id"], ["blobs.id"], name="fk_entries_blob_id"),
        sa.ForeignKeyConstraint(["environment_id"], ["environments.id"], name="fk_entries_environment_id"),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], name="fk_entries_image_id"),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name="fk_entries_model_id"),
        sa.ForeignKeyConstraint(["recipe_id"], ["recipes.id"], name="fk_entries_recipe_id"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_entries_run_id"),
        sa.ForeignKeyConstraint(["trace_id"], ["blobs.id"], name="fk_entries_trace_id"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_entries_user_id"),
        sa.PrimaryKeyConstraint("id", name="pk_entries"),
        sa.UniqueConstraint("uid", name="uq_entries_uid"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_entries_blob_id", "entries", ["blob_id"])
    op.create_index("ix_entries_environment_id", "entries", ["environment_id"])
    op.create_index("ix_entries_image_id", "entries", ["image_id"])
    op.create_index("ix_entries_model_id", "entries", ["model_id"])
    op.create_index("ix_entries_recipe_id", "entries", ["recipe_id"])
    op.create_index("ix_entries_run_id", "entries", ["run_id"])
    op.create_index("ix_entries_trace_id", "entries", ["trace_id"])
    op.create_index("ix_entries_trashed", "entries", ["trashed"])
    op.create_table(
        "opinion_events",
        sa.Column("id", ID, nullable=False),
        sa.Column("image_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("operation_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", sa.Text()),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], name="fk_opinion_events_image_id"),
        sa.ForeignKeyConstraint(["operation_id"], ["operations.id"], name="fk_opinion_events_operation_id"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_opinion_events_user_id"),
        sa.PrimaryKeyConstraint("id", name="pk_opinion_events"),
    )
    op.create_index("ix_opinion_events_image_id", "opinion_events", ["image_id"])
    op.create_index("ix_opinion_events_operation_id", "opinion_events", ["operation_id"])
    op.create_table(
        "edges",
        sa.Column("child_id", sa.BigInteger(), nullable=False),
        sa.Column("parent_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["child_id"], ["entries.id"], name="fk_edges_child_id"),
        sa.ForeignKeyConstraint(["parent_id"], ["entries.id"], name="fk_edges_parent_id"),
        sa.PrimaryKeyConstraint("child_id", "parent_id", "kind", name="pk_edges"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_edges_parent_id", "edges", ["parent_id"])
    op.create_table(
        "entry_inputs",
        sa.Column("entry_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("blob_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["blob_id"], ["blobs.id"], name="fk_entry_inputs_blob_id"),
        sa.ForeignKeyConstraint(["entry_id"], ["entries.id"], name="fk_entry_inputs_entry_id"),
        sa.PrimaryKeyConstraint("entry_id", "position", name="pk_entry_inputs"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_entry_inputs_blob_id", "entry_inputs", ["blob_id"])
    op.create_table(
        "regenerations",
        sa.Column("id", ID, nullable=False),
        sa.Column("uid", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("entry_id", sa.BigInteger(), nullable=False),
        sa.Column("run_id", sa.BigInteger()),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("experiment", sa.Boolean(), nullable=False),
        sa.Column("environment_id", sa.BigInteger()),
        sa.Column("image_id", sa.BigInteger()),
        sa.Column("blob_id", sa.BigInteger()),
        sa.Column("trace_id", sa.BigInteger()),
        sa.Column("trace_digest", sa.LargeBinary()),
        sa.Column("output", sa.Text()),
        sa.Column("trace", sa.Text(), nullable=False),
        sa.Column("first_difference", sa.Text()),
        sa.Column("drift", sa.Text()),
        sa.Column("explanation", sa.Text()),
        sa.Column("evidence", sa.Text()),
        sa.ForeignKeyConstraint(["blob_id"], ["blobs.id"], name="fk_regenerations_blob_id"),
        sa.ForeignKeyConstraint(["entry_id"], ["entries.id"], name="fk_regenerations_entry_id"),
        sa.ForeignKeyConstraint(["environment_id"], ["environments.id"], name="fk_regenerations_environment_id"),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], name="fk_regenerations_image_id"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_regenerations_run_id"),
        sa.ForeignKeyConstraint(["trace_id"], ["blobs.id"], name="fk_regenerations_trace_id"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_regenerations_user_id"),
        sa.PrimaryKeyConstraint("id", name="pk_regenerations"),
        sa.UniqueConstraint("run_id", "entry_id", name="uq_regenerations_run_id_entry_id"),
        sa.UniqueConstraint("uid", name="uq_regenerations_uid"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_regenerations_blob_id", "regenerations", ["blob_id"])
    op.create_index("ix_regenerations_entry_id_id", "regenerations", ["entry_id", "id"])
    op.create_index("ix_regenerations_environment_id", "regenerations", ["environment_id"])
    op.create_index("ix_regenerations_image_id", "regenerations", ["image_id"])
    op.create_index("ix_regenerations_trace_id", "regenerations", ["trace_id"])
    op.create_table(
        "run_entries",
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("entry_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["entries.id"], name="fk_run_entries_entry_id"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_run_entries_run_id"),
        sa.PrimaryKeyConstraint("run_id", "entry_id", name="pk_run_entries"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_run_entries_entry_id", "run_entries", ["entry_id"])
