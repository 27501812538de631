"""Whatever is typed: one sentence with the remedy, the documented exit code, no traceback, nothing half-written."""

import os
import re
import signal
import subprocess
import sys
import time

import pytest

from seedbank.engine.process import Engine
from seedbank.errors import BadInput
from seedbank.recording.request import Request
from tests.pictured import add, drawing
from tests.warm import InProcess

FAST = ("--steps", "3", "--model", "embedded@0", "--device", "cpu", "--size", "64x64")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["show", "99"], 4, "no entry 99"),
        (["regen", "99"], 4, "no entry 99"),
        (["ls", "sedd:7"], 2, "'sedd'"),
        (["ls", "--json", "--limits"], 2, "No such option '--limits'. Did you mean '--limit'?"),
        (["stats", "--count"], 2, "No such option '--count'"),
        (["sweep", "x", "--seeds", "1,2", "--contact-sheet", "no/such/folder/a.png"], 2, "folder/a.png cannot be written"),
        (["sweep", "x", "--seeds", "1,2", "--page", "."], 2, ". cannot be written: Is a directory"),
        (["vary", "1", "--seed", "-1", "--contact-sheet", "no/such/a.png"], 2, "no/such/a.png cannot be written"),
        (["lst"], 2, "Did you mean 'ls'?"),
        (["find", "x"], 2, "There is no command 'find'.\n  See: seedbank --help\n"),
        (["rate", "1", "9"], 2, "not one of"),
        (["regen", "1", "--tolerance", "soon"], 2, "tolerance"),
        (["regen", "1", "--with", "threads"], 2, "NAME=VALUE"),
        (["regen", "1", "--tolerance", "nan"], 2, "tolerance"),
        (["tag", "--", "-foo", "x"], 2, "would change everything"),
        (["gc", "--grace", "inf"], 2, "not a valid integer"),
        (["show", "2..1"], 2, "backwards"),
        (["ls", "--limit", "-1"], 2, "is not in the range"),
        (["ls", "steps:5", "size:0x-5"], 2, "not a size"),
        (["log", "--before", "9" * 30], 2, "is not in the range"),
        (["ls"], 0, "no entry yet"),
        (["import", ""], 2, "A path is empty"),
        (["tag", "1"], 2, "See: seedbank tag --help"),
        (["rate", "1", "2", "5"], 2, "WHICH and RATING are one word each: seedbank rate 1,2 5\n  See: seedbank rate --help\n"),
        (["rate", "1", "17", "none"], 2, "seedbank rate 1,17 none"),
        (["rate", "tag:a", "fav:yes", "5"], 2, "seedbank rate 'tag:a fav:yes' 5"),
        (["rate", "5"], 2, "Missing argument 'RATING'. Choose from: 0, 1, 2, 3, 4, 5, none\n"),
        (["note", "1", "hello", "world"], 2, "WHICH and TEXT are one word each: seedbank note 1 'hello world'"),
        (["note", "1", "@last", "too", "dark"], 2, "seedbank note 1,@last 'too dark'"),
        (["collection", "add", "3", "best"], 4, "There is no collection '3'.\n  See them with: seedbank collection ls"),
        (["generate", "x", "--width", "64"], 2, "one option here: --size 768x512.\n  See: seedbank generate --help"),
        (["generate", "x", "-o", "a.png"], 2, "seedbank export --images FOLDER @last"),
        (["vary", "1", "--num-inference-steps", "3"], 2, "It is --steps here."),
        (["ls", "--width", "64"], 2, "No such option '--width'.\n  See: seedbank ls --help"),
        (["vary", "1", "--prompt-add"], 2, "See: seedbank vary --help"),
        (["generate", "a", "red", "circle", "--seed", "7"], 2, "The prompt is in 3 pieces: type it as 'a red circle'."),
        (["sweep", "a", "circle", "--seeds", "1,2"], 2, "type it as 'a circle'"),
        (["sweep", "x", "--from", "1"], 2, "a PROMPT and --from WHICH cannot be said together"),
        (["sweep", "--seeds", "1,2"], 2, "nothing says what to start from"),
        (["sweep", "--resume", "nothing"], 4, "seedbank collection ls"),
        (["generate", "--from", "no/such.txt"], 2, "There is no file no/such.txt"),
        (["export", "--images", "out", "--name", " "], 2, "name is empty"),
        (["collection", "create", " "], 2, "name of a collection cannot be empty"),
        (["sweep", "x", "--seeds", "1,2", "--contact-sheet", "sheet.bmp"], 2, "End it with .png, .jpg, .jpeg or .webp"),
        (["generate", "x", "-n", "1501", "--contact-sheet", "a.png"], 2, "room for 1,500 pictures"),
        (["vary", "1", "--seed", "-1", "-n", "1500", "--contact-sheet", "a.png"], 2, "room for 1,500 pictures"),
        (
            ["sweep", "x", "--seeds", "1..1501", "--contact-sheet", "a.png", "--plan", *FAST],
            2,
            "shows 1,500 cells; the grid has",
        ),
        (
            ["sweep", "x", "--seeds", "1..1001", "--page", "a.html", "--plan", *FAST],
            2,
            "A page holds 1,000 pictures",
        ),
        (["generate", "x", "--size", "100by100"], 2, "not a size"),
        (["generate", "x", "--model", "/no/such/folder"], 2, "/no/such/folder"),
        (["generate", "x", "--model", "embedded@77"], 2, "embedded@77"),
    ],
)
def test_it_is_said_in_one_sentence(seedbank, arguments, code, words):
    ran = seedbank(*arguments, ok=[code])
    assert words in ran.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--size", "100x64"], "Use 96x64 or 112x64"),
        (["--set", "num_inference_steps=1.5"], "num_inference_steps"),
        (["--size", "100000x100000"], "out of range"),
        (["--set", "etaa=1"], "no argument 'etaa'"),
        (["--set", "generator=1"], "no argument 'generator'"),
        (["--dtype", "float7"], "float7"),
        (["--device", "cuda:9"], "cuda"),
    ],
)
def test_what_the_pipeline_would_crop_refuse_or_ignore_is_refused_beforehand(seedbank, arguments, words):
    options = [*FAST[2:6], *(["--steps", "3"] if "--steps" not in arguments else [])]
    options += ["--size", "64x64"] if "--size" not in arguments else []
    options = [word for word in options if not (word in ("--device", "cpu") and "--device" in arguments)]
    ran = seedbank("generate", "x", *options, *arguments, ok=[1, 2])
    assert words in ran.err
    assert seedbank("ls", "--ids").lines == []
    assert seedbank("check").code == 0


