"""What entries are found by: columns and indexes in order of ids, the words of prompts, tags and opinions per entry.

* Entries carry what people search by, each with an index that ends in the id, so that any of them gives its entries
  newest first without sorting.
* `prompts.tokens` is the prompt as a stream of tokens, to be looked at; `prompts.terms` what the index of words holds:
  an FTS5 table on SQLite, a GIN index on PostgreSQL. `vocabulary` has every word once, to look for pieces of words.
* `postings` has tags, favourites and ratings, which hang on images, by entry. Triggers keep it.
"""

import hashlib
import json
import unicodedata
from itertools import pairwise

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
REFERENCES = {"prompt_id": "prompts", "method_id": "methods", "size_id": "sizes"}
ORDERED = (
    "added", "cfg", "created", "environment_id", "method_id", "model_id", "prompt_id", "run_id", "seed", "size_id", "steps",
    "user_id",
)  # fmt: skip
REPLACED = ("environment_id", "model_id", "run_id")


def upgrade() -> None:
    _new_tables()
    for name, table in REFERENCES.items():
        op.execute(f"ALTER TABLE entries ADD COLUMN {name} BIGINT CONSTRAINT fk_entries_{name} REFERENCES {table} (id)")
    for column in (sa.Column("seed", sa.BigInteger()), sa.Column("steps", sa.BigInteger()), sa.Column("cfg", sa.Double())):
        op.add_column("entries", column)
    op.add_column("prompts", sa.Column("tokens", sa.Text(), nullable=False, server_default=""))
    op.add_column("prompts", sa.Column("terms", sa.Text(), nullable=False, server_default=""))
    op.drop_column("prompts", "folded")
    connection = op.get_bind()
    _fill_prompts(connection)
    _fill_entries(connection)
    op.drop_index("ix_recipes_seed", "recipes")
    for name in REPLACED:
        op.drop_index(f"ix_entries_{name}", "entries")
    for name in ORDERED:
        op.create_index(f"ix_entries_{name}_id", "entries", [name, "id"])
    for name, condition in (("absent", "blob_id IS NULL"), ("obstructed", "obstacles IS NOT NULL")):
        op.execute(f"CREATE INDEX ix_entries_{name} ON entries (id) WHERE {condition}")
    if connection.dialect.name == "sqlite":
        _sqlite()
    else:
        _postgresql()


