"""Adding, reading, finding and naming entries."""

import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from sqlalchemy import event

from seedbank.errors import BadInput, NotFound
from seedbank.query import parse as parse_query
from seedbank.records import TRACE_TYPE, Blob, Edge, Entry, NewEntry, Output, Picture
from seedbank.store import Store
from tests.store.examples import digest, environment, model, new_entry, recipe


def test_an_entry_comes_back_as_it_was_given(store: Store):
    new = new_entry(
        1,
        created=datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
        obstacles=("Its weights were fused.",),
        details={"raw": {"parameters": "a\nb", "猫": [1, 2.5]}},
        origin="imported",
        tags=("poster",),
    )
    entry = store.add_entry(new)
    same = set(NewEntry.__struct_fields__) & set(Entry.__struct_fields__) - {"uid", "user"}
    for name in same:
        assert getattr(entry, name) == getattr(new, name), name
    assert (entry.user, entry.recipe_digest) == ("ann", recipe(1).digest)
    assert store.environment(entry.environment_digest or "") == environment()
    assert store.model(model().digest) == model()
    assert store.entry(entry.id) == entry


def test_an_entry_of_which_nothing_is_known_is_an_entry(store: Store):
    entry = store.add_entry(NewEntry())
    assert (entry.recipe, entry.picture, entry.blob, entry.model, entry.created) == (None,) * 5


def test_a_digest_is_known_before_its_bytes_and_they_can_be_attached(store: Store):
    entry = store.add_entry(new_entry(1, blob=None))
    assert entry.picture is not None
    assert list(store.find(parse_query("bytes:absent"))) == [entry]
    blob = Blob(digest("other"), 7, "image/png")
    assert store.attach(entry.id, blob).blob == blob
    assert not store.find(parse_query("bytes:absent"))
    assert blob.digest in {file.digest for file in store.blobs()}
    assert store.entries_of_blob(blob.digest) == store.entries_of_picture(entry.picture.digest) == [entry.id]
    assert [(one.entry, one.picture, one.blob) for one in store.stored_pictures()] == [(entry.id, entry.picture, blob)]


def test_a_trace_that_another_entry_was_given_is_found_at_both(store: Store):
    trace = Blob(digest("t"), 5, TRACE_TYPE)
    rendered = store.add_entry(new_entry(1, output=Output(trace=trace)))
    assert store.entries_of_blob(trace.digest) == [rendered.id]
    given = store.add_entry(new_entry(2, inputs=(trace,)))
    assert store.entries_of_blob(trace.digest) == [rendered.id, given.id]


def test_a_file_without_the_digest_of_its_pixels_is_refused(store: Store):
    with pytest.raises(BadInput, match="pixels"):
        store.add_entry(NewEntry(blob=Blob(digest(1), 1, "image/png")))


def test_a_model_that_is_not_the_one_of_the_recipe_is_refused(store: Store):
    with pytest.raises(BadInput, match="names the model"):
        store.add_entry(new_entry(1, model=model("other")))


def test_a_model_that_only_a_recipe_named_is_completed_when_it_is_seen(store: Store):
    store.add_entry(NewEntry(recipe=recipe(1)))
    assert store.model(model().digest).files == ()
    store.add_entry(new_entry(2))
    assert store.models() == [model()]


def test_nothing_of_a_list_is_stored_when_one_of_it_is_refused(store: Store):
    with pytest.raises(NotFound):
        store.add_entries([new_entry(1), new_entry(2, parents=((99, "variant-of"),))])
    assert store.count() == 0
    assert [operation.kind for operation in store.operations()] == ["create bank"]


def test_unknown_ids_are_named(store: Store):
    for number in (99, 0, -1, 2**63, 10**30):
        with pytest.raises(NotFound, match=f"There is no entry {number} in this bank."):
            store.entry(number)
    with pytest.raises(NotFound, match=r"There is no entry 99 in this bank\."):
        store.resolve("99")
    with pytest.raises(NotFound):
        store.resolve("9" * 60)
    with pytest.raises(NotFound, match="run"):
        store.add_entry(new_entry(1, run=5))


def test_lineage_is_seen_from_both_ends(store: Store):
    old = store.add_entry(new_entry(1))
    new = store.add_entry(new_entry(2, parents=((old.id, "variant-of"),)))
    edge = Edge(new.id, old.id, "variant-of")
    assert store.lineage(new.id) == ([edge], [])
    assert store.lineage(old.id) == ([], [edge])


