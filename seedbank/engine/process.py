"""The driver's side of the render process: start it, ask it, survive it. Needs no torch.

A worker is a process of its own because threads, instruction sets and some libraries' switches only take effect before
torch is imported, because another Python environment may have to render, and because rendering may die of memory.
"""

from __future__ import annotations

import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from seedbank.environment import Environment
from seedbank.errors import BadInput, Blocked, MissingEngine, RenderFailed, SeedbankError
from seedbank.hashing import pixel_digest
from seedbank.recipe import AS_IS, Recipe
from seedbank.worker.settings import variables_for

WORKER = Path(__file__).resolve().parent.parent / "worker"
BOOTSTRAP = """
import importlib, importlib.util, sys
folder = sys.argv[1]
spec = importlib.util.spec_from_file_location(
    "seedbank_worker", folder + "/__init__.py", submodule_search_locations=[folder]
)
package = sys.modules["seedbank_worker"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(package)
importlib.import_module("seedbank_worker." + sys.argv[2]).main(*sys.argv[3:])
"""
OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
"""Files are resolved before the worker starts; nothing in it may reach for the network."""
ERRORS: dict[str, type[SeedbankError]] = {
    "blocked": Blocked,
    "failed": RenderFailed,
    "bad-input": BadInput,
    "missing": MissingEngine,
}
START_TIMEOUT = 600.0
"""Seconds for importing torch and diffusers; minutes on a cold network disk."""
PARTING = 5.0
"""Seconds that a worker gets to stop by itself."""
LAST_LINES = 12

OnEvent = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True)
class Loaded:
    """A pipeline in the worker's memory, as it described itself."""

    key: str
    pipeline: str
    dtypes: Mapping[str, str]
    scheduler: Mapping[str, Any] | None
    call: Mapping[str, Mapping[str, Any]]
    """{argument: {default, annotation}}; no default when JSON has no word for it."""
    sizes: Mapping[str, int]
    """{vae_scale_factor, width, height}: what it renders when it is told no size."""
    device: str
    seconds: float
    unrestored: tuple[tuple[str, Any, Any], ...]
    """Settings of the pipeline that could not be restored: (name, wanted, got)."""
    description: Mapping[str, Any]
    """Everything that the worker said, the above included."""


@dataclass(frozen=True)
class Rendering:
    """One image and how it came about. `rows` are the raw pixels from the top; `trace` ends with ``pixels``."""

    mode: str
    width: int
    height: int
    rows: bytes = field(repr=False)
    digest: str
    trace: tuple[tuple[str, str], ...]
    seconds: Mapping[str, float]
    peak_memory: int
    flags: Mapping[str, Any]
    random_state: bytes | None = field(default=None, repr=False)
    """Global random states before the call, when it drew from them: an input of the role ``rng-state`` replays it."""


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
        self.python = os.fspath(python)
        self.wanted_device = device
        self.dtype = dtype
        self.on_event = on_event
        self.timeout = timeout
        """Seconds of silence after which a rendering counts as hung; every step is a sign of life."""
        self._worker: _Worker | None = None
        self._started: Mapping[str, Any] = {}
        self._loaded: Loaded | None = None

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close(at_once=kind is not None and not issubclass(kind, SeedbankError))

    def close(self, at_once: bool = False) -> None:
        """End the worker and remove its folder; `at_once` does not wait for it."""
        if self._worker is not None:
            self._worker.close(at_once)
        self._worker, self._started, self._loaded = None, {}, None

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

        `source`: {kind: folder|file, path, pipeline, config?, variant?, dtype?, settings?}; `dtype` is a name or
        {component: name} and defaults to the engine's, `settings` (``profile.pipeline``) to the profile's. The driver
        has checked the files and the class.
        """
        model: dict[str, Any] = {"dtype": self.dtype, "settings": (self.profile or {}).get("pipeline"), **source}
        said = self._ask("load", model=model)
        missed = tuple((str(name), wanted, got) for name, wanted, got in said["unrestored"])
        names = ("key", "pipeline", "dtypes", "scheduler", "call", "sizes", "device", "seconds")
        self._loaded = Loaded(**{name: said[name] for name in names}, unrestored=missed, description=said)
        return self._loaded

    def render(self, recipe: Recipe, inputs: Mapping[str, Path] | None = None, trace: str = "stages") -> Rendering:
        """Render `recipe` with the current pipeline. `inputs` maps roles to files; `trace` is ``none``, ``stages``."""
        key = self._current().key
        out = Path(tempfile.mkdtemp(dir=self._running().folder))
        paths = {role: str(path) for role, path in (inputs or {}).items()}
        try:
            said = self._ask("render", key=key, recipe=recipe.to_dict(), inputs=paths, trace=trace, out=str(out))
            rows = Path(said["file"]).read_bytes()
            state = Path(said["random_state"]).read_bytes() if "random_state" in said else None
        finally:
            shutil.rmtree(out, ignore_errors=True)
        mode, width, height = said["mode"], said["width"], said["height"]
        digest = pixel_digest(mode, width, height, rows)
        stages = [(str(stage), str(value)) for stage, value in said["trace"]] + [("pixels", digest)] * (trace != "none")
        return Rendering(
            mode, width, height, rows, digest, tuple(stages), said["seconds"], said["peak_memory"], said["flags"], state
        )

    def scheduler(self, name: str, settings: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """{class, config} for a recipe: the scheduler `name` with the pipeline's settings and `settings` over them."""
        return dict(self._ask("scheduler", key=self._current().key, name=name, settings=dict(settings or {})))

    def lost_words(self, prompt: str, name: str = "prompt", max_sequence_length: int | None = None) -> list[str]:
        """The words at the end of `prompt` that the current pipeline cuts off when given as its argument `name`."""
        key = self._current().key
        return list(
            self._ask("lost_words", key=key, field=name, prompt=prompt, max_sequence_length=max_sequence_length)
        )

    def unload(self) -> None:
        """Free the memory of every loaded pipeline; the process stays."""
        if self._worker is not None:
            self._ask("unload")
        self._loaded = None

    # -- one request ---------------------------------------------------------------------------------------------------

    def _ask(self, verb: str, **request: Any) -> Any:
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
        self.close(at_once=True)
        self._worker = _Worker(self.python, variables_for(self.profile, self.mode))
        request = {"profile": self.profile, "mode": self.mode, "device": self.wanted_device}
        try:
            self._started = self._worker.ask("start", request, self.on_event, START_TIMEOUT)
        except BaseException:
            self.close(at_once=True)
            raise

    def _running(self) -> _Worker:
        assert self._worker is not None
        return self._worker

    def _current(self) -> Loaded:
        if self._loaded is None:
            raise BadInput("No pipeline is loaded.", "Call Engine.load first.")
        return self._loaded


