"""The command line that InvokeAI 1.x and its ancestor write into `png:Dream`.

    "a cat [dog]" -s 50 -S 2980747362 -W 512 -H 768 -C 5 -A k_lms -G 0.9

The ancestor writes no blank between a flag and its value, and from 2.2.5 on the prompt stands there without quotes. What
stands in brackets within the prompt is the negative prompt. Source: `ldm/invoke/args.py` of 2.0 to 2.3.
"""

from __future__ import annotations

import re

from seedbank.formats.reading import Foreign, Lora
from seedbank.formats.values import count_of, foreign, name_of, number_of, seed_of, text_of

QUOTED = re.compile(r'\s*"(.*)"((?:\s+-{1,2}[A-Za-z].*)?)\s*\Z', re.DOTALL)
SWITCHES = re.compile(r"\s-s ?\d+\s+(?:-b ?\d+\s+)?-[SW] ?-?\d")
"""Where the flags begin behind a prompt without quotes: they are always written, in this order."""
ATTACHED = re.compile(r"-([sSWHCfGvn])(-?\d[\d.]*)\Z|-(A)(\w+)\Z")
BRACKETS = re.compile(r"\[([^\[\]]*)\]")
LORA = re.compile(r"\bwithLora\(\s*([^,()]{1,200}?)\s*(?:,\s*(-?\d[\d.]*)\s*)?\)")
"""A LoRA within a prompt of 2.3."""
LONG = {"--steps": "s", "--seed": "S", "--width": "W", "--height": "H", "--cfg_scale": "C", "--sampler": "A", "--strength": "f"}


def of_line(text: str) -> Foreign | None:
    """None for a text that is no such line."""
    quoted, switches = QUOTED.match(text), SWITCHES.search(text)
    if quoted is not None:
        words, rest = quoted[1].replace('\\"', '"'), quoted[2]
    elif switches is not None:
        words, rest = text[: switches.start()].strip(), text[switches.start() :]
    else:
        return None
    prompt, negative = brackets(text_of(words))
    flags = _flags(rest.split())
    return foreign(
        prompt=prompt,
        negative_prompt=negative,
        seed=seed_of(flags.get("S")),
        steps=count_of(flags.get("s")),
        guidance_scale=number_of(flags.get("C")),
        sampler=name_of(flags.get("A")),
        width=count_of(flags.get("W")),
        height=count_of(flags.get("H")),
        loras=loras(prompt),
        extras={
            "denoise": number_of(flags.get("f")),
            "variation_strength": number_of(flags.get("v")),
            "inputs": tuple(value for value in (flags.get("I"),) if value),
            "upscale_scale": number_of(flags.get("U")),
            "face_restoration": number_of(flags.get("G")),
        },
    )


def loras(prompt: str | None) -> tuple[Lora, ...]:
    """Those that a prompt calls, each with the weight that it says."""
    return tuple(Lora(name, number_of(weight) if weight else None) for name, weight in LORA.findall(prompt or ""))


def _flags(words: list[str]) -> dict[str, str]:
    """{flag without its dash: the first word after it}."""
    flags: dict[str, str] = {}
    for word, after in zip(words, [*words[1:], ""], strict=False):
        attached = ATTACHED.match(word)
        if attached is not None:
            flags.setdefault(attached[1] or attached[3], attached[2] or attached[4])
        elif word.startswith("-") and len(word) > 1 and not word[1].isdigit():
            flags.setdefault(LONG.get(word, word.lstrip("-")), after)
    return flags


def brackets(text: str | None) -> tuple[str | None, str | None]:
    """(prompt, negative prompt) of a prompt with the negative ones in brackets; no negative prompt where there are none."""
    if text is None:
        return None, None
    negatives = [found.strip() for found in BRACKETS.findall(text)]
    if not negatives:
        return text, None
    return re.sub(r" {2,}", " ", BRACKETS.sub(" ", text)).strip(), " ".join(negatives).strip()
