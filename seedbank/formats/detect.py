"""Which tools' metadata a file carries: every format is asked, in the order of trust."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any, Protocol

from seedbank.errors import BadInput
from seedbank.formats.reading import FormatError, Payload, Reading
from seedbank.formats.values import UNFIT, fitted, forget_large, text_of
from seedbank.formats.wrapped import unwrapped
from seedbank.frozen import replace

ORDER = (
    "own",
    "swarmui",
    "stabilitymatrix",
    "tensorart",
    "fooocus",
    "kohya",
    "comfyui",
    "invokeai",
    "nmkd",
    "novelai",
    "drawthings",
    "imaginairy",
    "mold",
    "mflux",
    "mochi",
    "easydiffusion",
    "dgenerate",
    "artbot",
    "a1111",
    "webapi",
    "diffusersjson",
    "plainfields",
    "descriptions",
)
"""Modules of this package that have `read`, the most trusted first. Our own recipe is whole. Formats with names of their own
for their fields come before those that many tools write; what was executed (a graph) comes before a text that a node made
of it; what only a picture's caption says comes last."""


class Reader(Protocol):
    """One format. None: nothing here is mine. Raises `FormatError` for what is mine and broken, and nothing else."""

    def __call__(self, payloads: Sequence[Payload], /) -> Reading | None: ...


@dataclass(frozen=True)
class Examination:
    """All that was found, and a sentence for each format that found its own and could not read it."""

    readings: tuple[Reading, ...]
    remarks: tuple[str, ...] = ()


TOOLS = {
    "seedbank": "own",
    "fooocusplus": "fooocus",
    "ruinedfooocus": "fooocus",
    "forge": "a1111",
    "reforge": "a1111",
    "sdnext": "a1111",
    "sd.cpp": "a1111",
    "civitai": "a1111",
    "diffusers": "diffusersjson",
    "voltaml": "diffusersjson",
    "midjourney": "descriptions",
    "dalle": "descriptions",
}
"""{a tool's name without blanks and dashes: the format that reads it}, where the format has another name."""


def format_of(tool: str) -> str:
    """The format that reads what the tool writes. Raises `BadInput` for a tool that is not known."""
    name = re.sub(r"[\s_-]", "", tool.lower())
    name = TOOLS.get(name, name)
    if name not in ORDER:
        known = ", ".join(sorted({*(set(ORDER) - set(TOOLS.values())), *TOOLS, "a1111", "fooocus"}))
        raise BadInput(f"There is no format {tool!r}.", f"Use one of: {known}.")
    return name


@cache
def reader(name: str) -> Reader:
    """The reader of a format, by its name in `ORDER`."""
    found: Reader = import_module(f"seedbank.formats.{name}").read
    return found


COPIES = {
    "own": {"png:parameters"},
    "stabilitymatrix": {"png:smproj"},
    "comfyui": {"png:prompt", "png:workflow"},
    "invokeai": {"png:invokeai_graph", "png:invokeai_workflow", "png:sd-metadata", "png:Dream"},
    "novelai": {"png:Description", "stealth:alpha", "exif:UserComment", "exif:ImageDescription"},
    "drawthings": {"exif:ImageDescription", "xmp:description", "iptc:Caption", "png:Description", "xmp:UserComment"},
    "imaginairy": {"exif:ImageDescription"},
    "mflux": {"xmp:description", "iptc:Caption"},
    "mochi": {"iptc:Caption", "exif:ImageDescription", "png:Description", "xmp:description"},
    "dgenerate": {"exif:UserComment"},
    "diffusersjson": {"png:prompt", "png:Prompt"},
    "kohya": {"png:seed", "png:sampler", "png:steps", "png:scale"},
}
"""{format: places in which its tool writes the same once more}. They are not read again as something else."""


def examine(payloads: Sequence[Payload], tool: str | None = None) -> Examination:
    """What every format makes of the payloads, the most trusted first, or that of one tool. Raises `BadInput` for its name."""
    found: list[Reading] = []
    remarks: list[str] = []
    left, came_from = unwrapped([_fit(payload) for payload in payloads])
    unfit = any(UNFIT.search(payload.text) for payload in left)
    for name in ORDER if tool is None else (format_of(tool),):
        try:
            reading = reader(name)(left)
        except FormatError as error:
            remarks.append(f"{name}: {error.message}")
            continue
        if reading is not None:
            known = replace(reading, place=came_from.get(reading.place, reading.place))
            found.append(fitted(known) if unfit else known)
            read = COPIES.get(name, set()) | {reading.place}
            left = [payload for payload in left if payload.place not in read]
    forget_large()
    return Examination(tuple(found), tuple(remarks))


def _fit(payload: Payload) -> Payload:
    """The payload with a text that can be kept: no NUL, no halves of surrogate pairs."""
    text = text_of(payload.text)
    return payload if text is None or text == payload.text else replace(payload, text=text)


def readings(payloads: Sequence[Payload]) -> list[Reading]:
    """What every format makes of the payloads, the most trusted first."""
    return list(examine(payloads).readings)


SHOWN = 40
"""Characters of a text that a conflict shows."""
COMPARED = ("prompt", "negative_prompt", "seed", "steps", "guidance_scale", "width", "height")
"""Fields that mean the same in all tools. Samplers and models have other names in each, so they are not compared."""


def conflicts(found: Sequence[Reading]) -> list[str]:
    """One sentence for each field in which a reading differs from the most trusted one that has it."""
    return list(_conflicts(found))


def _conflicts(found: Sequence[Reading]) -> Iterator[str]:
    for name in COMPARED:
        said = [(reading, value) for reading in found if (value := getattr(reading.recipe, name)) is not None]
        # seedbank writes the pipeline's own argument into its recipe, and the common form for other tools beside it.
        said = [one for one in said if name != "guidance_scale" or one[0].tool != "seedbank"]
        for reading, value in said[1:]:
            if _plain(value) != _plain(said[0][1]):
                one, other = _apart(_plain(said[0][1]), _plain(value))
                yield f"{name}: {one} {_says(said[0][0])}, {other} {_says(reading)}."


def _says(reading: Reading) -> str:
    return f"says {reading.tool} ({reading.place})"


def _plain(value: Any) -> Any:
    return " ".join(value.split()) if isinstance(value, str) else value


def _apart(one: Any, other: Any) -> tuple[str, str]:
    """Both values, of long texts the part in which they begin to differ."""
    if not isinstance(one, str) or not isinstance(other, str):
        return str(one), str(other)
    alike = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    start = max(0, alike - SHOWN // 2) if max(len(one), len(other)) > SHOWN else 0
    return _piece(one, start), _piece(other, start)


def _piece(text: str, start: int) -> str:
    return repr(("…" if start else "") + text[start : start + SHOWN] + ("…" if len(text) > start + SHOWN else ""))
