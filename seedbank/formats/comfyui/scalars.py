"""Numbers and words out of what stands in a graph: other types are common, and nothing is taken at its word."""

from __future__ import annotations

import math
from typing import Any

MAX_SEED = 2**64 - 1


def size_for(across: int, down: int, megapixels: float, multiple: int) -> tuple[int, int] | None:
    """The size that ComfyUI gives to an area: it is in pixels of 1024 x 1024, and each side is a whole multiple."""
    if not (0 < across < 100_000 and 0 < down < 100_000 and 0 < megapixels < 1000 and 0 < multiple < 10_000):
        return None
    scale = math.sqrt(megapixels * 1024 * 1024 / (across * down))
    return round(across * scale / multiple) * multiple, round(down * scale / multiple) * multiple


def literal(value: Any) -> Any:
    """The value of a widget, out of the wrappings that front ends put around it; a file's name out of what is said of it."""
    for _ in range(3):
        if not isinstance(value, dict):
            break
        value = next((value[name] for name in ("__value__", "content", "value", "file", "name") if name in value), None)
    return value


def as_number(value: Any) -> float | None:
    """A finite number; also one that stands in a text."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        try:
            value = float(value) if len(value) < 100 else None
        except ValueError:
            return None
    if isinstance(value, int):
        return value if abs(value) <= MAX_SEED else None
    return value if isinstance(value, float) and math.isfinite(value) else None


def as_integer(value: Any) -> int | None:
    """A whole number of at most 64 bits, exactly: a seed is no float."""
    if isinstance(value, str):
        digits = value.strip()
        plain = digits.removeprefix("-")
        value = int(digits) if len(digits) < 25 and plain.isascii() and plain.isdigit() else None
    if isinstance(value, float):
        value = int(value) if math.isfinite(value) and value.is_integer() and abs(value) < 2**53 else None
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MAX_SEED else None
