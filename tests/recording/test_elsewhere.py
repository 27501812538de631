"""Rendering in another interpreter, in a recorded environment, with a candidate; one worker for all of it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy
import pytest

from seedbank.engine.rebuild import interpreter_of, make_plan
from seedbank.environment import Environment
from seedbank.errors import BadInput, MissingEngine
from seedbank.regen import Options, regenerate
from seedbank.regen.bench import Bench
from seedbank.regen.elsewhere import Elsewhere, notes
from tests.tiny_adapters import Pieces
from tests.tiny_models import SD15

SMALL = {"steps": 2, "width": 64, "height": 64, "device": "cpu", "seed": 7}


@pytest.fixture(scope="module")
def pieces(tmp_path_factory, model):
    return Pieces(tmp_path_factory.mktemp("pieces"), model)


@pytest.fixture(scope="module")
def entry(bank, model, pieces):
    """One entry with one LoRA."""
    return bank.generate("a red circle", model=str(model(SD15)), loras=[(pieces["first.safetensors"], 0.7)], **SMALL)[0]


@pytest.fixture(scope="module")
def second(bank, entry):
    """A second virtual environment with the distributions of this one, but not seedbank, where the cache keeps made ones."""
    folder = make_plan(bank.environment(entry.id), "recorded").folder
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=120)
    (packages,) = folder.glob("lib/*/site-packages")
    (packages / "others.pth").write_text(str(Path(numpy.__file__).parents[1]))
    yield str(interpreter_of(folder))
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def bench():
    """The processes that the tests share."""
    shared = Bench()
    yield shared
    shared.close()


@pytest.fixture
def tried(bank, entry, bench):
    """What came of one attempt at the entry."""

    def attempt(**options):
        (outcome,) = regenerate(bank, [entry.id], Options(**options), bench=bench)
        return outcome.regeneration

    return attempt


@pytest.mark.slow
def test_another_interpreter_without_seedbank_rebuilds_it_and_its_environment_is_recorded(bank, entry, second, tried):
    # An editable install leaves the packed migrations in a folder of that name, and no code.
    looked = subprocess.run([second, "-I", "-c", "import seedbank.recipe"], capture_output=True, timeout=120)
    assert looked.returncode == 1
    found = tried(python=second)
    assert (found.verdict, found.trace, found.experiment) == ("exact", "same", False), found.explanation
    assert bank.store.environment(found.environment_digest).version("torch")
    assert bank.store.entry(entry.id).verdict == "exact"


@pytest.mark.slow
def test_an_environment_that_was_made_of_the_recorded_list_is_a_true_attempt(second, tried):
    found = tried(env="recorded")
    assert (found.verdict, found.experiment) == ("exact", False)
    assert "notes" not in found.explanation


@pytest.mark.slow
def test_a_candidate_is_compared_and_always_an_experiment(bank, entry, model, pieces, second, tried, tmp_path):
    standing = bank.store.entry(entry.id).verdict
    shutil.copytree(model(SD15), tmp_path / "new")
    weights = tmp_path / "new" / "unet" / "diffusion_pytorch_model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-2] ^= 0x40
    weights.write_bytes(data)
    other = tried(python=second, candidate={"model": str(tmp_path / "new")})
    assert other.experiment and other.verdict in ("different", "close")
    assert other.first_difference == "step.000"
    assert f"model={tmp_path / 'new'}" in other.explanation["line"]

    lora = tried(python=second, candidate={"lora": pieces["second.safetensors"]})
    assert lora.experiment and lora.first_difference in ("prompt", "step.000")
    same = tried(python=second, candidate={"lora": pieces["first.safetensors"]})
    assert (same.verdict, same.trace, same.experiment) == ("exact", "same", True)
    assert bank.store.entry(entry.id).verdict == standing


@pytest.mark.slow
def test_what_is_not_to_be_had_blocks_the_entry_by_name(entry, tried, monkeypatch, tmp_path):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("UV_DEFAULT_INDEX", tmp_path.as_uri())
    found = tried(env="torch==99.0")
    assert found.verdict == "blocked" and found.experiment
    assert "is not to be had" in found.explanation["line"]


# -- without rendering ------------------------------------------------------------------------------------------------


def test_what_makes_no_sense_is_said_before_anything_is_tried(tmp_path):
    for error, elsewhere in (
        (BadInput, Elsewhere(python="python3", env="recorded")),
        (BadInput, Elsewhere(find_links=("/tmp",))),
        (BadInput, Elsewhere(env="torch")),
        (BadInput, Elsewhere(candidate={"scheduler": "x"})),
        (MissingEngine, Elsewhere(python=str(tmp_path / "python"))),
        (BadInput, Elsewhere(candidate={"lora": str(tmp_path / "none.safetensors")})),
        (BadInput, Elsewhere(candidate={"model": str(tmp_path / "none")})),
    ):
        with pytest.raises(error):
            elsewhere.check()


def test_only_departures_on_purpose_are_experiments():
    assert Elsewhere(python="/envs/new/bin/python").experiment == []
    assert Elsewhere(env="recorded").experiment == Elsewhere(env="recorded-all").experiment == []
    assert Elsewhere(env="torch==2.14.1, peft==1").experiment == ["torch==2.14.1", "peft==1"]
    assert Elsewhere(candidate={"model": "/m"}).experiment == ["model=/m"]


def test_a_made_environment_says_what_is_not_the_recorded_one():
    def environment(python: str, record: str) -> Environment:
        listed = {"torch": {"version": "2.13.0", "record": record}, "mine": {"version": "1", "source": "folder"}}
        return Environment({"system": {"python": python}, "distributions": listed})

    recorded = environment("3.11.7", "ab")
    plan = make_plan(recorded, "recorded")
    assert notes(plan, recorded, environment("3.11.9", "cd")) == (
        "Not the recorded ones, though of the same version: torch.",
        "Left out, since they came from a local folder: mine.",
        "Python 3.11.9 instead of 3.11.7.",
    )
    assert notes(None, recorded, environment("3.11.9", "cd")) == ()
