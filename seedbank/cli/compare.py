"""`seedbank compare`: entries against the first of them, as pictures and as numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seedbank.cli.common import (
    check_sheet,
    check_writable,
    headline,
    json_option,
    open_bank,
    which_argument,
    words,
    write_file,
    write_sheet,
)
from seedbank.cli.printing import emit, from_to, remark, say

if TYPE_CHECKING:
    from seedbank.explore.comparing import Compared
    from seedbank.images.flip import Flip


@click.command("compare")
@which_argument
@click.option("-o", "--output", metavar="FILE.png", help="Write the pictures side by side.")
@click.option("--difference", is_flag=True, help="In that file, also how each differs from the first.")
@click.option("--flicker", metavar="FILE.webp", help="Write an animation in which the pictures alternate.")
@click.option("--flip", "flip", metavar="FILE.png", help="Write heat maps of what eyes see (FLIP); an extra.")
@json_option
@click.pass_context
def compare_command(
    context: click.Context,
    which: tuple[str, ...],
    output: str | None,
    difference: bool,
    flicker: str | None,
    flip: str | None,
    as_json: bool,
) -> None:
    """Compare entries with the first of them: recipes, traces and pictures.

    Told are the parts of the rendering that are the same and those that differ (which is what the change decides), the
    perceptual distance in bits of 64, SSIM and PSNR.
    """
    if difference and output is None:
        raise click.UsageError("--difference has no effect without -o FILE.png.")
    check_sheet(output, flip)
    if flicker is not None and not flicker.lower().endswith(".webp"):
        raise click.UsageError(f"The animation is a WebP file: end its name {flicker} with .webp.")
    check_writable(output, flicker, flip)
    with open_bank(context) as bank:
        found = bank.compare(words(which))
        flips = found.flips() if flip is not None else []
        made: dict[str, bytes] = {}  # all of them before any is written
        if output is not None:
            made[output] = found.sheet(difference)
        if flicker is not None:
            made[flicker] = found.flicker()
        if flip is not None:
            made[flip] = found.flip_sheet(flips)
    reference = found.reference
    if not as_json:
        say(f"{headline(reference)}  (the others are compared with this)")
    for number, one in enumerate(found.others):
        if one.scaled is not None:
            width, height = found.pictures[0].width, found.pictures[0].height
            how = "scaled" if one.alike else "scaled with its own proportions"
            remark(f"The picture of entry {one.entry.id} is {how} from {one.scaled[0]}x{one.scaled[1]} to {width}x{height}.")
        seen = flips[number] if flips else None
        if as_json:
            emit({"reference": reference.id, **_json(one, seen)})
        else:
            for line in _lines(one, seen):
                say(line)
    for name, data in made.items():
        (write_file if name == flicker else write_sheet)(Path(name), data)
        say(name, err=True)


def _lines(one: Compared, seen: Flip | None) -> Iterator[str]:
    from seedbank.lineage import cfg_beside

    yield headline(one.entry)
    changes = [f"{word} {from_to(old, new, 30)}{cfg_beside(word, one.entry)}" for word, old, new in one.changes]
    yield "    recipe   " + (_listed(changes, "; ") or "the same")
    if one.traced is None:
        yield "    trace    not known of both"
    else:
        yield "    same     " + (", ".join(one.traced.same) or "nothing")
        yield "    differs  " + (", ".join(one.traced.differs) or "nothing")
    drift = one.drift
    numbers = f"{drift['phash']:g} of 64 bits apart, "
    numbers += f"SSIM {drift['ssim']:.3f}, PSNR {drift['psnr']:.1f} dB" if one.alike else "and of other proportions"
    numbers += "" if seen is None else f", FLIP {seen.mean:.3f}"
    yield "    picture  " + ("the same, bit for bit" if one.same_image else numbers)


def _listed(items: Sequence[str], between: str, most: int = 4) -> str:
    more = f"{between}and {len(items) - most} more" if len(items) > most else ""
    return between.join(items[:most]) + more


def _json(one: Compared, seen: Flip | None) -> dict[str, Any]:
    traced = one.traced
    return {
        "id": one.entry.id,
        "recipe": [{"field": word, "a": old, "b": new} for word, old, new in one.changes],
        "first_difference": None if traced is None else traced.first,
        "same": None if traced is None else list(traced.same),
        "differs": None if traced is None else list(traced.differs),
        "same_image": one.same_image,
        "drift": dict(one.drift),
        "flip": None if seen is None else seen.mean,
        "scaled": one.scaled,
        "same_proportions": one.alike,
    }
