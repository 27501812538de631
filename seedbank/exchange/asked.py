"""What a text or an entry asks for, as the options of `Library.generating`: `seedbank generate --from`.

A whole recipe whose weights are here is asked for to the last argument. Of a text that says less, what it does not say is left
to the model, and that is said. What the user says beside it always counts.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seedbank import dialects
from seedbank.bank import Bank
from seedbank.engine.manifest import read_model
from seedbank.engine.source import find_model
from seedbank.errors import BadInput, Blocked, NotFound, SeedbankError
from seedbank.exchange.receive import receive
from seedbank.exchange.received import Received
from seedbank.exchange.texts import stamp_of
from seedbank.formats.reading import Foreign
from seedbank.formats.recipe_json import said_of
from seedbank.formats.stamp import Stamp
from seedbank.frozen import replace
from seedbank.importing.again import reading_of
from seedbank.importing.convert import convert
from seedbank.importing.noise import noise_of
from seedbank.importing.weights import BankWeights
from seedbank.recipe import Recipe
from seedbank.recording.request import SAID_BY
from seedbank.records import Entry, Model
from seedbank.worker.adapters import EMBEDDING, LORA, VAE

if TYPE_CHECKING:
    from seedbank.importing.weights import Match

SAID_ELSEWHERE = ("width", "height", "num_inference_steps", "guidance_scale")
"""Arguments of the call that have an option of their own."""
EXCLUSIVE = (("cfg", "guidance"), ("sampler", "schedule", "scheduler", "scheduler_config"))
"""Options that say the same thing: one that the user gives takes the place of all."""
OURS = ("block", "json", "script", "seedbank")
"""Forms in which words mean what they mean here."""
PLACES = {LORA: "loras", EMBEDDING: "embeddings", VAE: "vae"}


@dataclass(frozen=True)
class Asked:
    """The prompt and the options of `Library.generating`, what to say beforehand, and the digests that travelled."""

    prompt: str
    options: Mapping[str, Any]
    remarks: tuple[str, ...] = ()
    stamp: Stamp | None = None

    def judged(self, entry: Entry) -> str | None:
        """What to say of an entry that was rendered so: whether it is the picture whose digest travelled."""
        if self.stamp is None or entry.recipe_digest != self.stamp.recipe or self.stamp.image is None:
            return None
        if entry.picture is not None and entry.picture.digest == self.stamp.image:
            return f"Entry {entry.id} is exact: its image digest is the one that travelled."
        return f"Entry {entry.id} has the recipe that travelled, and another image: here something computes otherwise."


def asked(bank: Bank, source: Received | Entry, given: Mapping[str, Any]) -> Asked:
    """What `source` asks for, with the options that the user has `given` over it.

    Raises `BadInput` where a text says too little, `Blocked` where weights that it names are not here.
    """
    if isinstance(source, Entry):
        if source.recipe is None:
            raise NotFound(f"Entry {source.id} has no recipe.", "It was added as an image alone.")
        if source.recipe.missing() and (text := source.details.get("received", {}).get("text")):
            return asked(bank, receive(text), given)  # its words say more than what of it is a recipe
        if (reading := reading_of(bank, source)) is not None:  # so do those of a file of another tool
            return asked(bank, Received(reading.tool, "", reading, None, source.recipe), given)
        recipe, tool = source.recipe, "seedbank"
        stamp: Stamp | None = stamp_of(source, source.recipe)
        said, model = said_of(recipe), source.model
        if said.guidance_scale is None and isinstance(cfg := recipe.call.get("cfg"), (int, float)):
            said = replace(said, guidance_scale=float(cfg))
    else:
        recipe, tool, stamp = source.recipe, source.reading.tool, source.stamp
        said, model = source.reading.recipe, None if "model" in given else _model(bank, source)
    options: dict[str, Any] = {}
    remarks: list[str] = []
    if "model" not in given:
        options |= _place_of(model)
    if not recipe.missing() and _is_model(recipe, model, given):
        options |= _whole(bank, recipe)
        prompt = recipe.prompt
    else:
        if isinstance(source, Received) and tool not in OURS:  # tags and weights of its prompts are in its own language
            converted = convert(source.reading, BankWeights(bank))
            remarks += converted.obstacles
            if (texts := converted.recipe) is not None:
                said = replace(said, prompt=texts.prompt, negative_prompt=texts.negative_prompt)
                options |= (
                    {"weighting": texts.conditioning["weighting"].partition("/")[0]}
                    if "weighting" in texts.conditioning
                    else {}
                )
        options |= _words(bank, tool, said, given, remarks)
        prompt = said.prompt
    for names in EXCLUSIVE:
        if set(names) & set(given):
            options = {name: value for name, value in options.items() if name not in names}
    prompt = given.get("prompt", prompt)
    if prompt is None:
        raise BadInput("The text says no prompt.", "Give one beside --from.")
    set_here = given.get("arguments", {})
    options = {name: value for name, value in options.items() if not any(name in SAID_BY.get(one, ()) for one in set_here)}
    own = {name: value for name, value in options.get("arguments", {}).items() if not set(SAID_BY.get(name, ())) & set(given)}
    arguments = {**own, **set_here}
    options |= {name: value for name, value in given.items() if name != "prompt"} | {"arguments": arguments}
    if options.get("seed") is None:
        options["seed"] = -1
        remarks.append("It says no seed: a fresh one is drawn.")
    return Asked(prompt, options, tuple(remarks), stamp)


# -- the model --------------------------------------------------------------------------------------------------------


def _model(bank: Bank, received: Received) -> Model | None:
    """The model of a text: by its digest, else by the hash or the name that it says."""
    if received.recipe.model is not None:
        return received.new_entry(bank).model
    named = received.reading.recipe.model
    if named is None:
        return None
    if (match := BankWeights(bank).find("model", named.name, named.hash)) is not None:
        return match.model
    if (named.name or "").split("@")[0] == "embedded":
        return Model(digest="", name=str(named.name), source=named.name)
    raise Blocked(
        f"The model {named.name or named.hash} is not known here.",
        "Name its folder with --model, or tell the bank where it lies: seedbank models add FOLDER",
    )


def _place_of(model: Model | None) -> dict[str, Any]:
    """The options that load a model from where it was last seen."""
    if model is None:
        raise BadInput("The text names no model.", "Name one with --model, such as --model embedded.")
    if model.source is None:
        raise Blocked(f"It is not known where the model {model.name} ({model.digest}) lies.", "Name its folder with --model.")
    if os.path.isabs(model.source) and not os.path.exists(model.source):
        raise Blocked(f"The model {model.name} lay in {model.source}, which is gone.", "Name its folder with --model.")
    named = {"model": model.source, "revision": model.revision, "variant": model.variant, "model_config": model.config}
    return {name: value for name, value in named.items() if value is not None}


def _is_model(recipe: Recipe, model: Model | None, given: Mapping[str, Any]) -> bool:
    """Whether what will be loaded is the model of the recipe: then its scheduler, dtypes and arguments apply."""
    if "model" not in given:
        return model is not None
    try:
        source = find_model(
            given["model"], revision=given.get("revision"), variant=given.get("variant"),
            config=given.get("model_config"), offline=True,
        )  # fmt: skip
        return read_model(source).digest == recipe.model
    except SeedbankError:
        return False  # loading it says why


# -- a whole recipe ---------------------------------------------------------------------------------------------------


def _whole(bank: Bank, recipe: Recipe) -> dict[str, Any]:
    """Every part of a recipe as an option. Raises `BadInput` for what no option says."""
    if recipe.inputs:
        raise BadInput(
            f"The recipe has the input {recipe.inputs[0]['role']}, which --from does not bring.",
            "Render it as it is with seedbank regen, or give the pictures without --from.",
        )
    if "blend" in recipe.conditioning or "blend" in recipe.noise:
        raise BadInput("The recipe has a blend, which --from does not bring.", "Render it with seedbank regen.")
    noise, variation = recipe.noise, recipe.noise.get("variation") or {}
    dtypes = set((recipe.dtypes or {}).values())
    arguments = {name: value for name, value in recipe.call.items() if name not in SAID_ELSEWHERE}
    said_elsewhere = ("prompt", "negative_prompt", "weighting")
    arguments |= {name: text for name, text in recipe.conditioning.items() if name not in said_elsewhere}
    weighting = recipe.conditioning.get("weighting")
    options = {
        "negative": recipe.negative_prompt,
        "seed": recipe.seed,
        "steps": recipe.steps,
        "guidance": recipe.guidance,
        "width": recipe.width,
        "height": recipe.height,
        "arguments": arguments,
        "mode": recipe.mode,
        "noise": noise.get("kind"),
        "variation_seed": None if "seed" not in variation else int(variation["seed"]),
        "variation_strength": variation.get("strength"),
        "variation_form": variation.get("form"),
        "ensd": noise.get("ensd"),
        "scheduler": recipe.scheduler_class,
        "scheduler_config": (recipe.scheduler or {}).get("config"),
        "weighting": None if weighting is None else str(weighting).partition("/")[0],
        "dtype": dtypes.pop() if len(dtypes) == 1 else None,
        **_adapters(bank, recipe),
    }
    return {name: value for name, value in options.items() if value is not None}


def _adapters(bank: Bank, recipe: Recipe) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for item in recipe.adapters:
        try:
            known = bank.store.model(item["digest"])
        except NotFound:
            known = Model(item["digest"], item["digest"][:12])
        if known.source is None or item["kind"] not in PLACES:
            raise Blocked(f"It is not known where the {item['kind']} {known.name} ({item['digest']}) lies.")
        if item["kind"] == VAE:
            found["vae"] = known.source
        else:
            beside = item.get("weight", 1.0) if item["kind"] == LORA else item["token"]
            found.setdefault(PLACES[item["kind"]], []).append((known.source, beside))
    return found


# -- words ------------------------------------------------------------------------------------------------------------


def _words(bank: Bank, tool: str, said: Foreign, given: Mapping[str, Any], remarks: list[str]) -> dict[str, Any]:
    """What words alone say; what they leave open is said in `remarks`."""
    distilled = said.extras.get("distilled_guidance")
    options: dict[str, Any] = {
        "negative": said.negative_prompt,
        "seed": said.seed,
        "steps": said.steps,
        "width": said.width,
        "height": said.height,
        "cfg": said.guidance_scale if distilled is None else None,
        "guidance": distilled,
        **_sampler(tool, said, given),
    }
    if isinstance(skipped := said.extras.get("clip_skip"), int) and skipped > 1:
        options["clip_skip"] = skipped - 1
    if tool not in OURS:
        noise, heard = noise_of(tool, said)
        remarks += heard
        variation = noise.get("variation") or {}
        options |= {"noise": noise.get("kind"), "ensd": noise.get("ensd"), "variation_strength": variation.get("strength")}
        options |= {"variation_form": variation.get("form")}
        options |= {"variation_seed": None if "seed" not in variation else int(variation["seed"])}
    if said.loras and "loras" not in given:
        options["loras"] = [_lora(bank, lora.name, lora.hash, lora.weight) for lora in said.loras]
    if left := list(_left_open(said, given)):
        remarks.append(f"It does not say {', '.join(left)}: as the model recommends.")
    return {name: value for name, value in options.items() if value is not None}


def _sampler(tool: str, said: Foreign, given: Mapping[str, Any]) -> dict[str, Any]:
    if set(EXCLUSIVE[1]) & set(given):
        return {}
    meant = dialects.meaning(tool, said.sampler, said.schedule)
    if meant.unknown is not None:
        raise BadInput(f"The sampler or schedule {meant.unknown!r} has no counterpart here.", "Choose one with --sampler.")
    return {"sampler": meant.sampler, "schedule": meant.schedule}


def _lora(bank: Bank, name: str, digits: str | None, weight: float | None) -> tuple[str, float]:
    match: Match | None = BankWeights(bank).find(LORA, name, digits)
    if match is None or match.model.source is None:
        raise Blocked(f"The LoRA {name} is not known here.", "Name its file with --lora FILE:WEIGHT.")
    return match.model.source, 1.0 if weight is None else weight


def _left_open(said: Foreign, given: Mapping[str, Any]) -> Iterator[str]:
    if said.steps is None and "steps" not in given:
        yield "the steps"
    if (said.width is None or said.height is None) and "width" not in given:
        yield "the size"
    if said.guidance_scale is None and "distilled_guidance" not in said.extras and not {"cfg", "guidance"} & set(given):
        yield "the guidance"
    if said.sampler is None and not {"sampler", "scheduler"} & set(given):
        yield "the sampler"
