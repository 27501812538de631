"""Less room again, and fewer rows for each entry.

* A trace is the file of its digest in the image store, which entries and attempts say already: its size stands beside it,
  and it has no row among the files any more. That was one more random place in the largest index for each entry.
* On PostgreSQL the columns of the largest tables stand in the order of their alignment, wide numbers first and bytes last, and
  steps, widths and heights have 32 bits. A number of a recipe that does not fit goes to its settings, as any other value does
  that has no column.
"""

import hashlib
import json
import re

import rfc8785
import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

TRACED = ("entries", "regenerations")
COPIED = (*TRACED, "blobs")

TRACES = " UNION ".join(f"SELECT trace_id FROM {table} WHERE trace_id IS NOT NULL" for table in TRACED)
OTHERS = """
    SELECT blob_id FROM entries WHERE blob_id IS NOT NULL UNION SELECT blob_id FROM entry_inputs
    UNION SELECT blob_id FROM regenerations WHERE blob_id IS NOT NULL
    UNION SELECT blobs.id FROM blobs JOIN model_files ON model_files.sha256 = blobs.digest
"""
ONLY_TRACES = f"SELECT * FROM ({TRACES}) AS traces EXCEPT SELECT * FROM ({OTHERS}) AS others"


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        _sqlite(connection)
    else:
        _postgresql(connection)


def _rows(table: str, columns: list[str]) -> str:
    """Select of these columns of a table as they shall be, in order of ids."""
    listed = ", ".join(f"rows.{name}" for name in columns)
    if table in TRACED:
        listed = listed.replace("rows.trace_digest", "coalesce(traces.digest, rows.trace_digest) AS trace_digest")
        listed = listed.replace("rows.trace_size", "traces.size AS trace_size")
        return f"SELECT {listed} FROM {table} AS rows LEFT JOIN blobs AS traces ON traces.id = rows.trace_id ORDER BY rows.id"
    if table == "blobs":  # joined, since PostgreSQL goes through a long list of what is NOT IN anew for each row
        left_out = f"LEFT JOIN ({ONLY_TRACES}) AS traces ON traces.trace_id = rows.id WHERE traces.trace_id IS NULL"
        return f"SELECT {listed} FROM blobs AS rows {left_out} ORDER BY rows.id"
    return f"SELECT {listed} FROM {table} AS rows ORDER BY rows.id"


# -- SQLite ------------------------------------------------------------------------------------------------------------


def _sqlite(connection: sa.Connection) -> None:
    op.execute("PRAGMA cache_size = -262144")  # KiB, of this connection: digests land anywhere in their indexes
    triggers = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").all()
    indexes = connection.exec_driver_sql(
        f"SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN {COPIED}"
    ).all()
    for name, _ in triggers:
        op.execute(f"DROP TRIGGER {name}")
    for table in COPIED:
        _copy(connection, table)
    for table in COPIED:
        op.drop_table(table)
        op.rename_table(f"{table}_now", table)
    for name, statement in (*indexes, *triggers):
        if not name.endswith("_trace_id"):
            connection.exec_driver_sql(statement)


def _copy(connection: sa.Connection, table: str) -> None:
    """The table as it shall be, as `table_now`; ids go on where they were, also behind purged ones."""
    made = connection.exec_driver_sql(f"SELECT sql FROM sqlite_master WHERE name = '{table}'").scalar_one()
    for pattern, now in (
        (rf'^CREATE TABLE "?{table}"?', f"CREATE TABLE {table}_now"),
        (r"trace_id BIGINT,\s*", ""),
        (r"trace_digest BLOB,", "trace_digest BLOB, trace_size BIGINT,"),
        (r"CONSTRAINT fk_\w+_trace_id FOREIGN KEY\(trace_id\) REFERENCES blobs \(id\),\s*", ""),
    ):
        made = re.sub(pattern, now, made)
    connection.exec_driver_sql(made)
    columns = [row.name for row in connection.exec_driver_sql(f"PRAGMA table_info({table}_now)")]
    connection.exec_driver_sql(f"INSERT INTO {table}_now ({', '.join(columns)}) {_rows(table, columns)}")
    if table in TRACED:
        op.execute(f"DELETE FROM sqlite_sequence WHERE name = '{table}_now'")
        op.execute(
            f"INSERT INTO sqlite_sequence (name, seq) SELECT '{table}_now', seq FROM sqlite_sequence WHERE name = '{table}'"
        )


# -- PostgreSQL --------------------------------------------------------------------------------------------------------

