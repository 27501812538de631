"""Verdicts against what they follow from: the pictures and the sentences of their attempts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, select

from seedbank.hashing import plain_value
from seedbank.records import EXACT, VERDICTS
from seedbank.store.integrity import in_batches
from seedbank.store.tables import entries, regenerations


def contradiction(verdict: str, line: Any, image: str | int | None, recorded: str | int | None) -> str | None:
    """Why an attempt cannot have this verdict, None when it can.

    line       the sentence that was said of it, which begins with its verdict; None where it was left out
    image      the picture that came of it, where that was another one, and `recorded` that of the entry: digests or ids
    """
    said = line.split(maxsplit=1)[0].rstrip(":") if isinstance(line, str) and line.strip() else verdict
    if said in VERDICTS and said != verdict:
        return f"it says {verdict}, and its explanation says {said}"
    if verdict == EXACT and recorded is None:
        return "it says exact of an entry without an image digest"
    if image is not None and (verdict == EXACT) != (image == recorded):
        return f"it says {verdict}, and its picture is {'the recorded' if image == recorded else 'another'} one"
    return None


def attempts(connection: Connection) -> Iterator[str]:
    """Verdicts against the pictures and sentences of their attempts."""
    statement = select(
        regenerations.c.id,
        regenerations.c.entry_id,
        regenerations.c.verdict,
        regenerations.c.image_id,
        regenerations.c.explanation,
        entries.c.image_id.label("recorded"),
    ).join(entries, regenerations.c.entry_id == entries.c.id)
    for row in in_batches(connection, statement):
        told = plain_value(row.explanation or {})
        why = contradiction(row.verdict, told.get("line"), row.image_id, row.recorded)
        if why is not None:
            yield f"Attempt {row.id} contradicts itself: {why} (entries {row.entry_id})."
