"""`seedbank diff`: two entries against each other: recipes, environments, pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seedbank.cli.common import check_sheet, check_writable, json_option, open_bank, write_sheet
from seedbank.cli.completing import complete_which
from seedbank.cli.printing import emit, from_to, say, short

if TYPE_CHECKING:
    from seedbank.lineage import EntryComparison

LISTED = 12


@click.command("diff")
@click.argument("a", shell_complete=complete_which)
@click.argument("b", shell_complete=complete_which)
@click.option("-o", "--output", metavar="FILE.png", help="Write both pictures side by side with their difference.")
@json_option
@click.pass_context
def diff_command(context: click.Context, a: str, b: str, output: str | None, as_json: bool) -> None:
    """Show how entry A and entry B differ: recipes, environments and pictures."""
    from seedbank.lineage import sheet

    check_sheet(output)
    check_writable(output)
    with open_bank(context) as bank:
        found = bank.diff(a, b)
        picture = None if output is None else sheet(found)
    if as_json:
        emit(_json(found))
    else:
        for line in _lines(found):
            say(line)
    if output is not None and picture is not None:
        write_sheet(Path(output), picture)
        say(f"{output}: both pictures and their difference", err=True)


def _lines(found: EntryComparison) -> Iterator[str]:
    from seedbank.lineage import cfg_beside

    one, other = found.entries
    if one.recipe is None or other.recipe is None:
        yield f"{'recipe':<12}  {_unknown(one.recipe, other.recipe)}"
    elif one.recipe_digest == other.recipe_digest and not found.recipe:
        yield f"{'recipe':<12}  the same"
    else:
        unsaid = found.unsaid
        changes = [change for change in found.recipe if change[0] not in unsaid]
        yield f"{'recipe':<12}  {_count(len(changes))}"
        for name, old, new in changes:
            yield f"  {name:<20}  {from_to(old, new, 60)}{cfg_beside(name, other)}"
        if unsaid:
            named = [name for name in unsaid if not name.startswith("scheduler.config.")]
            yield f"  only one says: {', '.join(named)}"
    environments = found.environments
    if environments is None:
        yield f"{'environment':<12}  {_unknown(one.environment_digest, other.environment_digest)}"
    else:
        leaves = [*environments.distributions, *environments.settings, *environments.machine]
        yield f"{'environment':<12}  " + (
            "the same" if one.environment_digest == other.environment_digest else _count(len(leaves))
        )
        for name, old, new in leaves[:LISTED]:
            yield f"  {name:<20}  {short(old)} → {short(new)}"
        if len(leaves) > LISTED:
            yield f"  and {len(leaves) - LISTED} more; seedbank env {one.id} {other.id} lists them"
    if found.same_image:
        yield f"{'picture':<12}  the same, bit for bit"
    elif found.missing:
        yield f"{'picture':<12}  {found.missing}"
    elif different := _other_shape(found):
        hashes = f"{found.drift['phash']:g} of 64 bits of the perceptual hash differ"
        yield f"{'picture':<12}  {different}, so no pixel is held against another; {hashes}"
    else:
        drift = found.drift
        yield (
            f"{'picture':<12}  largest difference {drift['max']:g} of 255, PSNR {drift['psnr']:.1f} dB, "
            f"SSIM {drift['ssim']:.3f}, {drift['phash']:g} of 64 bits of the perceptual hash"
        )


def _other_shape(found: EntryComparison) -> str | None:
    """How the pictures differ in size or mode, None where they do not."""
    if found.pictures is None:
        return None
    one, other = ((picture.width, picture.height, picture.mode) for picture in found.pictures)
    if one[:2] != other[:2]:
        return f"{one[0]}x{one[1]} and {other[0]}x{other[1]}"
    return f"{one[2]} and {other[2]}" if one != other else None


def _unknown(one: object, other: object) -> str:
    return "neither is known" if not one and not other else "one is not known"


def _count(number: int) -> str:
    return f"{number} {'difference' if number == 1 else 'differences'}"


def _json(found: EntryComparison) -> dict[str, Any]:
    def leaves(changes: Any) -> list[dict[str, Any]]:
        return [{"field": name, "a": old, "b": new} for name, old, new in changes]

    environments = found.environments
    return {
        "a": found.entries[0].id,
        "b": found.entries[1].id,
        "recipe": leaves(found.recipe),
        "environment": None
        if environments is None
        else {
            "distributions": leaves(environments.distributions),
            "settings": leaves(environments.settings),
            "machine": leaves(environments.machine),
        },
        "same_image": found.same_image,
        "drift": dict(found.drift),
        "missing": found.missing,
    }
