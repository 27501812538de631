"""Capture: run a user's own loaded pipeline, unchanged, and record the call whole.

Nothing of the user's is touched: not the arguments, not the random state, not the pipeline. When recording fails, the
result is handed back all the same and `Recorded.gap` says what is missing. What keeps an image from being regenerated is
found here, while the evidence is still in memory, and stored with the entry as an obstacle.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from seedbank.bank import Bank, Pixels, now, pixels_of
from seedbank.engine.manifest import loaded_weights, read_model
from seedbank.engine.source import Source, find_model
from seedbank.environment import Environment
from seedbank.errors import SeedbankError
from seedbank.hashing import json_digest, pixel_digest
from seedbank.pipelines import FACTS
from seedbank.recipe import Recipe
from seedbank.recording.generate import RANDOM_STATE
from seedbank.records import Entry, Model, NewEntry, Output

if TYPE_CHECKING:
    from seedbank.worker.tracing import Trace

TEXTS = ("prompt", "prompt_2", "prompt_3", "negative_prompt", "negative_prompt_2", "negative_prompt_3")
CALLBACKS = ("callback_on_step_end", "callback", "callback_steps", "callback_on_step_end_tensor_inputs")
DECIDED = ("generator", "output_type", "return_dict", "num_images_per_prompt", *CALLBACKS)
"""Arguments that stand elsewhere in the recipe or decide nothing that is recorded as an argument."""


Kept = tuple[tuple[Entry, ...], str | None]
"""(the entries, what went wrong with recording if anything)"""


class Recorded:
    """What `Library.record` gives: the pipeline's own result at once, the entries as soon as they are safely stored.

    Encoding and storing go on beside your next rendering. `entries` and `gap` wait for them; so does closing the bank.
    """

    def __init__(self, result: Any, kept: Future[Kept] | Kept) -> None:
        self.result = result
        self._kept = kept

    @property
    def images(self) -> list[Any]:
        """The images of the result, as the pipeline returned them."""
        return _images_of(self.result)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """One entry for each image, stored; empty when recording failed."""
        return self._wait()[0]

    @property
    def gap(self) -> str | None:
        """What went wrong with recording, in one sentence; None when all is recorded."""
        return self._wait()[1]

    def _wait(self) -> Kept:
        return self._kept.result() if isinstance(self._kept, Future) else self._kept


@dataclass
class _Call:
    """What is known of a call before it runs. `obstacles` grow while it is looked at."""

    pipe: Any
    arguments: dict[str, Any]
    seeds: list[int] | None
    noise: dict[str, Any]
    scheduler: Mapping[str, Any] | None
    dtypes: Mapping[str, str]
    model: Model | None
    environment: Environment
    obstacles: list[str] = field(default_factory=list)
    random_state: bytes | None = None
    """Global random states before the call, packed, when the call drew from them."""
    drawn: list[str] = field(default_factory=list)


def record_call(
    bank: Bank,
    pipe: Any,
    arguments: Mapping[str, Any],
    later: Callable[[Callable[[], Kept]], Future[Kept]],
    tags: Sequence[str] = (),
) -> Recorded:
    """Run ``pipe(**arguments)`` and record one entry for each image. An error of the pipeline itself is passed on.

    `later` runs the storing part, in order, beside what the caller does next.
    """
    from seedbank.worker import randomness
    from seedbank.worker.tracing import Trace

    call, gap = _softly(lambda: _look(pipe, arguments))
    tracer, problem = _softly(lambda: Trace(pipe))
    gap = gap or problem
    if tracer is None:
        return Recorded(pipe(**arguments), ((), gap))
    before = randomness.snapshot()
    with tracer:
        result = pipe(**arguments)
    if call is None:
        return Recorded(result, ((), gap))
    if drawn := randomness.consumed(before, randomness.snapshot()):
        call.random_state, call.drawn = randomness.pack(before, drawn), drawn
    # Copied now: the images belong to the user, who may draw on them while they are stored.
    pictures, gap = _softly(lambda: _pictures_of(result))
    if pictures is None:
        return Recorded(result, ((), gap))
    finished = now()

    def keep() -> Kept:
        entries, problem = _softly(lambda: _record(bank, call, tracer, pictures, finished, tags))
        return tuple(entries or ()), problem

    return Recorded(result, later(keep))


def _softly(act: Callable[[], Any]) -> tuple[Any, str | None]:
    """The value of `act`, or what went wrong: recording must never cost the user an image."""
    try:
        return act(), None
    except SeedbankError as error:
        return None, error.message
    except Exception as error:
        return None, f"{type(error).__name__}: {error}"


# -- before the call --------------------------------------------------------------------------------------------------


def _look(pipe: Any, arguments: Mapping[str, Any]) -> _Call:
    """Everything that decides the pixels, taken while it is as it will be when the call starts."""
    from seedbank.worker import capture, describe, live
    from seedbank.worker.departures import departures
    from seedbank.worker.loading import live_dtypes
    from seedbank.worker.pipeline_settings import pipeline_settings

    bound = inspect.signature(type(pipe).__call__).bind(pipe, **arguments)
    bound.apply_defaults()
    values: dict[str, Any] = {}
    for name, value in bound.arguments.items():
        if bound.signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD:
            values |= value
        elif name != "self":
            values[name] = value
    obstacles: list[str] = []
    device = pipe.device  # walks through every component
    seeds, noise = _noise(values.get("generator"), obstacles)
    source = _source_of(pipe)
    model = None
    if source is None:
        obstacles.append("It is not known from which folder the pipeline was loaded.")
    else:
        model = read_model(source)
        if changed := _changed_weights(pipe, model, source):
            obstacles.append(f"The weights in memory are not those of the files: {', '.join(changed)}.")
        if source.file is None:
            obstacles += departures(pipe, source.folder, device)
    if adapters := live.adapters_of(pipe):
        obstacles.append(f"Adapters are loaded and cannot be replayed yet: {', '.join(adapters)}.")
    parts = capture.environment_parts(str(device))
    parts = {**parts, "profile": {**parts["profile"], "pipeline": pipeline_settings(pipe)}}
    return _Call(
        pipe=pipe,
        arguments=_plain_arguments(values, bound.signature, obstacles),
        seeds=seeds,
        noise=noise,
        scheduler=describe.scheduler_of(pipe),
        dtypes=live_dtypes(pipe),
        model=model,
        environment=_same_environment(Environment(parts)),
        obstacles=obstacles,
    )


_verified: WeakKeyDictionary[Any, tuple[str, Any, list[str]]] = WeakKeyDictionary()
"""{pipeline: (model digest, samples of its weights, components that differ from the files)} of the last look."""
_last_environment: list[Environment] = []


def _changed_weights(pipe: Any, model: Model, source: Source) -> list[str]:
    """The components whose weights are not those of the files; files are read again only when the weights moved."""
    from seedbank.worker import live

    samples = live.sample_live(pipe)
    known = _verified.get(pipe)
    if known is None or known[0] != model.digest or known[1] != samples:
        known = (model.digest, samples, live.differing(pipe, samples, loaded_weights(source)))
        _verified[pipe] = known
    return known[2]


def _same_environment(environment: Environment) -> Environment:
    """The environment of the call before when nothing changed, with its digests computed already."""
    if not _last_environment or _last_environment[0].parts != environment.parts:
        _last_environment[:] = [environment]
    return _last_environment[0]


def _noise(generator: Any, obstacles: list[str]) -> tuple[list[int] | None, dict[str, Any]]:
    """(seeds, noise without its seed) of what was passed as `generator`."""
    import torch

    generators = generator if isinstance(generator, (list, tuple)) else [generator]
    if any(one is None for one in generators):
        return None, {"kind": "global"}  # replayed from the random state that is kept with the entry
    device = generators[0].device.type
    for one in generators:
        fresh = torch.Generator(one.device).manual_seed(one.initial_seed())
        if not torch.equal(fresh.get_state(), one.get_state()):
            obstacles.append("The generator had been used before the call, so its seed does not say what it drew.")
            break
    return [one.initial_seed() % 2**64 for one in generators], {"kind": "torch-cpu" if device == "cpu" else f"torch-{device}"}


def _plain_arguments(values: Mapping[str, Any], signature: inspect.Signature, obstacles: list[str]) -> dict[str, Any]:
    """Copies of the arguments that JSON can hold. The others are named as obstacles."""
    plain = {}
    for name, value in values.items():
        if value is None and name in signature.parameters and signature.parameters[name].default is not None:
            # A recipe leaves None out, so a regeneration would take the default instead.
            obstacles.append(f"The argument {name} was None, where the pipeline's default is another.")
        if name in ("callback_on_step_end", "callback") and value is not None:
            obstacles.append(f"The call had a {name}, which may have changed the latents.")
        if name in DECIDED:
            if name == "num_images_per_prompt":
                plain[name] = value
            continue
        if _is_plain(value):
            plain[name] = copy.deepcopy(value)
        else:
            obstacles.append(f"The argument {name} is a {type(value).__name__}, which is not recorded yet.")
    return plain


def _is_plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(_is_plain(item) for item in value)
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and _is_plain(item) for key, item in value.items())
    return value is None or isinstance(value, (bool, int, float, str))


def _source_of(pipe: Any) -> Source | None:
    """The folder that the pipeline was loaded from, as far as its configs tell."""
    named = [getattr(pipe.config, "_name_or_path", None) or pipe.config.get("_name_or_path")]
    for component in pipe.components.values():
        config = getattr(component, "config", None)
        path = getattr(config, "_name_or_path", None) or (config.get("_name_or_path") if isinstance(config, Mapping) else None)
        if path:
            named.append(str(Path(path).parent))
    for name in named:
        if name and (Path(name) / "model_index.json").is_file():
            return find_model(str(name))
    return None


# -- after the call ---------------------------------------------------------------------------------------------------


def _images_of(result: Any) -> list[Any]:
    images = getattr(result, "images", None)
    if images is None and isinstance(result, tuple) and result:
        images = result[0]
    return list(images) if images is not None else []


def _pictures_of(result: Any) -> list[Pixels]:
    images = _images_of(result)
    if not images or not all(hasattr(image, "tobytes") and hasattr(image, "mode") for image in images):
        raise SeedbankError("The pipeline returned no pictures, so nothing was recorded.", "Ask for output_type='pil'.")
    return [pixels_of(image) for image in images]


def _record(
    bank: Bank, call: _Call, tracer: Trace, pictures: Sequence[Pixels], finished: datetime, tags: Sequence[str]
) -> list[Entry]:
    flags = {"global_random_state_consumed": call.drawn} if call.drawn else {}
    inputs = (bank.blobs.put(call.random_state, "application/json"),) if call.random_state is not None else ()
    entries = []
    for index, pixels in enumerate(pictures):
        recipe = _recipe(call, index, len(pictures), pixels)
        recipe = replace(recipe, inputs=tuple({"role": RANDOM_STATE, "digest": blob.digest} for blob in inputs))
        obstacles = list(call.obstacles)
        if recipe.pipeline not in FACTS:
            obstacles.append(f"The pipeline class {recipe.pipeline} is not one that seedbank loads.")
        new = NewEntry(
            recipe=recipe,
            environment=call.environment,
            model=call.model,
            inputs=inputs,
            origin="recorded",
            obstacles=tuple(obstacles),
            created=finished,
            output=Output(seconds=tracer.seconds, flags=flags),
        )
        digest = pixel_digest(pixels.mode, pixels.width, pixels.height, pixels.rows)
        stages = [(str(stage), str(value)) for stage, value in tracer.digests]
        entries.append(bank.put_entry(pixels, new, (*stages, ("pixels", digest)), tags))
    return entries


def _recipe(call: _Call, index: int, count: int, pixels: Pixels) -> Recipe:
    arguments = dict(call.arguments)
    per_prompt = arguments.pop("num_images_per_prompt", None) or 1
    conditioning = {name: _one(arguments.pop(name), index // per_prompt) for name in TEXTS if name in arguments}
    noise = dict(call.noise)
    if call.seeds is not None:
        noise["seed"] = str(call.seeds[index] if len(call.seeds) > 1 else call.seeds[0])
    batch = None
    if count > 1:
        # One forward pass made them all, which changes bits: the cohort says what has to be rendered together again.
        cohort = json_digest({"call": call.arguments, "seeds": [str(seed) for seed in call.seeds or ()], "noise": call.noise})
        batch = {"size": count, "index": index, "cohort": cohort, "generators": len(call.seeds or ())}
    return Recipe(
        model=call.model.digest if call.model else None,
        pipeline=type(call.pipe).__name__,
        conditioning=conditioning,
        noise=noise,
        call=arguments | {"width": pixels.width, "height": pixels.height},
        scheduler=call.scheduler,
        dtypes=call.dtypes,
        batch=batch,
    )


def _one(value: Any, index: int) -> Any:
    """The text of one image: a list has one for each prompt."""
    return value[index] if isinstance(value, list) and value else value
