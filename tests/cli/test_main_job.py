"""The main job as a user does it: record, find, say what you think, rebuild and check; mostly inside the test process."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import pytest
from PIL import Image

from seedbank.records import NewRegeneration
from seedbank.regen import Options
from tests.rendering import CommandLine

FAST = ("--steps", "3", "--model", "embedded@0", "--device", "cpu")


def test_an_entry_is_listed_by_its_tag_newest_first(library):
    assert library("ls", "tag:poster", "--ids").lines == ["2", "1"]
    assert library("ls", "-tag:poster", "--ids").lines == []


def test_every_image_of_n_gets_the_next_seed(library):
    assert [item["seed"] for item in library("ls", "--json").objects] == ["8", "7"]


def test_the_stored_file_is_a_png_that_other_tools_read(library):
    path = library("ls", "id:1", "--json").objects[0]["path"]
    with Image.open(path) as image:
        assert image.format == "PNG"
        assert image.size == (128, 128)
        assert image.text["parameters"].startswith(
            "a red circle\nSteps: 3, Sampler: Euler, CFG scale: 6, Seed: 7, Size: 128x128"
        )
        assert json.loads(image.text["seedbank"])["noise"]["seed"] == "7"


def test_regen_says_exact_and_that_you_can_go_on(library):
    ran = library("regen", "1")
    assert ran.lines[0].startswith("1  exact  ")
    assert ran.lines[0].endswith("exact: you can go on from this image")


def test_regen_of_many_is_one_line_each_and_json_on_request(library):
    found = library("regen", "tag:poster", "--json").objects
    assert {(item["id"], item["verdict"], item["trace"]) for item in found} == {(1, "exact", "same"), (2, "exact", "same")}
    assert all(item["explanation"]["line"] for item in found)


def test_a_record_alone_is_enough_to_bring_back_the_picture(library, tmp_path):
    """The bank is moved, every picture is deleted, and a new process rebuilds them bit for bit from the database."""
    moved = tmp_path / "moved.db"
    shutil.copy(library.bank, moved)
    shutil.copytree(f"{library.bank}.images", f"{moved}.images")
    command = CommandLine(moved, library.environ)
    files = [Path(item["path"]) for item in command("ls", "--json").objects]
    for file in files:
        file.chmod(0o644)
        file.unlink()
    assert [finding["kind"] for finding in command("check", "--json", ok=[1]).objects] == ["missing", "missing"]
    assert [item["verdict"] for item in command("regen", "1..2", "--json").objects if item] == ["exact", "exact"]


def test_show_tells_everything_that_is_known(library):
    text = library("show", "1").out
    for word in ("a red circle", "ZImagePipeline", "embedded@0", "FlowMatchEulerDiscreteScheduler", "torch", "threads"):
        assert word in text
    whole = library("show", "1", "--json").objects[0]
    assert whole["environment"]["distributions"]["diffusers"]["version"]
    assert [stage for stage, _ in whole["trace"]][:3] == ["prompt", "noise", "step.000"]


def test_opinions_hang_on_the_image(library):
    library("tag", "1", "hero", "白天")
    library("untag", "1", "poster")
    library("fav", "1")
    library("rate", "1", "5")
    library("note", "1", "client's choice")
    (item,) = library("ls", "--fav", "--tag", "hero", "--json").objects
    assert (item["tags"], item["favourite"], item["rating"]) == (["hero", "白天"], True, 5)
    assert "client's choice" in library("show", "1").out
    library("tag", "1", "poster")


def test_a_chinese_prompt_is_recorded_found_and_rebuilt(seedbank):
    seedbank("generate", "一只橘色的星星在夜空", "--seed", "123456", "--cfg", "4", "--size", "64x64", *FAST)
    (item,) = seedbank("ls", "星星", "--json").objects
    assert (item["prompt"], item["seed"]) == ("一只橘色的星星在夜空", "123456")
    assert "guidance_scale=3   (CFG 4)\n" in seedbank("show", "1").out
    assert seedbank("regen", "@last", "--json").objects[0]["verdict"] == "exact"


def test_minus_one_draws_a_seed_that_is_told_and_can_be_pasted_anywhere(seedbank):
    (item,) = seedbank("generate", "x", "--size", "64x64", *FAST, "--json").objects
    assert 0 <= int(item["seed"]) < 2**32


def test_what_was_rendered_is_shown_on_one_sheet(seedbank, tmp_path):
    sheet = tmp_path / "sheet.png"
    assert "End it with" in seedbank("generate", "x", "--contact-sheet", "sheet.bmp", *FAST, ok=[2]).err
    made = seedbank("generate", "x", "-n", "2", "--size", "64x64", "--contact-sheet", str(sheet), *FAST, "--json").objects
    listed = tmp_path / "listed.png"
    seedbank("ls", "sort:id+", "--contact-sheet", str(listed))
    assert len(made) == 2 and sheet.read_bytes() == listed.read_bytes()
    assert all(float(line) > 0 for line in seedbank("ls", "--format", "{seconds:.3f}").lines)


def test_the_control_experiment(seedbank):
    """Seed 1024 twice: the same pixels. Seed 2048: others. No seed twice: others again."""
    digests = []
    for seed in ("1024", "1024", "2048", "-1", "-1"):
        seedbank("generate", "x", "--seed", seed, "--size", "64x64", *FAST)
        digests.append(seedbank("ls", "-n", "1", "--json").objects[0]["image_digest"])
    assert digests[0] == digests[1]
    assert len(set(digests)) == 4


def test_copy_prints_the_recipe_with_its_digests(library):
    text = library("copy", "1", "--print").out
    assert 'Prompt: "a red circle"' in text.splitlines() or '提示词: "a red circle"' in text.splitlines()
    assert library("ls", "id:1", "--json").objects[0]["recipe_digest"] in text.splitlines()[-1]
    assert library("copy", "1", "--print", "--as", "a1111").out.startswith("a red circle\nSteps: 3")


def test_open_names_a_file_that_a_viewer_understands(library):
    path = Path(library("open", "1", "--viewer", "--print").out.strip())
    assert path.suffix == ".png"
    assert Image.open(path).size == (128, 128)


def test_removal_is_a_trash_and_only_purge_deletes(seedbank):
    seedbank("generate", "x", "--size", "64x64", *FAST)
    assert "(generate: 1)" in seedbank("undo").out
    assert seedbank("ls", "--ids").lines == []
    assert seedbank("regen", "1", ok=[4]).code == 4
    seedbank("restore", "1")
    assert seedbank("ls", "--ids").lines == ["1"]
    assert seedbank("rm", "1").out == "1 in the trash; seedbank restore 1 brings it back\n"
    assert "There is no terminal to ask before 1 entry is deleted for good." in seedbank("purge", "1", ok=[2]).err
    assert "everything but a few" in seedbank("purge", "--", "-tag:x", ok=[2]).err
    seedbank("purge", "1", "--yes")
    assert seedbank("restore", "1", ok=[4]).code == 4
    assert "removed" in seedbank("gc", "--grace", "0").out
    left = [path.name for path in Path(f"{seedbank.bank}.images").rglob("*") if path.is_file()]
    assert left == ["seedbank-store.txt"]


def test_a_variant_says_what_changes_the_composition(library):
    ran = library("generate", "a blue circle", "--seed", "7", "--like", "1", *FAST[2:], "--steps", "4")
    assert "The composition may change: 3 steps became 4" in ran.err
    assert "variant-of 1" in library("show", "@last").out


def test_a_durable_run_goes_on_where_it_stopped(library):
    first = library("regen", "1", "--name", "after-upgrade", "--json").objects
    assert [item["id"] for item in first] == [1]
    again = library("regen", "1..2", "--name", "after-upgrade")
    assert "goes on with the 1 entry that it began with; not among them: 2." in again.err
    assert "0 of 1: nothing left to do (1 were done before: 1 exact)" in again.err


def test_the_exit_status_of_a_durable_run_is_that_of_all_of_it(library):
    options = Options(name="overnight")
    with library.opened() as bank:
        run = bank.store.start_run("regen", asdict(options), [1], name=options.name)
        bank.store.add_regeneration(NewRegeneration(1, "different", experiment=True, run=run.id))
    ran = library("regen", "1", "--name", "overnight", ok=[3])
    assert "(1 were done before: 1 different)" in ran.err


def test_other_settings_are_an_experiment_and_never_the_entrys_verdict(library):
    (item,) = library("regen", "2", "--with", "threads=1", "--json", ok=[0, 3]).objects
    assert item["experiment"]
    assert library("ls", "id:2", "--json").objects[0]["verdict"] in (None, "exact")


def test_a_proof_is_a_line_a_table_and_kept_with_the_entry(library):
    ran = library("regen", "1", "--with", "memory_format=channels_last", "--prove", "--verbose", ok=[0, 3])
    assert "(experiment: memory_format=channels_last)" in ran.lines[0]
    if "drifted" not in ran.lines[0] and ran.lines[0].split()[1] == "exact":
        pytest.skip("the memory format has no effect here")
    assert "memory format channels_last instead of contiguous — proven" in ran.lines[0]
    assert "rerun with every setting as recorded: as recorded" in ran.out
    assert "rerun with memory_format changed alone: as observed" in ran.out
    assert "channels_last instead of contiguous — proven" in library("show", "1").out
    (item,) = [one for one in library("show", "1", "--json").objects[0]["regenerations"] if one["evidence"].get("trials")]
    assert item["explanation"]["grade"] == "proven"


def test_a_setting_that_does_not_exist_is_refused_with_the_nearest(library):
    assert "Did you mean threads?" in library("regen", "1", "--with", "thread=1", ok=[2]).err
    assert "Did you mean math?" in library("regen", "1", "--with", "attention=maths", ok=[2]).err
