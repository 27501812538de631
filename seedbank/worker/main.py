"""The loop: requests as JSON lines on stdin, answers on what was stdout when the process started.

stdout itself is joined to stderr before any library is imported, since libraries print; stdin is closed to them, since
some ask questions. When the driver goes away, stdin ends, and a thread ends the process at once, whatever it is
computing.

Request: ``{"id": n, "do": name, …}``. Answers: ``{"id": n, "event": name, …}`` any number of times, then
``{"id": n, "result": …}`` or ``{"id": n, "error": {kind, message, hint, detail}}``.
"""

from __future__ import annotations

import gc
import json
import os
import queue
import shutil
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import IO, Any

from .refusal import BAD_INPUT, FAILED, MISSING, Refusal
from .uncollected import uncollected

Emit = Callable[[dict[str, Any]], None]
REQUIRED = ("torch", "diffusers", "transformers")


class Session:
    """What one driver does with this process: start it once, load pipelines, render."""

    def __init__(self) -> None:
        self._device = "cpu"
        self._shelf: Any = None

    def start(self, emit: Emit, profile: Mapping[str, Any] | None, mode: str, device: str) -> dict[str, Any]:
        """Import the libraries, restore the settings, describe the environment."""
        emit({"event": "importing"})
        import_libraries()
        if self._shelf is None:
            gc.freeze()  # the libraries stay, so they are never looked through; pipelines come and go
        import torch

        from . import capture, settings
        from .loading import Shelf, choose_device

        self._device = choose_device(device)
        if self._device.startswith("cuda"):
            torch.cuda.init()  # some of its settings can only be read from then on
        if self._device.startswith("cuda:"):
            torch.cuda.set_device(self._device)
        unrestored = settings.restore(profile, mode)
        self._shelf = Shelf(self._device, mode)
        parts = capture.environment_parts(self._device)
        return {"environment": parts, "device": self._device, "unrestored": unrestored}

    def load(self, emit: Emit, model: Mapping[str, Any]) -> dict[str, Any]:
        """Load a pipeline, or find it among the loaded ones."""
        from .describe import describe
        from .loading import LoadRequest
        from .settings import read_profile

        emit({"event": "loading"})
        loaded = self._started().load(LoadRequest.from_dict(model))
        description = describe(loaded.pipe)
        profile = {**read_profile(self._device), "pipeline": description["settings"]}
        answer = {
            "key": loaded.key,
            "device": loaded.device,
            "seconds": loaded.seconds,
            "unrestored": loaded.unrestored,
        }
        return {**description, **answer, "profile": profile}

    def scheduler(self, emit: Emit, key: str, name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
        """{class, config} of the scheduler `name` for a loaded pipeline, with `settings` over the pipeline's own."""
        from .calling import exchanged_scheduler
        from .describe import describe_scheduler

        return describe_scheduler(exchanged_scheduler(self._started().get(key).pipe, name, settings))

    def lost_words(self, emit: Emit, key: str, field: str, prompt: str, max_sequence_length: int | None) -> list[str]:
        """The words of a prompt that the pipeline cuts off."""
        from .describe import lost_words

        return lost_words(self._started().get(key).pipe, field, prompt, max_sequence_length)

    def render(
        self,
        emit: Emit,
        key: str,
        recipe: Mapping[str, Any],
        inputs: Mapping[str, str],
        trace: str,
        out: str,
        keep_latents: bool = False,
        steps: int | None = None,
        given_latents: str | None = None,
        reuse_texts: bool = False,
    ) -> dict[str, Any]:
        """Render one image into the folder `out`, or only the beginning of one, `steps` long, or only the end of one."""
        from .render import render

        def on_step(done: int, total: int) -> None:
            emit({"event": "step", "step": done, "of": total})

        pipeline = self._started().get(key)
        return render(pipeline, recipe, Path(out), inputs, trace, on_step, keep_latents, steps, given_latents, reuse_texts)

    def unload(self, emit: Emit) -> None:
        """Forget every loaded pipeline."""
        self._started().clear()

    def _started(self) -> Any:
        if self._shelf is None:
            raise Refusal(BAD_INPUT, "The worker was not started.")
        return self._shelf


VERBS = ("start", "load", "scheduler", "lost_words", "render", "unload")


@uncollected()
def import_libraries() -> None:
    """Import torch and diffusers. Raises `Refusal` of the kind ``missing`` that names what is not installed."""
    import importlib

    for name in REQUIRED:
        try:
            importlib.import_module(name)
        except ImportError as error:
            what = error.name or name
            hint = f"{sys.executable} -m pip install torch diffusers transformers"
            raise Refusal(MISSING, f"{what} cannot be imported by {sys.executable}.", hint) from error


def answer(session: Session, request: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """The answer to one request; whatever happens, the worker lives on."""
    verb = request.pop("do", None)
    try:
        if verb not in VERBS:
            raise Refusal(BAD_INPUT, f"There is no request {verb!r}.")
        return {"result": getattr(session, verb)(emit, **request)}
    except Refusal as refusal:
        return {
            "error": {
                "kind": refusal.kind,
                "message": refusal.message,
                "hint": refusal.hint,
                "detail": traceback.format_exc(),
            }
        }
    except Exception as error:
        message = f"The render process broke while it did {verb!r}: {type(error).__name__}: {error}"
        return {"error": {"kind": FAILED, "message": message, "hint": "", "detail": traceback.format_exc()}}


def main(folder: str) -> None:
    """Answer requests until stdin ends or ``stop`` comes. `folder` is the driver's, removed when the driver is gone."""
    requests_in, answers_out = _private_streams()
    pending: queue.Queue[dict[str, Any]] = queue.Queue()
    threading.Thread(target=_read_requests, args=(requests_in, pending, folder), daemon=True).start()

    def send(message: dict[str, Any]) -> None:
        try:
            answers_out.write(json.dumps(message) + "\n")
            answers_out.flush()
        except BrokenPipeError:
            os._exit(0)

    def tell(number: dict[str, Any], event: dict[str, Any]) -> None:
        send(number | event)

    session = Session()
    while (request := pending.get()).get("do") != "stop":
        number = {"id": request.pop("id", None)}
        send(number | answer(session, request, partial(tell, number)))
    # Not sys.exit: threads of libraries must not keep a process alive that has nothing left to do.
    os._exit(0)


def _private_streams() -> tuple[IO[str], IO[str]]:
    """The streams of the protocol, out of reach of libraries that print or ask."""
    requests_in = os.fdopen(os.dup(0), encoding="utf-8")
    answers_out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return requests_in, answers_out


def _read_requests(stream: IO[str], pending: queue.Queue[dict[str, Any]], folder: str) -> None:
    for line in stream:
        pending.put(json.loads(line))
    # The driver is gone, perhaps killed: nobody else would remove its folder.
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)
