"""Connections: safe journals, many writers, full disks, and errors in one sentence."""

from __future__ import annotations

import gc
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

from seedbank.errors import BadInput, NoBank, SeedbankError, StorageError
from seedbank.query import parse
from seedbank.store import Store, postgresql
from seedbank.store.integrity import integrity
from seedbank.store.sending import send
from seedbank.store.sqlite import SAFE_WAL, journal_mode, sqlite_module
from tests.conftest import Databases
from tests.store.examples import new_entry


def python(code: str, *arguments: str) -> subprocess.Popen[str]:
    """A Python of its own that runs `code`, with the modules of this checkout."""
    environment = os.environ | {"PYTHONPATH": os.getcwd()}
    return subprocess.Popen([sys.executable, "-c", code, *arguments], env=environment, text=True, stderr=subprocess.PIPE)


RECORD = """
import sys
from seedbank.store import Store
from tests.store.examples import new_entry
url, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
with Store.open(url, user=name) as store:
    for number in range(count):
        store.add_entry(new_entry(1000 * int(name) + number, tags=("poster",)))
"""


@pytest.mark.parametrize("writers", [2])
def test_processes_record_into_one_bank_at_once(store: Store, bank_url: str, writers: int):
    started = [python(RECORD, bank_url, str(number), "50") for number in range(writers)]
    assert [(one.communicate()[1], one.returncode) for one in started] == [("", 0)] * writers
    assert store.count() == 50 * writers
    assert sorted({entry.user for entry in store.find(limit=1000)}) == [str(number) for number in range(writers)]
    assert list(integrity(store)) == []


@pytest.mark.slow
def test_eight_processes_record_800_entries_into_one_bank(store: Store, bank_url: str):
    started = [python(RECORD, bank_url, str(number), "100") for number in range(8)]
    assert [(one.communicate()[1], one.returncode) for one in started] == [("", 0)] * 8
    assert store.count() == 800
    assert list(integrity(store)) == []


def in_a_fork(act: Callable[[], object]) -> str:
    """What `act` raises in a forked process, empty when it went well."""
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        try:
            act()
        except BaseException as error:
            os.write(writing, f"{error}".encode())
        os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading) as said:
        return said.read()


def test_a_forked_process_and_its_parent_go_on_with_the_same_store(store: Store, bank_url: str):
    store.add_entry(new_entry(1))
    assert in_a_fork(lambda: (store.add_entry(new_entry(2)), store.close())) == ""
    store.add_entry(new_entry(3))
    assert in_a_fork(lambda: Store.open(bank_url, user="bob").add_entry(new_entry(4))) == ""
    assert [entry.seed for entry in store.find()] == [4, 3, 2, 1]
    assert list(integrity(store)) == []


def test_a_file_that_another_thread_uses_at_the_fork_is_refused_in_the_child(store: Store, bank_url: str):
    """SQLite has its locks in the memory of the process: those of the other thread, a child would take for its own."""
    writes, forked = threading.Event(), threading.Event()

    def write() -> None:
        with store.database.writing():
            writes.set()
            forked.wait(60)

    with ThreadPoolExecutor(1) as other:
        writing = other.submit(write)
        writes.wait(60)
        said = in_a_fork(lambda: (store.find(), Store.open(bank_url)))
        forked.set()
        writing.result(60)
    assert ("in use by another thread when this process was forked" in said) == store.database.is_sqlite
    assert store.add_entry(new_entry(1)).seed == 1


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
def test_who_may_only_read_reads_all_and_is_told_before_anything_is_rendered(store: Store, bank_url: str, databases: Databases):
    store.add_entry(new_entry(1, tags=("poster",)))
    viewer = f"viewer_{os.getpid()}"
    with store.database.writing() as connection:
        send(connection, f"CREATE ROLE {viewer} LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {viewer}")
    try:
        url = make_url(bank_url)
        read_only = url.update_query_dict({"options": "-c default_transaction_read_only=on"})
        for who, said in ((url.set(username=viewer), "may not do this"), (read_only, "is read-only")):
            with Store.open(who.render_as_string(hide_password=False)) as opened:
                assert [entry.seed for entry in opened.find(parse("tag:poster"))] == [1]
                for act in (opened.database.require_writable, lambda: opened.add_entry(new_entry(2))):
                    with pytest.raises(StorageError, match=said) as caught:
                        act()
                    assert caught.value.hint
        assert store.count() == 1
        store.database.require_writable()
    finally:
        with store.database.writing() as connection:
            send(connection, f"DROP OWNED BY {viewer}; DROP ROLE {viewer}")


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
def test_a_server_that_goes_away_at_the_end_of_a_write_leaves_open_whether_it_is_stored(store: Store, databases: Databases):
    go = "BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END"
    with store.database.writing() as connection:
        send(connection, f"CREATE FUNCTION go() RETURNS trigger LANGUAGE plpgsql AS '{go}'")
        when = "AFTER INSERT ON entries DEFERRABLE INITIALLY DEFERRED FOR EACH ROW"
        send(connection, f"CREATE CONSTRAINT TRIGGER go {when} EXECUTE FUNCTION go()")
    with pytest.raises(StorageError, match="is there or not"):
        store.add_entry(new_entry(1))
    assert store.count() == 0


