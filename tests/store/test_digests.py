"""Digests in queries: found whole and by their beginning, through the indexes that the databases have."""

from __future__ import annotations

from typing import Any

from sqlalchemy import event, select

from seedbank.query import parse
from seedbank.store import Store
from seedbank.store.digests import begins, head
from seedbank.store.tables import blobs, images, recipes
from tests.store.examples import digest, new_entry


def test_a_digest_is_found_whole_and_by_any_beginning(store: Store):
    store.add_entries(new_entry(number) for number in range(30))
    wanted = digest("file", 7)
    assert store.entries_of_blob(wanted) == [8]
    assert store.entries_of_picture(digest("pixels", 7)) == [8]
    for length in (6, 29, 30, 31, 63, 64):
        assert list(store.ids(parse(f"digest:{wanted[:length]}"))) == [8]
        other = wanted[: length - 1] + ("0" if wanted[length - 1] != "0" else "1")
        assert list(store.ids(parse(f"digest:{other}"))) == []


def test_digests_of_large_tables_are_looked_up_in_an_index(store: Store):
    asked: list[tuple[str, Any]] = []
    event.listen(store.database.engine, "before_cursor_execute", lambda *given: asked.append((given[2], given[3])))
    explain = "EXPLAIN QUERY PLAN" if store.database.is_sqlite else "EXPLAIN"
    with store.database.reading() as connection:
        if not store.database.is_sqlite:  # a small table is read whole
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        for table in (blobs, images, recipes):
            column = table.c.digest
            for where in (head(column) == digest(1), head(column).in_([digest(1), digest(2)]), begins(column, digest(1)[:9])):
                connection.execute(select(table.c.id).where(where)).all()
                text, given = asked[-1]
                plan = " ".join(str(row) for row in connection.exec_driver_sql(f"{explain} {text}", given))
                assert f"uq_{table.name}_digest" in plan or f"sqlite_autoindex_{table.name}" in plan