MISTAKES_THAT_NEED_NO_MODEL = [
    (["generate", "x", "--seed", "-2"], "seed -2 is out of range"),
    (["generate", "x", "--seed", str(2**64 - 1), "-n", "2"], "out of range"),
    (["generate", "x", "--seed", str(2**64)], "out of range"),
    (["generate", "x", "--guidance", "nan"], "out of range"),
    (["generate", "x", "-n", "0"], "-n 0 is out of range"),
    (["generate", "x", "--steps", "0"], "0 steps are out of range"),
    (["generate", "x", "--guidance", "3", "--cfg", "4"], "two forms"),
    (["generate", "x", "--steps", "2", "--set", "num_inference_steps=9"], "--steps and --set num_inference_steps say the same"),
    (["generate", "x", "--size", "64x64", "--set", "height=96"], "--size and --set height say the same"),
    (["generate", "x", "--cfg", "3", "--set", "guidance_scale=9"], "--cfg and --set guidance_scale say the same"),
    (["generate", "x", "--revision", "main"], "--revision has no effect here: embedded comes with seedbank"),
    (["generate", "x", "--model", ".", "--model-config", "."], "--model-config has no effect here: . is a folder"),
    (["generate", "x", "--set", "max_sequence_length=-1"], "max_sequence_length -1 is out of range"),
    (["generate", "x", "--cfg", "nan"], "CFG nan is out of range"),
    (["generate", "x", "--variation-seed", "3"], "needs its strength"),
    (["generate", "x", "--tag", "a,b"], "contains a comma"),
    (["sweep", "x", "--seeds", "1,2", "--tag", "a,b"], "contains a comma"),
    (["sweep", "x", "--seeds", "1,2", "--steps", "0"], "0 steps are out of range"),
    (["vary", "1", "--prompt-add", "ink", "--tag", "a,b"], "contains a comma"),
    (["vary", "1", "--seed", "-2"], "seed -2 is out of range"),
    (["vary", "1"], "Nothing changes"),
    (["vary", "1", "--set", "steps=few"], "steps is no argument of the pipeline"),
    (["generate", "x", "--set", "etaa=1"], "It has: height, width, num_inference_steps, sigmas"),
    (["generate", "x", "--set", "max_sequence_length=long"], "max_sequence_length cannot be 'long'"),
    (["generate", "x", "--size", "100x64"], "Use 96x64 or 128x64"),
    (["generate", "x", "--size", "0x64"], "0x64 is out of range"),
    (["generate", "x", "--lora", "no.safetensors"], "There is no file"),
    (["sweep", "x", "--seeds", "1,2", "--set", "etaa=1"], "no argument 'etaa'"),
    (["sweep", "x", "--axis", "etaa=1,2"], "The axis 'etaa=1,2' cannot be rendered"),
    (["sweep", "x", "--axis", "size=64x64,100x100"], "Use 96x96 or 128x128"),
    (["generate", "x", "--model", "."], "not a diffusers pipeline folder"),
    (["regen", "1", "--model", "nowhere"], "There is no model 'nowhere'"),
    (["regen", "1", "--with", "thread=1"], "There is no setting 'thread'"),
    (["vary", "1", "--prompt-add", "ink", "--model", "nowhere"], "There is no model 'nowhere'"),
    (["import", "picture.png", "--tag", "a,b"], "contains a comma"),
]


