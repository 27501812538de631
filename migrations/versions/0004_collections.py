"""Saved searches are collections that have a query instead of pictures; collections are read in their order.

Operations are found by their kind, which is how undoing knows what is undone.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("collections", sa.Column("query", sa.Text()))
    op.create_index("ix_collection_items_collection_id_position", "collection_items", ["collection_id", "position"])
    op.create_index("ix_operations_kind_id", "operations", ["kind", "id"])
