"""What a sweep starts from: a prompt, an entry, or a run that stopped."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from seedbank.errors import BadInput
from seedbank.explore.axes import Axis, parse_axis
from seedbank.explore.rendering import Renderer, open_entry, open_prepared
from seedbank.explore.sweep import Sweep, find_run
from seedbank.progress import QUIET, Progress
from seedbank.recipe import AS_IS, Recipe, draw_seed
from seedbank.recording.extras import Extras, store_inputs, unused_words
from seedbank.recording.generate import ModelChoice, prepare
from seedbank.recording.noise import NoiseChoice
from seedbank.recording.request import Request
from seedbank.records import Entry, Run
from seedbank.store.runs import SWEEP

if TYPE_CHECKING:
    from seedbank.api import Library

Say = Callable[[str], None]
NOISE = {"noise": "kind", "ensd": "ensd"}
MODEL = {"model": "spec", "model_config": "config", "revision": "revision", "variant": "variant", "dtype": "dtype"}
SEEDS = ("seed", "variation_seed")


def open_sweep(
    library: Library,
    prompt: str | None = None,
    *,
    of: int | str | None = None,
    resume: int | str | None = None,
    axes: Sequence[str | Axis] = (),
    seeds: str | None = None,
    name: str | None = None,
    tags: Sequence[str] = (),
    device: str | None = None,
    say: Say = lambda remark: None,
    progress: Progress = QUIET,
    **options: Any,
) -> Sweep:
    """A sweep over `axes`, planned and ready to begin; see `seedbank.explore.axes` for how they are written.

    prompt     what is rendered, with the options of `Library.generating`
    of         an entry whose recipe is swept instead; the cells are `swept-from` it
    resume     the id or name of a sweep that stopped, which goes on with its own axes
    seeds      an axis of seeds, such as ``1000..1099``
    name       of the run and of its collection; the same name goes on with the same seeds, also with drawn ones
    say        gets what the user should know before the plan

    Raises `BadInput` before anything is rendered, `Blocked` when the model is not to be had.
    """
    if sum(start is not None for start in (prompt, of, resume)) != 1:
        raise BadInput(
            "A sweep starts from a prompt, from an entry, or goes on.", "Give a PROMPT, or --from WHICH, or --resume RUN."
        )
    if resume is not None:
        if axes or seeds is not None or name is not None or tags or _given(options):
            raise BadInput("A sweep that goes on keeps its own axes, name and tags.", "Give --resume RUN alone.")
        return _resumed(library, resume, device, say, progress)
    asked = parse_axes(axes, seeds)
    written = {"axes": [axis.text for axis in asked], "seed": str(options.get("seed", -1))}
    before = _before(library, name, written)
    parsed = [parse_axis(text) for text in before["axes"]] if before else [_drawn(axis) for axis in asked]
    if of is not None:
        if _given(options):
            given = next(iter(_given(options)))
            raise BadInput(
                f"--from brings a recipe of its own; {given} cannot be said beside it.", "Change it with --axis NAME=VALUE."
            )
        entry = library.entry(of)
        renderer = open_entry(library, entry, device)
        ready = _ready(renderer, parsed, before)
        return Sweep(library, ready, parsed, parent=entry, name=name, tags=tags, progress=progress, asked=written)
    if before:
        options["seed"] = int(before["base"]["noise"]["seed"])
    elif chosen := [axis.values[0] for axis in parsed if axis.field == "seed"]:
        options["seed"] = chosen[0]
    assert prompt is not None
    drawn = options.get("seed", -1) == -1
    renderer = _prompted(library, prompt, options, device, say, progress)
    if drawn:
        say(f"The seed of all cells was drawn: {renderer.base.seed}.")
    return Sweep(library, _ready(renderer, parsed, before), parsed, name=name, tags=tags, progress=progress, asked=written)


def _prompted(
    library: Library, prompt: str, options: Mapping[str, Any], device: str | None, say: Say, progress: Progress
) -> Renderer:
    request, choice, extras = requested(prompt, options)
    if extras.refiner is not None:
        raise BadInput("A sweep has no refiner: each cell is one image.", "Leave --refiner away.")
    engine = library.engine(device or "auto", request.mode)
    prepared = prepare(request, engine, choice, progress, extras)
    for remark in (*prepared.plan.remarks, *unused_words(prepared.plan.recipes[0])):
        say(remark)
    return open_prepared(library, engine, prepared, store_inputs(library, prepared.inputs))


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


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that say something."""
    return {name: value for name, value in options.items() if value not in (None, (), [], {}) and (name, value) != ("seed", -1)}


