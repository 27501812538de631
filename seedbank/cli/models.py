"""`seedbank models`: which models and adapters the entries need, where they are, and keeping them in the bank."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from seedbank.cli.common import emit, json_option, open_bank, progress, table, which_argument, words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seedbank.records import ModelUse


@click.group("models", invoke_without_command=True)
@json_option
@click.pass_context
def models_command(context: click.Context, as_json: bool) -> None:
    """List the models and adapters of the bank: digest, revision, how many entries need them, whether they are kept."""
    if context.invoked_subcommand is None:
        with open_bank(context) as bank:
            _show(bank.models(), as_json)


@models_command.command("keep")
@which_argument
@json_option
@click.pass_context
def keep_command(context: click.Context, which: tuple[str, ...], as_json: bool) -> None:
    """Copy weights into the image store, so that entries can be rebuilt when the files they came from are gone.

    WHICH is a model's name, the beginning of its digest, or entries that were made with it.
    """
    with open_bank(context) as bank:
        _show(bank.keep_models(words(which), progress=progress()), as_json)


@models_command.command("missing")
@json_option
@click.pass_context
def missing_command(context: click.Context, as_json: bool) -> int:
    """List what entries need and what is neither where it was last seen nor kept. Exit status 1 when something is.

    Files are looked for by name and size; `seedbank regen` reads and verifies them.
    """
    from seedbank.keeping import missing_models

    with open_bank(context) as bank:
        gone, concerned = missing_models(bank)
        _show(gone, as_json)
    if not as_json:
        many = "entry" if concerned == 1 else "entries"
        click.echo(f"{concerned:,} {many} cannot be rebuilt for want of these." if gone else "Nothing is missing.", err=True)
    return 1 if gone else 0


def _show(uses: Sequence[ModelUse], as_json: bool) -> None:
    if as_json:
        for use in uses:
            emit(_json(use))
    elif uses:
        heads = ("name", "kind", "digest", "revision", "entries", "kept", "last seen")
        click.echo("\n".join(table([_row(use) for use in uses], heads, right=(4,))))


def _row(use: ModelUse) -> tuple[str, ...]:
    model = use.model
    seen = "in memory only" if model.source is None else model.source if use.here else f"gone: {model.source}"
    return (
        model.name or "unknown",
        model.pipeline or "unknown",
        model.digest[:12],
        (model.revision or "")[:12],
        f"{use.entries:,}",
        "yes" if use.kept else "no",
        seen,
    )


def _json(use: ModelUse) -> dict[str, Any]:
    model = use.model
    return {
        "name": model.name,
        "kind": model.pipeline,
        "model_digest": model.digest,
        "revision": model.revision,
        "variant": model.variant,
        "entries": use.entries,
        "kept": use.kept,
        "here": use.here,
        "source": model.source,
        "size": sum(item.size for item in model.files),
    }
