"""What other tools call the samplers and schedules of `seedbank.samplers`: one table, read in both directions.

Sources: `modules/sd_samplers_kdiffusion.py`, `sd_samplers_timesteps.py` and `sd_schedulers.py` of A1111,
`comfy/samplers.py` of ComfyUI, `backend/stable_diffusion/schedulers/schedulers.py` of InvokeAI,
`modules/sd_samplers_diffusers.py` of SD.Next, `examples/common` of stable-diffusion.cpp, NovelAI's own files, and
diffusers' page "Schedulers: overview". A name that is not in the table is unknown; nothing is taken for its neighbour.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from seedbank.samplers import FLOW_SAMPLERS, NORMAL, SAMPLERS, SIGMAS, WITHOUT_SPACING, is_flow, scheduler_choice

A1111, COMFYUI, INVOKEAI, SDNEXT, SDCPP, NOVELAI = "a1111", "comfyui", "invokeai", "sdnext", "sd.cpp", "novelai"
DIALECTS = (A1111, COMFYUI, INVOKEAI, SDNEXT, SDCPP, NOVELAI)
"""The columns of the tables, in this order."""

TOOLS: Mapping[str, str] = {
    "a1111": A1111,
    "civitai": A1111,
    "drawthings": A1111,
    "easydiffusion": A1111,
    "forge": A1111,
    "reforge": A1111,
    "seedbank": A1111,
    "aihorde": COMFYUI,
    "artbot": COMFYUI,
    "comfyui": COMFYUI,
    "fooocus": COMFYUI,
    "ruined-fooocus": COMFYUI,
    "stability-matrix": COMFYUI,
    "swarmui": COMFYUI,
    "tensorart": COMFYUI,
    "imaginairy": INVOKEAI,
    "invokeai": INVOKEAI,
    "mold": INVOKEAI,
    "novelai": NOVELAI,
    "sd.cpp": SDCPP,
    "sdnext": SDNEXT,
}
"""{tool: its dialect}; a variant is named after its tool, as `forge-neo`."""


class Names:
    """A table {our name: its names in each of `DIALECTS`}; of several, divided by ``|``, the first is the one written."""

    def __init__(self, rows: Mapping[str, tuple[str, ...]]) -> None:
        self.rows = rows
        self._own: dict[tuple[str | None, str], str] = {}
        self._every = {plain(ours): ours for ours in rows}
        for ours, names in rows.items():
            for dialect, written in zip(DIALECTS, names, strict=True):
                for name in filter(None, written.split("|")):
                    self._own[dialect, plain(name)] = ours
                    self._every.setdefault(plain(name), ours)

    def ours(self, word: str, dialect: str | None) -> str | None:
        """Our name for a tool's word: by its own dialect, else by any that has the word."""
        return self._own.get((dialect, plain(word))) or self._every.get(plain(word))

    @property
    def words(self) -> Mapping[str, str]:
        """{a word of any tool, as `plain` gives it: our name}"""
        return self._every

    def written(self, ours: str, dialect: str) -> str | None:
        """How a dialect writes our name; None where it has no word for it."""
        return self.rows[ours][DIALECTS.index(dialect)].split("|")[0] or None


@lru_cache(4096)
def plain(word: str) -> str:
    """Without case, and with one kind of gap: `DPM++ 2M` as `dpm++_2m`; a `k_` or `sample_` before it says nothing."""
    joined = "_".join(word.casefold().replace("-", "_").replace("_", " ").split())
    return joined.removeprefix("sample_").removeprefix("k_")


