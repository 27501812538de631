"""Kinds of noise: each turns the recipe's ``noise`` into the random numbers of one pipeline call.

=============  ======================================================================================================
torch-cpu      a CPU generator from the seed; the pipeline draws in its own dtype
torch-cuda     a generator on the GPU; what it gives depends on the GPU, so its size is part of the noise
global         no generator: the recorded call drew from global random state, which is an input of the recipe
seedbank-v1    numbers of seedbank's own, the same on every machine (`portable`)
a1111-nv       A1111's imitation of a CUDA generator on the CPU (`nvidia`)
=============  ======================================================================================================

All but ``global`` have a ``seed``, may have a ``variation {seed, strength, form}``, and all but the portable one an ``ensd``.
A ``blend {noise, alpha, curve}`` moves every draw of the call towards that of a second noise, which is one of these whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from ..refusal import BAD_INPUT, BLOCKED, Refusal

if TYPE_CHECKING:
    from .drawing import Source

TORCH_CPU, TORCH_CUDA, GLOBAL, SEEDBANK, A1111_NV = "torch-cpu", "torch-cuda", "global", "seedbank-v1", "a1111-nv"
SEEDED = {
    TORCH_CPU: {"ensd", "dtype", "before", "global"},
    TORCH_CUDA: {"ensd", "sm_count", "threads_per_sm"},
    SEEDBANK: {"dtype"},
    A1111_NV: {"dtype", "ensd"},
}
"""{kind: the fields that it has beside kind, seed, variation and blend}.

Of `torch-cpu`, `dtype` says that float32 is drawn whatever the pipeline computes in, `before` how many images of the
same size were drawn from the generator before this one, as ComfyUI draws a batch, and `global` that the generator is torch's
global one, as ``generator=torch.manual_seed(7)`` passes it: whatever has no generator draws from it too.
"""
OURS = (SEEDBANK, A1111_NV)
"""Kinds whose numbers are seedbank's own: they serve every draw of a call, in float32."""
SEEDS = 2**64
MOST_BEFORE = 4096
"""Images of one batch."""


@dataclass(frozen=True)
class Noise:
    """How one call gets its random numbers: arguments of the call, and a context around it.

    `flags` say what is not as it was recorded.
    """

    arguments: dict[str, Any] = field(default_factory=dict)
    around: Callable[[Any], AbstractContextManager[Any]] = lambda pipe: nullcontext()
    flags: dict[str, Any] = field(default_factory=dict)


def noise_of(noise: Mapping[str, Any], device: str, initial: Callable[[torch.Tensor], None] | None = None) -> Noise:
    """The noise of a recipe, for one rendering on `device`. Raises `Refusal` for what cannot be made here.

    `initial` is called with the initial noise when the call draws it.
    """
    kind = noise.get("kind")
    if initial is not None and (kind == GLOBAL or "seeds" in noise):
        raise Refusal(BLOCKED, "The noise of a recipe without a seed of its own cannot be drawn alone.")
    if kind == GLOBAL:
        _check_fields(noise, {"kind"})
        return Noise()
    if kind not in SEEDED:
        raise Refusal(
            BLOCKED, f"Noise of the kind {kind!r} cannot be made here.", f"Known kinds: {', '.join([*SEEDED, GLOBAL])}."
        )
    if "seeds" in noise:
        return _batch(noise, device)
    _check_seeded(noise)
    foreign = [list(_size(one)) for one in _parts(noise) if one["kind"] == TORCH_CUDA and not _native(one)]
    flags = {"noise_of_another_gpu": foreign[0]} if foreign else {}
    changed = any(noise.get(name) for name in ("variation", "ensd", "blend", "before"))
    changed = changed or (kind == TORCH_CPU and noise.get("dtype") is not None)
    if kind in OURS or changed or flags or initial is not None or not _drawn_there(noise, device):
        return _served(noise, device, flags, initial)
    if noise.get("global"):
        return Noise({"generator": torch.default_generator}, lambda pipe: _seeded(int(noise["seed"])))
    return Noise({"generator": _generator(kind, noise["seed"])})


def _check_seeded(noise: Mapping[str, Any]) -> None:
    kind = str(noise["kind"])
    _check_fields(noise, {"kind", "seed", "variation", "blend"} | SEEDED[kind])
    if noise.get("seed") is None:
        raise Refusal(BAD_INPUT, "The recipe has no seed.", "Give one with --seed.")
    if noise.get("dtype", "float32") != "float32":
        raise Refusal(BLOCKED, f"Noise of the kind {kind!r} is drawn in float32, not in {noise['dtype']}.")
    before = noise.get("before", 0)
    if not isinstance(before, int) or not 0 <= before <= MOST_BEFORE:
        raise Refusal(BAD_INPUT, f"There cannot be {before!r} images before this one in its batch.")
    if noise.get("blend"):
        _check_blend(noise["blend"])


