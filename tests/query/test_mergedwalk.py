"""How PostgreSQL walks a list: it reads what a page takes, wherever in the bank the entries lie that match."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import event

from seedbank.query import parse
from seedbank.store import Store, measuring
from tests.store.examples import new_entry

MANY = 20_000


@pytest.fixture
def old(store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The three oldest entries alone have the tag `old`; the first two of them have `new` as well, as `MANY` others have."""
    if store.database.is_sqlite:
        pytest.skip("SQLite does as the statement says")
    monkeypatch.setattr(measuring, "FEW_IN_ORDER", 0)  # so that three are walked as thousands are
    store.add_entries(new_entry(number, tags=("old", "new") if number < 3 else ("old",)) for number in (1, 2, 3))
    with store.database.engine.begin() as connection:
        of_new = "SELECT key FROM postings GROUP BY key ORDER BY count(*) LIMIT 1"
        # Entries that are nowhere else: what this reads of the list is to be seen, not what it finds.
        connection.exec_driver_sql(f"INSERT INTO postings SELECT ({of_new}), id FROM generate_series(10, {MANY}) AS id")
        connection.exec_driver_sql("ANALYZE")
    return store


def planned(store: Store, text: str, after: int | None, force: str = "") -> tuple[list[int], dict[str, Any]]:
    """The ids of a page, and how PostgreSQL came to them, as EXPLAIN tells."""
    sent: list[str] = []
    event.listen(store.database.engine, "before_cursor_execute", lambda *given: sent.append(given[2]))
    query = parse(text)
    found = store._finder.page_ids(query, 10, after)
    statement = sent[-1].replace("%", "%%")
    with store._finder._reading(query) as (connection, _):
        if force:
            connection.exec_driver_sql(force)
        (plan,) = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}").scalars()
    (told,) = json.loads(plan) if isinstance(plan, str) else plan
    return found, told["Plan"]


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for one in plan.get("Plans", ()):
        yield from nodes(one)


def rows_read(plan: dict[str, Any]) -> float:
    scans = [one for one in nodes(plan) if "Relation Name" in one]
    return sum((one["Actual Rows"] + one.get("Rows Removed by Filter", 0)) * one["Actual Loops"] for one in scans)


@pytest.mark.parametrize(
    ("text", "after", "ids"),
    [
        ("tag:old tag:new", None, [2, 1]),
        ("tag:old tag:new", 2, [1]),
        ("tag:old -tag:new", None, [3]),
        ("tag:old -tag:new", 19_000, [3]),
        ("tag:old tag:new sort:added+", None, [1, 2]),
        ("tag:old -steps:7", None, [3, 2, 1]),
        ("tag:old (tag:new OR fav:yes)", None, [2, 1]),
        ("tag:old -(tag:new OR fav:yes)", None, [3]),
    ],
)
@pytest.mark.parametrize("merging", ["off", "on"])
def test_a_list_is_read_from_where_the_walked_one_begins(
    old: Store, text: str, after: int | None, ids: list[int], merging: str
):
    looping = "off" if merging == "on" else "on"
    force = f"SET LOCAL enable_mergejoin = {merging}; SET LOCAL enable_nestloop = {looping}"
    found, plan = planned(old, text, after, force)
    assert found == ids
    assert rows_read(plan) < 50


@pytest.mark.parametrize("text", ["tag:old", "tag:old -tag:new", "tag:old -steps:7", "model:* tag:old -fav:yes"])
@pytest.mark.parametrize("after", [None, 3])
def test_rows_of_entries_are_looked_up_for_what_lists_have_left(old: Store, text: str, after: int | None):
    _, plan = planned(old, text, after)
    of_entries = [one for one in nodes(plan) if one.get("Relation Name") == "entries"]
    assert of_entries
    assert all("id = " in one.get("Index Cond", "") for one in of_entries)
