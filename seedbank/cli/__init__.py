"""The command line: thin click commands over the Python API, one file each.

Commands import what they need inside the function, so that `seedbank --help` loads no database and `seedbank ls` no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

import click

SECTIONS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "Make and record pictures": {
        "init": ("bank", "Make a new bank."),
        "generate": ("generate", "Render a prompt and record every image."),
        "vary": ("vary", "Render an entry again with some things changed."),
        "sweep": ("sweep", "Render a grid of seeds, prompts, steps … and record it."),
        "blend": ("blend", "Render the pictures between entries, as a film."),
        "import": ("import_", "Take in other tools' pictures, recipes as text, bundles."),
    },
    "Find and look": {
        "ls": ("ls", "Find entries."),
        "show": ("show", "Show everything that is known of entries."),
        "open": ("pictures", "Look at entries on a page in your browser."),
        "compare": ("compare", "Compare entries with the first, in numbers and pictures."),
        "diff": ("diff", "Show how two entries differ."),
        "tree": ("tree", "Show where an entry comes from and what came of it."),
        "stats": ("stats", "Count entries and files."),
        "duplicates": ("stats", "Find pictures that are the same or look alike."),
    },
    "Rebuild and check": {
        "regen": ("regen", "Rebuild entries and check them bit for bit."),
        "env": ("env", "Show an environment, or how two of them differ."),
        "models": ("models", "List, add and keep models and adapters."),
    },
    "Pass on": {
        "recipe": ("recipe", "Print a recipe as text that people and tools read."),
        "copy": ("pictures", "Copy a recipe to the clipboard."),
        "export": ("export", "Write entries into a bundle, or pictures into a folder."),
        "read": ("read", "Say how a picture file was made; needs no bank."),
    },
    "Say what you think": {
        "tag": ("opinions", "Give pictures tags."),
        "untag": ("opinions", "Take tags away."),
        "fav": ("opinions", "Mark your favourites."),
        "rate": ("opinions", "Rate pictures from 0 to 5."),
        "note": ("opinions", "Write your note on pictures."),
        "adopt": ("opinions", "Give a copy what was said of the original."),
        "tags": ("tags", "List, rename and merge tags."),
        "collection": ("collection", "Collections of pictures, and saved searches."),
        "history": ("undo", "Show all that was ever said about pictures."),
        "log": ("undo", "List what was done, the newest first."),
        "undo": ("undo", "Take back what an operation changed."),
    },
    "Keep the bank": {
        "rm": ("trash", "Move entries to the trash."),
        "restore": ("trash", "Bring entries back from the trash."),
        "purge": ("trash", "Delete entries of the trash for good."),
        "check": ("check", "Check that the bank is whole."),
        "gc": ("check", "Remove files that no entry names."),
        "db": ("bank", "The schema of the database, upgrades and backups."),
        "completion": ("completion", "Print the script that completes commands in your shell."),
        "demo": ("demo", "See all of it work, in a new bank."),
    },
}
"""{section of `seedbank --help`: {command: (module that holds it, what it is for in a line)}}"""

COMMANDS = {name: module for section in SECTIONS.values() for name, (module, _) in section.items()}


class Commands(click.Group):
    """A group that imports a command's module when the command is asked for."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(COMMANDS)

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, COMMANDS))
        for title, section in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), help) for name, (_, help) in section.items()])

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        module = COMMANDS.get(name)
        if module is None:
            return None
        found = getattr(import_module(f"seedbank.cli.{module}"), f"{name}_command")
        assert isinstance(found, click.Command)
        return found

    def resolve_command(self, context: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0] if args else ""
        if name and name not in COMMANDS and not name.startswith("-") and not context.resilient_parsing:
            from difflib import get_close_matches

            near = get_close_matches(name, COMMANDS, n=1)
            context.fail(f"There is no command {name!r}." + (f" Did you mean {near[0]!r}?" if near else ""))
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

    Records every generation (recipe, environment, image digest) and rebuilds any stored entry, checked against its digest.

    \b
    seedbank demo                          see all of it work, in a new bank
    seedbank generate "a red circle"       make and record a picture
    seedbank ls                            see what there is
    seedbank regen @last                   rebuild it, bit for bit

    WHICH is an id, 3..9, 1,2,5, @last, a prefix of an image or recipe digest, or a query such as tag:poster.

    Sheets, pages and films are written over what lies there; recipes and bundles with --replace only, other files never.

    Exit status: 0 fine, 1 failed or blocked, 2 bad input, 3 the image differs, 4 no such entry, 10 no bank there,
    11 other schema, 12 engine or extra missing, 130 interrupted.
    """
    if bank is not None and not bank.strip():
        raise click.UsageError("--bank is empty: name a file or a database URL.")
    context.obj = bank
