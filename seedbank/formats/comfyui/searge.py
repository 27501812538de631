"""SeargeSDXL's graphs as the plain nodes that they stand for.

Nodes of settings write into one stream of data, and each `SeargeMagicBox` runs a stage of a fixed pipeline with what stands
in it: the last value of a name counts, LoRAs add up. Version 3 hands its settings out again by `SeargeOutput1` to `7`.
Source: SeargeDP/SeargeSDXL, `modules/stage_*.py`, `ui_*.py`, `_legacy.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seedbank.formats.comfyui.graph import LONGEST_ID, Graph, Link, Node
from seedbank.formats.comfyui.scalars import as_integer, as_number
from seedbank.formats.comfyui.values import Values

_STREAM = ("data", "additional_data", "inputs", "parameters", "model_names", "model_settings")
"""Inputs by which the stream comes."""
_OUTPUTS: Mapping[str, tuple[str, ...]] = {
    kind: tuple(names.split())
    for kind, names in {
        "SeargeOutput1": "_ main_prompt secondary_prompt style_prompt negative_prompt negative_style image mask",
        "SeargeOutput2": "_ seed image_width image_height steps cfg sampler_name scheduler",
        "SeargeOutput3": "_ denoise base_ratio",
        "SeargeOutput4": "_ base_model refiner_model vae_model _ _ lora_model",
        "SeargeOutput7": "_ lora_strength",
    }.items()
}
_PRESETS: Mapping[str, tuple[str, str]] = {
    "1": ("dpmpp_2m", "karras"),
    "2": ("euler_ancestral", "normal"),
    "3": ("dpmpp_2m_sde", "karras"),
    "4": ("dpmpp_3m_sde", "exponential"),
    "5": ("ddim", "ddim_uniform"),
}
"""Samplers and schedules by the number with which a preset begins."""
_MOST_SETTINGS = 200
"""Nodes of one stream; a real one has some fifty."""
_MOST_STREAMS = 50
"""Nodes that a stream is looked for behind: seven in a graph of version 3, one in one of version 4."""
_PLACE = "<prompt>"
_LORAS = 5
_NONE = ("none", "None", "")


def plain(prompt: Mapping[str, Any]) -> Mapping[str, Any]:
    """The prompt with nodes of ComfyUI's own in the place of what SeargeSDXL does; any other prompt as it is."""
    kinds = [node["class_type"] for node in prompt.values() if isinstance(node, dict) and "class_type" in node]
    if not any(isinstance(kind, str) and kind.startswith("Searge") for kind in kinds):
        return prompt
    graph = Graph.parse(prompt)
    said: dict[str, Any] = {**prompt, **_without_outputs(graph)}
    boxes = [node for node in graph.nodes.values() if node.kind == "SeargeMagicBox" and node.inputs.get("stage") == "sampling"]
    for box in boxes[:_MOST_STREAMS]:
        said |= _sampled(graph, box) if len(box.id) <= LONGEST_ID else {}
    return said


def _stream(graph: Graph, node: Node) -> list[Node]:
    """The nodes behind one that the stream went through, the nearest first."""
    waiting, found = [node], {node.id: node}
    while waiting and len(found) < _MOST_SETTINGS:
        links = waiting.pop(0).wires
        for name in _STREAM:
            behind = graph.nodes.get(links[name].node) if name in links else None
            if behind is not None and behind.id not in found:
                found[behind.id] = behind
                waiting.append(behind)
    return list(found.values())


def _settings(stream: list[Node]) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    for node in stream:
        for name, value in node.inputs.items():
            settings.setdefault(name, value)
    return settings


def _without_outputs(graph: Graph) -> dict[str, Any]:
    """The nodes that are given a setting of version 3, with the setting itself."""
    given: dict[Link, Any] = {}
    for node in [node for node in graph.nodes.values() if node.kind in _OUTPUTS][:_MOST_STREAMS]:
        settings = _settings(_stream(graph, node))
        for slot, name in enumerate(_OUTPUTS[node.kind]):
            given[Link(node.id, slot)] = settings.get(name)
    changed = {}
    for node in graph.nodes.values():
        own = {name: given[link] for name, link in node.wires.items() if given.get(link) is not None}
        if own:
            changed[node.id] = {"class_type": node.kind, "inputs": {**node.inputs, **own}}
    return changed


