"""What seedbank knows of each pipeline class: a table without torch, checked against diffusers in the tests.

The table is also the allow-list: a class that is not in it is never loaded. Facts are read from diffusers 0.42.1,
``diffusers/pipelines/<family>/pipeline_<family>.py``: `check_inputs` and `prepare_latents` for sizes,
`do_classifier_free_guidance` and the denoising loop for guidance.

**Guidance.** The recipe keeps the pipeline's own argument. `cfg` is the common form, ``neg + cfg * (pos - neg)``, in which
1 means "no guidance" and which other tools write. Three kinds of pipelines exist:

* standard: ``neg + g * (pos - neg)``, on when g > 1, so cfg = g;
* offset:   ``pos + g * (pos - neg)``, on when g > 0, so cfg = g + 1 (Z-Image);
* true-cfg: `guidance_scale` is an input of a distilled network; the common form has an argument of its own, `true_cfg_scale`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from msgspec import Struct

from seedbank.errors import BadInput, Blocked
from seedbank.hashing import plain_value

STANDARD, OFFSET, TRUE_CFG, DISTILLED = "standard", "offset", "true-cfg", "distilled"


class PipelineFacts(Struct, frozen=True):
    """Facts of one pipeline class.

    guidance   one of STANDARD, OFFSET, TRUE_CFG, DISTILLED (an input of the network; there is no negative prompt)
    multiple   width and height must be multiples of this many pixels; None: of `latent_multiple` latent pixels
    latent_multiple  in units of the VAE's scale factor
    crops      True: other sizes are silently cropped, False: they are refused by the pipeline
    """

    guidance: str = STANDARD
    multiple: int | None = None
    latent_multiple: int = 2
    crops: bool = False

    def size_multiple(self, vae_scale_factor: int) -> int:
        """The number of pixels that width and height must be multiples of."""
        return self.multiple or self.latent_multiple * vae_scale_factor


EIGHT = PipelineFacts(multiple=8)
PACKED = PipelineFacts()
TEXT_TO_IMAGE: Mapping[str, PipelineFacts] = {
    "ZImagePipeline": PipelineFacts(OFFSET),
    "StableDiffusionPipeline": EIGHT,
    "StableDiffusionXLPipeline": EIGHT,
    "StableDiffusion3Pipeline": PACKED,
    "LatentConsistencyModelPipeline": PipelineFacts(DISTILLED, multiple=8),
    "FluxPipeline": PipelineFacts(TRUE_CFG, crops=True),
    "Flux2Pipeline": PipelineFacts(DISTILLED, crops=True),
    "Flux2KleinPipeline": PipelineFacts(crops=True),
    "ChromaPipeline": PipelineFacts(crops=True),
    "QwenImagePipeline": PipelineFacts(TRUE_CFG, crops=True),
    "SanaPipeline": PipelineFacts(multiple=32),
    "PixArtAlphaPipeline": EIGHT,
    "PixArtSigmaPipeline": EIGHT,
    "Lumina2Pipeline": PACKED,
    "AuraFlowPipeline": PACKED,
    "CogView4Pipeline": PipelineFacts(multiple=16),
    "KolorsPipeline": EIGHT,
    "HunyuanDiTPipeline": EIGHT,
    "HiDreamImagePipeline": PipelineFacts(crops=True),
}
"""The text-to-image pipelines that seedbank loads."""

IMAGE, MASK, CONTROL = "image", "mask", "control"
"""What a pipeline can be given beside a text; a task is a combination of these."""
SIBLINGS: Mapping[str, Mapping[tuple[str, ...], str]] = {
    "ZImagePipeline": {
        (IMAGE,): "ZImageImg2ImgPipeline",
        (IMAGE, MASK): "ZImageInpaintPipeline",
    },
    "StableDiffusionPipeline": {
        (IMAGE,): "StableDiffusionImg2ImgPipeline",
        (IMAGE, MASK): "StableDiffusionInpaintPipeline",
        (CONTROL,): "StableDiffusionControlNetPipeline",
        (IMAGE, CONTROL): "StableDiffusionControlNetImg2ImgPipeline",
        (IMAGE, MASK, CONTROL): "StableDiffusionControlNetInpaintPipeline",
    },
    "StableDiffusionXLPipeline": {
        (IMAGE,): "StableDiffusionXLImg2ImgPipeline",
        (IMAGE, MASK): "StableDiffusionXLInpaintPipeline",
        (CONTROL,): "StableDiffusionXLControlNetPipeline",
        (IMAGE, CONTROL): "StableDiffusionXLControlNetImg2ImgPipeline",
        (IMAGE, MASK, CONTROL): "StableDiffusionXLControlNetInpaintPipeline",
    },
    "StableDiffusion3Pipeline": {
        (IMAGE,): "StableDiffusion3Img2ImgPipeline",
        (IMAGE, MASK): "StableDiffusion3InpaintPipeline",
    },
    "LatentConsistencyModelPipeline": {(IMAGE,): "LatentConsistencyModelImg2ImgPipeline"},
    "FluxPipeline": {
        (IMAGE,): "FluxImg2ImgPipeline",
        (IMAGE, MASK): "FluxInpaintPipeline",
        (CONTROL,): "FluxControlNetPipeline",
    },
    "QwenImagePipeline": {
        (IMAGE,): "QwenImageImg2ImgPipeline",
        (IMAGE, MASK): "QwenImageInpaintPipeline",
    },
}
"""{text-to-image class: {what it is given: the class of diffusers for that, made of the same components}}"""

FACTS: Mapping[str, PipelineFacts] = {
    **TEXT_TO_IMAGE,
    **{sibling: TEXT_TO_IMAGE[base] for base, siblings in SIBLINGS.items() for sibling in siblings.values()},
}
"""All pipelines that seedbank loads."""

REFINED = ("StableDiffusionPipeline", "StableDiffusionXLPipeline")
"""Families whose image-to-image pipeline takes latents in the place of a picture."""
VAES = ("AutoencoderKL", "AutoencoderTiny", "AsymmetricAutoencoderKL", "AutoencoderKLQwenImage", "AutoencoderDC")
CONTROLNETS = ("ControlNetModel", "FluxControlNetModel")
"""The component classes that can be given beside a model."""


def facts(pipeline: str) -> PipelineFacts:
    """The facts of a pipeline class. Raises `Blocked` for a class that is not in the table."""
    try:
        return FACTS[pipeline]
    except KeyError:
        raise Blocked(
            f"The pipeline class {pipeline!r} is not one that seedbank loads.", f"It loads {', '.join(sorted(FACTS))}."
        ) from None


def pipeline_for(pipeline: str, given: Collection[str]) -> str:
    """The class of the family of `pipeline` for a task: `given` holds some of IMAGE, MASK and CONTROL.

    Raises `BadInput` for a combination that the family has no pipeline for.
    """
    facts(pipeline)
    base = family_of(pipeline)
    tasks = {(): base, **SIBLINGS.get(base, {})}
    wanted = tuple(part for part in (IMAGE, MASK, CONTROL) if part in given)
    if wanted not in tasks:
        offers = "; ".join(" + ".join(task) for task in tasks if task) or "a text alone"
        raise BadInput(f"{base} cannot be given {' + '.join(wanted)}.", f"It can be given: {offers}.")
    return tasks[wanted]


def family_of(pipeline: str) -> str:
    """The text-to-image class of the family of a pipeline."""
    return next((base for base, siblings in SIBLINGS.items() if pipeline in siblings.values()), pipeline)


def check_refiner(base: str, refiner: str) -> None:
    """Raises `BadInput` unless the pipeline `refiner` goes on from the latents that `base` makes, as they are."""
    if family_of(base) != family_of(refiner) or family_of(base) not in REFINED:
        raise BadInput(
            f"{refiner} cannot go over the latents of {base}.", f"Both must be of one family: {' or '.join(REFINED)}."
        )


def task_of(pipeline: str) -> tuple[str, ...]:
    """What a pipeline of the table is given beside a text; empty for text-to-image."""
    return next((task for siblings in SIBLINGS.values() for task, name in siblings.items() if name == pipeline), ())


def check_cfg(cfg: float) -> None:
    """Raises `BadInput` for a number that is no guidance in the common form."""
    if not 0 <= cfg < float("inf"):
        raise BadInput(f"CFG {cfg:g} is out of range.", "Use 1 for no guidance, or more.")


def guidance_from_cfg(pipeline: str, cfg: float) -> dict[str, float]:
    """The call arguments that mean `cfg` in the common form on this pipeline."""
    kind = facts(pipeline).guidance
    check_cfg(cfg)
    if kind == OFFSET:
        return {"guidance_scale": max(0.0, cfg - 1.0)}
    if kind == TRUE_CFG:
        return {"true_cfg_scale": float(cfg)}
    if kind == DISTILLED:
        raise BadInput(f"{pipeline} has no CFG: its guidance is an input of the network.", "Use --guidance.")
    return {"guidance_scale": float(cfg)}


def cfg_of(pipeline: str | None, call: Mapping[str, Any]) -> float | None:
    """The common form of the guidance in `call`, as other tools write it; None where there is none or it is not known.

    A recipe whose pipeline is not known, of an import without its model, has the `cfg` itself in its call.
    """
    if pipeline is None and isinstance(cfg := plain_value(call.get("cfg")), (int, float)):
        return float(cfg)
    if pipeline is None or pipeline not in FACTS:
        return None
    kind = FACTS[pipeline].guidance
    if kind == DISTILLED:
        return None
    value = plain_value(call.get("true_cfg_scale" if kind == TRUE_CFG else "guidance_scale"))
    if not isinstance(value, (int, float)):
        return None
    return float(value) + 1.0 if kind == OFFSET else float(value)


def uses_negative(pipeline: str, call: Mapping[str, Any]) -> bool:
    """Whether a negative prompt has any effect with these arguments."""
    cfg = cfg_of(pipeline, call)
    return cfg is not None and cfg > 1.0


def nearest_sizes(width: int, height: int, multiple: int) -> list[tuple[int, int]]:
    """The one or two valid sizes nearest to an invalid one, the smaller first."""
    down = (max(multiple, width // multiple * multiple), max(multiple, height // multiple * multiple))
    up = (-(-width // multiple) * multiple, -(-height // multiple) * multiple)
    return [down] if down == up else [down, up]


def check_size(pipeline: str, width: int, height: int, vae_scale_factor: int) -> None:
    """Raises `BadInput`, naming the nearest valid sizes, for a size that the pipeline would crop or refuse."""
    known = facts(pipeline)
    multiple = known.size_multiple(vae_scale_factor)
    if width <= 0 or height <= 0:
        raise BadInput(f"The size {width}x{height} is out of range.", f"Use multiples of {multiple}.")
    if width % multiple or height % multiple:
        offers = " or ".join(f"{w}x{h}" for w, h in nearest_sizes(width, height, multiple))
        verb = "silently crop" if known.crops else "refuse"
        raise BadInput(
            f"{pipeline} would {verb} {width}x{height}: both sides must be multiples of {multiple}.", f"Use {offers}."
        )
