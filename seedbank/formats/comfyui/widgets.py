"""The widgets of ComfyUI's nodes in the order in which the front end lists their values.

A workflow as it is drawn holds `widgets_values` by position only. Seeds are followed by a word that says how they change
after a run; it is no input. Sources: ComfyUI `nodes.py` and `comfy_extras`, and the node packs.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from seedbank.formats.comfyui.orders import WIDGETS

AFTER_RUN = ("fixed", "increment", "decrement", "randomize")
"""What the widget behind a seed says."""

FILES = (".safetensors", ".ckpt", ".gguf", ".sft", ".pt", ".pth", ".bin")
"""How the names of weights end."""

_NUMBERS = re.compile(r"^(seed|noise_seed|steps\w*|cfg|denoise|width|height|batch_size|guidance|strength\w*|\w+_at_step)$")
_WORDS = re.compile(
    r"^(sampler_name|scheduler|\w*ckpt_name|unet_name|vae_name|lora_name|text|text_[gl]|clip_l|t5xxl|positive|negative)$"
)
SAMPLERS = re.compile(
    r"(euler|heun|exp_heun|dpm|ddim|ddpm|lms|lcm|uni_pc|ipndm|deis|res_|gradient_est|er_sde|seeds_\d|sa_solver|restart|plms)\w*$"
)
SCHEDULES = re.compile(
    r"(normal|karras|exponential|sgm_uniform|simple|ddim_uniform|beta|linear|kl_optimal|AYS|GITS|OSS|LTXV|align_|turbo|bong_|polyexp)"
)
"""Names of samplers and schedules, by which the settings of a sampler are found in a list of values."""
SMALLEST_SIDE = 64
"""Pixels; smaller numbers are counts."""
_MAKES_LATENTS = re.compile(r"empty|latent|to_?video|resolution|image_?size", re.I)
_SIZE = re.compile(r"\s*\d{3,4}\s*[x×]\s*\d{3,4}\b")
_ENCODES = re.compile("CLIPTextEncode|TextEncode|Power Prompt")
_COMMENTS = re.compile(r"/\*|\*/|//|\n")
_NAMES_TEXT = re.compile(r"preset|load|select|file|style|retrieve|cache", re.I)
"""Nodes whose word is the name of a text, and not the text."""
_HOLDS_TEXT = re.compile(r"encode|prompt|text|string", re.I)
_LOADERS: Mapping[str, str] = {"vae": "vae_name", "clip|text.?encoder|t5": "clip_name", "control": "control_net_name"}


def widgets_of(node: Mapping[str, Any]) -> Mapping[str, Any]:
    """The values of a node's widgets by name: as the node itself names them, by its class, or by the usual orders."""
    values = node.get("widgets_values")
    if isinstance(values, dict):
        return {str(name): value for name, value in values.items() if not isinstance(value, list)}
    if not isinstance(values, list):
        return {}
    kind = str(node.get("type"))
    ports = node.get("inputs")
    ports = [port for port in ports if isinstance(port, dict)] if isinstance(ports, list) else []
    shown = tuple(port["name"] for port in ports if port.get("widget") and isinstance(port.get("name"), str))
    kept = [value for place, value in enumerate(values) if place == 0 or value not in AFTER_RUN]
    # Newer front ends name all widgets in the node; older ones only those that are inputs now.
    names = shown if shown and len(shown) == len(kept) else WIDGETS.get(kind)
    found = _named(names, values) if names else None
    found = found if found is not None else _usual(kind, values, kept)
    if _ENCODES.match(kind):
        return {name: uncommented(value) if isinstance(value, str) else value for name, value in found.items()}
    return found


def promoted(instance: Mapping[str, Any]) -> Mapping[tuple[str, str], Any]:
    """{(id of a node inside, its widget): value} of the widgets that a subgraph shows on its instance; id -1 is an input.

    Only where there are as many values as widgets: the front end writes other lists, too, and says nothing of their order.
    """
    properties, values = instance.get("properties"), instance.get("widgets_values")
    shown = properties.get("proxyWidgets") if isinstance(properties, dict) else None
    if not isinstance(shown, list) or not isinstance(values, list) or len(shown) != len(values):
        return {}
    pairs = zip(shown, values, strict=True)
    return {(str(one[0]), str(one[1])): value for one, value in pairs if isinstance(one, list) and len(one) >= 2}


