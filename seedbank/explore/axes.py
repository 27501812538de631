"""The axes of a sweep as people write them: a field of the recipe and its values.

    steps=4,8,16            a list; "quoted, like this" in the manner of CSV, or divided by || instead of commas
    guidance=0..6(+2)       a range with a step: 0, 2, 4, 6; the end belongs to it when it is met
    lora.oil=0..1[5]        so many values, evenly spread: 0, 0.25, 0.5, 0.75, 1
    seed=1000..1099         every whole number; -1 draws a fresh seed
    prompt/oil/ink/gouache  the first text is searched for in the prompt, the others take its place, one a cell
    size=512x512,768x512
    model=embedded,./other  what is loaded: a model, a VAE (``none``: the model's own), a dtype, a device, a mode, a ControlNet
    image=a.png,b.png       what is given beside the text: pictures, a mask, latents

What A1111's X/Y/Z plot and SwarmUI's grid generator take is taken too: ``1-5``, ``1-5 (+2)``, ``10-5 (-3)``,
``0-1 (+0.25)``, ``1-10 [5]``; ``1, 2, .., 10``, which goes on as the two numbers before it began; ``SKIP:`` before a value
that keeps its place and is not rendered; ``Prompt S/R=oil, ink``, also with a pair of its own for each value (``cat=dog``);
and their names of fields. Ranges never go beyond their end, and numbers are computed as decimals: 0.1 three times is 0.3.

Nothing here knows a pipeline: whether it has such a field is asked when the model is loaded.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from io import StringIO
from pathlib import Path
from typing import Any

from seedbank.engine.source import hub_folder
from seedbank.errors import BadInput
from seedbank.explore.values import ANY, REAL, REPLACE, SIZE, SKIP, TEXT, WHOLE, WORD, Unclear, read, read_replacement
from seedbank.recipe import draw_seed

SEEDS = ("seed", "variation_seed")
IP_WEIGHT, IP_FOLDER = "ip_adapter", "ip_adapter.folder"
"""``ip_adapter=0..1[3]`` is its weight, ``ip_adapter=./one,./other`` are folders; both can be axes."""
GIVEN = ("image", "mask", "control_image", "ip_image", "latents")
"""Fields whose values are files that a pipeline is given beside the text."""
LOADED = ("device", "mode", "model", "dtype", "vae", "controlnet", IP_FOLDER, "embedding", *GIVEN)
"""Fields that say what cells begin from, each value by a start of its own: what takes longest to change comes first."""
PLACES = ("model", "vae", "controlnet", IP_FOLDER, "embedding", *GIVEN)
"""Fields whose values are folders, files or names of weights."""
OWN = "none"
"""The VAE that a model has itself; no further embedding."""

FIELDS = {
    **dict.fromkeys(LOADED, WORD),
    "seed": WHOLE,
    "steps": WHOLE,
    "guidance": REAL,
    "cfg": REAL,
    "size": SIZE,
    "prompt": TEXT,
    "negative": TEXT,
    "prompt_2": TEXT,
    "negative_2": TEXT,
    "sampler": TEXT,
    "schedule": TEXT,
    "scheduler": TEXT,
    "strength": REAL,
    "clip_skip": WHOLE,
    "variation_seed": WHOLE,
    "variation_strength": REAL,
    "variation_form": WORD,
    "noise": WORD,
    "ensd": WHOLE,
    "weighting": WORD,
    IP_WEIGHT: REAL,
    "prompt.replace": REPLACE,
    "negative.replace": REPLACE,
    "texts.replace": REPLACE,
}
"""{field: kind of its values}; ``lora.NAME`` is real, any other name an argument of the pipeline."""

OTHER_NAMES = {
    "checkpoint name": "model",
    "checkpoint": "model",
    "seeds": "seed",
    "cfg scale": "cfg",
    "cfgscale": "cfg",
    "guidance_scale": "guidance",
    "num_inference_steps": "steps",
    "negative prompt": "negative",
    "negative_prompt": "negative",
    "negative_prompt_2": "negative_2",
    "prompt s/r": "texts.replace",
    "prompt replace": "texts.replace",
    "[grid gen] prompt replace": "texts.replace",
    "schedule type": "schedule",
    "denoising": "strength",
    "denoising strength": "strength",
    "resolution": "size",
    "var. seed": "variation_seed",
    "variation seed": "variation_seed",
    "var. strength": "variation_strength",
    "variation seed strength": "variation_strength",
    "variation strength": "variation_strength",
    "mask_image": "mask",
    "ip_adapter_image": "ip_image",
    "init image": "image",
}
"""{a name in another tool or in diffusers, in small letters: the field}"""

REFUSED = {
    "clip skip": "clip_skip is how many layers are left out, one less than A1111's number: write clip_skip=1 for its 2.",
    "lora": "Name the LoRA: lora.NAME=0..1[5], with the name of its file.",
    "width": "Width and height go together: size=512x512,768x512",
    "height": "Width and height go together: size=512x512,768x512",
    "pipeline": "It follows from the model and from what is given beside the text: model=FOLDER,FOLDER",
    "batch": "Every cell is rendered alone, or the others of its batch would change its bits.",
    "refiner": "Each cell is one image, and a refined one is an entry of its own: generate --refiner.",
}
"""{what looks like a field: what to do instead}"""


@dataclass(frozen=True)
class Axis:
    """One field of the recipe and the values that it takes.

    `values` are numbers, texts, (width, height), or for a replacement (what is searched, what takes its place); `skipped`
    are the places of those that are not rendered; `text` is what was written.
    """

    field: str
    values: Sequence[Any]
    text: str
    skipped: frozenset[int] = frozenset()

    def __len__(self) -> int:
        return len(self.values)

    @property
    def title(self) -> str:
        """The name of the axis, for people."""
        return {"texts.replace": "prompt"}.get(self.field, self.field.removesuffix(".replace"))

    def label(self, index: int) -> str:
        """A value in words, of a path as much as tells it from the others."""
        return self._names[index] if self.field in PLACES else value_text(self.values[index])

    @cached_property
    def _names(self) -> Sequence[str]:
        return short_names(self.values)

    def settled(self) -> Axis:
        """The axis as it means the same in another folder and another time: paths absolute, a fresh seed for each -1."""
        values = tuple(_settled(self.field, value) for value in self.values)
        if values == tuple(self.values):
            return self
        words = (f"{SKIP} {value}" if index in self.skipped else str(value) for index, value in enumerate(values))
        line = StringIO()
        csv.writer(line, lineterminator="").writerow(words)
        return replace(self, values=values, text=f"{self.field}={line.getvalue()}")


def value_text(value: Any) -> str:
    """A value of an axis in words: ``512x768``, ``0.25``, ``(none)`` for an empty text."""
    if isinstance(value, tuple):
        return f"{value[0]}x{value[1]}" if isinstance(value[0], int) else value_text(value[1])
    if isinstance(value, float):
        return f"{value:.12g}"
    return str(value) if value != "" else "(none)"


def short_names(places: Sequence[str]) -> list[str]:
    """What people call weights at these places: the name of the file or folder, with folders above it where names meet."""
    known = {place: _parts(place) for place in places}
    names = {}
    for place, parts in known.items():
        others = [other for name, other in known.items() if name != place]
        lengths = (length for length in range(1, len(parts)) if not any(other[-length:] == parts[-length:] for other in others))
        names[place] = "/".join(parts[-next(lengths, len(parts)) :])
    return [names[place] for place in places]


def _parts(place: str) -> list[str]:
    if "/" not in place:
        return [place.removesuffix(".safetensors")]
    path = Path(place)
    name, _ = hub_folder(path)  # of a snapshot in a hub cache the name of its repository
    parts = name.split("/") if name != path.name else [part for part in path.parts if part != "/"]
    return [*parts[:-1], parts[-1].removesuffix(".safetensors")]


def _settled(field: str, value: Any) -> Any:
    if field in SEEDS and value == -1:
        return draw_seed()
    if value == OWN or field not in PLACES:
        return value
    place, colon, word = value.rpartition(":") if field == "embedding" and not _absolute(value) else (value, "", "")
    return f"{found}{colon}{word}" if (found := _absolute(place)) else value


def _absolute(place: str) -> str | None:
    """The absolute path of what is there; None where nothing is."""
    path = Path(place).expanduser()
    return os.path.abspath(path) if place and path.exists() else None


def parse_axis(text: str) -> Axis:
    """The axis that `text` says. Raises `BadInput`, which names what is not understood."""
    field, rest = _field_and_rest(text)
    field = IP_FOLDER if field == IP_WEIGHT and _says_places(rest) else field
    kind = kind_of(field)
    try:
        values, skipped = read(rest[1:], kind) if rest.startswith("=") else read_replacement(rest)
    except Unclear as error:
        raise BadInput(f"The axis {text!r} is not understood: {error}.", error.hint) from None
    if field in ("vae", "embedding"):
        values = tuple(OWN if value.lower() in (OWN, "automatic") else value for value in values)
    if field in SEEDS and any(value < -1 for value in values):
        raise BadInput(f"The axis {text!r} has a seed below 0.", "Use 0 to 2^64 - 1, or -1 to draw one.")
    if len(skipped) == len(values):
        raise BadInput(f"The axis {text!r} has no value that is rendered.", "Give it values, such as steps=4,8,16.")
    return Axis(field, values, text, frozenset(skipped))


def _says_places(rest: str) -> bool:
    """Whether what follows the name of an IP-Adapter's axis are no numbers."""
    try:
        read(rest[1:], REAL)
    except Unclear:
        return bool(rest[1:].strip()) and not re.match(r"\s*[+-]?[\d]", rest[1:])
    return False


def kind_of(field: str) -> str:
    """The kind of values that a field takes."""
    return REAL if field.startswith("lora.") else FIELDS.get(field, ANY)


def _field_and_rest(text: str) -> tuple[str, str]:
    """The field, and what follows its name: ``=VALUES``, or for a replacement ``/searched/…``."""
    text = text.strip()
    if match := re.match(r"(prompt|negative)([/|])", text, re.IGNORECASE):
        return f"{match[1].lower()}.replace", text[match.end(1) :]
    name, equals, rest = text.partition("=")
    name = name.strip()
    if not equals or not name:
        raise BadInput(f"{text!r} is no axis.", "Write NAME=VALUES, such as steps=4,8,16, or prompt/oil/ink.")
    folded = name.lower()
    if folded in REFUSED:
        raise BadInput(f"{name} cannot be an axis.", REFUSED[folded])
    if folded.startswith("lora."):
        return f"lora.{name[5:]}", f"={rest}"
    field = OTHER_NAMES.get(folded, folded if folded in FIELDS else name)
    return field, f"={rest}"