SAMPLER_NAMES = Names({
    #                    A1111, ComfyUI, InvokeAI, SD.Next, sd.cpp, NovelAI
    "euler": ("Euler", "euler|ddim", "euler", "Euler|Euler FlowMatch", "euler", "k_euler"),
    "euler_a": ("Euler a", "euler_ancestral", "euler_a", "Euler a", "euler_a", "k_euler_ancestral"),
    "heun": ("Heun", "heun", "heun", "Heun|Heun FlowMatch", "heun", ""),
    "lms": ("LMS", "lms", "lms", "LMS|LMSD", "lms", "k_lms"),
    "dpm2": ("DPM2", "dpm_2", "kdpm_2|k_dpm_2", "KDPM2", "dpm2", "k_dpm_2"),
    "dpm2_a": ("DPM2 a", "dpm_2_ancestral", "kdpm_2_a|k_dpm_2_a", "KDPM2 a", "", "k_dpm_2_ancestral"),
    "dpm++_2m": ("DPM++ 2M", "dpmpp_2m", "dpmpp_2m", "DPM++ 2M", "dpm++2m", "k_dpmpp_2m"),
    "dpm++_3m": ("", "", "dpmpp_3m", "DPM++ 3M", "", ""),
    "dpm++_2m_sde": (
        *("DPM++ 2M SDE", "dpmpp_2m_sde|dpmpp_2m_sde_gpu", "dpmpp_2m_sde", "DPM++ 2M SDE", "dpm++2m_sde", "k_dpmpp_2m_sde"),
    ),
    "dpm++_2m_sde_heun": ("DPM++ 2M SDE Heun", "dpmpp_2m_sde_heun|dpmpp_2m_sde_heun_gpu", "", "", "", ""),
    "dpm++_3m_sde": ("DPM++ 3M SDE", "dpmpp_3m_sde|dpmpp_3m_sde_gpu", "", "DPM++ 3M SDE", "", ""),
    "dpm++_2s": (
        *("DPM++ 2S a|dpmpp_2s_a", "dpmpp_2s_ancestral|dpmpp_2s_a", "dpmpp_2s", "DPM++|DPM++ 2S", "dpm++2s_a"),
        "k_dpmpp_2s_ancestral",
    ),
    "dpm++_sde": ("DPM++ SDE", "dpmpp_sde|dpmpp_sde_gpu", "dpmpp_sde", "DPM++ SDE", "", "k_dpmpp_sde"),
    "ddim": ("DDIM", "", "ddim", "DDIM", "", "ddim|ddim_v3"),
    "ddpm": ("", "ddpm", "ddpm", "DDPM", "", ""),
    "plms": ("PLMS", "", "pndm|plms", "PNDM", "", "plms"),
    "uni_pc": ("UniPC", "uni_pc", "unipc", "UniPC", "", ""),  # read as the next one by the first two
    "uni_pc_bh1": ("UniPC", "uni_pc", "", "", "", ""),
    "uni_pc_bh2": ("", "uni_pc_bh2", "", "", "", ""),
    "deis": ("DEIS", "deis", "deis", "DEIS", "", ""),
    "lcm": ("LCM", "lcm", "lcm", "LCM", "lcm", ""),
    "tcd": ("TCD", "tcd", "tcd", "TCD", "tcd", ""),
})  # fmt: skip

SCHEDULE_NAMES = Names({
    NORMAL: ("Uniform|Normal", "normal", "", "normal", "discrete|default", "native"),
    "karras": ("Karras", "karras", "k|ka", "karras", "karras", "karras"),
    "exponential": ("Exponential|Polyexponential", "exponential", "", "exponential", "exponential", "exponential"),
    "beta": ("Beta", "beta", "", "beta", "", ""),
    "sgm_uniform": ("SGM Uniform|SGMUniform", "sgm_uniform", "", "", "sgm_uniform", ""),
    "trailing": ("Simple", "simple", "", "trailing", "simple", ""),
    "leading": ("DDIM", "ddim_uniform", "", "leading", "", ""),
    "linspace": ("", "", "", "linspace", "", ""),
    "lu": ("", "", "", "lambdas", "", ""),
})  # fmt: skip

AUTOMATIC: Mapping[str, str] = {
    "dpm++_2m": "karras",
    "dpm++_sde": "karras",
    "dpm++_2s": "karras",
    "dpm2": "karras",
    "dpm2_a": "karras",
    "dpm++_2m_sde": "exponential",
    "dpm++_2m_sde_heun": "exponential",
    "dpm++_3m_sde": "exponential",
}
"""A1111's schedule type `Automatic`: each sampler's own; `normal` for those that are not here."""

