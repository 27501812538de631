"""A rendering becomes an entry: what a render process gave, with all that is recorded beside the recipe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from seedbank.bank import Bank, Pixels, now
from seedbank.environment import Environment
from seedbank.errors import RenderFailed
from seedbank.frozen import replace
from seedbank.recipe import Recipe
from seedbank.records import Blob, Entry, Model, NewEntry, Output
from seedbank.store.writing import Act

if TYPE_CHECKING:
    from seedbank.engine.told import Rendering

RANDOM_STATE = "rng-state"
"""The role of the input that holds the global random states before a call that drew from them."""


def check_rendered_size(recipe: Recipe, rendering: Rendering) -> None:
    """Raises `RenderFailed` when the pipeline rendered another size than the recipe says."""
    if (rendering.width, rendering.height) != (recipe.width, recipe.height):
        raise RenderFailed(
            f"{recipe.pipeline} rendered {rendering.width}x{rendering.height} instead of {recipe.width}x{recipe.height}; "
            "nothing was recorded.",
            "Ask for a size that it renders as it is.",
        )


@dataclass(frozen=True)
class Beside:
    """What is recorded of a rendering beside its recipe: the model, the adapters, what people call the inputs."""

    model: Model | None
    adapters: tuple[Model, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    """{role of an input: where it came from}"""


def record_rendering(
    bank: Bank,
    environment: Environment,
    recipe: Recipe,
    beside: Beside,
    rendering: Rendering,
    *,
    inputs: Sequence[Blob] = (),
    tags: Sequence[str] = (),
    parents: Sequence[tuple[int, str]] = (),
    run: int | None = None,
    details: Mapping[str, Any] | None = None,
    act: Act | None = None,
) -> Entry:
    """Record one rendering whole: pixels, trace, recipe, inputs, model, adapters, environment, times."""
    pixels = Pixels(rendering.mode, rendering.width, rendering.height, rendering.rows)
    if rendering.random_state is not None and RANDOM_STATE not in {item["role"] for item in recipe.inputs}:
        # The pipeline drew from global random states: what they were belongs to the recipe, or it could not be replayed.
        state = bank.blobs.put(rendering.random_state, "application/json")
        inputs = (*inputs, state)
        recipe = replace(recipe, inputs=(*recipe.inputs, {"role": RANDOM_STATE, "digest": state.digest}))
    new = NewEntry(
        recipe=recipe,
        inputs=tuple(inputs),
        environment=environment,
        model=beside.model,
        adapters=beside.adapters,
        output=Output(seconds=rendering.seconds, peak_memory=rendering.peak_memory, flags=rendering.flags),
        created=now(),
        parents=tuple(parents),
        run=run,
        details={**({"inputs": dict(beside.names)} if beside.names else {}), **(details or {})},
    )
    return bank.put_entry(pixels, new, rendering.trace, tags, act)
