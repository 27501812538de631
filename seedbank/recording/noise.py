"""The noise of a request: which kind, which seeds, and what the user should know of it beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seedbank.errors import BadInput, Blocked
from seedbank.recipe import Recipe, checked_seed, used_seed

if TYPE_CHECKING:
    from seedbank.recording.request import Request

TORCH_CPU, TORCH_CUDA, SEEDBANK, A1111_NV = "torch-cpu", "torch-cuda", "seedbank-v1", "a1111-nv"
KINDS = (TORCH_CPU, SEEDBANK, A1111_NV, TORCH_CUDA)
"""Kinds that can be asked for; `seedbank.worker.noise` says what each one is."""
SANE = "sane"
FORMS = (SANE, "a1111")


@dataclass(frozen=True)
class NoiseChoice:
    """What a user asks for. A variation has a strength; its seed is drawn when it is None or -1.

    `ensd` is A1111's eta noise seed delta: what is added to the seed for the noise of the steps.
    """

    kind: str = TORCH_CPU
    variation_seed: int | None = None
    variation_strength: float | None = None
    variation_form: str | None = None
    ensd: int | None = None

    @property
    def varies(self) -> bool:
        return self.variation_strength is not None


def check_choice(choice: NoiseChoice) -> None:
    """Raises `BadInput` for what makes no sense, whatever renders it."""
    if choice.kind not in KINDS:
        raise BadInput(f"There is no noise of the kind {choice.kind!r}.", f"Use one of {', '.join(KINDS)}.")
    if choice.ensd and choice.kind == SEEDBANK:
        raise BadInput(
            f"Noise of the kind {SEEDBANK} has a stream for every step and no ENSD.", "Use --noise a1111-nv or torch-cpu."
        )
    _variation(choice)


def first_noise(choice: NoiseChoice, seed: int, hardware: Mapping[str, Any]) -> dict[str, Any]:
    """The noise of the first recipe of a request. Raises `BadInput` for what makes no sense, `Blocked` without a GPU."""
    check_choice(choice)
    noise: dict[str, Any] = {"kind": choice.kind, "seed": str(seed), **_size(choice.kind, hardware)}
    if choice.kind in (SEEDBANK, A1111_NV):
        noise["dtype"] = "float32"
    if choice.ensd:
        noise["ensd"] = int(choice.ensd)
    if variation := _variation(choice):
        noise["variation"] = variation
    return noise


def _size(kind: str, hardware: Mapping[str, Any]) -> dict[str, int]:
    """How many threads the GPU has, which decides what its generator gives; nothing for the other kinds."""
    if kind != TORCH_CUDA:
        return {}
    size = gpu_size(hardware)
    if hardware.get("device") != "cuda" or not size:
        raise Blocked(
            f"Noise of the kind {TORCH_CUDA} is drawn on a GPU, and {hardware.get('device')} renders here.",
            f"Use --noise {SEEDBANK}, which is the same on every machine, or --device cuda.",
        )
    return size


def gpu_size(hardware: Mapping[str, Any]) -> dict[str, int]:
    """{sm_count, threads_per_sm} of the GPU that renders, empty without one; `hardware` is the part of the environment."""
    gpu = hardware.get("gpu") or {}
    size = {"sm_count": gpu.get("sm_count"), "threads_per_sm": gpu.get("max_threads_per_sm")}
    return {name: int(value) for name, value in size.items() if value} if all(size.values()) else {}


def _variation(choice: NoiseChoice) -> dict[str, Any] | None:
    if choice.variation_strength is None:
        if choice.variation_seed is not None or choice.variation_form is not None:
            raise BadInput("A variation needs its strength.", "Add for example --variation-strength 0.2.")
        return None
    form = SANE if choice.variation_form is None else choice.variation_form
    if form not in FORMS:
        raise BadInput(f"There is no form of variation {form!r}.", f"Use one of {', '.join(FORMS)}.")
    if not 0 <= choice.variation_strength <= 1:
        raise BadInput(f"The variation strength {choice.variation_strength:g} is out of range.", "Use 0 to 1.")
    seed = used_seed(-1 if choice.variation_seed is None else choice.variation_seed)
    return {"seed": str(seed), "strength": float(choice.variation_strength), "form": form}


def check_start(request: Request) -> None:
    """Raises `BadInput` for what has no effect when the noise to start from is supplied."""
    if request.noise.variation_strength is not None:
        raise BadInput("A variation of the noise has no effect on supplied latents.", "Use one of them.")
    if request.count > 1:
        raise BadInput(f"-n {request.count} would start from the same latents every time.", "Use -n 1.")


def numbered(first: Recipe, count: int) -> tuple[Recipe, ...]:
    """`count` recipes like `first`: image k has seed + k; of a variation, the same seed and variation seed + k."""
    variation = first.noise.get("variation")
    start = int(variation["seed"]) if variation else first.seed
    assert start is not None
    checked_seed(start + count - 1)
    change = first.with_variation_seed if variation else first.with_seed
    return tuple(change(start + index) for index in range(count))


def noise_remarks(first: Recipe, count: int) -> list[str]:
    """What of the seeds may not be what the user expects."""
    noise = first.noise
    varies = noise.get("variation")
    last = max(int(noise["seed"]) + (0 if varies else count - 1), int(varies["seed"]) + count - 1 if varies else 0)
    said = []
    if last >= 2**32 and noise["kind"] == TORCH_CPU:
        said.append("Only the lower 32 bits of a seed reach torch's CPU generator: 7 and 7 + 2^32 draw the same noise.")
    if varies and not varies["strength"]:
        said.append("A variation of strength 0 is the picture of the seed itself.")
    return said


def noise_line(recipe: Recipe) -> str:
    """The noise of a recipe in words, for people."""
    said = _noise_words(recipe.noise)
    for item in recipe.inputs:
        if item.get("role") == "latents":
            said += f", starting from latents {item['digest']}"
    return said


def _noise_words(noise: Mapping[str, Any]) -> str:
    said = str(noise.get("kind"))
    if noise.get("sm_count"):
        said += f" of a GPU with {noise['sm_count']} SMs of {noise.get('threads_per_sm')} threads"
    if varies := noise.get("variation"):
        said += f", varied {varies['strength']:g} towards seed {varies['seed']} ({varies['form']})"
    if noise.get("ensd"):
        said += f", ENSD {noise['ensd']}"
    if blend := noise.get("blend"):
        said += f", blended {blend['alpha']:.3g} towards seed {blend['noise'].get('seed')} ({blend['curve']})"
        other = _noise_words(blend["noise"])
        said += f" of {other}" if other != noise.get("kind") else ""
    return said
