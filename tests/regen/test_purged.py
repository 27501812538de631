"""Entries that somebody purges while a regeneration runs over them and others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from seedbank.api import Library
from seedbank.errors import NotFound
from seedbank.records import Entry
from seedbank.regen import service
from seedbank.store import Store
from tests.pictured import drawing, recipe


@pytest.fixture
def bank(bank_url: str, tmp_path: Path) -> Iterator[Library]:
    with Store.open(bank_url, user="ann") as store:
        store.move_images(str(tmp_path / "images"))
    with Library.open(bank_url, user="ann") as opened:
        opened.blobs.create()
        for number in range(1, 4):
            opened.add(drawing(number), recipe(number))
        yield opened


def test_the_others_are_attempted_and_then_it_is_said(bank: Library, monkeypatch: pytest.MonkeyPatch):
    store = service.attempt

    def attempt(library: Library, bench, entry: Entry, *rest):
        if entry.id == 2:
            library.trash("2")
            library.purge("2")
        return store(library, bench, entry, *rest)

    monkeypatch.setattr(service, "attempt", attempt)
    done = []
    with pytest.raises(NotFound, match=r"^Entry 2 was purged while this ran"):
        for outcome in bank.regenerating([1, 2, 3]):
            done.append((outcome.entry.id, outcome.regeneration.verdict))
    assert done == [(1, "blocked"), (3, "blocked")]