def test_threads_share_a_store(store: Store):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: store.add_entry(new_entry(number)), range(40)))
    assert store.count() == 40


def test_readers_do_not_wait_for_a_writer(store: Store):
    store.add_entry(new_entry(1))
    with store.database.writing() as connection:
        connection.exec_driver_sql("UPDATE entries SET origin = 'other'")
        assert store.entry(1).origin == "generated"


@pytest.mark.parametrize("lost", ["told", "silently"])
def test_a_connection_that_the_server_has_ended_is_replaced(
    store: Store, databases: Databases, lost: str, monkeypatch: pytest.MonkeyPatch
):
    if databases.kind == "sqlite":
        pytest.skip("SQLite has no server")
    store.add_entry(new_entry(1))
    if lost == "silently":  # as when the net has lost the server's last words: only asking tells
        monkeypatch.setattr(postgresql, "ALIVE", 0)
        monkeypatch.setattr(postgresql, "_has_something_to_read", lambda driver: False)
    with store.database.engine.connect() as ends, store.database.engine.connect() as ended:
        number = ended.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        ended.rollback()
        ends.exec_driver_sql(f"SELECT pg_terminate_backend({number}, 5000)")
    for _ in range(3):
        assert [entry.id for entry in store.find()] == [1]


def test_a_connection_that_was_closed_behind_the_pool_is_replaced(store: Store, databases: Databases):
    if databases.kind == "sqlite":
        pytest.skip("SQLite has no server")
    store.add_entry(new_entry(1))
    with store.database.reading() as connection:
        driver = connection.connection.driver_connection
    assert driver is not None
    driver.close()
    assert [entry.id for entry in store.find()] == [1]


def test_a_connection_that_is_lost_inside_a_transaction_is_said_and_not_used_again(store: Store, databases: Databases):
    if databases.kind == "sqlite":
        pytest.skip("SQLite has no server")
    store.add_entry(new_entry(1))
    with pytest.raises(StorageError), store.database.reading(20) as connection:
        number = send(connection, "SELECT pg_backend_pid()")[0][0]
        with store.database.engine.connect() as other:
            other.exec_driver_sql(f"SELECT pg_terminate_backend({number}, 5000)")
        send(connection, "SELECT 1")
    for _ in range(3):
        assert [entry.id for entry in store.find()] == [1]


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
@pytest.mark.parametrize("met", ["gone", "taken"])
def test_a_pooler_that_does_not_keep_a_client_on_its_connection_is_said(store: Store, databases: Databases, met: str):
    """What is seen behind one: statements are prepared on connections that other transactions get."""
    with store.database.reading() as connection:
        driver: Any = connection.connection.driver_connection
    if met == "taken":
        for number in range(20):
            driver.pgconn.prepare(b"_pg3_%d" % number, b"SELECT 1")
    with pytest.raises(StorageError, match="pooler that gives each transaction another connection") as caught:
        for _ in range(4):
            store.find()
            if met == "gone":
                driver.pgconn.exec_(b"DEALLOCATE ALL")
    assert "pool_mode = session" in caught.value.hint


def test_wal_is_refused_with_a_sqlite_that_could_corrupt_it():
    assert journal_mode(SAFE_WAL) == "wal"
    assert journal_mode((3, 51, 2)) == journal_mode((3, 40, 1)) == "truncate"


def test_a_bank_changes_its_journal_with_the_sqlite_that_opens_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def journal() -> str:
        with Store.open(str(tmp_path / "bank.db")) as store, store.database.reading() as connection:
            return str(connection.exec_driver_sql("PRAGMA journal_mode").scalar_one())

    Store.create(str(tmp_path / "bank.db")).close()
    assert journal() == journal_mode(sqlite_module().sqlite_version_info)
    monkeypatch.setattr("seedbank.store.sqlite.journal_mode", lambda version: "truncate")
    assert journal() == "truncate"


@pytest.mark.parametrize("then", ["replaced", "removed"])
def test_a_bank_whose_file_is_another_one_than_was_opened_takes_no_entry(tmp_path: Path, then: str):
    with Store.create(str(tmp_path / "bank.db")) as store:
        store.add_entry(new_entry(1))
        if then == "replaced":
            Store.create(str(tmp_path / "restored.db")).close()
            (tmp_path / "restored.db").replace(tmp_path / "bank.db")
        else:
            (tmp_path / "bank.db").unlink()
        for _ in range(2):
            with pytest.raises(StorageError, match="replaced or removed while it was open"):
                store.add_entry(new_entry(2))
            with pytest.raises(StorageError, match="replaced or removed while it was open"):
                store.find()


