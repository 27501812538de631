"""A recipe as a Python program: data in it stays data, and what it cannot do is refused by name."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seedbank.errors import BadInput
from seedbank.formats.reading import FormatError
from seedbank.formats.recipe_json import Document, read_document
from seedbank.formats.script import SETTINGS, read_script, write_script
from seedbank.formats.stamp import Stamp
from seedbank.frozen import replace
from seedbank.recipe import Recipe
from seedbank.records import Model

RECIPE = Recipe(
    conditioning={"prompt": "a red circle"},
    noise={"kind": "torch-cpu", "seed": "7"},
    call={"width": 64, "height": 64, "num_inference_steps": 3, "guidance_scale": 3.0},
    model="a" * 64,
    pipeline="StableDiffusionPipeline",
    scheduler={"class": "EulerDiscreteScheduler", "config": {"interpolation_type": "linear", "rho": float("inf")}},
    dtypes={"unet": "float32"},
)
DOCUMENT = Document(RECIPE, Stamp(RECIPE.digest, "b" * 64, "a" * 64), model=Model("a" * 64, "m"), profile={"threads": 2})


def with_prompt(prompt: str, name: str = "m") -> Document:
    recipe = replace(RECIPE, conditioning={"prompt": prompt})
    return replace(DOCUMENT, recipe=recipe, stamp=Stamp(recipe.digest, "b" * 64, "a" * 64), model=Model("a" * 64, name))


def program_without_data(text: str) -> str:
    """The program with its record blanked: what is code in it."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "RECORD":
            node.value.args[0].value = ""  # type: ignore[attr-defined]
    return ast.dump(tree)


CODE = program_without_data(write_script(DOCUMENT, {}))
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=80) | st.sampled_from(
    ["'''", '"""', "')\nimport os\nos.system('x')\n('", "\\", "\\'", "{record}", "\r\n# x\r\n", "\u2028import os", "${x}"]
)


@settings(max_examples=30, deadline=None)
@given(TEXTS, TEXTS)
def test_no_prompt_and_no_name_becomes_code(prompt, name):
    text = write_script(with_prompt(prompt, name), {})
    assert program_without_data(text) == CODE
    assert read_document(read_script(text)) == read_document(with_prompt(prompt, name).to_dict())


def test_a_script_carries_its_digests_as_a_comment():
    lines = write_script(DOCUMENT, {}).splitlines()
    assert f"# seedbank: recipe {RECIPE.digest}, image {'b' * 64}, model {'a' * 64}" in lines


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"noise": {"kind": "k-noise", "seed": "7"}}, "noise is of the kind k-noise"),
        ({"inputs": ({"role": "video", "digest": "c" * 64, "kind": "film"},)}, "an input video of the kind film"),
        ({"adapters": ({"kind": "hypernetwork", "digest": "c" * 64},)}, "adapter of the kind hypernetwork"),
        ({"batch": {"size": 4, "index": 1, "cohort": "c" * 64}}, "batch of 4"),
        ({"scheduler": None}, "does not say the scheduler"),
        ({"pipeline": "EvilPipeline"}, "EvilPipeline"),
    ],
)
def test_what_the_script_cannot_do_is_refused_by_name(changed, words):
    recipe = replace(RECIPE, **changed)
    with pytest.raises(BadInput, match=words):
        write_script(replace(DOCUMENT, recipe=recipe), {})


def test_a_setting_that_the_script_cannot_restore_is_refused_by_name():
    with pytest.raises(BadInput, match="linalg_library"):
        write_script(replace(DOCUMENT, profile={"linalg_library": "magma"}), {})
    with pytest.raises(BadInput, match=r"unet\.freeu"):
        write_script(DOCUMENT, {"unet.freeu": {"s1": 1.0}})


def test_every_setting_that_is_promised_stands_in_the_program():
    text = write_script(DOCUMENT, {})
    for name in SETTINGS:
        family = name.partition(".")[0]
        assert f'"{name}"' in text or f'"{family}"' in text or name in ("device", "deterministic_warn_only"), name


@pytest.mark.parametrize(
    "text", ["RECORD = json.loads(\n'{'\n)", "RECORD = json.loads(x)", "RECORD = json.loads('{' + (" + "(" * 5000]
)
def test_a_damaged_script_is_refused(text):
    with pytest.raises(FormatError, match="script"):
        read_script(text)


def test_another_program_is_none():
    assert read_script("import os\nprint(1)") is None
