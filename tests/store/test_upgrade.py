"""An upgrade that is in somebody's way, or has somebody in its own: killed, without room, beside other programs."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from seedbank.errors import OtherSchema, StorageError
from seedbank.store import Store, schema
from seedbank.store import copies as copying
from seedbank.store.database import Database
from seedbank.store.integrity import integrity
from seedbank.store.place import Place
from seedbank.store.versions import HEAD
from tests.conftest import Databases
from tests.store import golden
from tests.store.examples import new_entry

OTHER_NAMES = """
from alembic import op
revision, down_revision = "0900", "{head}"
def upgrade():
    op.execute("ALTER TABLE entries RENAME COLUMN origin TO source")
"""

WRITTEN_ANEW = """
from alembic import op
revision, down_revision = "0900", "{head}"
def upgrade():
    op.execute("SELECT pg_sleep(0.5)")
    op.execute("ALTER TABLE entries ALTER COLUMN steps TYPE BIGINT")
"""

KILLED = """
import os, signal
from alembic import op
revision, down_revision = "0900", "{head}"
def upgrade():
    op.execute("DELETE FROM opinion_events")
    os.kill(os.getpid(), signal.SIGKILL)
"""

WITHOUT_ROOM = """
from alembic import op
revision, down_revision = "0900", "{head}"
def upgrade():
    pages = op.get_bind().exec_driver_sql("PRAGMA page_count").scalar_one()
    op.execute(f"PRAGMA max_page_count = {{pages + 20}}")
    op.execute("DELETE FROM opinion_events")
    for number in range(100):
        op.execute(f"CREATE TABLE more_{{number}} AS SELECT * FROM entries")
