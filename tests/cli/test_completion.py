"""Completion: what is offered, and that a real bash takes it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from seedbank.api import Library
from seedbank.cli import completing
from seedbank.recipe import Recipe
from seedbank.records import Model, NewEntry
from tests.pictured import InProcess, add, recipe


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("completion") / "art.db"
    with Library.open(path, create=True, user="ann") as bank:
        add(bank, 1, ["poster", "portrait", "two words", "it's"])
        bank.create_collection("Spring")
        bank.store.add_entry(
            NewEntry(recipe=Recipe.from_dict(recipe(2)), adapters=(Model("d" * 64, "SD ink", pipeline="lora"),))
        )
    return path


def offered(bank: Path, incomplete: str, complete=completing.complete_query) -> list[str]:
    from seedbank.cli import cli

    context = click.Context(cli, obj=str(bank), resilient_parsing=True)
    return [item.value for item in complete(context, click.Argument(["query"]), incomplete)]


@pytest.mark.parametrize(
    ("incomplete", "values"),
    [
        ("se", ["seed:"]),
        ("-ta", ["-tag:"]),
        ("tag:po", ["tag:portrait", "tag:poster"]),
        ("-TAG:PO", ["-TAG:portrait", "-TAG:poster"]),
        ("tag:two", ['tag:"two words"']),
        ("verdict:un", ["verdict:unstable"]),
        ("model:SD", ["model:sdxl-base"]),
        ("lora:sd", ['lora:"SD ink"']),
        ("collection:s", ["collection:Spring"]),
        ("fav:", ["fav:yes", "fav:no", "fav:any"]),
        ("sampler:euler", ["sampler:euler", "sampler:euler_a"]),
        ("schedule:k", ["schedule:karras"]),
        ("sort:ra", ["sort:rating+", "sort:rating-"]),
        ("sort:rating-,se", ["sort:rating-,seed+", "sort:rating-,seed-"]),
        ("nonsense:x", []),
    ],
)
def test_a_word_of_a_query_is_completed(bank, incomplete, values):
    assert offered(bank, incomplete) == values


@pytest.mark.parametrize(
    ("option", "incomplete", "values"),
    [("sampler", "dpm++_2s", ["dpm++_2s"]), ("sampler", "Eul", ["euler", "euler_a"]), ("schedule", "sgm", ["sgm_uniform"])],
)
def test_samplers_and_schedules_are_completed_where_their_options_are(option, incomplete, values):
    from seedbank.cli import cli

    for name in ("generate", "vary", "sweep"):
        context = click.Context(cli)
        command = cli.get_command(context, name)
        assert command is not None
        (parameter,) = (one for one in command.params if one.name == option)
        assert [item.value for item in parameter.shell_complete(context, incomplete)] == values


def test_every_key_that_is_offered_is_a_key(bank):
    from seedbank.query import KEYS

    assert {item.removesuffix(":") for item in offered(bank, "")} == {*KEYS, "sort"}


def test_where_there_is_no_bank_nothing_is_offered(tmp_path):
    assert offered(tmp_path / "none.db", "tag:") == offered(tmp_path / "none.db", "", completing.complete_tags) == []


BASH = """
source <({seedbank} completion bash)
function try {{ COMP_LINE="$1"; COMP_POINT=${{#1}}; COMP_WORDS=($1); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
    COMPREPLY=(); _seedbank_completion seedbank; printf '%s|' "${{COMPREPLY[@]}}"; echo; }}
try "seedbank dup"
try "seedbank --bank art.db ls -tag:po"
try "seedbank --bank art.db tag 1 portr"
try "seedbank --bank art.db ls 'a b' tag:two"
try "seedbank nonsense x"
try "seedbank collection sa"
try "seedbank --bank art.db import ar"
complete -p seedbank
"""


def test_the_script_completes_in_a_real_bash(bank, tmp_path):
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash on this machine")
    command = tmp_path / "seedbank"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m seedbank "$@"\n')
    command.chmod(0o755)
    environ = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(Path(__file__).parents[2])}
    # compopt works inside a completion only, so its complaint is expected here.
    done = subprocess.run(
        [bash, "--norc", "-c", BASH.format(seedbank=command)],
        capture_output=True,
        text=True,
        cwd=bank.parent,
        env=environ,
        timeout=120,
    )
    lines = done.stdout.splitlines()
    assert lines[:6] == ["duplicates|", "portrait|poster|", "portrait|", '\\"two\\ words\\"|', "|", "save|"], done.stderr
    assert lines[6:] == ["|", "complete -o default -F _seedbank_completion seedbank"], "names of files are left to bash"


def test_zsh_and_fish_are_told_where_names_of_files_stand(bank):
    for shell, told in (("zsh", "file"), ("fish", "file,ar")):
        environ = {"_SEEDBANK_COMPLETE": f"{shell}_complete", "COMP_WORDS": "seedbank import ar", "COMP_CWORD": "2"}
        environ |= {"COMP_CWORD": "ar"} if shell == "fish" else {}
        done = subprocess.run(
            [sys.executable, "-m", "seedbank"], capture_output=True, text=True, env={**os.environ, **environ}, timeout=120
        )
        assert done.stdout.splitlines()[0] == told, done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_every_shell_names_the_command(shell, bank):
    assert "_SEEDBANK_COMPLETE" in InProcess(bank)("completion", shell).out
