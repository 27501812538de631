"""Less room, above all on PostgreSQL, where a row has 24 bytes before its first value and an index knows no small numbers.

* `postings` says kind and value in one number, `value * 4 + kind`.
* `image_tags` begins with the image, for which it is read most, and says no longer who gave a tag: the history does.
* Pipeline, scheduler and mode of a recipe are the same for thousands and go to its settings, which are stored once.
* On PostgreSQL digests are unique by their first 15 bytes, which takes half the room in an index, those of prompts, whose
  beginnings nobody asks for, by a hash index; rows that have no run, no file, no verdict or are not in the trash are left
  out of indexes that are only asked for the others; traces and prompts lie in the order of what has them, and events in that
  of operations, so that a summary of each stretch is enough; the primary key of the history begins with the image.
* Events say who and when only where that is not who did their operation, and when.
"""

import hashlib
import json

import rfc8785
import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

TAG, FAVOURITE, RATING = 0, 1, 2

SUMMARY = "WITH (pages_per_range = 32, autosummarize = on)"
"""Of an index of PostgreSQL that says of each 256 KiB of a table only which values are there."""


def upgrade() -> None:
    connection = op.get_bind()
    sqlite = connection.dialect.name == "sqlite"
    _drop_triggers(sqlite=sqlite)
    _postings()
    _image_tags(sqlite=sqlite)
    _settings(connection)
    if sqlite:
        _recipes_of_sqlite()
    else:
        _recipes_of_postgresql()
    _make_triggers(sqlite=sqlite)
    _events(sqlite=sqlite)
    if not sqlite:
        _postgresql()


# -- postings and tags ----------------------------------------------------------------------------------------------


def _key(kind: int, value: str) -> str:
    return f"{value} * 4 + {kind}"


RATED = "opinions.user_id * 8 + opinions.rating"


def _postings() -> None:
    op.drop_table("postings")
    op.create_table(
        "postings",
        sa.Column("key", sa.BigInteger().with_variant(sa.Integer(), "postgresql"), nullable=False),
        sa.Column("entry_id", sa.BigInteger().with_variant(sa.Integer(), "postgresql"), nullable=False),
        sa.PrimaryKeyConstraint("key", "entry_id", name="pk_postings"),
        sqlite_with_rowid=False,
    )
    selects = [
        f"SELECT {_key(kind, value)} AS key, entries.id FROM {source} "
        f"JOIN entries ON entries.image_id = {source}.image_id{condition}"
        for kind, value, source, condition in (
            (TAG, "image_tags.tag_id", "image_tags", ""),
            (FAVOURITE, "opinions.user_id", "opinions", " WHERE favourite"),
            (RATING, f"({RATED})", "opinions", " WHERE rating IS NOT NULL"),
        )
    ]
    op.execute(f"INSERT INTO postings (key, entry_id) {' UNION ALL '.join(selects)} ORDER BY 1, 2")


def _image_tags(*, sqlite: bool) -> None:
    if sqlite:
        op.rename_table("image_tags", "image_tags_before")
        op.drop_index("ix_image_tags_image_id", "image_tags_before")
        op.create_table(
            "image_tags",
            sa.Column("image_id", sa.BigInteger(), nullable=False),
            sa.Column("tag_id", sa.BigInteger(), nullable=False),
            sa.ForeignKeyConstraint(["image_id"], ["images.id"], name="fk_image_tags_image_id"),
            sa.ForeignKeyConstraint(["tag_id"], ["tags.id"], name="fk_image_tags_tag_id"),
            sa.PrimaryKeyConstraint("image_id", "tag_id", name="pk_image_tags"),
            sqlite_with_rowid=False,
        )
        op.execute("INSERT INTO image_tags (image_id, tag_id) SELECT image_id, tag_id FROM image_tags_before ORDER BY 1, 2")
        op.drop_table("image_tags_before")
    else:
        op.drop_index("ix_image_tags_image_id", "image_tags")
        op.drop_constraint("pk_image_tags", "image_tags")
        op.drop_column("image_tags", "user_id")
        op.create_primary_key("pk_image_tags", "image_tags", ["image_id", "tag_id"])
        op.execute("CLUSTER image_tags USING pk_image_tags")  # writes the rows anew, without the column
    op.create_index("ix_image_tags_tag_id", "image_tags", ["tag_id"])


