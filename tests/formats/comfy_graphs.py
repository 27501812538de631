"""Small ComfyUI graphs for the tests."""

import json
from typing import Any

from seedbank.formats.comfyui import api_prompt, read
from seedbank.formats.reading import Foreign, Payload, Reading

Nodes = dict[str, tuple[str, dict[str, Any]]]


def plain(**changes: Any) -> dict[str, Any]:
    """A text-to-image graph. Its nodes: 1 checkpoint, 2 prompt, 3 negative prompt, 4 latent, 5 sampler, 6 decoder, 7 saver."""
    settings = {"positive": "a fox", "negative": "blurry", "seed": 7, "steps": 20, "cfg": 6.5}
    return api_prompt(
        **{
            **{"model": "base.safetensors", "sampler_name": "dpmpp_2m", "scheduler": "karras", "width": 640, "height": 512},
            **settings,
            **changes,
        }
    )


def graph(nodes: Nodes, base: dict[str, Any] | None = None, **inputs: dict[str, Any]) -> dict[str, Any]:
    """`base` (else `plain()`) with more nodes; `n5={…}` changes inputs of node 5, None takes one out."""
    made = plain() if base is None else base
    made |= {key: {"class_type": kind, "inputs": given} for key, (kind, given) in nodes.items()}
    for key, changed in inputs.items():
        own = made[key.removeprefix("n")]["inputs"]
        own.update(changed)
        for name in [name for name, value in changed.items() if value is None]:
            del own[name]
    return made


def reading(data: Any, place: str = "png:prompt") -> Reading:
    found = read([Payload(place, data if isinstance(data, str) else json.dumps(data))])
    assert found is not None
    return found


def recipe(data: Any, place: str = "png:prompt") -> Foreign:
    return reading(data, place).recipe


def drawn(
    key: int, kind: str, inputs: list[tuple[str, str, int | None]], outputs: list[str], values: Any = None, mode: int = 0
) -> dict[str, Any]:
    return {
        "id": key,
        "type": kind,
        "mode": mode,
        "inputs": [{"name": name, "type": of, "link": link} for name, of, link in inputs],
        "outputs": [{"name": of, "type": of} for of in outputs],
        "widgets_values": values,
    }


WORKFLOW: dict[str, Any] = {
    "nodes": [
        drawn(1, "CheckpointLoaderSimple", [], ["MODEL", "CLIP", "VAE"], ["base.safetensors"]),
        drawn(2, "CLIPTextEncode", [("clip", "CLIP", 2)], ["CONDITIONING"], ["a fox"]),
        drawn(3, "CLIPTextEncode", [("clip", "CLIP", 3)], ["CONDITIONING"], ["blurry"]),
        drawn(4, "EmptyLatentImage", [], ["LATENT"], [640, 512, 1]),
        drawn(
            5,
            "KSampler",
            [
                ("model", "MODEL", 1),
                ("positive", "CONDITIONING", 4),
                ("negative", "CONDITIONING", 5),
                ("latent_image", "LATENT", 6),
                ("steps", "INT", 10),
            ],
            ["LATENT"],
            [11, "randomize", 20, 6.5, "dpmpp_2m", "karras", 1],
        ),
        drawn(6, "VAEDecode", [("samples", "LATENT", 7), ("vae", "VAE", 8)], ["IMAGE"]),
        drawn(7, "SaveImage", [("images", "IMAGE", 9)], [], ["ComfyUI"]),
        drawn(8, "PrimitiveNode", [], ["INT"], [25, "fixed"]),
        drawn(9, "LoraLoader", [("model", "MODEL", 11), ("clip", "CLIP", 12)], ["MODEL", "CLIP"], ["off", 1, 1], mode=4),
        drawn(10, "Reroute", [("", "*", 13)], ["*"]),
    ],
    "links": [
        [1, 10, 0, 5, 0, "MODEL"],
        [2, 9, 1, 2, 0, "CLIP"],
        [3, 1, 1, 3, 0, "CLIP"],
        [4, 2, 0, 5, 1, "CONDITIONING"],
        [5, 3, 0, 5, 2, "CONDITIONING"],
        [6, 4, 0, 5, 3, "LATENT"],
        [7, 5, 0, 6, 0, "LATENT"],
        [8, 1, 2, 6, 1, "VAE"],
        [9, 6, 0, 7, 0, "IMAGE"],
        [10, 8, 0, 5, 4, "INT"],
        [11, 1, 0, 9, 0, "MODEL"],
        [12, 1, 1, 9, 1, "CLIP"],
        [13, 9, 0, 10, 0, "*"],
    ],
}