K_DIFFUSION = (A1111, COMFYUI, SDCPP, NOVELAI)
"""Dialects of tools with samplers of k-diffusion: their noise levels span the whole range of the training (`linspace`)."""
OWN_WAY = ("default", "undefined", "none")
"""Words of tools for what the model itself brings along."""
OWN_SCHEDULE = ("lcm", "tcd")
"""Samplers after which tools name a schedule, too: that of Fooocus's performance modes."""
TIMESTEP_SAMPLERS = ("ddim", "plms", "uni_pc_bh1")
"""Of A1111: these walk the training's steps in even strides from the second (`leading`, offset 1)."""

NEAR: Mapping[str, str] = {
    "dpm++_2s": "DPM++ 2S a draws noise in every step, DPMSolverSinglestepScheduler draws none",
    "dpm++_sde": "the noise of DPM++ SDE comes from a Brownian tree, which diffusers' SDE solver does not use",
    "dpm++_2m_sde": "the noise of the steps comes from a Brownian tree there",
    "dpm++_2m_sde_heun": "the noise of the steps comes from a Brownian tree there",
    "dpm++_3m_sde": "the noise of the steps comes from a Brownian tree there",
    "dpm2": "A1111 leaves out the last noise level but one",
    "dpm2_a": "A1111 leaves out the last noise level but one",
}
"""{our name: why diffusers comes near it and not closer, in k-diffusion's tools}"""
NEAR_SCHEDULE: Mapping[tuple[str | None, str | None], str] = {
    (COMFYUI, "beta"): "ComfyUI spreads its steps over those of the training, diffusers' beta over the noise levels",
}
"""{(dialect, our schedule): the same}"""


@dataclass(frozen=True)
class Meaning:
    """A sampler and a schedule by our names. `unknown` is the word that is in no table, if any."""

    sampler: str | None = None
    schedule: str | None = None
    unknown: str | None = None
    near: str | None = None
    """Why diffusers does not follow it exactly."""
    spacing: str | None = None
    """`timestep_spacing` that the tool means where the schedule names none."""


def dialect_of(tool: str | None) -> str | None:
    """The dialect that a tool writes; None for one that has none of its own."""
    name = (tool or "").casefold()
    return TOOLS.get(name) or next((dialect for known, dialect in TOOLS.items() if name.startswith(known)), None)


def meaning(tool: str | None, sampler: str | None, schedule: str | None = None) -> Meaning:
    """What a tool's names for a sampler and a schedule are here.

    The sampler may carry its schedule, as in older files of A1111 (``DPM++ 2M Karras``), InvokeAI (``dpmpp_2m_k``),
    stable-diffusion.cpp (``euler discrete``) and Draw Things (``Euler A Trailing``); a class of diffusers is understood too.
    """
    dialect = dialect_of(tool)
    if sampler is None and schedule is not None and _sampler(schedule, dialect)[0] is not None:
        sampler, schedule = schedule, None  # some tools call the sampler a scheduler
    ours, inside = _sampler(sampler, dialect) if sampler else (None, None)
    if sampler and ours is None and plain(sampler) not in OWN_WAY:
        return Meaning(unknown=sampler)
    word = schedule or inside
    if word is None or plain(word) in OWN_WAY:
        found = None
    elif plain(word) == ours and ours in OWN_SCHEDULE:
        found = NORMAL
    elif plain(word) == "automatic":
        found = AUTOMATIC.get(ours or "", NORMAL)
    elif (found := SCHEDULE_NAMES.ours(word, dialect)) is None:
        return Meaning(ours, unknown=word)
    k_diffusion = dialect in K_DIFFUSION
    near = [NEAR.get(ours or ""), NEAR_SCHEDULE.get((dialect, found))] if k_diffusion else []
    spacing = "leading" if dialect == A1111 and ours in TIMESTEP_SAMPLERS else "linspace"
    return Meaning(ours, found, None, "; ".join(filter(None, near)) or None, spacing if k_diffusion else None)


LONGEST_NAME = 200
"""Characters of a sampler with its schedule; a file can hold anything."""