# -- settings -------------------------------------------------------------------------------------------------------

SAID = ("pipeline", "scheduler", "mode")
SAME = " AND ".join(
    ("recipes.settings_id = kinds.settings_id", *(f"recipes.{name} IS NOT DISTINCT FROM kinds.{name}" for name in SAID))
)


def _settings(connection: sa.Connection) -> None:
    """Settings say what three columns of recipes said; those of several kinds of recipes become several, as `kinds` lists."""
    op.execute("CREATE TEMPORARY TABLE kinds (settings_id INTEGER, pipeline TEXT, scheduler TEXT, mode TEXT, now INTEGER)")
    op.execute("CREATE INDEX ix_kinds ON kinds (settings_id)")
    kinds = sa.table("kinds", *map(sa.column, ("settings_id", *SAID, "now")))
    settings = sa.table("settings", *map(sa.column, ("id", "digest", "body")))
    recipes = sa.table("recipes", *map(sa.column, ("settings_id", *SAID)))
    known = {digest: number for number, digest in connection.execute(sa.select(settings.c.id, settings.c.digest))}
    last = max(known.values(), default=0)
    for number, pipeline, scheduler, mode in connection.execute(sa.select(*recipes.c).distinct()).all():
        body = json.loads(connection.scalar(sa.select(settings.c.body).where(settings.c.id == number)))
        body |= {name: value for name, value in (("pipeline", pipeline), ("mode", mode)) if value is not None}
        if scheduler is not None:
            body["scheduler"]["class"] = scheduler
        digest = hashlib.sha256(rfc8785.dumps(body)).digest()
        if digest not in known:
            known[digest] = last = last + 1
            text = json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
            connection.execute(sa.insert(settings), {"id": last, "digest": digest, "body": text})
        kind = {"settings_id": number, "pipeline": pipeline, "scheduler": scheduler, "mode": mode, "now": known[digest]}
        connection.execute(sa.insert(kinds), kind)
    if last and connection.dialect.name == "postgresql":
        op.execute(f"SELECT setval(pg_get_serial_sequence('settings', 'id'), {last})")


def _recipes_of_sqlite() -> None:
    op.execute(f"UPDATE recipes SET settings_id = (SELECT kinds.now FROM kinds WHERE {SAME})")
    for name in SAID:
        op.drop_column("recipes", name)
    _forget_settings()


def _recipes_of_postgresql() -> None:
    """Written anew: an update would leave twice the rows, and dropped columns make the others larger."""
    op.drop_constraint("fk_entries_recipe_id", "entries")
    op.execute(
        f"""
        CREATE TABLE narrow AS SELECT recipes.id, digest, kinds.now AS settings_id, model_id, prompt_id, negative_id, seed,
            steps, guidance, width, height
        FROM recipes JOIN kinds ON {SAME} ORDER BY recipes.id
        """
    )
    op.execute("ALTER SEQUENCE recipes_id_seq OWNED BY narrow.id")
    op.drop_table("recipes")
    op.rename_table("narrow", "recipes")
    op.execute("ALTER TABLE recipes ALTER COLUMN id SET DEFAULT nextval('recipes_id_seq')")
    for name in ("id", "digest", "settings_id"):
        op.alter_column("recipes", name, nullable=False)
    op.create_primary_key("pk_recipes", "recipes", ["id"])
    references = {"settings_id": "settings", "model_id": "models", "prompt_id": "prompts", "negative_id": "prompts"}
    for name, table in references.items():
        op.create_foreign_key(f"fk_recipes_{name}", "recipes", table, [name], ["id"])
        if name != "prompt_id":
            op.create_index(f"ix_recipes_{name}", "recipes", [name])
    op.execute(f"CREATE INDEX ix_recipes_prompt_id ON recipes USING brin (prompt_id int4_minmax_multi_ops) {SUMMARY}")
    op.create_foreign_key("fk_entries_recipe_id", "entries", "recipes", ["recipe_id"], ["id"])
    _forget_settings()


