"""The driver's side of the render process: start it, ask it, survive it. Needs no torch.

A worker is a process of its own because threads, instruction sets and some libraries' switches only take effect before
torch is imported, because another Python environment may have to render, and because rendering may die of memory.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from seedbank.engine.child import OnEvent, Worker
from seedbank.engine.recalling import Recalled, can_recall
from seedbank.engine.told import Loaded, Rendering, stages_in
from seedbank.environment import Environment
from seedbank.errors import BadInput, SeedbankError
from seedbank.posix import tell_of_forks
from seedbank.recipe import AS_IS, Recipe
from seedbank.worker.settings import variables_for

START_TIMEOUT = 600.0
"""Seconds for importing torch and diffusers; minutes on a cold network disk."""


class Engine:
    """One render process. It starts at the first request and ends with the ``with`` block.

        with Engine() as engine:
            loaded = engine.load({"kind": "folder", "path": "…", "pipeline": "ZImagePipeline"})
            rendering = engine.render(recipe)

    `profile` is restored to the letter; without one, `mode` decides. `on_event` gets {event: importing|loading|step,
    …}. Raises `Blocked`, `RenderFailed`, `BadInput` and `MissingEngine` with the worker's words.
    """

    def __init__(
        self,
        profile: Mapping[str, Any] | None = None,
        mode: str = AS_IS,
        python: str | os.PathLike[str] = sys.executable,
        device: str = "auto",
        dtype: str | Mapping[str, str] | None = None,
        on_event: OnEvent | None = None,
        timeout: float | None = None,
    ) -> None:
        self.profile = profile
        self.mode = mode
        self.python = _executable(os.fspath(python))
        self.wanted_device = device
        self.dtype = dtype
        self.on_event = on_event
        self.timeout = timeout
        """Seconds of silence after which a rendering counts as hung; every step is a sign of life."""
        self._recall = False
        self._begin_without()
        tell_of_forks(self)

    def _begin_without(self) -> None:
        self._asking = threading.RLock()
        self._worker: Worker | Recalled | None = None
        self._started: Mapping[str, Any] = {}
        self._loaded: Loaded | None = None

    def before_fork(self) -> None:
        """Nothing to do: see `after_fork`."""

    def after_fork(self, child: bool) -> None:
        """The render process is the parent's, which would hear the answers to what a child asks."""
        if child:
            self._begin_without()

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close(at_once=kind is not None and not issubclass(kind, SeedbankError))

    def close(self, at_once: bool = False) -> None:
        """End the worker and remove its folder; `at_once` does not wait for it."""
        if self._worker is not None:
            self._worker.close(at_once)
        self._worker, self._started, self._loaded = None, {}, None

    @contextmanager
    def recalling(self) -> Iterator[None]:
        """While the block runs, what the process has said before is not asked again, and it starts when it has to render.

        See `seedbank.engine.recalling`. A process that runs already is asked as ever.
        """
        self._recall = can_recall(self.python)
        try:
            yield
        finally:
            self._recall = False
            if isinstance(self._worker, Recalled) and not self._worker.started:
                self.close(at_once=True)

    @property
    def alive(self) -> bool:
        """Whether the render process runs; False before the first request and after it died."""
        return self._worker is not None and self._worker.alive

    @property
    def pid(self) -> int | None:
        """Process id of the worker; `None` while there is none."""
        return self._worker.pid if self._worker is not None else None

    @property
    def loaded(self) -> Loaded | None:
        """The current pipeline: what `load` gave last in this process."""
        return self._loaded

    @property
    def environment(self) -> Environment:
        """What the worker runs in; once a pipeline is loaded, with its settings under ``profile.pipeline``."""
        self._start()
        parts = dict(self._started["environment"])
        if self._loaded is not None:
            parts["profile"] = self._loaded.description["profile"]
        return Environment(parts)

    @property
    def device(self) -> str:
        """The device that the worker uses: ``cpu``, ``cuda``, ``cuda:1``, ``mps``."""
        self._start()
        return str(self._started["device"])

    @property
    def unrestored(self) -> list[tuple[str, Any, Any]]:
        """Settings of the profile that could not be restored, as (name, wanted, got)."""
        self._start()
        missed = [(str(name), wanted, got) for name, wanted, got in self._started["unrestored"]]
        return missed + list(self._loaded.unrestored if self._loaded is not None else ())

    def load(self, source: Mapping[str, Any]) -> Loaded:
        """Load a pipeline, or take it from those already loaded, and make it the current one.

        `source`: {kind: folder|file, path, pipeline, config?, variant?, dtype?, settings?, adapters?}; `dtype` is a name or
        {component: name} and defaults to the engine's, `settings` (``profile.pipeline``) to the profile's. The driver
        has checked the files and the class.
        """
        model: dict[str, Any] = {"dtype": self.dtype, "settings": (self.profile or {}).get("pipeline"), **source}
        # The worker has a folder of its own, so relative paths would lead it astray.
        model |= {name: os.path.abspath(model[name]) for name in ("path", "config") if model.get(name)}
        said = self._ask("load", model=model)
        self._loaded = Loaded.read(said)
        return self._loaded

    def render(
        self,
        recipe: Recipe,
        inputs: Mapping[str, Path] | None = None,
        trace: str = "stages",
        keep_latents: bool = False,
        reuse_texts: bool = False,
    ) -> Rendering:
        """Render `recipe` with the current pipeline. `inputs` maps roles to files; `trace` is ``none``, ``stages``.

        With `reuse_texts` texts that it has encoded before are not encoded again (`seedbank.worker.remembering`).
        """
        return self.render_batch(recipe, inputs, trace, keep_latents, reuse_texts)[0]

    def render_batch(
        self,
        recipe: Recipe,
        inputs: Mapping[str, Path] | None = None,
        trace: str = "stages",
        keep_latents: bool = False,
        reuse_texts: bool = False,
    ) -> list[Rendering]:
        """Every image of one forward pass; a recipe whose batch has a size and no index renders so many. As `render`."""
        key = self._current().key
        out = Path(tempfile.mkdtemp(dir=self._running().folder))
        paths = {role: str(path) for role, path in (inputs or {}).items()}
        try:
            wanted = {"recipe": recipe.to_dict(), "inputs": paths, "trace": trace, "keep_latents": keep_latents}
            said = self._ask("render", key=key, out=str(out), reuse_texts=reuse_texts, **wanted)
            pictures = [Path(file).read_bytes() for file in said["files"]]
            state = Path(said["random_state"]).read_bytes() if "random_state" in said else None
            latents = Path(said["latents"]).read_bytes() if "latents" in said else None
        finally:
            shutil.rmtree(out, ignore_errors=True)
        return Rendering.read(said, pictures, state, latents, traced=trace != "none")

    def first_stages(
        self, recipe: Recipe, inputs: Mapping[str, Path] | None = None, steps: int = 1
    ) -> tuple[tuple[str, str], ...]:
        """The trace up to the end of `steps` denoising steps, fewer than the recipe has; no picture is made."""
        said, _ = self._begin(recipe, inputs, steps=steps, trace="stages")
        return stages_in(said)

    def latents(self, recipe: Recipe, inputs: Mapping[str, Path] | None = None, steps: int = -1) -> bytes:
        """The sample after so many denoising steps (-1: after the last) as a safetensors file with one tensor.

        With 0 steps it is the noise as the pipeline draws it. Raises `BadInput` when there are fewer steps.
        """
        said, latents = self._begin(recipe, inputs, steps=steps, trace="none", keep_latents=True)
        if latents is None or ("files" in said and steps != -1):
            raise BadInput(
                f"This recipe has fewer than {steps} denoising steps." if steps > 0 else "This recipe draws no noise."
            )
        return latents

    def decode(self, recipe: Recipe, latents: Path, inputs: Mapping[str, Path] | None = None) -> tuple[str, int, int, bytes]:
        """(mode, width, height, rows): what the pipeline makes of the tensor in the file `latents`, called with `recipe`."""
        said, rows = self._begin(recipe, inputs, given_latents=os.path.abspath(latents), trace="none")
        assert rows is not None
        return said["mode"], said["width"], said["height"], rows

    def _begin(self, recipe: Recipe, inputs: Mapping[str, Path] | None, **request: Any) -> tuple[dict[str, Any], bytes | None]:
        """(what the worker said, the latents or else the pixels that it wrote)."""
        paths = {role: str(path) for role, path in (inputs or {}).items()}
        key, out = self._current().key, Path(tempfile.mkdtemp(dir=self._running().folder))
        try:
            said = self._ask("render", key=key, recipe=recipe.to_dict(), inputs=paths, out=str(out), **request)
            file = said.get("latents") or next(iter(said.get("files", ())), None)
            return said, None if file is None else Path(file).read_bytes()
        finally:
            shutil.rmtree(out, ignore_errors=True)

    def scheduler(self, name: str, settings: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """{class, config} for a recipe: the scheduler `name` with the pipeline's settings and `settings` over them."""
        return dict(self._ask("scheduler", key=self._current().key, name=name, settings=dict(settings or {})))

    def lost_words(self, prompt: str, name: str = "prompt", max_sequence_length: int | None = None) -> list[str]:
        """The words at the end of `prompt` that the current pipeline cuts off when given as its argument `name`."""
        key = self._current().key
        return list(self._ask("lost_words", key=key, field=name, prompt=prompt, max_sequence_length=max_sequence_length))

    def unload(self) -> None:
        """Free the memory of every loaded pipeline; the process stays."""
        if self._worker is not None:
            self._ask("unload")
        self._loaded = None

    # -- one request ---------------------------------------------------------------------------------------------------

    def _ask(self, verb: str, **request: Any) -> Any:
        with self._asking:  # one request at a time, also of several threads
            self._start()
            worker = self._running()
            try:
                return worker.ask(verb, request, self.on_event, self.timeout)
            finally:
                if not worker.alive:
                    self.close(at_once=True)

    def _start(self) -> None:
        if self._worker is not None and self._worker.alive:
            return
        with self._asking:
            self._begin_process()

    def _begin_process(self) -> None:
        self.close(at_once=True)
        environ = variables_for(self.profile, self.mode)
        start = partial(Worker, self.python, environ)
        self._worker = Recalled(start, self.python, environ) if self._recall else start()
        request = {"profile": self.profile, "mode": self.mode, "device": self.wanted_device}
        try:
            self._started = self._worker.ask("start", request, self.on_event, START_TIMEOUT)
        except BaseException:
            self.close(at_once=True)
            raise

    def _running(self) -> Worker | Recalled:
        assert self._worker is not None
        return self._worker

    def _current(self) -> Loaded:
        if self._loaded is None:
            raise BadInput("No pipeline is loaded.", "Call Engine.load first.")
        return self._loaded


def _executable(python: str) -> str:
    """The absolute path of an interpreter; symbolic links stay, since a virtual environment is known by them."""
    found = shutil.which(python)
    return os.path.abspath(found or python)
