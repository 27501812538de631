"""The number that a tool calls CFG or guidance, as arguments of a diffusers pipeline; see `seedbank.pipelines`."""

from __future__ import annotations

from typing import Any

from seedbank.pipelines import DISTILLED, TRUE_CFG, facts, guidance_from_cfg

USUAL_DISTILLED = 3.5
"""What Forge and ComfyUI give a distilled model when no guidance is set (`comfy/model_base.py`, `Flux.extra_conds`)."""


def guidance_arguments(pipeline: str, cfg: float | None, distilled: Any = None) -> tuple[dict[str, float], list[str]]:
    """(arguments of the call, remarks) for a tool's CFG, and its distilled guidance where there is one.

    ==================  =======================================================  =====================================
    kind of pipeline    the tool's CFG                                           the tool's distilled guidance
    ==================  =======================================================  =====================================
    standard            guidance_scale                                           not used
    offset (Z-Image)    guidance_scale + 1: CFG 8 is guidance 7, CFG 1 is 0      not used
    true-cfg (FLUX)     true_cfg_scale                                           guidance_scale
    distilled           guidance_scale where no distilled guidance is said       guidance_scale
    ==================  =======================================================  =====================================

    What neither says is left to the model, with a remark.
    """
    kind = facts(pipeline).guidance
    given = float(distilled) if isinstance(distilled, (int, float)) and not isinstance(distilled, bool) else None
    if kind == DISTILLED:
        value = given if given is not None else cfg
        return ({}, [_UNSAID]) if value is None else ({"guidance_scale": float(value)}, [])
    remarks = []
    arguments: dict[str, float] = {}
    if cfg is None:
        remarks += [] if kind == TRUE_CFG and given is not None else [_UNSAID]
    elif cfg < 0:
        remarks.append(f"CFG {cfg:g} is below 0, which no pipeline takes; the model's own guidance is used.")
    else:
        arguments |= guidance_from_cfg(pipeline, cfg)
        if cfg < 1:
            remarks.append(f"CFG {cfg:g} is below 1, which diffusers takes as no guidance at all.")
    if kind == TRUE_CFG:
        arguments["guidance_scale"] = USUAL_DISTILLED if given is None else given
        if given is None:
            remarks.append(f"The file does not say the distilled guidance; the tools' usual {USUAL_DISTILLED:g} is used.")
    return arguments, remarks


_UNSAID = "The file does not say the guidance; what the model recommends is used."
