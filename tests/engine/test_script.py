"""A stand-alone script renders the recorded image in a process that knows nothing of seedbank."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from seedbank.engine.adapters import read_adapter
from seedbank.engine.manifest import read_model
from seedbank.engine.source import find_model
from seedbank.exchange.profile import unusual, unusual_pipeline
from seedbank.formats.recipe_json import Document
from seedbank.formats.script import read_script, write_script
from seedbank.formats.script.parts import FOLDER, parts_for
from seedbank.formats.stamp import Stamp
from seedbank.frozen import replace
from seedbank.recipe import Recipe
from tests import tiny_adapters, tiny_checkpoint
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


RECIPE = Recipe(conditioning={"prompt": "a"}, noise={"kind": "torch-cpu", "seed": "1"}, call={})


def document(engine, loaded, folder, adapters=(), inputs=(), changed=None, **recipe):
    """`inputs` are (item without its digest, file); `changed` are fields of the recipe that are not of its call."""
    files = {item["role"]: str(file) for item, file in inputs}
    items = tuple(item | {"digest": hashlib.sha256(Path(file).read_bytes()).hexdigest()} for item, file in inputs)
    whole = replace(recipe_for(loaded, **recipe), adapters=tuple(adapter.recipe_item for adapter in adapters), inputs=items)
    model = read_model(find_model(str(folder)))
    whole = replace(whole, model=model.digest, **(changed or {}))
    rendering = engine.render(whole, files)
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
    vae = tiny_checkpoint.single_vae(tiny_adapters.vae(tmp_path / "vae", 5), tmp_path / "vae.safetensors")
    beside = [read_adapter("vae", vae), lora]
    control = tiny_adapters.controlnet(tmp_path / "control", model(SD15), 6)
    ip = tiny_adapters.ip_adapter(tmp_path / "ip", model(SD15), 5)
    pictures = {
        "image": tmp_path / "image.jpg",
        "control_image": tmp_path / "control.png",
        "ip_adapter_image": tmp_path / "ip.png",
    }
    for number, path in enumerate(pictures.values()):
        tiny_adapters.picture(80 - 16 * (number > 0), 64).rotate(90 * number).save(path)
    a1111 = {"kind": "a1111-nv", "seed": "7", "ensd": 31337, "variation": {"seed": "8", "strength": 0.3, "form": "a1111"}}
    portable = {"kind": "seedbank-v1", "seed": str(2**63), "blend": {"noise": {"kind": "torch-cpu", "seed": "1", "before": 1},
                "alpha": 0.25, "curve": "slerp"}}  # fmt: skip
    load(engine, SD15)
    ancestral = engine.scheduler("EulerAncestralDiscreteScheduler", {})
    other_words = {"conditioning": {"prompt": "a blue square"}, "alpha": 0.5, "curve": "lerp"}
    drawn = {
        "noise": (SD15, {"noise": a1111, "scheduler": ancestral}),
        "blend": (SDXL, {"noise": portable, "conditioning": {"prompt": "a red circle", "blend": other_words}}),
        "words": (SD15, {"conditioning": {"prompt": "a (red:1.3) circle", "weighting": "a1111/compel"}}),
    }
    for name, (family, changed) in drawn.items():
        written[name] = document(engine, load(engine, family), model(family), changed=changed)
        arguments[name] = ["--model", str(model(family))]
    given = [read_adapter("controlnet", control), read_adapter("ip-adapter", ip, 0.6)]
    loaded = load(engine, SD15, pipeline="StableDiffusionControlNetImg2ImgPipeline", adapters=[one.load_item for one in given])
    items = [
        ({"role": role, "kind": "picture", "mode": "RGB", "width": 64, "height": 64}, path) for role, path in pictures.items()
    ]
    written["given"] = document(
        engine, loaded, model(SD15), given, items, strength=0.7, changed={"noise": {"kind": "seedbank-v1", "seed": "3"}}
    )
    arguments["given"] = [*("--model", str(model(SD15)), "--adapter", str(control), "--adapter", str(ip))]
    for (item, path), of_recipe in zip(items, written["given"][0].recipe.inputs, strict=True):
        path.rename(tmp_path / f"given.{item['role']}-{of_recipe['digest'][:12]}{path.suffix}")
    arguments["given"] += ["--input", str(next(tmp_path.glob("given.image-*")).rename(tmp_path / "elsewhere"))]
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
    written["without"], arguments["without"] = written["given"], arguments["given"][:-2]
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
    assert "The input image is missing: name the file with the SHA-256" in str(codes.pop("without"))
    assert codes == {**dict.fromkeys(written.keys() - {"foreign", "without"}, 0), "other": 3}, (ran.stdout, ran.stderr)
    assert ran.stdout.count("exact: this is the recorded image") == 9
    assert not (tmp_path / "pwned").exists()
    whole = (tmp_path / "given.py").read_text("utf-8")
    assert read_script(whole)["recipe"] == written["given"][0].recipe.to_dict(), "modules in a script do not hide its record"
    assert "PARTS = {\n}" in (tmp_path / f"{SD15}.py").read_text("utf-8"), "a plain recipe needs none"


def test_every_module_that_a_script_may_carry_stands_in_it_as_it_is():
    modules = parts_for(replace(RECIPE, noise={"kind": "a1111-nv", "seed": "1"}, inputs=({"role": "image"},), adapters=({},)))
    assert {"noise", "noise.nvidia", "elementary", "refusal", "inputs", "adapters"} <= modules.keys()
    for path in FOLDER.rglob("*.py"):
        assert "'''" not in path.read_text("utf-8"), f"{path} could not stand between these quotes"
    for source in modules.values():
        assert not re.search(r"(?m)^\s*(?:from|import) seedbank", source)
