"""Weights and schedules that other tools read out of a prompt: what is there, under whose rules.

`(word:1.2)` is emphasis to A1111 and ComfyUI and five characters more to diffusers, so a prompt that uses it gives another
picture there. This module only reads: it names the constructs, and splits a prompt into pieces with weights as the tool
would. Braces and brackets of one tool are plain text to another, hence the rules.

Sources: `modules/prompt_parser.py` of A1111, `comfy/sd1_clip.py` of ComfyUI, the syntax pages of compel (InvokeAI, Easy
Diffusion) and of NovelAI.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from seedbank.worker.emphasis import A1111, COMFYUI, READERS, Unfollowed, rows

COMPEL_RULES, NOVELAI = "compel", "novelai"
COMPEL = "compel"
"""The library that weighs, in the name of a weighting; `seedbank.worker.weighting` has the same word."""

RULES: Mapping[str, str] = {
    "a1111": A1111,
    "aihorde": A1111,
    "civitai": A1111,
    "drawthings": A1111,
    "fooocus": COMFYUI,
    "forge": A1111,
    "kohya": A1111,
    "reforge": A1111,
    "sd.cpp": A1111,
    "sdnext": A1111,
    "stability-matrix": COMFYUI,
    "comfyui": COMFYUI,
    "ruined-fooocus": COMFYUI,
    "swarmui": COMFYUI,
    "tensorart": COMFYUI,
    "easydiffusion": COMPEL_RULES,
    "invokeai": COMPEL_RULES,
    "novelai": NOVELAI,
}
"""{tool: whose rules its prompts follow}; a tool that is not here takes a prompt as it stands."""


@dataclass(frozen=True)
class Construct:
    """One use of the syntax. `name` says what it does in the words of the tools, `text` is the place in the prompt."""

    name: str
    text: str


WEIGHT = "prompt weight"
EMPHASIS = "emphasis by brackets"
EDITING = "prompt editing"
ALTERNATION = "alternating words"
BREAK = "BREAK"
AND = "AND"
BLEND = "blended prompts"
ESCAPE = "escaped bracket"

_SHOWN = 40
"""Characters of a construct that are shown."""


def rules_of(tool: str | None) -> str | None:
    """Whose rules the prompts of a tool follow; None where it takes them as they stand.

    A variant is named after its tool: `forge-neo` follows `forge`.
    """
    name = (tool or "").casefold()
    return RULES.get(name) or next((rules for known, rules in RULES.items() if name.startswith(known)), None)


def constructs(prompt: str, tool: str | None) -> tuple[Construct, ...]:
    """What a prompt uses of its tool's syntax, in the order in which it stands there; equal ones once."""
    rules = rules_of(tool)
    if rules is None:
        return ()
    found = sorted(_READERS[rules](_NETWORK.sub(lambda tag: " " * len(tag[0]), prompt)))
    return tuple(dict.fromkeys(Construct(name, _shown(prompt, start, end)) for start, end, name in found))


WEIGHTED = (WEIGHT, EMPHASIS, BREAK, ESCAPE)
"""What a rendering can follow, under the rules of A1111 and ComfyUI: see `seedbank.worker.weighting`."""

WEIGHABLE = ("StableDiffusion", "Flux")
"""How the names of the pipelines begin whose prompts can have weights."""

NOT_WEIGHABLE = ("StableDiffusion3", "Flux2")


def weighable(pipeline: str) -> bool:
    """Whether prompts of a pipeline of this class can have weights."""
    return pipeline.startswith(WEIGHABLE) and not pipeline.startswith(NOT_WEIGHABLE)


def takes_text(tool: str | None, pipeline: str) -> bool:
    """Whether a tool that has rules gives the encoders of this pipeline's models the prompt as it stands, brackets and all.

    Sources: `z_image.py`, `qwen_image.py` and `flux.py` in `comfy/text_encoders`, `modules/processing_args.py` of SD.Next.
    """
    if (tool or "").casefold().startswith("sdnext"):
        return not any(word in pipeline for word in ("StableDiffusion", "StableCascade", "Flux", "Chroma", "HiDreamImage"))
    return rules_of(tool) == COMFYUI and pipeline.startswith(("ZImage", "QwenImage", "Flux2"))


def weighting(prompts: Iterable[str], tool: str | None, pipeline: str | None) -> tuple[str | None, str | None]:
    """(`weighting` of the recipe's conditioning, why the prompts cannot be followed); at most one of the two.

    Both are None for prompts without weights, and where the tool takes them for text: then `unescaped` gives their words.
    `pipeline` None: one that is not known yet, for which nothing is refused.
    """
    found = [(prompt, constructs(prompt, tool)) for prompt in prompts]
    used = {each.name for _, some in found for each in some}
    if not used or (pipeline is not None and takes_text(tool, pipeline)):
        return None, None
    rules = rules_of(tool)
    if rules in READERS and used <= set(WEIGHTED) and (pipeline is None or weighable(pipeline)):
        try:
            for prompt, _ in found:
                rows(_NETWORK.sub("", prompt), str(rules))
        except Unfollowed as error:
            return None, f"the prompt is written for {tool}, and not supported is: {error}"
        return f"{rules}/{COMPEL}", None
    if used == {ESCAPE}:
        return None, None
    every = [each for _, some in found for each in some if each.name != ESCAPE]
    return None, _told([each for each in every if each.name not in WEIGHTED] or every, tool)


