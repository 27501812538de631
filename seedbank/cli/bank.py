"""`seedbank init` and `seedbank db`: making, inspecting, upgrading and copying banks."""

from __future__ import annotations

from pathlib import Path

import click

from seedbank.cli.common import json_option, open_bank, progress
from seedbank.cli.printing import counted, emit, remark, report, say
from seedbank.errors import NoBank


@click.command("init")
@click.option(
    "--images", metavar="URL", help="Where the images go: a folder or s3://bucket/prefix. Default: beside the database."
)
@click.pass_context
def init_command(context: click.Context, images: str | None) -> None:
    """Make a new bank at --bank, or the default bank."""
    from seedbank import config
    from seedbank.api import Library

    place = config.locate(context.find_root().obj)
    with Library.create(place.url, images=images) as bank:
        say(f"{bank.place}: a new bank, images in {bank.blobs.url}")


@click.group("db")
def db_command() -> None:
    """The database: its schema, upgrades and backups."""


@db_command.command("status")
@json_option
@click.pass_context
def status(context: click.Context, as_json: bool) -> None:
    """Which schema the bank has, and which this seedbank needs."""
    from seedbank import config
    from seedbank.store import schema

    found = schema.status(config.locate(context.find_root().obj).url)
    if as_json:
        emit({"place": found.place, "state": found.state, "revision": found.revision, "head": found.head})
    else:
        say(f"{found.place}\n  schema {found.revision or 'none'}, this seedbank has {found.head}: {found.state}")
    if found.state == "absent":
        raise NoBank(f"There is no bank at {found.place}.", "seedbank init makes one.")


@db_command.command("upgrade", short_help="Bring an older bank to this seedbank's schema.")
@json_option
@click.pass_context
def upgrade(context: click.Context, as_json: bool) -> None:
    """Bring an older bank to this seedbank's schema, all or nothing.

    A copy of a SQLite file as it was stays beside it: put into its place, the older seedbank reads it again. Copy a bank in
    PostgreSQL yourself before, with db backup.
    """
    from seedbank import config
    from seedbank.store import schema

    done = schema.upgrade(config.locate(context.find_root().obj).url, progress())
    lines = [f"upgraded from {done.before} to {done.after}"]
    if done.before == done.after:
        lines = [f"schema {done.after}: nothing to do"]
    elif done.copy:
        lines.insert(0, f"copied the old bank to {done.copy}")
    copy = None if done.copy is None else str(done.copy)
    report("\n".join(lines), as_json, before=done.before, after=done.after, copy=copy)


@db_command.command("claim", short_help="Make the image store this bank's own.")
@click.option("--share", is_flag=True, help="Also where it is another bank's: both then use it, and gc removes nothing.")
@click.pass_context
def claim(context: click.Context, share: bool) -> None:
    """Make the image store this bank's own: its files are lost for good, or what says whose they are.

    The file seedbank-store.txt in it names the bank that writes and removes files there. Commands that would do so in
    the store of another bank are refused, since another disk may be mounted in its place; reading is not.
    """
    with open_bank(context) as bank:
        others = bank.claim_images(share=share)
        shared = f", shared with {' and '.join(others)}" if others else ""
        say(f"{bank.blobs.url}: the image store of {bank.place}{shared}")


@db_command.command("images", short_help="Say where the pictures lie, or that they lie elsewhere now.")
@click.argument("place", metavar="[URL]", required=False)
@json_option
@click.pass_context
def images(context: click.Context, place: str | None, as_json: bool) -> None:
    """Say where the image store is. With URL, a folder or s3://bucket/prefix, it is there from now on.

    Nothing is copied: end what uses the bank, copy or move the files with any tool, then say where they are. Pictures
    beside a SQLite file need no word when both are moved together.
    """
    with open_bank(context) as bank:
        missing = None if place is None else bank.move_images(place)
        if missing:
            remark(f"{counted(missing, 'file')} of this bank {'is' if missing == 1 else 'are'} not there: seedbank check")
        report(bank.blobs.url, as_json, images=bank.blobs.url, missing=missing)


@db_command.command("backup", short_help="Write a verified copy of the database.")
@click.argument("target", type=click.Path(dir_okay=False))
@json_option
@click.pass_context
def backup(context: click.Context, target: str, as_json: bool) -> None:
    """Write a verified copy of the database to TARGET, also while others record into it.

    The images are files that never change: copy their folder after the database with any tool. A copy of a bank whose images
    do not lie beside it names the same place as the bank itself, until `db images` says otherwise.

    The copy is a bank: open it with --bank. To put it in the place of another SQLite bank, stop what uses that one and remove
    its -wal and -shm files first. A copy of a PostgreSQL bank is for pg_restore.
    """
    from seedbank import config
    from seedbank.store import Store, copies

    url = config.locate(context.find_root().obj).url
    made, images = copies.backup(url, Path(target), progress()), copies.pictures_of(url)
    report(f"{made}: a verified copy", as_json, path=str(made), images=images)
    if not as_json and images == Store.images_beside(url):
        say(f"its pictures: copy {images} to {target}.images", err=True)
    elif not as_json:
        say(f"its pictures: copy {images}, too; the bank that you make of this copy is told where with db images", err=True)
