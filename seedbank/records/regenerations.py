"""Regenerations: attempts to rebuild an entry, and the runs that they can belong to."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct

from seedbank.records.entries import Output
from seedbank.records.pictures import Blob, Picture

# Verdicts of a regeneration, with the exit code of the command line.
EXACT, CLOSE, DIFFERENT, UNSTABLE, FAILED, BLOCKED = "exact", "close", "different", "unstable", "failed", "blocked"
VERDICTS = {EXACT: 0, CLOSE: 3, DIFFERENT: 3, UNSTABLE: 3, FAILED: 1, BLOCKED: 1}

# What the trace of a regeneration says beside the verdict.
TRACE_SAME, TRACE_DIFFERS, TRACE_ABSENT = "same", "differs", "absent"


class Regeneration(Struct, frozen=True):
    """A `NewRegeneration` as the bank holds it."""

    id: int
    uid: str
    at: datetime
    user: str
    entry: int
    verdict: str
    experiment: bool
    run: int | None
    environment_digest: str | None
    picture: Picture | None
    blob: Blob | None
    output: Output
    trace: str
    first_difference: str | None
    drift: Mapping[str, float]
    explanation: Mapping[str, Any]
    evidence: Mapping[str, Any]


class Run(Struct, frozen=True):
    """A durable piece of work over many entries. What is still to do is computed: selection minus finished."""

    id: int
    uid: str
    kind: str
    name: str | None
    digest: str
    specification: Mapping[str, Any]
    created: datetime
    user: str
    total: int
    done: int
    finished: datetime | None = None
    """Of an import: when all that it walks had been looked at; until then, starting it again resumes it."""
