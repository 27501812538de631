"""The text that other tools write under a picture, pasted as a query.

    a red circle
    Negative prompt: blurry
    Steps: 8, Sampler: Euler a, CFG scale: 4, Seed: 123456, Size: 128x128, Model: embedded

The prompt and whatever has a key here is looked for; what has none (Version, RNG, hashes of other tools …) is left out, and
so are the tags of networks in the prompt, which a recipe has beside its text. Where there is a seed the size is left out, too:
it is that of the rendering, and pictures are enlarged after it, or scaled for a page. The last line alone will do.
"""

from __future__ import annotations

import re

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
WEIGHTS = re.compile(r"\.(?:safetensors|sft|ckpt|pth?|bin|gguf)\Z", re.IGNORECASE)
"""How the name of a file with weights ends, which is not a part of a model's name."""
DRAWN = ("seed", "-1")
"""A field of settings that were saved before a seed was drawn: no picture has it."""
NETWORK = re.compile(r"<\w+:[^<>]*>")
"""As in ``<lora:name:0.8>``."""


def pasted(text: str) -> list[Node] | None:
    """The conditions in a pasted text; None when it is none, which is one whose fields do not begin with the steps."""
    parts = parse(text, fewest=2)
    if parts.flat or not parts.pairs or parts.pairs[0][0].casefold() != "steps":
        return None
    found: list[Node] = []
    for key, words in (("prompt", parts.prompt), ("negative", parts.negative_prompt)):
        if plain := NETWORK.sub("", words or "").strip().strip("*"):
            found.append(Term(key, plain))
    given = [(name.casefold(), value) for name, value in parts.pairs if (name.casefold(), value) != DRAWN]
    names = [name for name, _ in given]
    for name, value in given:
        field = FIELDS.get(name)
        if field == "model":
            value = WEIGHTS.sub("", value)
        if field is not None and value and not (field == "size" and "seed" in names):
            found.append(Term(field, value))
    return found
