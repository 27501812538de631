"""What a user gives a rendering beside the text: pictures, adapters, another sampler, a refiner."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seedbank.engine.adapters import Adapter, parse_place, read_adapter
from seedbank.errors import BadInput
from seedbank.pipelines import CONTROL, IMAGE, MASK
from seedbank.recipe import Recipe
from seedbank.worker.adapters import CONTROLNET, EMBEDDING, IP_ADAPTER, LORA, VAE

if TYPE_CHECKING:
    from numpy.typing import NDArray

Place = str | Path
Weighted = Place | tuple[Place, float]
OTHER_OPTIONS = ("negative", "seed", "steps", "guidance", "cfg", "width", "height", "arguments", "model", "revision", "variant",
                 "device", "dtype", "mode", "noise", "tags", "variant_of")  # fmt: skip
"""Options of `generate` that are no extras, as a mistyped one is taken for an extra."""
ELSEWHERE: Mapping[str, str] = {
    "num_inference_steps": "steps",
    "guidance_scale": "guidance",
    "cfg_scale": "cfg",
    "negative_prompt": "negative",
    "generator": "seed",
    "num_images": "n",
    "num_images_per_prompt": "n",
    "size": "width and height",
}
"""{what diffusers and other tools call an option: what it is called here}"""


@dataclass(frozen=True)
class Extras:
    """Pictures and folders by their place; None and empty where there is none.

    image, mask      the picture to start from, and where it is painted anew (white) or kept (black)
    strength         how far to go from `image`: 0 leaves it, 1 ignores it
    control_image    what the `controlnet` (a folder) follows
    ip_image         what the `ip_adapter` (a folder, or (folder, weight)) looks at
    loras            files, or (file, weight), in the order in which they act
    embeddings       files of textual inversion, or (file, word in the prompt); by default the word is the file's name
    vae              a folder with another VAE
    clip_skip        how many of the text encoder's last layers are left out
    prompt_2, negative_2   for the second text encoder
    weighting        whose rules the weights in the prompts follow: `a1111` or `comfyui`; None: there are none
    sampler, schedule      by the names that people know, see `seedbank.samplers`; or `scheduler`, a class of diffusers,
                     with `scheduler_config`, settings of it that differ from the model's own
    latents          the tensor to start from, as the pipeline's argument `latents` takes it: a safetensors file, or an array
    refiner          the folder of a second model that goes over the first one's latents; `refiner_strength` how far
    """

    image: Place | None = None
    mask: Place | None = None
    strength: float | None = None
    control_image: Place | None = None
    controlnet: Place | None = None
    ip_image: Place | None = None
    ip_adapter: Weighted | None = None
    loras: Sequence[Weighted] = ()
    embeddings: Sequence[Place | tuple[Place, str]] = ()
    vae: Place | None = None
    clip_skip: int | None = None
    prompt_2: str | None = None
    negative_2: str | None = None
    weighting: str | None = None
    sampler: str | None = None
    schedule: str | None = None
    scheduler: str | None = None
    scheduler_config: Mapping[str, Any] | None = None
    latents: Place | NDArray[Any] | None = None
    refiner: Place | None = None
    refiner_strength: float | None = None

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Extras:
        """Those that `options` name. Raises `BadInput` for a name that there is not."""
        names = [one.name for one in fields(cls)]
        for name in options.keys() - set(names):
            near = [ELSEWHERE[name]] if name in ELSEWHERE else get_close_matches(name, [*names, *OTHER_OPTIONS], n=1)
            raise BadInput(f"There is no option {name!r}.", f"Did you mean {near[0]!r}?" if near else "See docs/python.md.")
        return cls(**options)

    def check(self) -> None:
        """Raises `BadInput` for parts that have no effect without another."""
        pairs = (
            ("--mask", self.mask, "--image", self.image),
            ("--strength", self.strength, "--image", self.image),
            ("--ip-image", self.ip_image, "--ip-adapter", self.ip_adapter),
            ("--ip-adapter", self.ip_adapter, "--ip-image", self.ip_image),
            ("--controlnet", self.controlnet, "--control-image", self.control_image),
            ("--refiner-strength", self.refiner_strength, "--refiner", self.refiner),
        )
        if self.latents is not None and self.image is not None:
            raise BadInput("--latents and --image both say what to start from.", "Use one of them.")
        for name, given, needed, there in pairs:
            if given is not None and there is None:
                raise BadInput(f"{name} has no effect without {needed}.", f"Add {needed}, or leave {name} away.")
        if self.scheduler is not None and (self.sampler or self.schedule):
            raise BadInput("--scheduler and --sampler or --schedule say the same thing.", "Use one of them.")
        for name, strength in (("--strength", self.strength), ("--refiner-strength", self.refiner_strength)):
            if strength is not None and not 0 < strength <= 1:
                raise BadInput(f"{name} {strength:g} is out of range.", "Use a number above 0, up to 1.")
        if self.clip_skip is not None and self.clip_skip < 1:
            raise BadInput(f"--clip-skip {self.clip_skip} is out of range.", "Use 1 or more layers, or leave it away.")

    @property
    def task(self) -> set[str]:
        """What the pipeline is given, in the words of `seedbank.pipelines`."""
        given = {IMAGE: self.image, MASK: self.mask, CONTROL: self.control_image}
        return {name for name, place in given.items() if place is not None}

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of the pipeline call among these."""
        named = {
            "strength": self.strength,
            "clip_skip": self.clip_skip,
            "prompt_2": self.prompt_2,
            "negative_prompt_2": self.negative_2,
        }
        return {name: value for name, value in named.items() if value is not None}


Asked = tuple[str, Place, float | None, str | None]
"""(kind, place, weight, the word that stands for it) of an adapter that is asked for"""


def asked_adapters(extras: Extras) -> list[Asked]:
    """The adapters that are asked for, in the order in which they act."""
    asked: list[Asked] = []
    if extras.vae is not None:
        asked.append((VAE, extras.vae, None, None))
    if extras.controlnet is not None:
        asked.append((CONTROLNET, extras.controlnet, None, None))
    asked += [(LORA, *_weighted(one, LORA), None) for one in extras.loras]
    asked += [(EMBEDDING, place, None, token) for place, token in map(named_embedding, extras.embeddings)]
    if extras.ip_adapter is not None:
        asked.append((IP_ADAPTER, *_weighted(extras.ip_adapter, IP_ADAPTER), None))
    return asked


def read_adapters(extras: Extras, on_bytes: Callable[[int], None] | None = None) -> tuple[Adapter, ...]:
    """The adapters that are asked for, found and hashed."""
    return tuple(read_adapter(*one, on_bytes) for one in asked_adapters(extras))


def _weighted(one: Weighted, kind: str) -> tuple[Place, float]:
    place, weight = one if isinstance(one, tuple) else parse_place(str(one), kind)
    return place, 1.0 if weight is None else float(weight)


def named_embedding(one: Place | tuple[Place, str]) -> tuple[Place, str]:
    """(the file, the word that stands for it) of ``FILE[:WORD]``."""
    if isinstance(one, tuple):
        return one
    path, colon, token = str(one).rpartition(":")
    return (path, token) if colon and token and not Path(one).exists() else (one, Path(one).stem)


def unused_words(recipe: Recipe) -> Iterator[str]:
    """What of the adapters has no effect with these texts."""
    texts = " ".join(str(text) for text in recipe.conditioning.values() if text)
    for item in recipe.adapters:
        if item["kind"] == EMBEDDING and item["token"] not in texts:
            yield f"The embedding {item['token']} has no effect: no prompt has this word."
