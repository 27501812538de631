"""Frozen values and their copies: records are msgspec Structs, other values dataclasses."""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar

from msgspec import Struct, structs

T = TypeVar("T")


def replace(value: T, /, **changes: Any) -> T:
    """`value` with other values in some fields; of both kinds alike, as `copy.replace` of Python 3.13 does.

    The copy is checked as a new value is. Raises `TypeError` for a field that it does not have.
    """
    if isinstance(value, Struct):
        return structs.replace(value, **changes)
    return dataclasses.replace(value, **changes)  # type: ignore[type-var]