def _parts(noise: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The noise itself, and those that it is blended with."""
    return [noise, *(_parts(noise["blend"]["noise"]) if noise.get("blend") else [])]


def _batch(noise: Mapping[str, Any], device: str) -> Noise:
    """A generator for each image of a batch, as they were passed to the recorded call."""
    kind = noise["kind"]
    _check_fields(noise, {"kind", "seeds", "sm_count", "threads_per_sm"})
    if kind not in (TORCH_CPU, TORCH_CUDA) or not _drawn_there(noise, device):
        raise Refusal(BLOCKED, f"A batch with noise of the kind {kind!r} cannot be made on this device.")
    return Noise({"generator": [_generator(kind, seed) for seed in noise["seeds"]]})


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Begin with torch's global generator at `seed`, whatever random state was put back before."""
    torch.default_generator.manual_seed(seed)
    yield


def _generator(kind: str, seed: Any) -> torch.Generator:
    return torch.Generator(kind.removeprefix("torch-")).manual_seed(int(seed))


def _served(
    noise: Mapping[str, Any], device: str, flags: dict[str, Any], initial: Callable[[torch.Tensor], None] | None
) -> Noise:
    """Noise whose numbers are given by a source; the generator of the call only marks its draws."""
    from .drawing import Draws
    from .sources import Shown

    kind, source = noise["kind"], _source(noise)
    if initial is not None:
        source = Shown(source, initial)
    marker = torch.Generator("cuda" if kind == TORCH_CUDA and _drawn_there(noise, device) else "cpu")

    def around(pipe: Any) -> AbstractContextManager[Any]:
        return Draws(pipe, kind, source, marker, everything=kind in OURS)

    return Noise({"generator": marker}, around, flags)


def _source(noise: Mapping[str, Any]) -> Source:
    from .sources import Blended, Delayed, Varied

    seed = int(noise["seed"])
    source = _plain_source(noise, seed)
    if variation := noise.get("variation"):
        strength, form = _checked_variation(variation)
        source = Varied(source, _plain_source(noise, int(variation["seed"])), strength, form)
    if delta := int(noise.get("ensd") or 0):
        source = Delayed(source, _plain_source(noise, (seed + delta) % SEEDS))
    if blend := noise.get("blend"):
        source = Blended(source, _source(blend["noise"]), float(blend["alpha"]), blend["curve"])
    return source


def _plain_source(noise: Mapping[str, Any], seed: int) -> Source:
    from .sources import A1111Nvidia, OtherCuda, Portable, TorchStream

    kind = noise["kind"]
    if kind == SEEDBANK:
        return Portable(seed)
    if kind == A1111_NV:
        return A1111Nvidia(seed)
    if kind == TORCH_CPU:
        return TorchStream(seed, dtype=torch.float32 if noise.get("dtype") else None, before=int(noise.get("before", 0)))
    return TorchStream(seed, "cuda") if _native(noise) else OtherCuda(seed, *_size(noise))


def _checked_variation(variation: Mapping[str, Any]) -> tuple[float, str]:
    from .variation import FORMS, SANE

    _check_fields(variation, {"seed", "strength", "form"})
    strength, form = variation.get("strength"), variation.get("form", SANE)
    if variation.get("seed") is None or not isinstance(strength, (int, float)) or not 0 <= strength <= 1 or form not in FORMS:
        raise Refusal(BAD_INPUT, "A variation needs a seed, a strength from 0 to 1, and the form sane or a1111.")
    return float(strength), form


def _check_blend(blend: Mapping[str, Any]) -> None:
    from ..interpolation import CURVES

    _check_fields(blend, {"noise", "alpha", "curve"})
    other, alpha, curve = blend.get("noise"), blend.get("alpha"), blend.get("curve")
    if not isinstance(other, Mapping) or other.get("kind") not in SEEDED:
        raise Refusal(BAD_INPUT, f"A blend needs a second noise with a seed, of one of the kinds {', '.join(SEEDED)}.")
    if not isinstance(alpha, (int, float)) or not 0 <= alpha <= 1 or curve not in CURVES:
        raise Refusal(BAD_INPUT, f"A blend needs an alpha from 0 to 1, and one of the curves {', '.join(CURVES)}.")
    _check_seeded(other)


def _check_fields(values: Mapping[str, Any], known: set[str]) -> None:
    if unknown := sorted(set(values) - known):
        raise Refusal(BLOCKED, f"Noise of the kind {values.get('kind')!r} has no field {unknown[0]!r}.")


# -- CUDA generators: what they give depends on the GPU ----------------------------------------------------------------


def _size(noise: Mapping[str, Any]) -> tuple[int, int]:
    """(SMs, threads per SM) of the GPU that drew the recorded noise."""
    size = (noise.get("sm_count"), noise.get("threads_per_sm"))
    if not all(isinstance(one, int) and one > 0 for one in size):
        raise Refusal(BLOCKED, "The recipe does not say how many SMs and threads the GPU had that drew its noise.")
    return int(size[0] or 0), int(size[1] or 0)


def _drawn_there(noise: Mapping[str, Any], device: str) -> bool:
    """Whether the pipeline can draw the numbers itself: a GPU's only on such a GPU."""
    return noise["kind"] != TORCH_CUDA or (device.startswith("cuda") and _native(noise))


def _native(noise: Mapping[str, Any]) -> bool:
    """Whether the GPU here spreads the draws as the recorded one did."""
    if not torch.cuda.is_available():
        return False
    here = torch.cuda.get_device_properties(torch.device("cuda"))
    return _size(noise) == (here.multi_processor_count, here.max_threads_per_multi_processor)
