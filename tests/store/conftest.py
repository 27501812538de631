"""Shared by the tests of migrations and of upgrades."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from seedbank.store import schema
from seedbank.store.versions import HEAD


@pytest.fixture
def with_migration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """Adds a migration after the newest one."""

    def add(source: str) -> None:
        folder = tmp_path / "migrations"
        shutil.copytree(schema.migrations_folder(), folder)
        (folder / "versions" / "0900_more.py").write_text(source.format(head=HEAD))
        monkeypatch.setattr(schema, "migrations_folder", lambda: folder)
        monkeypatch.setattr(schema, "HEAD", "0900")

    return add