"""


class Heard:
    """Progress that keeps (label, unit, total, what was done)."""

    def __init__(self) -> None:
        self.tasks: list[list[Any]] = []

    @contextmanager
    def task(self, label: str, total: int | None = None, unit: str = "") -> Iterator[Heard]:
        self.tasks.append([label, unit, total, 0])
        yield self

    def advance(self, count: int = 1) -> None:
        self.tasks[-1][-1] += count


def copies(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.glob("bank.db.*"))


def test_a_program_that_has_an_upgraded_bank_open_neither_writes_nor_guesses(bank_url: str, with_migration):
    with Store.open(bank_url, user="ann") as store:
        store.add_entry(new_entry(1))
        with_migration(OTHER_NAMES)
        schema.upgrade(bank_url)
        for attempt in (lambda: store.add_entry(new_entry(2)), lambda: store.tag([1], ["red"]), lambda: store.entry(1)):
            with pytest.raises(OtherSchema, match="written by a newer seedbank"):
                attempt()


def test_whoever_reads_during_an_upgrade_does_not_find_empty_tables(bank_url: str, databases: Databases, with_migration):
    """A snapshot from before the upgrade sees none of the rows that were written anew."""
    if databases.kind == "sqlite":
        pytest.skip("readers of SQLite see the tables of before")
    with Store.open(bank_url, user="ann") as store, ThreadPoolExecutor(1) as threads:
        golden.fill(store)
        found = store.find()
        with_migration(WRITTEN_ANEW)
        upgraded = threads.submit(schema.upgrade, bank_url)
        sessions = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%%pg_sleep(0.5)%%' AND pid <> pg_backend_pid()"
        for _ in range(1000):
            with store.database.engine.connect() as connection:
                if connection.exec_driver_sql(sessions).scalar_one():
                    break
            time.sleep(0.01)
        assert store.find() == found
        assert upgraded.result().after == "0900"


def test_two_upgrades_at_once_are_one(empty_url: str, databases: Databases, tmp_path: Path):
    golden.of_revision("0008", empty_url, tmp_path)
    with ThreadPoolExecutor(2) as threads:
        done = list(threads.map(schema.upgrade, [empty_url] * 2))
    assert sorted(one.before for one in done) == ["0008", HEAD]
    assert len([one.copy for one in done if one.copy]) == (databases.kind == "sqlite")
    with Store.open(empty_url, user="ann") as store:
        assert list(integrity(store)) == []


def test_a_killed_upgrade_leaves_the_bank_as_it_was(bank_url: str, with_migration):
    before = golden.filled(bank_url)
    with_migration(KILLED)
    child = os.fork()
    if child == 0:
        try:
            schema.upgrade(bank_url)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    with Store.open(bank_url) as store, store.database.reading() as connection:
        assert (golden.describe(connection), golden.contents(connection)) == before


def test_what_others_hung_on_tables_is_named_and_no_copy_stays(empty_url: str, databases: Databases, tmp_path: Path):
    golden.of_revision("0008", empty_url, tmp_path)
    database = Database(Place.parse(empty_url))
    with database.writing() as connection:
        connection.exec_driver_sql("CREATE VIEW theirs AS SELECT trace_id FROM entries")
    beside = Path(Place.parse(empty_url).file or tmp_path / "none")
    with pytest.raises(StorageError, match=r"cannot be upgraded: .*theirs.* Nothing was changed"):
        schema.upgrade(empty_url)
    assert list(beside.parent.glob(f"{beside.name}.0008.*")) == []
    with database.writing() as connection:
        connection.exec_driver_sql("DROP VIEW theirs")
    database.close()
    assert schema.upgrade(empty_url).before == "0008"


def test_pieces_of_copies_that_killed_upgrades_left_go_and_copies_stay(tmp_path: Path):
    golden.load_bank("0008", tmp_path / "bank.db")
    for name in ("bank.db.0007.20260101T000000Z", "bank.db.0008.20260101T000000Z.unfinished", "bank.db.0008.mine.txt"):
        (tmp_path / name).write_bytes(b"x")
    made = schema.upgrade(str(tmp_path / "bank.db")).copy
    assert made is not None
    left = {file.name for file in tmp_path.glob("bank.db.*")}
    assert left == {"bank.db.0007.20260101T000000Z", "bank.db.0008.mine.txt", made.name}


def test_who_may_not_read_a_bank_may_not_read_its_copies(tmp_path: Path):
    golden.load_bank("0008", tmp_path / "bank.db")
    (tmp_path / "bank.db").chmod(0o600)
    backup = schema.backup(str(tmp_path / "bank.db"), tmp_path / "backup")
    made = schema.upgrade(str(tmp_path / "bank.db")).copy
    assert made is not None
    assert {file.stat().st_mode & 0o777 for file in (backup, made, tmp_path / "bank.db")} == {0o600}


def test_two_copies_to_one_place_are_both_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    golden.load_bank("0008", tmp_path / "bank.db")
    pages, copied = copying._copy_pages, []

    def meanwhile(*arguments: Any) -> None:
        if not copied:
            copied.append(None)
            copied[0] = schema.backup(str(tmp_path / "bank.db"), tmp_path / "backup").stat().st_size
        pages(*arguments)

    monkeypatch.setattr(copying, "_copy_pages", meanwhile)
    assert schema.backup(str(tmp_path / "bank.db"), tmp_path / "backup").stat().st_size == copied[0]
    assert schema.status(str(tmp_path / "backup")).revision == "0008"
    assert {file.name for file in tmp_path.iterdir()} == {"bank.db", "backup"}


def test_a_dump_is_nobody_elses_and_what_pg_dump_says_is_not_explained_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    tool = tmp_path / "pg_dump"
    tool.write_text("#!/bin/sh\nfor word; do case $word in --file=*) echo dump > ${word#--file=};; esac; done\n")
    tool.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    place = Place.parse("postgresql://ann:secret@db.example/art")
    copying._dump_postgresql(place, tmp_path / "copy")
    assert (tmp_path / "copy").stat().st_mode & 0o777 == 0o600
    tool.write_text("#!/bin/sh\necho 'pg_dump: error: permission denied for table entries' >&2; exit 1\n")
    with pytest.raises(StorageError, match=r"permission denied for table entries$"):
        copying._dump_postgresql(place, tmp_path / "other")
    with pytest.raises(StorageError, match=r"could not be copied to .*: No such file or directory"):
        copying._dump_postgresql(place, tmp_path / "no" / "folder")
    assert {file.name for file in tmp_path.iterdir()} == {"pg_dump", "copy"}


def test_an_upgrade_without_room_leaves_the_bank_and_no_copy(tmp_path: Path, with_migration):
    file = tmp_path / "bank.db"
    with Store.create(str(file), user="ann") as store:
        golden.fill(store)
        with store.database.reading() as connection:
            before = golden.describe(connection), golden.contents(connection)
    with_migration(WITHOUT_ROOM)
    with pytest.raises(StorageError, match="disk is full"):
        schema.upgrade(str(file))
    assert list(tmp_path.glob("bank.db.*")) == []
    with Store.open(str(file)) as store, store.database.reading() as connection:
        assert (golden.describe(connection), golden.contents(connection)) == before


def test_whoever_reads_for_long_is_waited_for_and_then_said(
    empty_url: str, databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    if databases.kind == "sqlite":
        pytest.skip("readers of SQLite are in nobody's way")
    golden.of_revision("0008", empty_url, tmp_path)
    monkeypatch.setattr(schema, "PATIENCE", "100ms")
    reader = Database(Place.parse(empty_url))
    with reader.reading() as connection:
        connection.exec_driver_sql("SELECT count(*) FROM recipes")
        with pytest.raises(StorageError, match="Another program uses"):
            schema.upgrade(empty_url)
    assert schema.upgrade(empty_url).before == "0008"
    reader.close()


def test_an_upgrade_shows_how_far_it_is(empty_url: str, databases: Databases, tmp_path: Path):
    golden.of_revision("0001", empty_url, tmp_path)
    heard = Heard()
    schema.upgrade(empty_url, heard)
    file = Place.parse(empty_url).file
    if file is not None:
        copying = heard.tasks.pop(0)
        assert copying[:2] == ["copying", "B"]
        assert copying[2] == copying[3] > 0
    upgrading, _ = heard.tasks
    assert upgrading[:2] == [f"upgrading from 0001 to {HEAD}", " statements"]
    assert upgrading[3] > 100
