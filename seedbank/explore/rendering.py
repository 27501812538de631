"""Render recipes that share a model, one after the other, and record each: what sweep, vary and blend have in common.

What an entry was made with (weights, adapters, inputs, settings of the process) is opened as a regeneration does it, so
that a changed recipe differs from the recorded one in nothing but what was changed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seedbank.bank import Bank
from seedbank.cohort import read_cohort
from seedbank.environment import Environment
from seedbank.errors import Blocked, StorageError
from seedbank.explore.ahead import ahead
from seedbank.progress import QUIET, Progress, track
from seedbank.recipe import Recipe, input_key
from seedbank.recording.generate import Beside, Prepared, check_rendered_size, record_rendering
from seedbank.records import Blob, Entry
from seedbank.regen.service import Options, setting_of

if TYPE_CHECKING:
    from seedbank.api import Library
    from seedbank.engine.process import Engine, Loaded, Rendering

Adapters = tuple[Mapping[str, Any], ...]
"""The adapters of a recipe, with their weights: what has to be loaded anew when it changes."""


@dataclass(frozen=True)
class Opened:
    """A pipeline in a running process: what renders, what the pipeline says of itself, and what is recorded as environment."""

    engine: Engine
    loaded: Loaded
    environment: Environment


@dataclass(frozen=True)
class Made:
    """An image that was rendered and is not recorded yet."""

    recipe: Recipe
    rendering: Rendering
    environment: Environment


class Renderer:
    """Renders recipes that share a model and records them. A context manager: their inputs lie in a folder meanwhile.

    `load(adapters)` makes the pipeline with these adapters the current one of its process. It is called when a recipe needs
    other adapters than the one before, when the process died, and when somebody else used the process in between.
    """

    def __init__(
        self,
        bank: Bank,
        base: Recipe,
        beside: Beside,
        load: Callable[[Adapters], Opened],
        inputs: Iterable[Blob] = (),
    ) -> None:
        self.base = base
        self.beside = beside
        self._bank = bank
        self._load = load
        self._blobs = {blob.digest: blob for blob in inputs}
        self._opened: tuple[Adapters, Opened] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Renderer:
        self._folder = tempfile.TemporaryDirectory(prefix="seedbank-")
        return self

    def __exit__(self, *_: object) -> None:
        if self._folder is not None:
            self._folder.cleanup()

    @property
    def opened(self) -> Opened:
        """The pipeline with the adapters of the base recipe."""
        return self.open(self.base.adapters)

    def open(self, adapters: Adapters) -> Opened:
        """The pipeline with these adapters, loaded when it is not the current one. Raises `Blocked`."""
        if self._opened is not None:
            known, opened = self._opened
            if known == adapters and opened.engine.alive and opened.engine.loaded is opened.loaded:
                return opened
        self._opened = adapters, self._load(adapters)
        return self._opened[1]

    def add_inputs(self, blobs: Iterable[Blob]) -> None:
        """Let recipes have these inputs too, whose bytes are in the image store already."""
        self._blobs |= {blob.digest: blob for blob in blobs}

    def render(self, recipe: Recipe) -> Made:
        """One image. Raises `Blocked`, `BadInput` or `RenderFailed`."""
        opened = self.open(recipe.adapters)
        rendering = opened.engine.render(recipe, self.files(recipe), reuse_texts=True)
        check_rendered_size(recipe, rendering)
        return Made(recipe, rendering, opened.environment)

    def stop(self) -> None:
        """End the render process, whatever it is computing; the next rendering starts another."""
        if self._opened is not None:
            self._opened[1].engine.close(at_once=True)

    def files(self, recipe: Recipe) -> dict[str, Path]:
        """{key of an input: a file with its bytes} for the render process. Raises `Blocked`."""
        return {input_key(item): self._file(item) for item in recipe.inputs}

    def record(
        self,
        made: Made,
        *,
        parents: Sequence[tuple[int, str]] = (),
        tags: Sequence[str] = (),
        run: int | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> Entry:
        """Record what `render` gave."""
        return record_rendering(
            self._bank,
            made.environment,
            made.recipe,
            self.beside,
            made.rendering,
            inputs=[self._blob(item["digest"]) for item in made.recipe.inputs],
            tags=tags,
            parents=parents,
            run=run,
            details=details,
        )

    def render_all(
        self, recipes: Iterable[Recipe], *, parents: Sequence[tuple[int, str]], tags: Sequence[str] = (), run: int | None = None
    ) -> Iterator[Entry]:
        """Render them in order and record each, while the next one is being rendered."""
        for _, made in ahead(self.render, recipes, self.stop):
            yield self.record(made, parents=parents, tags=tags, run=run)

    def _blob(self, digest: str) -> Blob:
        if digest not in self._blobs:
            self._blobs[digest] = self._bank.store.blob(digest)
        return self._blobs[digest]

    def _file(self, item: Mapping[str, Any]) -> Path:
        """The input as a file for the render process, written once."""
        assert self._folder is not None, "a Renderer is used as a context manager"
        path = Path(self._folder.name, str(item["digest"]))
        if not path.exists():
            try:
                path.write_bytes(self._bank.blobs.get(item["digest"]))
            except StorageError as error:
                raise Blocked(f"The recorded input {item['role']} cannot be read: {error.message}", error.hint) from None
        return path


def open_entry(library: Library, entry: Entry, device: str | None = None) -> Renderer:
    """What renders recipes like that of `entry`: its weights, adapters and inputs verified, its settings put back.

    `device` is another one than the recorded. Raises `Blocked` for an entry that cannot be rendered here, and says why.
    """
    recipe = renderable(entry)
    setting = setting_of(library, entry, Options(device=device))

    def load(adapters: Adapters) -> Opened:
        ready = library.bench.set_up(replace(setting, adapters=adapters))
        return Opened(ready.engine, ready.loaded, ready.environment)

    adapters = tuple(setting.known[item["digest"]] for item in recipe.adapters if item["digest"] in setting.known)
    return Renderer(library, recipe, Beside(entry.model, adapters, entry.details.get("inputs", {})), load)


def open_prepared(library: Library, engine: Engine, prepared: Prepared, inputs: Iterable[Blob]) -> Renderer:
    """What renders recipes like those that were prepared for `engine`; `inputs` are theirs, in the image store."""
    known = {adapter.model.digest: adapter for adapter in prepared.adapters}

    def load(adapters: Adapters) -> Opened:
        weighed = [replace(known[item["digest"]], weight=item.get("weight")) for item in adapters]
        loaded = prepared.load(engine, weighed)
        return Opened(engine, loaded, engine.environment)

    return Renderer(library, prepared.plan.recipes[0], prepared.beside, load, inputs)


def renderable(entry: Entry) -> Recipe:
    """The recipe of an entry, whole and for one image alone. Raises `Blocked` where there is none."""
    recipe = entry.recipe
    if recipe is None:
        raise Blocked(f"Entry {entry.id} has no recipe.", "It was added as an image alone.")
    if lacks := recipe.missing():
        raise Blocked(f"Entry {entry.id} has no whole recipe: it does not say {', '.join(lacks)}.")
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


def render_recipes(
    library: Library,
    base: Entry,
    recipes: Iterable[Recipe],
    *,
    parents: Sequence[tuple[int, str]] | None = None,
    tags: Sequence[str] = (),
    inputs: Iterable[Blob] = (),
    run: int | None = None,
    device: str | None = None,
    progress: Progress = QUIET,
    label: str = "render",
) -> Iterator[Entry]:
    """Render recipes that were made by changing that of `base`, and yield each as an entry once it is recorded.

    parents   (id, kind of edge) of every new entry; by default it is a `variant-of` the base
    inputs    inputs that the base does not have, whose bytes are in the image store already
    device    another one than that on which the base was rendered

    Raises `Blocked` before the first rendering when the base cannot be rendered here. Interrupting it loses at most the
    image being rendered.
    """
    edges = [(base.id, "variant-of")] if parents is None else parents
    with open_entry(library, base, device) as renderer:
        renderer.add_inputs(inputs)
        yield from renderer.render_all(track(progress, recipes, label), parents=edges, tags=tags, run=run)
