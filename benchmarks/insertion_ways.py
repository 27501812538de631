"""The ways in which entries come into a bank, for `benchmarks.insertion`: each prepares a block and gives what stores it."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.bank_of import Maker
from benchmarks.imported import SIDE, feed, importing, make_files
from seedbank.importing.options import Options
from seedbank.records import NewEntry
from seedbank.store import Store

BEFORE = 1_000
"""Entries that come before a block and are not counted: statements are prepared, and a connection has in its cache what it
keeps of a bank that it works with, which lies in more places of a large one."""


@dataclass(frozen=True)
class Rows:
    """Ready records, so many in a transaction."""

    batch: int
    count: int

    @contextlib.contextmanager
    def begun(self, store: Store, first: int) -> Iterator[Callable[[], None]]:
        """What stores a block whose first entry is number `first` of the bank, after some others."""
        maker = Maker(first)
        before = _made(maker, first, BEFORE)
        news = _made(maker, first + len(before), self.count)

        def add(given: list[NewEntry]) -> None:
            for start in range(0, len(given), self.batch):
                store.add_entries(given[start : start + self.batch])

        add(before)
        yield lambda: add(news)


@dataclass(frozen=True)
class Files:
    """Files, as `seedbank import` takes them."""

    options: Options
    count: int
    side: int = SIDE
    before: int = BEFORE

    @contextlib.contextmanager
    def begun(self, store: Store, first: int) -> Iterator[Callable[[], None]]:
        """As `Rows.begun`."""
        with tempfile.TemporaryDirectory(prefix="seedbank-insertion-") as name:
            before, files = Path(name) / "before", Path(name) / "files"
            make_files(before, first, self.before)
            make_files(files, first + self.before, self.count, self.side)
            with importing(store, self.options) as under_way:
                feed(under_way, before)
                os.sync()
                yield lambda: feed(under_way, files)


Way = Rows | Files
WAYS: dict[str, Way] = {
    "one at a time": Rows(1, 400),
    "an import": Files(Options(), 3_000),
    "an import of 1024x1024": Files(Options(), 300, side=1024, before=200),
    "an import of metadata": Files(Options(metadata_only=True), 4_000),
    "in batches": Rows(1_000, 10_000),
}


def _made(maker: Maker, first: int, count: int) -> list[NewEntry]:
    made = [maker.entry(number) for number in range(first, first + count)]
    for new in made:
        assert new.recipe is not None
        assert new.recipe.digest  # computed once, and not by the store
    return made
