"""Entries: what is recorded of a generation, how a bank gives it back, and how entries hang together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Self

from msgspec import Struct, field

from seedbank.recipe import Recipe
from seedbank.records.models import Model
from seedbank.records.pictures import Blob, Picture

# Kinds of lineage edges, from the child's point of view.
EDGES = ("variant-of", "swept-from", "blended-from", "imported-from", "refined-from")


class Output(Struct, frozen=True):
    """What a rendering gave beside the pixels. `trace` names the packed trace blob; `seconds` are per stage."""

    trace: Blob | None = None
    trace_digest: str | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    peak_memory: int | None = None
    flags: Mapping[str, Any] = field(default_factory=dict)
    """What was noticed while rendering: global random state consumed, lost words of the prompt …"""


class Entry(Struct, frozen=True):
    """One recorded image, or one recipe whose image is not here yet, as the bank holds it."""

    id: int
    uid: str
    added: datetime
    created: datetime | None
    user: str
    origin: str
    recipe: Recipe | None
    recipe_digest: str | None
    environment_digest: str | None
    model: Model | None
    picture: Picture | None
    blob: Blob | None
    output: Output
    obstacles: tuple[str, ...]
    details: Mapping[str, Any]
    tags: tuple[str, ...] = ()
    favourite: bool = False
    rating: int | None = None
    notes: tuple[str, ...] = ()
    verdict: str | None = None
    """The verdict of the latest regeneration that was no experiment."""
    trashed: datetime | None = None

    def __repr__(self) -> str:
        """What tells it from others at a prompt, in one line; the whole is `seedbank show`."""
        size = None if self.picture is None or self.picture.width is None else f"{self.picture.width}x{self.picture.height}"
        about = (
            None if self.prompt is None else repr(self.prompt if len(self.prompt) <= 60 else f"{self.prompt[:59]}…"),
            None if self.seed is None else f"seed {self.seed}",
            size,
            None if self.model is None else self.model.name,
            None if self.trashed is None else "in the trash",
        )
        return f"<Entry {self.id}: {', '.join(filter(None, about)) or self.origin}>"

    @property
    def seed(self) -> int | None:
        return None if self.recipe is None else self.recipe.seed

    @property
    def prompt(self) -> str | None:
        return None if self.recipe is None else self.recipe.prompt


class Page(tuple[Entry, ...]):
    """Entries in order. `after` is what the next page begins behind; None on the last one."""

    after: int | None

    def __new__(cls, entries: Iterable[Entry] = (), after: int | None = None) -> Self:
        page = super().__new__(cls, entries)
        page.after = after
        return page


class Count(Struct, frozen=True):
    """How many entries match; not `exact` for more than can be counted at once."""

    number: int
    exact: bool

    def __str__(self) -> str:
        """``1,234``, or ``about 120,000``."""
        if self.exact:
            return f"{self.number:,}"
        return f"about {float(f'{self.number:.2g}'):,.0f}"


class Edge(Struct, frozen=True):
    """One step of lineage between two entries; `kind` is one of `EDGES`."""

    child: int
    parent: int
    kind: str
