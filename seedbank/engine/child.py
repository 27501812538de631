"""The child process: start it, ask it, survive it. The protocol is described in `seedbank.worker.main`."""

from __future__ import annotations

import json
import queue
import re
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from seedbank.errors import BadInput, Blocked, MissingEngine, RenderFailed, SeedbankError

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
PATIENT = {"OMP_WAIT_POLICY": "PASSIVE"}
"""Unless the user says otherwise: threads that spin while they wait make a busy machine ten times slower (measured on
2 cores under a load of 4: 3 to 12 s an image instead of 0.6 s). How threads wait changes no bit."""
ERRORS: dict[str, type[SeedbankError]] = {
    "blocked": Blocked,
    "failed": RenderFailed,
    "bad-input": BadInput,
    "missing": MissingEngine,
}
PARTING = 5.0
"""Seconds that a worker gets to stop by itself."""
LAST_LINES = 12
BAR = re.compile(r"\d%\|.*\| *\d+/\d+ \[")
"""A progress bar as tqdm draws it."""

OnEvent = Callable[[Mapping[str, Any]], None]


class Worker:
    """The process, its pipes and its folder."""

    def __init__(self, python: str, environ: Mapping[str, str]) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="seedbank-"))
        self._log = self.folder / "stderr"
        try:
            with self._log.open("wb") as log:
                # A session of its own: Ctrl-C in the terminal reaches only the driver, which then ends the worker.
                self._process = subprocess.Popen(
                    worker_command(python, "main", str(self.folder)),
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                    env={**PATIENT, **environ, **OFFLINE}, cwd=self.folder, start_new_session=True, encoding="utf-8",
                    errors="replace",
                )  # fmt: skip
        except OSError as error:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise MissingEngine(f"{python} cannot be started: {error.strerror}.", "Name another one with --python.") from error
        self._answers: queue.Queue[dict[str, Any] | None] = queue.Queue()
        threading.Thread(target=_listen, args=(self._process.stdout, self._answers), daemon=True).start()
        self._number = 0

    @property
    def pid(self) -> int:
        return self._process.pid

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
        said = last_words(self._log.read_text(errors="replace")) if self._log.exists() else ""
        self.close(at_once=True)
        how = f"signal {-code}, {_signal_name(-code)}" if code is not None and code < 0 else f"exit status {code}"
        hint = (
            "It was probably out of memory: try a smaller size, or --dtype bfloat16." if code in (-signal.SIGKILL, 137) else ""
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


def last_words(log: str) -> str:
    """The last lines of what a process printed, without the progress bars of its libraries."""
    return "\n".join([line for line in log.splitlines() if line.strip() and not BAR.search(line)][-LAST_LINES:])


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
