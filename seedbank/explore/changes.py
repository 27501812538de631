"""Change fields of a recipe by the words that people use, for a pipeline that is loaded, and say what that means.

Everything that is not named stays as the recipe has it. A field that the pipeline does not have is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from seedbank.errors import BadInput
from seedbank.explore.axes import IP_WEIGHT
from seedbank.explore.rendering import Renderer
from seedbank.frozen import replace
from seedbank.pipelines import OFFSET, STANDARD, TRUE_CFG, cfg_of, facts, uses_negative
from seedbank.recipe import Recipe, checked_seed
from seedbank.recording.arguments import check_strength
from seedbank.recording.latents import ROLE as LATENTS
from seedbank.recording.noise import FORMS, SANE, TORCH_CPU, NoiseChoice, first_noise
from seedbank.recording.rendered import RANDOM_STATE
from seedbank.recording.request import Plan, Request, changed_call, composition_remarks
from seedbank.recording.weighting import weighted
from seedbank.samplers import SIGMAS, check_scheduler, scheduler_choice, schedules_of
from seedbank.worker.adapters import IP_ADAPTER, LORA

Change = tuple[str, Any]
"""(field, value) in the words of `seedbank.explore.axes`."""

TEXTS = {"prompt": "prompt", "prompt_2": "prompt_2", "negative": "negative_prompt", "negative_2": "negative_prompt_2"}
"""{field: argument of the pipeline}"""
REPLACED = {"prompt.replace": ("prompt",), "negative.replace": ("negative",), "texts.replace": ("prompt", "negative")}
"""{field: the texts in which is searched}; what is searched must be in one of them."""
NOISE = ("seed", "noise", "ensd", "variation_seed", "variation_strength", "variation_form")
SCHEDULING = ("sampler", "schedule", "scheduler")
SETTING = "scheduler."
"""How a setting of the scheduler begins: ``scheduler.shift``."""
WEIGHTING, UNWEIGHTED = "weighting", "none"


class Changer:
    """Makes changed recipes of what a renderer has as its base, for the pipeline that it has opened."""

    def __init__(self, renderer: Renderer) -> None:
        self.base = renderer.base
        opened = renderer.opened
        self._renderer, self._loaded = renderer, opened.loaded
        self._hardware = opened.environment.parts.get("hardware", {})
        self._names = {model.digest: model.name for model in renderer.beside.adapters}
        self._schedulers: dict[str, Mapping[str, Any]] = {}

    def __call__(self, changes: Iterable[Change]) -> Recipe:
        """The base recipe with all of these changes. Raises `BadInput` for what the pipeline does not have or refuses."""
        listed = list(changes)
        recipe = self.base
        for name in TEXTS:
            for value in _of(listed, name):
                recipe = self._text(recipe, name, value)
        for field, value in listed:
            if field in REPLACED:
                recipe = self._replaced(recipe, REPLACED[field], *value)
        recipe = self._noise(recipe, {name: value for name, value in listed if name in NOISE})
        recipe = self._scheduled(recipe, {name: value for name, value in listed if name in SCHEDULING})
        for field, value in listed:
            if field.startswith(SETTING):
                recipe = self._set(recipe, field.removeprefix(SETTING), value)
            elif field.startswith("lora."):
                recipe = self._weighed(recipe, field.removeprefix("lora."), value)
            elif field == IP_WEIGHT:
                recipe = self._looked_at(recipe, value)
            elif field == WEIGHTING:
                recipe = self._by_rules(recipe, value)
        others = [(name, value) for name, value in listed if not has_place(name)]
        return self._called(recipe, dict(others)) if others else recipe

    # -- texts --------------------------------------------------------------------------------------------------------

    def _text(self, recipe: Recipe, field: str, value: str) -> Recipe:
        argument = TEXTS[field]
        if argument not in self._loaded.call:
            what = "negative prompt" if field == "negative" else f"field {field}"
            raise BadInput(f"{self._loaded.pipeline} has no {what}.", f"Leave {field} as it is.")
        if f"{argument}_embeds" in {item.get("role") for item in recipe.inputs}:
            raise BadInput(f"The {field} of this recipe was given as embeddings, which are no text.", "Leave it as it is.")
        return replace(recipe, conditioning={**recipe.conditioning, argument: value})

    def _replaced(self, recipe: Recipe, fields: Sequence[str], searched: str, new: str) -> Recipe:
        texts = {field: recipe.conditioning.get(TEXTS[field]) or "" for field in fields}
        if not any(searched in text for text in texts.values()):
            where = " or the ".join({"prompt": "prompt", "negative": "negative prompt"}[field] for field in fields)
            raise BadInput(f"{searched!r} is not in the {where}.", "Search for a text that is there.")
        for field, text in texts.items():
            if searched in text:
                recipe = self._text(recipe, field, text.replace(searched, new))
        return recipe

    # -- noise --------------------------------------------------------------------------------------------------------

    def _noise(self, recipe: Recipe, wanted: Mapping[str, Any]) -> Recipe:
        if not wanted:
            return recipe
        if LATENTS in {item.get("role") for item in recipe.inputs}:
            raise BadInput("This recipe starts from supplied latents: a seed has no effect.", "Change something else.")
        noise = dict(recipe.noise)
        if noise.get("seed") is None:
            # Drawn from a global random state, which cannot be told another seed.
            noise = {"kind": TORCH_CPU}
            recipe = replace(recipe, inputs=tuple(item for item in recipe.inputs if item.get("role") != RANDOM_STATE))
        if "seed" in wanted:
            noise["seed"] = str(checked_seed(wanted["seed"]))
        if "noise" in wanted or "ensd" in wanted:
            if noise.get("seed") is None:
                raise BadInput("The noise of this recipe has no seed.", "Give it one: seed=7.")
            choice = NoiseChoice(wanted.get("noise", noise["kind"]), ensd=wanted.get("ensd", noise.get("ensd")))
            kept = {name: noise[name] for name in ("variation", "blend") if name in noise}
            noise = first_noise(choice, int(noise["seed"]), self._hardware) | kept
        if (form := wanted.get("variation_form")) is not None and form not in FORMS:
            raise BadInput(f"There is no form of variation {form!r}.", f"Use one of {', '.join(FORMS)}.")
        varied = ("variation_seed", "variation_strength", "variation_form")
        variation = {name.removeprefix("variation_"): wanted[name] for name in varied if name in wanted}
        if variation:
            whole = {"form": SANE, **(noise.get("variation") or {}), **variation}
            if whole.get("seed") is None or whole.get("strength") is None:
                raise BadInput("A variation needs its strength and its seed.", "Add variation_strength or variation_seed.")
            if not 0 <= whole["strength"] <= 1:
                raise BadInput(f"The variation strength {whole['strength']:g} is out of range.", "Use 0 to 1.")
            noise["variation"] = {**whole, "seed": str(checked_seed(whole["seed"])), "strength": float(whole["strength"])}
        if noise.get("seed") is None:
            raise BadInput("The noise of this recipe has no seed.", "Give it one: seed=7.")
        return replace(recipe, noise=noise)

    # -- scheduler ----------------------------------------------------------------------------------------------------

    def _scheduled(self, recipe: Recipe, wanted: Mapping[str, str]) -> Recipe:
        """The scheduler by the names that people know. Another sampler keeps the schedule, where it has that."""
        if not wanted:
            return recipe
        own = None if self._loaded.scheduler is None else str(self._loaded.scheduler["class"])
        if "scheduler" in wanted:
            if len(wanted) > 1:
                raise BadInput("scheduler and sampler or schedule say the same thing.", "Use one of them.")
            check_scheduler(own, wanted["scheduler"])
            return replace(recipe, scheduler=self._scheduler(wanted["scheduler"], {}))
        schedule = wanted.get("schedule")
        if "sampler" in wanted:
            cls, settings = scheduler_choice(own, wanted["sampler"], schedule)
            kept = schedule_of(recipe.scheduler)
            if schedule is None and kept is not None and kept in schedules_of(cls):
                settings = {**{flag: word == kept for word, flag in SIGMAS.items() if word in schedules_of(cls)}, **settings}
        else:
            assert recipe.scheduler is not None
            cls, flags = scheduler_choice(str(recipe.scheduler["class"]), None, schedule)
            settings = {**recipe.scheduler["config"], **flags}
        return replace(recipe, scheduler=self._scheduler(cls, settings))

    def _set(self, recipe: Recipe, name: str, value: Any) -> Recipe:
        """One setting of the scheduler, by the name that its class has for it."""
        cls, config = (recipe.scheduler or {}).get("class"), (recipe.scheduler or {}).get("config") or {}
        if cls is None or name not in config:
            offer = f"It has: {', '.join(sorted(config))}." if config else "Leave it as it is."
            raise BadInput(f"{cls or 'This recipe'} has no setting {name!r}.", offer)
        return replace(recipe, scheduler=self._scheduler(str(cls), {**config, name: value}))

    def _scheduler(self, cls: str, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """As the render process describes it, asked for once."""
        key = f"{cls} {sorted(settings.items(), key=lambda item: item[0])!r}"
        if key not in self._schedulers:
            self._schedulers[key] = self._renderer.scheduler(cls, settings)
        return self._schedulers[key]

    # -- adapters and arguments ---------------------------------------------------------------------------------------

    def _weighed(self, recipe: Recipe, name: str, weight: float) -> Recipe:
        if not -100 <= weight <= 100:
            raise BadInput(f"The weight {weight:g} of the LoRA {name} is out of range.", "Use a number such as 0.8.")
        loras = {item["digest"]: self._names.get(item["digest"], "") for item in recipe.adapters if item["kind"] == LORA}
        found = [digest for digest, known in loras.items() if known == name or (len(name) >= 6 and digest.startswith(name))]
        if not found:
            has = f"It has {', '.join(loras.values()) or 'none'}."
            hint = f"{has} Another one comes in with generate --from WHICH --lora FILE."
            raise BadInput(f"There is no LoRA {name!r} in this recipe.", hint)
        items = ({**item, "weight": weight} if item["digest"] in found else item for item in recipe.adapters)
        return replace(recipe, adapters=tuple(items))

    def _looked_at(self, recipe: Recipe, weight: float) -> Recipe:
        if not any(item["kind"] == IP_ADAPTER for item in recipe.adapters):
            raise BadInput("There is no IP-Adapter in this recipe.", "Add one with --ip-adapter FOLDER --ip-image FILE.")
        items = ({**item, "weight": weight} if item["kind"] == IP_ADAPTER else item for item in recipe.adapters)
        return replace(recipe, adapters=tuple(items))

    def _by_rules(self, recipe: Recipe, rules: str) -> Recipe:
        plain = {name: text for name, text in recipe.conditioning.items() if name != WEIGHTING}
        recipe = replace(recipe, conditioning=plain)
        return recipe if rules == UNWEIGHTED else weighted(Plan((recipe,), ()), rules).recipes[0]

    def _called(self, recipe: Recipe, wanted: dict[str, Any]) -> Recipe:
        loaded = self._loaded
        request = Request(
            "",
            steps=wanted.pop("steps", None),
            guidance=wanted.pop("guidance", None),
            cfg=wanted.pop("cfg", None),
            width=wanted["size"][0] if "size" in wanted else None,
            height=wanted.pop("size")[1] if "size" in wanted else None,
            arguments=wanted,
        )
        call = changed_call(recipe.call, request, loaded)
        check_strength(call)
        for name in call.keys() - recipe.call.keys() - loaded.call.keys():
            raise BadInput(f"{loaded.pipeline} has no argument {name!r}.", "Leave it as it is.")
        size = {"width": call["width"], "height": call["height"]}
        inputs = tuple({**item, **size} if "width" in item else item for item in recipe.inputs)
        return replace(recipe, call=call, inputs=inputs)


def _of(changes: Iterable[Change], wanted: str) -> Iterator[Any]:
    return (value for field, value in changes if field == wanted)


def has_place(field: str) -> bool:
    """Whether a field has a place of its own in the recipe; the others are arguments of the call."""
    placed = field in TEXTS or field in REPLACED or field in NOISE or field in SCHEDULING
    return placed or field in (WEIGHTING, IP_WEIGHT) or field.startswith(("lora.", SETTING))


def schedule_of(scheduler: Mapping[str, Any] | None) -> str | None:
    """The schedule that the flags of a recorded scheduler choose; None for the sampler's own."""
    config = (scheduler or {}).get("config") or {}
    return next((word for word, flag in SIGMAS.items() if config.get(flag)), None)