class _Worker:
    """The process, its pipes and its folder."""

    def __init__(self, python: str, environ: Mapping[str, str]) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="seedbank-"))
        self._log = self.folder / "stderr"
        try:
            with self._log.open("wb") as log:
                # A session of its own: Ctrl-C in the terminal reaches only the driver, which then ends the worker.
                self._process = subprocess.Popen(
                    worker_command(python, "main"),
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                    env={**environ, **OFFLINE}, cwd=self.folder, start_new_session=True, encoding="utf-8",
                    errors="replace",
                )  # fmt: skip
        except OSError as error:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise MissingEngine(
                f"{python} cannot be started: {error.strerror}.", "Name another one with --python."
            ) from error
        self._answers: queue.Queue[dict[str, Any] | None] = queue.Queue()
        threading.Thread(target=_listen, args=(self._process.stdout, self._answers), daemon=True).start()
        self._number = 0

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, verb: str, request: Mapping[str, Any], on_event: OnEvent | None, timeout: float | None) -> Any:
        """The result of one request; events on the way go to `on_event`. Whatever interrupts it ends the worker."""
        self._number += 1
        try:
            self._send({"id": self._number, "do": verb, **request})
            while True:
                message = self._next(timeout)
                if message.get("id") != self._number:
                    continue
                if "error" in message:
                    raise _as_error(message["error"])
                if "result" in message:
                    return message["result"]
                if on_event is not None:
                    on_event({name: value for name, value in message.items() if name != "id"})
        except SeedbankError:
            raise
        except BaseException:
            self.close(at_once=True)
            raise

    def _send(self, message: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
        except (BrokenPipeError, ValueError, OSError):
            raise self._death() from None

    def _next(self, timeout: float | None) -> dict[str, Any]:
        try:
            message = self._answers.get(timeout=timeout)
        except queue.Empty:
            self.close(at_once=True)
            raise RenderFailed(
                f"The render process said nothing for {timeout:g} seconds and was ended.", "Allow it more time."
            ) from None
        if message is None:
            raise self._death()
        return message

    def _death(self) -> RenderFailed:
        code = _wait(self._process, PARTING)
        said = "\n".join(self._log.read_text(errors="replace").splitlines()[-LAST_LINES:]) if self._log.exists() else ""
        self.close(at_once=True)
        if code is not None and code < 0:
            how = f"signal {-code}, {_signal_name(-code)}"
        else:
            how = f"exit status {code}"
        hint = (
            "It was probably out of memory: try a smaller size, or --dtype bfloat16."
            if code in (-signal.SIGKILL, 137)
            else ""
        )
        return RenderFailed(f"The render process died ({how})." + (f" Its last words:\n{said}" if said else ""), hint)

    def close(self, at_once: bool) -> None:
        if not at_once and self.alive:
            self._part()
        if self.alive:
            self._process.kill()
        _wait(self._process, PARTING)
        for stream in (self._process.stdin, self._process.stdout):
            _close(stream)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _part(self) -> None:
        try:
            self._send({"do": "stop"})
        except SeedbankError:
            return
        _wait(self._process, PARTING)


def worker_command(python: str, module: str, *arguments: str) -> Sequence[str]:
    """The command that runs ``main(*arguments)`` of a module of the worker in any Python environment."""
    return [python, "-c", BOOTSTRAP, str(WORKER), module, *arguments]


def _listen(stream: IO[str], answers: queue.Queue[dict[str, Any] | None]) -> None:
    try:
        for line in stream:
            # Something may have been printed by the interpreter's start-up before the worker took the stream for
            # itself.
            if line.startswith('{"id":'):
                answers.put(json.loads(line))
    except ValueError:
        pass
    answers.put(None)


def _as_error(error: Mapping[str, Any]) -> SeedbankError:
    raised = ERRORS[error["kind"]](error["message"], error["hint"])
    raised.add_note(error["detail"])
    return raised


def _wait(process: subprocess.Popen[str], seconds: float) -> int | None:
    try:
        return process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return None


def _close(stream: IO[str] | None) -> None:
    try:
        if stream is not None:
            stream.close()
    except OSError:
        pass


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"
