"""The worker as a process: its environment, its settings, its deaths."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import pytest

from seedbank.engine.child import last_words
from seedbank.engine.process import Engine
from seedbank.engine.standin import build_standin
from seedbank.environment import PARTS, environment_differences
from seedbank.errors import BadInput, MissingEngine, RenderFailed, StorageError
from seedbank.frozen import replace
from seedbank.recipe import STRICT
from tests.engine.conftest import recipe_for
from tests.tiny_models import Z_IMAGE

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
SOURCE = {"kind": "folder", "pipeline": Z_IMAGE}


def gone(pid: int, seconds: float = 10) -> bool:
    """True once no process `pid` runs; one that is dead and not yet collected counts as gone."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.05)
    return False


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """The folder in which workers get theirs."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_forked_process_leaves_the_render_process_to_its_parent(engine):
    pid = (engine.environment, engine.pid)[1]
    if (child := os.fork()) == 0:
        engine.close()
        os._exit(engine.alive)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    engine.unload()
    assert engine.pid == pid


def test_two_workers_describe_the_same_environment(engine, other_process, load):
    load(engine, Z_IMAGE)
    other_process.unload()
    before = other_process.environment
    load(other_process, Z_IMAGE)
    assert other_process.environment.digest == engine.environment.digest
    assert environment_differences(other_process.environment, engine.environment) == []
    assert set(before.parts) == set(PARTS)
    assert before.digest != engine.environment.digest  # the pipeline's settings have come in
    assert engine.environment.version("torch") and engine.environment.version("diffusers")
    text = json.dumps(dict(engine.environment.parts))
    assert os.uname().nodename not in text and str(ROOT) not in text and sys.prefix not in text


def test_a_profile_is_replayed_to_the_letter(engine, load, model, monkeypatch, cold):
    monkeypatch.setenv("MKL_DYNAMIC", "FALSE")
    load(engine, Z_IMAGE)
    recorded = engine.environment.profile
    other = dict(recorded) | {
        "threads": 1 if recorded["threads"] != 1 else 2,
        "variables": {"ONEDNN_MAX_CPU_ISA": "AVX2"},
        "sdpa.flash": False,
        "fp32_precision.cuda.conv": "ieee",
    }
    other["pipeline"] = json.loads(json.dumps(recorded["pipeline"]))
    other["pipeline"]["components"]["vae"] |= {"slicing": True, "memory_format": "channels_last"}
    with Engine(profile=other, device="cpu") as changed:
        loaded = load(changed, Z_IMAGE)
        assert changed.unrestored == []
        assert changed.environment.profile == other
        assert changed.render(recipe_for(loaded)).rows
        # What cannot be restored is said, never ignored.
        changed.load({**SOURCE, "path": str(model(Z_IMAGE)), "settings": {"components": {"vae": {"compiled": True}}}})
        assert ("pipeline.components.vae.compiled", True, None) in changed.unrestored


def test_strict_mode_pins_what_as_is_leaves_alone(load):
    with Engine(mode=STRICT, device="cpu") as engine:
        loaded = load(engine, Z_IMAGE)
        profile = engine.environment.profile
        assert profile["deterministic_algorithms"] is True and profile["fp32_precision.cuda.conv"] == "ieee"
        assert profile["variables"]["MKL_DYNAMIC"] == "FALSE"
        assert profile["pipeline"]["components"]["vae"]["slicing"] is True
        assert engine.unrestored == []
        scheduler = engine.scheduler("FlowMatchEulerDiscreteScheduler", {"stochastic_sampling": True})
        recipe = recipe_for(loaded, mode=STRICT).to_dict() | {"scheduler": scheduler}
        recipe = type(recipe_for(loaded)).from_dict(recipe)
        first, second = engine.render(recipe), engine.render(recipe)
        # Global random states are derived from the recipe, so even this scheduler repeats itself.
        assert first.trace == second.trace and first.random_state is None
        assert first.flags == {"global_random_state_consumed": ["torch"]}


def test_it_runs_where_seedbank_is_not_installed_and_libraries_print(engine, load, tmp_path, monkeypatch, cold):
    (tmp_path / "seedbank").mkdir()
    (tmp_path / "seedbank" / "__init__.py").write_text("raise ImportError('seedbank is not installed here')")
    (tmp_path / "sitecustomize.py").write_text(
        textwrap.dedent("""
        import os, threading, time
        print("a greeting at the start", flush=True)
        def chatter():
            while True:
                print("a library prints", flush=True)
                os.write(1, b"and writes to the descriptor\\n")
                time.sleep(0.01)
        threading.Thread(target=chatter, daemon=True).start()
        """)
    )
    here = engine.render(recipe_for(load(engine, Z_IMAGE)))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with Engine(device="cpu") as foreign:
        there = foreign.render(recipe_for(load(foreign, Z_IMAGE)))
    assert (there.digest, there.trace) == (here.digest, here.trace)


def test_a_worker_that_is_killed_while_it_renders_is_reported_and_replaced(load, folders, cold):
    with Engine(device="cpu") as engine:
        recipe = recipe_for(load(engine, Z_IMAGE))
        recipe = replace(recipe, call={**recipe.call, "num_inference_steps": 100})  # the signal comes before the end
        pid = engine.pid
        engine.on_event = lambda event: os.kill(pid, signal.SIGKILL) if event.get("step") == 1 else None
        with pytest.raises(RenderFailed, match=r"died \(signal 9, SIGKILL\)") as caught:
            engine.render(recipe)
        assert "memory" in caught.value.hint
        engine.on_event = None
        with pytest.raises(BadInput, match="No pipeline is loaded"):
            engine.render(recipe)
        assert engine.render(recipe_for(load(engine, Z_IMAGE))).rows
        assert engine.pid != pid
    assert list(folders.glob("seedbank-*")) == []


def test_interrupting_ends_the_worker_and_leaves_nothing(load, folders):

    def interrupt(event):
        if event.get("step") == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), Engine(device="cpu") as engine:
        recipe = recipe_for(load(engine, Z_IMAGE))
        pid = engine.pid
        engine.on_event = interrupt
        engine.render(recipe)
    assert gone(pid)
    assert list(folders.glob("seedbank-*")) == []


def test_a_worker_does_not_outlive_its_driver(tmp_path):
    driver = """
        import sys, time
        from seedbank.engine.process import Engine
        engine = Engine(device="cpu")
        engine.environment
        print(engine.pid, engine._worker.folder, flush=True)
        time.sleep(600)
        """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(driver)], stdout=subprocess.PIPE, cwd=ROOT, encoding="utf-8"
    )
    worker, folder = process.stdout.readline().split()
    assert Path(folder).exists()
    process.kill()
    process.wait()
    process.stdout.close()
    assert gone(int(worker))
    assert not Path(folder).exists()


def test_silence_beyond_the_limit_is_an_error(load):
    with Engine(device="cpu", timeout=60) as engine:
        recipe = recipe_for(load(engine, Z_IMAGE), num_inference_steps=100)  # on a busy machine the signal comes late
        engine.timeout = 0.3
        engine.on_event = lambda event: os.kill(engine.pid, signal.SIGSTOP) if event.get("step") == 1 else None
        with pytest.raises(RenderFailed, match="said nothing"):
            engine.render(recipe)


def test_an_interpreter_without_torch_is_a_missing_engine(tmp_path, monkeypatch, cold):
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("raise ImportError('no torch', name='torch')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with Engine() as engine, pytest.raises(MissingEngine, match="torch cannot be imported") as caught:
        _ = engine.environment
    assert "pip install" in caught.value.hint


def test_an_interpreter_that_does_not_exist_is_a_missing_engine(cold):
    with Engine(python="/nowhere/python") as engine, pytest.raises(MissingEngine, match="/nowhere/python"):
        _ = engine.environment


def test_a_cache_in_which_the_standin_cannot_be_built_is_said(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match=r"The cache folder .*models cannot be made: Not a directory") as found:
        build_standin(tmp_path / "file" / "models" / "embedded-0")
    assert "SEEDBANK_CACHE" in found.value.hint


def test_the_standin_model_has_the_same_bytes_everywhere(tmp_path):
    from seedbank.hashing import file_digest, json_digest

    build_standin(tmp_path / "model")
    files = sorted(path for path in (tmp_path / "model").rglob("*") if path.is_file())
    digests = {str(path.relative_to(tmp_path / "model")): file_digest(path) for path in files}
    assert json_digest(digests) == "cc29dd032d49a21388d1b4d81a99486f038854bd0051f28a9b38f6103391ae5c"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_last_words_are_what_a_process_said_and_not_its_progress_bars():
    bars = (
        "\rLoading weights:   0%|          | 0/24 [00:00<?, ?it/s]\x1b[A\rLoading: 100%|███| 24/24 [00:00<00:00, 6626.95it/s]"
    )
    assert last_words(f"first\n{bars}\n\nIllegal instruction\n") == "first\nIllegal instruction"
