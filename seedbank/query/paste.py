"""The text that other tools write under a picture, pasted as a query.

    a red circle
    Negative prompt: blurry
    Steps: 8, Sampler: Euler a, CFG scale: 4, Seed: 123456, Size: 128x128, Model: embedded

The prompt and whatever has a key here is looked for; what has none (Version, RNG, hashes of other tools …) is left out. The
last line alone will do.
"""

from __future__ import annotations

import json
import re

from seedbank.query.nodes import Node, Term

FIELDS = {
    "steps": "steps",
    "sampler": "sampler",
    "schedule type": "schedule",
    "cfg scale": "cfg",
    "seed": "seed",
    "size": "size",
    "model": "model",
}
"""{name there, in lower case: key here}"""

_LAST_LINE = re.compile(r"\s*Steps:\s*\d+\s*,\s*[A-Za-z][\w ]*:", re.IGNORECASE)
_FIELD = re.compile(r'\s*([\w][\w \-/]*):\s*("(?:\\.|[^"\\])*"|[^,]*)(?:,|$)')


def pasted(text: str) -> list[Node] | None:
    """The conditions in a pasted text; None when it is none."""
    lines = text.strip().splitlines()
    if not lines or not _LAST_LINE.match(lines[-1]):
        return None
    negative = next((at for at, line in enumerate(lines[:-1]) if line.startswith("Negative prompt:")), len(lines) - 1)
    found: list[Node] = []
    for key, part in (("prompt", lines[:negative]), ("negative", lines[negative:-1])):
        words = "\n".join(part).removeprefix("Negative prompt:").strip()
        if words:
            found.append(Term(key, words.strip("*")))
    for name, value in _FIELD.findall(lines[-1]):
        field = FIELDS.get(name.strip().casefold())
        if field is not None and (plain := _plain(value.strip())):
            found.append(Term(field, plain))
    return found


def _plain(value: str) -> str:
    if not value.startswith('"'):
        return value
    try:
        return str(json.loads(value))
    except ValueError:
        return value.strip('"')
