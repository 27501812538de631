"""`seedbank show`: everything that is known of an entry."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from seedbank.cli.common import entry_json, json_option, open_bank, which_argument, words
from seedbank.cli.explained import explained
from seedbank.cli.printing import data, emit, printable, say, shown_time

if TYPE_CHECKING:
    from seedbank.api import Library
    from seedbank.recipe import Recipe
    from seedbank.records import Entry

SETTINGS_SHOWN = ("device", "threads", "attention")


@click.command("show")
@which_argument
@click.option("--raw", is_flag=True, help="What the file says of itself, word for word, as it was imported.")
@json_option
@click.pass_context
def show_command(context: click.Context, which: tuple[str, ...], raw: bool, as_json: bool) -> None:
    """Show everything that is known of WHICH."""
    with open_bank(context) as bank:
        for number, one in enumerate(bank.resolve(words(which), trash=None)):
            entry = bank.store.entry(one)
            if raw:
                _raw(bank, entry, as_json)
                continue
            if as_json:
                emit(_everything(bank, entry))
                continue
            if number:
                say()
            lines = list(_lines(bank, entry))
            widest = max(12, *(len(name) for name, _ in lines))
            for name, value in lines:
                text = printable(str(value)).rstrip("\n").replace("\n", "\n" + " " * (widest + 2))
                say(f"{name:<{widest}}  {text}")


def _raw(bank: Library, entry: Entry, as_json: bool) -> None:
    payloads = bank.store.imports.payloads(entry.id)
    if as_json:
        emit({"id": entry.id, "raw": [{"place": payload.place, "text": payload.text} for payload in payloads]})
        return
    for payload in payloads:
        say(f"--- {payload.place} of entry {entry.id}")
        text = payload.text.encode(errors="replace").decode()
        data(text)
    if not payloads:
        say(f"--- entry {entry.id}: no text is kept of it")


def _everything(bank: Library, entry: Entry) -> dict[str, Any]:
    environment = bank.store.environment(entry.environment_digest) if entry.environment_digest else None
    model = entry.model
    return entry_json(entry, bank.path) | {
        "origin": entry.origin,
        "user": entry.user,
        "recipe": entry.recipe.to_dict() if entry.recipe else None,
        "environment_digest": entry.environment_digest,
        "environment": environment.parts if environment else None,
        "model_digest": model.digest if model else None,
        "model_source": model.source if model else None,
        "model_revision": model.revision if model else None,
        "seconds": dict(entry.output.seconds),
        "peak_memory": entry.output.peak_memory,
        "flags": dict(entry.output.flags),
        "trace": [list(stage) for stage in bank.trace_of(entry.output)],
        "obstacles": list(entry.obstacles),
        "made_by": _made_by(entry),
        "notes": list(entry.notes),
        "trashed": entry.trashed,
        "text": bank.recipe_text(entry) if entry.recipe else None,
        "details": dict(entry.details),
        "regenerations": [
            {
                "at": one.at,
                "verdict": one.verdict,
                "experiment": one.experiment,
                "trace": one.trace,
                "first_difference": one.first_difference,
                "drift": dict(one.drift),
                "explanation": dict(one.explanation),
                "evidence": dict(one.evidence),
                "environment_digest": one.environment_digest,
            }
            for one in bank.store.regenerations(entry.id)
        ],
    }


def _lines(bank: Library, entry: Entry) -> Iterator[tuple[str, Any]]:
    yield "entry", f"{entry.id}   {entry.uid}" + ("   in the trash" if entry.trashed else "")
    yield from _recipe_lines(entry)
    yield from _surface_lines(bank, entry)
    if entry.picture:
        size = (
            f"{entry.picture.width}x{entry.picture.height} {entry.picture.mode or ''}".rstrip()
            if entry.picture.width
            else "size unknown"
        )
        yield "image", f"{entry.picture.digest}   {size}"
    yield "file", bank.whereabouts(entry)
    opinions = [
        *entry.tags,
        *(["★ favourite"] if entry.favourite else []),
        *([f"rated {entry.rating}"] if entry.rating is not None else []),
    ]
    yield "tags", ", ".join(opinions) or "none"
    for note in entry.notes:
        yield "note", note
    yield from _environment_lines(bank, entry)
    seconds = "  ".join(f"{stage} {value:.2f}" for stage, value in entry.output.seconds.items())
    if seconds:
        memory = f"   peak {entry.output.peak_memory / 2**20:,.0f} MB" if entry.output.peak_memory else ""
        yield "seconds", seconds + memory
    yield "made", f"{shown_time(entry.created)}   added {shown_time(entry.added)} by {entry.user} ({entry.origin})"
    parents, children = bank.store.lineage(entry.id)
    for edge in parents:
        yield "lineage", f"{edge.kind} {edge.parent}"
    for edge in children:
        yield "lineage", f"{edge.child} is {edge.kind} this"
    for flag, value in entry.output.flags.items():
        if value:
            yield "flag", f"{flag}: {value}"
    yield from _import_lines(entry)
    yield from _foreign_lines(bank, entry)
    for obstacle in entry.obstacles:
        yield "obstacle", obstacle
    for one in bank.store.regenerations(entry.id):
        yield "regenerated", f"{shown_time(one.at)}  {one.explanation.get('line', one.verdict)}"
        yield from (("", line) for line in explained(one))


def _recipe_lines(entry: Entry) -> Iterator[tuple[str, Any]]:
    recipe = entry.recipe
    if recipe is None:
        return
    for name, text in recipe.conditioning.items():
        if name == "blend":
            others = "  ".join(f"{one.replace('_', ' ')} {other!r}" for one, other in text["conditioning"].items())
            yield "blended", f"{text['alpha']:.3g} towards {others}"
        else:
            yield name.replace("_", " "), text
    from seedbank.recording.noise import noise_line

    noise = f"   noise {noise_line(recipe)}" if "kind" in recipe.noise else ""
    yield "seed", f"{'unknown' if recipe.seed is None else recipe.seed}{noise}"
    call = {name: value for name, value in recipe.call.items() if name not in ("width", "height")}
    if call:
        yield "call", "  ".join(f"{name}={value}" for name, value in call.items()) + _cfg(recipe)
    if recipe.width is not None and recipe.height is not None:
        yield "size", f"{recipe.width}x{recipe.height}"
    if entry.model:
        revision = f" @ {entry.model.revision}" if entry.model.revision else ""
        known = entry.model.digest if entry.model.files or not _made_by(entry) else "as the file names it"
        yield "model", f"{entry.model.name}{revision}   {known}"
    method = (("", recipe.pipeline), ("scheduler ", recipe.scheduler_class), ("mode ", recipe.mode))
    yield "pipeline", "   ".join(f"{name}{value}" for name, value in method if value is not None) or "unknown"
    if recipe.batch:
        yield "batch", f"image {recipe.batch['index'] + 1} of {recipe.batch['size']}, rendered in one pass"
    if recipe.dtypes:
        yield "dtypes", "  ".join(f"{name} {dtype}" for name, dtype in recipe.dtypes.items())
    yield "recipe", recipe.digest


def _cfg(recipe: Recipe) -> str:
    from seedbank.lineage import cfg_of_another_number

    cfg = cfg_of_another_number(recipe)
    return "" if cfg is None else f"   (CFG {cfg:g})"


def _import_lines(entry: Entry) -> Iterator[tuple[str, Any]]:
    """Where an imported entry comes from, and how sure what is said of it is."""
    if received := entry.details.get("received"):
        versions = ", ".join(f"{name} {version}" for name, version in received.get("versions", {}).items())
        yield "received", f"as text ({received['form']})" + (f", made with {versions}" if versions else "")
        for sentence in received.get("remarks", ()):
            yield "remark", sentence
    if entry.origin != "imported":
        return
    details = entry.details
    if "file" in details:
        told = "   its time is that of the file" if details.get("created_from") == "file" else ""
        yield "imported", f"{details.get('tool', 'no recipe found')}   {details['file']}{told}"
    unsure = {name: share for name, share in details.get("confidence", {}).items() if share < 1}
    if unsure:
        yield "unsure", "  ".join(f"{name} {share:.0%}" for name, share in unsure.items())
    for sentence in details.get("conflicts", ()):
        yield "conflict", sentence
    for sentence in details.get("remarks", ()):
        yield "remark", sentence


def _made_by(entry: Entry) -> str | None:
    """The tool whose engine made the entry, None for diffusers."""
    from seedbank.keeping import is_foreign

    return str(entry.details["tool"]) if is_foreign(entry) else None


def _foreign_lines(bank: Library, entry: Entry) -> Iterator[tuple[str, Any]]:
    """That another engine made the entry, and what is not here of what its file names."""
    if (tool := _made_by(entry)) is None:
        return
    lossy = "; the original is lossy, so exact cannot be judged" if entry.output.flags.get("lossy") else ""
    yield "made by", f"{tool}, another engine: what diffusers renders is an attempt to come close{lossy}"
    for what, _, detail in bank.check_parts(entry):
        yield "part", f"{what}: {detail}"


def _surface_lines(bank: Library, entry: Entry) -> Iterator[tuple[str, Any]]:
    """Inputs and adapters, by the names that they had and their digests."""
    from seedbank.recipe import input_key

    recipe = entry.recipe
    if recipe is None:
        return
    names = entry.details.get("inputs") or {}
    for item in recipe.inputs:
        yield "input", f"{input_key(item)}   {item['digest']}   {names.get(item['role'], '')}".rstrip()
    known = {use.digest: use for use in (bank.store.models() if recipe.adapters else ())}
    for item in recipe.adapters:
        name = known[item["digest"]].name if item["digest"] in known else "unknown"
        how = "  ".join(f"{key} {item[key]}" for key in ("weight", "token") if key in item)
        yield "adapter", f"{item['kind']} {name}   {item['digest']}   {how}".rstrip()


def _environment_lines(bank: Library, entry: Entry) -> Iterator[tuple[str, Any]]:
    if entry.environment_digest is None:
        return
    environment = bank.store.environment(entry.environment_digest)
    versions = [
        f"{name} {environment.version(name)}" for name in ("torch", "diffusers", "transformers") if environment.version(name)
    ]
    hardware = environment.parts.get("hardware", {})
    where = hardware.get("gpu", {}).get("name") or hardware.get("cpu", {}).get("model") or ""
    settings = [f"{name} {environment.profile[name]}" for name in SETTINGS_SHOWN if name in environment.profile]
    yield "environment", "  ".join(filter(None, [*versions, where, *settings]))
    yield "", entry.environment_digest
