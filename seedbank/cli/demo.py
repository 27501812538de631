"""`seedbank demo`: the main job on the embedded model."""

from __future__ import annotations

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

    place = Path(folder) if folder else Path(tempfile.mkdtemp(prefix="seedbank-demo-"))
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
    say(f"{exact} of {len(shown.outcomes)} exact")
    say(f"bank:  {database}\nsheet: {shown.sheet}\ntry:   seedbank --bank {database} ls tag:poster")
    return exit_code(shown.outcomes)
