"""`seedbank export`: entries leave as one file that another bank takes in, or as pictures in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seedbank.cli.common import Querying, json_option, only_query, open_bank, progress, replace_option, words
from seedbank.cli.completing import complete_query
from seedbank.cli.printing import counted, emit, remark, say, sized

if TYPE_CHECKING:
    from seedbank.api import Library

PRIVACY = ("none", "share", "public")
FEW = 20
"""Pictures that could not go which are named; `--json` has them all."""


def _listed(text: str | None) -> list[str]:
    return [] if text is None else [piece.strip() for piece in text.split(",") if piece.strip()]


# Words such as -tag:draft belong to the query, so this command has long options only.
@click.command("export", cls=Querying)
@click.argument(
    "query",
    nargs=-1,
    type=click.UNPROCESSED,
    callback=only_query,
    metavar="[WHICH…] [FILE.seedbank]",
    shell_complete=complete_query,
)
@click.option("--images", metavar="DIR", type=click.Path(path_type=Path), help="Write the pictures into a folder instead.")
@click.option("--name", metavar="TEXT", help="How they are called there. Default: '{id:05}-{seed}'; see `ls --format`.")
@click.option("--metadata", metavar="LIST", help="What they carry: none, or of a1111,seedbank. Default: as they are.")
@click.option("--weights", is_flag=True, help="Put the files of models and adapters into the bundle, too.")
@click.option("--no-pictures", is_flag=True, help="Put no picture files into the bundle; regen brings them back.")
@click.option(
    "--privacy", type=click.Choice(PRIVACY), help="share: no paths, no users. public: no prompts either. Default: none."
)
@click.option("--strip", metavar="LIST", help="Leave out some of prompts,paths,users.")
@replace_option
@json_option
@click.pass_context
def export_command(
    context: click.Context,
    query: tuple[str, ...],
    images: Path | None,
    name: str | None,
    metadata: str | None,
    weights: bool,
    no_pictures: bool,
    privacy: str | None,
    strip: str | None,
    replace: bool,
    as_json: bool,
) -> int:
    """Export the entries of WHICH (by default all) as a bundle, which `seedbank import` takes into another bank.

    A bundle has records, pictures, inputs, opinions with their history, collections and lineage. Equal entries give equal
    files. With --images the pictures alone are written, as they are stored; nothing that lies in the folder is replaced, and
    no bundle without --replace.

    \b
    seedbank export all.seedbank
    seedbank export tag:poster some.seedbank --privacy share
    seedbank export --images out --name '{prompt:.30}-{seed}' fav:yes

    Exit status: 0 when all went, 1 when a picture could not.
    """
    for_bundles = [weights and "--weights", no_pictures and "--no-pictures", privacy and "--privacy", strip and "--strip"]
    for_bundles.append(replace and "--replace")
    for_images = [name and "--name", metadata and "--metadata"]
    if wrong := [option for option in (for_images if images is None else for_bundles) if option]:
        raise click.UsageError(
            f"{wrong[0]} is for {'pictures: give --images' if images is None else 'bundles, not for --images'}."
        )
    if images is None and (not query or not query[-1].endswith(".seedbank")):
        raise click.UsageError("The last word is the file to write, such as out.seedbank; for pictures give --images DIR.")
    with open_bank(context) as bank:
        if images is not None:
            return _images(bank, words(query), images, name, metadata, as_json)
        left = bank.export_bundle(
            words(query[:-1]),
            query[-1],
            privacy=privacy or "none",
            strip=_listed(strip),
            weights=weights,
            pictures=not no_pictures,
            replace=replace,
            progress=progress(),
        )
    if as_json:
        emit(
            {name: getattr(left, name) for name in ("entries", "files", "bytes", "absent", "withheld")}
            | {"path": str(left.path)}
        )
    else:
        said = f"{counted(left.entries, 'entry', 'entries')}, {counted(left.files, 'file')}"
        say(f"{left.path}: {said}, {sized(left.bytes)}")
        _remark_on(left.absent, "Pictures or inputs are not here; their records went alone")
        for entry, reason in left.withheld[:FEW]:
            remark(f"A file of entry {entry} stays here: {reason}")
        if left.searches:
            names = f"{', '.join(left.searches[:FEW])}{' …' if len(left.searches) > FEW else ''}"
            remark(f"Saved searches that name numbers of this bank stay here: {names}.")
    return 1 if left.absent or left.withheld else 0


def _remark_on(ids: Any, what: str) -> None:
    if ids:
        remark(f"{what}: {', '.join(map(str, ids[:FEW]))}{' …' if len(ids) > FEW else ''}.")


def _images(bank: Library, which: str, folder: Path, name: str | None, metadata: str | None, as_json: bool) -> int:
    chosen = None if metadata is None else [one for one in _listed(metadata) if one != "none"]
    written = known = failed = 0
    for one in bank.exporting_images(which, folder, name=name, metadata=chosen, progress=progress()):
        written, known, failed = written + (one.path is not None), known + one.known, failed + (one.path is None)
        if as_json:
            emit(
                {"id": one.entry, "path": None if one.path is None else str(one.path), "reason": one.reason, "known": one.known}
            )
        elif one.reason is not None and failed <= FEW:
            remark(f"Entry {one.entry} was not written: {one.reason}")
    if not as_json:
        there = f", {known:,} of them there already" if known else ""
        say(f"{folder}: {counted(written, 'picture')}{there}" + (f", {failed:,} not written" if failed else ""))
    return 1 if failed else 0
