"""What people say of pictures, who did what when, and what undoing it did."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import Struct


class TeamOpinion(Struct, frozen=True):
    """What one user says of an image."""

    user: str
    favourite: bool
    rating: int | None
    note: str | None


class Tag(Struct, frozen=True):
    """A tag and how many pictures have it."""

    name: str
    pictures: int


class Collection(Struct, frozen=True):
    """Pictures in an order that people gave them, or a saved search (`query`), whose pictures are what it finds."""

    uid: str
    name: str
    created: datetime
    user: str
    query: str | None = None
    cover: str | None = None
    """Image digest of the picture that was chosen to stand for it."""
    pictures: int = 0
    """How many were put in; 0 for a saved search."""


class OpinionEvent(Struct, frozen=True):
    """One step in the history of an image's opinions. `kind`: tag, untag, favourite, rating, note, collect; value as JSON."""

    at: datetime
    user: str
    kind: str
    value: Any
    image: str
    operation: int


class Saying(Struct, frozen=True):
    """An `OpinionEvent` as it travels between banks.

    image   image digest
    kind    tag, untag, favourite, rating, note or collect
    value   as in the history; of `collect` {uid, position}, the position None for a picture that was taken out
    user    None where the one who said it stayed unnamed
    """

    image: str
    at: datetime
    user: str | None
    kind: str
    value: Any