def _forget_settings() -> None:
    op.execute("DELETE FROM settings WHERE NOT EXISTS (SELECT 1 FROM recipes WHERE settings_id = settings.id)")
    op.execute("DROP TABLE kinds")


# -- history --------------------------------------------------------------------------------------------------------

EVENTS = """
    SELECT opinion_events.id, image_id, operation_id, opinion_events.kind, value,
        nullif(opinion_events.user_id, operations.user_id) AS user_id, nullif(opinion_events.at, operations.at) AS at
    FROM opinion_events JOIN operations ON operations.id = operation_id ORDER BY opinion_events.id
"""


def _events(*, sqlite: bool) -> None:
    references = {"image_id": "images", "operation_id": "operations", "user_id": "users"}
    if sqlite:
        op.create_table(
            "narrow",
            sa.Column("id", sa.Integer(), nullable=False),
            *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("image_id", "operation_id")),
            sa.Column("kind", sa.Text(), nullable=False),
            sa.Column("value", sa.Text()),
            *(sa.Column(name, sa.BigInteger()) for name in ("user_id", "at")),
            *(
                sa.ForeignKeyConstraint([name], [f"{table}.id"], name=f"fk_opinion_events_{name}")
                for name, table in references.items()
            ),
            sa.PrimaryKeyConstraint("id", name="pk_opinion_events"),
        )
        op.execute(f"INSERT INTO narrow {EVENTS}")
        op.drop_table("opinion_events")
        op.rename_table("narrow", "opinion_events")
        for name in ("image_id", "operation_id"):
            op.create_index(f"ix_opinion_events_{name}", "opinion_events", [name])
        return
    op.execute(f"CREATE TABLE narrow AS {EVENTS}")
    op.execute("ALTER SEQUENCE opinion_events_id_seq OWNED BY narrow.id")
    op.drop_table("opinion_events")
    op.rename_table("narrow", "opinion_events")
    op.execute("ALTER TABLE opinion_events ALTER COLUMN id SET DEFAULT nextval('opinion_events_id_seq')")
    for name in ("id", "image_id", "operation_id", "kind"):
        op.alter_column("opinion_events", name, nullable=False)
    for name, table in references.items():
        op.create_foreign_key(f"fk_opinion_events_{name}", "opinion_events", table, [name], ["id"])
    op.create_primary_key("pk_opinion_events", "opinion_events", ["image_id", "id"])
    op.execute(f"CREATE INDEX ix_opinion_events_operation_id ON opinion_events USING brin (operation_id) {SUMMARY}")


# -- what keeps postings --------------------------------------------------------------------------------------------


def _of_image(row: str) -> str:
    """Selects of the postings of an entry."""
    return " UNION ALL ".join(
        (
            f"SELECT {_key(TAG, 'tag_id')}, {row}.id FROM image_tags WHERE image_id = {row}.image_id",
            f"SELECT {_key(FAVOURITE, 'user_id')}, {row}.id FROM opinions WHERE image_id = {row}.image_id AND favourite",
            f"SELECT {_key(RATING, f'({RATED})')}, {row}.id FROM opinions "
            f"WHERE image_id = {row}.image_id AND rating IS NOT NULL",
        )
    )


def _entry_gained(row: str) -> str:
    return f"INSERT INTO postings (key, entry_id) {_of_image(row)};"


def _entry_lost(row: str) -> str:
    keys = _of_image(row).replace(f", {row}.id", "")
    return f"DELETE FROM postings WHERE entry_id = {row}.id AND key IN ({keys});"


def _gained(key: str, row: str, condition: str = "") -> str:
    entries = f"SELECT {key}, id FROM entries WHERE image_id = {row}.image_id{condition}"
    return f"INSERT INTO postings (key, entry_id) {entries};"


def _lost(key: str, row: str) -> str:
    entries = f"SELECT id FROM entries WHERE image_id = {row}.image_id"
    return f"DELETE FROM postings WHERE key = {key} AND entry_id IN ({entries});"


def _tag_gained(row: str) -> str:
    return _gained(_key(TAG, f"{row}.tag_id"), row)


def _tag_lost(row: str) -> str:
    return _lost(_key(TAG, f"{row}.tag_id"), row)


