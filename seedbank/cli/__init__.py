"""The command line: thin click commands over the Python API, one file each.

Commands import what they need inside the function, so that `seedbank --help` loads no database and `seedbank ls` no torch.
"""

from __future__ import annotations

from importlib import import_module

import click

COMMANDS = {
    "init": "bank",
    "generate": "generate",
    "import": "import_",
    "read": "read",
    "ls": "ls",
    "show": "show",
    "tree": "tree",
    "diff": "diff",
    "sweep": "sweep",
    "vary": "vary",
    "blend": "blend",
    "compare": "compare",
    "open": "pictures",
    "copy": "pictures",
    "recipe": "recipe",
    "export": "export",
    "regen": "regen",
    "env": "env",
    "tag": "opinions",
    "untag": "opinions",
    "fav": "opinions",
    "rate": "opinions",
    "note": "opinions",
    "adopt": "opinions",
    "tags": "tags",
    "collection": "collection",
    "undo": "undo",
    "log": "undo",
    "history": "undo",
    "stats": "stats",
    "duplicates": "stats",
    "models": "models",
    "rm": "trash",
    "restore": "trash",
    "purge": "trash",
    "db": "bank",
    "check": "check",
    "gc": "check",
    "completion": "completion",
    "demo": "demo",
}
"""{command: module that holds it}, in the order of `seedbank --help`."""


class Commands(click.Group):
    """A group that imports a command's module when the command is asked for."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        module = COMMANDS.get(name)
        if module is None:
            return None
        found = getattr(import_module(f"seedbank.cli.{module}"), f"{name}_command")
        assert isinstance(found, click.Command)
        return found

    def resolve_command(self, context: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        from difflib import get_close_matches

        name = args[0] if args else ""
        if name and name not in COMMANDS and not name.startswith("-") and not context.resilient_parsing:
            near = get_close_matches(name, COMMANDS, n=1)
            context.fail(
                f"There is no command {name!r}." + (f" Did you mean {near[0]!r}?" if near else " See seedbank --help.")
            )
        return super().resolve_command(context, args)


@click.group(cls=Commands, context_settings={"help_option_names": ["--help"]})
@click.option(
    "--bank",
    metavar="URL",
    help="The bank: a file, or a database URL. Default: SEEDBANK_BANK, seedbank.toml, your data folder.",
)
@click.version_option(package_name="seedbank-images", prog_name="seedbank")
@click.pass_context
def cli(context: click.Context, bank: str | None) -> None:
    """The seed database and asset library for diffusion images.

    Records every generation (recipe, environment, seed, image hash) and rebuilds any stored entry, checked against its hash.

    \b
    WHICH is an id, 3..9, 1,2,5, @last, a prefix of an image or recipe digest, or a query such as tag:poster.
    Exit status: 0 fine, 1 failed or blocked, 2 bad input, 3 the image differs, 4 no such entry, 10 no bank there,
    11 other schema, 12 engine or extra missing, 130 interrupted.
    """
    context.obj = bank
