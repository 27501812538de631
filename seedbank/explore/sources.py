"""What a sweep starts from, opened for every model, VAE, dtype and device of its axes: an entry, or a prompt with options."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import fields
from functools import partial
from threading import RLock
from typing import TYPE_CHECKING, Any

from seedbank.errors import BadInput, Blocked
from seedbank.explore.axes import LOADED, Axis
from seedbank.explore.beforehand import check_axes
from seedbank.explore.changes import has_place
from seedbank.explore.exchanging import check_dtype, check_vae_place, find_known, wanted_of
from seedbank.explore.given import CHECKS, as_options
from seedbank.explore.opening import open_entry, open_prepared
from seedbank.explore.rendering import Renderer
from seedbank.explore.resuming import began, reopen
from seedbank.explore.starts import Starts
from seedbank.frozen import replace
from seedbank.progress import Progress
from seedbank.recipe import AS_IS
from seedbank.recording.beforehand import task_class
from seedbank.recording.extras import Extras, unused_words
from seedbank.recording.generate import ModelChoice, prepare
from seedbank.recording.inputs import store_inputs
from seedbank.recording.noise import NoiseChoice
from seedbank.recording.request import Request
from seedbank.records import Entry

if TYPE_CHECKING:
    from seedbank.api import Library
    from seedbank.regen.bench import Bench

Say = Callable[[str], None]
NOISE = {"noise": "kind", "ensd": "ensd"}
MODEL = {"model": "spec", "model_config": "config", "revision": "revision", "variant": "variant", "dtype": "dtype"}
Variation = Mapping[str, Any] | None
"""What the noise of every cell has as its `variation` until an axis changes it."""


def check_places(library: Library, axes: Sequence[Axis], options: Mapping[str, Any]) -> None:
    """Raises `BadInput` for files that are not there or not what they should be, and for names that make no sense."""
    known = {field: options[name] for name, field in MODEL.items() if name in options and field not in ("spec", "dtype")}
    checks: dict[str, Callable[[str], object]] = {
        **CHECKS,
        "model": lambda place: find_known(library, place, **known),
        "vae": check_vae_place,
        "dtype": check_dtype,
        "device": _check_device,
    }
    for axis in axes:
        for index, value in enumerate(axis.values):
            if axis.field in checks and index not in axis.skipped:
                try:
                    checks[axis.field](value)
                except (BadInput, Blocked) as error:
                    raise BadInput(f"The axis {axis.text!r} cannot be rendered: {error.message}", error.hint) from None


def _check_device(name: str) -> None:
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d{1,3})?", name, re.ASCII):
        raise BadInput(f"The device {name!r} does not exist.", "Use auto, cpu, cuda, cuda:1 or mps.")


def of_entry(library: Library, entry: Entry, axes: Sequence[Axis], device: str | None, varied: Variation) -> Starts:
    """What cells begin from that have the recipe of an entry."""
    turn, resources = RLock(), ExitStack()
    bench = _bench(library, axes, resources)

    def open(values: Mapping[str, Any], say: Say) -> Renderer:
        wanted = wanted_of(values, device)
        return _varied(open_entry(library, entry, wanted, bench=bench, turn=turn, say=say), varied)

    return Starts(axes, open, resources)


def _bench(library: Library, axes: Sequence[Axis], resources: ExitStack) -> Bench:
    """The render processes of a sweep: one for each device and mode, so that none loads twice; none before one renders."""
    processes = math.prod(len(axis) for axis in axes if axis.field in ("device", "mode"))
    bench = library.bench
    if processes > 1:
        from seedbank.keeping import kept_folder
        from seedbank.regen.bench import Bench

        bench = Bench(partial(kept_folder, library), room=processes)
        resources.callback(bench.close)
    resources.enter_context(bench.recalling())
    return bench


def of_run(library: Library, specification: Mapping[str, Any], axes: Sequence[Axis], device: str | None) -> Starts:
    """What the cells of a run began from."""
    resources = ExitStack()
    bench = _bench(library, axes, resources)
    return Starts(axes, reopen(library, bench, specification, device, RLock()), resources, began(specification))


def of_prompt(
    library: Library,
    prompt: str,
    options: Mapping[str, Any],
    axes: Sequence[Axis],
    device: str | None,
    varied: Variation,
    progress: Progress,
) -> Starts:
    """What cells begin from that have a prompt and the options of `Library.generating`."""
    from seedbank.engine.process import Engine

    turn, resources = RLock(), ExitStack()
    engines: dict[tuple[str, str], Engine] = {}

    def engine(name: str, mode: str) -> Engine:
        key = name, mode
        if key not in engines:
            engines[key] = Engine(device=name, mode=mode) if engines else library.engine(name, mode)
            if len(engines) > 1:
                resources.callback(engines[key].close)
            resources.enter_context(engines[key].recalling())
        return engines[key]

    def open(values: Mapping[str, Any], say: Say) -> Renderer:
        loads = as_options({field: value for field, value in values.items() if field != "device"}, options)
        if "model" in values and (found := find_known(library, values["model"], config=options.get("model_config"))).file:
            loads["model_config"] = str(found.folder)
        request, choice, extras = requested(prompt, {**options, **loads})
        if extras.refiner is not None:
            raise BadInput("A sweep has no refiner: each cell is one image.", "Leave --refiner away.")
        if any(not has_place(axis.field) and axis.field not in LOADED for axis in axes):
            source = choice.find()
            check_axes(axes, task_class(source, extras), source.folder, extras.vae)
        running = engine(values.get("device") or device or "auto", request.mode)
        with turn:
            prepared = prepare(request, running, choice, progress, extras)
        for remark in (*prepared.plan.remarks, *unused_words(prepared.plan.recipes[0])):
            say(remark)
        inputs = store_inputs(library, prepared.inputs)
        return _varied(open_prepared(library, running, prepared, inputs, turn), varied)

    return Starts(axes, open, resources)


def requested(prompt: str, options: Mapping[str, Any]) -> tuple[Request, ModelChoice, Extras]:
    """What the options of `Library.generating` ask for. Raises `BadInput` for one that there is not."""
    left = dict(options)
    noise = {field: left.pop(name) for name, field in NOISE.items() if name in left}
    model = {field: left.pop(name) for name, field in MODEL.items() if name in left}
    names = {field.name for field in fields(Request)} - {"prompt", "noise", "count"}
    request = {name: left.pop(name) for name in tuple(left) if name in names}
    if unknown := sorted(left.keys() - {field.name for field in fields(Extras)}):
        raise BadInput(f"A sweep has no option {unknown[0]!r}.", "It takes those of generate, and axes.")
    request = {"mode": AS_IS, **request, "arguments": dict(request.get("arguments") or {})}
    return Request(prompt, noise=NoiseChoice(**noise), **request), ModelChoice(**model), Extras(**left)


def _varied(renderer: Renderer, variation: Variation) -> Renderer:
    if variation is not None and not renderer.base.noise.get("variation"):
        renderer.base = replace(renderer.base, noise={**renderer.base.noise, "variation": variation})
    return renderer
