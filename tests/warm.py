"""Render processes that stay from one test to the next, and the command line inside the test process on them.

Starting Python, torch and diffusers takes most of the time of a command that renders. What is tested here is what the
command does; that it does so as a process of its own, from a cold start, is tested where `CommandLine` is used.
Rendering and regenerating still happen in different processes: a regeneration restores a recorded profile, and a
process is kept per profile.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from seedbank.engine import process
from seedbank.engine.process import Engine
from seedbank.regen import bench
from seedbank.worker.settings import relevant_variables
from tests.rendering import CommandLine, Ran

KEPT = 4


class Kept:
    """Engines that `close` puts aside instead of ending them, at most `KEPT`, least recently used first."""

    def __init__(self) -> None:
        self._engines: OrderedDict[str, Any] = OrderedDict()

    def engine(self, profile: Any = None, mode: str = "as-is", python: str = sys.executable, device: str = "auto",
               dtype: Any = None, on_event: Any = None, timeout: float | None = None) -> Any:  # fmt: skip
        """As `Engine(…)`: a running one for the same arguments where there is one."""
        asked = [profile, mode, os.fspath(python), device, dtype, relevant_variables(os.environ)]
        key = json.dumps(asked, sort_keys=True, default=dict)
        engine = self._engines.pop(key, None)
        if engine is None:
            engine = _keeping(self, key)(profile, mode, python, device, dtype)
        engine.on_event, engine.timeout = on_event, timeout
        return engine

    @contextlib.contextmanager
    def lent(self) -> Iterator[None]:
        """While the block runs, whoever makes an `Engine` gets one of these."""
        with patch.object(process, "Engine", self.engine), patch.object(bench, "Engine", self.engine):
            yield

    def keep(self, key: str, engine: Any) -> None:
        """Put `engine` aside for the next who asks for `key`."""
        self._engines[key] = engine
        while len(self._engines) > KEPT:
            self._engines.popitem(last=False)[1].end()

    def end(self) -> None:
        """End all of them."""
        while self._engines:
            self._engines.popitem()[1].end()


def _keeping(kept: Kept, key: str) -> Any:
    class KeptEngine(Engine):
        def close(self, at_once: bool = False) -> None:
            if at_once or not self.alive:
                super().close(at_once)
            else:
                kept.keep(key, self)

        def end(self) -> None:
            super().close(at_once=True)

    return KeptEngine


@dataclass
class InProcess(CommandLine):
    """`seedbank --bank …` without a process of its own; what it prints and its exit code are the same.

    With an empty `bank`, the one that is found by itself.
    """

    kept: Kept

    def __call__(self, *arguments: str, ok: Sequence[int] = (0,), **environ: str) -> Ran:
        from seedbank.__main__ import run

        out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="\n", write_through=True) for _ in range(2))
        with (
            self.kept.lent(),
            patch.dict(os.environ, {**self.environ, **environ}, clear=True),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            code = run([*(["--bank", str(self.bank)] if self.bank else []), *arguments])
        ran = Ran(code, *(stream.buffer.getvalue().decode() for stream in (out, err)))  # type: ignore[attr-defined]
        assert code in ok, (arguments, ran)
        return ran

    @contextlib.contextmanager
    def opened(self) -> Iterator[Any]:
        """The bank as Python opens it, on the same render processes."""
        from seedbank.api import Library

        with (
            self.kept.lent(),
            patch.dict(os.environ, self.environ, clear=True),
            Library.open(str(self.bank), user="ann") as bank,
        ):
            yield bank
