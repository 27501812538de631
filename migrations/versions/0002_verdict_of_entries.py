"""Entries carry their verdict, so that `verdict:different` and every page read it without a look at all regenerations.

It is that of the latest regeneration that was no experiment, computed here for what was recorded before.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("entries", sa.Column("verdict", sa.Text()))
    op.execute(
        """
        UPDATE entries SET verdict = (
            SELECT regenerations.verdict FROM regenerations
            WHERE regenerations.entry_id = entries.id AND NOT regenerations.experiment
            ORDER BY regenerations.id DESC LIMIT 1
        )
        """
    )
    op.create_index("ix_entries_verdict_id", "entries", ["verdict", "id"])
