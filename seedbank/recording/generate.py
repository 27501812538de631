"""Generate: render a request with the engine and record every image as soon as it is there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seedbank.bank import Bank
from seedbank.engine.adapters import Adapter
from seedbank.engine.opening import load_source, read_source
from seedbank.engine.source import Source, check_meant, find_model
from seedbank.frozen import replace
from seedbank.hashing import sha256
from seedbank.pipelines import IMAGE, check_refiner, pipeline_for
from seedbank.progress import QUIET, Progress
from seedbank.recipe import Recipe
from seedbank.recording.beforehand import check_beforehand
from seedbank.recording.extras import Extras, read_adapters, unused_words
from seedbank.recording.inputs import Input, Pictures, input_files, latents_input, store_inputs
from seedbank.recording.noise import check_start
from seedbank.recording.rendered import Beside, check_rendered_size, record_rendering
from seedbank.recording.request import Plan, Request, composition_remarks, make_plan, recommended
from seedbank.recording.weighting import weighted
from seedbank.records import Blob, Entry, Model
from seedbank.samplers import check_scheduler, scheduler_choice
from seedbank.store.opinions import checked_tags
from seedbank.store.writing import GENERATE, Act

if TYPE_CHECKING:
    from seedbank.engine.process import Engine
    from seedbank.engine.told import Loaded, Rendering

Say = Callable[[str], None]
MOST_WORDS = 20
"""How many of the words that have no effect are named."""
LATENTS_TYPE = "application/vnd.safetensors"


@dataclass(frozen=True)
class ModelChoice:
    """Which weights, and how they are loaded: `spec` is `embedded`, a hub name, a folder or a `.safetensors` file."""

    spec: str = "embedded"
    revision: str | None = None
    variant: str | None = None
    config: str | None = None
    dtype: str | None = None
    offline: bool = False

    def find(self) -> Source:
        """As `find_model`."""
        return find_model(self.spec, revision=self.revision, variant=self.variant, config=self.config, offline=self.offline)


@dataclass(frozen=True)
class Prepared:
    """A loaded pipeline and whole recipes for it, with all that is recorded beside them."""

    source: Source
    model: Model
    plan: Plan
    adapters: tuple[Adapter, ...] = ()
    inputs: tuple[Input, ...] = ()
    dtype: str | None = None

    @property
    def pipeline(self) -> str:
        return str(self.plan.recipes[0].pipeline)

    @property
    def beside(self) -> Beside:
        names = {one.item["role"]: one.name for one in self.inputs}
        return Beside(self.model, tuple(adapter.model for adapter in self.adapters), names)

    def load(self, engine: Engine, adapters: Sequence[Adapter] | None = None) -> Loaded:
        """Make this the current pipeline again, where two take turns; with the adapters at other weights where given."""
        adapters = self.adapters if adapters is None else adapters
        return load_source(engine, self.source, self.model, self.dtype, pipeline=self.pipeline, adapters=adapters)


def generate(
    bank: Bank,
    request: Request,
    engine: Engine,
    choice: ModelChoice | None = None,
    extras: Extras | None = None,
    *,
    tags: Sequence[str] = (),
    parent: Entry | None = None,
    say: Say = lambda remark: None,
    progress: Progress = QUIET,
) -> Iterator[Entry]:
    """Render `request` and yield each entry once it is recorded. `say` gets what the user should know beforehand.

    With a `parent` the entries are recorded as its variants, and what changes the composition is said. With a refiner
    every image gives two entries: that of the model itself, and the refined one.

    What was yielded is safe: interrupting loses at most the image being rendered.
    """
    choice, extras = choice or ModelChoice(), extras or Extras()
    check_meant(choice.spec, choice.revision, choice.variant, choice.config)
    tags = checked_tags(tags)
    prepared = prepare(request, engine, choice, progress, extras)
    first = prepared.plan.recipes[0]
    compared = composition_remarks(parent.recipe, first) if parent is not None and parent.recipe is not None else []
    for remark in (*prepared.plan.remarks, *compared, *lost_words(engine, first), *unused_words(first)):
        say(remark)
    refinement = None
    if extras.refiner is not None:
        refinement = prepare_refinement(request, engine, extras, choice, first, progress)
        prepared.load(engine)
    environment = engine.environment
    parents = [(parent.id, "variant-of")] if parent is not None else []
    blobs: tuple[Blob, ...] | None = None
    act = Act(GENERATE)
    with input_files(prepared.inputs) as files, progress.task("generate", total=len(prepared.plan.recipes)) as task:
        for recipe in prepared.plan.recipes:
            rendering = engine.render(recipe, files, keep_latents=refinement is not None)
            check_rendered_size(recipe, rendering)
            blobs = blobs if blobs is not None else store_inputs(bank, prepared.inputs)
            entry = record_rendering(
                bank, environment, recipe, prepared.beside, rendering, inputs=blobs, tags=tags, parents=parents, act=act
            )
            yield entry
            if refinement is not None:
                yield refine(bank, engine, refinement, recipe, entry, rendering, tags, act)
                prepared.load(engine)
            task.advance()


def prepare(
    request: Request, engine: Engine, choice: ModelChoice, progress: Progress = QUIET, extras: Extras | None = None
) -> Prepared:
    """Find, verify and load the weights; then make whole recipes of the request."""
    extras = extras or Extras()
    extras.check()
    request.check()
    pictures = Pictures.of(extras)
    source = choice.find()
    check_beforehand(request, source, extras)
    with progress.task("hashing the weights", unit="B") as task:
        model = read_source(engine, source, task.advance)
        adapters = read_adapters(extras, task.advance)
    pipeline = pipeline_for(str(model.pipeline), extras.task)
    with progress.task(f"loading {model.name}"):
        loaded = load_source(engine, source, model, choice.dtype, pipeline=pipeline, adapters=adapters)
    if scheduler := _scheduler(engine, loaded, extras):
        loaded = replace(loaded, scheduler=scheduler)
    size = pictures.size(pipeline, loaded.sizes["vae_scale_factor"])
    asked = {request.width, request.height} != {None} or {"width", "height"} & request.arguments.keys()
    if size is not None and not asked:
        request = replace(request, width=size[0], height=size[1])
    request = replace(request, arguments={**request.arguments, **extras.arguments})
    plan = make_plan(request, loaded, model, recommended(source), engine.environment.parts.get("hardware", {}))
    plan = weighted(plan, extras.weighting)
    width, height = plan.recipes[0].width or 0, plan.recipes[0].height or 0
    inputs = pictures.inputs(loaded, width, height)
    if extras.latents is not None:
        check_start(request)
        inputs = (*inputs, latents_input(extras.latents, loaded))
    if inputs or adapters:
        items, beside = tuple(one.item for one in inputs), tuple(adapter.recipe_item for adapter in adapters)
        recipes = tuple(replace(recipe, inputs=items, adapters=beside) for recipe in plan.recipes)
        plan = Plan(recipes, (*plan.remarks, *pictures.remarks(width, height)))
    return Prepared(source, model, plan, adapters, inputs, choice.dtype)


def _scheduler(engine: Engine, loaded: Loaded, extras: Extras) -> dict[str, Any] | None:
    """{class, config} of another scheduler than the model's own, None when none is asked for."""
    own = None if loaded.scheduler is None else str(loaded.scheduler["class"])
    if extras.scheduler is not None:
        check_scheduler(own, extras.scheduler)
        return engine.scheduler(extras.scheduler, extras.scheduler_config)
    if extras.sampler is not None or extras.schedule is not None:
        return engine.scheduler(*scheduler_choice(own, extras.sampler, extras.schedule))
    return None


