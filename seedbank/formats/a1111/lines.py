"""The lines of A1111's script "Prompts from file": `--prompt "a cat" --negative_prompt "dark" --seed 1 --steps 20`.

Source: `scripts/prompts_from_file.py` of A1111.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping

from seedbank.formats.reading import FormatError
from seedbank.formats.values import integer_of, number_of

Value = str | int | float | bool

_Read = Callable[[str], Value | None]


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
    "subseed_strength": number_of,
    "cfg_scale": number_of,
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
