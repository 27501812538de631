"""Render recipes that share a model, one after the other, and record each: what sweep, vary and blend have in common."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any

from seedbank.bank import Bank
from seedbank.environment import Environment
from seedbank.errors import Blocked, StorageError
from seedbank.explore.ahead import ahead
from seedbank.recipe import Recipe, input_key
from seedbank.recording.generate import lost_words
from seedbank.recording.rendered import Beside, check_rendered_size, record_rendering
from seedbank.records import Blob, Entry

if TYPE_CHECKING:
    from seedbank.engine.process import Engine
    from seedbank.engine.told import Loaded, Rendering
    from seedbank.store.writing import Act

Adapters = tuple[Mapping[str, Any], ...]
"""The adapters of a recipe, with their weights: what has to be loaded anew when it changes."""


@dataclass(frozen=True)
class Opened:
    """A pipeline in a running process: what renders, what the pipeline says of itself, and what is recorded as environment."""

    engine: Engine
    loaded: Loaded
    environment: Environment

    @property
    def is_current(self) -> bool:
        """Whether its process would render with this pipeline, whoever loaded it last."""
        current = self.engine.loaded
        return current is not None and current.key == self.loaded.key


@dataclass(frozen=True)
class Made:
    """An image that was rendered and is not recorded yet."""

    recipe: Recipe
    rendering: Rendering
    environment: Environment


class Renderer:
    """Renders recipes that share a model and records them. A context manager: their inputs lie in a folder meanwhile.

    `load(adapters)` makes the pipeline with these adapters the current one of its process. It is called when a recipe needs
    other adapters than the one before, when the process died, and when somebody else used the process in between. Renderers
    that take turns at one process, from several threads, share `turn`.
    """

    def __init__(
        self,
        bank: Bank,
        base: Recipe,
        beside: Beside,
        load: Callable[[Adapters], Opened],
        inputs: Iterable[Blob] = (),
        turn: RLock | None = None,
    ) -> None:
        self.base = base
        self.beside = beside
        self._bank = bank
        self._load = load
        self._blobs = {blob.digest: blob for blob in inputs}
        self._turn = turn or RLock()
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

    @property
    def opened_before(self) -> Opened:
        """The pipeline as it was opened last; it need not be the current one of its process any more."""
        return self._opened[1] if self._opened is not None else self.opened

    def open(self, adapters: Adapters) -> Opened:
        """The pipeline with these adapters, loaded when it is not the current one. Raises `Blocked`."""
        with self._turn:
            if self._opened is not None:
                known, opened = self._opened
                if known == adapters and opened.engine.alive and opened.is_current:
                    return opened
            self._opened = adapters, self._load(adapters)
            return self._opened[1]

    @property
    def inputs(self) -> tuple[Blob, ...]:
        """The inputs that are known to be in the image store."""
        return tuple(self._blobs.values())

    def render(self, recipe: Recipe) -> Made:
        """One image. Raises `Blocked`, `BadInput` or `RenderFailed`."""
        with self._turn:
            opened = self.open(recipe.adapters)
            rendering = opened.engine.render(recipe, self.files(recipe), reuse_texts=True)
        check_rendered_size(recipe, rendering)
        return Made(recipe, rendering, opened.environment)

    def scheduler(self, name: str, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """{class, config} of a scheduler for this pipeline, see `Engine.scheduler`."""
        with self._turn:
            return self.opened.engine.scheduler(name, settings)

    def lost_words(self, recipe: Recipe) -> list[str]:
        """One remark for each text of a recipe that is longer than its tokenizer takes."""
        with self._turn:
            return lost_words(self.opened.engine, recipe)

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
        act: Act | None = None,
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
            act=act,
        )

    def render_all(
        self, recipes: Iterable[Recipe], act: Act, *, parents: Sequence[tuple[int, str]], tags: Sequence[str] = ()
    ) -> Iterator[Entry]:
        """Render them in order and record each, while the next one is being rendered; all are one operation."""
        for _, made in ahead(self.render, recipes, self.stop):
            yield self.record(made, parents=parents, tags=tags, act=act)

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