def lost_words(engine: Engine, recipe: Recipe) -> list[str]:
    """One remark for each text of the recipe that is longer than its tokenizer takes."""
    limit = recipe.call.get("max_sequence_length")
    if "weighting" in recipe.conditioning:
        return []  # encoded in as many rows as they need
    lost = {name: engine.lost_words(text, name, limit) for name, text in recipe.conditioning.items() if text}
    return [
        f"The {name.replace('_', ' ')} is longer than the tokenizer takes; these words have no effect: {_named(words)}"
        for name, words in lost.items()
        if words
    ]


def _named(words: Sequence[str]) -> str:
    """The words, of very many only the first and the last."""
    if len(words) <= MOST_WORDS:
        return " ".join(words)
    return f"{' '.join(words[: MOST_WORDS - 1])} … {words[-1]} ({len(words):,} in all)"


# -- the second model -------------------------------------------------------------------------------------------------


def prepare_refinement(
    request: Request, engine: Engine, extras: Extras, choice: ModelChoice, base: Recipe, progress: Progress
) -> Prepared:
    """The refiner loaded, with the recipe that goes over the latents of `base`; their digest is not known yet.

    It keeps the texts, seed, steps and guidance of the request, and its own strength where none is asked for.
    """
    strength = {} if extras.refiner_strength is None else {"strength": extras.refiner_strength}
    second = replace(request, count=1, seed=base.seed or 0, width=base.width, height=base.height, arguments=strength)
    source = find_model(str(extras.refiner), offline=choice.offline)
    with progress.task("hashing the weights", unit="B") as task:
        model = read_source(engine, source, task.advance)
    check_refiner(str(base.pipeline), str(model.pipeline))
    pipeline = pipeline_for(str(model.pipeline), {IMAGE})
    loaded = load_source(engine, source, model, choice.dtype, pipeline=pipeline)
    plan = make_plan(second, loaded, model, recommended(source), engine.environment.parts.get("hardware", {}))
    return Prepared(source, model, plan, dtype=choice.dtype)


def refine(
    bank: Bank,
    engine: Engine,
    refinement: Prepared,
    base: Recipe,
    entry: Entry,
    rendering: Rendering,
    tags: Sequence[str],
    act: Act,
) -> Entry:
    """Render the refinement of one image and record it as an entry of its own, whose input is the latents of `entry`."""
    assert rendering.latents is not None
    item = {"role": "image", "digest": sha256(rendering.latents), "kind": "tensor"}
    given = Input(item, rendering.latents, LATENTS_TYPE, f"latents of entry {entry.id}")
    first = refinement.plan.recipes[0]
    recipe = replace(first, noise=base.noise, inputs=(item,))
    refinement.load(engine)
    with input_files([given]) as files:
        refined = engine.render(recipe, files)
    check_rendered_size(recipe, refined)
    made_with = replace(refinement, inputs=(given,))
    blobs = store_inputs(bank, [given])
    parents = [(entry.id, "refined-from")]
    return record_rendering(
        bank, engine.environment, recipe, made_with.beside, refined, inputs=blobs, tags=tags, parents=parents, act=act
    )
