"""Blend: the pictures between entries, by interpolation of their noise and, on request, of their texts.

The ends are the entries themselves; every picture between is an entry of its own, whose recipe says what it lies between, so
that it regenerates like any other. `plan_blend` is pure; `render_blend` renders what is not there yet, which makes a blend
that was interrupted go on where it stopped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from seedbank.errors import BadInput, NotFound
from seedbank.explore.exchanging import Wanted
from seedbank.explore.opening import check_own_noise, open_entry, renderable
from seedbank.explore.rendering import Renderer
from seedbank.frozen import replace
from seedbank.hashing import canonical_json
from seedbank.lineage import recipe_changes
from seedbank.progress import QUIET, Progress
from seedbank.recipe import Recipe
from seedbank.records import Entry
from seedbank.store import cells as stored
from seedbank.store.opinions import checked_tags
from seedbank.store.runs import BLEND as BLENDING
from seedbank.store.writing import Act
from seedbank.worker.interpolation import CURVES, LERP, SLERP

if TYPE_CHECKING:
    from seedbank.api import Library

EDGE = "blended-from"
LEAST, MOST = 3, 1000
"""Frames from one entry to the next, both included."""
REST = 600
"""Milliseconds for which the animation stays at an entry."""
BLEND, RANDOM_STATE, LATENTS = "blend", "rng-state", "latents"


@dataclass(frozen=True)
class Frame:
    """One picture of the film: `alpha` of the way from `start` to `end`. At an end it has no recipe: it is that entry."""

    start: Entry
    end: Entry
    alpha: float
    recipe: Recipe | None = None


@dataclass(frozen=True)
class Plan:
    """What a blend shows. `frames` are all pictures once, in order; `film` names them as they are shown, by position."""

    keys: tuple[Entry, ...]
    frames: tuple[Frame, ...]
    film: tuple[int, ...]
    specification: Mapping[str, Any]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Shown:
    """A frame whose picture is there. `new` says that it was rendered now."""

    frame: Frame
    entry: Entry
    new: bool


def plan_blend(
    keys: Sequence[Entry],
    frames: int = 24,
    curve: str = SLERP,
    also_prompt: bool = False,
    loop: bool | None = None,
) -> Plan:
    """The pictures between `keys`, one after the other; `frames` from each to the next, both included.

    With `loop` it goes back to the first; more than two entries do so anyway. Raises `BadInput` for entries that differ in
    anything but noise and texts, `Blocked` for one that cannot be rendered again.
    """
    if len(keys) < 2:
        raise BadInput("A blend needs two entries or more.", "Name them, such as: seedbank blend 17 42")
    if not LEAST <= frames <= MOST:
        raise BadInput(f"--frames {frames} is out of range.", f"Use {LEAST} to {MOST:,}; both ends count.")
    if curve not in CURVES:
        raise BadInput(f"There is no curve {curve!r}.", f"Use one of {', '.join(CURVES)}.")
    first = keys[0]
    for other in keys[1:]:
        _check_alike(first, other)
    round_trip = len(keys) > 2 if loop is None else loop
    pairs = list(pairwise(keys))
    if round_trip and len(keys) > 2:
        pairs.append((keys[-1], first))
    found: list[Frame] = []
    for start, end in pairs:
        found.append(Frame(start, end, 0.0))
        for number in range(1, frames - 1):
            alpha = number / (frames - 1)
            found.append(Frame(start, end, alpha, blended(start, end, alpha, curve, also_prompt)))
    film = list(range(len(found)))
    if not round_trip or len(keys) == 2:
        found.append(Frame(*pairs[-1], 1.0))
        film.append(len(found) - 1)
        if round_trip:  # there and back, over the same pictures
            film += film[-2:0:-1]
    specification = {
        "entries": [entry.uid for entry in keys],
        "frames": frames,
        "curve": curve,
        "also_prompt": also_prompt,
        "cells": sum(frame.recipe is not None for frame in found),
    }
    return Plan(tuple(keys), tuple(found), tuple(film), specification, tuple(_remarks(pairs, also_prompt)))


def blended(start: Entry, end: Entry, alpha: float, curve: str = SLERP, also_prompt: bool = False) -> Recipe:
    """The recipe `alpha` of the way from one entry to the other: that of `start` but for the noise and, on request, the texts.

    Texts are mixed on the straight line, whatever the curve of the noise. Raises `BadInput` when the two differ in neither.
    """
    one, other = renderable(start), renderable(end)
    same_texts = one.conditioning == other.conditioning
    if one.noise == other.noise and (same_texts or not also_prompt):
        texts = "" if same_texts else " --also-prompt blends their texts."
        raise BadInput(f"Entries {start.id} and {end.id} have the same noise, so nothing lies between.{texts}")
    recipe = one if one.noise == other.noise else replace(one, noise=_blended_noise(start, end, alpha, curve))
    if also_prompt and not same_texts:
        for entry, texts_of in ((start, one), (end, other)):
            if BLEND in texts_of.conditioning:
                raise BadInput(f"The text of entry {entry.id} is a blend already.", "Leave --also-prompt away.")
        mixed = {"conditioning": dict(other.conditioning), "alpha": alpha, "curve": LERP}
        recipe = replace(recipe, conditioning={**one.conditioning, BLEND: mixed})
    return recipe


def _blended_noise(start: Entry, end: Entry, alpha: float, curve: str) -> dict[str, Any]:
    noises = [dict(renderable(entry).noise) for entry in (start, end)]
    for entry, noise in zip((start, end), noises, strict=True):
        if noise.get("seed") is None:
            raise BadInput(f"The noise of entry {entry.id} has no seed, so it cannot be blended.", "Blend entries with seeds.")
    one, other = noises
    if BLEND in one and BLEND in other:
        raise BadInput(f"Entries {start.id} and {end.id} are frames of blends themselves.", "Blend the entries at their ends.")
    if BLEND in one:
        one, other, alpha = other, one, 1 - alpha
    return {**one, BLEND: {"noise": other, "alpha": alpha, "curve": curve}}


def _check_alike(one: Entry, other: Entry) -> None:
    """Raises `BadInput`, with what differs, for entries between whose recipes there is more than noise and texts."""
    for entry in (one, other):
        if any(item.get("role") == LATENTS for item in renderable(entry).inputs):
            raise BadInput(f"Entry {entry.id} starts from latents of its own instead of noise, so it cannot be blended.")
    changes = recipe_changes(replace(one, recipe=_bare(one)), replace(other, recipe=_bare(other)))
    if changes:
        listed = ", ".join(f"{word} ({_short(old)} and {_short(new)})" for word, old, new in changes[:4])
        more = f" and {len(changes) - 4} more" if len(changes) > 4 else ""
        raise BadInput(
            f"Entries {one.id} and {other.id} differ in {listed}{more}; only noise and texts can be blended.",
            f"Make one like the other first, with: seedbank vary {other.id}",
        )


def _bare(entry: Entry) -> Recipe:
    """The recipe without what a blend mixes, and without global random states, which are those of the first entry."""
    recipe = renderable(entry)
    inputs = tuple(item for item in recipe.inputs if item.get("role") != RANDOM_STATE)
    return replace(recipe, noise={}, conditioning={}, inputs=inputs)


def _short(value: Any) -> str:
    text = "none" if value is None else " ".join(str(value).split())
    return text if len(text) <= 40 else text[:39] + "…"


def _remarks(pairs: Sequence[tuple[Entry, Entry]], also_prompt: bool) -> Iterator[str]:
    """What the user may not expect of the frames between."""
    for start, end in pairs:
        assert start.recipe is not None and end.recipe is not None
        if not also_prompt and start.recipe.conditioning != end.recipe.conditioning:
            yield (
                f"Entries {start.id} and {end.id} have different texts; between them the text is that of entry {start.id}: "
                f"{_short(start.prompt)!r}. --also-prompt blends the texts too."
            )
    texts = {canonical_json(entry.recipe.conditioning) for pair in pairs for entry in pair if entry.recipe is not None}
    if also_prompt and len(texts) == 1:
        yield "--also-prompt has no effect: the texts are the same."
    keys = list(dict.fromkeys(entry.id for pair in pairs for entry in pair))
    if len({entry.environment_digest for pair in pairs for entry in pair}) > 1:
        yield f"The entries were made in different environments; all frames are rendered with the settings of entry {keys[0]}."
    for start, _ in pairs:
        if start.recipe is not None and start.recipe.batch is not None:
            yield f"Entry {start.id} was rendered in a batch; the frames are rendered alone, which is not quite the same."


# -- rendering --------------------------------------------------------------------------------------------------------


def render_blend(
    library: Library,
    plan: Plan,
    *,
    tags: Sequence[str] = (),
    collection: str | None = None,
    device: str | None = None,
    progress: Progress = QUIET,
) -> Iterator[Shown]:
    """Every frame once, in order, each recorded before it is yielded; what is in the bank already is taken as it is.

    When all are there they are put into the `collection`, in this order, at its end. All of it is one operation.

    A frame is taken when it has the same recipe and was made by this run, in the environment of the first entry, or in the
    one that would render it now. Raises `NotFound` when the picture of an end is not here, `Blocked` when nothing like it can
    be rendered.
    """
    tags = checked_tags(tags)
    for key in plan.keys:
        check_own_noise(library, key)
        if key.blob is None:
            raise NotFound(f"The picture of entry {key.id} is not here.", f"Bring it back with: seedbank regen {key.id}")
    library.require_writable()
    store = library.store
    run = store.start_run(BLENDING, plan.specification, [])
    shown = []
    wanted = Wanted(device=device)
    with open_entry(library, plan.keys[0], wanted) as renderer, progress.task(BLENDING, total=len(plan.frames)) as task:
        known = _known(library, plan, run.id, renderer)
        stored.reuse(store, run.id, {one.id for one in known.values() if one.run != run.id})
        act = store.curation.begin_making(BLENDING, run.id, collection)
        for frame in plan.frames:
            if frame.recipe is None:
                one = Shown(frame, frame.start if frame.alpha == 0 else frame.end, False)
            elif frame.recipe.digest in known:
                one = Shown(frame, store.entry(known[frame.recipe.digest].id), False)
            else:
                one = Shown(frame, _render(renderer, frame, frame.recipe, tags, run.id, act), True)
            shown.append(one.entry.id)
            yield one
            task.advance()
    if collection is not None:
        store.curation.gather(collection, shown, act)


def _render(renderer: Renderer, frame: Frame, recipe: Recipe, tags: Sequence[str], run: int, act: Act) -> Entry:
    made = renderer.render(recipe)
    details = {stored.PLANNED: recipe.digest} if made.rendering.random_state is not None else {}
    parents = [(frame.start.id, EDGE), (frame.end.id, EDGE)]
    return renderer.record(made, parents=parents, tags=tags, run=run, details=details, act=act)


def _known(library: Library, plan: Plan, run: int, renderer: Renderer) -> dict[str, stored.Rendered]:
    """{recipe digest: entry} of the frames that are in the bank already."""
    digests = [frame.recipe.digest for frame in plan.frames if frame.recipe is not None]
    environment = plan.keys[0].environment_digest
    renamed = stored.renamed(library.store, run)
    found = {digest: stored.Rendered(renamed[digest], "", run) for digest in digests if digest in renamed}
    for digest, rendered in stored.rendered(library.store, digests).items():
        ours = [one for one in rendered if one.run == run or one.environment == environment]
        if not ours:  # what renders now is only looked at where it decides: starting it takes seconds
            ours = [one for one in rendered if one.environment == renderer.opened.environment.digest]
        if ours:
            found[digest] = ours[0]
    return found


def film(library: Library, plan: Plan, shown: Sequence[Shown], fps: float = 12) -> tuple[bytes, bytes]:
    """(a PNG file with the frames as a strip, an animated WebP file) of a blend; `fps` are frames a second.

    Where the entries themselves are shown, the animation rests for a while.
    """
    from seedbank.images.film import animation, film_strip
    from seedbank.images.sheets import Cell

    if not 0.1 <= fps <= 100:
        raise BadInput(f"{fps:g} frames a second are out of range.", "Use 0.1 to 100.")
    pixels = [library.pixels(one.entry) for one in shown]
    labels = [f"{one.frame.alpha:.2f}" if one.frame.recipe else headline(one.entry) for one in shown]
    strip = film_strip([Cell(picture, label) for picture, label in zip(pixels, labels, strict=True)])
    each = round(1000 / fps)
    times = [each if shown[at].frame.recipe else max(REST, each) for at in plan.film]
    return strip, animation([pixels[at] for at in plan.film], times)


def headline(entry: Entry) -> str:
    """An entry as it is named below a picture."""
    return f"{entry.id}" + ("" if entry.seed is None else f"  seed {entry.seed}")
