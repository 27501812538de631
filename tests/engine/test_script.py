"""A stand-alone script renders the recorded image in a process that knows nothing of seedbank."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from seedbank.engine.adapters import read_adapter
from seedbank.engine.manifest import read_model
from seedbank.engine.source import find_model
from seedbank.exchange.profile import unusual, unusual_pipeline
from seedbank.formats.recipe_json import Document
from seedbank.formats.script import write_script
from seedbank.formats.stamp import Stamp
from tests import tiny_adapters
from tests.engine.conftest import recipe_for
from tests.tiny_models import FLUX, SD15, SDXL, Z_IMAGE

pytestmark = pytest.mark.slow

NASTY = '"""\n\'\'\'\n\\N{bad} {0} %s\n)\nopen("pwned", "w")\n# a red circle, 猫'
RUNNER = """
import json, runpy, sys
sys.modules["seedbank"] = None  # whoever imports it fails
answers = {}
for name, arguments in json.loads(sys.argv[1]).items():
    sys.argv = [f"{name}.py", *arguments]
    try:
        runpy.run_path(f"{name}.py", run_name="__main__")
    except SystemExit as ended:
        answers[name] = ended.code
print(json.dumps(answers))
"""
"""Runs scripts one after the other, since importing torch takes longer than all of them."""


def document(engine, loaded, folder, adapters=(), **recipe):
    whole = replace(recipe_for(loaded, **recipe), adapters=tuple(adapter.recipe_item for adapter in adapters))
    model = read_model(find_model(str(folder)))
    whole = replace(whole, model=model.digest)
    rendering = engine.render(whole)
    profile = engine.environment.profile
    told = Document(
        whole,
        Stamp(whole.digest, rendering.digest, model.digest),
        model=replace(model, source=None),
        adapters=tuple(replace(adapter.model, source=None) for adapter in adapters),
        profile=unusual(profile),
    )
    return told, unusual_pipeline(profile["pipeline"])


def test_scripts_of_every_family_render_the_recorded_image(engine, model, load, tmp_path: Path):
    written, arguments = {}, {}
    recipes = {
        Z_IMAGE: {"prompt": NASTY},
        SD15: {"prompt": "a red circle", "seed": 2**40 + 7},
        SDXL: {"prompt": "a red circle", "mode": "strict", "original_size": (64, 64)},
        FLUX: {"prompt": "a red circle", "guidance_scale": 3.5},
    }
    for family, recipe in recipes.items():
        written[family] = document(engine, load(engine, family), model(family), **recipe)
        arguments[family] = ["--model", str(model(family)), "--verify"]
    lora = read_adapter("lora", tiny_adapters.lora(tmp_path / "style.safetensors", model(SD15), 1), 0.7)
    vae = tiny_adapters.vae(tmp_path / "vae", 5)
    beside = [read_adapter("vae", vae), lora]
    loaded = load(engine, SD15, adapters=[adapter.load_item for adapter in beside])
    written["adapted"] = document(engine, loaded, model(SD15), beside)
    arguments["adapted"] = [
        "--model",
        str(model(SD15)),
        "--adapter",
        str(vae),
        "--adapter",
        str(tmp_path / "style.safetensors"),
    ]
    plain, settings = written[SD15]
    written["other"] = replace(plain, stamp=replace(plain.stamp, image="0" * 64)), settings
    arguments["other"] = ["--model", str(model(SD15))]
    written["foreign"], arguments["foreign"] = written[SD15], ["--model", str(model(SDXL)), "--verify"]
    for name, (told, settings) in written.items():
        (tmp_path / f"{name}.py").write_text(write_script(told, settings), "utf-8")
    ran = subprocess.run(
        [sys.executable, "-c", RUNNER, json.dumps(arguments)],
        capture_output=True, text=True, cwd=tmp_path, timeout=280, env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE"},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-3000:]
    codes = json.loads(ran.stdout.splitlines()[-1])
    wrong = codes.pop("foreign")
    assert "is not the recorded one" in str(wrong) or "is missing" in str(wrong)
    assert codes == {**dict.fromkeys(written.keys() - {"foreign"}, 0), "other": 3}, ran.stdout
    assert ran.stdout.count("exact: this is the recorded image") == 5
    assert not (tmp_path / "pwned").exists()
