"""Sweeps and variants as they are typed: planned, rendered, reused, resumed, shown; every one rebuilds exactly."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys

import pytest
from PIL import Image

from seedbank.api import Library
from seedbank.bank import Pixels
from seedbank.errors import RenderFailed
from seedbank.explore.rendering import Renderer
from seedbank.recipe import differences
from seedbank.store import Store
from tests.rendering import Ran, shared_cache
from tests.warm import InProcess

SMALL = ("--size", "64x64", "--device", "cpu", "--model", "embedded@0", "--guidance", "0")


@pytest.fixture(scope="module")
def swept(tmp_path_factory, environ, kept):
    """A bank with one sweep of eight cells: run 1, entries 1 to 8; its sheet and its page lie beside it."""
    folder = tmp_path_factory.mktemp("swept")
    seedbank = InProcess(folder / "art.db", environ, kept)
    seedbank("init")
    ran = seedbank(
        *("sweep", "a red circle in oil", *SMALL, "--axis", "steps=2,3", "--axis", "prompt/oil/水彩", "--seeds", "5..6"),
        *("--tag", "grid", "--name", "circles", "--json"),
        *("--contact-sheet", str(folder / "sheet.png"), "--page", str(folder / "grid.html")),
    )
    seedbank.first = ran
    seedbank.folder = folder
    return seedbank


@pytest.mark.slow
def test_the_plan_comes_first_and_every_cell_is_a_line(swept):
    lines = swept.first.err.splitlines()
    assert lines[0].startswith("note: The composition changes along steps")
    assert lines[1] == "8 cells (steps 2 x prompt 2 x seed 2): 0 there already, 8 to render, time not known yet"
    assert lines[-1] == "8 cells, 0 failed; collection circles"
    cells = swept.first.objects
    assert [cell["cell"] for cell in cells[:3]] == [
        {"steps": "2", "prompt": "oil", "seed": "5"},
        {"steps": "3", "prompt": "oil", "seed": "5"},
        {"steps": "2", "prompt": "水彩", "seed": "5"},
    ]
    assert {cell["prompt"] for cell in cells} == {"a red circle in oil", "a red circle in 水彩"}
    assert [cell["seed"] for cell in cells] == ["5"] * 4 + ["6"] * 4
    assert all(os.path.exists(cell["path"]) and cell["seconds"] > 0 and cell["tags"] == ["grid"] for cell in cells)


@pytest.mark.slow
def test_every_cell_rebuilds_exactly_though_a_text_was_encoded_once(swept):
    with Library.open(swept.bank) as bank:
        flags = [bank.entry(number).output.flags.get("texts_reused", False) for number in (1, 8)]
    assert flags == [False, True]
    assert [found["verdict"] for found in swept("regen", "1..8", "--json").objects] == ["exact"] * 8
    assert {found["trace"] for found in swept("regen", "1,8", "--json").objects} == {"same"}


@pytest.mark.slow
def test_the_sheet_and_the_page_have_every_cell(swept):
    with Image.open(swept.folder / "sheet.png") as sheet:
        assert sheet.width > 2 * 64 and sheet.height > 4 * 64
    text = (swept.folder / "grid.html").read_text("utf-8")
    data = json.loads(text.split('id="data">')[1].split("</script>")[0])
    assert data["grid"]["titles"] == ["steps", "prompt", "seed"]
    assert sorted(data["grid"]["cells"].values()) == list(range(1, 9))
    assert len(data["entries"]) == 8 and all(entry["preview"] for entry in data["entries"])


@pytest.mark.slow
def test_the_same_again_renders_nothing_and_other_sweeps_reuse_its_cells(swept):
    again = swept("sweep", "a red circle in oil", *SMALL, "--axis", "steps=2,3", "--axis", "prompt/oil/水彩", "--seeds", "5..6",
                  "--tag", "grid", "--name", "circles", "--json")  # fmt: skip
    assert [cell["id"] for cell in again.objects] == list(range(1, 9)) and all(cell["reused"] for cell in again.objects)
    other = ("sweep", "a red circle in oil", *SMALL, "--steps", "2", "--seeds", "6..7")
    planned = swept(*other, "--plan", "--json").objects[0]
    assert (planned["cells"], planned["reused"], planned["axes"]) == (2, 1, ["seed"])
    assert planned["seconds"] > 0
    cells = swept(*other, "--json").objects
    assert [(cell["seed"], cell["reused"]) for cell in cells] == [("6", True), ("7", False)]
    assert sorted(swept("ls", "run:2", "--ids").lines) == sorted(str(cell["id"]) for cell in cells)
    listed = swept("collection", "ls").out
    assert "circles" in listed and "sweep-2" in listed
    assert len(swept("collection", "show", "circles", "--ids").lines) == 8


@pytest.mark.slow
def test_a_seed_that_was_drawn_is_said_and_a_name_brings_it_back(swept):
    asked = ("sweep", "a blue star", *SMALL, "--axis", "steps=2,SKIP:3", "--name", "drawn")
    first, again = swept(*asked), swept(*asked)
    seed = swept("show", "@last", "--json").objects[0]["seed"]
    assert f"note: The seed of all cells was drawn: {seed}." in first.err
    assert "1 cell (steps 2): 1 there already, 0 to render" in again.err
    for changed in (("a blue star", "--axis", "steps=3"), ("a red star", "--axis", "steps=2,SKIP:3")):
        other = swept("sweep", *changed, *SMALL, "--name", "drawn", ok=[2])
        assert "There is already a run called 'drawn' that does something else" in other.err
    with Store.open(str(swept.bank)) as store, store.database.writing() as connection:
        connection.exec_driver_sql("UPDATE runs SET specification = json_set(specification, '$.v', 1) WHERE name = 'drawn'")
    older = swept(*asked, ok=[2])
    assert "begun by another version of seedbank" in older.err and "under another --name" in older.err


@pytest.mark.slow
def test_an_entry_is_swept_and_its_cells_come_from_it(swept):
    cells = swept("sweep", "--from", "1", "--axis", "guidance=0..4(+2)", "--json").objects
    assert [cell["reused"] for cell in cells] == [True, False, False]
    with Library.open(swept.bank) as bank:
        _, children = bank.store.lineage(1)
        assert [(edge.child, edge.kind) for edge in children] == [(cell["id"], "swept-from") for cell in cells[1:]]
    said = swept("sweep", "--from", "1", "--axis", "negative=,blurry", "--plan").err
    assert "note: The negative prompt has no effect: ZImagePipeline runs without guidance here." in said


@pytest.mark.slow
def test_a_cell_that_fails_is_marked_and_the_rest_goes_on(swept, monkeypatch):
    render = Renderer.render

    def breaking(renderer, recipe, *rest, **more):
        if recipe.call["max_sequence_length"] == 8:
            raise RenderFailed("The pipeline broke.")
        return render(renderer, recipe, *rest, **more)

    monkeypatch.setattr(Renderer, "render", breaking)
    asked = ("sweep", "a red star", *SMALL, "--steps", "2", "--seed", "5", "--axis", "max_sequence_length=8,SKIP:9,512")
    for _ in range(2):
        failed, made = swept(*asked, "--json", ok=[1]).objects
        assert failed["cell"] == {"max_sequence_length": "8"} and "The pipeline broke" in failed["failed"]
        assert made["cell"] == {"max_sequence_length": "512"} and made["seed"] == "5"
    assert swept(*asked, ok=[1]).err.splitlines()[-1].startswith("2 cells, 1 failed")
    assert [line for line in swept("log").lines if "cell failed" in line][1:] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--axis", "eta=0..1[3]"), 2, "The axis 'eta=0..1[3]' cannot be rendered: ZImagePipeline has no argument 'eta'"),
        (("--axis", "sampler=euler,dpm++_2m"), 2, "does not take the sampler 'dpm++_2m'"),
        (("--axis", "prompt/water/ink"), 2, "'water' is not in the prompt"),
        (
            ("--axis", "lora.oil=0..1[5]"),
            2,
            "There is no LoRA 'oil' in this recipe.\n  It has none. Another",
        ),
        (("--axis", "size=60x60"), 2, "60x60"),
        (("--seeds", "1..100000", "--axis", "guidance=0..9"), 2, "no terminal to ask before 1,000,000 cells are rendered"),
        (("--axis", "steps=2..1(+1)"), 2, "never gets from 2 to 1"),
        ((), 2, "A sweep needs something that changes"),
        (("--from", "1", "--axis", "steps=2"), 2, "a PROMPT and --from WHICH cannot be said together"),
        (("--refiner", "nowhere", "--seeds", "1,2"), 2, "A sweep has no refiner"),
        (("--axis", "model=a,b"), 2, "The model is an axis and an option."),
        (("--axis", "vae=none,./nowhere"), 2, "There is no file or folder"),
        (("--axis", "image=./nowhere.png"), 2, "nowhere.png cannot be read"),
        (("--axis", "mode=as-is,strict", "--mode", "strict"), 2, "The mode is an axis and an option."),
        (("--axis", "dtype=float32,float33"), 2, "There is no dtype 'float33'"),
        (("--axis", "noise=torch-cpu,white"), 2, "There is no noise of the kind 'white'"),
        (("--axis", "scheduler.nonsense=1"), 2, "FlowMatchEulerDiscreteScheduler has no setting 'nonsense'"),
    ],
)
def test_what_makes_no_sense_is_a_sentence_before_anything_is_rendered(swept, arguments, code, words):
    before = swept("ls", "--ids", "--limit", "0").lines
    assert words in swept("sweep", "a red circle in oil", *SMALL, *arguments, ok=[code]).err
    assert swept("ls", "--ids", "--limit", "0").lines == before


@pytest.mark.slow
def test_a_model_axis_is_planned_by_model_and_labelled_by_folder(swept):
    other = swept.folder / "elsewhere" / "embedded-b"
    shutil.copytree(shared_cache() / "models" / "embedded-0", other)
    page, sheet = swept.folder / "models.html", swept.folder / "models.png"
    ran = swept(
        *("sweep", "a red circle in oil", "--size", "64x64", "--device", "cpu", "--guidance", "0", "--steps", "2", "--json"),
        *("--axis", f"model=embedded@0,{other}", "--seeds", "5..6", "--contact-sheet", str(sheet), "--page", str(page)),
    )
    assert "4 cells (model 2 x seed 2): 4 there already, 0 to render" in ran.err, "the same weights are the same model"
    part = "  embedded-b  ZImagePipeline, 64x64, 2 steps, float32 on cpu: 2 cells, 2 there already"
    assert part in ran.err.splitlines()
    assert [cell["cell"]["model"] for cell in ran.objects] == ["embedded@0"] * 2 + ["embedded-b"] * 2
    assert '["embedded@0", "embedded-b"]' in page.read_text("utf-8") or '["embedded@0","embedded-b"]' in page.read_text("utf-8")
    with Image.open(sheet) as picture:
        assert picture.width > 2 * 64


@pytest.mark.slow
def test_undo_after_a_sweep_takes_its_collection_and_its_cells_and_leaves_those_that_were_there(swept):
    before = swept("ls", "--ids", "--limit", "0").lines
    swept("sweep", "a red circle in oil", *SMALL, "--steps", "2", "--seeds", "5,90,91", "--name", "undone", "--tag", "of it")
    assert "undone" in swept("collection", "ls").out and len(swept("ls", "run:undone", "--ids").lines) == 3
    said = swept("undo").out
    assert "(sweep undone" in said
    assert swept("ls", 'tag:"of it"', "--ids").lines == [], "nor is the cell that was there tagged any more"
    assert swept("ls", "--ids", "--limit", "0").lines == before and "undone" not in swept("collection", "ls").out
    again = said.split("seedbank undo ")[1].split()[0]
    swept("undo", again)
    assert len(swept("ls", "run:undone", "--ids").lines) == 3 and "undone" in swept("collection", "ls").out


@pytest.mark.slow
def test_a_sweep_that_was_killed_and_then_interrupted_goes_on_without_a_cell_twice(process, kept):
    # So many steps that the signal comes before the last cell, also on a machine that is busy.
    asked = ("sweep", "a red circle", *SMALL, "--steps", "25", "--seeds", "1..24", "--json")
    first = interrupted(process, asked, signal.SIGKILL)
    second = interrupted(process, asked, signal.SIGINT)
    assert second.code == 130
    assert "go on with: seedbank sweep --resume 1" in second.err
    seedbank = InProcess(process.bank, process.environ, kept)
    rest = seedbank("sweep", "--resume", "1", "--json").objects
    made = {cell["seed"]: cell["id"] for cell in rest}
    assert sorted(map(int, made)) == list(range(1, 25)) and len(set(made.values())) == 24
    assert all(made[cell["seed"]] == cell["id"] for cell in (*first.objects, *second.objects))
    assert len(seedbank("ls", "--ids", "--limit", "0").lines) == 24, "no cell was rendered twice"
    assert not all(cell["reused"] for cell in rest) and any(cell["reused"] for cell in rest)
    numbers = ",".join(str(made[str(seed)]) for seed in (1, 12, 24))
    assert [found["verdict"] for found in seedbank("regen", numbers, "--json").objects] == ["exact"] * 3


def interrupted(process, arguments, how):
    """The command, ended by a signal when it has told of four cells that it rendered."""
    command = [sys.executable, "-m", "seedbank", "--bank", str(process.bank), *arguments]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=process.environ,
        # Where the tests run in the background of a shell, Ctrl-C is ignored, and what they start inherits that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as running:
        lines, fresh = [], 0
        while fresh < 4:
            lines.append(running.stdout.readline())
            fresh += not json.loads(lines[-1])["reused"]
        running.send_signal(how)
        out, err = running.communicate(timeout=120)
    assert "Traceback" not in err, err
    whole = "".join(lines) + out
    return Ran(running.returncode, whole[: whole.rfind("\n") + 1], err)


# -- vary -------------------------------------------------------------------------------------------------------------


def changed(seedbank, parent, variant):
    """{field: new value} of the recipes of two entries."""
    with Library.open(seedbank.bank) as bank:
        old, new = (bank.entry(number).recipe for number in (parent, variant))
        assert (variant, parent, "variant-of") in {
            (edge.child, edge.parent, edge.kind) for edge in bank.store.lineage(variant)[0]
        }
    return {name: value for name, _, value in differences(old, new)}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--prompt-add", "oil painting"), {"conditioning.prompt": "a red circle in oil, oil painting"}),
        (("--prompt", "山谷"), {"conditioning.prompt": "山谷"}),
        (("--cfg", "3"), {"call.guidance_scale": 2}),
        (("--set", "max_sequence_length=64"), {"call.max_sequence_length": 64}),
        (("--size", "32"), {"call.width": 32, "call.height": 32}),
        (("--seed", "9"), {"noise.seed": "9"}),
    ],
)
def test_a_variant_changes_what_was_named_and_nothing_else(swept, arguments, expected):
    (made,) = swept("vary", "1", *arguments, "--json").objects
    assert changed(swept, 1, made["id"]) == expected
    assert made["seconds"] > 0 and os.path.exists(made["path"])


@pytest.mark.slow
def test_all_but_the_seed_is_kept_and_what_is_near_by_is_mixed_in(swept):
    seeds = [made["seed"] for made in swept("vary", "1", "--seed", "-1", "-n", "3", "--json").objects]
    assert len(set(seeds)) == 3 and [int(seed) - int(seeds[0]) for seed in seeds] == [0, 1, 2]
    sheet = swept.folder / "near.png"
    near = swept(
        *("vary", "1", "--strength", "0.2", "--variation-seed", "70", "--form", "a1111", "-n", "2", "--tag", "near", "--json"),
        *("--contact-sheet", str(sheet)),
    ).objects
    found = [changed(swept, 1, made["id"]) for made in near]
    assert [one["noise.variation.seed"] for one in found] == ["70", "71"]
    assert all(one["noise.variation.strength"] == 0.2 and one["noise.variation.form"] == "a1111" for one in found)
    with Image.open(sheet) as picture:
        assert picture.width > 128
    verdicts = swept("regen", "tag:near", "--json").objects
    assert [one["verdict"] for one in verdicts] == ["exact"] * 2


@pytest.mark.slow
def test_the_sheet_of_the_last_entry_begins_with_that_entry_not_with_its_variant(swept):
    sheet = swept.folder / "last.png"
    before = int(swept("ls", "--ids", "--limit", "1").out)
    (made,) = swept("vary", "@last", "--seed", "31", "--contact-sheet", str(sheet), "--json").objects
    with swept.opened() as bank:
        assert sheet.read_bytes() == bank.variant_sheet(before, [bank.entry(made["id"])])


@pytest.mark.slow
def test_what_has_no_effect_or_moves_everything_is_said_before(swept):
    said = swept("vary", "1", "--negative", "blurry", "--steps", "3").err
    assert "note: The negative prompt has no effect: ZImagePipeline runs without guidance here." in said
    assert "note: The composition may change: 2 steps became 3" in said
    assert "so the same seed draws other noise" in swept("vary", "1", "--size", "32x64").err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 2, "Nothing changes."),
        (("--prompt", "a red circle in oil"), 2, "Entry 1 is like that already"),
        (("-n", "3", "--cfg", "2"), 2, "would make the same picture 3 times"),
        (("--form", "sane"), 2, "A variation needs its strength"),
        (("--strength", "2"), 2, "The variation strength 2 is out of range"),
        (("--clip-skip", "1"), 2, "ZImagePipeline has no argument 'clip_skip'"),
        (("--set", "nonsense=1"), 2, "no argument 'nonsense'"),
        (("--lora", "oil"), 2, "not of the form NAME:WEIGHT"),
    ],
)
def test_a_variant_that_makes_no_sense_is_a_sentence(swept, arguments, code, words):
    before = swept("ls", "--ids", "--limit", "0").lines
    assert words in swept("vary", "1", *arguments, ok=[code]).err
    assert swept("ls", "--ids", "--limit", "0").lines == before


@pytest.mark.slow
def test_an_entry_without_a_recipe_cannot_be_varied_and_says_why(swept):
    with Library.open(swept.bank) as bank:
        number = bank.add(Pixels("RGB", 8, 8, bytes(192))).id
    assert "has no recipe" in swept("vary", str(number), "--seed", "7", ok=[1]).err
    assert "has no recipe" in swept("sweep", "--from", str(number), "--seeds", "1,2", ok=[1]).err
