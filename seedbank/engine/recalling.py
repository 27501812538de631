"""What render processes said before, for those who only ask: a sweep whose cells are all there starts no process.

Importing torch and diffusers takes seconds of computing, and most of what a plan needs (the environment, the arguments and
defaults of a pipeline, its schedulers) follows from things that can be compared without them: the interpreter and what is
installed, the settings and variables of the process, the machine since it was started, the files of the model. Answers are
kept in the cache under a digest of all that. A process that renders is always a real one: it is asked the same again, and
when it says otherwise, nothing is rendered.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seedbank.engine.child import WORKER, OnEvent, Worker
from seedbank.engine.source import cache_folder, remember
from seedbank.errors import Blocked
from seedbank.hashing import sha256

if TYPE_CHECKING:
    from collections.abc import Iterator

START, LOAD = "start", "load"
RECALLED = (START, LOAD, "scheduler", "lost_words")
"""Requests whose answers follow from the key alone; all others are for a real process."""
MEASURED = "seconds"
"""Part of an answer that is another each time."""
KEPT = 30 * 86_400
"""Seconds after which an answer is forgotten."""
VOLATILE = ("PWD", "OLDPWD", "SHLVL", "_", "COLUMNS", "LINES", "PYTEST_CURRENT_TEST")
"""Variables that decide nothing and change all the time."""
BOOT = Path("/proc/sys/kernel/random/boot_id")
LIMITS = ("/sys/fs/cgroup/cpu.max", "/sys/fs/cgroup/cpuset.cpus.effective", "/proc/driver/nvidia/version")
GPUS = Path("/proc/driver/nvidia/gpus")


class Recalled:
    """As a `Worker`, but started only when something is asked that was not answered before."""

    def __init__(self, start: Callable[[], Worker], python: str, environ: Mapping[str, str]) -> None:
        self._start = start
        self._key = sha256(json.dumps([python, dict(environ), machine()], sort_keys=True).encode())
        self._worker: Worker | None = None
        self._said: list[tuple[str, Mapping[str, Any], Any]] = []
        """(verb, request, answer) of what was answered from memory and not asked again."""

    @property
    def started(self) -> bool:
        """Whether there is a real process."""
        return self._worker is not None

    @property
    def alive(self) -> bool:
        return self._worker is None or self._worker.alive

    @property
    def pid(self) -> int | None:
        return None if self._worker is None else self._worker.pid

    @property
    def folder(self) -> Path:
        return self._real(None).folder

    def close(self, at_once: bool) -> None:
        if self._worker is not None:
            self._worker.close(at_once)

    def ask(self, verb: str, request: Mapping[str, Any], on_event: OnEvent | None, timeout: float | None) -> Any:
        """As `Worker.ask`. Raises `Blocked` when a real process says otherwise than what was recalled before."""
        if verb not in RECALLED:
            return self._real(request.get("key"), on_event, timeout).ask(verb, request, on_event, timeout)
        place = self._place(verb, request)
        if self._worker is None and (known := _read(place)) is not None:
            if (verb, request, known) not in self._said:  # starts that share a pipeline ask the same
                self._said.append((verb, request, known))
            return known
        answer = self._real(request.get("key"), on_event, timeout).ask(verb, request, on_event, timeout)
        remember(place, json.dumps(answer))
        if verb == START:
            _forget_old(place.parent)
        return answer

    def _real(self, key: str | None, on_event: OnEvent | None = None, timeout: float | None = None) -> Worker:
        """The process, with the pipeline of this key loaded if that was only recalled until now."""
        if self._worker is None:
            self._worker = self._start()
        for one in list(self._said):
            verb, request, known = one
            if verb == START or (verb == LOAD and key is not None and known["key"] == key):
                self._said.remove(one)
                self._check(verb, request, known, self._worker.ask(verb, request, on_event, timeout))
        return self._worker

    def _check(self, verb: str, request: Mapping[str, Any], known: Any, answer: Any) -> None:
        if _comparable(known) != _comparable(json.loads(json.dumps(answer))):
            self._place(verb, request).unlink(missing_ok=True)
            raise Blocked(
                "The render process is not what it was when it was asked last: libraries or the machine have changed.",
                "Run the command again: it is asked anew.",
            )

    def _place(self, verb: str, request: Mapping[str, Any]) -> Path:
        files = _states(request["model"]) if verb == LOAD else []
        digest = sha256(json.dumps([self._key, verb, dict(request), files], sort_keys=True).encode())
        return cache_folder() / "said" / f"{digest}.json"


def can_recall(python: str) -> bool:
    """Whether it can be known here that a process would say the same again."""
    return BOOT.exists() and os.path.abspath(sys.executable) == python


def machine() -> list[Any]:
    """What the answers of a process follow from, beside its settings and the model."""
    variables = {name: value for name, value in os.environ.items() if name not in VOLATILE}
    return [
        _text(BOOT),
        sys.version,
        sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        [_text(Path(path)) for path in LIMITS],
        sorted(gpu.name for gpu in GPUS.iterdir()) if GPUS.is_dir() else [],
        variables,
        sorted(_stat(path) for path in WORKER.rglob("*.py")),
        [found for folder in sys.path for found in _installed(Path(folder))],
    ]


def _installed(folder: Path) -> Iterator[list[Any]]:
    """[path, size, time of change, inode] of the folder's distributions."""
    if folder.is_dir():
        with os.scandir(folder) as found:
            names = sorted(one.name for one in found if one.name.endswith((".dist-info", ".egg-info", ".pth")))
        yield from (_stat(folder / name) for name in names)


def _states(model: Mapping[str, Any]) -> list[list[Any]]:
    """What tells whether the files of a pipeline and its adapters changed."""
    paths = [model.get("path"), model.get("config"), *(one.get("path") for one in model.get("adapters") or ())]
    found = []
    for path in (Path(str(path)) for path in paths if path):
        found += [_stat(file) for file in ([path] if path.is_file() else sorted(path.rglob("*")))]
    return found


def _stat(path: Path) -> list[Any]:
    state = path.stat()
    return [str(path), state.st_size, state.st_mtime_ns, state.st_ino]


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8").strip()
    except OSError:
        return ""


def _read(path: Path) -> Any:
    """The answer that is kept there; None when there is none, or none that can be read."""
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None


def _comparable(answer: Any) -> Any:
    return {name: value for name, value in answer.items() if name != MEASURED} if isinstance(answer, dict) else answer


def _forget_old(folder: Path) -> None:
    for path in folder.glob("*.json"):
        with suppress(OSError):
            if path.stat().st_mtime < time.time() - KEPT:
                path.unlink()
