"""`seedbank demo`: the main job on the embedded model."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

import click

from seedbank.cli.common import progress
from seedbank.cli.printing import say


@click.command("demo")
@click.argument("folder", required=False, type=click.Path(file_okay=False))
@click.option("--model", default="embedded", show_default=True, help="The model to show it with.")
def demo_command(folder: str | None, model: str) -> int:
    """Make a bank in FOLDER (default: a new temporary one), record pictures, rebuild and check them all, and show a sheet."""
    import tempfile

    from seedbank import demo
    from seedbank.api import Library
    from seedbank.errors import BadInput
    from seedbank.regen import exit_code

    place = Path(folder).absolute() if folder else Path(tempfile.mkdtemp(prefix="seedbank-demo-"))
    place.mkdir(parents=True, exist_ok=True)
    database = place / "demo.db"
    if database.exists():
        raise BadInput(f"There is a demo in {place} already.", "Name another folder.")
    with Library.open(database, create=True) as bank:
        shown = demo.run(bank, place, lambda line: say(f"- {line}"), progress(), model)
        for outcome in shown.outcomes:
            found = outcome.regeneration
            say(f"{outcome.entry.id:>3}  {found.verdict}  {outcome.seconds:.1f} s  {outcome.entry.prompt}")
    exact = sum(outcome.regeneration.verdict == "exact" for outcome in shown.outcomes)
    say(f"{exact} of {len(shown.outcomes)} exact: rebuilt from the record, the same to the last bit")
    say(f"\nall pictures on one sheet: {shown.sheet}\nthe bank:                  {database}\n\nTo look around:")
    say(f"  export SEEDBANK_BANK={shlex.quote(str(database))}")
    one, other = (entry.id for entry in shown.entries[-2:])
    tries = {
        "ls tag:poster": "what was tagged poster",
        f"show {one}": "all that is known of one picture",
        f"diff {one} {other}": "what changed between two",
        f"regen {one}": "rebuild it again, and check it",
    }
    for command, gives in tries.items():
        say(f"  {_called()} {command:<15} {gives}")
    return exit_code(shown.outcomes)


def _called() -> str:
    """The program by the name under which the user can call it again."""
    if shutil.which("seedbank"):
        return "seedbank"
    return f"{shlex.quote(sys.executable)} -m seedbank" if sys.argv[0].endswith(".py") else shlex.quote(sys.argv[0])