def unescaped(prompt: str, tool: str | None, pipeline: str | None) -> str:
    """The words of a prompt without weights, as its tool's encoders get them: `\\(` is a bracket."""
    rules = rules_of(tool)
    if rules == COMFYUI:
        return re.sub(r"\\([()])", r"\1", prompt)
    if rules == A1111 and not (pipeline is not None and takes_text(tool, pipeline)):
        return re.sub(r"\\([()\[\]\\])|\\", r"\1", prompt)  # another backslash is left out
    return prompt


def _told(found: Sequence[Construct], tool: str | None) -> str:
    first = {each.name: each.text for each in reversed(found)}
    told = [name if text == name else f"{name} {text}" for name, text in reversed(first.items())]
    return f"the prompt is written for {tool}, and not supported is: {', '.join(told)}"


_NETWORK = re.compile(r"<\w+:[^<>]*>")
"""`<lora:name:1>` is no text of the prompt: it is taken out before."""

_WEIGHT_AT_END = re.compile(r":\s*[+-]?(?:\d+\.?\d*|\.\d+)\s*[)\]]")

_Found = tuple[int, int, str]
"""(start, end, name)"""


def _shown(prompt: str, start: int, end: int) -> str:
    text = " ".join(prompt[start : min(end, start + _SHOWN)].split())
    return text if end - start <= _SHOWN else f"{text}…"


@dataclass
class _Bracket:
    """A pair of brackets. `end` stays 0 where none closes it; `bar` says that a `|` stands in it."""

    opening: str
    start: int
    end: int = 0
    bar: bool = False


def _brackets(prompt: str, pairs: Mapping[str, str]) -> Iterator[_Bracket]:
    """Every bracket that opens in a prompt, closed or not; `\\(` is a character and no bracket."""
    still_open: list[_Bracket] = []
    openings = {close: opening for opening, close in pairs.items()}
    for found in re.finditer(r"\\.|[(){}\[\]|]", prompt, re.DOTALL):
        character, at = found[0], found.start()
        if character in pairs:
            still_open.append(_Bracket(character, at))
        elif character == "|" and still_open:
            still_open[-1].bar = True
        elif character in openings and still_open and still_open[-1].opening == openings[character]:
            closed = still_open.pop()
            closed.end = at + 1
            yield closed
    yield from still_open


def _weighted(prompt: str, bracket: _Bracket) -> bool:
    """Whether a closed bracket ends in `:1.2`."""
    colon = prompt.rfind(":", max(bracket.start, bracket.end - _SHOWN), bracket.end)
    return bracket.end > 0 and colon > 0 and _WEIGHT_AT_END.fullmatch(prompt, colon, bracket.end) is not None


def _a1111(prompt: str) -> Iterator[_Found]:
    for each in _brackets(prompt, {"(": ")", "[": "]"}):
        weighted = _weighted(prompt, each)
        if each.opening == "[" and each.end and (each.bar or weighted):
            name = ALTERNATION if each.bar else EDITING
        else:
            name = WEIGHT if weighted else EMPHASIS
        # An open bracket acts up to the end of the prompt.
        yield each.start, each.end or len(prompt), name
    for word in re.finditer(r"\b(?:BREAK|AND)\b", prompt):
        yield word.start(), word.end(), word[0]
    for found in re.finditer(r"\\[()\[\]\\]", prompt):
        yield found.start(), found.end(), ESCAPE


def _comfyui(prompt: str) -> Iterator[_Found]:
    for each in _brackets(prompt, {"(": ")"}):
        if each.end:
            yield each.start, each.end, WEIGHT if _weighted(prompt, each) else EMPHASIS
    for found in re.finditer(r"\\[()]", prompt):
        yield found.start(), found.end(), ESCAPE


def _compel(prompt: str) -> Iterator[_Found]:
    for found in re.finditer(r"\)(?:\++|-+|\d+(?:\.\d*)?|\.\d+)|\w(?:\++|--+)(?!\w)", prompt):
        yield found.start(), found.end(), WEIGHT
    for found in re.finditer(r"\)\.(?:and|blend|swap)\(", prompt):
        yield found.start() + 1, found.end() - 1, BLEND


def _novelai(prompt: str) -> Iterator[_Found]:
    for each in _brackets(prompt, {"{": "}", "[": "]"}):
        yield each.start, each.end or len(prompt), EMPHASIS
    for found in re.finditer(r"(?<![\w.])-?\d+(?:\.\d+)?::", prompt):
        yield found.start(), found.end(), WEIGHT


_READERS: Mapping[str, Callable[[str], Iterator[_Found]]] = {
    A1111: _a1111,
    COMFYUI: _comfyui,
    COMPEL_RULES: _compel,
    NOVELAI: _novelai,
}
