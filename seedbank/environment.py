"""The environment: what ran a recipe.

It is made of parts (`PARTS`), each with a digest of its own; the environment's digest covers the parts' digests. Parts are
stored once, and new kinds of parts can be added later without new digests for old entries.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from seedbank.hashing import canonical_value, json_digest

PARTS = ("system", "distributions", "hardware", "profile", "variables", "fingerprint")
"""system: python, operating system, libc · distributions: {name: {version, record}} · hardware: CPU, GPU ·
profile: every setting that a process can restore · variables: relevant environment variables · fingerprint: numerics probes"""


@dataclass(frozen=True)
class Environment:
    """What ran a recipe, as captured by the render process. `parts` maps a kind to JSON values."""

    parts: Mapping[str, Any]

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", canonical_value(self.parts, "environment"))

    @cached_property
    def part_digests(self) -> dict[str, str]:
        """{kind: digest} of the parts."""
        return {kind: json_digest(body) for kind, body in self.parts.items()}

    @cached_property
    def digest(self) -> str:
        """The environment digest."""
        return json_digest(self.part_digests)

    @property
    def profile(self) -> Mapping[str, Any]:
        """Every setting that a process can restore."""
        profile: Mapping[str, Any] = self.parts.get("profile", {})
        return profile

    def version(self, distribution: str) -> str | None:
        """The version of an installed distribution, by its normalised name; `None` when it was not there."""
        found = self.parts.get("distributions", {}).get(distribution)
        return None if found is None else found.get("version")


def environment_differences(old: Environment, new: Environment) -> list[tuple[str, Any, Any]]:
    """What differs, as (dotted name, old, new): a whole-digest comparison first, leaves only where parts differ."""
    changes: list[tuple[str, Any, Any]] = []
    for kind in sorted(set(old.parts) | set(new.parts)):
        if old.part_digests.get(kind) != new.part_digests.get(kind):
            before, after = _leaves(old.parts.get(kind, {}), kind), _leaves(new.parts.get(kind, {}), kind)
            changes += [
                (key, before.get(key), after.get(key)) for key in sorted(before | after) if before.get(key) != after.get(key)
            ]
    return changes


def _leaves(value: Any, name: str) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return {key: leaf for item in value for key, leaf in _leaves(value[item], f"{name}.{item}").items()}
    return {name: value}
