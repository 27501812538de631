"""What the search field of a page (`search.js`) takes from here, so that the language of queries is said once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from seedbank.dialects import SAMPLER_NAMES, SCHEDULE_NAMES
from seedbank.query import ALIASES, KEYS
from seedbank.records import VERDICTS, Entry
from seedbank.samplers import OTHER_NAMES
from seedbank.store.catalogue import method_row
from seedbank.store.matching import method_of
from seedbank.store.words import UNSPACED

LANGUAGE: Mapping[str, Any] = {
    "keys": [*KEYS, "sort"],
    "aliases": dict(ALIASES),
    "verdicts": list(VERDICTS),
    "unspaced": UNSPACED,
    "inside": list(OTHER_NAMES.items()),
    "tools": {"sampler": list(SAMPLER_NAMES.words.items()), "schedule": list(SCHEDULE_NAMES.words.items())},
}
"""Keys and their other names; verdicts; scripts without spaces; words of other tools in the name of a sampler, and whole."""


def method_names(entry: Entry) -> Mapping[str, Sequence[str]] | None:
    """{key: the names by which queries find how an entry was rendered}; None without a recipe."""
    if entry.recipe is None:
        return None
    return method_of(**method_row(entry.recipe.to_dict(), entry.details)).names
