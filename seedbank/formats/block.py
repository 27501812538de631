"""The block of a recipe that people paste into a chat, one `key: value` a line, in Chinese or English.

    【图像复现指令】
    种子: 4711
    提示词: "山谷里的小木屋，晨雾，水彩风格"
    反向提示词: "模糊，低质量"
    尺寸: 1024x576
    步数: 50
    CFG: 8.0

It is written with texts in JSON's quotes, so that every prompt survives. It is read as people type it: keys in both languages
and any case, full-width punctuation and digits, any quotes or none, several fields on a line, headings, lists
(`blockfields`).
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any, cast

from seedbank.formats.a1111 import sampler_of
from seedbank.formats.a1111.loras import tagged
from seedbank.formats.blockfields import KEYS, pairs, unquoted
from seedbank.formats.reading import CERTAIN, Foreign, FormatError, Lora, ModelName, Reading
from seedbank.formats.stamp import KEY, Stamp
from seedbank.formats.values import fitted
from seedbank.pipelines import DISTILLED, FACTS, TRUE_CFG
from seedbank.recipe import LARGEST_SEED, Recipe

LANGUAGES = ("en", "zh")
HEADINGS: Mapping[str, str] = {"en": "[Image recipe]", "zh": "【图像复现指令】"}
_SIZE = re.compile(r"(\d{1,6})\s*[x×✕*,]\s*(\d{1,6})", re.IGNORECASE)
_LORA = re.compile(r"(.+?)(?:\s*[:：(（\s]\s*(-?\d+(?:\.\d+)?)\s*[)）]?)?", re.DOTALL)
_LORAS = re.compile(r"(\s*[:：(（\s]\s*-?\d+(?:\.\d+)?\s*[)）]?)\s*(?:[，;；、|]|,(?!\d))\s*")
"""What stands between two LoRAs of a line: the weight of the first and a separator, which alone can be part of a name."""
_PLAIN = re.compile(r"(?![*_\"'“”「『‘«„《＂])(?!\s)[^\n\r`,，;；|、:：=＝]+(?<!\s)")


# -- writing ----------------------------------------------------------------------------------------------------------


def write_block(
    recipe: Recipe,
    *,
    lang: str = "en",
    model_name: str | None = None,
    loras: tuple[Lora, ...] = (),
    cfg: float | None = None,
    sampler: tuple[str | None, str | None] | None = None,
    stamp: Stamp | None = None,
) -> str:
    """The recipe as a block; what is not known is left out. `cfg` is the guidance in the form of other tools, `sampler` are
    the words for the sampler and the schedule where the recipe has none."""
    column = LANGUAGES.index(lang)
    lines = [HEADINGS[lang]]
    lines += [f"{KEYS[name][column]}: {value}" for name, value in _written(recipe, model_name, loras, cfg, sampler)]
    return "\n".join(lines if stamp is None else [*lines, f"{KEY}: {stamp}"])


def _written(
    recipe: Recipe,
    model_name: str | None,
    loras: tuple[Lora, ...],
    cfg: float | None,
    words: tuple[str | None, str | None] | None,
) -> Iterator[tuple[str, object]]:
    if recipe.seed is not None:
        yield "seed", recipe.seed
    if recipe.prompt is not None:
        yield "prompt", _quoted(recipe.prompt)
    if recipe.negative_prompt:
        yield "negative", _quoted(recipe.negative_prompt)
    if recipe.width and recipe.height:
        yield "size", f"{recipe.width}x{recipe.height}"
    if recipe.steps is not None:
        yield "steps", recipe.steps
    if cfg is not None:
        yield "cfg", cfg
    facts = FACTS.get(recipe.pipeline or "")
    if facts is not None and facts.guidance in (DISTILLED, TRUE_CFG) and recipe.guidance is not None:
        yield "guidance", recipe.guidance
    sampler, schedule = words or sampler_of(recipe.scheduler)
    if sampler is not None:
        yield "sampler", _named(sampler)
    if schedule is not None:
        yield "schedule", _named(schedule)
    for lora in loras:
        yield "lora", _named(f"{lora.name} {1.0 if lora.weight is None else lora.weight:g}")
    if model_name is not None:
        yield "model", _named(model_name)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _named(text: str) -> str:
    """A name as it is, in quotes where a reader would cut or change it."""
    return text if _PLAIN.fullmatch(text) else _quoted(text)


# -- reading ----------------------------------------------------------------------------------------------------------


def read_block(text: str) -> Reading | None:
    """What a block without its stamp says; None for a text that is none: two known keys, one of them the prompt or the seed.

    Raises `FormatError` for a value that is not what its key says.
    """
    said, remarks = _fields(text)
    if len(said) < 2 or not {"prompt", "seed"} & set(said):
        return None
    values: dict[str, Any] = {
        "prompt": said.get("prompt"),
        "negative_prompt": said.get("negative"),
        "seed": _seed(said["seed"]) if "seed" in said else None,
        "steps": _whole("steps", said["steps"]) if "steps" in said else None,
        "guidance_scale": _number("CFG", said["cfg"]) if "cfg" in said else None,
        "sampler": said.get("sampler"),
        "schedule": said.get("schedule"),
        "model": ModelName(said["model"]) if "model" in said else None,
        **_size(said),
    }
    values = {name: value for name, value in values.items() if value is not None}
    extras = {"distilled_guidance": _number("guidance", said["guidance"])} if "guidance" in said else {}
    loras = tuple(lora for one in said.get("lora", "").split("\n") if one for lora in tagged(one) or [_lora(one)])
    confidence = dict.fromkeys([*values, *extras, *(["loras"] if loras else [])], CERTAIN)
    said_whole = Foreign(**values, loras=loras, extras=extras, confidence=confidence)
    return cast(Reading, fitted(Reading("block", said_whole, "text", tuple(remarks))))


def _fields(text: str) -> tuple[dict[str, str], list[str]]:
    """{field: its value}, several LoRAs a line each; and what was left out."""
    said: dict[str, str] = {}
    remarks: list[str] = []
    for field, value in pairs(text):
        if field == "other":
            continue
        plain = unquoted(value)
        if field == "lora":
            listed = _listed(value) if plain == value.strip() else [plain]  # a name in quotes is whole
            said[field] = "\n".join([*([said[field]] if field in said else []), *listed])
        elif field not in said:
            said[field] = plain
        elif said[field] != plain:
            remarks.append(f"The block says {KEYS.get(field, (field,))[0]} twice; the first one counts.")
    return said, remarks


def _ascii(value: str) -> str:
    """Full-width digits and signs as plain ones, without what says "about" and without marks of thousands."""
    plain = unicodedata.normalize("NFKC", value).strip().lstrip("~≈约約*`\"' ")
    return re.sub(r"^\d{1,3}(?:,\d{3})+(?![\d,])", lambda number: number[0].replace(",", ""), plain)


def _seed(value: str) -> int | None:
    """The seed; None for `-1`, which says that one was drawn and not which."""
    number = _whole("seed", value, signed=True)
    if number == -1:
        return None
    if not 0 <= number <= LARGEST_SEED:
        raise FormatError(f"The seed {number} in this block is out of range.", "Seeds are 0 to 2^64 - 1.")
    return number


def _whole(what: str, value: str, signed: bool = False) -> int:
    match = re.match(r"[-−]?\d{1,25}(?![\d.]*\.\d)" if signed else r"\d{1,9}(?![\d.]*\.\d)", _ascii(value))
    if match is None or (not signed and int(match[0]) == 0):
        wanted = "whole number" if signed else "whole number above zero"
        raise FormatError(f"The {what} {value[:40]!r} in this block is no {wanted}.", "Write digits.")
    return int(match[0].replace("−", "-"))


def _number(what: str, value: str) -> float:
    match = re.match(r"\d{1,9}(?:\.\d{1,20})?(?:e[-+]?\d{1,2})?", _ascii(value), re.IGNORECASE)
    if match is None:
        raise FormatError(f"The {what} {value[:40]!r} in this block is no number.", "Write a number such as 7.5.")
    return float(match[0])


def _size(said: Mapping[str, str]) -> dict[str, int]:
    if "size" in said:
        match = _SIZE.match(unicodedata.normalize("NFKC", said["size"]).strip(" *`\"'"))
        if match is None or not int(match[1]) or not int(match[2]):
            raise FormatError(f"The size {said['size'][:40]!r} in this block is no size.", "Write it as 1024x576.")
        return {"width": int(match[1]), "height": int(match[2])}
    return {side: _whole(side, said[side]) for side in ("width", "height") if side in said}


def _listed(value: str) -> list[str]:
    """The LoRAs that stand on a line: `ink 0.7, pen 0.5`. A comma that is not behind a weight belongs to a name."""
    *weighed, last = _LORAS.split(value)
    return [one for one in (*map("".join, zip(weighed[::2], weighed[1::2], strict=True)), last) if one.strip()]


def _lora(value: str) -> Lora:
    """`name`, `name 0.7`, `name:0.7` or `name (0.7)`."""
    match = _LORA.fullmatch(value.strip())
    assert match is not None
    return Lora(match[1], None if match[2] is None else float(match[2]))