def test_every_connection_checks_foreign_keys_and_syncs(tmp_path: Path):
    with Store.create(str(tmp_path / "bank.db")) as store:
        for manager in (store.database.reading, store.database.writing):
            with manager() as connection:
                assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar_one() == 1
                assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2


def test_a_file_that_is_no_database_is_said(tmp_path: Path):
    (tmp_path / "letter.txt").write_text("Dear bank, " * 100)
    with pytest.raises(StorageError, match="is not a database"):
        Store.open(str(tmp_path / "letter.txt"))


def test_a_database_of_another_program_is_left_as_it_is(tmp_path: Path):
    file = tmp_path / "other.db"
    other = sqlite_module().connect(file)
    other.execute("CREATE TABLE alembic_version (version_num TEXT)")
    other.close()
    before = file.read_bytes()
    with pytest.raises(NoBank):
        Store.open(str(file))
    assert file.read_bytes() == before


def test_a_database_that_is_not_on_the_server_is_said(databases: Databases, bank_url: str):
    if databases.kind == "sqlite":
        pytest.skip("SQLite has no server")
    with pytest.raises(StorageError, match="does not exist"):
        Store.open(bank_url.replace("bank_", "other_bank_"))


def test_a_read_only_bank_can_be_read_and_says_why_it_cannot_be_written(tmp_path: Path):
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    with Store.create(str(tmp_path / "bank.db")) as store:
        store.add_entry(new_entry(1))
    (tmp_path / "bank.db").chmod(0o444)
    with Store.open(str(tmp_path / "bank.db")) as store, pytest.raises(StorageError, match="read-only"):
        store.add_entry(new_entry(2))


@pytest.fixture
def small_disk(tmp_path: Path):
    """A folder on a file system of 2 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    tool = shutil.which("mount")
    if tool is None or subprocess.run([tool, "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("mounting a small file system is not allowed here")
    yield folder
    gc.collect()  # a connection that failed goes with its error
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_is_said_and_leaves_whole_entries(small_disk: Path):
    with Store.create(str(small_disk / "bank.db")) as store:
        stored = 0
        with pytest.raises(StorageError, match="disk is full"):
            while True:
                store.add_entries(new_entry(stored + number) for number in range(50))
                stored += 50
        assert store.count() == stored
    (small_disk / "room").touch()
    with Store.open(str(small_disk / "bank.db")) as store:
        assert store.count() == stored
        assert list(integrity(store)) == []
        with pytest.raises(SeedbankError):
            store.add_entries(new_entry(9000 + number) for number in range(1500))
        assert store.count() == stored


def test_a_disk_without_room_for_the_files_beside_a_bank_is_said_to_be_full(small_disk: Path):
    Store.create(str(small_disk / "bank.db")).close()
    with pytest.raises(OSError, match="No space"), (small_disk / "film").open("wb", buffering=0) as film:
        while film.write(bytes(4096)):
            pass
    with pytest.raises(StorageError, match="The disk is full"):
        Store.open(str(small_disk / "bank.db"))


def test_an_entry_with_its_recipe_and_all_that_finds_it_is_small(store: Store, databases: Databases):
    """Rows and indexes, with a prompt of its own and a share of what is stored once. A map of free space has 24 KB, however
    few entries there are, and PostgreSQL's statistics belong to the server."""
    parts = "(SELECT oid, reltoastrelid FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'i'))"
    rows = f"SELECT sum(pg_relation_size(oid) + coalesce(pg_relation_size(nullif(reltoastrelid, 0)), 0)) FROM {parts} AS own"
    size = rows if databases.kind == "postgresql" else "PRAGMA page_count"
    unit = 1 if databases.kind == "postgresql" else 4096

    def measured() -> int:
        with store.database.reading() as connection:
            return int(connection.exec_driver_sql(size).scalar_one()) * unit

    empty = measured()
    for start in range(0, 2000, 500):
        store.add_entries(new_entry(start + number) for number in range(500))
    per_entry = (measured() - empty) / 2000
    print(f"{databases.kind}: {per_entry:.0f} bytes per entry")
    assert per_entry < 2500


@pytest.mark.parametrize("table", ["bookmarks (url)", "alembic_version (version_num)"])
def test_a_bank_is_not_made_among_the_tables_of_another_program(tmp_path: Path, table: str):
    theirs = tmp_path / "places.sqlite"
    with closing(sqlite3.connect(theirs)) as connection:
        connection.execute(f"CREATE TABLE {table}")
    before = theirs.read_bytes()
    with pytest.raises(BadInput, match="is a database of another program"):
        Store.create(str(theirs))
    assert theirs.read_bytes() == before
