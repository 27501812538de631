"""What a version of A1111 means by fields that it does not write. Source: `modules/infotext_versions.py` of A1111."""

from __future__ import annotations

import re
from collections.abc import Iterator

from seedbank.infotext import Parameters

_VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+)(?:-(?!RC)(\d+)(?=-|\Z))?", re.IGNORECASE)


def version_of(text: str | None) -> tuple[int, int, int, int] | None:
    """(major, minor, patch, commits after it) of `v1.6.0-128-gabcdef0`; None for what is no version of A1111 itself."""
    found = _VERSION.match(text or "")
    return None if found is None else (int(found[1]), int(found[2]), int(found[3]), int(found[4] or 0))


def older_ways(parameters: Parameters) -> Iterator[str]:
    """The compatibility settings that A1111 turns on when it reads a text of an older version of itself."""
    version = version_of(parameters.get("Version"))
    if version is None:
        return
    if version < (1, 6, 0, 0) and "[" in (parameters.prompt or ""):
        yield "Old prompt editing timelines"
    if version < (1, 6, 0, 0) and parameters.get("Sampler") in ("DDIM", "PLMS"):
        yield "Pad conds v0"
    if version < (1, 7, 0, 225):
        yield "Downcast alphas_cumprod"
    if version < (1, 8, 0, 0) and parameters.get("Refiner"):
        yield "Refiner switch by sampling steps"
