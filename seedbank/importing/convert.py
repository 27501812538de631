"""From what another tool's file says to a recipe in our words. Pure values: no torch, no files, no database.

What the file does not say stays unknown (`Recipe.missing` names it), and what diffusers cannot follow becomes an obstacle,
one sentence each. An import is converted again whenever it is regenerated, from its payloads and with the weights that are
known then, so that nothing has to be imported twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from seedbank.dialects import A1111, COMFYUI, Meaning, dialect_of, meaning
from seedbank.formats import weights as prompt_weights
from seedbank.formats.reading import Foreign, ModelName, Reading
from seedbank.importing.carried import ETA, is_on, left_out, number, obstacles
from seedbank.importing.guidance import guidance_arguments
from seedbank.importing.noise import noise_of
from seedbank.importing.schedules import FLOW, is_decided, known_scheduler, scheduler_for
from seedbank.importing.weights import (
    EMBEDDING,
    LORA,
    MODEL,
    VAE,
    Match,
    NoWeights,
    Weights,
    base_name,
    named_model,
    plain_name,
)
from seedbank.pipelines import FACTS
from seedbank.recipe import Recipe
from seedbank.records import Model

XL = "StableDiffusionXLPipeline"
ENCODERS: Mapping[str, Mapping[str, str]] = {
    XL: {"text_g": "prompt_2", "text_l": "prompt", "clip_g": "prompt_2", "clip_l": "prompt"},
    "FluxPipeline": {"clip_l": "prompt", "t5xxl": "prompt_2"},
    "StableDiffusion3Pipeline": {"clip_l": "prompt", "clip_g": "prompt_2", "t5xxl": "prompt_3"},
}
"""{pipeline: {input of ComfyUI's text encoders: argument of the call}}"""
OWN_VAE = ("automatic", "none", "baked vae", "default", "default (model)")
FAMILY_VAE = ("ae", "flux_ae", "flux_vae", "flux2-vae", "flux2_vae", "qwen_image_vae", "sd3_vae")
"""Files under which the VAE of a family is passed on alone, for tools that load the parts of a model one by one."""
NETWORK = re.compile(r"<(\w+):([^<>]*)>")
"""A1111's and SwarmUI's tags; they are taken out of the prompt before it is read."""
EMBEDDED = re.compile(r"embedding:([^\s,:()]+)", re.IGNORECASE)
LOADED_BY_TAG = ("lora", "lyco", "lycoris")


@dataclass(frozen=True)
class Converted:
    """A foreign record as far as it can be said in our words.

    recipe     None where the file holds no recipe at all. Where the model is not known, `call` has the `cfg` of the file
               instead of the arguments of a pipeline
    model      the weights that were matched; else the name that the file gives them, as a `Model` without files
    adapters   the same for LoRAs, embeddings and another VAE, in the order of `recipe.adapters`
    obstacles  what cannot be followed at all, one sentence each; the entry cannot be regenerated while there is one
    remarks    what is followed only nearly, one sentence each
    scheduler  what the sampler and the schedule of the file are here
    details    what the entry keeps in its `details`: which reading this was made of, and what it is found by besides the
               recipe: the sampler and the schedule in the words of the tool
    """

    recipe: Recipe | None = None
    model: Model | None = None
    adapters: tuple[Model, ...] = ()
    obstacles: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    scheduler: Meaning = field(default_factory=Meaning)
    details: Mapping[str, Any] = field(default_factory=dict)


def convert(reading: Reading, weights: Weights | None = None) -> Converted:
    """The reading in our words, with the weights that `weights` knows (none by default)."""
    said = reading.recipe
    if said == Foreign():
        return Converted()
    return _Conversion(reading, weights or NoWeights()).result()


class _Conversion:
    """One record on its way: what is found on it is gathered in `obstacles` and `remarks`."""

    def __init__(self, reading: Reading, weights: Weights) -> None:
        self.tool = reading.tool
        self.place = reading.place
        self.said = reading.recipe
        self.weights = weights
        self.obstacles: list[str] = []
        self.remarks: list[str] = []

    def result(self) -> Converted:
        model = self._model()
        pipeline = model.pipeline if model is not None and model.pipeline in FACTS else None
        adapters, items = self._adapters(pipeline)
        meant = self._scheduler(pipeline)
        noise, heard = noise_of(self.tool, self.said)
        self.remarks += heard
        recipe = Recipe(
            model=model.digest if model is not None and model.files else None,
            pipeline=pipeline,
            conditioning=self._conditioning(pipeline),
            noise=noise,
            call=self._call(pipeline),
            scheduler=known_scheduler(meant, pipeline),
            adapters=items,
            mode=None,
        )
        self.obstacles += self._unsaid()
        self.obstacles += obstacles(self.said)
        self.remarks += left_out(self.said)
        return Converted(
            recipe,
            model,
            adapters,
            tuple(dict.fromkeys(self.obstacles)),
            tuple(dict.fromkeys(self.remarks)),
            meant,
            {"tool": self.tool, "place": self.place, "sampler": self.said.sampler, "schedule": self._schedule()},
        )

    def _unsaid(self) -> Iterator[str]:
        for name, value in (("prompt", self.said.prompt), ("seed", self.said.seed), ("steps", self.said.steps)):
            if value is None:
                yield f"The file does not say the {name}."

    # -- the text -----------------------------------------------------------------------------------------------------

    def _conditioning(self, pipeline: str | None) -> dict[str, Any]:
        said, extras = self.said, self.said.extras
        texts = {"prompt": said.prompt, "negative_prompt": said.negative_prompt}
        if pipeline == XL:
            texts |= {"prompt_2": extras.get("style_prompt"), "negative_prompt_2": extras.get("negative_style_prompt")}
        texts |= self._texts_of_encoders(pipeline)
        said_texts = [text for text in texts.values() if isinstance(text, str)]
        weighting, why = prompt_weights.weighting(said_texts, self.tool, pipeline)
        if why is not None:
            self.obstacles.append(f"{why[0].upper()}{why[1:]}.")
        if weighting is not None:
            self.remarks.append(f"The weights in its prompt are applied by compel, which comes near to {self.tool}.")
        words = {
            name: self._text(text) for name, text in texts.items() if isinstance(text, str) and (text or name[-1] not in "23")
        }
        if weighting is not None:
            return words | {"weighting": weighting}
        return {name: prompt_weights.unescaped(text, self.tool, pipeline) for name, text in words.items()}

    def _texts_of_encoders(self, pipeline: str | None) -> dict[str, str]:
        """The prompts of a file that gives each text encoder its own; its `prompt` has them one under the other."""
        found: dict[str, str] = {}
        for before, extra, whole in (
            ("", "encoders", self.said.prompt),
            ("negative_", "negative_encoders", self.said.negative_prompt),
        ):
            if not isinstance(texts := self.said.extras.get(extra), Mapping):
                continue
            arguments = ENCODERS.get(pipeline or "", {})
            own = {name: str(texts[encoder]) for encoder, name in arguments.items() if texts.get(encoder)}
            if len(own) == len(texts) and whole == "\n".join(dict.fromkeys(own.values())):
                found |= {f"{before}{name}": text for name, text in own.items()}
            else:
                self.remarks.append(f"Its {before.replace('_', ' ')}prompt has a text for each text encoder; they are joined.")
        return found

    def _text(self, text: str) -> str:
        """The words that are encoded: without the tags of networks, which stand beside the recipe's text as adapters."""
        for tag in NETWORK.finditer(text):
            if tag[1].casefold() not in LOADED_BY_TAG:
                self.obstacles.append(f"The tag {tag[0][:60]} in the prompt is not supported.")
        text = NETWORK.sub("", text)
        # ComfyUI calls a textual inversion by its file; here its word is the file's name.
        return EMBEDDED.sub(lambda found: str(base_name(found[1])), text) if dialect_of(self.tool) == COMFYUI else text

    # -- numbers ------------------------------------------------------------------------------------------------------

    def _call(self, pipeline: str | None) -> dict[str, Any]:
        said = self.said
        call: dict[str, Any] = {"num_inference_steps": said.steps, "width": said.width, "height": said.height}
        if pipeline is None:
            return call | {"cfg": said.guidance_scale, "clip_skip": self._clip_skip(None)}
        cfg = None if said.extras.get("guidance_is_distilled") else said.guidance_scale
        arguments, heard = guidance_arguments(pipeline, cfg, said.extras.get("distilled_guidance"))
        self.remarks += heard
        return call | arguments | {"clip_skip": self._clip_skip(pipeline), "eta": self._eta(pipeline)}

    def _eta(self, pipeline: str | None) -> float | None:
        """How much noise DDIM draws in each step; A1111 says it where it is not 0."""
        if not 0 < (eta := number(self.said.extras.get(ETA))) <= 1:
            return None
        if pipeline in (XL, "StableDiffusionPipeline") and meaning(self.tool, self.said.sampler).sampler == "ddim":
            return float(eta)
        self.remarks.append(f"Not carried over: {ETA} {eta:g}.")
        return None

    def _clip_skip(self, pipeline: str | None) -> int | None:
        """diffusers counts the layers that are left out: one less than A1111, which counts the one that is used.

        SDXL leaves out one anyway, and A1111 leaves it at that.
        """
        used = self.said.extras.get("clip_skip")
        if not isinstance(used, (int, float)) or used <= 1 or pipeline not in (None, XL, "StableDiffusionPipeline"):
            return None
        if pipeline == XL:
            return int(used) - 2 if used > 2 and dialect_of(self.tool) != A1111 else None
        return int(used) - 1

    def _scheduler(self, pipeline: str | None) -> Meaning:
        meant = meaning(self.tool, self.said.sampler, self._schedule())
        if meant.unknown is not None:
            what = "sampler" if meant.sampler is None and meant.unknown == self.said.sampler else "schedule"
            self.obstacles.append(f"The {what} {meant.unknown!r} of {self.tool} has no counterpart here.")
        elif is_decided(meant, pipeline):
            _, why = scheduler_for(pipeline, meant)
            self.obstacles += filter(None, [why])
        if meant.near is not None and pipeline not in FLOW:
            self.remarks.append(f"{self.said.sampler}: {meant.near}.")
        return meant

    def _schedule(self) -> str | None:
        schedule = self.said.schedule or self.said.extras.get("Sampler sigma")  # as SD.Next calls it
        return str(schedule) if schedule else None

    # -- weights ------------------------------------------------------------------------------------------------------

    def _model(self) -> Model | None:
        named = self.said.model
        return None if named is None or not (named.name or named.hash) else self._found(MODEL, named)

    def _adapters(self, pipeline: str | None) -> tuple[tuple[Model, ...], tuple[dict[str, Any], ...]]:
        found: list[tuple[Model, dict[str, Any]]] = []
        if (vae := self._vae()) is not None:
            found.append((self._found(VAE, vae), {"kind": VAE}))
        for lora in self.said.loras:
            weight: Any = 1.0 if lora.weight is None else lora.weight
            if lora.weight_text is not None and lora.weight_text != weight:
                weight = _weights(pipeline, weight, lora.weight_text)
            found.append((self._found(LORA, ModelName(lora.name, lora.hash)), {"kind": LORA, "weight": weight}))
        for one in self._embeddings():
            named = one if isinstance(one, ModelName) else ModelName(str(one))
            if named.name:
                found.append((self._found(EMBEDDING, named), {"kind": EMBEDDING, "token": base_name(named.name)}))
        return tuple(model for model, _ in found), tuple(item | {"digest": model.digest} for model, item in found)

    def _vae(self) -> ModelName | None:
        """Another VAE than the model's own."""
        vae = self.said.extras.get("vae")
        if not isinstance(vae, ModelName) or not is_on(vae.name or vae.hash) or str(vae.name).casefold() in OWN_VAE:
            return None
        if plain_name(vae.name) in FAMILY_VAE:
            self.remarks.append(f"Its VAE {vae.name} is taken for the model's own.")
            return None
        return vae

    def _embeddings(self) -> list[Any]:
        """Those that the file lists, and those that its prompts call by name."""
        listed = list(self.said.extras.get("embeddings") or ())
        known = {base_name(one.name if isinstance(one, ModelName) else str(one)) for one in listed}
        if dialect_of(self.tool) == COMFYUI:
            texts = " ".join(filter(None, (self.said.prompt, self.said.negative_prompt)))
            called = dict.fromkeys(found[1] for found in EMBEDDED.finditer(texts))
            listed += [ModelName(name) for name in called if base_name(name) not in known]
        return listed

    def _found(self, kind: str, named: ModelName) -> Model:
        match = self.weights.find(kind, named.name, named.hash) or Match(named_model(kind, named.name, named.hash))
        if match.remark is not None:
            self.remarks.append(match.remark)
        return match.model


def _weights(pipeline: str | None, denoiser: float, text: float) -> dict[str, float]:
    if pipeline == XL:
        return {"unet": denoiser, "text_encoder": text, "text_encoder_2": text}
    return {"transformer" if pipeline in FLOW else "unet": denoiser, "text_encoder": text}
