"""Times in queries: ``2026-11``, ``2026-11-05``, ``2026-11-05T14:30``, ``-7d``, ``today``, and ranges of them.

A time names a span: a year, a month, a day, a minute. ``A..B`` goes from the beginning of A to the end of B. What is counted
back from now (``-36h``, ``-7d``, ``-2w``, ``-6m``, ``-1y``) is a moment. Without an offset, the user's time zone counts.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

Span = tuple[datetime, datetime]
"""From the first time (included) to the second (excluded)."""

_NAMED = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2})(?:[T ](\d{2}):(\d{2}))?)?)?(Z|[+-]\d{2}:\d{2})?", re.ASCII)
_BACK = re.compile(r"-(\d{1,5})([hdwmy])", re.ASCII | re.IGNORECASE)
_STEPS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
EARLIEST, LATEST = datetime(1, 1, 3, tzinfo=UTC), datetime(9999, 12, 29, tzinfo=UTC)


def span(text: str, now: datetime) -> Span:
    """The times that `text` means, seen from `now` (aware, in the user's time zone).

    Raises ValueError with a sentence about what cannot be read.
    """
    low, dots, high = text.partition("..")
    if dots and not low and not high:
        raise ValueError("has no ends")
    first = _one(low, now)[0] if low else EARLIEST
    last = _one(high, now)[1] if high else LATEST
    if not dots:
        first, last = _one(text, now)
        if _BACK.fullmatch(text):
            raise ValueError(f"is a moment, not a span of time; write {text}.. for all since then")
    if first >= last:
        raise ValueError("ends before it begins")
    return first, last


def _one(text: str, now: datetime) -> Span:
    word = text.casefold()
    if word in ("today", "yesterday"):
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        day = midnight - timedelta(days=word == "yesterday")
        return day, day + timedelta(days=1)
    if word == "now":
        return now, now
    if back := _BACK.fullmatch(text):
        moment = _back(int(back[1]), back[2].lower(), now)
        return moment, moment
    if named := _NAMED.fullmatch(text):
        return _named(named, now)
    raise ValueError("is not a time; write -7d.. for the last seven days, 2026-11, 2026-11-05, today or 2026-10..2026-11")


def _back(count: int, unit: str, now: datetime) -> datetime:
    try:
        if unit in _STEPS:
            return max(EARLIEST, now - count * _STEPS[unit])
        months = now.year * 12 + now.month - 1 - count * (12 if unit == "y" else 1)
        year, month = divmod(months, 12)
        if year < 2:
            return EARLIEST
        return now.replace(year=year, month=month + 1, day=min(now.day, _days(year, month + 1)))
    except OverflowError:
        return EARLIEST


def _days(year: int, month: int) -> int:
    following = datetime(year + month // 12, month % 12 + 1, 1)
    return (following - timedelta(days=1)).day


def _named(found: re.Match[str], now: datetime) -> Span:
    year, month, day, hour, minute, zone = found.groups()
    if zone is None:
        tz = now.tzinfo
    elif zone == "Z":
        tz = UTC
    else:
        tz = datetime.fromisoformat(f"2000-01-01T00:00{zone}").tzinfo
    try:
        start = datetime(int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0), tzinfo=tz)
    except ValueError:
        raise ValueError("is not in the calendar") from None
    if start.year < 2:
        start = EARLIEST
    if start.year > 9998:
        return min(start, LATEST - timedelta(minutes=1)), LATEST
    if day is not None:
        return start, start + (timedelta(days=1) if hour is None else timedelta(minutes=1))
    months = start.year * 12 + (int(month) if month else 12)
    return start, start.replace(year=months // 12, month=months % 12 + 1)