def uncommented(text: str) -> str:
    """A prompt without `/* … */` and `// …`, which the front end takes out before it runs (`processDynamicPrompt`)."""
    kept: list[str] = []
    start, inside, last = 0, "", text.rfind("*/")
    for mark in _COMMENTS.finditer(text):
        if inside and mark[0] == inside:
            inside, start = "", mark.end() if inside == "*/" else mark.start()
        elif not inside and (mark[0] == "//" or (mark[0] == "/*" and mark.end() <= last)):
            kept.append(text[start : mark.start()])
            inside = "*/" if mark[0] == "/*" else "\n"
    return "".join((*kept, "" if inside else text[start:]))


def _named(names: Sequence[str], values: Sequence[Any]) -> Mapping[str, Any] | None:
    """The values under these names, without the words behind seeds; None where one of them does not fit."""
    found: dict[str, Any] = {}
    place = 0
    for name in names:
        if place >= len(values):
            break
        value = values[place]
        place += 1
        if not fits(name, value):
            return None
        if not isinstance(value, list):
            found[name] = value
        # Front ends of early 2023 had a switch in the place of the word, the Efficiency pack has nothing there.
        if (
            "seed" in name
            and place < len(values) > len(names)
            and (values[place] in (*AFTER_RUN, None) or isinstance(values[place], bool))
        ):
            place += 1
    return found


def _usual(kind: str, values: Sequence[Any], kept: Sequence[Any]) -> Mapping[str, Any]:
    """What can be told of a node that is not known: nearly all packs list the settings of a sampler in one order."""
    sampled = _sampling(values)
    if sampled:
        return sampled
    loras = [value for value in values if isinstance(value, dict) and isinstance(value.get("lora"), str)]
    if loras:
        return {f"lora_{place}": lora for place, lora in enumerate(loras, 1)}
    first = kept[0] if kept else None
    if isinstance(first, str) and first.lower().endswith(FILES):
        return _file(kind, kept)
    if isinstance(first, str) and _SIZE.match(first) and _MAKES_LATENTS.search(kind):
        return {"resolution": first}
    if len(kept) == 1 and isinstance(first, str):
        named = _NAMES_TEXT.search(kind) and not SAMPLERS.match(first) and not SCHEDULES.match(first)
        return {} if named else {"text": first}
    if len(kept) == 1 and not isinstance(first, (list, dict)):
        return {"value": first}
    sides = [value for value in kept[:2] if isinstance(value, int) and not isinstance(value, bool) and value >= SMALLEST_SIDE]
    if len(sides) == 2 and _MAKES_LATENTS.search(kind):
        return {"width": sides[0], "height": sides[1]}
    texts = [value for value in kept if isinstance(value, str)]
    return {"text": texts[0]} if len(texts) == 1 and _HOLDS_TEXT.search(kind) else {}


def _sampling(values: Sequence[Any]) -> Mapping[str, Any]:
    """`seed, (its word,) steps, CFG, sampler, schedule, denoise` or `steps, CFG, seed, …`, wherever they stand in the list."""
    place = next(
        (
            place
            for place, (one, other) in enumerate(pairwise(values))
            if isinstance(one, str) and isinstance(other, str) and SAMPLERS.match(one) and SCHEDULES.match(other)
        ),
        None,
    )
    if place is None:
        return {}
    found = {"sampler_name": values[place], "scheduler": values[place + 1]}
    for after in values[place + 2 : place + 3]:
        if _is_number(after) and 0 <= after <= 1:
            found["denoise"] = after
    before = [value for value in values[:place] if value is not None and not isinstance(value, bool)]
    order = ("seed", "cfg", "steps") if before and before[-1] in AFTER_RUN else ("cfg", "steps", "seed")
    numbers = [value for value in before if value not in AFTER_RUN]
    for name in order:
        if not numbers or not _is_number(numbers[-1]) or not (name == "cfg" or isinstance(numbers[-1], int)):
            break
        found[name] = numbers.pop()
    return found


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _file(kind: str, kept: Sequence[Any]) -> Mapping[str, Any]:
    """What a loader loads, by its class; a LoRA with its weights."""
    if "lora" in kind.lower():
        names = ("lora_name", "strength_model", "strength_clip")
        weights = itertools.takewhile(_is_number, kept[1:3])
        return dict(zip(names, (kept[0], *weights), strict=False))
    name = next((name for word, name in _LOADERS.items() if re.search(word, kind, re.I)), "model_name")
    return {name: kept[0]}


def fits(name: str, value: Any) -> bool:
    """Whether a value can be that of a widget; one that cannot says that the node's version lists them otherwise."""
    if _NUMBERS.match(name):
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return not _WORDS.match(name) or isinstance(value, (str, dict))
