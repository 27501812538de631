"""A SQLite bank of ten times as many entries, made from a kept one inside the database.

    python -m benchmarks.multiply FOLDER/sqlite-1000000 FOLDER/sqlite-10000000 --times 10

Building ten million entries through Python takes hours; copying rows with other ids and digests takes minutes. What entries
share (models, tags, users, settings …) stays; entries, recipes, prompts, pictures, files and opinions are there `times` times.
A copy's digests are those of the original with six bytes changed, so nothing of such a bank can be verified: it is for
measuring queries only.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from seedbank.store.database import Database, Place
from seedbank.store.schema import upgrade
from seedbank.store.tables import metadata

MULTIPLIED = (
    "blobs", "images", "prompts", "recipes", "entries", "entry_adapters", "edges", "image_tags", "opinions", "opinion_events",
    "regenerations", "postings",
)  # fmt: skip
"""In the order in which they refer to each other."""

TIMES = ("added",)


def main() -> None:
    """Copy the bank, multiply it, say how long it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--times", type=int, default=10)
    options = parser.parse_args()
    options.target.mkdir(parents=True)
    file = options.target / "bank.db"
    shutil.copy(options.source / "bank.db", file)
    if (older := upgrade(str(file)).copy) is not None:
        older.unlink()
    started = time.monotonic()
    database = Database(Place.parse(str(file)))
    with database.engine.connect() as connection:
        entries = _multiply(connection.connection.driver_connection, options.times, started)
    notes = {"entries": entries, "seconds": round(time.monotonic() - started, 1), "multiplied": options.times}
    (options.target / "built.json").write_text(json.dumps(notes))
    print(notes)


def _multiply(raw: Any, times: int, started: float) -> int:
    for setting in ("foreign_keys = OFF", "journal_mode = OFF", "synchronous = OFF", "cache_size = -6000000"):
        raw.execute(f"PRAGMA {setting}")
    later = raw.execute(
        "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL AND type IN ('index', 'trigger') ORDER BY type"
    ).fetchall()
    for kind, name, _ in later:
        raw.execute(f"DROP {kind} {name}")
    highest = {table: raw.execute(f"SELECT max(id) FROM {table}").fetchone()[0] or 0 for table in MULTIPLIED if _has_id(table)}
    span = raw.execute("SELECT max(added) - min(added) + 1 FROM entries").fetchone()[0]
    counts = {table: raw.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in MULTIPLIED}
    for table in MULTIPLIED:
        for copy in range(1, times):
            raw.execute("BEGIN")
            raw.execute(_insert(table, copy, highest, span, counts[table]))
            raw.execute("COMMIT")
        print(f"{table}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    for _, name, sql in later:
        raw.execute(sql)
        print(f"{name}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    raw.execute("BEGIN")
    raw.execute(
        "INSERT INTO prompt_words (rowid, words) SELECT id, tokens || pairs FROM prompts WHERE id > ?", (highest["prompts"],)
    )
    raw.execute("COMMIT")
    raw.execute("ANALYZE")
    raw.execute("PRAGMA journal_mode = WAL")
    return int(raw.execute("SELECT count(*) FROM entries").fetchone()[0])


def _has_id(table: str) -> bool:
    return "id" in metadata.tables[table].c


def _insert(table: str, copy: int, highest: dict[str, int], span: int, rows: int) -> str:
    """INSERT of the copy number `copy` of the original rows of a table."""
    columns = metadata.tables[table].c
    values = [_value(table, column, copy, highest, span) for column in columns]
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


def _value(table: str, column: Any, copy: int, highest: dict[str, int], span: int) -> str:
    name = column.name
    if name == "id":
        return f"id + {copy * highest[table]}"
    if (other := _refers_to(table, column)) in highest:
        return f"{name} + {copy * highest[other]}"
    if name == "uid":
        return f"CAST(x'{copy:012x}' || substr(uid, 7) AS BLOB)"
    if name == "digest":
        return f"CAST(substr({name}, 1, 9) || x'{copy:012x}' || substr({name}, 16) AS BLOB)"
    return f"{name} + {copy * span}" if name in TIMES else name


if __name__ == "__main__":
    main()
