"""A bank of ten times as many entries, made from a kept one inside the database.

    python -m benchmarks.multiply FOLDER/sqlite-1000000 FOLDER/sqlite-10000000 --times 10
    python -m benchmarks.multiply FOLDER/postgresql-1000000 FOLDER/postgresql-10000000 --times 10

Building ten million entries through Python takes hours; copying rows with other ids and digests takes minutes. What entries
share (models, tags, users, settings …) stays; entries, recipes, prompts, pictures, files and opinions are there `times` times.
A copy's digests are those of the original with six bytes changed, so nothing of such a bank can be verified: it is for
measuring queries only. Ten million entries take 16 GB on SQLite and 25 GB on PostgreSQL.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.catalogue import postgresql
from seedbank.store.database import Database
from seedbank.store.place import Place
from seedbank.store.schema import upgrade
from seedbank.store.tables import metadata

MULTIPLIED = (
    "blobs", "images", "prompts", "recipes", "entries", "entry_adapters", "edges", "image_tags", "opinions", "opinion_events",
    "regenerations", "postings",
)  # fmt: skip
"""In the order in which they refer to each other."""

TIMES = ("added",)

BUILDING = (
    "fsync = off", "full_page_writes = off", "wal_level = minimal", "max_wal_senders = 0", "max_wal_size = '2GB'",
    "autovacuum = off", "synchronize_seqscans = off", "shared_buffers = '512MB'", "maintenance_work_mem = '1GB'",
)  # fmt: skip
"""Settings of PostgreSQL while it copies and indexes: a power cut may cost the copy, which is made again."""

Run = Callable[[str], Any]


def main() -> None:
    """Copy the bank, multiply it, say how long it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--times", type=int, default=10)
    options = parser.parse_args()
    started = time.monotonic()
    multiply = _on_sqlite if (options.source / "bank.db").exists() else _on_postgresql
    entries = multiply(options.source, options.target, options.times)
    notes = {"entries": entries, "seconds": round(time.monotonic() - started, 1), "multiplied": options.times}
    (options.target / "built.json").write_text(json.dumps(notes))
    print(notes)


def _on_sqlite(source: Path, target: Path, times: int) -> int:
    target.mkdir(parents=True)
    file = target / "bank.db"
    shutil.copy(source / "bank.db", file)
    if (older := upgrade(str(file)).copy) is not None:
        older.unlink()
    with Database(Place.parse(str(file))).engine.connect() as connection:
        raw: Any = connection.connection.driver_connection
        for setting in ("foreign_keys = OFF", "journal_mode = OFF", "synchronous = OFF", "cache_size = -6000000"):
            raw.execute(f"PRAGMA {setting}")
        later = raw.execute(
            "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL AND type IN ('index', 'trigger') ORDER BY type"
        ).fetchall()
        for kind, name, _ in later:
            raw.execute(f"DROP {kind} {name}")
        prompts = _copy_rows(raw.execute, times, sqlite=True)
        for _, name, sql in later:
            raw.execute(sql)
            say(name)
        raw.execute("BEGIN")
        raw.execute(f"INSERT INTO prompt_words (rowid, words) SELECT id, tokens || pairs FROM prompts WHERE id > {prompts}")
        raw.execute("COMMIT")
        raw.execute("ANALYZE")
        raw.execute("PRAGMA journal_mode = WAL")
        return int(raw.execute("SELECT count(*) FROM entries").fetchone()[0])


def _on_postgresql(source: Path, target: Path, times: int) -> int:
    """The source's server must not run."""
    if not target.exists():
        target.mkdir(parents=True)
        subprocess.run(["cp", "-a", source / "data", target / "data"], check=True)  # its owner too
    settings = target / "data" / "postgresql.auto.conf"
    before = settings.read_text()
    settings.write_text(before + "\n".join((*BUILDING, "")))
    try:
        with postgresql(target / "data") as url:
            upgrade(url)
            with Database(Place.parse(url)).engine.connect() as connection:
                entries = _within_postgresql(connection.connection.driver_connection, times)
    finally:
        settings.write_text(before)
    return entries


