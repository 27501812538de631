"""Generate: render a request with the engine and record every image as soon as it is there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from seedbank.bank import Bank, Pixels, now
from seedbank.engine.opening import load_source, read_source
from seedbank.engine.source import find_model
from seedbank.environment import Environment
from seedbank.errors import RenderFailed
from seedbank.progress import QUIET, Progress
from seedbank.recipe import Recipe
from seedbank.recording.request import Plan, Request, composition_remarks, make_plan, recommended
from seedbank.records import Blob, Entry, Model, NewEntry, Output

if TYPE_CHECKING:
    from seedbank.engine.process import Engine, Rendering

Say = Callable[[str], None]
RANDOM_STATE = "rng-state"
"""The role of the input that holds the global random states before a call that drew from them."""


@dataclass(frozen=True)
class ModelChoice:
    """Which weights, and how they are loaded: `spec` is `embedded`, a hub name, a folder or a `.safetensors` file."""

    spec: str = "embedded"
    revision: str | None = None
    variant: str | None = None
    config: str | None = None
    dtype: str | None = None
    offline: bool = False


def generate(
    bank: Bank,
    request: Request,
    engine: Engine,
    choice: ModelChoice | None = None,
    *,
    tags: Sequence[str] = (),
    parent: Entry | None = None,
    say: Say = lambda remark: None,
    progress: Progress = QUIET,
) -> Iterator[Entry]:
    """Render `request` and yield each entry once it is recorded. `say` gets what the user should know beforehand.

    With a `parent` the entries are recorded as its variants, and what changes the composition is said.

    What was yielded is safe: interrupting loses at most the image being rendered.
    """
    model, plan = prepare(request, engine, choice or ModelChoice(), progress)
    first = plan.recipes[0]
    compared = composition_remarks(parent.recipe, first) if parent is not None and parent.recipe is not None else []
    for remark in (*plan.remarks, *compared, *lost_words(engine, first)):
        say(remark)
    parents = [(parent.id, "variant-of")] if parent is not None else []
    environment = engine.environment
    with progress.task("generate", total=len(plan.recipes)) as task:
        for recipe in plan.recipes:
            rendering = engine.render(recipe)
            check_rendered_size(recipe, rendering)
            yield record_rendering(bank, environment, recipe, model, rendering, tags=tags, parents=parents)
            task.advance()


def prepare(request: Request, engine: Engine, choice: ModelChoice, progress: Progress = QUIET) -> tuple[Model, Plan]:
    """Find, verify and load the weights; then make whole recipes of the request."""
    source = find_model(
        choice.spec, revision=choice.revision, variant=choice.variant, config=choice.config, offline=choice.offline
    )
    with progress.task("hashing the weights", unit="B") as task:
        model = read_source(engine, source, task.advance)
    loaded = load_source(engine, source, model, choice.dtype)
    return model, make_plan(request, loaded, model, recommended(source), engine.environment.parts.get("hardware", {}))


def lost_words(engine: Engine, recipe: Recipe) -> list[str]:
    """One remark for each text of the recipe that is longer than its tokenizer takes."""
    limit = recipe.call.get("max_sequence_length")
    lost = {name: engine.lost_words(text, name, limit) for name, text in recipe.conditioning.items() if text}
    return [
        f"The {name.replace('_', ' ')} is longer than the tokenizer takes; these words have no effect: {' '.join(words)}"
        for name, words in lost.items()
        if words
    ]


def check_rendered_size(recipe: Recipe, rendering: Rendering) -> None:
    """Raises `RenderFailed` when the pipeline rendered another size than the recipe says."""
    if (rendering.width, rendering.height) != (recipe.width, recipe.height):
        raise RenderFailed(
            f"{recipe.pipeline} rendered {rendering.width}x{rendering.height} instead of {recipe.width}x{recipe.height}; "
            "nothing was recorded.",
            "Ask for a size that it renders as it is.",
        )


def record_rendering(
    bank: Bank,
    environment: Environment,
    recipe: Recipe,
    model: Model,
    rendering: Rendering,
    *,
    tags: Sequence[str] = (),
    parents: Sequence[tuple[int, str]] = (),
) -> Entry:
    """Record one rendering whole: pixels, trace, recipe, model, environment, times."""
    pixels = Pixels(rendering.mode, rendering.width, rendering.height, rendering.rows)
    inputs: tuple[Blob, ...] = ()
    if rendering.random_state is not None:
        # The pipeline drew from global random states: what they were belongs to the recipe, or it could not be replayed.
        inputs = (bank.blobs.put(rendering.random_state, "application/json"),)
        recipe = replace(recipe, inputs=(*recipe.inputs, {"role": RANDOM_STATE, "digest": inputs[0].digest}))
    new = NewEntry(
        recipe=recipe,
        inputs=inputs,
        environment=environment,
        model=model,
        output=Output(seconds=rendering.seconds, peak_memory=rendering.peak_memory, flags=rendering.flags),
        created=now(),
        parents=tuple(parents),
    )
    return bank.put_entry(pixels, new, rendering.trace, tags)
