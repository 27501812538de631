"""Open what entries and requests are rendered with, as a regeneration does it.

Weights, adapters and inputs are verified and the recorded settings of the process put back, so that a changed recipe
differs from the recorded one in nothing but what was changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from threading import RLock
from typing import TYPE_CHECKING

from seedbank.bank import Bank
from seedbank.cohort import read_cohort
from seedbank.errors import BadInput, Blocked
from seedbank.explore.exchanging import Wanted, carried, exchanged, remarks
from seedbank.explore.given import read_given, with_inputs
from seedbank.explore.rendering import Adapters, Opened, Renderer
from seedbank.frozen import replace
from seedbank.importing.again import Translator
from seedbank.keeping import rendered_anew
from seedbank.recipe import Recipe
from seedbank.recording.generate import Prepared
from seedbank.recording.inputs import Input, store_inputs
from seedbank.recording.rendered import Beside
from seedbank.records import Blob, Entry, Model
from seedbank.regen.service import Options, setting_of

if TYPE_CHECKING:
    from seedbank.api import Library
    from seedbank.engine.process import Engine
    from seedbank.regen.bench import Bench, Setting
    from seedbank.regen.foreign import Translated

Say = Callable[[str], None]


def open_entry(
    library: Library,
    entry: Entry,
    wanted: Wanted | None = None,
    *,
    bench: Bench | None = None,
    turn: RLock | None = None,
    say: Say = lambda remark: None,
    compare: Say = lambda remark: None,
) -> Renderer:
    """What renders recipes like that of `entry`, or of `entry` with what is `wanted` in the place of the recorded.

    An import is read, converted and made whole as a regeneration of it does; steps that its tool made afterwards are left
    out. `say` hears that and what else is left out, `compare` what the exchange does to the picture. Raises `Blocked` for an
    entry that cannot be rendered here, and says why.
    """
    wanted, bench = wanted or Wanted(), bench or library.bench
    translated = Translator(library).to_vary(entry, wanted.model)
    if translated is not None:
        recipe, setting = _of_import(library, entry, translated, wanted)
    else:
        recipe = renderable(entry)
        setting = setting_of(library, entry, Options(device=wanted.device))
    recorded = setting
    if translated is not None and wanted.beside:
        raise BadInput(
            f"Entry {entry.id} was made by {translated.tool}: what it is given beside the text cannot be exchanged.",
            "Make a variant of it first, with seedbank vary, and sweep that.",
        )
    setting = exchanged(library, setting, wanted, recipe, imported=translated is not None)
    base, model, names = recipe, setting.model, entry.details.get("inputs", {})
    given: tuple[Input, ...] = ()
    if translated is not None or wanted.changes:
        with turn or RLock():
            ready = bench.set_up(setting)
            if translated is not None:
                base, said = translated.whole(ready.engine)
                said = (*translated.remarks, *said)
            elif ready.model.digest != recipe.model or ready.loaded.pipeline != recipe.pipeline:
                base, said = carried(recipe, ready.engine, ready.model)
            else:
                said = ()
            if wanted.beside:
                given, more = read_given(wanted, ready.loaded, base.width or 0, base.height or 0)
                base, names = with_inputs(base, recipe.pipeline, given, ready.loaded, names)
                said = (*said, *more)
        for remark in said:
            say(remark)
        model, loaded = ready.model, ready.loaded
        base = replace(
            base, model=model.digest, pipeline=loaded.pipeline, dtypes=loaded.dtypes, adapters=ready.adapters, batch=None
        )
    for remark in remarks(recorded, setting, wanted, imported=translated is not None):
        compare(remark)
    beside = Beside(model, adapter_models(setting.known, base), names)
    return open_recorded(library, bench, setting, base, beside, store_inputs(library, given), turn)


def _of_import(library: Library, entry: Entry, translated: Translated, wanted: Wanted) -> tuple[Recipe, Setting]:
    """(the recipe as far as its file says it, what it is rendered with). Raises `Blocked`."""
    if translated.obstacles:
        obstacles = " ".join(translated.obstacles)
        hint = f"{translated.hint} Or name another model." if translated.hint and wanted.model is None else translated.hint
        raise Blocked(f"Entry {entry.id} was made by {translated.tool}. {obstacles}", hint)
    assert translated.entry.recipe is not None
    options = Options(device=wanted.device, model=translated.place, allow_other_weights=translated.place is not None)
    setting = replace(setting_of(library, translated.entry, options), known=translated.known)
    return translated.entry.recipe, setting


def open_prepared(
    library: Library, engine: Engine, prepared: Prepared, inputs: Iterable[Blob], turn: RLock | None = None
) -> Renderer:
    """What renders recipes like those that were prepared for `engine`; `inputs` are theirs, in the image store."""
    known = {adapter.model.digest: adapter for adapter in prepared.adapters}
    beside = prepared.beside
    prepared = replace(prepared, inputs=())  # their bytes would stay in memory, those of every start

    def load(adapters: Adapters) -> Opened:
        weighed = [replace(known[item["digest"]], weight=item.get("weight")) for item in adapters]
        loaded = prepared.load(engine, weighed)
        return Opened(engine, loaded, engine.environment)

    return Renderer(library, prepared.plan.recipes[0], beside, load, inputs, turn)


def open_recorded(
    library: Library,
    bench: Bench,
    setting: Setting,
    base: Recipe,
    beside: Beside,
    inputs: Iterable[Blob] = (),
    turn: RLock | None = None,
) -> Renderer:
    """What renders recipes like `base` with a setting that is known whole, such as that of a run."""

    def load(adapters: Adapters) -> Opened:
        ready = bench.set_up(replace(setting, adapters=adapters))
        return Opened(ready.engine, ready.loaded, ready.environment)

    return Renderer(library, base, beside, load, inputs, turn)


def adapter_models(known: Mapping[str, Model], recipe: Recipe) -> tuple[Model, ...]:
    """What is known of the adapters of a recipe, in its order."""
    return tuple(known[item["digest"]] for item in recipe.adapters if item["digest"] in known)


def renderable(entry: Entry) -> Recipe:
    """The recipe of an entry, whole and for one image alone. Raises `Blocked` where there is none."""
    recipe = entry.recipe
    if recipe is None:
        raise Blocked(f"Entry {entry.id} has no recipe.", "It was added as an image alone.")
    if lacks := recipe.missing():
        raise Blocked(f"Entry {entry.id} has no whole recipe: it does not say {', '.join(lacks)}.", rendered_anew(entry))
    if entry.obstacles:
        raise Blocked(f"Entry {entry.id} cannot be rendered again: {' '.join(entry.obstacles)}")
    return replace(recipe, batch=None)


def check_own_noise(bank: Bank, entry: Entry) -> None:
    """Raises `Blocked` for an image of a batch whose noise was drawn after that of others: its seed does not give it."""
    batch = entry.recipe.batch if entry.recipe is not None else None
    if batch is not None and batch.get("index") and len(read_cohort(bank.blobs.get(batch["cohort"]))["seeds"]) < 2:
        raise Blocked(
            f"The noise of entry {entry.id} was drawn after that of others by one generator: its seed does not give it.",
            "Take an image with a seed of its own.",
        )
