"""The text that other tools write under a picture, pasted as a query.

    a red circle
    Negative prompt: blurry
    Steps: 8, Sampler: Euler a, CFG scale: 4, Seed: 123456, Size: 128x128, Model: embedded

The prompt and whatever has a key here is looked for; what has none (Version, RNG, hashes of other tools …) is left out. The
last line alone will do.
"""

from __future__ import annotations

from seedbank.infotext import parse
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


def pasted(text: str) -> list[Node] | None:
    """The conditions in a pasted text; None when it is none, which is one whose fields do not begin with the steps."""
    parts = parse(text, fewest=2)
    if parts.flat or not parts.pairs or parts.pairs[0][0].casefold() != "steps":
        return None
    found: list[Node] = []
    for key, words in (("prompt", parts.prompt), ("negative", parts.negative_prompt)):
        if plain := (words or "").strip().strip("*"):
            found.append(Term(key, plain))
    for name, value in parts.pairs:
        field = FIELDS.get(name.casefold())
        if field is not None and value:
            found.append(Term(field, value))
    return found
