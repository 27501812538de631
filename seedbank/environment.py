"""The environment: what ran a recipe.

It is made of parts (`PARTS`), each with a digest of its own; the environment's digest covers the parts' digests. Parts are
stored once, and new kinds of parts can be added later without new digests for old entries.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from msgspec import Struct, structs

from seedbank.hashing import canonical_value, json_digest

PARTS = ("system", "distributions", "hardware", "profile", "variables", "fingerprint")
"""system: python, operating system, libc · distributions: {name: {version, record}} · hardware: CPU, GPU ·
profile: every setting that a process can restore · variables: relevant environment variables ·
fingerprint: {v, device: {class of operations: digest of what it computes}}"""


Difference = tuple[str, Any, Any]
"""(name, the value of one environment, that of the other); None where it is not there."""


class Environment(Struct, frozen=True, dict=True):
    """What ran a recipe, as captured by the render process. `parts` maps a kind to JSON values."""

    parts: Mapping[str, Any]

    def __post_init__(self) -> None:
        structs.force_setattr(self, "parts", canonical_value(self.parts, "environment"))

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


def environment_differences(old: Environment, new: Environment) -> list[Difference]:
    """What differs, as (dotted name, old, new): a whole-digest comparison first, leaves only where parts differ."""
    changes: list[Difference] = []
    for kind in sorted(set(old.parts) | set(new.parts)):
        if old.part_digests.get(kind) != new.part_digests.get(kind):
            before, after = _leaves(old.parts.get(kind, {}), kind), _leaves(new.parts.get(kind, {}), kind)
            changes += [
                (key, before.get(key), after.get(key)) for key in sorted(before | after) if before.get(key) != after.get(key)
            ]
    return changes


class Comparison(Struct, frozen=True):
    """How two environments differ, as (name, one, other); what only one of them knows is `unknown`, not a difference.

    distributions  versions; None where one is not installed; the same version of other files says so
    settings       profile and environment variables
    machine        system and hardware
    operations     {device: classes of operations that compute other bits}; None where a fingerprint is missing
    unknown        parts, or parts of the profile, that one environment does not have
    """

    distributions: tuple[Difference, ...]
    settings: tuple[Difference, ...]
    machine: tuple[Difference, ...]
    operations: Mapping[str, tuple[str, ...]] | None
    unknown: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Whether nothing that both know differs."""
        return not (self.distributions or self.settings or self.machine or any((self.operations or {}).values()))


def compare_environments(one: Environment, other: Environment) -> Comparison:
    """What differs between two environments, sorted by kind."""
    missing = [kind for kind in PARTS if (kind in one.parts) != (kind in other.parts)]
    if "profile" not in missing and ("pipeline" in one.profile) != ("pipeline" in other.profile):
        missing.append("profile.pipeline")
    leaves = [
        (name, old, new)
        for name, old, new in environment_differences(one, other)
        if not any(name == kind or name.startswith(f"{kind}.") for kind in missing)
    ]
    settings = {
        name.removeprefix("profile."): (old, new) for name, old, new in leaves if name.startswith(("profile.", "variables."))
    }
    return Comparison(
        distributions=tuple(_distributions(one, other)) if "distributions" not in missing else (),
        settings=tuple((name, old, new) for name, (old, new) in settings.items()),
        machine=tuple(leaf for leaf in leaves if leaf[0].startswith(("system.", "hardware."))),
        operations=compare_operations(one, other),
        unknown=tuple(missing),
    )


def compare_operations(one: Environment, other: Environment) -> dict[str, tuple[str, ...]] | None:
    """{device: classes of operations whose digests differ}, of the devices that both fingerprints have.

    None when one has no fingerprint, or when they were taken with other probes.
    """
    first, second = (environment.parts.get("fingerprint") or {} for environment in (one, other))
    if not first or not second or first.get("v") != second.get("v"):
        return None
    return {
        device: tuple(name for name in first[device] if name in second[device] and first[device][name] != second[device][name])
        for device in first
        if device != "v" and device in second
    }


def _distributions(one: Environment, other: Environment) -> Iterator[Difference]:
    names = {name for environment in (one, other) for name in environment.parts.get("distributions", {})}
    replaced = other_files(one, other)
    for name in sorted(names):
        old, new = one.version(name), other.version(name)
        if old != new:
            yield name, old, new
        elif name in replaced:
            yield name, old, f"{new}, other files"


def other_files(one: Environment, other: Environment) -> tuple[str, ...]:
    """The distributions that both have in the same version but with other files (their RECORD differs)."""
    first, second = (environment.parts.get("distributions", {}) for environment in (one, other))
    return tuple(
        name
        for name in sorted(set(first) & set(second))
        if one.version(name) == other.version(name)
        and None not in (records := {first[name].get("record"), second[name].get("record")})
        and len(records) == 2
    )


def _leaves(value: Any, name: str) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return {key: leaf for item in value for key, leaf in _leaves(value[item], f"{name}.{item}").items()}
    return {name: value}
