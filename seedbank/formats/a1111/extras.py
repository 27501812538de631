"""What `parameters` text says beside the fields that all tools have, under the common names; the rest under its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from seedbank.formats.reading import FormatError, ModelName
from seedbank.formats.values import integer_of, model_of, number_of, parse_json, seed_of, size_of
from seedbank.infotext import Parameters, parse, pieces

_Value = Callable[[str], Any]

RENAMED: Mapping[str, tuple[str, _Value]] = {
    "version": ("version", str),
    "clip skip": ("clip_skip", integer_of),
    "rng": ("noise", str),
    "ensd": ("ensd", integer_of),
    "eta noise seed delta": ("ensd", integer_of),
    "sampler eta delta": ("ensd", integer_of),
    "variation seed": ("variation_seed", seed_of),
    "variation seed strength": ("variation_strength", number_of),
    "variation strength": ("variation_strength", number_of),
    "distilled cfg scale": ("distilled_guidance", number_of),
    "guidance": ("distilled_guidance", number_of),
    "refiner switch at": ("refiner_switch", number_of),
    "refiner start": ("refiner_switch", number_of),
    "batch size": ("batch_size", integer_of),
    "batch pos": ("batch_index", integer_of),
}
"""{field in lower case: (extra, how its value is read)}; SD.Next and stable-diffusion.cpp have names of their own."""

FIELDS = frozenset(
    {"steps", "sampler", "schedule type", "scheduler", "cfg scale", "seed", "size", "width", "height", "size-1", "size-2"}
    | {"model", "model hash", "unet", "lora hashes", "lora weights", "vae", "vae hash", "refiner", "refiner hash"}
    | {"denoising strength", "operations", "ti hashes", "ti", "used embeddings", "embeddings", "init image hash", "batch"}
    | {"index", "civitai resources", "hashes"}
)
"""Fields that are read here or in `reading` in some other way than one by one."""

HIRES = {
    "upscale": "scale",
    "scale": "scale",
    "steps": "steps",
    "upscaler": "upscaler",
    "strength": "denoise",
    "sampler": "sampler",
    "schedule type": "schedule",
    "checkpoint": "checkpoint",
    "cfg scale": "guidance",
    "prompt": "prompt",
    "negative prompt": "negative_prompt",
}
"""{`Hires …`: name in the extra `hires`}; others keep their own."""

_HIRES_SIZES = ("resize", "size", "fixed")
_SECOND_PASS = {"scale", "width", "upscaler", "steps", "first_pass"}
_EMBEDDING = re.compile(r"\s*([^\[\],]+?)\s*(?:\[([0-9a-fA-F]{4,64})\])?\s*(?:,|\Z)")
_REFINER = re.compile(r"(.*?)\s*\[([0-9a-fA-F]{8,64})\]")
_CONTROLNET = re.compile(r"ControlNet(?:[ -](?P<number>\d{1,3}))?(?: (?P<what>[A-Z].*))?")
_MODULE = re.compile(r"Module \d{1,2}")
_NAMED_VAE = re.compile(r"vae|(?:^|[\W_])ae(?:[\W_]|$)", re.IGNORECASE)
_TEMPLATE = re.compile(r"^(Negative Template|Template):[ \t]?", re.MULTILINE)


def extras_of(parameters: Parameters, hashes: Mapping[str, str]) -> dict[str, Any]:
    """{name: value} of everything that is no field of its own in `Foreign`."""
    found: dict[str, Any] = {}
    hires: dict[str, Any] = {}
    controlnets: dict[int, dict[str, str]] = {}
    for key, value in parameters.pairs:
        name = key.casefold().replace("_", " ")
        if name in FIELDS or not value:
            continue
        if name in RENAMED:
            extra, read = RENAMED[name]
            found.setdefault(extra, read(value.partition(",")[0].strip()))
        elif name.startswith("hires ") or name == "first pass size":
            _hires(hires, name.removeprefix("hires "), value)
        elif control := _CONTROLNET.fullmatch(key):
            said = controlnets.setdefault(int(control["number"] or 0), {})
            said |= {control["what"]: value} if control["what"] else _inner(value)
        else:
            found[key] = f"{found[key]}, {value}" if key in found else _structured(value)
    return {
        **found,
        **_second_pass(parameters, hires),
        "vae": _vae(parameters, hashes),
        "refiner": _refiner(parameters),
        "embeddings": _embeddings(parameters, hashes),
        "controlnets": tuple(controlnets[number] for number in sorted(controlnets)),
        "inputs": tuple(hash_ for hash_ in [parameters.get("Init image hash")] if hash_),
        "resources": _structured(parameters.get("Civitai resources") or ""),
        "Hashes": dict(hashes),
        **_batch(parameters),
        **_templates(parameters.rest),
    }


def _structured(value: str) -> Any:
    """A JSON object or list as its value, other text as it stands."""
    if value[:1] in ("{", "["):
        try:
            return parse_json(value)
        except FormatError:
            return value
    return value


def _inner(value: str) -> dict[str, str]:
    """The fields within one field: `Module: canny, Model: name [hash], Weight: 1`."""
    return dict(parse(f"Steps: 0, Seed: 0, {value}").pairs[2:])


def _hires(hires: dict[str, Any], name: str, value: str) -> None:
    if name == "first pass size":
        hires["first_pass"] = size_of(value)
    elif name in _HIRES_SIZES:
        width, height = size_of(value)
        hires |= {key: pixels for key, pixels in (("width", width), ("height", height)) if pixels}
    else:
        known = HIRES.get(name, name.replace(" ", "_"))
        hires[known] = number_of(value) if known in ("scale", "denoise", "guidance") else value
        if known == "steps":
            hires[known] = integer_of(value)


def _second_pass(parameters: Parameters, hires: dict[str, Any]) -> dict[str, Any]:
    """`hires` where there was a second pass, `denoise` and `mode` where there was an input picture.

    `Denoising strength` is one field for both: with a second pass it is that of the second pass.
    """
    denoise = number_of(parameters.get("Denoising strength"))
    operations = (parameters.get("Operations") or "").partition(";")[0].strip()
    names = {name.casefold() for name, _ in parameters.pairs}
    masked = names & {"mask blur", "masked content", "mask mode", "inpaint area", "masked area padding", "mask weight"}
    if hires.keys() & _SECOND_PASS and not masked and "init image hash" not in names:
        if denoise is not None:
            hires.setdefault("denoise", denoise)
        return {"hires": hires, "mode": operations or None}
    mode = "inpaint" if masked else "img2img" if denoise is not None or "init image hash" in names else None
    return {"denoise": denoise, "mode": operations or mode, "hires": hires if hires.keys() & _SECOND_PASS else None}


def _vae(parameters: Parameters, hashes: Mapping[str, str]) -> ModelName | None:
    """`VAE`; Forge has it among its modules, which can be text encoders, too. Fooocus' `Default (model)` is the model's own."""
    modules = (value for name, value in parameters.pairs if _MODULE.fullmatch(name) and _NAMED_VAE.search(value))
    name = parameters.get("VAE") or next(modules, None)
    return model_of(None if name == "Default (model)" else name, parameters.get("VAE hash") or hashes.get("vae"))


def _refiner(parameters: Parameters) -> ModelName | None:
    """`Refiner: name [hash]`, or Fooocus' `Refiner: name, Refiner hash: hash`."""
    value = parameters.get("Refiner") or ""
    hashed = _REFINER.fullmatch(value)
    return model_of(hashed[1], hashed[2]) if hashed else model_of(value, parameters.get("Refiner hash"))


