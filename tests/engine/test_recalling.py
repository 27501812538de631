"""A process that only would say again what it said before is not started, and one that says otherwise renders nothing."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from seedbank.engine import recalling
from seedbank.engine.recalling import Recalled, can_recall
from seedbank.errors import Blocked

pytestmark = pytest.mark.skipif(not can_recall(sys.executable), reason="it cannot be told here whether a process would change")


class Told:
    """Stands where a render process stands: answers at once, and counts what it is asked."""

    alive, pid, folder = True, 7, Path("folder")

    def __init__(self, environment: str = "this") -> None:
        self.environment = environment
        self.asked: list[str] = []

    def ask(self, verb: str, request: Any, on_event: Any = None, timeout: Any = None) -> Any:
        self.asked.append(verb)
        if verb == "load":
            return {"key": request["model"]["path"], "seconds": len(self.asked)}
        return {"environment": self.environment} if verb == "start" else {"verb": verb}


@pytest.fixture
def model(tmp_path, monkeypatch) -> dict[str, Any]:
    monkeypatch.setenv("SEEDBANK_CACHE", str(tmp_path / "cache"))
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights").write_text("1")
    return {"model": {"path": str(tmp_path / "model")}}


def session(worker: Told, model: dict[str, Any], environ: dict[str, str] | None = None) -> Recalled:
    """What a plan asks."""
    found = Recalled(lambda: worker, sys.executable, environ or {})
    found.ask("start", {"mode": "as-is"}, None, None)
    key = found.ask("load", model, None, None)["key"]
    found.ask("scheduler", {"key": key, "name": "Euler"}, None, None)
    return found


def test_what_was_said_once_starts_no_process_until_something_is_rendered(model):
    session(Told(), model)
    worker = Told()
    again = session(worker, model)
    assert (worker.asked, again.started, again.alive, again.pid) == ([], False, True, None)
    assert again.ask("render", {"key": model["model"]["path"]}, None, None) == {"verb": "render"}
    assert worker.asked == ["start", "load", "render"], "the pipeline is loaded in the real process first"
    assert again.started and again.pid == 7


def test_another_variable_setting_or_file_asks_anew(model, monkeypatch):
    session(Told(), model)
    (Path(model["model"]["path"]) / "weights").write_text("12")
    changed = Told()
    session(changed, model)
    assert changed.asked == ["start", "load", "scheduler"]
    for environ, variables in (({"OMP_NUM_THREADS": "1"}, {}), ({}, {"CUDA_VISIBLE_DEVICES": "1"})):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        other = Told()
        session(other, model, environ)
        assert other.asked == ["start", "load", "scheduler"]


def test_a_process_that_says_otherwise_renders_nothing_and_is_asked_anew_the_next_time(model):
    session(Told("this"), model)
    for ask in ("render", "latents"):
        worker = Told("another")
        found = session(worker, model)
        with pytest.raises(Blocked, match="Run the command again"):
            found.ask(ask, {"key": model["model"]["path"]}, None, None)
        assert ask not in worker.asked
        session(Told("this"), model)


def test_answers_that_are_old_are_forgotten(model, monkeypatch):
    session(Told(), model)
    folder = recalling.cache_folder() / "said"
    assert len(list(folder.glob("*.json"))) == 3
    monkeypatch.setattr(recalling, "KEPT", -1)
    session(Told(), model, {"OTHER": "1"})
    assert len(list(folder.glob("*.json"))) == 2, "what was said before and at the start; the rest came after"
