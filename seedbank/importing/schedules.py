"""Which scheduler the words of another tool mean for a pipeline, as far as they decide it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from seedbank.dialects import Meaning, choice
from seedbank.errors import BadInput
from seedbank.samplers import FLOW_SAMPLERS

FLOW = (
    *("ZImagePipeline", "FluxPipeline", "Flux2Pipeline", "Flux2KleinPipeline", "ChromaPipeline", "QwenImagePipeline"),
    *("StableDiffusion3Pipeline", "SanaPipeline", "Lumina2Pipeline", "AuraFlowPipeline", "CogView4Pipeline"),
    "HiDreamImagePipeline",
)
"""Pipelines of models trained for flow matching, whose schedulers are others."""


def is_decided(meant: Meaning, pipeline: str | None) -> bool:
    """Whether the words choose a scheduler: a sampler of flow matching does so only where the pipeline is known."""
    return pipeline is not None or (meant.sampler is not None and meant.sampler not in FLOW_SAMPLERS)


def known_scheduler(meant: Meaning, pipeline: str | None) -> dict[str, Any] | None:
    """{class, config} as far as the names decide it; the rest of the config is the model's own."""
    if meant.unknown is not None or meant.sampler is None or not is_decided(meant, pipeline):
        return None
    return scheduler_for(pipeline, meant)[0]


@lru_cache(256)
def scheduler_for(pipeline: str | None, meant: Meaning) -> tuple[dict[str, Any] | None, str | None]:
    """({class, config}, None) of the scheduler that the names mean for a pipeline, or (None, why there is none)."""
    try:
        cls, settings = choice(_usual(pipeline), meant)
    except BadInput as error:
        return None, error.message
    return {"class": cls, "config": settings}, None


def _usual(pipeline: str | None) -> str:
    """The kind of scheduler that the models of a pipeline come with; of most where it is not known."""
    return "FlowMatchEulerDiscreteScheduler" if pipeline in FLOW else "EulerDiscreteScheduler"
