"""Random queries find the same entries, in the same order, on SQLite, on PostgreSQL and in plain Python."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from seedbank.query import SORTS, And, Not, Or, Query, Sort, Term, parse
from seedbank.store import Store, measuring, remembering, sortedpages, wordconditions
from tests.conftest import Databases
from tests.query import oracle
from tests.store.examples import digest

VALUES: dict[str, tuple[str, ...]] = {
    "prompt": ("red", "circle", "red circle", "light", "light*", "*light", "*igh*", "橘色", "夜空", "橘", "🐱", "STRASSE",
               "cat", "100%", "%", "'", "OR", "café", "light*", "(soft light", "nothing", "猫*", "a", "lighthouse", "*"),
    "negative": ("blurry", "low quality", "text", "*low*", "blur*", "x"),
    "tag": ("poster", "DRAFT", "two words", "café", "p*", "*", "none such"),
    "fav": ("yes", "no", "any", "*", "bob", "nobody"),
    "rating": ("0", "3..", "..3", "1..4", "none", "5.."),
    "collection": ("spring", "SPRING"),
    "model": ("embedded", "z-image", "z-image*", "*IMAGE*", "z"),
    "lora": ("*", digest("lora", 1)[:8], "abcdef12"),
    "seed": ("0", "=7", "7..", f"{2**32}..", f"{2**64 - 1}", f"..{2**63}", "7,0", f"{2**63}..", "1..6"),
    "steps": ("8", "..8", "4,30", "9..29", "0"),
    "cfg": ("1", "4.5", "..5", "7..", "-3..0"),
    "guidance": ("3.5", "0..3.5", "6"),
    "size": ("1024x*", "*x768", "128x128", "landscape", "portrait", "square", "9x9"),
    "sampler": ("euler", "Euler_a", "euler*", "lms"),
    "schedule": ("karras", "normal"),
    "scheduler": ("euler*", "EulerDiscreteScheduler"),
    "env.torch": ("2.13*", "2.12.1", "1.*"),
    "verdict": ("exact", "different", "none", "failed"),
    "regenerable": ("yes", "no"),
    "bytes": ("present", "absent"),
    "id": ("1", "10..20", "55..", "..5,50..", "99"),
    "digest": (digest("pixels", 3)[:6], digest("pixels", 9)[:4], "0000"),
    "like": ("1", "2~0", "4~16"),
    "parent": ("1", "4", "99"),
    "child": ("20", "30", "60"),
    "by": ("ann", "b*", "nobody"),
    "origin": ("imported", "generated"),
    "created": ("2026-01-05..2026-01-20", "2026-02-01..", "2026-03-05.."),
    "trash": ("yes", "no"),
}  # fmt: skip

terms = st.sampled_from([Term(key, value) for key, values in VALUES.items() for value in values])
common = st.sampled_from(
    [Term("prompt", "a"), Term("prompt", "light"), Term("steps", "8"), Term("tag", "poster"), Term("fav", "yes")]
)
nodes = st.recursive(
    terms | common,
    lambda inner: (
        st.builds(Not, inner)
        | st.builds(lambda some: And(tuple(some)), st.lists(inner, min_size=2, max_size=4))
        | st.builds(lambda some: Or(tuple(some)), st.lists(inner, min_size=2, max_size=3))
    ),
    max_leaves=6,
)
orders = st.just(()) | st.lists(
    st.builds(Sort, st.sampled_from(SORTS), st.booleans()), min_size=1, max_size=3, unique_by=lambda sort: sort.key
).map(tuple)


class Bank:
    """A store and what is in it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.made = oracle.library(store)

    def page(self, query: Query, limit: int, after: int | None = None) -> list[int]:
        return self.store._finder.page_ids(query, limit, after)

    def expected(self, query: Query) -> list[int]:
        return oracle.find(self.made, query)


@pytest.fixture(scope="module")
def bank(databases: Databases) -> Iterator[Bank]:
    """A library of 60 entries of all kinds."""
    url = databases.bank()
    with Store.open(url, user="ann") as store:
        yield Bank(store)
    databases.drop(url)


@pytest.mark.parametrize("key", VALUES)
def test_every_key_finds_what_it_says(bank: Bank, key: str):
    for value in VALUES[key]:
        for query in (Query(Term(key, value)), Query(Not(Term(key, value)))):
            assert (value, bank.page(query, 100)) == (value, bank.expected(query))


@given(
    where=st.none() | nodes,
    sort=orders,
    few=st.sampled_from([0, 3, 5000]),
    share=st.sampled_from([1, 1000]),
    limit=st.integers(5, 40),
    anew=st.booleans(),
)
@example(where=Term("rating", "..3"), sort=(), few=0, share=1, limit=5, anew=True)
@example(where=Or((Term("rating", "..3"), Term("tag", "poster"))), sort=(), few=0, share=1, limit=6, anew=True)
@example(where=Not(Term("trash", "yes")), sort=(Sort("rating", False), Sort("seed", True)), few=0, share=1, limit=7, anew=True)
@example(
    where=And((Term("fav", "any"), Not(Term("tag", "poster")), Term("lora", "*"))), sort=(), few=0, share=1, limit=8, anew=True
)
@example(where=Term("tag", "poster"), sort=(Sort("created", False), Sort("seed", True)), few=0, share=1, limit=5, anew=False)
@example(where=Term("tag", "poster"), sort=(Sort("seed", True),), few=0, share=1000, limit=5, anew=False)
@example(where=Term("tag", "poster"), sort=(Sort("id", True),), few=3, share=1, limit=5, anew=True)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_random_queries_find_what_plain_python_finds(bank, monkeypatch, where, sort, few, share, limit, anew):
    """`few` and `share` decide how sources are walked; pages put together are the whole, counts are its length. `anew`: each
    page is planned again, instead of as the first one was."""
    monkeypatch.setattr(measuring, "FEW", few)
    monkeypatch.setattr(measuring, "FEW_IN_ORDER", few)
    monkeypatch.setattr(measuring, "WORTH", 0)
    monkeypatch.setattr(measuring, "far", lambda asking: few + 2)
    monkeypatch.setattr(sortedpages, "far", lambda asking: few + 2)
    monkeypatch.setattr(sortedpages, "NEAR", few + 1)
    monkeypatch.setattr(measuring, "SHARE", share)
    monkeypatch.setattr(wordconditions, "MOST_HELD", few)
    if anew:
        monkeypatch.setattr(remembering, "version_of", lambda connection: object())
    query = Query(where, sort)
    expected = bank.expected(query)
    found: list[int] = []
    while page := bank.page(query, limit, found[-1] if found else None):
        found += page
    assert found == expected
    assert bank.store.count(query) == len(expected)
    assert bank.store.count_about(query).number == len(expected)


def test_pages_are_records_that_say_where_the_next_one_begins(bank: Bank):
    store, query = bank.store, parse("steps:4.. sort:seed-")
    expected = bank.expected(query)
    page = store.find(query, limit=10)
    assert [entry.id for entry in page] == expected[:10]
    assert page.after == expected[9]
    rest = store.find(query, limit=1000, after=page.after)
    assert [entry.id for entry in rest] == expected[10:]
    assert rest.after is None
    assert list(store.ids(query)) == expected
