"""Samplers and schedules by the names that people know, as scheduler classes and settings of diffusers.

The mapping is that of diffusers' own documentation ("Schedulers: overview", the tables of A1111 and k-diffusion names).
Models trained for flow matching take other schedulers than those that predict noise or velocity; each kind has a table
of its own, and a name that is not in it is refused with those that are.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from seedbank.errors import BadInput

Choice = tuple[str, Mapping[str, Any]]
"""(scheduler class, settings that differ from the model's own)."""

MULTISTEP, SINGLESTEP = "DPMSolverMultistepScheduler", "DPMSolverSinglestepScheduler"
SAMPLERS: Mapping[str, Choice] = {
    "euler": ("EulerDiscreteScheduler", {}),
    "euler_a": ("EulerAncestralDiscreteScheduler", {}),
    "heun": ("HeunDiscreteScheduler", {}),
    "lms": ("LMSDiscreteScheduler", {}),
    "dpm2": ("KDPM2DiscreteScheduler", {}),
    "dpm2_a": ("KDPM2AncestralDiscreteScheduler", {}),
    "dpm++_2m": (MULTISTEP, {"algorithm_type": "dpmsolver++", "solver_order": 2}),
    "dpm++_3m": (MULTISTEP, {"algorithm_type": "dpmsolver++", "solver_order": 3}),
    "dpm++_2m_sde": (MULTISTEP, {"algorithm_type": "sde-dpmsolver++", "solver_order": 2}),
    "dpm++_2m_sde_heun": (MULTISTEP, {"algorithm_type": "sde-dpmsolver++", "solver_order": 2, "solver_type": "heun"}),
    "dpm++_3m_sde": (MULTISTEP, {"algorithm_type": "sde-dpmsolver++", "solver_order": 3}),
    "dpm++_2s": (SINGLESTEP, {"algorithm_type": "dpmsolver++", "solver_order": 2}),
    "dpm++_sde": (SINGLESTEP, {"algorithm_type": "sde-dpmsolver++", "solver_order": 2}),
    "ddim": ("DDIMScheduler", {}),
    "ddpm": ("DDPMScheduler", {}),
    "plms": ("PNDMScheduler", {}),
    "uni_pc": ("UniPCMultistepScheduler", {}),
    # Its first variant has no limit at the noise level 0, where diffusers ends otherwise: every pixel came out black.
    "uni_pc_bh1": ("UniPCMultistepScheduler", {"solver_type": "bh1", "final_sigmas_type": "sigma_min"}),
    "uni_pc_bh2": ("UniPCMultistepScheduler", {"solver_type": "bh2"}),
    "deis": ("DEISMultistepScheduler", {}),
    "lcm": ("LCMScheduler", {}),
    "tcd": ("TCDScheduler", {}),
}
"""For models that predict noise or velocity: Stable Diffusion, SDXL, PixArt …"""

FLOW_SAMPLERS: Mapping[str, Choice] = {
    "euler": ("FlowMatchEulerDiscreteScheduler", {"stochastic_sampling": False}),
    "lcm": ("FlowMatchLCMScheduler", {}),
}
"""For models trained for flow matching: Z-Image, FLUX, SD3, Qwen-Image …"""

SIGMAS: Mapping[str, str] = {
    "karras": "use_karras_sigmas",
    "exponential": "use_exponential_sigmas",
    "beta": "use_beta_sigmas",
    "lu": "use_lu_lambdas",
}
"""{schedule: the flag that chooses these noise levels}; one excludes the others, also the one of the model's own settings."""
SPACINGS: Mapping[str, str] = {
    "sgm_uniform": "trailing",
    "trailing": "trailing",
    "leading": "leading",
    "linspace": "linspace",
}
"""{schedule: `timestep_spacing`}"""
NORMAL = "normal"
"""The sampler's own way."""
SCHEDULES = (NORMAL, *SIGMAS, *SPACINGS)

WITHOUT_SIGMAS = (
    "EulerAncestralDiscreteScheduler",
    "DDIMScheduler",
    "DDPMScheduler",
    "PNDMScheduler",
    "LCMScheduler",
    "TCDScheduler",
)
WITHOUT_SPACING = (SINGLESTEP, "LCMScheduler", "TCDScheduler", "FlowMatchEulerDiscreteScheduler", "FlowMatchLCMScheduler")
"""LCM and TCD have the setting, and steps of their own that it does not move."""

OTHER_NAMES = {
    "ancestral": "a",
    "dpmpp": "dpm++",
    "unipc": "uni_pc",
    "pndm": "plms",
    "dpm_2": "dpm2",
    "dpm++2m": "dpm++_2m",
}
"""Words of other tools inside a name, and ours."""


def scheduler_choice(own: str | None, sampler: str | None, schedule: str | None) -> Choice:
    """(scheduler class, settings) for a model whose own scheduler is of the class `own`.

    `sampler` may carry its schedule, as in ``DPM++ 2M Karras``. Without a sampler the class stays. Raises `BadInput`.
    """
    table = FLOW_SAMPLERS if is_flow(own) else SAMPLERS
    name, inside = _divided(sampler) if sampler is not None else (None, None)
    schedule = schedule if schedule is not None else inside
    if name is not None and name not in table:
        kind = "a flow-matching model, which" if is_flow(own) else "a model that"
        where = f"There is no sampler {sampler!r}."
        if name in SAMPLERS or name in FLOW_SAMPLERS:
            where = f"This is {kind} does not take the sampler {sampler!r}."
        elif name in SCHEDULES:
            where = f"{sampler!r} is a schedule and no sampler: say it with --schedule, beside a --sampler or the model's own."
        raise BadInput(where, f"Use one of: {', '.join(table)}.")
    if name is None and own is None:
        raise BadInput("This model has no scheduler that could be given a schedule.", "Leave --schedule away.")
    cls, settings = table[name] if name is not None else (str(own), {})
    return cls, {**settings, **_schedule(schedule, cls)}


def check_scheduler(own: str | None, name: str) -> None:
    """Raises `BadInput` when a scheduler class of diffusers is for the other kind of model."""
    if own is not None and is_flow(own) != is_flow(name):
        kind = "a flow-matching model" if is_flow(own) else "no flow-matching model"
        known = sorted({cls for cls, _ in (FLOW_SAMPLERS if is_flow(own) else SAMPLERS).values()})
        raise BadInput(f"This is {kind}: its scheduler cannot be a {name}.", f"Use for example {', '.join(known)}.")


def is_flow(scheduler: str | None) -> bool:
    """Whether a scheduler class is one for flow matching."""
    return scheduler is not None and scheduler.startswith("FlowMatch")


def schedules_of(cls: str) -> tuple[str, ...]:
    """The schedules that have an effect on a scheduler class of the tables."""
    sigmas = () if cls in WITHOUT_SIGMAS else tuple(name for name in SIGMAS if name != "lu" or cls == MULTISTEP)
    return (NORMAL, *sigmas, *(() if cls in WITHOUT_SPACING else SPACINGS))


def _schedule(schedule: str | None, cls: str) -> dict[str, Any]:
    if schedule is None:
        return {}
    word, known = _plain(schedule), schedules_of(cls)
    if word not in known:
        what = f"{cls} takes no schedule {schedule!r}." if word in SCHEDULES else f"There is no schedule {schedule!r}."
        raise BadInput(what, f"Use one of: {', '.join(known)}.")
    if word in SPACINGS:
        return {"timestep_spacing": SPACINGS[word]}
    return {flag: name == word for name, flag in SIGMAS.items() if name in known}


def _divided(sampler: str) -> tuple[str, str | None]:
    """(sampler, schedule) of a name that may carry both."""
    name = _plain(sampler)
    for schedule in SCHEDULES:
        if name.endswith(f"_{schedule}"):
            return name.removesuffix(f"_{schedule}"), schedule
    return name, None


@lru_cache(4096)
def _plain(name: str) -> str:
    word = "_".join(name.lower().replace("-", " ").replace("_", " ").split())
    for other, ours in OTHER_NAMES.items():
        word = word.replace(other, ours)
    return word
