"""The lines of A1111's script "Prompts from file": `--prompt "a cat" --negative_prompt "dark" --seed 1 --steps 20`.

Source: `scripts/prompts_from_file.py` of A1111.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Mapping

from seedbank.formats.a1111.loras import tagged
from seedbank.formats.reading import Foreign, FormatError
from seedbank.formats.values import count_of, foreign, integer_of, model_of, number_of, seed_of

Value = str | int | float | bool

_Read = Callable[[str], Value | None]


def _finite(value: str) -> float | None:
    number = number_of(value)
    return number if number is not None and math.isfinite(number) else None


def _truth(value: str) -> bool:
    return value.casefold() == "true"


OPTIONS: Mapping[str, _Read] = {
    "prompt": str,
    "negative_prompt": str,
    "prompt_for_display": str,
    "styles": str,
    "sd_model": str,
    "sampler_name": str,
    "outpath_samples": str,
    "outpath_grids": str,
    "seed": integer_of,
    "subseed": integer_of,
    "seed_resize_from_h": integer_of,
    "seed_resize_from_w": integer_of,
    "sampler_index": integer_of,
    "batch_size": integer_of,
    "n_iter": integer_of,
    "steps": integer_of,
    "width": integer_of,
    "height": integer_of,
    "subseed_strength": _finite,
    "cfg_scale": _finite,
    "restore_faces": _truth,
    "tiling": _truth,
    "do_not_save_samples": _truth,
    "do_not_save_grid": _truth,
}
"""{option: how its value is read}"""


def prompts_from_file(text: str) -> list[dict[str, Value]]:
    """One {option: value} for each line that is not empty; a line without options is a prompt.

    Raises `FormatError` that names the line, for an option that A1111 does not have or a value that it cannot read.
    """
    lines = enumerate((line.strip() for line in text.splitlines()), start=1)
    return [_options(line, number) if "--" in line else {"prompt": line} for number, line in lines if line]


def said_in_line(text: str) -> Foreign | None:
    """The recipe that one line of options is; None for a text that does not begin with one.

    Raises `FormatError` as `prompts_from_file` does, and for several lines, which are several recipes.
    """
    if not text.lstrip().startswith(("--prompt ", "--negative_prompt ", "--seed ")):
        return None
    lines = prompts_from_file(text)
    if len(lines) > 1:
        raise FormatError(f"The text has {len(lines)} lines for A1111's script, each for a picture.", "Give one of them.")
    (line,) = lines
    get = line.get
    return foreign(
        prompt=get("prompt"),
        negative_prompt=get("negative_prompt"),
        seed=seed_of(get("seed")),
        steps=count_of(get("steps")),
        guidance_scale=get("cfg_scale"),
        sampler=get("sampler_name"),
        width=count_of(get("width")),
        height=count_of(get("height")),
        model=model_of(get("sd_model")),
        loras=tuple(tagged(str(get("prompt", "")))),
        extras={
            "variation_seed": seed_of(get("subseed")),
            "variation_strength": get("subseed_strength"),
            "batch_size": count_of(get("batch_size")),
            **{name: True for name in ("tiling", "restore_faces") if get(name)},
        },
    )


def _options(line: str, number: int) -> dict[str, Value]:
    try:
        words = shlex.split(line)
    except ValueError:
        raise FormatError(f"Line {number} has a quote without an end.", "Close it, or put a \\ before it.") from None
    found: dict[str, Value] = {}
    while words:
        word = words.pop(0)
        option = word.removeprefix("--")
        if not word.startswith("--") or option not in OPTIONS:
            raise FormatError(f"Line {number} has no option {word!r} that is known.", f"Known are {', '.join(OPTIONS)}.")
        count = next((at for at, other in enumerate(words) if other.startswith("--")), len(words))
        # Only texts of prompts may go on over several words without quotes.
        value = OPTIONS[option](" ".join(words[:count])) if count == 1 or (count and "prompt" in option) else None
        if value is None:
            raise FormatError(f"Line {number} gives --{option} no value that it takes.", f"It has {' '.join(words[:count])!r}.")
        found[option] = value
        words = words[count:]
    return found
