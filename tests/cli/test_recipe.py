"""A recipe travels as text from one bank to another, and the colleague gets the same picture."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from seedbank.api import Library
from seedbank.cli.common import write_new
from seedbank.errors import BadInput
from seedbank.frozen import replace
from seedbank.records import NewEntry, Picture
from tests.rendering import Ran
from tests.warm import InProcess, Kept

OTHERS = ("a1111", "json", "comfyui", "script")
FORMS = {"en": ["--lang", "en"], "zh": ["--lang", "zh"], **{form: ["--as", form] for form in OTHERS}}
SCENE = '【图像复现指令】\nSeed: 4711\nPrompt: "a red circle"\nNegative: "模糊，低质量"\nSize: 64x64\nSteps: 3\nCFG: 4.0\n'
CPU = ("--device", "cpu")  # as the library's own entries, so that one render process does


@pytest.fixture(scope="module")
def colleague(tmp_path_factory: pytest.TempPathFactory, environ: dict[str, str], kept: Kept) -> InProcess:
    """Another bank, which knows nothing of the first."""
    command = InProcess(tmp_path_factory.mktemp("colleague") / "theirs.db", environ | {"SEEDBANK_USER": "bob"}, kept)
    command("init")
    return command


@pytest.fixture
def paste(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """Run a command with a text on its standard input."""

    def run(command: InProcess, text: str | bytes, *arguments: str, **more: object) -> Ran:
        data = text.encode() if isinstance(text, str) else text
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), encoding="utf-8"))
        return command(*arguments, **more)  # type: ignore[arg-type]

    return run


def entry_of(command: InProcess, number: int = 1) -> dict:
    return command("ls", f"id:{number}", "--json").objects[0]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_reaches_the_colleague_as_the_same_entry(form, library, colleague, paste):
    sent, text = entry_of(library), library("recipe", "1", *FORMS[form]).out
    came = paste(colleague, text, "import", "-", "--json").objects[0]
    assert (came["id"], came["recipe_digest"], came["image_digest"]) == (1, sent["recipe_digest"], sent["image_digest"])
    assert (came["seed"], came["prompt"], came["model"]) == ("7", "a red circle", "embedded@0")


def test_the_colleague_sees_exact_and_keeps_the_picture(library, colleague, paste):
    paste(colleague, library("recipe", "1").out, "import", "-")
    assert entry_of(colleague)["path"] is None or entry_of(colleague)["verdict"] == "exact"
    assert colleague("regen", "1", "--json").objects[0]["verdict"] == "exact"
    there = entry_of(colleague)
    assert Path(there["path"]).read_bytes() == Path(entry_of(library)["path"]).read_bytes()
    assert "128x128 RGB" in colleague("show", "1").out, "what the text did not say of the picture is known now"


def test_a_block_is_printed_in_the_language_of_the_user(library):
    assert library("recipe", "1", LC_ALL="zh_CN.UTF-8").lines[:2] == ["【图像复现指令】", "种子: 7"]
    assert library("recipe", "1", LC_ALL="C.UTF-8").lines[:3] == ["[Image recipe]", "Seed: 7", 'Prompt: "a red circle"']
    assert library("copy", "1", "--print", "--lang", "en").out == library("recipe", "1", "--lang", "en").out


def test_a_text_that_was_changed_is_told_and_its_image_digest_is_not_used(library, colleague, paste):
    text = library("recipe", "1", "--lang", "en").out.replace("red", "blue")
    ran = paste(colleague, text, "import", "-", "--json")
    assert "was changed" in ran.err and ran.objects[0]["image_digest"] is None
    blocked = colleague("regen", str(ran.objects[0]["id"]), ok=[1])
    assert "no image digest to compare with" in blocked.out


def test_a_script_gets_its_input_pictures_beside_it(library, tmp_path):
    import seedbank

    with seedbank.open(library.bank) as bank:
        entry, picture = bank.entry(1), bank.blobs.put(b"\x89PNG and so on", "image/png")
        items = tuple(
            {"role": role, "kind": "picture", "digest": digest}
            for role, digest in (("image", picture.digest), ("mask_image", "e" * 64))
        )
        changed = replace(entry.recipe, pipeline="ZImageInpaintPipeline", inputs=items)
        new = bank.store.add_entry(NewEntry(recipe=changed, model=entry.model, picture=Picture("d" * 64, "RGB", 128, 128)))
    ran = library("recipe", str(new.id), "--as", "script", "-o", str(tmp_path / "circle.py"))
    written = tmp_path / f"circle.image-{picture.digest[:12]}.png"
    assert ran.lines == [str(tmp_path / "circle.py"), str(written)] and written.read_bytes() == b"\x89PNG and so on"
    assert f"is not in this bank: sha256 {'e' * 64}" in ran.err, "what is not here is named"
    assert "names 2 input files" in library("recipe", str(new.id), "--as", "script").err


def test_a_script_comes_with_the_command_that_runs_it_here(library, tmp_path):
    with Library.open(library.bank) as bank:
        entry = bank.entry(1)
        assert entry.model is not None
        lora = {"kind": "lora", "digest": "a" * 64, "weight": 1}
        assert bank.files_to_name(replace(entry, recipe=replace(entry.recipe, adapters=(lora,))))[2:] == ["--adapter", "FILE"]
        gone = replace(entry.model, source=str(tmp_path / "gone"))
        assert bank.files_to_name(replace(entry, model=gone)) == ["--model", "FOLDER"]
        hub = replace(entry.model, source="Tongyi-MAI/Z-Image-Turbo", revision="b" * 40)
        assert bank.files_to_name(replace(entry, model=hub)) == [], "the script fetches it"
    path = tmp_path / "red circle.py"
    ran = library("recipe", "1", "--as", "script", "-o", str(path))
    begins, _, folder = ran.err.strip().partition(" --model ")
    assert begins == f"note: To run it here: python '{path}'"
    assert all((Path(folder) / file.path).is_file() for file in entry.model.files)
    assert folder not in path.read_text(), "a path is nobody else's"
    assert library("recipe", "1", "--as", "json").err == ""


def test_a_recipe_takes_the_place_of_another_file_only_when_it_is_told_to(library, tmp_path):
    path = tmp_path / "circle.py"
    path.write_text("# changed by hand\n")
    ran = library("recipe", "1", "--as", "script", "-o", str(path), ok=[2])
    assert f"{path} exists already.\n  Choose another name, or add --replace.\n" in ran.err
    assert (path.read_text(), [*tmp_path.iterdir()]) == ("# changed by hand\n", [path]) and not ran.out
    written = library("recipe", "1", "--as", "script", "-o", str(path), "--replace")
    assert written.lines == [str(path)] and "diffusers" in path.read_text()
    assert library("recipe", "1", "--as", "script", "-o", str(path)).lines == [str(path)], "the same text is no change"


def test_what_is_written_takes_the_place_of_no_pipe_and_no_device(library, tmp_path):
    for name in ("pipe.html", "pipe.png", "pipe.seedbank"):
        os.mkfifo(tmp_path / name)
    page, sheet, bundle = (str(path) for path in sorted(tmp_path.iterdir()))
    for command in (
        ["recipe", "1", "-o", page, "--replace"],
        ["open", "--print", "-o", page],
        ["ls", "--contact-sheet", sheet],
        ["export", bundle, "--replace"],
    ):
        assert "no regular file" in library(*command, ok=[2]).err, command
    assert all(path.is_fifo() for path in tmp_path.iterdir())


def test_nothing_of_a_recipe_is_written_where_an_input_picture_would_take_the_place_of_another_file(tmp_path):
    kept = tmp_path / "circle.image.png"
    kept.write_bytes(b"a picture of my own")
    with pytest.raises(BadInput, match=r"circle\.image\.png exists already"):
        write_new({tmp_path / "circle.py": b"text", kept: b"another"}, replace=False)
    assert [*tmp_path.iterdir()] == [kept] and kept.read_bytes() == b"a picture of my own"


def test_json_is_what_the_published_schema_says(library):
    schema = json.loads((Path(__file__).parents[2] / "docs" / "recipe.schema.json").read_text("utf-8"))
    told = json.loads(library("recipe", "1", "--as", "json").out)
    jsonschema.Draft202012Validator(schema).validate(told)
    assert "/" not in told["model"].get("source", ""), "paths do not travel"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema).validate(told | {"recipe": told["recipe"] | {"model": "x"}})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda told: told["recipe"].update(conditioning=[]), "conditioning is no JSON object"),
        (lambda told: told["recipe"]["call"].update(width="64"), "width is no whole number"),
        (lambda told: told["recipe"]["call"].update(num_inference_steps=10**9), "num_inference_steps"),
        (lambda told: told["recipe"].update(model="../x"), "model is no digest"),
        (lambda told: told["recipe"].update(extra=1), "no field 'extra'"),
        (lambda told: told["recipe"]["noise"].update(seed="7.5"), "seed '7.5' is not a whole number"),
        (lambda told: told["recipe"].update(adapters=[{"kind": "lora"}]), "digest of one of its adapters"),
        (lambda told: told["seedbank"].update(recipe="abc"), "digests of this recipe document"),
        (lambda told: told["seedbank"].update(v=2), "has version 2"),
        (lambda told: told["model"]["files"][0].update(path="../../x"), "file of a model"),
    ],
)
def test_a_document_that_is_none_is_refused_in_one_sentence(change, words, library, colleague, paste):
    told = json.loads(library("recipe", "1", "--as", "json").out)
    change(told)
    ran = paste(colleague, json.dumps(told), "import", "-", ok=[2])
    assert words in ran.err


HARMLESS = {
    "OMP_NUM_THREADS": "2",
    "OPENBLAS_NUM_THREADS": "1",
    "OPENBLAS_CORETYPE": "Haswell",
    "PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True",
}
"""What engineers set for every process of theirs."""


def test_settings_that_could_load_code_are_not_taken_from_a_text(library, seedbank, paste):
    told = json.loads(library("recipe", "1", "--as", "json").out)
    told["profile"]["variables"] = {"LD_PRELOAD": "/x.so", "OMP_TOOL_LIBRARIES": "/x.so", **HARMLESS}
    told["profile"]["odd"] = "x"
    ran = paste(seedbank, json.dumps(told), "import", "-")
    assert "variables.LD_PRELOAD, variables.OMP_TOOL_LIBRARIES, odd" in ran.err
    profile = seedbank("show", "1", "--json").objects[0]["environment"]["profile"]
    assert profile["variables"] == HARMLESS and "odd" not in profile and profile["threads"] >= 1


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"\xff\xfe\xfd", b"{}", b"[1]", b'{"recipe": 1, "seedbank": 2}', b"a\0b", b"{" * 9999]
)
def test_a_text_without_a_recipe_is_refused(data, colleague, paste):
    assert paste(colleague, data, "import", "-", ok=[2]).err.startswith("seedbank: ")


# -- the block of today -----------------------------------------------------------------------------------------------


def test_the_block_of_today_asks_for_a_model_and_is_rendered_by_generate(seedbank, paste):
    assert "names no model" in paste(seedbank, SCENE, "generate", "--from", "-", ok=[2]).err
    ran = paste(seedbank, SCENE, "generate", "--from", "-", "--model", "embedded@0", *CPU)
    assert "does not say the sampler: as the model recommends" in ran.err
    recipe = seedbank("show", "1", "--json").objects[0]["recipe"]
    assert recipe["conditioning"] == {"prompt": "a red circle", "negative_prompt": "模糊，低质量"}
    assert (recipe["noise"]["seed"], recipe["call"]["guidance_scale"], recipe["call"]["num_inference_steps"]) == ("4711", 3, 3)


def test_a_text_that_names_a_model_nobody_knows_is_rendered_with_one_that_is_named(seedbank, paste):
    text = f"{SCENE}Model: dream v8\n"
    refused = paste(seedbank, text, "generate", "--from", "-", ok=[1])
    assert "dream v8 is not known here" in refused.err and "--model" in refused.err
    paste(seedbank, text, "generate", "--from", "-", "--model", "embedded@0", *CPU)


def test_a_block_of_today_can_wait_in_the_bank(seedbank, paste):
    ran = paste(seedbank, SCENE, "import", "-")
    assert "seedbank generate --from 1 --model NAME" in ran.out
    assert paste(seedbank, SCENE, "import", "-").out == ran.out, "the same text is the same entry"
    assert "(receive: 1)" in seedbank("undo").out and seedbank("ls", "--ids").lines == []
    seedbank("restore", "1")
    seedbank("generate", "--from", "1", "--model", "embedded@0", "--steps", "2", *CPU)
    made = seedbank("show", "2", "--json").objects[0]
    assert (made["recipe"]["call"]["num_inference_steps"], made["recipe"]["call"]["guidance_scale"]) == (2, 3)
    assert "variant-of 1" in seedbank("show", "2").out


def test_generate_from_a_whole_recipe_says_whether_it_is_the_picture(library, seedbank, tmp_path):
    text = tmp_path / "recipe.txt"
    text.write_text(library("recipe", "1", "--as", "a1111").out, "utf-8")
    ran = seedbank("generate", "--from", str(text), *CPU)
    assert "is exact: its image digest is the one that travelled" in ran.err
    assert entry_of(seedbank)["image_digest"] == entry_of(library)["image_digest"]
    other = library("generate", "--from", "1", "--seed", "9", "--json", *CPU)
    assert "exact" not in other.err and other.objects[0]["seed"] == "9"


def test_a_model_that_is_not_here_is_blocked_with_its_name_and_digest(library, seedbank, paste):
    text = library("recipe", "1", "--lang", "en").out.replace("embedded@0", "my-model")
    paste(seedbank, text, "import", "-")
    ran = seedbank("regen", "1", ok=[1])
    assert "blocked: It is not known where the model my-model (" in ran.out
    model = Path(library.environ["SEEDBANK_CACHE"]) / "models" / "embedded-0"
    assert seedbank("regen", "1", "--model", str(model), "--json").objects[0]["verdict"] == "exact"
    assert seedbank("regen", "1", "--json").objects[0]["verdict"] == "exact", "where it lies is known from then on"


def test_a_block_without_a_model_says_wherever_one_runs_into_it_how_it_is_rendered(seedbank, paste):
    paste(seedbank, SCENE, "import", "-")
    remedy = "To render what it says as a new entry: seedbank generate --from 1 --model NAME"
    for command in (("regen", "1"), ("vary", "1", "--seed", "3"), ("recipe", "1", "--check")):
        ran = seedbank(*command, ok=[1])
        assert remedy in ran.out + ran.err, command
    assert "how: seedbank recipe 1 --check" in seedbank("tag", "1", "hero", ok=[2]).err


def test_check_says_beforehand_what_is_missing(library, seedbank, paste):
    assert library("recipe", "1", "--check").lines[0] == "1 of 1 part present"
    paste(seedbank, library("recipe", "1", "--lang", "en").out.replace("embedded@0", "my-model"), "import", "-")
    ran = seedbank("recipe", "1", "--check", ok=[1])
    assert ran.out.startswith("0 of 1 part present; model my-model missing, digest ")
