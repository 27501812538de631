"""Less room: ids of 32 bits on PostgreSQL, and the words of a prompt once.

* An id stands in every index of its table and in every reference to it, mostly as the larger part of the row; two thousand
  million rows are enough. SQLite stores small numbers in few bytes by itself.
* The index of words is made of `prompts.tokens`, so only what it holds besides is stored: pairs of unspaced letters.
"""

from itertools import pairwise

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

IDS = {
    "adapters": ("id",),
    "blobs": ("id",),
    "collection_items": ("collection_id", "image_id"),
    "collections": ("id", "user_id", "cover_id"),
    "edges": ("child_id", "parent_id"),
    "entries": (
        "id", "user_id", "recipe_id", "environment_id", "model_id", "image_id", "blob_id", "trace_id", "run_id", "prompt_id",
        "method_id", "size_id",
    ),
    "entry_adapters": ("adapter_id", "entry_id"),
    "entry_inputs": ("entry_id", "blob_id"),
    "entry_payloads": ("entry_id", "payload_id", "raw_id"),
    "environment_parts": ("environment_id", "part_id"),
    "environments": ("id",),
    "image_tags": ("tag_id", "image_id", "user_id"),
    "images": ("id",),
    "import_files": ("folder_id", "entry_id"),
    "import_folders": ("id",),
    "methods": ("id",),
    "model_files": ("model_id",),
    "models": ("id",),
    "operations": ("id", "user_id"),
    "opinion_events": ("id", "image_id", "user_id", "operation_id"),
    "opinions": ("image_id", "user_id"),
    "parts": ("id",),
    "payloads": ("id",),
    "postings": ("value", "entry_id"),
    "prompts": ("id",),
    "recipes": ("id", "settings_id", "model_id", "prompt_id", "negative_id"),
    "regenerations": ("id", "user_id", "entry_id", "run_id", "environment_id", "image_id", "blob_id", "trace_id"),
    "run_entries": ("run_id", "entry_id"),
    "runs": ("id", "user_id"),
    "settings": ("id",),
    "sizes": ("id",),
    "tags": ("id",),
    "users": ("id",),
}  # fmt: skip

TRIGGERS = {
    "entries": "image_id",
    "image_tags": "tag_id, image_id",
    "opinions": "image_id, user_id, favourite, rating",
}
"""{table: the columns that its trigger looks at}; PostgreSQL does not alter these under it."""


def upgrade() -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    if sqlite:
        op.execute("DROP TRIGGER prompts_insert")
        op.execute("DROP TRIGGER prompts_delete")
        op.execute("DROP TABLE prompt_words")
    else:
        op.execute("DROP INDEX ix_prompts_words")
    op.execute("ALTER TABLE prompts RENAME COLUMN terms TO pairs")
    _keep_pairs(op.get_bind(), sqlite=sqlite)
    if sqlite:
        _sqlite_words()
        return
    for table in TRIGGERS:
        op.execute(f"DROP TRIGGER {table}_postings ON {table}")
    for table, names in IDS.items():
        op.execute(f"ALTER TABLE {table} " + ", ".join(f"ALTER COLUMN {name} TYPE INTEGER" for name in names))
    for table, columns in TRIGGERS.items():
        op.execute(
            f"CREATE TRIGGER {table}_postings AFTER INSERT OR DELETE OR UPDATE OF {columns} ON {table} "
            f"FOR EACH ROW EXECUTE FUNCTION seedbank_{table}()"
        )
    vector = "array_to_tsvector(string_to_array(btrim(tokens || pairs), ' '))"
    op.execute(f"CREATE INDEX ix_prompts_words ON prompts USING gin ({vector})")


def _sqlite_words() -> None:
    op.execute("CREATE VIRTUAL TABLE prompt_words USING fts5(words, content='', detail=none, columnsize=0, tokenize='ascii')")
    op.execute("INSERT INTO prompt_words (rowid, words) SELECT id, tokens || pairs FROM prompts")
    op.execute(
        "CREATE TRIGGER prompts_insert AFTER INSERT ON prompts "
        "BEGIN INSERT INTO prompt_words (rowid, words) VALUES (NEW.id, NEW.tokens || NEW.pairs); END"
    )
    op.execute(
        "CREATE TRIGGER prompts_delete AFTER DELETE ON prompts "
        "BEGIN INSERT INTO prompt_words (prompt_words, rowid, words) VALUES ('delete', OLD.id, OLD.tokens || OLD.pairs); END"
    )


# A copy of seedbank.store.words as it was at this revision: migrations import nothing from the package.

UNSPACED = (
    (0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1100, 0x11FF), (0x1780, 0x17FF), (0x3005, 0x3007), (0x3040, 0x31FF),
    (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xAC00, 0xD7AF), (0xF900, 0xFAFF), (0xFF66, 0xFF9F), (0x20000, 0x3FFFF),
)  # fmt: skip


def _is_unspaced(token: str) -> bool:
    code = ord(token[0])
    return code >= 0x0E00 and any(first <= code <= last for first, last in UNSPACED)


def _keep_pairs(connection: sa.Connection, *, sqlite: bool) -> None:
    prompts = sa.table("prompts", *map(sa.column, ("id", "tokens", "pairs")))
    other = prompts.c.tokens.op("GLOB" if sqlite else "~")("*[^ -~]*" if sqlite else "[^ -~]")
    connection.execute(sa.update(prompts).where(sa.not_(other)).values(pairs=""))
    last = 0
    statement = sa.select(prompts.c.id, prompts.c.tokens).where(other).order_by(prompts.c.id).limit(500)
    while rows := connection.execute(statement.where(prompts.c.id > last)).all():
        changed = [{"number": number, "found": _pairs(tokens.split())} for number, tokens in rows]
        update = sa.update(prompts).where(prompts.c.id == sa.bindparam("number")).values(pairs=sa.bindparam("found"))
        connection.execute(update, changed)
        last = rows[-1].id


def _pairs(tokens: list[str]) -> str:
    return " ".join(sorted({a + b for a, b in pairwise(tokens) if _is_unspaced(a) and _is_unspaced(b)}))
