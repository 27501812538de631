"""One record of a bundle on its way back: anyone may have written it, so every value is looked at before it is used."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from seedbank.errors import BadInput
from seedbank.hashing import canonical_value

DIGEST = re.compile(r"[0-9a-f]{64}")
AHEAD = timedelta(days=1)
"""How far another machine's clock may go ahead."""


@dataclass(frozen=True)
class Given:
    """One record of a bundle; the methods give a value of it when it is what it must be, else raise `BadInput`."""

    values: Mapping[str, Any]
    where: str

    def wrong(self, what: str) -> BadInput:
        return BadInput(f"A record in {self.where} is wrong: {what}.", "Have the bundle sent again.")

    def _as(self, name: str, fits: Callable[[Any], bool], what: str, needed: bool) -> Any:
        value = self.values.get(name)
        if value is None and not needed:
            return None
        if not fits(value):
            raise self.wrong(f"its {name} is {what}")
        return value

    def text(self, name: str, *, needed: bool = False, longest: int = 4096) -> Any:
        return self._as(name, lambda value: is_text(value) and len(value) <= longest, "no text that can be stored", needed)

    def digest(self, name: str, *, needed: bool = False) -> Any:
        return self._as(name, is_digest, "no digest", needed)

    def uid(self, name: str) -> str:
        return str(self._as(name, _is_uid, "no UUID", True))

    def whole(self, name: str, largest: int, *, needed: bool = False) -> Any:
        return self._as(name, lambda value: type(value) is int and 0 <= value <= largest, "no such number", needed)

    def flag(self, name: str) -> bool:
        return bool(self._as(name, lambda value: isinstance(value, bool), "neither true nor false", False))

    def time(self, name: str, *, needed: bool = False, past: bool = True) -> datetime | None:
        """A time; with `past`, not one that is still to come."""
        text = self._as(name, lambda value: isinstance(value, str) and len(value) <= 40, "no time", needed)
        if text is None:
            return None
        try:
            when = datetime.fromisoformat(text).astimezone(UTC)
        except (ValueError, OverflowError):
            raise self.wrong(f"its {name} is no time") from None
        if past and when > datetime.now(UTC) + AHEAD:
            raise self.wrong(f"its {name}, {text}, is still to come")
        return when

    def mapping(self, name: str) -> Mapping[str, Any]:
        found = self._as(name, lambda value: isinstance(value, dict), "no object", False) or {}
        try:
            return dict(canonical_value(found))
        except (BadInput, RecursionError):
            raise self.wrong(f"its {name} holds what cannot be stored") from None

    def part(self, name: str) -> Given | None:
        found = self._as(name, lambda value: isinstance(value, dict), "no object", False)
        return None if found is None else Given(found, self.where)

    def parts(self, name: str) -> list[Given]:
        fits: Callable[[Any], bool] = lambda value: isinstance(value, list) and all(isinstance(one, dict) for one in value)  # noqa: E731
        return [Given(one, self.where) for one in self._as(name, fits, "no list of objects", False) or ()]

    def texts(self, name: str) -> tuple[str, ...]:
        fits: Callable[[Any], bool] = lambda value: isinstance(value, list) and all(map(is_text, value))  # noqa: E731
        return tuple(self._as(name, fits, "no list of texts", False) or ())


def is_text(value: Any) -> bool:
    """Whether it is a text that a database can hold."""
    return isinstance(value, str) and not re.search("[\0\ud800-\udfff]", value)


def is_digest(value: Any) -> bool:
    return isinstance(value, str) and DIGEST.fullmatch(value) is not None


def _is_uid(value: Any) -> bool:
    try:
        return isinstance(value, str) and str(UUID(value)) == value
    except ValueError:
        return False
