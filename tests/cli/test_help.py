"""What a new user reads first: the help of every command."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click
import pytest

from seedbank.__main__ import run
from seedbank.cli import COMMANDS, cli, clipboard
from seedbank.errors import SeedbankError
from tests.pictured import drawing

WIDTH = 80


def _all() -> Iterator[click.Context]:
    """A context of every command and subcommand, as `--help` has it."""
    top = click.Context(cli, info_name="seedbank", terminal_width=WIDTH, max_content_width=WIDTH)
    yield top
    for name in COMMANDS:
        command = cli.get_command(top, name)
        assert command is not None
        context = click.Context(command, info_name=name, parent=top)
        yield context
        if isinstance(command, click.Group):
            yield from (click.Context(one, info_name=sub, parent=context) for sub, one in command.commands.items())


@pytest.mark.parametrize("context", list(_all()), ids=lambda context: context.command_path)
def test_the_help_fits_a_terminal_and_its_examples_are_commands(context: click.Context):
    lines = context.get_help().splitlines()
    assert max(map(len, lines)) <= WIDTH
    for words in (line.split() for line in lines if line.strip().startswith("seedbank ")):
        assert words[1] in COMMANDS, words


def test_every_option_says_what_it_does():
    for context in _all():
        silent = [one.name for one in context.command.params if isinstance(one, click.Option) and not one.help]
        assert not silent, context.command_path


@pytest.mark.parametrize("command", [(), ("db",), ("collection",)])
def test_a_command_without_its_words_is_its_help(command, capsys):
    assert run(command) == 2
    told = capsys.readouterr()
    assert told.err.startswith(" ".join(("Usage: seedbank", *command)))
    assert told.out == ""


def test_a_clipboard_tool_that_fails_is_no_traceback(monkeypatch, tmp_path):
    tool = tmp_path / "xclip"
    tool.write_text("#!/bin/sh\nexit 1\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("DISPLAY", ":99")
    with pytest.raises(SeedbankError, match="no desktop tool that works"):
        clipboard.copy("seed 7")


def test_the_clipboard_of_windows_gets_chinese_in_its_own_encoding(monkeypatch, tmp_path):
    tool = tmp_path / "clip.exe"
    tool.write_text(f"#!{sys.executable}\nimport sys\nopen({str(tmp_path / 'got')!r}, 'wb').write(sys.stdin.buffer.read())\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert clipboard.copy("提示词: 猫") == "copied with clip.exe"
    assert (tmp_path / "got").read_bytes().decode("utf-16-le") == "提示词: 猫"


def test_the_default_bank_is_said_where_it_is_not_there_and_when_it_is_made(monkeypatch, tmp_path, capsys):
    monkeypatch.delenv("SEEDBANK_BANK", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert run(["ls"]) == 10
    assert capsys.readouterr().err.endswith("The first picture makes one: seedbank generate; or: seedbank init\n")
    drawing(1).save(tmp_path / "one.png")
    assert run(["import", "one.png"]) == 0
    place = tmp_path / "seedbank" / "bank.db"
    assert f"note: {place} is a new bank, with its images in {place}.images." in capsys.readouterr().err
    assert run(["import", "one.png"]) == 0
    assert "new bank" not in capsys.readouterr().err
