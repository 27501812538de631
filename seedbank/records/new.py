"""What a bank is told: a generation, and an attempt to rebuild an entry. Unknown parts are None."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct, field

from seedbank.environment import Environment
from seedbank.recipe import Recipe
from seedbank.records.entries import Output
from seedbank.records.models import Model
from seedbank.records.pictures import Blob, Payload, Picture
from seedbank.records.regenerations import TRACE_ABSENT


class NewEntry(Struct, frozen=True):
    """Everything that is recorded of one generation. Unknown parts are None."""

    recipe: Recipe | None = None
    environment: Environment | None = None
    model: Model | None = None
    picture: Picture | None = None
    blob: Blob | None = None
    inputs: tuple[Blob, ...] = ()
    output: Output = field(default_factory=Output)
    origin: str = "generated"
    """`generated`, `recorded` (a user's own pipeline), `added`, `imported`, `received` (as text, without its image)."""
    obstacles: tuple[str, ...] = ()
    """Why it cannot be regenerated, one sentence each; empty when nothing stands in the way."""
    created: datetime | None = None
    """When it was rendered; None when unknown."""
    parents: tuple[tuple[int, str], ...] = ()
    """(entry id, kind of edge)."""
    run: int | None = None
    tags: tuple[str, ...] = ()
    """Tags for the image, given in the same transaction."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """What has no field of its own, as JSON values: raw metadata of imports, names shown to people."""
    adapters: tuple[Model, ...] = ()
    """What the adapters of the recipe are and where they came from; the recipe names them by digest."""
    payloads: tuple[Payload, ...] = ()
    """What the file says of itself, word for word."""
    uid: str | None = None
    """Of an entry that comes from another bank: what it is known by there. None for one that is new in the world."""
    user: str | None = None
    """Who made it, where that is not who is at work."""


class NewRegeneration(Struct, frozen=True):
    """One attempt to rebuild an entry. Only ever inserted; `run` and `entry` together are unique."""

    entry: int
    verdict: str
    experiment: bool = False
    run: int | None = None
    environment: Environment | None = None
    picture: Picture | None = None
    """The new image, when it differs."""
    blob: Blob | None = None
    output: Output = field(default_factory=Output)
    trace: str = TRACE_ABSENT
    first_difference: str | None = None
    drift: Mapping[str, float] = field(default_factory=dict)
    """{max, psnr, ssim, phash}: largest channel difference of 255, dB, -1…1, bits of 64."""
    explanation: Mapping[str, Any] = field(default_factory=dict)
    """{line, grade, stage, causes}; `line` is the sentence that people read."""
    evidence: Mapping[str, Any] = field(default_factory=dict)
