"""`seedbank tag`, `untag`, `fav`, `rate`, `note` and `adopt`: opinions hang on the image and have a history."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

import click

from seedbank.cli.bulk import NAMED, chosen, done, yes_option
from seedbank.cli.common import json_option, open_bank
from seedbank.cli.completing import complete_tags, complete_which
from seedbank.cli.printing import remark

NUMBER = re.compile(r"\d+(\.\.\d*)?", re.ASCII)
"""What names entries elsewhere: an id, or a range."""


class OneThing(click.Command):
    """A command of WHICH and one thing that is said of it: where more words were typed, it is said how."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, [*args])
        except click.UsageError:
            values, rest, _ = self.make_parser(ctx).parse_args([*args])
            if not rest:
                raise
            which, said = (one for one in self.params if isinstance(one, click.Argument))
            words = [values[which.name], values[said.name], *rest]
            at = len(words) - 1  # a rating is one word, a text begins where no entry is named any more
            if not isinstance(said.type, click.Choice):
                at = next((number for number in range(1, at) if not NAMED.fullmatch(words[number])), at)
            entries, thing = words[:at], " ".join(words[at:])
            several = "," if all(map(NAMED.fullmatch, entries)) else " "
            typed = f"{ctx.command_path} {shlex.join([several.join(entries), thing])}"
            raise click.UsageError(f"WHICH and {said.human_readable_name} are one word each: {typed}", ctx) from None


@click.command("tag")
@click.argument("which", shell_complete=complete_which)
@click.argument("names", nargs=-1, required=True, metavar="TAG…", shell_complete=complete_tags)
@yes_option
@json_option
@click.pass_context
def tag_command(context: click.Context, which: str, names: tuple[str, ...], yes: bool, as_json: bool) -> None:
    """Give the pictures of WHICH these tags.

    \b
    seedbank tag 17 hero poster                       two tags
    seedbank tag 3,7..9 hero                          several pictures
    seedbank tag 'tag:draft added:-7d..' reviewed     a query is shown first
    """
    with open_bank(context) as bank:
        ids = chosen(bank, [which], f"tag {', '.join(names)}", yes)
        tags = [name.strip() for name in names]
        done(ids, f"tagged {', '.join(tags)}", bank.store.tag(ids, names), as_json, tags=tags)
        _tell_of_numbers(which, names)


@click.command("untag")
@click.argument("which", shell_complete=complete_which)
@click.argument("names", nargs=-1, required=True, metavar="TAG…", shell_complete=complete_tags)
@yes_option
@json_option
@click.pass_context
def untag_command(context: click.Context, which: str, names: tuple[str, ...], yes: bool, as_json: bool) -> None:
    """Take these tags away from the pictures of WHICH.

    \b
    seedbank untag 17 draft
    seedbank untag 3,7..9 draft poster
    """
    with open_bank(context) as bank:
        ids = chosen(bank, [which], f"untag {', '.join(names)}", yes)
        tags = [name.strip() for name in names]
        done(ids, f"no longer tagged {', '.join(tags)}", bank.store.untag(ids, names), as_json, untagged=tags)
        _tell_of_numbers(which, names)


def _tell_of_numbers(which: str, names: Sequence[str]) -> None:
    """What `tag 1 2 hero` means is entry 1 with the tags 2 and hero, though `fav 1 2` means two entries."""
    numbers = [name for name in names if NUMBER.fullmatch(name)]
    if numbers and len(numbers) < len(names) and NUMBER.fullmatch(which):
        said = "is a tag" if len(numbers) == 1 else "are tags"
        several = ",".join([which, *numbers])
        remark(f"{', '.join(numbers)} {said} here. Several entries are named {several}; seedbank undo takes this back.")


@click.command("fav")
@click.argument("which", nargs=-1, required=True, metavar="WHICH…", shell_complete=complete_which)
@click.option("--off", is_flag=True, help="No longer a favourite.")
@yes_option
@json_option
@click.pass_context
def fav_command(context: click.Context, which: tuple[str, ...], off: bool, yes: bool, as_json: bool) -> None:
    """Make the pictures of WHICH your favourites."""
    what = "no longer a favourite" if off else "favourite"
    with open_bank(context) as bank:
        ids = chosen(bank, which, what, yes)
        done(ids, what, bank.store.favourite(ids, not off), as_json, favourite=not off)


@click.command("rate", cls=OneThing)
@click.argument("which", shell_complete=complete_which)
@click.argument("rating", metavar="RATING", type=click.Choice(["0", "1", "2", "3", "4", "5", "none"]))
@yes_option
@json_option
@click.pass_context
def rate_command(context: click.Context, which: str, rating: str, yes: bool, as_json: bool) -> None:
    """Rate the pictures of WHICH from 0 to 5, or none to take your rating away.

    \b
    seedbank rate 17 5
    seedbank rate 3,7..9 4                     several at once
    """
    with open_bank(context) as bank:
        ids = chosen(bank, [which], f"rate {rating}", yes)
        given = None if rating == "none" else int(rating)
        done(ids, f"rated {rating}", bank.store.rate(ids, given), as_json, rating=given)


@click.command("note", cls=OneThing, context_settings={"ignore_unknown_options": True})  # a note may begin with a dash
@click.argument("which", shell_complete=complete_which)
@click.argument("text")
@yes_option
@json_option
@click.pass_context
def note_command(context: click.Context, which: str, text: str, yes: bool, as_json: bool) -> None:
    """Write your note on the pictures of WHICH; it takes the place of the one before, an empty one takes it away."""
    with open_bank(context) as bank:
        ids = chosen(bank, [which], "note", yes)
        done(ids, "noted" if text.strip() else "no note", bank.store.note(ids, text), as_json, note=text.strip() or None)


@click.command("adopt")
@click.argument("source", shell_complete=complete_which)
@click.argument("which", nargs=-1, required=True, metavar="WHICH…", shell_complete=complete_which)
@yes_option
@json_option
@click.pass_context
def adopt_command(context: click.Context, source: str, which: tuple[str, ...], yes: bool, as_json: bool) -> None:
    """Give the pictures of WHICH what was said of that of SOURCE: its tags, your favourite, rating and note.

    For a copy with other pixels (a JPEG, a smaller one), which does not share them by itself. What you said of WHICH before
    stays.
    """
    with open_bank(context) as bank:
        origin = bank.entry(source).id
        ids = chosen(bank, which, f"adopt from {origin}", yes)
        done(ids, f"has what was said of {origin}", bank.store.curation.adopt(origin, ids), as_json, source=origin)