def _within_postgresql(raw: Any, times: int) -> int:
    """Rows without indexes, then these; references are there again, and not verified."""
    raw.autocommit = True
    raw.execute("SET session_replication_role = replica")  # no triggers
    raw.execute("SET synchronous_commit = off")
    of_these = "(" + ", ".join(f"'{table}'::regclass" for table in MULTIPLIED) + ")"
    constraints = raw.execute(
        "SELECT conrelid::regclass::text, conname, contype::text, pg_get_constraintdef(oid) FROM pg_constraint "
        f"WHERE contype IN ('f', 'p', 'u', 'x') AND (conrelid IN {of_these} OR confrelid IN {of_these}) "
        "ORDER BY contype = 'f', oid"
    ).fetchall()
    for table, name, *_ in reversed(constraints):
        raw.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    indexes = raw.execute(
        f"SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid IN {of_these}"
    ).fetchall()
    for name, _ in indexes:
        raw.execute(f"DROP INDEX {name}")
    _copy_rows(raw.execute, times, sqlite=False)
    for table, name, kind, definition in constraints:
        raw.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition} {'NOT VALID' if kind == 'f' else ''}")
        say(name)
    for name, definition in indexes:
        raw.execute(definition)
        say(name)
    raw.execute("VACUUM ANALYZE")
    return int(raw.execute("SELECT count(*) FROM entries").fetchone()[0])


def say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


def _copy_rows(run: Run, times: int, *, sqlite: bool) -> int:
    """Each table `times` times, without what its rows trigger. The highest id of the original prompts."""
    highest = {table: _number(run, f"SELECT max(id) FROM {table}") for table in MULTIPLIED if _has_id(table)}
    span = _number(run, "SELECT max(added) - min(added) + 1 FROM entries")
    for table in MULTIPLIED:
        rows = _number(run, f"SELECT count(*) FROM {table}")
        for copy in range(1, times):
            run("BEGIN")
            run(_insert(table, copy, highest, span, rows, sqlite=sqlite))
            run("COMMIT")
        say(table)
    return highest["prompts"]


def _number(run: Run, statement: str) -> int:
    return run(statement).fetchone()[0] or 0


def _has_id(table: str) -> bool:
    return "id" in metadata.tables[table].c


def _insert(table: str, copy: int, highest: dict[str, int], span: int, rows: int, *, sqlite: bool) -> str:
    """INSERT of the copy number `copy` of the original rows of a table, which are the first ones in it."""
    columns = metadata.tables[table].c
    values = [_value(table, column, copy, highest, span, sqlite=sqlite) for column in columns]
    where = f"id <= {highest[table]}" if _has_id(table) else _first_only(table, highest)
    names = ", ".join(column.name for column in columns)
    return f"INSERT INTO {table} ({names}) SELECT {', '.join(values)} FROM {table} WHERE {where} LIMIT {rows}"


def _first_only(table: str, highest: dict[str, int]) -> str:
    for column in metadata.tables[table].c:
        if (other := _refers_to(table, column)) in highest:
            return f"{column.name} <= {highest[other]}"
    raise AssertionError(table)


def _refers_to(table: str, column: Any) -> str:
    if (table, column.name) == ("postings", "entry_id"):
        return "entries"
    keys = list(column.foreign_keys)
    return keys[0].column.table.name if keys else ""


def _value(table: str, column: Any, copy: int, highest: dict[str, int], span: int, *, sqlite: bool) -> str:
    name = column.name
    if name == "id":
        return f"id + {copy * highest[table]}"
    if (other := _refers_to(table, column)) in highest:
        return f"{name} + {copy * highest[other]}"
    number = f"x'{copy:012x}'" if sqlite else f"'\\x{copy:012x}'::bytea"
    if name == "uid":
        return _bytes(f"{number} || substr(uid, 7)", sqlite=sqlite)
    if name == "digest":
        return _bytes(f"substr({name}, 1, 9) || {number} || substr({name}, 16)", sqlite=sqlite)
    return f"{name} + {copy * span}" if name in TIMES else name


def _bytes(expression: str, *, sqlite: bool) -> str:
    return f"CAST({expression} AS BLOB)" if sqlite else expression


if __name__ == "__main__":
    main()
