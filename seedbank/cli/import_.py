"""`seedbank import`: pictures that other tools made become entries."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource
from msgspec import structs

from seedbank.cli.common import json_option, open_bank, progress
from seedbank.cli.printing import counted, emit, remark, say
from seedbank.cli.reports import reported

if TYPE_CHECKING:
    from seedbank.api import Library
    from seedbank.importing.options import Report
    from seedbank.records import Entry

BUNDLE = ".seedbank"
TEXTS = (".txt", ".json", ".py")
"""How the names of files end that hold a recipe as text."""
LOOKED_AT = 2_000
"""New pictures that are held against those of which something was said: some seconds in a bank of a million."""
OFFERED = 5
"""Copies that are named after an import."""


@click.command("import")
@click.argument("paths", nargs=-1, required=True, metavar="PATH…", type=click.Path(allow_dash=True))
@click.option("--tool", metavar="NAME", default="auto", help="The only format to try; files without it are passed over.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="A tag for what comes in; may be repeated.")
@click.option("--dry-run", is_flag=True, help="Only say what would be imported, with a confidence for every field.")
@click.option(
    "--copy/--reference", default=True, help="Keep the files' bytes in the image store (default), or leave them there."
)
@click.option("--metadata-only", is_flag=True, help="Decode nothing now; a later import of the same files does.")
@click.option("--retry", is_flag=True, help="Try files again that were rejected before and have not changed since.")
@click.option(
    "--mend", is_flag=True, help="Read what the bank keeps of known files, all of it; store again what is lost or damaged."
)
@click.option("--watch", is_flag=True, help="Follow the folders until Ctrl-C: import what is written there.")
@click.option("--jobs", type=click.IntRange(1, 256), metavar="N", help="Processes that decode. Default: one for each core.")
@click.option("--trust", is_flag=True, help="Of a bundle: also take settings that could make a process run other programs.")
@click.option("--name", metavar="RUN", help="A name for the run, for queries and for resuming it.")
@json_option
@click.pass_context
def import_command(
    context: click.Context,
    /,
    paths: tuple[str, ...],
    tool: str,
    tags: tuple[str, ...],
    dry_run: bool,
    watch: bool,
    trust: bool,
    as_json: bool,
    **options: Any,
) -> int:
    """Import pictures, and folders of pictures, that other tools made; and bundles of other banks.

    \b
    seedbank import ~/ComfyUI/output         a folder and all below it
    seedbank import --dry-run picture.png    only say what the file says
    seedbank import team.seedbank            a bundle
    seedbank import -                        a recipe as text, pasted

    Every picture becomes an entry with what its file says of how it was made. The same file is imported once; an import that
    was interrupted goes on where it was. `seedbank undo` puts what an import brought into the trash.

    A recipe as text (`seedbank recipe`, a pasted block, what another tool wrote) is read from standard input with -, or from a
    file that ends in .txt, .json or .py: it becomes an entry without its image, and `seedbank regen` renders and checks it.

    A file that ends in .seedbank is a bundle (`seedbank export`): its entries keep their identities, and what is known stays.

    A file that was rejected is left alone until it changes; --retry looks at it again. Where `seedbank check` says that a
    picture is missing or damaged, importing its file with --mend stores it again. It looks at the bank's own copy of every
    file that is known: one that is not there or has another size is stored again, the others are read whole, which takes as
    long as reading that much from the disk (or the bucket). Name the files or the folder that you miss, not everything. What
    an older seedbank did not keep of a file's words is taken from the texts that it kept.

    Exit status: 0 also when some files were rejected or passed over, 1 when all were.
    """
    if not all(map(str.strip, paths)):
        raise click.UsageError("A path is empty; the folder that you are in is called . (a dot).")
    with open_bank(context, create=not dry_run) as bank:
        bundles = [path for path in paths if path.lower().endswith(BUNDLE)]
        if bundles:
            changed = [name for name in options if context.get_parameter_source(name) == ParameterSource.COMMANDLINE]
            if len(bundles) < len(paths) or tool != "auto" or tags or dry_run or watch or changed:
                raise click.UsageError("Bundles are imported by themselves, and take no option but --trust and --json.")
            return _bundles(bank, bundles, trust, as_json)
        if trust:
            raise click.UsageError("--trust is for bundles: files that end in .seedbank.")
        texts = [path for path in paths if path == "-" or Path(path).suffix.lower() in TEXTS]
        if texts:
            if len(texts) < len(paths) or dry_run or watch:
                raise click.UsageError("Recipes as text are read by themselves: name the pictures in another call.")
            return _receive(bank, texts, tags, as_json)
        chosen = {"tool": None if tool == "auto" else tool, "tags": tags, "dry_run": dry_run, **options}
        follow = bank.watching if watch else bank.importing
        came: list[int] = []
        status = reported(_noted(follow(paths, progress=progress(), **chosen), came), as_json=as_json, shown=dry_run or watch)
        if not as_json:
            _offer(bank, came)
        return status


def _noted(reports: Iterable[Report], came: list[int]) -> Iterable[Report]:
    """The same reports; the entries that were new are put into `came`."""
    for report in reports:
        if report.outcome == "imported" and report.entry is not None:
            came.append(report.entry)
        yield report


def _offer(bank: Library, came: Sequence[int]) -> None:
    """Say which new pictures look like older ones of which something was said: lossy copies do not share it by themselves."""
    found = bank.copies(came[:LOOKED_AT]) if came else []
    if len(came) > LOOKED_AT:
        told = f"{LOOKED_AT:,} of {len(came):,} new pictures were held against older ones of which something was said"
        say(f"{told}; seedbank duplicates looks at all", err=True)
    for entry, other, apart in found[:OFFERED]:
        said = f"{entry} looks like {other}: {apart} of 64 bits differ. To take over what was said of that"
        say(f"{said}: seedbank adopt {other} {entry}", err=True)
    if (more := len(found) - OFFERED) > 0:
        say(f"… and {more:,} more: seedbank duplicates shows them", err=True)


def _receive(bank: Library, texts: Sequence[str], tags: Sequence[str], as_json: bool) -> int:
    from seedbank.cli.common import entry_json, headline
    from seedbank.exchange.receive import receive, receive_file, text_of

    for path in texts:
        received = receive(text_of(sys.stdin.buffer.read())) if path == "-" else receive_file(path)
        entry = bank.receive(received, tags=tags, say=remark)
        if as_json:
            emit(entry_json(entry, bank.path))
        else:
            say(f"{headline(entry)}  {_next(entry)}")
    return 0


def _bundles(bank: Library, paths: Sequence[str], trust: bool, as_json: bool) -> int:
    for path in paths:
        came = bank.import_bundle(path, trust=trust, progress=progress())
        if as_json:
            emit({"path": path, **structs.asdict(came)})
            continue
        names = (
            ("picture", came.completed),
            ("regeneration", came.regenerations),
            ("opinion", came.sayings),
            ("edge", came.edges),
        )
        searches = [counted(came.searches, "saved search", "saved searches")] if came.searches else []
        news = [counted(came.entries, "entry", "entries")] if came.entries else []
        news += [counted(number, one) for one, number in names if number] + searches
        said = ", ".join(news) or "nothing new"
        known = f"; {came.known:,} known already" if came.known else ""
        undo = f"; to undo: seedbank undo {came.operation}" if came.operation is not None else ""
        say(f"{path}: {said}{known}{undo}")
        if came.trashed:
            say(f"  {came.trashed:,} of them in the trash: seedbank restore brings them back")
    return 0


def _next(entry: Entry) -> str:
    """What to do with a recipe that came as text."""
    missing = entry.recipe.missing() if entry.recipe is not None else []
    if entry.picture is not None and missing:
        return f"another tool made its image; to come close: seedbank generate --from {entry.id} --model NAME"
    if entry.picture is not None:
        return f"to render and check it: seedbank regen {entry.id}"
    model = "" if entry.recipe is not None and entry.recipe.model is not None else " --model NAME"
    return f"no image digest came with it; to render it: seedbank generate --from {entry.id}{model}"