def test_nobody_waits_for_a_model_to_hear_of_a_mistake_that_needs_none(seedbank, monkeypatch, tmp_path):
    monkeypatch.setattr(Engine, "_start", lambda engine: pytest.fail("a render process was started"))
    monkeypatch.chdir(tmp_path)
    drawing(1).save("picture.png")
    with seedbank.opened() as bank:
        add(bank, 1)
    before = seedbank("log", "--json").out
    for command, words in MISTAKES_THAT_NEED_NO_MODEL:
        ran = seedbank(*command, ok=[2])
        assert words in ran.err
        assert "rejected" not in ran.out + ran.err
        assert seedbank("log", "--json").out == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"prompt": 7}, "The prompt 7 is not a text"),
        ({"prompt": None}, "The prompt None is not a text"),
        ({"prompt": "x", "count": 2.5}, "The count 2.5 is not a whole number"),
        ({"prompt": "x", "steps": "8"}, "The steps '8' is not a whole number"),
        ({"prompt": "x", "cfg": "high"}, "The cfg 'high' is not a number"),
    ],
)
def test_what_a_program_gives_is_held_against_its_kind(options, words):

    with pytest.raises(BadInput, match=re.escape(words)):
        Request(**options).check()


def test_a_mistyped_option_of_generate_is_refused_with_the_nearest(seedbank):
    with seedbank.opened() as bank, pytest.raises(BadInput, match=r"no option 'sedd'\. Did you mean 'seed'"):
        bank.generate("x", sedd=7)
    with seedbank.opened() as bank, pytest.raises(BadInput, match=r"no option 'num_inference_steps'\. Did you mean 'steps'"):
        bank.generate("x", num_inference_steps=7)


def test_a_prompt_that_is_too_long_is_recorded_and_the_lost_words_are_named(seedbank):
    prompt = " ".join(f"circle{number}" for number in range(400))
    ran = seedbank("generate", prompt, *FAST)
    assert "longer than the tokenizer takes" in ran.err
    assert "… circle399 (" in ran.err
    assert len(ran.err) < 500
    assert seedbank("ls", "--json").objects[0]["prompt"] == prompt


def test_a_negative_prompt_without_guidance_is_said_to_have_no_effect(seedbank):
    assert "no effect" in seedbank("generate", "x", "--negative", "blurry", "--guidance", "0", *FAST).err


def test_a_large_seed_is_accepted_with_a_note(seedbank):
    ran = seedbank("generate", "x", "--seed", str(7 + 2**32), *FAST)
    assert "lower 32 bits" in ran.err
    seedbank("generate", "x", "--seed", "7", *FAST)
    same = {item["image_digest"] for item in seedbank("ls", "--json").objects}
    assert len(same) == 1


def test_a_mistyped_bank_is_no_new_bank(seedbank, tmp_path):
    absent = tmp_path / "atr.db"
    for command in (["ls"], ["generate", "x", *FAST]):
        done = subprocess.run(
            [sys.executable, "-m", "seedbank", "--bank", str(absent), *command],
            capture_output=True,
            text=True,
            env=seedbank.environ,
        )
        assert done.returncode == 10
        assert "no bank" in done.stderr
    assert not absent.exists()


