"""What a sweep starts from: a prompt, an entry, or a run that stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from seedbank.errors import BadInput
from seedbank.explore.axes import IP_FOLDER, IP_WEIGHT, LOADED, Axis, parse_axis
from seedbank.explore.beforehand import check_axes, loaded_for
from seedbank.explore.opening import check_own_noise
from seedbank.explore.resuming import check_version
from seedbank.explore.sources import Variation, check_places, of_entry, of_prompt, of_run
from seedbank.explore.starts import Starts, by_whom
from seedbank.explore.sweep import Sweep, find_run
from seedbank.progress import QUIET, Progress
from seedbank.recipe import draw_seed
from seedbank.records import Entry
from seedbank.store.opinions import checked_tags
from seedbank.store.runs import SWEEP

if TYPE_CHECKING:
    from seedbank.api import Library

Say = Callable[[str], None]


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
    only_plan: bool = False,
    **options: Any,
) -> Sweep:
    """A sweep over `axes`, planned and ready to begin; see `seedbank.explore.axes` for how they are written.

    prompt     what is rendered, with the options of `Library.generating`
    of         an entry whose recipe is swept instead; the cells are `swept-from` it
    resume     the id or name of a sweep that stopped, which goes on with its own axes
    seeds      an axis of seeds, such as ``1000..1099``
    name       of the run and of its collection; the same name goes on with the same seeds, also with drawn ones
    say        gets what the user should know before the plan
    only_plan  nothing will be rendered, so a bank that can only be read will do

    Raises `BadInput` before anything is rendered, `Blocked` when the model is not to be had, and `StorageError` at once where
    nothing could be recorded.
    """
    ways = {"a PROMPT": prompt, "--from WHICH": of, "--resume RUN": resume}
    named = [how for how, start in ways.items() if start is not None]
    if len(named) != 1:
        problem = f"{' and '.join(named)} cannot be said together" if named else "nothing says what to start from"
        hint = "To sweep an entry under other words, give --from and --axis prompt=…" if named[:2] == list(ways)[:2] else ""
        raise BadInput(f"A sweep has one start: {problem}.", hint or f"Give one of {', '.join(ways)}.")
    if not only_plan:
        library.require_writable()
    if resume is not None:
        if axes or seeds is not None or name is not None or tags or _given(options):
            raise BadInput("A sweep that goes on keeps its own axes, name and tags.", "Give --resume RUN alone.")
        return _resumed(library, resume, device, say, progress)
    tags = checked_tags(tags)
    asked = parse_axes(axes, seeds)
    _check_beside(asked, options, device)
    written = {"axes": [axis.text for axis in asked], "seed": str(options.get("seed", -1))}
    before = _before(library, name, written)
    parsed = [parse_axis(text) for text in before["axes"]] if before else [axis.settled() for axis in asked]
    check_places(library, parsed, options)
    varied = _second_seed(parsed, before)
    entry: Entry | None = None
    if of is not None:
        if _given(options):
            given = next(iter(_given(options)))
            raise BadInput(
                f"--from brings a recipe of its own; {given} cannot be said beside it.", "Change it with --axis NAME=VALUE."
            )
        entry = library.entry(of)
        if not any(axis.field == "seed" for axis in parsed):
            check_own_noise(library, entry)
        check_axes(parsed, *loaded_for(library, entry))
        starts = of_entry(library, entry, parsed, device, varied)
    else:
        assert prompt is not None
        drawn = options.get("seed", -1) == -1 and not any(axis.field == "seed" for axis in parsed)
        options |= _seeds(options, parsed, before)
        starts = of_prompt(library, prompt, options, parsed, device, varied, progress)
        if drawn:
            say(f"The seed of all cells was drawn: {options['seed']}.")
    with closing_on_error(starts):
        for remark in by_whom(starts.told):
            say(remark)
        return Sweep(library, starts, parsed, parent=entry, name=name, tags=tags, progress=progress, asked=written)


@contextmanager
def closing_on_error(starts: Starts) -> Iterator[None]:
    """Nothing stays running when what follows is refused."""
    try:
        yield
    except BaseException:
        starts.close()
        raise


def _check_beside(axes: Sequence[Axis], options: Mapping[str, Any], device: str | None) -> None:
    """Raises `BadInput` where an option says what an axis says: one of them would do nothing."""
    for axis in axes:
        name = IP_WEIGHT if axis.field == IP_FOLDER else axis.field
        given = device if name == "device" else options.get(name)
        if axis.field in LOADED and given is not None:
            option = name.replace("_", "-")
            raise BadInput(f"The {name} is an axis and an option.", f"Leave --{option} {given} away.")


def _seeds(options: Mapping[str, Any], axes: Sequence[Axis], before: Mapping[str, Any] | None) -> dict[str, int]:
    """The seeds of all cells that no axis gives one, drawn where none is asked for: the same for all models."""
    noise = before["base"]["noise"] if before else {}
    chosen = [axis.values[0] for axis in axes if axis.field == "seed"]
    asked = int(noise["seed"]) if before else chosen[0] if chosen else options.get("seed", -1)
    seeds = {"seed": draw_seed() if asked == -1 else int(asked)}
    if options.get("variation_strength") is not None and options.get("variation_seed") in (None, -1):
        known = noise.get("variation")
        seeds["variation_seed"] = int(known["seed"]) if known else draw_seed()
    return seeds


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that say something."""
    return {name: value for name, value in options.items() if value not in (None, (), [], {}) and (name, value) != ("seed", -1)}


def _resumed(library: Library, which: int | str, device: str | None, say: Say, progress: Progress) -> Sweep:
    run = library.store.run(which)
    if run.kind != SWEEP:
        raise BadInput(f"Run {which} is no sweep but a {run.kind}.", f"See its entries with: seedbank ls run:{run.id}")
    specification = run.specification
    check_version(which, specification)
    axes = [parse_axis(text) for text in specification["axes"]]
    _check_beside(axes, {}, device)
    starts = of_run(library, specification, axes, device)
    with closing_on_error(starts):
        if any(start.environment not in start.began[1:] and len(start.began) > 1 for start in starts):
            said = (
                f"This is another environment than that in which sweep {run.id} began: what is done stays, the rest is rendered"
            )
            done = next(iter(library.find(f"run:{run.id}", limit=1)), None)
            say(f"{said} here." + (f" See what differs with: seedbank env {done.id} now" if done is not None else ""))
        parent = None if specification.get("parent") is None else library.entry(specification["parent"])
        return Sweep(
            library,
            starts,
            axes,
            parent=parent,
            tags=specification["tags"],
            progress=progress,
            asked=specification["asked"],
            resumed=run,
        )


def _second_seed(axes: Sequence[Axis], before: Mapping[str, Any] | None) -> Variation:
    """A varied strength needs a second seed, which is drawn once."""
    named = {axis.field for axis in axes}
    if "variation_strength" not in named or "variation_seed" in named:
        return None
    known = before["base"]["noise"].get("variation") if before else None
    return known or {"seed": str(draw_seed()), "strength": 0.0, "form": "sane"}


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
