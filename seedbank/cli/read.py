"""`seedbank read`: what files say of how they were made, without a bank."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seedbank.cli.common import json_option
from seedbank.cli.printing import data, emit, printable, remark, say

if TYPE_CHECKING:
    from seedbank.importing.reading import FileReading

FIELDS = ("prompt", "negative_prompt", "seed", "steps", "guidance_scale", "sampler", "schedule", "width", "height")


@click.command("read")
@click.argument("paths", nargs=-1, required=True, metavar="PATH…", type=click.Path(path_type=Path))
@click.option("--deep", is_flag=True, help="Look for text that is hidden in the pixels, too.")
@click.option("--tool", metavar="NAME", help="Read this tool's format only.")
@click.option("--raw", is_flag=True, help="The texts that the file carries, word for word.")
@json_option
def read_command(paths: tuple[Path, ...], deep: bool, tool: str | None, raw: bool, as_json: bool) -> None:
    """What pictures of any tool say of how they were made. Nothing is stored, and no bank is needed.

    Each field is as the file says it, with a confidence of 0 to 1 where it is not certain.

    Exit status: 0 read (also where a file says nothing), 2 a file cannot be read or is not there.
    """
    import seedbank

    for path in paths:
        found = seedbank.read(path, deep=deep, tool=tool)
        if as_json:
            emit({"path": str(path), **_values(found, raw)})
        else:
            _show(path, found, raw)


def _values(found: FileReading, raw: bool) -> dict[str, Any]:
    recipe = found.recipe
    values: dict[str, Any] = {"tool": found.tool, "kind": found.kind}
    values |= {name: getattr(recipe, name) for name in FIELDS}
    values["seed"] = None if recipe.seed is None else str(recipe.seed)
    values["model"] = None if recipe.model is None else {"name": recipe.model.name, "hash": recipe.model.hash}
    values["loras"] = [{"name": lora.name, "weight": lora.weight, "hash": lora.hash} for lora in recipe.loras]
    values["extras"] = _plain(recipe.extras)
    values["confidence"] = dict(recipe.confidence)
    values["places"] = [{"tool": reading.tool, "place": reading.place} for reading in found.readings]
    values["remarks"], values["conflicts"] = list(_remarks(found)), list(found.conflicts)
    return values | ({"raw": dict(found.raw)} if raw else {})


def _plain(value: Any) -> Any:
    """JSON values of what extras hold; numbers that JSON lacks become texts."""
    import dataclasses
    import math
    from collections.abc import Mapping

    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {name: _plain(item) for name, item in dataclasses.asdict(value).items() if item is not None}
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _remarks(found: FileReading) -> tuple[str, ...]:
    return (*found.remarks, *(found.readings[0].remarks if found.readings else ()))


def _show(path: Path, found: FileReading, raw: bool) -> None:
    recipe = found.recipe
    place = f"   {found.readings[0].place}" if found.readings else ""
    say(f"{path}   {found.tool or 'no recipe'}{place}")
    rows = {name: getattr(recipe, name) for name in FIELDS}
    if recipe.model is not None:
        rows["model"] = " ".join(part for part in (recipe.model.name, recipe.model.hash) if part)
    for number, lora in enumerate(recipe.loras, 1):
        weight = "" if lora.weight is None else f" {lora.weight:g}"
        rows[f"lora {number}"] = f"{lora.name}{weight}{f' {lora.hash}' if lora.hash else ''}"
    for name, value in rows.items():
        if value is None:
            continue
        sure = recipe.confidence.get("loras" if name.startswith("lora ") else name, 1.0)
        text = f"{value:g}" if isinstance(value, float) else str(value)
        say(f"  {name:<16} {_indented(text)}" + (f"   ({sure:g})" if sure < 1 else ""))
    if raw:
        for place, text in found.raw.items():
            say(f"  --- {place}")
            data(text)
    for sentence in (*_remarks(found), *found.conflicts):
        remark(sentence)


def _indented(text: str) -> str:
    return printable(text).rstrip().replace("\n", "\n" + " " * 19)