def test_the_default_bank_is_made_by_the_first_command_that_writes(environ, kept, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    home = {**environ, "HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path / "data")}
    seedbank = InProcess("", home, kept)
    seedbank("ls", ok=[10])
    seedbank("generate", "x", *FAST)
    assert seedbank("ls", "--ids").out == "1\n"
    assert list((tmp_path / "data").rglob("*.db"))


def test_ctrl_c_while_rendering_exits_130_and_keeps_what_was_recorded(seedbank):
    command = [sys.executable, "-m", "seedbank", "--bank", str(seedbank.bank), "generate", "x", "-n", "500", "--json", *FAST]
    running = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=seedbank.environ,
        # A shell that runs the tests in the background makes its children ignore Ctrl-C; a user's terminal does not.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert running.stdout is not None
    told = [running.stdout.readline() for _ in range(2)]
    running.send_signal(signal.SIGINT)
    rest, said = running.communicate(timeout=60)
    assert running.returncode == 130, said
    assert "Traceback" not in said
    acknowledged = len(told) + len(rest.splitlines())
    assert len(seedbank("ls", "--ids", "-n", "0").lines) >= acknowledged
    assert seedbank("check", "--read-data").code == 0


def test_the_render_process_dies_with_its_driver(seedbank):
    command = [sys.executable, "-m", "seedbank", "--bank", str(seedbank.bank), "generate", "x", "-n", "500", "--json", *FAST]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=seedbank.environ)
    assert running.stdout is not None
    running.stdout.readline()
    workers = children_of(running.pid)
    assert workers
    running.kill()
    running.wait()
    deadline = time.monotonic() + 20
    while any(os.path.exists(f"/proc/{pid}") for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(os.path.exists(f"/proc/{pid}") for pid in workers)
    assert seedbank("check", "--read-data").code == 0


def children_of(pid):
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(word) for word in listed.stdout.split()]


def test_a_relative_image_folder_is_found_from_elsewhere(environ, kept, tmp_path, monkeypatch):
    (tmp_path / "sub").mkdir()
    seedbank = InProcess(tmp_path / "art.db", environ, kept)
    monkeypatch.chdir(tmp_path)
    seedbank("init", "--images", "pictures")
    assert str(tmp_path / "pictures") in seedbank("generate", "x", *FAST).out
    monkeypatch.chdir(tmp_path / "sub")
    assert seedbank("check", "--read-data").code == 0


def test_a_list_of_nothing_says_so_beside_the_output(seedbank):
    for command in (["models"], ["models", "match"], ["tags"], ["collection", "ls"]):
        ran = seedbank(*command)
        assert (ran.out, len(ran.err.splitlines())) == ("", 1)
        assert ran.err.lower().startswith(("there is no", "no imported"))
        assert seedbank(*command, "--json").err == ""


def test_a_closed_output_ends_no_command(seedbank):
    command = f"{sys.executable} -m seedbank --bank {seedbank.bank} ls --ids >&-"
    ran = subprocess.run(["sh", "-c", command], capture_output=True, text=True, env=seedbank.environ)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_a_terminal_that_lacks_characters_ends_no_command(seedbank):
    with seedbank.opened() as bank:
        add(bank, 1, ["café 小木屋"])
    ran = subprocess.run(
        [sys.executable, "-m", "seedbank", "--bank", str(seedbank.bank), "ls", "--format", "{tags}"],
        capture_output=True,
        env={**seedbank.environ, "PYTHONIOENCODING": "latin-1"},
    )
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert ran.stdout.decode("latin-1") == "café \\u5c0f\\u6728\\u5c4b\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_an_output_that_cannot_be_written_is_said(seedbank):
    command = [sys.executable, "-m", "seedbank", "--bank", str(seedbank.bank), "stats"]
    with open("/dev/full", "w") as full:
        ran = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, env=seedbank.environ)
    assert ran.returncode == 1
    assert "The output cannot be written: No space left on device." in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_cache_that_cannot_be_made_is_said_and_an_empty_bank_is_none(seedbank):
    ran = seedbank("open", "--print", ok=[1], SEEDBANK_CACHE="/proc/none")
    assert "/proc/none/open cannot be made" in ran.err and "SEEDBANK_CACHE" in ran.err
    assert seedbank("--bank", "", "ls", ok=[2]).err.startswith("seedbank: --bank is empty")


def test_no_option_hides_inside_a_word_that_must_be_missing():
    """Click looks for short options letter by letter: `-n` was found in `-verdict:different` and took its last letter."""
    import click

    from seedbank.cli import cli

    def commands(group: click.Group):
        context = click.Context(group)
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            if isinstance(command, click.Group):
                yield from commands(command)
            else:
                yield command

    lenient = [command for command in commands(cli) if command.context_settings.get("ignore_unknown_options")]
    assert {"ls", "open", "stats", "duplicates", "export", "save"} <= {command.name for command in lenient}
    short = {name for command in lenient for parameter in command.params for name in parameter.opts if name[:2] != "--"}
    assert {name for name in short if name.startswith("-")} == set()


def test_ctrl_c_while_the_command_is_being_loaded_is_no_traceback(monkeypatch):
    from seedbank import __main__

    def interrupted(arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(__main__, "run", interrupted)
    with pytest.raises(SystemExit) as left:
        __main__.main(["ls"])
    assert left.value.code == 130
