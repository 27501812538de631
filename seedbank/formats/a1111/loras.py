"""LoRAs as the A1111 family names them: tags in the prompt, hashes and weights in fields, resources of Civitai.

Sources: `extensions-builtin/Lora/extra_networks_lora.py` of A1111 (a tag is `<lora:name:text encoder:denoiser>`, the second
weight is that of the first unless it is given), kohya's Additional Networks, `modules/meta_parser.py` of Fooocus, ComfyUI's
saving nodes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from seedbank.formats.reading import Lora
from seedbank.formats.values import name_of, number_of
from seedbank.infotext import Parameters, pieces

KINDS = frozenset({"lora", "lyco", "lycoris", "locon", "loha", "lokr", "dora"})

_TAG = re.compile(r"<(\w+):([^<>\n]+)>")
_ADDITIONAL = re.compile(r"(.*)\(([0-9a-fA-F]{8,64})\)")


def loras(parameters: Parameters, hashes: Mapping[str, str], resources: Sequence[Any]) -> tuple[Lora, ...]:
    """The LoRAs of the picture. Tags of the prompt say the most, so the other places add hashes to them only.

    `hashes` are the `Hashes` of a file, `resources` those of Civitai.
    """
    named = {_plain(name): hash_ for name, hash_, _ in _listed(parameters.get("Lora hashes"))}
    named |= {_plain(name.partition(":")[2]): hash_ for name, hash_ in hashes.items() if _kind(name) in KINDS}
    for found in (tagged(parameters.prompt or ""), _weighted(parameters), _additional(parameters), _saved(parameters)):
        if found:
            return tuple(
                Lora(each.name, each.weight, each.hash or named.get(_plain(each.name)), each.weight_text) for each in found
            )
    if from_civitai := tuple(_resources(resources)):
        return from_civitai
    listed = [Lora(name, number_of(weight), hash_) for name, hash_, weight in _listed(parameters.get("Lora hashes"))]
    return tuple(listed) or tuple(
        Lora(name.partition(":")[2], None, hash_) for name, hash_ in hashes.items() if _kind(name) in KINDS
    )


def tagged(prompt: str) -> list[Lora]:
    """The LoRAs that tags of a prompt ask for, in their order. A tag without a weight means 1."""
    return [found for tag in _TAG.finditer(prompt) if tag[1].lower() in KINDS and (found := _from_tag(tag[2]))]


def _from_tag(arguments: str) -> Lora | None:
    name, *rest = (part.strip() for part in arguments.split(":"))
    given = {key.strip(): number_of(value) for key, equals, value in (part.partition("=") for part in rest) if equals}
    positional = [number_of(part) for part in rest if "=" not in part]
    text = given.get("te", positional[0] if positional else 1.0)
    denoiser = given.get("unet", positional[1] if len(positional) > 1 else text)
    return Lora(name, denoiser, None, text if text != denoiser else None) if name else None


def _plain(name: str) -> str:
    """A name as `Lora hashes` has it: without `:` and `,`, which would end it."""
    return re.sub("[:,]", "", name).strip().casefold()


def _kind(name: str) -> str:
    return name.partition(":")[0].casefold() if ":" in name else ""


def _listed(value: str | None) -> Iterator[tuple[str, str | None, str | None]]:
    """(name, hash, weight) of a list `name: hash`, or of early Fooocus' `name: hash: weight`."""
    for name, last in pieces(value or ""):
        inner, colon, middle = name.rpartition(":")
        if colon and re.fullmatch(r"[0-9a-fA-F]{8,64}", middle.strip()):
            yield inner.strip(), middle.strip(), last
        else:
            yield name, last or None, None


def _weighted(parameters: Parameters) -> list[Lora]:
    """Fooocus: `Lora weights: "name: 0.5"`."""
    return [Lora(name, number_of(weight)) for name, weight in pieces(parameters.get("Lora weights") or "")]


def _numbered(parameters: Parameters, pattern: str) -> dict[int, dict[str, str]]:
    """{number: {what: value}} of fields whose name has a number in it."""
    found: dict[int, dict[str, str]] = {}
    for key, value in parameters.pairs:
        if value and (match := re.fullmatch(pattern, key)):
            found.setdefault(int(match["number"]), {})[match["what"]] = value
    return dict(sorted(found.items()))


def _additional(parameters: Parameters) -> list[Lora]:
    """Additional Networks: `AddNet Module 1: LoRA, AddNet Model 1: name(hash), AddNet Weight A 1: 0.8, …` (A: denoiser)."""
    if parameters.get("AddNet Enabled") != "True":
        return []
    found = []
    for said in _numbered(parameters, r"AddNet (?P<what>Module|Model|Weight|Weight A|Weight B) (?P<number>\d{1,3})").values():
        if said.get("Module", "LoRA") != "LoRA" or name_of(said.get("Model")) is None:
            continue
        hashed = _ADDITIONAL.fullmatch(said["Model"])
        name, hash_ = (hashed[1], hashed[2]) if hashed else (said["Model"], None)
        denoiser = number_of(said.get("Weight A", said.get("Weight")))
        text = number_of(said.get("Weight B"))
        found.append(Lora(name.strip(), denoiser, hash_, text if text != denoiser else None))
    return found


def _saved(parameters: Parameters) -> list[Lora]:
    """Saving nodes of ComfyUI: `Lora_0 Model name: …, Lora_0 Model hash: …, Lora_0 Strength model: 1, …`."""
    pattern = r"Lora_(?P<number>\d{1,3}) (?P<what>Model name|Model hash|Strength model|Strength clip)"
    found = []
    for said in _numbered(parameters, pattern).values():
        if name := said.get("Model name"):
            weight, text = number_of(said.get("Strength model")), number_of(said.get("Strength clip"))
            found.append(Lora(name, weight, said.get("Model hash"), text if text != weight else None))
    return found


def _resources(resources: Sequence[Any]) -> Iterator[Lora]:
    """Civitai: `[{"type": "lora", "weight": 1, "modelVersionId": 210873}]`. Where it gives a number only, the name is empty."""
    for each in resources:
        if isinstance(each, Mapping) and resource_kind(each) in KINDS:
            yield Lora(name_of(each.get("modelName")) or "", number_of(each.get("weight")))


def resource_kind(resource: Mapping[str, Any]) -> str:
    """`lora`, `checkpoint`, `embed` …: told by its type, or by its address `urn:air:sd1:lora:civitai:ID@VERSION`."""
    if name := name_of(resource.get("type")):
        return name.casefold()
    parts = (name_of(resource.get("air")) or "").split(":")
    return parts[3].casefold() if len(parts) > 3 else ""