def _embeddings(parameters: Parameters, hashes: Mapping[str, str]) -> tuple[ModelName, ...]:
    """Textual inversions, by the fields of A1111 (`TI hashes`, before it `Used embeddings`), SD.Next and Civitai."""
    found = {name: hash_ or None for name, hash_ in pieces(parameters.get("TI hashes") or "")}
    for each in _EMBEDDING.finditer(parameters.get("Used embeddings", "Embeddings", "TI") or ""):
        found.setdefault(each[1], each[2])
    for name, hash_ in hashes.items():
        kind, _, own = name.partition(":")
        if kind.casefold() == "embed":
            found[own] = hash_
    return tuple(ModelName(name, hash_) for name, hash_ in found.items())


def _batch(parameters: Parameters) -> dict[str, Any]:
    """SD.Next: `Batch: 2x4` are two calls for four pictures each, `Index: 1x3` the third picture in the first of them."""
    batch, index = size_of(parameters.get("Batch")), size_of(parameters.get("Index"))
    if batch[1] is None:
        return {}
    return {"batch_size": batch[1], "batch_index": (index[1] - 1) % batch[1] if index[1] else None}


def _templates(rest: str) -> dict[str, str]:
    """{`Template`, `Negative Template`: text} of dynamic prompts and SD.Next; what else stands there as `Text`."""
    marks = list(_TEMPLATE.finditer(rest))
    ends = [mark.start() for mark in marks[1:]] + [len(rest)]
    found = {mark[1]: rest[mark.end() : end].strip() for mark, end in zip(marks, ends, strict=False)}
    before = rest[: marks[0].start()].strip() if marks else rest
    return found | ({"Text": before} if before else {})
