"""`seedbank models`: which models and adapters the entries need, where they are, and keeping them in the bank."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from seedbank.cli.common import json_option, open_bank, progress, which_argument, words
from seedbank.cli.printing import emit, say, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seedbank.importing.adding import Added, Named
    from seedbank.records import ModelUse


@click.group("models", invoke_without_command=True)
@json_option
@click.pass_context
def models_command(context: click.Context, as_json: bool) -> None:
    """List the models and adapters of the bank: digest, revision, how many entries need them, whether they are kept."""
    if context.invoked_subcommand is None:
        with open_bank(context) as bank:
            found = bank.models()
        _show(found, as_json)
        if not found and not as_json:
            say("there is no model yet: generate records them, and seedbank models add FOLDER takes them in", err=True)


@models_command.command("keep", short_help="Copy weights into the image store.")
@which_argument
@json_option
@click.pass_context
def keep_command(context: click.Context, which: tuple[str, ...], as_json: bool) -> None:
    """Copy weights into the image store, so that entries can be rebuilt when the files they came from are gone.

    WHICH is a model's name, the beginning of its digest, or entries that were made with it.
    """
    with open_bank(context) as bank:
        _show(bank.keep_models(words(which), progress=progress()), as_json)


@models_command.command("add", short_help="Hash weights in folders, so that imports find them.")
@click.argument("places", nargs=-1, required=True, metavar="FOLDER…")
@click.option(
    "--model-config",
    "configs",
    multiple=True,
    metavar="FOLDER",
    help="A pipeline folder with its configs, for checkpoints in single files; one for each family, may be repeated.",
)
@json_option
@click.pass_context
def add_command(context: click.Context, places: tuple[str, ...], configs: tuple[str, ...], as_json: bool) -> int:
    """Hash the checkpoints, LoRAs, embeddings, VAEs and model folders in FOLDER, so that what imported files name is found.

    Each file is read once; an interrupted run goes on where it was. Exit status 1 when nothing could be taken.
    """
    taken = 0
    with open_bank(context, create=True) as bank:
        for added in bank.add_models(*places, configs=configs, progress=progress()):
            taken += added.model is not None
            if as_json:
                emit(_added_json(added))
            elif added.model is None:
                say(f"not taken  {added.path}  {added.reason}", err=True)
            else:
                say(f"{added.model.pipeline}  {added.model.name}  {added.model.digest[:12]}  {added.path}")
                if added.reason:
                    say(f"   {added.reason}", err=True)
        if not as_json:
            named = bank.named_weights()
            found = sum(one.meaning is not None for one in named)
            said = f"; {found} of the {len(named)} that imported files name and that were not known are here" if named else ""
            say(f"{taken} known now{said}.", err=True)
    return 0 if taken else 1


@models_command.command("match", short_help="List what imported files name, and what it is here.")
@json_option
@click.pass_context
def match_command(context: click.Context, as_json: bool) -> int:
    """List the weights that imported files name, and what they are here. Exit status 1 when some are not known.

    Nothing has to be imported again: an entry's weights are looked up whenever it is regenerated.
    """
    with open_bank(context) as bank:
        named = bank.named_weights()
    if as_json:
        for one in named:
            emit(_named_json(one))
    elif named:
        say("\n".join(table([_named_row(one) for one in named], ("name", "kind", "entries", "here"), right=(2,), names=0)))
    else:
        say("No imported file names weights.", err=True)
    return 0 if all(one.meaning is not None for one in named) else 1


@models_command.command("missing", short_help="List weights that are needed and nowhere any more.")
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
        say(f"{concerned:,} {many} cannot be rebuilt for want of these." if gone else "Nothing is missing.", err=True)
    return 1 if gone else 0


def _show(uses: Sequence[ModelUse], as_json: bool) -> None:
    if as_json:
        for use in uses:
            emit(_json(use))
    elif uses:
        heads = ("name", "kind", "digest", "revision", "entries", "kept", "last seen")
        rows = [_row(use) for use in uses]
        shown = [at for at, head in enumerate(heads) if head != "revision" or any(row[at] for row in rows)]
        cut = [[row[at] for at in shown] for row in rows]
        say("\n".join(table(cut, [heads[at] for at in shown], right=(len(shown) - 3,), names=0)))


def _row(use: ModelUse) -> tuple[str, ...]:
    model = use.model
    seen = _unplaced(use) if model.source is None else model.source if use.here else f"gone: {model.source}"
    return (
        model.name or "unknown",
        model.pipeline or "unknown",
        model.digest[:12],
        (model.revision or "")[:12],
        f"{use.entries:,}",
        "yes" if use.kept else "no",
        seen,
    )


def _unplaced(use: ModelUse) -> str:
    """Of a model without a place: it was in memory only, or imported files name it."""
    if use.model.files:
        return "in memory only"
    return "here by another name: seedbank models match" if use.here else "named by files only"


def _named_row(one: Named) -> tuple[str, ...]:
    meaning = "not known" if one.meaning is None else f"{one.meaning.name} ({one.meaning.digest[:12]})"
    return one.model.name, one.model.pipeline or "model", f"{one.entries:,}", meaning


def _named_json(one: Named) -> dict[str, Any]:
    return {
        "name": one.model.name,
        "kind": one.model.pipeline or "model",
        "entries": one.entries,
        "model_digest": one.meaning.digest if one.meaning is not None else None,
        "source": one.meaning.source if one.meaning is not None else None,
    }


def _added_json(added: Added) -> dict[str, Any]:
    model = added.model
    return {
        "path": str(added.path),
        "name": model.name if model is not None else None,
        "kind": model.pipeline if model is not None else None,
        "model_digest": model.digest if model is not None else None,
        "hashes": dict(model.hashes) if model is not None else {},
        "reason": added.reason or None,
    }


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
