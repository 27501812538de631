"""The recipe: everything that decides the pixels apart from the machine.

A `Recipe` is a frozen value. It names models, schedulers, adapters and inputs by content digest only: paths, repositories
and display names stand beside it, or a colleague's digest would differ. Its digest is the SHA-256 of its canonical JSON.

Fields that are not known (in records imported from other tools) are `None` and never guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any

from seedbank.errors import BadInput
from seedbank.hashing import canonical_json, canonical_value, plain_value, sha256
from seedbank.shapes import ANY, DIGEST, NUMBER, misfit

VERSION = 1
AS_IS = "as-is"
"""Mode: nothing about the user's settings is changed, everything is recorded. The default."""
STRICT = "strict"
"""Mode: the documented deterministic settings."""

LARGEST_SEED = 2**64 - 1
LARGEST_DRAWN_SEED = 2**32 - 1
"""Seeds drawn for the user stay at or below this, so that the number can be pasted into every tool."""
SHAPE: Mapping[str, Any] = {
    **{f"{name}?": str for name in ("model", "pipeline", "mode")},
    "conditioning?": {"prompt?": str, "negative_prompt?": str, "blend?": {"alpha": NUMBER, "conditioning": {}}},
    "noise?": {
        "variation?": {"seed": object, "strength": NUMBER, "form": str},
        "blend?": {"alpha": NUMBER, "curve": str, "noise": {}},
    },
    "call?": {"clip_skip?": int},
    "scheduler?": {"class?": str, "config?": {}},
    "dtypes?": {ANY: str},
    "inputs?": [{"role": str, "digest": DIGEST}],
    "adapters?": [{"kind": str, "digest": DIGEST}],
    "batch?": {"index": int, "size": int},
}
"""What the parts of every recipe look like; what else stands in them is the pipeline's own."""


@dataclass(frozen=True)
class Recipe:
    """What to render. Every mapping holds JSON values only.

    model          digest of the manifest of every weight and config file that is loaded
    pipeline       class name of the diffusers pipeline
    conditioning   prompt, prompt_2, negative_prompt … byte for byte; `blend {conditioning, alpha, curve}` towards other texts;
                   `weighting`: whose rules their weights follow, see `seedbank.worker.weighting`
    noise          {kind, seed, …, variation {seed, strength, form}, blend {noise, alpha, curve}}; seeds are decimal strings
    call           every other resolved argument of the pipeline call: height, width, num_inference_steps, guidance_scale …
    scheduler      {class, config}
    dtypes         {component: dtype}
    inputs         ({role, digest, kind, …}, …) of input pictures and tensors, by blob digest; see `seedbank.worker.inputs`
    adapters       ({kind, digest, weight, …}, …) in the order in which they act; see `seedbank.worker.adapters`
    batch          {size, index, cohort} when it was rendered in one batch with others, else None
    mode           `as-is` or `strict`
    """

    conditioning: Mapping[str, Any]
    noise: Mapping[str, Any]
    call: Mapping[str, Any]
    model: str | None = None
    pipeline: str | None = None
    scheduler: Mapping[str, Any] | None = None
    dtypes: Mapping[str, str] | None = None
    inputs: tuple[Mapping[str, Any], ...] = ()
    adapters: tuple[Mapping[str, Any], ...] = ()
    batch: Mapping[str, Any] | None = None
    mode: str | None = AS_IS
    v: int = field(default=VERSION)

    def __post_init__(self) -> None:
        if self.v != VERSION:
            raise BadInput(f"This recipe has format version {self.v}; this seedbank reads version {VERSION}.", "Upgrade.")
        if self.mode not in (None, AS_IS, STRICT):
            raise BadInput(f"The mode {self.mode!r} does not exist.", f"Use {AS_IS} or {STRICT}.")
        object.__setattr__(self, "noise", _seeds_as_text(self.noise))  # before large numbers are tagged
        for name in ("conditioning", "noise", "call", "scheduler", "dtypes", "batch"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, canonical_value(value, name))
        for name in ("inputs", "adapters"):
            object.__setattr__(self, name, tuple(canonical_value(list(getattr(self, name)), name)))

    # -- the canonical form -------------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """The recipe as JSON values; empty parts are left out."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in values.items()
            if value not in (None, ())
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Recipe:
        """The recipe that `to_dict` wrote. Raises `BadInput` for keys that no recipe has, and for parts of another shape."""
        if not isinstance(values, Mapping):
            raise BadInput(f"A {type(values).__name__} is not a recipe.", "Give a mapping with conditioning, noise, call …")
        known = {item.name for item in fields(cls)}
        if unknown := sorted(set(values) - known):
            raise BadInput(
                f"A recipe has no field {unknown[0]!r}.",
                "docs/format.md shows one: the prompt stands in conditioning. Or was it written by a newer seedbank?",
            )
        # `to_dict` leaves out what is None, so a mode that is not there was not known.
        whole: dict[str, Any] = {"conditioning": {}, "noise": {}, "call": {}, "mode": None, **values}
        for name in ("conditioning", "noise", "call"):
            if not isinstance(whole[name], Mapping):
                raise BadInput(f"The {name} of a recipe is a mapping, not {whole[name]!r}.")
        for name in ("prompt", "negative_prompt"):
            if not isinstance(whole["conditioning"].get(name, ""), str | None):
                raise BadInput(f"The {name} of a recipe is a text, not {whole['conditioning'][name]!r}.")
        if wrong := misfit(whole, SHAPE):
            raise BadInput(f"This is no recipe: {wrong}.", "docs/format.md shows one.")
        for name in ("inputs", "adapters"):
            whole[name] = tuple(whole.get(name, ()))
        return cls(**whole)

    @classmethod
    def of_fields(cls, own: dict[str, Any]) -> Recipe:
        """The recipe with these fields: all of them, as `all_fields` gives them; what is in them must be nobody else's.

        They are canonical because a recipe wrote them: checking every text of a page would take longer than finding it.
        """
        recipe = object.__new__(cls)
        recipe.__dict__.update(own)
        return recipe

    @cached_property
    def canonical(self) -> bytes:
        """Canonical JSON (RFC 8785), UTF-8."""
        return canonical_json(self.to_dict())

    @cached_property
    def digest(self) -> str:
        """The recipe digest."""
        return sha256(self.canonical)

    # -- what people ask for ------------------------------------------------------------------------------------------

    @property
    def prompt(self) -> str | None:
        return self.conditioning.get("prompt")

    @property
    def negative_prompt(self) -> str | None:
        return self.conditioning.get("negative_prompt")

    @property
    def seed(self) -> int | None:
        seed = self.noise.get("seed")
        return None if seed is None else int(seed)

    @property
    def steps(self) -> int | None:
        return self._whole_number("num_inference_steps")

    @property
    def guidance(self) -> float | None:
        """The pipeline's own `guidance_scale`; see `seedbank.pipelines.cfg_of` for the form that other tools write."""
        value = plain_value(self.call.get("guidance_scale"))
        return float(value) if isinstance(value, (int, float)) else None

    @property
    def width(self) -> int | None:
        return self._whole_number("width")

    @property
    def height(self) -> int | None:
        return self._whole_number("height")

    def _whole_number(self, argument: str) -> int | None:
        """The argument where it is what people ask for; a pipeline of somebody's own can take something else there."""
        value = self.call.get(argument)
        return value if type(value) is int else None

    @property
    def scheduler_class(self) -> str | None:
        return None if self.scheduler is None else self.scheduler.get("class")

    def missing(self) -> list[str]:
        """The parts without which nothing can be rendered, in words; empty for a whole recipe."""
        lacks = [name for name in ("model", "pipeline", "scheduler", "dtypes") if getattr(self, name) is None]
        lacks += [] if self.prompt is not None or "prompt_embeds" in {item.get("role") for item in self.inputs} else ["prompt"]
        lacks += [] if self.noise.get("kind") is not None else ["noise"]
        lacks += [name for name in ("width", "height", "num_inference_steps") if self.call.get(name) is None]
        return lacks

    def with_seed(self, seed: int) -> Recipe:
        """The same recipe with another seed."""
        return replace(self, noise=dict(self.noise) | {"seed": str(checked_seed(seed))})

    def with_variation_seed(self, seed: int) -> Recipe:
        """The same recipe with another second seed; only for one that has a variation."""
        return replace(self, noise=dict(self.noise) | {"variation": self.noise["variation"] | {"seed": str(seed)}})


