"""Hashes by which other tools call weights, beside the models: what imported files name meets what is here.

A hash is compared with those of its kind only, and by its first digits, so the index begins with the kind.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "weight_hashes",
        sa.Column("model_id", sa.BigInteger().with_variant(sa.Integer(), "postgresql"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(collation="C").with_variant(sa.Text(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name="fk_weight_hashes_model_id"),
        sa.PrimaryKeyConstraint("model_id", "kind", "hash", name="pk_weight_hashes"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_weight_hashes_kind_hash", "weight_hashes", ["kind", "hash"])
