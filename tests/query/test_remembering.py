"""What a connection remembers between queries, and that it never answers for a bank that has changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

import pytest
from sqlalchemy import event, make_url
from sqlalchemy.exc import DBAPIError

from seedbank.query import parse
from seedbank.records import Blob, NewEntry, Picture
from seedbank.store import Store, remembering
from seedbank.store.matching import Method, Remembered
from tests.store.examples import digest, environment, new_entry, recipe


@pytest.fixture
def three(store: Store) -> Store:
    """A store of three entries; the first two have a tag."""
    store.add_entries(new_entry(number, tags=("poster",) if number < 3 else ()) for number in (1, 2, 3))
    return store


def found(store: Store, text: str) -> list[int]:
    return store._finder.page_ids(parse(text), 10)


@contextmanager
def selects(store: Store) -> Iterator[list[str]]:
    """The SELECT statements that are sent meanwhile, but for those that give PostgreSQL its settings."""
    sent: list[str] = []

    def note(connection: object, cursor: object, statement: str, *_: object) -> None:
        if statement.lstrip().startswith("SELECT") and "set_config" not in statement:
            sent.append(statement)

    event.listen(store.database.engine, "before_cursor_execute", note)
    yield sent
    event.remove(store.database.engine, "before_cursor_execute", note)


def test_a_query_that_is_asked_again_is_one_statement(three: Store):
    text = "tag:poster fav:no model:* size:square steps:1.. env.torch:*"
    first = found(three, text)
    with selects(three) as sent:
        assert found(three, text) == first
    assert len(sent) <= 1


def test_a_page_that_is_asked_for_again_reads_no_model(three: Store):
    pages, models_read = [], []
    for _ in range(2):
        with selects(three) as sent:
            pages.append(three.find(parse("tag:poster")))
        models_read.append(any("FROM models" in statement for statement in sent))
    assert pages[0] == pages[1]
    assert all(entry.model is not None for entry in pages[1])
    assert models_read == [True, False]


def test_postgresql_plans_a_query_once_for_its_own_values_and_the_reading_of_entries_for_all(three: Store):
    if three.database.is_sqlite:
        pytest.skip("SQLite plans for no values")
    for text in ("tag:poster fav:no", "tag:other fav:no", "rating:1 -tag:poster"):
        for _ in range(3):
            three.find(parse(text))
    with three.database.engine.connect() as connection:
        prepared = list(connection.exec_driver_sql("SELECT statement FROM pg_prepared_statements").scalars())
    of_queries = [one for one in prepared if "postings" in one]
    assert of_queries
    assert not [one for one in of_queries if "$1" in one]
    assert [one for one in prepared if "image_tags" in one and "$1" in one]


@pytest.mark.parametrize("text", ["tag:poster", "seed:1.. tag:poster", "size:square tag:poster"])
def test_a_query_that_is_asked_again_is_told_its_settings_with_the_beginning(three: Store, text: str):
    if three.database.is_sqlite:
        pytest.skip("SQLite has no such settings")
    sent: list[str] = []
    found(three, text)
    event.listen(three.database.engine, "before_cursor_execute", lambda *given: sent.append(given[2]))
    assert found(three, text) == [2, 1]
    assert ["set_config" in one for one in sent] == [True, False]


def test_postgresql_asks_the_index_of_words_instead_of_cutting_prompts_into_words(three: Store):
    if three.database.is_sqlite:
        pytest.skip("SQLite has a table for words")
    query = parse("lighthouse number")
    with selects(three) as sent:
        assert three._finder.page_ids(query, 10) == [3, 2, 1]
    with three._finder._reading(query) as (connection, _):
        plan = "\n".join(connection.exec_driver_sql(f"EXPLAIN {sent[-1].replace('%', '%%')}").scalars())
    assert "ix_prompts_words" in plan
    assert "Seq Scan" not in plan


def test_values_that_mean_something_in_sql_are_taken_word_for_word(store: Store):
    prompt = "100% o'clock \\ back $1 %(most)s %s ; -- :x"
    (entry,) = store.add_entries([new_entry(0, recipe=recipe(0, prompt))])
    store.add_entries([new_entry(1)])
    for _ in range(3):  # the third time as PostgreSQL has prepared it
        assert found(store, '"' + prompt.replace("\\", "\\\\") + '"') == [entry]
        assert found(store, "seed:0 o'clock") == [entry]
        assert found(store, "seed:..0 cfg:..5.5") == [entry]


@pytest.mark.parametrize(
    "setting", ["client_encoding = LATIN1", "client_encoding = SQL_ASCII", "standard_conforming_strings = off"]
)
def test_no_setting_of_a_server_changes_what_texts_are(bank_url: str, setting: str):
    if make_url(bank_url).get_backend_name() == "sqlite":
        pytest.skip("SQLite has no such settings")
    with Store.open(bank_url, user="ann") as first, first.database.engine.connect() as connection:
        connection.exec_driver_sql(f"ALTER DATABASE {make_url(bank_url).database} SET {setting}")
    with Store.open(bank_url, user="ann") as store:
        entries = store.add_entries([new_entry(number, recipe=recipe(number, "猫 \\ '🐱")) for number in (1, 2)])
        for _ in range(3):
            assert found(store, "猫 '🐱 origin:gen*") == entries[::-1]
            assert found(store, f"digest:{digest('pixels', 1)}") == entries[:1]
        assert store.entry(entries[0]) == store.find()[1]


def test_what_another_process_changes_is_seen_at_once(three: Store, bank_url: str):
    with Store.open(bank_url, user="ann") as other:
        assert found(three, "tag:poster") == [2, 1]
        other.curation.rename_tag("poster", "sheet")
        assert found(three, "tag:poster") == []
        assert found(three, "tag:sheet") == [2, 1]
        other.tag([3], ["poster"])
        assert found(three, "tag:poster") == [3]
        assert found(three, "fav:ann") == []
        other.favourite([1], user="ann")
        assert found(three, "fav:ann") == [1]
        other.add_entry(new_entry(4, tags=("poster",)))
        assert found(three, "tag:poster") == [4, 3]


def test_what_this_process_changes_is_seen_at_once(three: Store):
    for _ in range(2):
        assert found(three, "tag:new") == []
        three.tag([1], ["new"])
        assert found(three, "tag:new") == [1]
        three.untag([1], ["new"])
    three.trash([2])
    assert found(three, "tag:poster") == [1]


@pytest.mark.parametrize("text", ["added:-1h..", "added:-1h.. tag:poster", "created:2020..", "regenerable:no", "bytes:absent"])
def test_what_a_term_means_today_is_asked_and_the_plan_is_remembered(three: Store, text: str):
    first = found(three, text)
    with selects(three) as sent:
        assert found(three, text) == first
    assert len(sent) <= 2


def test_what_is_counted_back_from_now_changes_with_the_time(three: Store, monkeypatch: pytest.MonkeyPatch):
    class Later(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + timedelta(hours=2)

    three.curation.create_collection("lately", "added:-1h..")
    asked = ("added:-1h..", "added:..-1h", "added:-1h.. tag:poster", "collection:lately")
    assert [found(three, text) for text in asked] == [[3, 2, 1], [], [2, 1], [3, 2, 1]]
    monkeypatch.setattr("seedbank.query.values.datetime", Later)
    assert [found(three, text) for text in asked] == [[], [3, 2, 1], [], []]


def test_weights_that_go_are_missed_at_once(three: Store):
    gone: set[str] = set()
    three.tell_gone(lambda: gone)
    assert 1 in found(three, "regenerable:yes")
    model = three.entry(1).model
    assert model is not None
    gone.add(model.digest)
    assert 1 not in found(three, "regenerable:yes")
    gone.clear()
    assert 1 in found(three, "regenerable:yes")


def test_names_are_told_while_another_thread_learns_more():
    remembered = Remembered()

    class Meanwhile(dict[str, tuple[str, ...]]):
        def __getitem__(self, key: str) -> tuple[str, ...]:
            remembered.methods["another"] = Method({key: ("heun",)})
            return super().__getitem__(key)

    remembered.methods["one"] = Method(Meanwhile(sampler=("euler",)))
    assert remembered.method_names("sampler") == {"euler"}


def test_only_so_much_is_remembered(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(remembering, "MOST", 3)
    memory = remembering.Memory(1)
    assert [memory.once(number, lambda number=number: -number) for number in range(5)] == [0, -1, -2, -3, -4]
    assert len(memory.values) <= 3
    assert memory.once(4, lambda: 1) == -4


def test_a_connection_that_was_lost_is_an_error_like_those_of_statements(three: Store):
    with pytest.raises(DBAPIError), three.database.engine.connect() as connection:
        connection.connection.driver_connection.close()  # type: ignore[union-attr]
        remembering.version_of(connection)


def test_a_file_that_goes_is_missed_at_once(three: Store, tmp_path: Path):
    file = tmp_path / "kept.png"
    file.write_bytes(b"here")
    blob = Blob(digest("kept"), 4, "image/png", str(file))
    number = three.add_entry(new_entry(4, blob=blob)).id
    assert found(three, "bytes:absent -id:..3") == []
    file.unlink()
    assert found(three, "bytes:absent -id:..3") == [number]


def test_names_are_those_of_what_has_an_id_now_that_was_given_again(store: Store):
    def entry(number: int, scheduler: str, torch: str, adapter: str) -> NewEntry:
        whole = recipe(number, scheduler={"class": scheduler, "config": {}}, adapters=({"digest": adapter},))
        return new_entry(number, recipe=whole, environment=environment(torch))

    def answers() -> list[list[int]]:
        with store.database.reading() as connection:
            needing = [remembered.settings_needing(connection, [adapter]) for adapter in ("a", "b")]
        texts = ("scheduler:Heun*", "scheduler:Euler*", "env.torch:2.1", "env.torch:2.2")
        return [*(found(store, text) for text in texts), *needing]

    remembered = Remembered()
    assert [bool(ids) for ids in answers()] == [False] * 6
    first = store.add_entry(entry(1, "HeunDiscreteScheduler", "2.1", "a")).id
    assert [bool(ids) for ids in answers()] == [True, False] * 3
    store.trash([first])
    store.purge([first])
    second = store.add_entry(entry(2, "EulerDiscreteScheduler", "2.2", "b")).id
    assert [bool(ids) for ids in answers()] == [False, True] * 3
    assert found(store, "scheduler:Euler*") == found(store, "env.torch:2.2") == [second]


def test_ids_before_the_last_may_be_given_again_too(store: Store):
    def entry(number: int, adapter: str) -> int:
        made = recipe(number, adapters=({"digest": adapter},))
        picture = Picture(digest("pixels", adapter), "RGB", 8, 8, adapter * 16)
        return store.add_entry(new_entry(number, recipe=made, picture=picture)).id

    def answers(first: int) -> tuple[int, bool, list[int]]:
        with store.database.reading() as connection:
            needing = [len(remembered.settings_needing(connection, [adapter])) for adapter in ("b", "d")]
        return needing[0], bool(needing[1]), found(store, f"like:{first}~0")

    remembered = Remembered()
    entry(1, "a")
    second, third = entry(2, "b"), entry(3, "c")
    assert answers(second) == (1, False, [second])
    store.trash([second, third])
    store.purge([second, third])
    second, third = entry(4, "d"), entry(3, "c")
    assert answers(second) == (0, True, [second])


def test_what_entries_share_is_that_of_what_has_an_id_now_that_was_given_again(store: Store):
    for number, scheduler in ((1, "HeunDiscreteScheduler"), (2, "EulerDiscreteScheduler")):
        made = recipe(number, scheduler={"class": scheduler, "config": {}})
        given = store.add_entry(new_entry(number, recipe=made, environment=environment(f"2.{number}")))
        for _ in range(2):
            (entry,) = store.find()
            assert entry == given
            assert entry.recipe == made
        store.trash([given.id])
        store.purge([given.id])