_BLANK: Mapping[str, Any] = {item.name: None for item in fields(Recipe)} | {"v": VERSION}


def all_fields(values: Mapping[str, Any]) -> dict[str, Any]:
    """Every field of the recipe that canonical `values` say; what they lack is None or empty."""
    own: dict[str, Any] = {**_BLANK, "conditioning": {}, "noise": {}, "call": {}, **values}
    own["inputs"], own["adapters"] = tuple(own["inputs"] or ()), tuple(own["adapters"] or ())
    return own


def input_key(item: Mapping[str, Any]) -> str:
    """The name under which the render process is given the file of an input: its role, in a list with its index."""
    return str(item["role"]) if item.get("index") is None else f"{item['role']}.{item['index']}"


def _seeds_as_text(noise: Mapping[str, Any]) -> dict[str, Any]:
    """`noise` with its seed, and those of its variation and blend, as decimal strings. Raises `BadInput` for no seed."""
    texts: dict[str, Any] = {"seed": str(checked_seed(noise["seed"]))} if noise.get("seed") is not None else {}
    for part in ("variation", "blend", "noise"):
        if isinstance(inner := noise.get(part), Mapping):
            texts[part] = _seeds_as_text(inner)
    return {**noise, **texts}


def checked_seed(seed: Any) -> int:
    """`seed` as an integer from 0 to 2^64 - 1. Raises `BadInput` otherwise; -1 must have been drawn before."""
    try:
        number = int(seed)
    except (OverflowError, TypeError, ValueError):
        raise BadInput(f"The seed {seed!r} is not a whole number.", "Use 0 to 2^64 - 1, or -1 to draw one.") from None
    if isinstance(seed, float) and seed != number:
        raise BadInput(f"The seed {seed!r} is not a whole number.", "Use 0 to 2^64 - 1, or -1 to draw one.")
    if not 0 <= number <= LARGEST_SEED:
        raise BadInput(f"The seed {number} is out of range.", "Use 0 to 2^64 - 1, or -1 to draw one.")
    return number


def draw_seed() -> int:
    """A fresh seed from the system's randomness, 0 to 2^32 - 1; no other random state is touched."""
    import secrets

    return secrets.randbelow(LARGEST_DRAWN_SEED + 1)


def used_seed(seed: int) -> int:
    """The seed that is really used for what the user typed: -1 draws a fresh one, anything else is checked."""
    return draw_seed() if seed == -1 else checked_seed(seed)


def differences(old: Recipe, new: Recipe) -> list[tuple[str, Any, Any]]:
    """What changed between two recipes, as (dotted field, old value, new value) in alphabetical order."""
    before, after = _leaves(old.to_dict()), _leaves(new.to_dict())
    return [
        (name, before.get(name), after.get(name))
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]


def _leaves(value: Any, name: str = "") -> dict[str, Any]:
    if isinstance(value, Mapping):
        return {key: leaf for item in value for key, leaf in _leaves(value[item], f"{name}.{item}".lstrip(".")).items()}
    return {name: value}
