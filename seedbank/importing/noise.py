"""Where a tool draws its noise, as the kinds of `seedbank.worker.noise`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seedbank.formats.reading import Foreign

GPU, CPU, NV = "gpu", "cpu", "nv"
TORCH_CPU, A1111_NV = "torch-cpu", "a1111-nv"

USUAL: Mapping[str, str] = {
    "a1111": GPU,
    "civitai": GPU,
    "forge": GPU,
    "reforge": GPU,
    "sdnext": GPU,
    "sd.cpp": NV,
    "aihorde": CPU,
    "artbot": CPU,
    "comfyui": CPU,
    "fooocus": CPU,
    "invokeai": CPU,
    "ruined-fooocus": CPU,
    "stability-matrix": CPU,
    "swarmui": CPU,
    "tensorart": CPU,
}
"""{tool: where its noise comes from when the file does not say}; a variant is named after its tool."""

WORDS: Mapping[str, str] = {"gpu": GPU, "cuda": GPU, "cpu": CPU, "nv": NV}
"""What tools write: A1111's `RNG`, InvokeAI's `rand_device`, stable-diffusion.cpp's `RNG`."""

ONE_GENERATOR = ("aihorde", "artbot", "comfyui", "fooocus", "ruined-fooocus", "stability-matrix", "swarmui", "tensorart")
"""Tools that draw the noise of a whole batch from one generator."""


def noise_of(tool: str, said: Foreign) -> tuple[dict[str, Any], list[str]]:
    """(the recipe's noise, remarks); without a `kind` where it is not known where the tool draws.

    A GPU's numbers are drawn as `a1111-nv`, which imitates them on every machine: which GPU it was is in no file.
    """
    extras = said.extras
    noise: dict[str, Any] = {} if said.seed is None else {"seed": str(said.seed)}
    remarks: list[str] = []
    where = _where(tool, extras.get("noise"))
    if where is None:
        return noise, [f"Where {tool} draws its noise is not known here; it is drawn as torch does on the CPU."]
    noise |= {"kind": TORCH_CPU if where == CPU else A1111_NV}
    if tool != "invokeai":  # which draws in the dtype of its model
        noise["dtype"] = "float32"
    if where == GPU:
        remarks.append("Its noise was drawn on a GPU that the file does not name; a1111-nv imitates one, not to the last bit.")
    if (ensd := _integer(extras.get("ensd"))) is not None and ensd != 0:
        noise["ensd"] = ensd
    strength, seed = extras.get("variation_strength"), _integer(extras.get("variation_seed"))
    if isinstance(strength, (int, float)) and 0 < strength <= 1 and seed is not None and seed >= 0:
        noise["variation"] = {"seed": str(seed), "strength": float(strength), "form": "a1111"}
    index = _integer(extras.get("batch_index"))
    if index and where == CPU and _begins(tool, ONE_GENERATOR):
        noise["before"] = index
    return noise, remarks


def _where(tool: str, said: Any) -> str | None:
    if isinstance(said, str) and said.strip().casefold() in WORDS:
        # stable-diffusion.cpp computes what it calls `cuda` as A1111's NV does.
        return NV if tool == "sd.cpp" and said.strip().casefold() == "cuda" else WORDS[said.strip().casefold()]
    return next((where for known, where in USUAL.items() if _begins(tool, (known,))), None)


def _begins(tool: str, known: tuple[str, ...]) -> bool:
    return tool.casefold().startswith(known)


def _integer(value: Any) -> int | None:
    try:
        return None if value is None or isinstance(value, bool) else int(value)
    except (TypeError, ValueError, OverflowError):
        return None