def _sampler(name: str, dialect: str | None) -> tuple[str | None, str | None]:
    """(our name, the schedule inside it as the tool writes it)."""
    for ours, (cls, _) in (*FLOW_SAMPLERS.items(), *SAMPLERS.items()):
        if name == cls:
            return ours, None
    if (found := SAMPLER_NAMES.ours(name, dialect)) is not None:
        return found, None
    words = plain(name) if len(name) <= LONGEST_NAME else ""
    for cut in range(len(words) - 1, 0, -1):
        if words[cut] == "_":
            found, rest = SAMPLER_NAMES.ours(words[:cut], dialect), words[cut + 1 :]
            if found is not None and (rest == "automatic" or SCHEDULE_NAMES.ours(rest, dialect) is not None):
                return found, rest
    return None, None


def choice(own: str | None, meant: Meaning) -> tuple[str, dict[str, Any]]:
    """(scheduler class, settings) for a model whose own scheduler is of the class `own`. Raises `BadInput`.

    Flow-matching models take their noise levels from the pipeline: what the tools call normal, simple and sgm_uniform
    there is the pipeline's own way.
    """
    schedule = meant.schedule
    if is_flow(own) and schedule not in SIGMAS:
        schedule = None
    cls, settings = scheduler_choice(own, meant.sampler, schedule)
    found = dict(settings)
    if meant.spacing is not None and "timestep_spacing" not in found and cls not in WITHOUT_SPACING:
        found["timestep_spacing"] = meant.spacing
        if meant.spacing == "leading":
            found["steps_offset"] = 1
    return cls, found


# -- the other direction ----------------------------------------------------------------------------------------------

DEFAULTS: Mapping[str, Any] = {"algorithm_type": "dpmsolver++", "solver_order": 2, "solver_type": "midpoint"}
"""Of diffusers' solvers, where a config does not say it."""


def named(dialect: str, scheduler: Mapping[str, Any] | None) -> tuple[str | None, str | None]:
    """(sampler, schedule) of a recipe's scheduler as a dialect calls them; None where it has no word for one."""
    if scheduler is None or "class" not in scheduler:
        return None, None
    cls, config = str(scheduler["class"]), scheduler.get("config") or {}
    ours, schedule = _sampler_of(cls, config, dialect), _schedule_of(cls, config)
    return (
        None if ours is None else SAMPLER_NAMES.written(ours, dialect),
        None if schedule is None else SCHEDULE_NAMES.written(schedule, dialect),
    )


def translated(tool: str | None, sampler: str | None, schedule: str | None, dialect: str) -> tuple[str | None, str | None]:
    """(sampler, schedule) of one tool as another dialect calls them; as they are where a table lacks one."""
    meant = meaning(tool, sampler, schedule)
    if dialect_of(tool) == dialect or meant.unknown is not None:
        return sampler, schedule
    return (
        SAMPLER_NAMES.written(meant.sampler, dialect) or sampler if meant.sampler else sampler,
        SCHEDULE_NAMES.written(meant.schedule, dialect) or schedule if meant.schedule else None,
    )


def _sampler_of(cls: str, config: Mapping[str, Any], dialect: str) -> str | None:
    """Our name for a scheduler: of those whose settings it has, the most particular one that the dialect has a word for."""
    if cls == "FlowMatchHeunDiscreteScheduler":  # which can be recorded, and not asked for by name
        return "heun"
    fitting = [
        (SAMPLER_NAMES.written(ours, dialect) is not None, len(settings), ours)
        for ours, (known, settings) in (FLOW_SAMPLERS if is_flow(cls) else SAMPLERS).items()
        if known == cls and all(config.get(name, DEFAULTS.get(name, value)) == value for name, value in settings.items())
    ]
    return max(fitting)[2] if fitting else None


def _schedule_of(cls: str, config: Mapping[str, Any]) -> str | None:
    for name, flag in SIGMAS.items():
        if config.get(flag):
            return name
    if cls in WITHOUT_SPACING or config.get("timestep_spacing") != "trailing":
        return None
    return "sgm_uniform"
