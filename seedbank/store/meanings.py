"""What a term means today, where that changes while the bank does not: with the time, or with the disk.

As long as neither this nor the bank has changed, a plan that was made for the term holds.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from datetime import datetime
from typing import Any

from seedbank.query import KEYS, Term
from seedbank.store.asking import Asking
from seedbank.store.files import lost_references
from seedbank.store.sending import send
from seedbank.store.types import EPOCH, MICROSECOND

_ADDED = """
SELECT (SELECT id FROM entries WHERE added >= {mark} AND added < {mark} ORDER BY added, id LIMIT 1),
    (SELECT id FROM entries WHERE added >= {mark} AND added < {mark} ORDER BY added DESC, id DESC LIMIT 1)
"""


def added_ids(asking: Asking, span: tuple[datetime, datetime]) -> tuple[int | None, int | None]:
    """The first and the last id that was added from the first time on, before the second."""
    ends = [(one - EPOCH) // MICROSECOND for one in span]
    ((low, high),) = send(asking.connection, _ADDED.format(mark="?" if asking.sqlite else "%s"), (*ends, *ends), keep=True)
    return low, high


_MEANINGS: Mapping[str, Callable[[Asking, Any], Hashable]] = {
    "added": added_ids,
    "bytes": lambda asking, _: tuple(lost_references(asking.connection)),
    "created": lambda _, span: span,
    "regenerable": lambda asking, _: frozenset(asking.gone()),
}

BEYOND = frozenset({*_MEANINGS, "collection"})
"""Keys of such terms. A saved search has terms of its own, so nothing tells what `collection` means."""


def meaning(asking: Asking, term: Term) -> Hashable | None:
    """What a term whose key is in `BEYOND` means today; None where nothing tells."""
    made = _MEANINGS.get(term.key)
    return None if made is None else made(asking, KEYS[term.key].read(term.text))
