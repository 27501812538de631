"""Opinions and the trash against a model in plain Python that shares no code with the store."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from seedbank.errors import SeedbankError
from seedbank.query import parse as parse_query
from seedbank.store import Store
from seedbank.store.integrity import integrity
from tests.conftest import Databases
from tests.store.examples import new_entry, recipe

TAGS = ("hero", "poster", "draft")
USERS = ("ann", "bob")


class Catalogue(RuleBasedStateMachine):
    """Four pictures at most, so that entries often share one."""

    databases: Databases

    def __init__(self) -> None:
        super().__init__()
        self.picture: dict[int, int] = {}
        self.trashed: set[int] = set()
        self.tags: dict[int, set[str]] = {}
        self.favourites: dict[int, set[str]] = {}
        self.ratings: dict[int, dict[str, int]] = {}
        self.added = 0

    @initialize()
    def start(self) -> None:
        self.url = self.databases.bank()
        self.store = Store.open(self.url, user="ann")

    def teardown(self) -> None:
        if hasattr(self, "store"):
            assert list(integrity(self.store)) == []
            self.store.close()
            self.databases.drop(self.url)

    def some(self, data: st.DataObject) -> list[int]:
        return data.draw(st.lists(st.sampled_from(sorted(self.picture)), min_size=1, max_size=3), label="entries")

    @rule(picture=st.integers(1, 4), tags=st.sets(st.sampled_from(TAGS)))
    def add(self, picture: int, tags: set[str]) -> None:
        self.added += 1
        entry = self.store.add_entry(new_entry(picture, recipe=recipe(self.added, "a prompt"), tags=tuple(sorted(tags))))
        assert entry.id == self.added
        self.picture[entry.id] = picture
        self.tags.setdefault(picture, set()).update(tags)

    @precondition(lambda self: self.picture)
    @rule(data=st.data(), names=st.lists(st.sampled_from(TAGS), max_size=2), on=st.booleans(), user=st.sampled_from(USERS))
    def tag(self, data: Any, names: list[str], on: bool, user: str) -> None:
        ids = self.some(data)
        (self.store.tag if on else self.store.untag)(ids, names, user=user)
        for number in ids:
            known = self.tags.setdefault(self.picture[number], set())
            (known.update if on else known.difference_update)(names)

    @precondition(lambda self: self.picture)
    @rule(data=st.data(), on=st.booleans(), user=st.sampled_from(USERS))
    def favourite(self, data: Any, on: bool, user: str) -> None:
        ids = self.some(data)
        self.store.favourite(ids, on, user=user)
        for number in ids:
            known = self.favourites.setdefault(self.picture[number], set())
            (known.add if on else known.discard)(user)

    @precondition(lambda self: self.picture)
    @rule(data=st.data(), rating=st.none() | st.integers(0, 5), user=st.sampled_from(USERS))
    def rate(self, data: Any, rating: int | None, user: str) -> None:
        ids = self.some(data)
        self.store.rate(ids, rating, user=user)
        for number in ids:
            known = self.ratings.setdefault(self.picture[number], {})
            known.pop(user, None)
            if rating is not None:
                known[user] = rating

    @precondition(lambda self: self.picture)
    @rule(data=st.data(), back=st.booleans())
    def trash_or_restore(self, data: Any, back: bool) -> None:
        ids = self.some(data)
        changed = (self.store.restore if back else self.store.trash)(ids)
        expected = set(ids) & self.trashed if back else set(ids) - self.trashed
        assert set(changed) == expected
        self.trashed.symmetric_difference_update(expected)

    @precondition(lambda self: self.picture)
    @rule(data=st.data())
    def purge(self, data: Any) -> None:
        ids = self.some(data)
        if not set(ids) <= self.trashed:
            with pytest.raises(SeedbankError):
                self.store.purge(ids)
            return
        self.store.purge(ids)
        for number in set(ids):
            picture = self.picture.pop(number)
            self.trashed.discard(number)
            if picture not in self.picture.values():  # nobody has this image any more: its opinions go with it
                for known in (self.tags, self.favourites, self.ratings):
                    known.pop(picture, None)

    @invariant()
    def the_store_says_what_the_model_says(self) -> None:
        if not hasattr(self, "store"):
            return
        live = sorted(set(self.picture) - self.trashed, reverse=True)
        found = self.store.find()
        assert [entry.id for entry in found] == live
        for entry in found:
            picture = self.picture[entry.id]
            assert set(entry.tags) == self.tags.get(picture, set())
            assert entry.favourite == ("ann" in self.favourites.get(picture, set()))
            assert entry.rating == self.ratings.get(picture, {}).get("ann")
        tagged = [number for number in live if "hero" in self.tags.get(self.picture[number], set())]
        assert list(self.store.ids(parse_query("tag:hero"))) == tagged
        assert set(self.store.ids(parse_query("trash:yes"))) == self.trashed


def test_opinions_and_trash_behave_as_a_dictionary_would(databases: Databases):
    class Here(Catalogue):
        pass

    Here.databases = databases
    examples = 8 if databases.kind == "sqlite" else 5
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large]
    run_state_machine_as_test(
        Here, settings=settings(max_examples=examples, stateful_step_count=20, deadline=None, suppress_health_check=checks)
    )