def _resumed(library: Library, which: int | str, device: str | None, say: Say, progress: Progress) -> Sweep:
    run = library.store.run(which)
    if run.kind != SWEEP:
        raise BadInput(f"Run {which} is no sweep but a {run.kind}.", f"See its entries with: seedbank ls run:{run.id}")
    specification = run.specification
    entry = _entry_of(library, run)
    renderer = open_entry(library, entry, device)
    base = Recipe.from_dict(specification["base"])
    axes = [parse_axis(text) for text in specification["axes"]]
    if renderer.open(base.adapters).environment.digest != specification["environment"]:
        say(
            f"This is another environment than that in which sweep {run.id} began: what is done stays, the rest is rendered "
            f"here. See what differs with: seedbank env diff {entry.id} now"
        )
    parent = None if specification.get("parent") is None else library.entry(specification["parent"])
    tags = specification["tags"]
    renderer.base = base
    return Sweep(
        library, renderer, axes, parent=parent, tags=tags, progress=progress, asked=specification["asked"], resumed=run
    )


def _entry_of(library: Library, run: Run) -> Entry:
    """An entry of the run, which says how its cells are rendered."""
    for entry in library.find(f"run:{run.id}", limit=1):
        return entry
    raise BadInput(f"No cell of sweep {run.id} is finished yet.", "Start it with the command that you began it with.")


def _ready(renderer: Renderer, axes: Sequence[Axis], before: Mapping[str, Any] | None) -> Renderer:
    """The renderer with the base recipe of a sweep: a varied strength needs a second seed, which is drawn once."""
    named = {axis.field for axis in axes}
    if "variation_strength" in named and "variation_seed" not in named and not renderer.base.noise.get("variation"):
        known = before["base"]["noise"].get("variation") if before else None
        varied = known or {"seed": str(draw_seed()), "strength": 0.0, "form": "sane"}
        renderer.base = replace(renderer.base, noise={**renderer.base.noise, "variation": varied})
    return renderer


def _before(library: Library, name: str | None, written: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What a sweep of this name was started with, when the same was asked for: its seeds may have been drawn."""
    known = None if name is None else find_run(library, name)
    if known is None or known.kind != SWEEP or known.specification.get("asked") != written:
        return None
    return known.specification


def parse_axes(axes: Sequence[str | Axis], seeds: str | None = None) -> list[Axis]:
    """The axes of a sweep, the seeds last. Raises `BadInput`, also for two axes of one field."""
    parsed = [parse_axis(axis) if isinstance(axis, str) else axis for axis in axes]
    if seeds is not None:
        parsed.append(parse_axis(f"seed={seeds}"))
    named = [axis.field for axis in parsed if not axis.field.endswith(".replace")]
    for field in named:
        if named.count(field) > 1:
            raise BadInput(f"There are two axes of {field}.", "Put the values of both into one.")
    for one, other in (("guidance", "cfg"), ("scheduler", "sampler"), ("scheduler", "schedule")):
        if one in named and other in named:
            raise BadInput(f"{one} and {other} say the same thing in two forms.", "Use one of them.")
    return parsed


def _drawn(axis: Axis) -> Axis:
    """The axis with a fresh seed for each -1, so that what is written down says which."""
    if axis.field not in SEEDS or -1 not in axis.values:
        return axis
    values = tuple(draw_seed() if value == -1 else value for value in axis.values)
    words = (f"SKIP: {value}" if index in axis.skipped else str(value) for index, value in enumerate(values))
    return replace(axis, values=values, text=f"{axis.field}={','.join(words)}")
