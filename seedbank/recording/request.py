"""From what a user asks for to whole recipes: every argument resolved, every surprise said beforehand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seedbank.errors import BadInput
from seedbank.pipelines import check_cfg, check_size, guidance_from_cfg, uses_negative
from seedbank.recipe import AS_IS, Recipe, checked_seed, used_seed
from seedbank.recording.arguments import check_negative, check_strength, is_recorded, typed
from seedbank.recording.noise import NoiseChoice, check_choice, first_noise, noise_remarks, numbered
from seedbank.records import Model

if TYPE_CHECKING:
    from seedbank.engine.source import Source
    from seedbank.engine.told import Loaded

LARGEST_COUNT = 100_000
LARGEST_STEPS = 10_000
LARGEST_SIDE = 16_384
LARGEST_TEXT = 65_536
"""Tokens: a longer text fills the memory of any machine, which ends the render process."""
KINDS: Mapping[str, tuple[type, str]] = {
    **dict.fromkeys(("prompt", "negative"), (str, "a text")),
    **dict.fromkeys(("count", "steps", "width", "height"), (Integral, "a whole number")),
    **dict.fromkeys(("guidance", "cfg"), (Real, "a number")),
}
"""{field of a request: (its type, in words)}; the command line knows its own, a program can give anything"""
SAID_BY = {
    "num_inference_steps": ("steps",),
    "guidance_scale": ("guidance", "cfg"),
    "true_cfg_scale": ("cfg",),
    "width": ("width",),
    "height": ("height",),
}
"""{argument of the call: the options that say it}"""


@dataclass(frozen=True)
class Request:
    """What a user asks for. None means: as the model recommends, else as the pipeline's own default says."""

    prompt: str
    negative: str | None = None
    seed: int = -1
    count: int = 1
    steps: int | None = None
    guidance: float | None = None
    cfg: float | None = None
    width: int | None = None
    height: int | None = None
    mode: str = AS_IS
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """Any other argument of the pipeline call, by its own name."""
    noise: NoiseChoice = field(default_factory=NoiseChoice)

    def check(self) -> None:
        """Raises `BadInput` for what makes no sense on any model, so that nobody waits for one to be loaded to hear of it."""
        for name, (kind, word) in KINDS.items():
            value = getattr(self, name)
            if (value is not None or name == "prompt") and (not isinstance(value, kind) or isinstance(value, bool)):
                raise BadInput(f"The {name} {value!r} is not {word}.", f"Give {word}.")
        if not 1 <= self.count <= LARGEST_COUNT:
            raise BadInput(f"-n {self.count} is out of range.", f"Use 1 to {LARGEST_COUNT:,}.")
        check_choice(self.noise)
        if self.seed != -1:
            checked_seed(checked_seed(self.seed) + (0 if self.noise.varies else self.count - 1))
        if self.steps is not None and not 1 <= self.steps <= LARGEST_STEPS:
            raise BadInput(f"{self.steps} steps are out of range.", f"Use 1 to {LARGEST_STEPS:,}.")
        if self.guidance is not None and self.cfg is not None:
            raise BadInput("--guidance and --cfg say the same thing in two forms.", "Use one of them.")
        if self.guidance is not None and not 0 <= self.guidance < float("inf"):
            raise BadInput(f"The guidance {self.guidance} is out of range.", "Use 0 or more.")
        if self.cfg is not None:
            check_cfg(self.cfg)
        for name, options in SAID_BY.items():
            twice = [option for option in options if name in self.arguments and getattr(self, option) is not None]
            if twice:
                option = "size" if name in ("width", "height") else twice[0]
                raise BadInput(f"--{option} and --set {name} say the same thing.", "Use one of them.")
        length = self.arguments.get("max_sequence_length")
        if isinstance(length, int) and not 1 <= length <= LARGEST_TEXT:
            raise BadInput(f"The max_sequence_length {length} is out of range.", f"Use 1 to {LARGEST_TEXT:,}.")
        _check_sides(*(side for side in (self.width, self.height) if side is not None))


def request_of(
    recipe: Recipe, loaded: Loaded, arguments: Mapping[str, Any], said: list[str], owner: str, **more: Any
) -> Request:
    """What a recipe asks for of the model that is loaded, with `arguments` of the call beside its texts.

    A text that the pipeline has no place for is left out; `said` gets a sentence for it, in which `owner` has the recipe.
    """
    texts = {name: text for name, text in recipe.conditioning.items() if isinstance(text, str) and name != "weighting"}
    prompt, negative = texts.pop("prompt", ""), texts.pop("negative_prompt", None)
    if negative is not None and "negative_prompt" not in loaded.call:
        said += [f"{loaded.pipeline} has no negative prompt; that of {owner} is left out."] if negative else []
        negative = None
    for name in [name for name in texts if name not in loaded.call]:
        said.append(f"{loaded.pipeline} has no {name}; that of {owner} is left out.")
        del texts[name]
    return Request(
        prompt=prompt,
        negative=negative,
        seed=recipe.seed or 0,
        steps=recipe.steps,
        width=recipe.width,
        height=recipe.height,
        mode=recipe.mode or AS_IS,
        arguments={**texts, **arguments},
        **more,
    )


