"""`parameters` text as a foreign recipe: A1111, Forge and its kin, SD.Next, stable-diffusion.cpp, Fooocus, Civitai.

Sources: `modules/processing.py` and `modules/infotext_utils.py` of A1111, `modules/processing_info.py` of SD.Next,
`modules/meta_parser.py` of Fooocus, the command line of stable-diffusion.cpp, and real files of all of them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from seedbank.formats.a1111.extras import extras_of
from seedbank.formats.a1111.lines import said_in_line
from seedbank.formats.a1111.loras import loras
from seedbank.formats.a1111.meaning import older_ways
from seedbank.formats.reading import LIKELY, FormatError, ModelName, Payload, Reading
from seedbank.formats.values import LARGEST_SEED, count_of, foreign, integer_of, model_of, number_of, parse_json, size_of
from seedbank.infotext import Parameters, parse

PLACES = ("png:parameters", "exif:UserComment", "gif:comment", "jpeg:comment", "stealth:", "sidecar:", "text")
"""Where the tools put this text, the surest first. It is looked for elsewhere, too."""

TOOLS = tuple(
    (re.compile(pattern, re.IGNORECASE), tool)
    for pattern, tool in (
        (r"stable-diffusion\.cpp", "sd.cpp"),
        (r"Fooocus", "fooocus"),
        (r"f\d+\.\d+\.\d+v2-", "reforge"),
        (r"f\d+\.\d+\.\d+", "forge"),
        (r"classic", "forge-classic"),
        (r"neo", "forge-neo"),
        (r".*ComfyUI", "comfyui"),
    )
)
"""How the versions of tools begin that write this text, too."""

_NEGATIVE_MARK = re.compile(r"^[ \t]*Negative prompt:", re.IGNORECASE | re.MULTILINE)


def read(payloads: Sequence[Payload]) -> Reading | None:
    """What the first text of this layout says; None where there is none."""
    for payload in sorted(payloads, key=_rank):
        if (found := _read(payload)) is not None:
            return found
    return None


def _rank(payload: Payload) -> int:
    return next((at for at, place in enumerate(PLACES) if payload.place.startswith(place)), len(PLACES))


def _read(payload: Payload) -> Reading | None:
    text = payload.text
    begins = text.lstrip("\0\ufeff \t\r\n")[:1]
    if begins == "-" and (line := said_in_line(text)) is not None:
        return Reading("a1111", line, payload.place)
    parameters = parse(text)
    # JSON and XML of other tools can hold anything; on their one line nothing of ours begins.
    if (parameters.flat or not parameters.pairs) and begins in ("{", "[", "<", ""):
        return None
    if parameters.pairs:
        return _reading(parameters, payload.place)
    # A picture that A1111 saved from a text without fields: its own places hold nothing else.
    if payload.place != "png:parameters" and parameters.negative_prompt is None:
        return None
    said = foreign(prompt=parameters.prompt, negative_prompt=parameters.negative_prompt, confidence=LIKELY)
    return Reading("a1111", said, payload.place, ("The text has no line of fields, so it is taken for a prompt.",))


def _reading(parameters: Parameters, place: str) -> Reading:
    get = parameters.get
    remarks: list[str] = []
    doubts: dict[str, float] = {}
    if parameters.flat:
        doubts |= {"prompt": LIKELY, "negative_prompt": LIKELY}
        remarks.append("All of it stands on one line, so where the prompt ends is a guess.")
    elif parameters.negative_prompt and _NEGATIVE_MARK.search(parameters.negative_prompt):
        doubts |= {"prompt": LIKELY, "negative_prompt": LIKELY}
        remarks.append("Several lines are marked as the negative prompt; the first is taken for its begin.")
    hashes, resources = hashes_of(parameters), _json(get("Civitai resources"))
    model = _model(parameters, hashes)
    if model is not None and get("Model") is None and model.name is not None:
        doubts["model"] = LIKELY
    width, height = _size(parameters)
    said = foreign(
        prompt=parameters.prompt,
        negative_prompt=parameters.negative_prompt,
        seed=_seed(get("Seed"), remarks),
        steps=count_of(_first(get("Steps"))),
        guidance_scale=_finite(get("CFG scale")),
        sampler=get("Sampler"),
        schedule=get("Schedule type", "Scheduler"),
        width=width,
        height=height,
        model=model,
        loras=loras(parameters, hashes, resources if isinstance(resources, list) else ()),
        extras=extras_of(parameters, hashes),
        doubts=doubts,
    )
    tool = tool_of(parameters)
    if tool == "a1111" and (ways := ", ".join(older_ways(parameters))):
        remarks.append(f"{parameters.get('Version')} did some things in an older way: {ways}.")
    return Reading(tool, said, place, tuple(remarks))


def tool_of(parameters: Parameters) -> str:
    """The tool that wrote a text, by what it says of itself, else by fields that only one has."""
    version, names = parameters.get("Version") or "", {name.casefold() for name, _ in parameters.pairs}
    for begins, tool in TOOLS:
        if begins.match(version):
            return tool
    for names_of_one, tool in (
        ({"app", "operations", "parser", "latent sampler"}, "sdnext"),
        ({"sdcpp"}, "sd.cpp"),
        ({"adm guidance", "raw prompt", "raw negative prompt"}, "fooocus"),
        ({"civitai metadata", "created date"}, "civitai"),
    ):
        if names & names_of_one:
            return tool
    return "civitai" if "civitai resources" in names and not version else "a1111"


def hashes_of(parameters: Parameters) -> Mapping[str, str]:
    """The `Hashes` of a text: {"model": …, "vae": …, "lora:name": …, "embed:name": …}; empty where it has none."""
    found = _json(parameters.get("Hashes"))
    return {name: hash_ for name, hash_ in found.items() if isinstance(hash_, str)} if isinstance(found, dict) else {}


def _json(value: str | None) -> Any:
    try:
        return parse_json(value) if value else None
    except FormatError:
        return None


def _model(parameters: Parameters, hashes: Mapping[str, str]) -> ModelName | None:
    """The model by the fields for it; stable-diffusion.cpp names the denoiser alone when it was loaded alone."""
    listed, hash_ = next(
        ((name.partition(":")[2], hash_) for name, hash_ in hashes.items() if name.partition(":")[0].casefold() == "model"),
        (None, None),
    )
    return model_of(parameters.get("Model", "Unet") or listed, parameters.get("Model hash") or hash_)


def _size(parameters: Parameters) -> tuple[int | None, int | None]:
    if size := parameters.get("Size"):
        return size_of(size)
    return tuple(count_of(parameters.get(*names)) for names in (("Width", "Size-1"), ("Height", "Size-2")))  # type: ignore[return-value]


def _seed(value: str | None, remarks: list[str]) -> int | None:
    seed = integer_of(_first(value))
    if seed is None:
        return None
    if 0 <= seed <= LARGEST_SEED:
        return seed
    remarks.append(
        "The seed is -1, which asked for one: the file does not say which came."
        if seed == -1
        else f"The seed {seed} is none: seeds go from 0 to 2^64 - 1."
    )
    return None


def _first(value: str | None) -> str | None:
    """What stands before the first comma: a value that nobody quoted goes on to the next name."""
    return value.partition(",")[0] if value else None


def _finite(value: str | None) -> float | None:
    number = number_of(_first(value))
    return number if number is not None and math.isfinite(number) else None
