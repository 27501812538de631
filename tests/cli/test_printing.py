"""What a stranger wrote cannot command the terminal, wherever it is printed; lines fit the terminal."""

import contextlib
import io
import json
import re
from pathlib import Path

import click
import pytest

import seedbank.cli
from seedbank.__main__ import run
from seedbank.api import Library
from seedbank.cli import COMMANDS, cli
from seedbank.cli.printing import emit, fit, middle_out, table, width_of
from seedbank.records import Model, NewRegeneration
from tests.pictured import InProcess, drawing, recipe

HOSTILE = "a\x1b[2J\x07\u202e\x9b31mb"
FOLDER = Path(seedbank.cli.__file__).parent


def test_commands_print_in_one_place():
    printers = {path.name for path in FOLDER.glob("*.py") if re.search(r"click\.s?echo|(?<![\w.])print\(", path.read_text())}
    assert printers == {"printing.py", "inline.py"}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> InProcess:
    """A bank in which everything that strangers can name has commands for a terminal in its name, as after an import."""
    place = tmp_path_factory.mktemp("hostile") / "art.db"
    with Library.open(place, create=True, user="ann") as bank:
        for number in (1, 2):
            model = Model(str(number) * 64, f"model {HOSTILE}", source=f"/x/{HOSTILE}", pipeline=f"P{HOSTILE}")
            conditioning = {"prompt": f"{number}{HOSTILE}\nimage  forged", "negative_prompt": HOSTILE}
            recipe_ = recipe(number, sampler=HOSTILE) | {"model": model.digest, "conditioning": conditioning}
            bank.add(drawing(number), recipe_, model=model)
        line = {"line": HOSTILE, "hint": HOSTILE, "notes": [HOSTILE], "causes": []}
        bank.store.add_regeneration(NewRegeneration(1, "different", explanation=line))
        bank.note(1, HOSTILE.replace("\x1b", ""))
    return InProcess(place)


@pytest.mark.parametrize(
    "words",
    [
        *(["ls"], ["ls", "--csv"], ["ls", "--json"], ["ls", "--format", "{prompt}"], ["show", "1"], ["show", "1", "--json"]),
        *(["tree", "1"], ["diff", "1", "2"], ["compare", "1", "2"], ["recipe", "1"], ["recipe", "1", "--check"]),
        *(["copy", "1", "--print"], ["models"], ["models", "missing"], ["stats"], ["log"], ["history", "1"], ["regen", "1"]),
    ],
)
def test_no_command_of_a_stranger_reaches_the_terminal(hostile, words, monkeypatch):
    monkeypatch.setattr(Terminal, "isatty", lambda self: True)
    out, err = Terminal(), Terminal()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        run(["--bank", str(hostile.bank), *words])
    told = out.getvalue() + err.getvalue()
    assert told
    assert not {"\x1b", "\x07", "\u202e", "\x9b"} & set(told)
    assert "\nimage  forged" not in told


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""


def test_json_escapes_what_a_terminal_would_obey_and_keeps_its_value(capsys):
    emit({"prompt": HOSTILE})
    line = capsys.readouterr().out
    assert line.rstrip("\n").isprintable()
    assert json.loads(line) == {"prompt": HOSTILE}


LONG = "juggernautXL-rundiffusion-photo-2-lightning-4S-v7"


@pytest.mark.parametrize("most", [2, 5, 12])
def test_a_long_name_loses_its_middle(most):
    name = "stable-diffusion-xl-模型-base-1.0"
    cut = middle_out(name, most)
    assert width_of(cut) <= most
    assert cut[0] == "s" and "…" in cut
    assert middle_out("short", 5) == "short"


def test_a_very_long_text_is_fitted_at_once():
    assert fit("x" * 3_000_000, 10) == "xxxxxxxxx…"


@pytest.mark.parametrize("words", [[], ["collection"], ["tags"], ["models"], ["db"]])
def test_help_fits_a_terminal_and_says_each_line_to_its_end(words, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    assert run([*words, "--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(width_of(line) <= 80 for line in lines)
    assert not [line for line in lines if line.endswith("...") and not line.startswith("Usage")]


def test_every_command_of_the_help_is_there():
    context = click.Context(cli)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None and command.name == name and command.help


@pytest.mark.parametrize(("columns", "name"), [(90, LONG), (60, "juggernautXL-r…ightning-4S-v7"), (20, "juggerna…g-4S-v7")])
def test_a_long_name_gives_way_where_a_table_is_wider_than_the_terminal(monkeypatch, columns, name):
    monkeypatch.setenv("COLUMNS", str(columns))
    place = "/models/checkpoints/one"
    lines = table([[LONG, "lora", place], ["ink", "lora", place]], ("name", "kind", "seen"), names=0)
    assert lines[1].startswith(f"{name}  lora  ")
    assert lines[1].endswith(place) is (columns > 20)
    assert lines[2].split()[:2] == ["ink", "lora"]
    assert columns < 40 or max(map(width_of, lines)) <= columns