def effects(base: Recipe, changed: Recipe) -> list[str]:
    """What a change does that its author may not expect: no effect on this model, or another composition."""
    said = []
    negatives = [recipe.conditioning.get("negative_prompt") or "" for recipe in (base, changed)]
    if negatives[0] != negatives[1] and changed.pipeline and not uses_negative(changed.pipeline, changed.call):
        said.append(f"The negative prompt has no effect: {changed.pipeline} runs without guidance here. Raise --cfg above 1.")
    kept, now = schedule_of(base.scheduler), schedule_of(changed.scheduler)
    if kept is not None and now is None and base.scheduler_class != changed.scheduler_class:
        said.append(f"{changed.scheduler_class} has no {kept} schedule: it goes its own way.")
    return said + composition_remarks(base, changed)


def cut_off(renderer: Renderer, changed: Recipe) -> list[str]:
    """The words of texts that the base recipe does not have and the tokenizer does not take."""
    base = renderer.base.conditioning
    texts = {name: text for name, text in changed.conditioning.items() if text != base.get(name)}
    return renderer.lost_words(replace(changed, conditioning=texts)) if texts else []


def unguided(made: Iterable[tuple[Any, Recipe]], renderer: Renderer) -> Iterator[str]:
    """What to say of values of guidance that give the same picture on this model, given (value, recipe) of each."""
    embeds = renderer.opened_before.loaded.description.get("guidance_embeds")
    same: dict[Any, list[str]] = {}
    for value, recipe in made:
        same.setdefault(_guidance(recipe, embeds), []).append(f"{value:g}")
    for values in same.values():
        if len(values) > 1:
            yield f"Guidance {', '.join(values)} give the same picture: {renderer.base.pipeline} sees no difference there."


def _guidance(recipe: Recipe, embeds: bool | None) -> tuple[Any, ...]:
    """What a pipeline sees of its guidance: nothing up to cfg 1, nor an input that its network was made without."""
    pipeline, call = str(recipe.pipeline), recipe.call
    kind, cfg = facts(pipeline).guidance, max(1.0, cfg_of(pipeline, call) or 0.0)
    if kind in (STANDARD, OFFSET):
        return (cfg,)
    seen = None if embeds is False else call.get("guidance_scale")
    return (seen, cfg if recipe.negative_prompt is not None else None) if kind == TRUE_CFG else (seen,)
