"""What PostgreSQL does by itself some minutes after many rows have come, done when they have come."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from seedbank.store.tables import entries

GREW = 0.1
"""The share of new rows from which on autovacuum counts a table again."""
COUNTED = (
    *("blobs", "edges", "entries", "entry_adapters", "entry_payloads", "image_tags", "images", "import_files"),
    *("opinion_events", "payloads", "postings", "prompts", "recipes", "settings", "vocabulary"),
)
"""Tables that grow with entries."""
CLEAN = (
    "SELECT gin_clean_pending_list(oid) FROM pg_class "
    "WHERE oid = 'ix_prompts_words'::regclass AND pg_has_role(relowner, 'USAGE')"  # else it would be refused
)


def settle(connection: Connection, run: int) -> None:
    """After an import: the index of words is in order, and the tables are counted where they have grown by a tenth or more.

    New prompts wait in a list that every search for words reads through, and without numbers PostgreSQL walks the wrong way.
    SQLite has neither; its way through a query is decided here.
    """
    if connection.dialect.name != "postgresql":
        return
    connection.exec_driver_sql(CLEAN)
    known = connection.exec_driver_sql("SELECT reltuples FROM pg_class WHERE oid = 'entries'::regclass").scalar() or 0
    came = connection.scalar(select(func.count()).where(entries.c.run_id == run)) or 0
    if came > GREW * max(known, 0):
        connection.exec_driver_sql(f"ANALYZE {', '.join(COUNTED)}")