ORDERS = {
    "entries": (
        "added, created, seed, cfg, trashed, id, user_id, recipe_id, environment_id, model_id, image_id, blob_id, run_id, "
        "prompt_id, method_id, size_id, steps, trace_size, uid, trace_digest, origin, verdict, output, obstacles, details"
    ),
    "regenerations": (
        "at, id, user_id, entry_id, run_id, environment_id, image_id, blob_id, trace_size, experiment, uid, trace_digest, "
        "verdict, trace, first_difference, output, drift, explanation, evidence"
    ),
    "recipes": "seed, guidance, id, settings_id, model_id, prompt_id, negative_id, steps, width, height, digest",
    "images": "phash, id, width, height, digest, mode",
    "blobs": "size, id, digest, media_type, location",
}
"""{table: its columns}: of 8 bytes first, then of 4, then those of any length, so that nothing lies between them."""
NARROW = {"entries": ("steps",), "recipes": ("steps", "width", "height"), "images": ("width", "height")}


def _postgresql(connection: sa.Connection) -> None:
    _settle_large_numbers(connection)
    made = [statement for table in ORDERS for statement in _take_down(connection, table)]
    for table, order in ORDERS.items():
        columns = order.split(", ")
        narrow = _rows(table, columns)
        for name in NARROW.get(table, ()):
            narrow = narrow.replace(f"rows.{name}", f"rows.{name}::integer AS {name}")
        op.execute(f"CREATE TABLE {table}_now AS {narrow.replace('traces.size AS', 'traces.size::integer AS')}")
        op.execute(f"ALTER SEQUENCE {table}_id_seq OWNED BY {table}_now.id")
    for table in ORDERS:
        op.drop_table(table)
        op.rename_table(f"{table}_now", table)
    for statement in sorted(made, key=_rank):
        if "trace_id" not in statement:
            connection.exec_driver_sql(statement.replace("%", "%%"))


def _take_down(connection: sa.Connection, table: str) -> list[str]:
    """What makes everything of a table again that goes with it; the foreign keys that point to it are gone afterwards."""
    asked = {
        "SELECT format('ALTER TABLE %s ALTER COLUMN %I SET NOT NULL', attrelid::regclass, attname) FROM pg_attribute "
        "WHERE attrelid = '{0}'::regclass AND attnum > 0 AND attnotnull AND NOT attisdropped",
        "SELECT format('ALTER TABLE %s ALTER COLUMN id SET DEFAULT nextval(%L)', '{0}', '{0}_id_seq')",
        "SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = '{0}'::regclass",
        "SELECT format('ALTER TABLE %s ADD CONSTRAINT %I %s USING INDEX %I', conrelid::regclass, conname, "
        "CASE contype WHEN 'p' THEN 'PRIMARY KEY' ELSE 'UNIQUE' END, conname) "
        "FROM pg_constraint WHERE conrelid = '{0}'::regclass AND contype IN ('p', 'u')",
        "SELECT format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) "
        "FROM pg_constraint WHERE contype = 'f' AND '{0}'::regclass IN (conrelid, confrelid)",
        "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = '{0}'::regclass AND NOT tgisinternal",
    }
    found = [
        statement
        for question in asked
        for statement in connection.exec_driver_sql(question.format(table).replace("%", "%%")).scalars()
    ]
    for statement in found:
        if match := re.match(r"ALTER TABLE (\w+) ADD CONSTRAINT (\w+) FOREIGN KEY", statement):
            op.drop_constraint(match[2], match[1])
    return found


def _rank(statement: str) -> int:
    """Foreign keys need the keys that they point to, and these their indexes."""
    kinds = (
        "SET NOT NULL",
        "SET DEFAULT",
        "CREATE UNIQUE INDEX",
        "CREATE INDEX",
        "USING INDEX",
        "FOREIGN KEY",
        "CREATE TRIGGER",
    )
    return next(rank for rank, kind in enumerate(kinds) if kind in statement)


CALL = {"steps": "num_inference_steps", "width": "width", "height": "height"}
LARGEST = 2**31 - 1


def _settle_large_numbers(connection: sa.Connection) -> None:
    """Numbers of recipes that do not fit into 32 bits stand in their settings, which others may share."""
    large = " OR ".join(f"abs({name}::numeric) > {LARGEST}" for name in CALL)
    recipes = sa.table("recipes", *map(sa.column, ("id", "settings_id", *CALL)))
    settings = sa.table("settings", *map(sa.column, ("id", "digest", "body")))
    for row in connection.execute(sa.select(recipes).where(sa.text(large))).all():
        body = json.loads(connection.scalar(sa.select(settings.c.body).where(settings.c.id == row.settings_id)))
        moved = {name: getattr(row, name) for name in CALL if abs(getattr(row, name) or 0) > LARGEST}
        body["call"] = body.get("call", {}) | {CALL[name]: number for name, number in moved.items()}
        digest = hashlib.sha256(rfc8785.dumps(body)).digest()
        known = sa.select(settings.c.id).where(settings.c.digest == digest)
        if connection.scalar(known) is None:
            text = json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
            connection.execute(sa.insert(settings), {"digest": digest, "body": text})
        values = dict.fromkeys(moved) | {"settings_id": connection.scalar(known)}
        connection.execute(sa.update(recipes).where(recipes.c.id == row.id).values(values))
    op.execute(f"UPDATE entries SET steps = NULL WHERE abs(steps::numeric) > {LARGEST}")
