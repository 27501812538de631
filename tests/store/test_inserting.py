"""Many rows at once: ids in order and never twice, errors as of single rows, and a database that knows what came."""

from __future__ import annotations

import pytest

from seedbank.errors import BadInput
from seedbank.records import Blob, SeenFile
from seedbank.store import Store
from seedbank.store.imports import Job
from seedbank.store.inserting import FEW, insert_many
from seedbank.store.integrity import integrity
from seedbank.store.tables import prompts
from tests.conftest import Databases
from tests.store.examples import digest, imported, new_entry

MANY = 3 * FEW


def test_many_entries_have_the_ids_that_one_after_the_other_would_have(store: Store):
    assert store.add_entries(new_entry(number) for number in range(MANY)) == list(range(1, MANY + 1))
    assert store.add_entry(new_entry(MANY)).id == MANY + 1
    assert store.add_entries(new_entry(number) for number in range(2 * MANY)) == list(range(MANY + 2, 3 * MANY + 2))
    assert [entry.recipe for entry in store.entries([2, MANY + 3])] == [new_entry(1).recipe] * 2
    assert list(integrity(store)) == []


def test_an_id_that_was_purged_is_not_given_out_again_to_many(store: Store):
    ids = store.add_entries(new_entry(number) for number in range(MANY))
    store.trash(ids[-2:])
    store.purge(ids[-2:])
    assert store.add_entries(new_entry(number) for number in range(MANY))[0] == ids[-1] + 1


def test_whoever_may_insert_one_row_may_insert_many(store: Store, databases: Databases):
    if databases.kind != "postgresql":
        pytest.skip("SQLite knows no rights")
    with store.database.writing() as connection:
        connection.exec_driver_sql("CREATE ROLE mate NOLOGIN")
        connection.exec_driver_sql("GRANT SELECT, INSERT ON prompts TO mate; GRANT USAGE ON prompts_id_seq TO mate")
        connection.exec_driver_sql("SET LOCAL ROLE mate")
        rows = [{"digest": digest("prompt", number), "text": str(number)} for number in range(MANY)]
        assert insert_many(connection, prompts, rows) == list(range(1, MANY + 1))
        connection.exec_driver_sql("RESET ROLE; DROP OWNED BY mate; DROP ROLE mate")


def test_what_postgresql_refuses_of_many_rows_is_said_and_nothing_is_stored(store: Store, databases: Databases):
    if databases.kind != "postgresql":
        pytest.skip("SQLite takes them as one statement, as it takes one")
    large = Blob(digest("large"), 2**63, "image/png")
    with pytest.raises(BadInput, match="cannot hold a value"):
        store.add_entries([*(new_entry(number) for number in range(MANY)), new_entry(MANY, blob=large)])
    assert store.count() == 0


def test_an_import_leaves_postgresql_with_statistics_and_words_in_their_index(store: Store, databases: Databases):
    if databases.kind != "postgresql":
        pytest.skip("SQLite has neither")
    seen = [SeenFile("/pictures", f"{number}.png", 1, 1, number, digest("file", number)) for number in range(MANY)]
    run, _ = imported(store, Job({"paths": ["/pictures"]}), [(one, new_entry(at)) for at, one in enumerate(seen)])
    assert run is not None
    store.imports.finish(run)
    with store.database.reading() as connection:
        counted = connection.exec_driver_sql("SELECT reltuples FROM pg_class WHERE relname = 'prompts'").scalar_one()
        left = connection.exec_driver_sql("SELECT gin_clean_pending_list('ix_prompts_words')").scalar_one()
    assert (counted, left) == (MANY + 1, 0)
