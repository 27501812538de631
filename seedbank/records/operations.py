"""Who did what when, and what undoing it did."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct


class Operation(Struct, frozen=True):
    """Who did what when."""

    id: int
    uid: str
    kind: str
    at: datetime
    user: str
    details: Mapping[str, Any]


class Undone(Struct, frozen=True):
    """What `undo` did. `undo` is its own operation, None when everything had been changed since."""

    operation: Operation
    undo: int | None
    changed: int
    """How many pictures or entries are again as they were."""
    kept: tuple[str, ...] = ()
    """What later edits were left alone, one sentence each."""