def _new_tables() -> None:
    op.create_table(
        "methods",
        sa.Column("id", ID, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("pipeline", sa.Text()),
        sa.Column("scheduler", sa.Text()),
        sa.Column("config", sa.Text()),
        sa.Column("dtypes", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_methods"),
        sa.UniqueConstraint("digest", name="uq_methods_digest"),
    )
    op.create_table(
        "sizes",
        sa.Column("id", ID, nullable=False),
        sa.Column("width", sa.BigInteger(), nullable=False),
        sa.Column("height", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sizes"),
        sa.UniqueConstraint("width", "height", name="uq_sizes_width_height"),
    )
    op.create_table(
        "adapters",
        sa.Column("id", ID, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("name", sa.Text()),
        sa.Column("folded", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_adapters"),
        sa.UniqueConstraint("digest", name="uq_adapters_digest"),
    )
    op.create_table(
        "entry_adapters",
        sa.Column("adapter_id", sa.BigInteger(), nullable=False),
        sa.Column("entry_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["adapter_id"], ["adapters.id"], name="fk_entry_adapters_adapter_id"),
        sa.ForeignKeyConstraint(["entry_id"], ["entries.id"], name="fk_entry_adapters_entry_id"),
        sa.PrimaryKeyConstraint("adapter_id", "entry_id", name="pk_entry_adapters"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_entry_adapters_entry_id", "entry_adapters", ["entry_id"])
    op.create_table(
        "vocabulary",
        sa.Column("word", sa.Text(collation="C").with_variant(sa.Text(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("word", name="pk_vocabulary"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "postings",
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.Column("entry_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "value", "entry_id", name="pk_postings"),
        sqlite_with_rowid=False,
    )


# -- what is there already ------------------------------------------------------------------------------------------
# A copy of seedbank.store.words as it was at this revision: migrations import nothing from the package.

MOST_TOKENS = 20_000
LONGEST_WORD = 64


def _fold(text: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


UNSPACED = (
    (0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1100, 0x11FF), (0x1780, 0x17FF), (0x3005, 0x3007), (0x3040, 0x31FF),
    (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xAC00, 0xD7AF), (0xF900, 0xFAFF), (0xFF66, 0xFF9F), (0x20000, 0x3FFFF),
)  # fmt: skip


def _is_unspaced(character: str) -> bool:
    code = ord(character)
    return code >= 0x0E00 and any(first <= code <= last for first, last in UNSPACED)


def _tokens(text: str) -> list[str]:
    found: list[str] = []
    word = ""
    for character in _fold(text):
        category = unicodedata.category(character)
        if (category[0] in "LN" or (category[0] == "M" and word)) and not _is_unspaced(character):
            if len(word) == LONGEST_WORD:
                found.append(word)
                word = ""
            word += character
            continue
        if word:
            found.append(word)
            word = ""
        if category[0] != "Z" and category != "Cc":
            found.append(character)
    if word:
        found.append(word)
    return found[:MOST_TOKENS]


def _terms(tokens: list[str]) -> list[str]:
    indexed = [token for token in tokens if not token.isascii() or token.isalnum()]
    pairs = [a + b for a, b in pairwise(tokens) if _is_unspaced(a[0]) and _is_unspaced(b[0])]
    return sorted({*indexed, *pairs})


def _fill_prompts(connection: sa.Connection) -> None:
    prompts = sa.table("prompts", *map(sa.column, ("id", "text", "tokens", "terms")))
    vocabulary = sa.table("vocabulary", sa.column("word"))
    last, known = 0, set()
    while rows := connection.execute(
        sa.select(prompts.c.id, prompts.c.text).where(prompts.c.id > last).order_by(prompts.c.id).limit(500)
    ).all():
        for number, text in rows:
            tokens = _tokens(text)
            terms = _terms(tokens)
            connection.execute(
                sa.update(prompts)
                .where(prompts.c.id == number)
                .values(tokens=f" {' '.join(tokens)} " if tokens else "", terms=" ".join(terms))
            )
            known.update(token for token in tokens if token in terms)
        last = rows[-1].id
    if known:
        connection.execute(sa.insert(vocabulary), [{"word": word} for word in sorted(known)])


OFFSET = ("ZImagePipeline",)
NO_CFG = ("LatentConsistencyModelPipeline", "Flux2Pipeline")
TRUE_CFG = ("FluxPipeline", "QwenImagePipeline")


def _fill_entries(connection: sa.Connection) -> None:
    connection.execute(
        sa.text(
            """
            INSERT INTO sizes (width, height)
            SELECT DISTINCT coalesce(images.width, recipes.width), coalesce(images.height, recipes.height)
            FROM entries LEFT JOIN images ON images.id = entries.image_id LEFT JOIN recipes ON recipes.id = entries.recipe_id
            WHERE coalesce(images.width, recipes.width) IS NOT NULL AND coalesce(images.height, recipes.height) IS NOT NULL
            """
        )
    )
    for name in ("prompt_id", "seed", "steps"):
        connection.execute(
            sa.text(f"UPDATE entries SET {name} = (SELECT recipes.{name} FROM recipes WHERE recipes.id = entries.recipe_id)")
        )
    connection.execute(
        sa.text(
            """
            UPDATE entries SET size_id = (
                SELECT sizes.id FROM entries e
                LEFT JOIN images ON images.id = e.image_id LEFT JOIN recipes ON recipes.id = e.recipe_id
                JOIN sizes ON sizes.width = coalesce(images.width, recipes.width)
                    AND sizes.height = coalesce(images.height, recipes.height)
                WHERE e.id = entries.id
            )
            """
        )
    )
    entries = sa.table("entries", *map(sa.column, ("id", "recipe_id", "method_id", "cfg")))
    methods = sa.table("methods", *map(sa.column, ("id", "digest", "pipeline", "scheduler", "config", "dtypes")))
    recipes = sa.table("recipes", *map(sa.column, ("id", "settings_id", "pipeline", "scheduler", "guidance")))
    settings = sa.table("settings", *map(sa.column, ("id", "body")))
    known: dict[bytes, int] = {}
    last = 0
    statement = (
        sa.select(recipes.c.id, recipes.c.pipeline, recipes.c.scheduler, recipes.c.guidance, settings.c.body)
        .select_from(recipes.join(settings, recipes.c.settings_id == settings.c.id))
        .order_by(recipes.c.id)
        .limit(500)
    )
    while rows := connection.execute(statement.where(recipes.c.id > last)).all():
        for row in rows:
            body = json.loads(row.body)
            scheduler = body.get("scheduler")
            config = scheduler.get("config") if isinstance(scheduler, dict) else None
            values = {"pipeline": row.pipeline, "scheduler": row.scheduler, "config": config, "dtypes": body.get("dtypes")}
            known_values = {name: value for name, value in values.items() if value is not None}
            text = json.dumps(known_values, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
            digest = hashlib.sha256(text.encode()).digest()
            if digest not in known:
                known[digest] = len(known) + 1
                plain = {
                    name: value
                    if value is None or name in ("pipeline", "scheduler")
                    else json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
                    for name, value in values.items()
                }
                connection.execute(sa.insert(methods), [{"id": known[digest], "digest": digest, **plain}])
            connection.execute(
                sa.update(entries)
                .where(entries.c.recipe_id == row.id)
                .values(method_id=known[digest], cfg=_cfg(row.pipeline, row.guidance, body.get("call") or {}))
            )
        last = rows[-1].id
    if known and connection.dialect.name == "postgresql":
        connection.execute(sa.text("SELECT setval(pg_get_serial_sequence('methods', 'id'), (SELECT max(id) FROM methods))"))


KNOWN_PIPELINES = (
    "ZImagePipeline", "StableDiffusionPipeline", "StableDiffusionXLPipeline", "StableDiffusion3Pipeline", "FluxPipeline",
    "Flux2KleinPipeline", "ChromaPipeline", "QwenImagePipeline", "SanaPipeline", "PixArtAlphaPipeline", "PixArtSigmaPipeline",
    "Lumina2Pipeline", "AuraFlowPipeline", "CogView4Pipeline", "KolorsPipeline", "HunyuanDiTPipeline", "HiDreamImagePipeline",
)  # fmt: skip


def _cfg(pipeline, guidance, call):
    if pipeline not in KNOWN_PIPELINES or pipeline in NO_CFG:
        return None
    if pipeline in TRUE_CFG:
        value = call.get("true_cfg_scale")
        return float(value) if isinstance(value, (int, float)) else None
    if guidance is None:
        return None
    return guidance + 1.0 if pipeline in OFFSET else guidance


# -- what keeps itself ----------------------------------------------------------------------------------------------

TAG, FAVOURITE, RATING = 0, 1, 2


def _of_image(image: str, entry: str) -> list[str]:
    """Selects of the postings of an entry with this image."""
    return [
        f"SELECT {TAG}, tag_id, {entry} FROM image_tags WHERE image_id = {image}",
        f"SELECT {FAVOURITE}, user_id, {entry} FROM opinions WHERE image_id = {image} AND favourite",
        f"SELECT {RATING}, user_id * 8 + rating, {entry} FROM opinions WHERE image_id = {image} AND rating IS NOT NULL",
    ]


def _entry_gained(row: str) -> str:
    selects = " UNION ALL ".join(_of_image(f"{row}.image_id", f"{row}.id"))
    return f"INSERT INTO postings (kind, value, entry_id) {selects};"


def _entry_lost(row: str) -> str:
    return " ".join(
        f"DELETE FROM postings WHERE kind = {kind} AND entry_id = {row}.id AND value IN ({values});"
        for kind, values in (
            (TAG, f"SELECT tag_id FROM image_tags WHERE image_id = {row}.image_id"),
            (FAVOURITE, f"SELECT user_id FROM opinions WHERE image_id = {row}.image_id"),
            (RATING, f"SELECT user_id * 8 + rating FROM opinions WHERE image_id = {row}.image_id AND rating IS NOT NULL"),
        )
    )


def _gained(kind: int, value: str, row: str, condition: str = "") -> str:
    return (
        f"INSERT INTO postings (kind, value, entry_id) SELECT {kind}, {value}, id FROM entries "
        f"WHERE image_id = {row}.image_id{condition};"
    )


def _lost(kind: int, value: str, row: str) -> str:
    entries = f"SELECT id FROM entries WHERE image_id = {row}.image_id"
    return f"DELETE FROM postings WHERE kind = {kind} AND value = {value} AND entry_id IN ({entries});"


def _tag_gained(row: str) -> str:
    return _gained(TAG, f"{row}.tag_id", row)


def _tag_lost(row: str) -> str:
    return _lost(TAG, f"{row}.tag_id", row)


def _opinion_gained(row: str) -> str:
    return " ".join(
        (
            _gained(FAVOURITE, f"{row}.user_id", row, f" AND {row}.favourite"),
            _gained(RATING, f"{row}.user_id * 8 + {row}.rating", row, f" AND {row}.rating IS NOT NULL"),
        )
    )


def _opinion_lost(row: str) -> str:
    return f"{_lost(FAVOURITE, f'{row}.user_id', row)} {_lost(RATING, f'{row}.user_id * 8 + {row}.rating', row)}"


# An image of which the last entry was purged loses its opinions by and by, so "lost" may find nothing to delete.
TRIGGERS = {
    "entries": (_entry_gained, _entry_lost, "image_id"),
    "image_tags": (_tag_gained, _tag_lost, "tag_id, image_id"),
    "opinions": (_opinion_gained, _opinion_lost, "image_id, user_id, favourite, rating"),
}


def _sqlite() -> None:
    op.execute("CREATE VIRTUAL TABLE prompt_words USING fts5(terms, content='', detail=none, columnsize=0, tokenize='ascii')")
    op.execute("INSERT INTO prompt_words (rowid, terms) SELECT id, terms FROM prompts")
    op.execute(
        "CREATE TRIGGER prompts_insert AFTER INSERT ON prompts "
        "BEGIN INSERT INTO prompt_words (rowid, terms) VALUES (NEW.id, NEW.terms); END"
    )
    op.execute(
        "CREATE TRIGGER prompts_delete AFTER DELETE ON prompts "
        "BEGIN INSERT INTO prompt_words (prompt_words, rowid, terms) VALUES ('delete', OLD.id, OLD.terms); END"
    )
    _fill_postings()
    for table, (gained, lost, columns) in TRIGGERS.items():
        op.execute(f"CREATE TRIGGER {table}_insert AFTER INSERT ON {table} BEGIN {gained('NEW')} END")
        op.execute(f"CREATE TRIGGER {table}_delete AFTER DELETE ON {table} BEGIN {lost('OLD')} END")
        moved = f"{lost('OLD')} {gained('NEW')}"
        op.execute(f"CREATE TRIGGER {table}_update AFTER UPDATE OF {columns} ON {table} BEGIN {moved} END")


def _postgresql() -> None:
    op.execute("CREATE INDEX ix_prompts_words ON prompts USING gin (array_to_tsvector(string_to_array(terms, ' ')))")
    _fill_postings()
    for table, (gained, lost, columns) in TRIGGERS.items():
        op.execute(
            f"""
            CREATE FUNCTION seedbank_{table}() RETURNS trigger LANGUAGE plpgsql AS $$
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


def _fill_postings() -> None:
    for kind, value, source, condition in (
        (TAG, "tag_id", "image_tags", ""),
        (FAVOURITE, "opinions.user_id", "opinions", " WHERE favourite"),
        (RATING, "opinions.user_id * 8 + rating", "opinions", " WHERE rating IS NOT NULL"),
    ):
        op.execute(
            f"INSERT INTO postings (kind, value, entry_id) SELECT {kind}, {value}, entries.id "
            f"FROM {source} JOIN entries ON entries.image_id = {source}.image_id{condition}"
        )
