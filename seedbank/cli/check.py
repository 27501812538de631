"""`seedbank check` finds damage, `seedbank gc` removes what nothing names."""

from __future__ import annotations

import click

from seedbank.cli.common import json_option, open_bank, progress
from seedbank.cli.printing import counted, emit, report, say, sized


@click.command("check")
@click.option("--read-data", is_flag=True, help="Also read every file and recompute every image digest.")
@json_option
@click.pass_context
def check_command(context: click.Context, read_data: bool, as_json: bool) -> int:
    """Check that the bank is whole. Nothing is repaired; each finding names the remedy. Exit status 1 with findings."""
    from seedbank.check import check

    found = 0
    with open_bank(context) as bank:
        for finding in check(bank, read_data=read_data, progress=progress()):
            found += 1
            if as_json:
                emit({"kind": finding.kind, "message": finding.message, "hint": finding.hint})
            else:
                say(finding.message + (f"\n  {finding.hint}" if finding.hint else ""))
        if not found and not as_json:
            say(f"{bank.place}: whole" + (", every byte read" if read_data else ""))
    return 1 if found else 0


@click.command("gc")
@click.option(
    "--grace",
    type=click.IntRange(0, 24 * 365),
    default=24,
    show_default=True,
    metavar="HOURS",
    help="Spare what is younger.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@json_option
@click.pass_context
def gc_command(context: click.Context, grace: int, dry_run: bool, as_json: bool) -> None:
    """Remove files that no entry names and unfinished writes, once they are older than a day."""
    from seedbank.check import collect_garbage

    with open_bank(context) as bank:
        gone = collect_garbage(bank, grace_hours=grace, dry_run=dry_run)
        verb = "would be removed" if dry_run else "removed"
        what = f"{counted(gone.blobs, 'file')} and {counted(gone.leftovers, 'unfinished write')}"
        line = f"{what} {verb}, {sized(gone.bytes)}"
        report(line, as_json, files=gone.blobs, unfinished=gone.leftovers, bytes=gone.bytes, dry_run=dry_run)