def _opinion_keys(row: str) -> tuple[str, str]:
    return _key(FAVOURITE, f"{row}.user_id"), _key(RATING, f"({row}.user_id * 8 + {row}.rating)")


def _opinion_gained(row: str) -> str:
    favourite, rating = _opinion_keys(row)
    rated = _gained(rating, row, f" AND {row}.rating IS NOT NULL")
    return f"{_gained(favourite, row, f' AND {row}.favourite')} {rated}"


def _opinion_lost(row: str) -> str:
    return " ".join(_lost(key, row) for key in _opinion_keys(row))


# An image of which the last entry was purged loses its opinions by and by, so "lost" may find nothing to delete.
TRIGGERS = {
    "entries": (_entry_gained, _entry_lost, "image_id"),
    "image_tags": (_tag_gained, _tag_lost, "tag_id, image_id"),
    "opinions": (_opinion_gained, _opinion_lost, "image_id, user_id, favourite, rating"),
}


def _drop_triggers(*, sqlite: bool) -> None:
    for table in TRIGGERS:
        if sqlite:
            for event in ("insert", "delete", "update"):
                op.execute(f"DROP TRIGGER {table}_{event}")
        else:
            op.execute(f"DROP TRIGGER {table}_postings ON {table}")


def _make_triggers(*, sqlite: bool) -> None:
    for table, (gained, lost, columns) in TRIGGERS.items():
        if sqlite:
            op.execute(f"CREATE TRIGGER {table}_insert AFTER INSERT ON {table} BEGIN {gained('NEW')} END")
            op.execute(f"CREATE TRIGGER {table}_delete AFTER DELETE ON {table} BEGIN {lost('OLD')} END")
            moved = f"{lost('OLD')} {gained('NEW')}"
            op.execute(f"CREATE TRIGGER {table}_update AFTER UPDATE OF {columns} ON {table} BEGIN {moved} END")
            continue
        op.execute(
            f"""
            CREATE OR REPLACE FUNCTION seedbank_{table}() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF TG_OP <> 'INSERT' THEN {lost("OLD")} END IF;
                IF TG_OP <> 'DELETE' THEN {gained("NEW")} END IF;
                RETURN NULL;
            END $$
            """
        )
        op.execute(
            f"CREATE TRIGGER {table}_postings AFTER INSERT OR DELETE OR UPDATE OF {columns} ON {table} "
            f"FOR EACH ROW EXECUTE FUNCTION seedbank_{table}()"
        )


# -- indexes of PostgreSQL -------------------------------------------------------------------------------------------

BY_HEAD = ("blobs", "images", "recipes")
GROWING = ("blobs", "images", "prompts", "recipes")
PARTIAL = {
    "ix_entries_added_id": "(added)",
    "ix_entries_run_id_id": "(run_id, id) WHERE run_id IS NOT NULL",
    "ix_entries_blob_id": "(blob_id) WHERE blob_id IS NOT NULL",
    "ix_entries_trashed": "(trashed) WHERE trashed IS NOT NULL",
    "ix_entries_verdict_id": "(verdict, id) WHERE verdict IS NOT NULL",
    "ix_entries_trace_id": f"USING brin (trace_id int4_minmax_multi_ops) {SUMMARY}",
}


def _postgresql() -> None:
    for table in BY_HEAD:
        if table != "recipes":  # which is new
            op.drop_constraint(f"uq_{table}_digest", table)
        op.execute(f"CREATE UNIQUE INDEX uq_{table}_digest ON {table} (substr(digest, 1, 15))")
    op.drop_constraint("uq_prompts_digest", "prompts")
    op.execute("ALTER TABLE prompts ADD CONSTRAINT uq_prompts_digest EXCLUDE USING hash (digest WITH =)")
    for table in GROWING:  # at their end only, and their rows are not changed
        op.execute(f"ALTER INDEX pk_{table} SET (fillfactor = 100)")
        op.execute(f"REINDEX INDEX pk_{table}")
    for name, columns in PARTIAL.items():
        op.execute(f"DROP INDEX {name}")
        op.execute(f"CREATE INDEX {name} ON entries {columns}")
    op.execute("CREATE INDEX ix_entries_unjudged ON entries (id) WHERE verdict IS NULL")
