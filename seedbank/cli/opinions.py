"""`seedbank tag`, `untag`, `fav`, `rate` and `note`: opinions hang on the image and have a history."""

from __future__ import annotations

import click

from seedbank.cli.common import open_bank


def _done(ids: list[int], what: str) -> None:
    named = ", ".join(map(str, ids[:10])) + (f" and {len(ids) - 10} more" if len(ids) > 10 else "")
    click.echo(f"{named or 'no entry'}: {what}")


@click.command("tag")
@click.argument("which")
@click.argument("names", nargs=-1, required=True, metavar="TAG…")
@click.pass_context
def tag_command(context: click.Context, which: str, names: tuple[str, ...]) -> None:
    """Give the images of WHICH these tags."""
    with open_bank(context) as bank:
        _done(bank.tag(which, *names), f"tagged {', '.join(names)}")


@click.command("untag")
@click.argument("which")
@click.argument("names", nargs=-1, required=True, metavar="TAG…")
@click.pass_context
def untag_command(context: click.Context, which: str, names: tuple[str, ...]) -> None:
    """Take these tags away from the images of WHICH."""
    with open_bank(context) as bank:
        _done(bank.untag(which, *names), f"no longer tagged {', '.join(names)}")


@click.command("fav")
@click.argument("which")
@click.option("--off", is_flag=True, help="No longer a favourite.")
@click.pass_context
def fav_command(context: click.Context, which: str, off: bool) -> None:
    """Make the images of WHICH favourites."""
    with open_bank(context) as bank:
        _done(bank.favourite(which, not off), "no longer a favourite" if off else "favourite")


@click.command("rate")
@click.argument("which")
@click.argument("rating", type=click.Choice(["0", "1", "2", "3", "4", "5", "none"]))
@click.pass_context
def rate_command(context: click.Context, which: str, rating: str) -> None:
    """Rate the images of WHICH from 0 to 5, or none to take the rating away."""
    with open_bank(context) as bank:
        _done(bank.rate(which, None if rating == "none" else int(rating)), f"rated {rating}")


@click.command("note", context_settings={"ignore_unknown_options": True})  # a note may begin with a dash
@click.argument("which")
@click.argument("text")
@click.pass_context
def note_command(context: click.Context, which: str, text: str) -> None:
    """Write your note on the images of WHICH; it takes the place of the one before, an empty one takes it away."""
    with open_bank(context) as bank:
        _done(bank.note(which, text), "noted")
