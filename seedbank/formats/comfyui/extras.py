"""What a graph says beside the fields of a recipe: later passes, noise, VAE, ControlNets, the start from a picture."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from seedbank.formats.comfyui.conditioning import Conditioning, clip_skip
from seedbank.formats.comfyui.graph import Node
from seedbank.formats.comfyui.latents import Start, size_of
from seedbank.formats.comfyui.models import Weights, loaded, weights
from seedbank.formats.comfyui.picture import Trail
from seedbank.formats.comfyui.routing import is_sampler
from seedbank.formats.comfyui.sampling import DETAILER, Pass, describe
from seedbank.formats.comfyui.scalars import as_number
from seedbank.formats.comfyui.scripts import scripts_of, second_pass
from seedbank.formats.comfyui.values import Values
from seedbank.formats.reading import ModelName


def extras_of(
    values: Values,
    trail: Trail,
    passes: list[Pass],
    model: Weights,
    positive: Conditioning,
    negative: Conditioning,
    start: Start,
) -> Mapping[str, Any]:
    """The extras under the names of `EXTRAS`, and `encoders`, `hypernetwork`, `upscale`, `passes` of our own."""
    base = passes[-1]
    noise, seed, strength = _noise(values, base.node)
    embeddings = dict.fromkeys((*positive.embeddings, *negative.embeddings))
    vae = _vae(values, trail)
    said: dict[str, Any] = {
        "mode": start.mode,
        "noise": noise,
        "variation_seed": seed,
        "variation_strength": strength,
        "clip_skip": clip_skip(values, positive),
        "vae": ModelName(vae) if vae else None,
        "hypernetwork": ModelName(model.hypernetwork) if model.hypernetwork else None,
        "denoise": base.denoise if base.denoise is not None and (base.denoise != 1 or start.inputs) else None,
        "distilled_guidance": positive.guidance,
        "guidance_is_distilled": True if base.cfg is None and positive.guidance is not None else None,
        "batch_size": start.batch_size if (start.batch_size or 1) > 1 else None,
        "batch_index": start.batch_index,
        "embeddings": tuple(ModelName(name) for name in embeddings) or None,
        "controlnets": tuple(positive.controlnets) or None,
        "inputs": start.inputs or None,
        "ref images": tuple(dict.fromkeys(positive.pictures)) or None,
        "encoders": positive.encoders or None,
        "negative_encoders": negative.encoders or None,
        **_later(values, trail, passes),
        **_patched((*model.patches, *base.special)),
    }
    return {name: value for name, value in said.items() if value is not None}


_PATCHES: Mapping[str, str] = {
    "ip_?adapter|instant_?id|pulid|photomaker": "ip adapter",
    "freeu": "freeu",
    "perturbed|^pag": "pag",
    "^tome": "token merging ratio",
    "threshold": "dynamic thresholding",
    "PatchModelAddDownscale": "kohya hrfix",
    "animatediff": "animatediff",
}
"""Classes of nodes: what other tools call what they do; others keep the name of their class."""


def _patched(nodes: Sequence[Node]) -> dict[str, Any]:
    """What is done to the model beside sampling, with the settings that stand in the nodes."""
    said: dict[str, Any] = {}
    for node in nodes:
        name = next((name for words, name in _PATCHES.items() if re.search(words, node.kind, re.I)), node.kind)
        settings = {key: value for key, value in node.inputs.items() if isinstance(value, (str, int, float))}
        said.setdefault(name, {"node": node.kind, **settings})
    return said


def _noise(values: Values, node: Node) -> tuple[str, int | None, float | None]:
    """(where the noise is drawn, variation seed, its strength); nodes that imitate A1111 draw it on the GPU."""
    mode = " ".join(str(node.inputs.get(name, "")) for name in ("noise_mode", "add_noise", "rng", "seed_mode"))
    strength, seed = values.number(node, "variation_strength"), values.integer(node, "variation_seed")
    for script in scripts_of(values, node):
        if "rng_source" in script:
            mode = str(script.inputs["rng_source"])
            if script.inputs.get("add_seed_noise") is True:
                strength, seed = as_number(script.inputs.get("weight")), values.integer(script, "seed")
    place = "NV" if mode.lower() == "nv" else "GPU" if re.search(r"gpu|a1111", mode, re.I) else "cpu"
    return (place, seed, strength) if strength else (place, None, None)


def _vae(values: Values, trail: Trail) -> str | None:
    """The VAE that decoded the picture, where it was loaded by itself."""
    for node in trail.nodes:
        link = node.link("vae", "optional_vae")
        if link is not None:
            end = values.router.follow(link, "vae")
            return loaded(values, values.graph[end[0]], ("vae_name",)) if end is not None else None
    return None


def _later(values: Values, trail: Trail, passes: list[Pass]) -> dict[str, Any]:
    """What came after the base sampler: `refiner`, `hires`, and all other passes as a list."""
    said: dict[str, Any] = {}
    others: list[dict[str, object]] = []
    order = list(trail.nodes)
    base = passes[-1]
    for later in reversed(passes[:-1]):
        model: Weights = weights(values, later.model)
        described = describe(values, later, model.name)
        if later.continues and "refiner" not in said and "hires" not in said:
            said["refiner"] = ModelName(model.name)
            if later.start and base.steps:
                said["refiner_switch"] = round(later.start / base.steps, 4)
        elif "hires" not in said and not DETAILER.search(later.node.kind):
            before = order[order.index(later.node) + 1 :]
            said["hires"] = described | _enlarged(values, before, later.node)
        else:
            others.append(described)
    if "hires" not in said and (scripted := second_pass(values, base.node)):
        said["hires"] = scripted
    if "hires" not in said and base.node in order and (after := _enlarged(values, order[: order.index(base.node)], None)):
        said["upscale"] = after
    if others:
        said["passes"] = tuple(others)
    return said


def _enlarged(values: Values, nodes: Sequence[Node], sampler: Node | None) -> dict[str, object]:
    """How a picture was enlarged between two samplers: by a factor or to a size, with which upscaler."""
    said: dict[str, object] = {}
    for node in [*([sampler] if sampler is not None else []), *nodes]:
        if is_sampler(node) and node is not sampler:
            break
        scale = next(
            (values.number(node, name) for name in ("scale_by", "upscale_by", "upscale_factor", "scale") if name in node), None
        )
        if scale is not None:
            said.setdefault("scale", scale)
        if node is not sampler and re.search(r"scale|resize", node.kind, re.I) and (size := size_of(values, node)) is not None:
            said.setdefault("width", size[0])
            said.setdefault("height", size[1])
        end = values.router.follow(node.link("upscale_model"), "upscale_model")
        if end is not None and (upscaler := loaded(values, values.graph[end[0]])) is not None:
            said.setdefault("upscaler", upscaler)
        elif isinstance(method := node.inputs.get("upscale_method"), str):
            said.setdefault("upscaler", method)
    return said
