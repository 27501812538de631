"""Banks as quickly as a file is copied, and one process that examines the files of all tests."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import seedbank
from seedbank.api import Library
from seedbank.importing.pool import Pool


class _Lent(Pool[Any]):
    """A pool that stays: whoever leaves it lets it finish what it was given."""

    def __class_getitem__(cls, key: object) -> Any:
        return lambda jobs, decode=True: cls.kept

    kept: _Lent

    def __exit__(self, *_: object) -> None:
        while self.busy:
            self.collect()


@pytest.fixture(scope="session")
def _kept() -> Iterator[None]:
    _Lent.kept = object.__new__(_Lent)
    Pool.__init__(_Lent.kept, 1)
    yield
    Pool.__exit__(_Lent.kept, None, None, None)


@pytest.fixture
def warm(_kept: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Imports share one process."""
    monkeypatch.setattr("seedbank.importing.service.Pool", _Lent)
    monkeypatch.setattr("seedbank.exchange.bundle.looking.Pool", _Lent)


@pytest.fixture(scope="session")
def _template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "art.db"
    seedbank.open(path, create=True, user="ann").close()
    return path


@pytest.fixture
def bank(_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Library]:
    """A fresh bank of the user `ann`."""
    monkeypatch.setenv("SEEDBANK_CACHE", str(tmp_path / "cache"))
    shutil.copy(_template, tmp_path / "art.db")
    with seedbank.open(tmp_path / "art.db", user="ann") as opened:
        opened.blobs.create()
        yield opened