def _sampled(graph: Graph, box: Node) -> dict[str, Any]:
    """What the stages up to this one do, with ids that begin with that of the stage."""
    stream = _stream(graph, box)
    settings = _settings(stream)
    nodes: dict[str, Any] = {}

    def add(name: str, kind: str, **inputs: Any) -> list[Any]:
        key = f"{box.id}:{name}"
        nodes[key] = {"class_type": kind, "inputs": {name: value for name, value in inputs.items() if value is not None}}
        return [key, 0]

    model = add("base", "CheckpointLoaderSimple", ckpt_name=settings.get("base_checkpoint"))
    clip, vae = [model[0], 1], [model[0], 2]
    for place, (file, strength) in enumerate(_loras(stream)):
        model = add(f"lora {place}", "LoraLoader", lora_name=file, strength_model=strength, strength_clip=strength, model=model)
    if "embedded" not in str(settings.get("vae_checkpoint", "embedded")):
        vae = add("vae", "VAELoader", vae_name=settings["vae_checkpoint"])
    wanted, unwanted = _texts(graph, settings)
    positive = add("positive", "CLIPTextEncodeSDXL", text_g=wanted[0], text_l=wanted[1], clip=clip)
    negative = add("negative", "CLIPTextEncodeSDXL", text_g=unwanted[0], text_l=unwanted[1], clip=clip)
    preset = settings.get("image_size_preset")
    sides = str(preset).split(" ")[0].split("x")
    width, height = sides if len(sides) == 2 and preset != "from source image" else ("", "")
    size: dict[str, Any] = {
        "width": as_integer(width) or (settings.get("image_width") if preset != "from source image" else None),
        "height": as_integer(height) or (settings.get("image_height") if preset != "from source image" else None),
    }
    batch = settings.get("batch_size", 1)
    mode = str(settings.get("workflow_mode", "text-to-image"))
    if mode in ("image-to-image", "in-painting"):
        pixels = add("scaled", "ImageScale", image=settings.get("source_image"), **size)
        latent = add("encoded", "VAEEncode", pixels=pixels, vae=vae)
        if mode == "in-painting":
            latent = add("masked", "SetLatentNoiseMask", samples=latent, mask=settings.get("image_mask"))
        latent = add("repeated", "RepeatLatentBatch", samples=latent, amount=batch)
        denoise = settings.get("denoise", 0.5)
    else:
        latent, denoise = add("empty", "EmptyLatentImage", **size, batch_size=batch), 1.0
    sampler, schedule = _PRESETS.get(str(settings.get("sampler_preset"))[:1], (None, None))
    shared = {
        "noise_seed": settings.get("seed"),
        "steps": settings.get("steps"),
        "cfg": settings.get("cfg"),
        "sampler_name": sampler or settings.get("sampler_name"),
        "scheduler": schedule or settings.get("scheduler"),
        "denoise": denoise,
    }
    latent = add(
        "sampled", "KSamplerAdvanced", **shared, model=model, positive=positive, negative=negative, latent_image=latent
    )
    refiner, steps = settings.get("refiner_checkpoint", "none"), as_integer(settings.get("steps"))
    ratio = as_number(settings.get("base_vs_refiner_ratio", 0.8))
    begins = int(steps * (ratio + 0.0001)) if steps is not None and ratio is not None else None
    if refiner not in _NONE and begins is not None and begins < (steps or 0):
        refined = add("refiner", "CheckpointLoaderSimple", ckpt_name=refiner)
        shared |= {"add_noise": "disable", "start_at_step": begins, "model": refined}
        latent = add("refined", "KSamplerAdvanced", **shared, positive=positive, negative=negative, latent_image=latent)
    scale = as_number(str(settings.get("hires_scale", "")).rstrip("x"))
    if settings.get("hires_mode", "none") not in _NONE:
        larger = add("larger", "LatentUpscaleBy", samples=latent, scale_by=scale)
        shared |= {"denoise": settings.get("hires_denoise"), "add_noise": "enable", "start_at_step": 0, "model": model}
        latent = add("hires", "KSampler", **shared, positive=positive, negative=negative, latent_image=larger)
    decoded = add("decoded", "VAEDecode", samples=latent, vae=vae)
    add("saved", "SaveImage", images=decoded)
    return nodes


def _loras(stream: list[Node]) -> list[tuple[Any, Any]]:
    """(file, strength) of all LoRAs, those of the first node of the stream first."""
    found = []
    for node in reversed(stream):
        for k in range(1, _LORAS + 1):
            file, strength = node.inputs.get(f"lora_{k}"), node.inputs.get(f"lora_{k}_strength")
            if node.kind == "SeargeLoras" and file not in (None, *_NONE) and strength != 0:
                found.append((file, strength))
    return found


def _texts(graph: Graph, settings: Mapping[str, Any]) -> tuple[tuple[str, str], tuple[str, str]]:
    """((main, secondary prompt), the same of the negative prompt) as both text encoders are given them."""
    values = Values(graph)

    def text(name: str) -> str | None:
        return values.text(settings[name]) if name in settings else None

    mode = str(settings.get("prompting_mode", ""))
    main, style = text("main_prompt") or "", text("style_prompt") or ""
    unwanted = text("negative_main_prompt") or ""
    second, other = text("secondary_prompt"), text("negative_secondary_prompt")
    if mode.startswith(("main and neg", "all except")):
        second = None
    if mode.startswith("main"):
        style, other = "", None
    wanted = main, main if second is None else second
    if style and not mode.startswith(("custom", "ignore")):
        wanted = _styled(wanted[0], style), _styled(wanted[1], style)
    return wanted, (unwanted, unwanted if other is None else other)


def _styled(prompt: str, style: str) -> str:
    if _PLACE in style:
        return style.replace(_PLACE, prompt)
    return f"{prompt}. {style}" if prompt else style
