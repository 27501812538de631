"""Banks and tiny models for tests that render through the Python API."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import seedbank
from seedbank.api import Library
from tests import tiny_models
from tests.rendering import shared_cache
from tests.warm import Kept


@pytest.fixture(autouse=True, scope="session")
def cache() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEEDBANK_CACHE", str(shared_cache()))
        yield


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory, kept: Kept) -> Iterator[Library]:
    """One bank for a whole module, on render processes that stay; it is regenerated in others than it is recorded in."""
    with kept.lent(), seedbank.open(tmp_path_factory.mktemp("bank") / "art.db", create=True, user="ann") as opened:
        yield opened


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a tiny model, built when it is first asked for."""
    root = tmp_path_factory.mktemp("models")

    def folder(family: str) -> Path:
        return root / family if (root / family).exists() else tiny_models.build(family, root / family)

    return folder
