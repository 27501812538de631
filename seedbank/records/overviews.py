"""What a bank holds, as a whole."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct


class Duplicates(Struct, frozen=True):
    """Entries whose pictures are the same (`exact`) or look alike (`alike`), oldest first."""

    kind: str
    entries: tuple[int, ...]
    distance: int
    """Bits of the perceptual hash by which a picture of the group differs from the oldest, at most."""


class Stats(Struct, frozen=True):
    """How many of what there are, among live entries."""

    entries: int
    in_trash: int
    by: Mapping[str, tuple[tuple[str, int], ...]]
    """{model, tag, month, verdict: ((value, how many), …)}; tags count pictures, the others entries."""
    files: int
    bytes: int
    about: frozenset[str] = frozenset()
    """Names of the numbers that were estimated from a sample."""
