"""Texts that are pasted as a query: what other tools write under a picture, and the block of a chat.

    a red circle                                                                        [Image recipe]
    Negative prompt: blurry                                                             Seed: 123456
    Steps: 8, Sampler: Euler a, CFG scale: 4, Seed: 123456, Size: 128x128, Model: em    Prompt: "a red circle"

The prompt and whatever has a key here is looked for; what has none (Version, RNG, hashes of other tools …) is left out, and
so are the tags of networks in the prompt, which a recipe has beside its text. Where there is a seed the size is left out, too:
it is that of the rendering, and pictures are enlarged after it, or scaled for a page. The last line of the parameters alone
will do, and so will a block without its heading.
"""

from __future__ import annotations

import re

from seedbank.infotext import parse
from seedbank.query.nodes import Node, Term
from seedbank.query.values import literal

FIELDS = {
    "steps": "steps",
    "sampler": "sampler",
    "schedule type": "schedule",
    "cfg scale": "cfg",
    "seed": "seed",
    "size": "size",
    "model": "model",
}
"""{name in parameters, in lower case: key here}"""
NAMES = ("model", "lora", "sampler", "schedule")
"""Keys of what is called so, whatever characters are in it."""
WEIGHTS = re.compile(r"\.(?:safetensors|sft|ckpt|pth?|bin|gguf)\Z", re.IGNORECASE)
"""How the name of a file with weights ends, which is no part of the name of a model or an adapter."""
DRAWN = ("seed", "-1")
"""A field of settings that were saved before a seed was drawn: no picture has it."""
NETWORK = re.compile(r"<\w+:[^<>]*>")
"""As in ``<lora:name:0.8>``."""
_HEADING = re.compile(
    r"\s*(?:【[^】\n]{0,40}】|(?i:\[Image recipe\]))"
    r"(?:[ \t]*\r?\n\s*(?=[^\s:：=][^:：=\n]{0,30}[:：=])|[ \t]*(?=[^\s:：\"“][^:：\n]{0,30}(?::[ \t]|：)))"
)
"""A heading before a key, on a line of its own or, in a field of one line, before it."""
_KEYED = re.compile(r"^[^\w\n\"“]{0,12}\w[^\n:：]{0,30}(?::[ \t]|：)", re.MULTILINE)
"""A line that begins with a key as a block has it; behind the colon of a query there is no blank."""

Said = list[tuple[str, str]]
"""(key here, value) as they stand."""


def pasted(text: str) -> list[Node] | None:
    """The conditions in a pasted text; None when it is none. Raises `BadInput` for a block with a value that is none."""
    said = _block(text) if _HEADING.match(text) or len(_KEYED.findall(text)) > 1 else _parameters(text)
    return None if said is None else _conditions(said)


def _conditions(said: Said) -> list[Node]:
    keys = [key for key, _ in said]
    found: list[Node] = []
    for key, value in said:
        if key in ("prompt", "negative"):  # a * opens a word in a query, and is none of a word in a prompt
            found += [Term(key, plain) for piece in NETWORK.sub("", value).split("*") if (plain := piece.strip())]
            continue
        plain = WEIGHTS.sub("", value) if key in ("model", "lora") else value
        plain = literal(plain) if key in NAMES else plain
        if plain and not (key == "size" and "seed" in keys):
            found.append(Term(key, plain))
    return found


def _parameters(text: str) -> Said | None:
    """What the text of another tool says; None for a text whose fields do not begin with the steps."""
    parts = parse(text, fewest=2)
    if parts.flat or not parts.pairs or parts.pairs[0][0].casefold() != "steps":
        return None
    given = [(name.casefold(), value) for name, value in parts.pairs if (name.casefold(), value) != DRAWN]
    fields = [(FIELDS[name], value) for name, value in given if name in FIELDS]
    return [("prompt", parts.prompt or ""), ("negative", parts.negative_prompt or ""), *fields]


def _block(text: str) -> Said | None:
    """What a block says; None for a text that is none. Parameters have no key for the prompt."""
    from seedbank.formats.block import read_block
    from seedbank.formats.blockfields import pairs
    from seedbank.formats.stamp import without_stamp

    heading = _HEADING.match(text)
    words = without_stamp(text[heading.end() :] if heading else text)
    if not heading and "prompt" not in dict(pairs(words)) and (parameters := _parameters(text)) is not None:
        return parameters
    if (reading := read_block(words)) is None:
        return None
    said = reading.recipe
    sides = ["*" if side is None else str(side) for side in (said.width, said.height)]
    fields = {
        "prompt": said.prompt,
        "negative": said.negative_prompt,
        "seed": said.seed,
        "size": None if sides == ["*", "*"] else "x".join(sides),
        "steps": said.steps,
        "cfg": said.guidance_scale,
        "guidance": said.extras.get("distilled_guidance"),
        "sampler": said.sampler,
        "schedule": said.schedule,
        "model": said.model.name if said.model else None,
    }
    named = [("lora", lora.name) for lora in said.loras]
    return [*((key, str(value)) for key, value in fields.items() if value is not None), *named]