@dataclass(frozen=True)
class Plan:
    """The recipes of a request, in order of their seeds, and what the user should know before they are rendered."""

    recipes: tuple[Recipe, ...]
    remarks: tuple[str, ...]


def recommended(source: Source) -> dict[str, Any]:
    """The call arguments that a model folder recommends in its `seedbank.json` (``{"defaults": {argument: value}}``).

    They fill what the user leaves open and are recorded like anything else, so the file itself decides nothing later.
    """
    path = Path(source.folder) / "seedbank.json"
    if not path.is_file():
        return {}
    try:
        defaults = json.loads(path.read_text("utf-8"))["defaults"]
        return {str(name): value for name, value in defaults.items()}
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        raise BadInput(f"{path} is not of the form {{'defaults': {{argument: value}}}}.", "Mend or remove it.") from None


def make_plan(request: Request, loaded: Loaded, model: Model, defaults: Mapping[str, Any], hardware: Mapping[str, Any]) -> Plan:
    """Whole recipes for `request` on a loaded model; `hardware` is that part of the engine's environment.

    Raises `BadInput` for what the pipeline would crop, refuse or ignore.
    """
    call = _call(request, loaded, defaults)
    noise = first_noise(request.noise, used_seed(request.seed), hardware)
    conditioning: dict[str, Any] = {"prompt": request.prompt}
    if request.negative is not None:
        check_negative(loaded.pipeline, loaded.call)
        conditioning["negative_prompt"] = request.negative
    for name in [name for name in call if name.startswith(("prompt_", "negative_prompt_"))]:
        value = call.pop(name)
        if isinstance(value, str):
            conditioning[name] = value
    first = Recipe(
        model=model.digest,
        pipeline=loaded.pipeline,
        conditioning=conditioning,
        noise=noise,
        call=call,
        scheduler=loaded.scheduler,
        dtypes=loaded.dtypes,
        mode=request.mode,
    )
    return Plan(numbered(first, request.count), tuple(_remarks(request, first)))


def _call(request: Request, loaded: Loaded, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Every argument of the call: what the user says, else what the model recommends, else the pipeline's default."""
    call = {
        name: parameter["default"] for name, parameter in loaded.call.items() if is_recorded(name) and "default" in parameter
    }
    call |= {"width": loaded.sizes["width"], "height": loaded.sizes["height"]}
    call |= {name: value for name, value in defaults.items() if name in loaded.call}
    call = changed_call(call, request, loaded)
    check_strength(call)
    return call


def changed_call(call: Mapping[str, Any], request: Request, loaded: Loaded) -> dict[str, Any]:
    """The arguments of a call with what `request` says in their place, checked. Raises `BadInput`."""
    request.check()
    call = dict(call)
    call |= typed(request.arguments, loaded.pipeline, loaded.call)
    if request.steps is not None:
        call["num_inference_steps"] = request.steps
    if request.guidance is not None:
        call["guidance_scale"] = float(request.guidance)
    if request.cfg is not None:
        call |= guidance_from_cfg(loaded.pipeline, request.cfg)
    call["width"], call["height"] = _size(request, call, loaded)
    return call


def _size(request: Request, call: Mapping[str, Any], loaded: Loaded) -> tuple[int, int]:
    width = request.width if request.width is not None else call["width"]
    height = request.height if request.height is not None else call["height"]
    _check_sides(width, height)
    check_size(loaded.pipeline, width, height, loaded.sizes["vae_scale_factor"])
    return width, height


def _check_sides(*sides: int) -> None:
    if not all(0 < side <= LARGEST_SIDE for side in sides):
        raise BadInput(f"The size {'x'.join(map(str, sides))} is out of range.", f"Use 1 to {LARGEST_SIDE:,} pixels a side.")


def _remarks(request: Request, recipe: Recipe) -> list[str]:
    """What has no effect, or not the effect that the user may expect."""
    said = []
    assert recipe.pipeline is not None
    if request.negative and not uses_negative(recipe.pipeline, recipe.call):
        said.append(f"The negative prompt has no effect: {recipe.pipeline} runs without guidance here. Raise --cfg above 1.")
    return said + noise_remarks(recipe, request.count)


def composition_remarks(parent: Recipe, child: Recipe) -> list[str]:
    """What a change against a parent does to the composition, for `--like` and variations."""
    said = []
    if parent.steps != child.steps:
        said.append(
            f"The composition may change: {parent.steps} steps became {child.steps}, so every step sees other noise levels."
        )
    if (parent.width, parent.height) != (child.width, child.height):
        said.append(
            f"The composition will change: {parent.width}x{parent.height} became {child.width}x{child.height}, "
            "so the same seed draws other noise."
        )
    return said
