"""Column types: how values lie in the database, the same on SQLite and on PostgreSQL.

Digests and identities are bytes (half the size of their text, also in every index), times are microseconds since 1970,
JSON is compact text with sorted keys, so that both databases hold, compare and order equal values.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Dialect, LargeBinary, Text
from sqlalchemy.types import TypeDecorator

from seedbank.errors import BadInput
from seedbank.hashing import canonical_value

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
HALF = 2**63
SURE = 2**32 * 10**6
"""Microseconds from 1970 to the year 2106: as seconds in a float they are less than half a microsecond off, so that rounding
finds the right one."""


# From the database's values to ours, also for those who read many rows and ask for columns as they lie.


def digest_text(value: bytes | None) -> str | None:
    return None if value is None else value.hex()


def uid_text(value: bytes) -> str:
    digits = value.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def seed_number(value: int | None) -> int | None:
    return None if value is None else value + HALF


def phash_text(value: int | None) -> str | None:
    return None if value is None else value.to_bytes(8, signed=True).hex()


def moment(value: int) -> datetime:
    if 0 <= value < SURE:  # a page has a hundred of them
        return datetime.fromtimestamp(value / 1_000_000, UTC)
    return EPOCH + timedelta(0, 0, value)


class Digest(TypeDecorator[str]):
    """A SHA-256: 64 hexadecimal digits outside, 32 bytes inside."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:
        return None if value is None else bytes.fromhex(value)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> str | None:
        return digest_text(value)


class Uid(TypeDecorator[str]):
    """A UUIDv7: its usual text outside, 16 bytes inside (which sort by time)."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:
        return None if value is None else UUID(value).bytes

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> str | None:
        return None if value is None else uid_text(value)


class Seed(TypeDecorator[int]):
    """0 … 2^64-1 as the BIGINT seed - 2^63, which keeps the order; NUMERIC would lose digits on SQLite."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> int | None:
        return None if value is None else value - HALF

    def process_result_value(self, value: int | None, dialect: Dialect) -> int | None:
        return seed_number(value)


class Phash(TypeDecorator[str]):
    """A perceptual hash of 64 bits: 16 hexadecimal digits outside, a signed BIGINT of the same bits inside."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> int | None:
        return None if value is None else int.from_bytes(bytes.fromhex(value), signed=True)

    def process_result_value(self, value: int | None, dialect: Dialect) -> str | None:
        return phash_text(value)


class Time(TypeDecorator[datetime]):
    """An aware time, to the microsecond."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise BadInput(f"The time {value} has no time zone.", "Give it one, or leave it out when it is not known.")
        return (value - EPOCH) // MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else moment(value)


class Json(TypeDecorator[Any]):
    """JSON values as compact text with sorted keys; None is NULL."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else json_text(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else json.loads(value)


def json_text(value: Any) -> str:
    """`value` as compact JSON with sorted keys. Raises `BadInput` for what `canonical_value` refuses."""
    return json.dumps(canonical_value(value), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
