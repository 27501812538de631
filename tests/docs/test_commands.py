"""Every command that a page or a message names is one that the command line takes."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from seedbank.cli import cli

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
IN_A_PAGE = re.compile(r"^\$ (?:\w+=\S+ )*seedbank (.*)$|`seedbank ([^`\n]+)`", re.MULTILINE)
IN_A_MESSAGE = re.compile(r": seedbank ([a-z][^\n`;]*)$")
QUERYING = ("ls", "stats", "duplicates")
"""Their words are a query, in which nearly everything is allowed."""


def named_in_pages() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for found in IN_A_PAGE.finditer(page.read_text("utf-8")):
            yield page.name, re.split(r"  #| [|<>] |  +", found[1] or found[2])[0]


def named_in_messages() -> Iterator[tuple[str, str]]:
    for path in sorted((ROOT / "seedbank").rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
        for node in ast.walk(tree):
            if id(node) not in parts and (found := IN_A_MESSAGE.search(_text(node))):
                yield path.name, found[1].split(", ")[0].removesuffix(".")


def _text(node: ast.AST) -> str:
    """A string of the source; what is filled in is a 7."""
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "7" for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def mistake(line: str) -> str:
    """What the command line has against `seedbank LINE`; empty where nothing."""
    words = [word for word in shlex.split(line) if word != "…"]
    command: click.Command = cli
    context = click.Context(cli)
    if words[:1] == ["--bank"]:
        del words[:2]
    while isinstance(command, click.Group) and words and (inner := command.get_command(context, words[0])) is not None:
        command, words = inner, words[1:]
    if command is cli and words != ["--help"]:
        return "no such command"
    if isinstance(command, click.Group) and command.params and words and not words[0].startswith("-"):
        return f"{command.name} has no command {words[0]}"
    if command.name in QUERYING:
        return ""
    try:
        parsed, left, _ = command.make_parser(click.Context(command)).parse_args(list(words))
    except click.NoSuchOption as error:
        return error.format_message()
    except click.UsageError:
        return ""  # a page may name an option without its value
    if command.name == "env" and isinstance(parsed["which"], tuple) and len(parsed["which"]) > 2:
        return "env takes two"
    return f"not taken: {' '.join(left)}" if left else ""


@pytest.mark.parametrize("named", [named_in_pages, named_in_messages])
def test_every_command_that_is_named_can_be_typed(named):
    found = list(named())
    assert len(found) > 50
    wrong = [(where, line, said) for where, line in found if (said := mistake(line))]
    assert wrong == [("design.md", "[--bank URL] COMMAND", "no such command")] * (named is named_in_pages)