def test_pages_follow_each_other_without_gap(store: Store):
    ids = store.add_entries(new_entry(number) for number in range(25))
    first = store.find(limit=10)
    second = store.find(limit=10, after=first[-1].id)
    assert [entry.id for entry in [*first, *second]] == ids[::-1][:20]
    assert list(store.ids()) == ids[::-1]
    assert store.count() == 25
    assert store.count(at_most=7) == 7


def test_a_page_costs_the_same_number_of_statements_however_long_it_is(store: Store):
    ids = store.add_entries(new_entry(number) for number in range(40))
    store.tag(ids, ["poster"])
    store.note(ids, "good")
    statements: list[str] = []
    event.listen(store.database.engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    counts = []
    for limit in (1, 10, 40):
        statements.clear()
        assert len(store.find(limit=limit)) == limit
        counts.append(sum(statement.lstrip().startswith("SELECT") for statement in statements))
    assert counts == [7, 2, 2]  # what entries share is read once


def test_which_is_an_id_a_range_a_list_the_last_a_digest_or_a_query(store: Store):
    ids = store.add_entries(new_entry(number) for number in range(1, 8))
    store.tag(ids[2:4], ["poster"])
    image, file = store.entry(3).picture, store.entry(3).blob
    assert image is not None
    assert file is not None
    expected = {
        "3": [3],
        "3..5": [3, 4, 5],
        "1,2,5": [1, 2, 5],
        "5 1": [5, 1],
        "6..99": [6, 7],
        "@last": [7],
        "3 @last": [3, 7],
        "@last,2..3": [7, 2, 3],
        recipe(4).digest[:20]: [4],
        recipe(4).digest.upper(): [4],
        image.digest[:12]: [3],
        file.digest[:8]: [3],
        "tag:poster": [3, 4],
    }
    assert {which: store.resolve(which) for which in expected} == expected
    assert store.resolve(["tag:poster", "seed:4"]) == [4]


@pytest.mark.parametrize("which", ["", " ", "tag:nothing", "decade", "8..9"])
def test_which_that_names_nothing_is_said(store: Store, which: str):
    store.add_entry(new_entry(1))
    with pytest.raises((NotFound, BadInput)):
        store.resolve(which)


def test_a_digest_that_fits_several_is_refused_with_a_list(store: Store):
    for number in (1, 2):
        store.add_entry(NewEntry(picture=Picture(f"abcdef{number}" + "0" * 57)))
    with pytest.raises(BadInput, match=r"several digests: abcdef100000 \(image\), abcdef200000"):
        store.resolve("abcdef")
    assert store.resolve("abcdef2") == [2]


def test_what_is_in_the_trash_is_named_only_when_asked_for(store: Store):
    ids = store.add_entries(new_entry(number) for number in range(1, 4))
    store.trash([2])
    assert [entry.id for entry in store.find()] == [3, 1]
    assert store.resolve("1..3") == [1, 3]
    assert store.resolve("1..3", trash=True) == [2]
    assert store.resolve("1..3", trash=None) == ids
    assert store.resolve("seed:1..9", trash=True) == [2]
    with pytest.raises(NotFound, match="seedbank restore 2"):
        store.resolve("2")
    with pytest.raises(NotFound, match="seedbank rm 1"):
        store.resolve("1", trash=True)


def test_opening_and_finding_loads_neither_migrations_nor_torch_nor_pictures(store: Store, bank_url: str):
    store.add_entry(new_entry(1))
    code = (
        "import sys; from seedbank.query import parse; from seedbank.store import Store; store = Store.open(sys.argv[1]);"
        "assert len(store.find(parse('seed:1'))) == 1;"
        "heavy = {'alembic', 'torch', 'PIL', 'numpy', 'uuid6', 'pydantic', 'rfc8785', 'sqlalchemy.orm'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code, bank_url], check=True, env=os.environ | {"PYTHONPATH": os.getcwd()})


def test_an_entry_from_another_bank_keeps_its_uid_and_who_made_it(store: Store) -> None:
    uid = "01923456-789a-7bcd-8ef0-123456789abc"
    entry = store.add_entry(new_entry(uid=uid, user="carol"))
    assert (entry.uid, entry.user) == (uid, "carol")
    assert store.add_entry(new_entry(2)).user == "ann"
