"""What is stored of a user's pipeline call once it ran: one entry for each image, with the recipe of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from seedbank.bank import Bank, Pixels
from seedbank.cohort import MEDIA_TYPE, cohort_of, member
from seedbank.errors import Blocked, SeedbankError
from seedbank.frozen import replace
from seedbank.hashing import canonical_json
from seedbank.pipelines import facts
from seedbank.recipe import Recipe
from seedbank.recording.look import Call
from seedbank.recording.pictures import Picture
from seedbank.recording.rendered import RANDOM_STATE
from seedbank.recording.surface import keep_contents, keep_given
from seedbank.records import Entry, NewEntry, Output

if TYPE_CHECKING:
    from seedbank.worker.tracing import Trace


def keep(
    bank: Bank, call: Call, trace: Trace | None, pictures: Sequence[Picture], finished: datetime, tags: Sequence[str]
) -> Iterator[Entry]:
    """Store one entry for each picture of the call. An entry of latents has no picture, but all the rest."""
    flags = {"global_random_state_consumed": call.drawn} if call.drawn else {}
    items, blobs, stages, obstacles = keep_given(bank, call.given)
    if call.random_state is not None:
        blobs.append(bank.blobs.put(call.random_state, "application/json"))
        items.append({"role": RANDOM_STATE, "digest": blobs[-1].digest})
    inputs = (*blobs, *keep_contents(bank, call.surface))
    stages = [] if trace is None else [*stages, *((str(stage), str(value)) for stage, value in trace.digests)]
    output = Output(seconds={} if trace is None else trace.seconds, flags=flags)
    # One forward pass made them all, which changes bits: the cohort says what has to be rendered together again.
    cohort = cohort_of(call.arguments, call.noise, call.seeds)
    kept = bank.blobs.put(canonical_json(cohort), MEDIA_TYPE) if len(pictures) > 1 else None
    for index, picture in enumerate(pictures):
        pixels = picture()
        batch = None if kept is None else {"size": len(pictures), "index": index, "cohort": kept.digest}
        recipe = _recipe(call, member(cohort, index), batch, pixels)
        adapters = call.surface.adapters
        recipe = replace(recipe, inputs=tuple(items), adapters=tuple(adapter.recipe_item for adapter in adapters))
        new = NewEntry(
            recipe=recipe,
            environment=call.environment,
            model=call.model,
            inputs=inputs if kept is None else (*inputs, kept),
            origin="recorded",
            obstacles=(*obstacles, *_obstacles(call, recipe, pixels)),
            adapters=tuple(adapter.model for adapter in adapters),
            created=finished,
            output=output,
        )
        # Tags hang on pictures.
        yield bank.put_entry(pixels, new, stages, tags if pixels is not None else ())
    if trace is not None and trace.problem:
        raise SeedbankError(f"The image was recorded without its trace: {trace.problem}")


def _obstacles(call: Call, recipe: Recipe, pixels: Pixels | None) -> list[str]:
    obstacles = list(call.obstacles)
    try:
        facts(str(recipe.pipeline))
    except Blocked as error:
        obstacles += [error.message] if error.message not in obstacles else []
    if pixels is None:
        obstacles.append("The call returned latents, so there is no picture to compare with.")
    return obstacles


Parts = tuple[dict[str, Any], dict[str, Any], dict[str, Any]]


def _recipe(call: Call, parts: Parts, batch: dict[str, Any] | None, pixels: Pixels | None) -> Recipe:
    """The recipe of one image from its (conditioning, call, noise)."""
    conditioning, arguments, noise = parts
    size = {} if pixels is None else {"width": pixels.width, "height": pixels.height}
    return Recipe(
        model=call.model.digest if call.model else None,
        pipeline=type(call.pipe).__name__,
        conditioning=conditioning,
        noise=noise,
        call=arguments | size,
        scheduler=call.scheduler,
        dtypes=call.dtypes,
        batch=batch,
    )
