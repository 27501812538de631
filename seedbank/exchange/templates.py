"""Formats of one's own: ``{id} {seed} {prompt:.40}`` filled with what is known of an entry."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Mapping
from datetime import datetime
from difflib import get_close_matches
from typing import Any

from seedbank.errors import BadInput
from seedbank.pipelines import cfg_of
from seedbank.records import Entry

KEYS = (
    *("id", "uid", "recipe_digest", "image_digest", "file_digest", "seed", "prompt", "model", "tags", "favourite", "rating"),
    *("verdict", "created", "added", "path"),
)
"""The keys of --json."""
FIELDS = (*KEYS, "size", "negative", "steps", "guidance", "cfg", "scheduler", "pipeline", "seconds", "user", "notes")
NUMBERS = ("id", "rating", "steps", "guidance", "cfg", "seconds")
TIMES = ("created", "added")


def fields(entry: Entry, path: str | None = None) -> dict[str, Any]:
    """{name: value} of `FIELDS`: the keys of --json, and the rest of the recipe in the words of queries."""
    recipe, picture = entry.recipe, entry.picture
    return {
        **{name: getattr(entry, name) for name in ("id", "uid", "recipe_digest", "prompt", "favourite", "rating", "verdict")},
        **{name: getattr(entry, name) for name in ("created", "added", "user")},
        "image_digest": picture.digest if picture else None,
        "file_digest": entry.blob.digest if entry.blob else None,
        "seed": None if entry.seed is None else str(entry.seed),
        "model": entry.model.name if entry.model else None,
        "tags": list(entry.tags),
        "notes": list(entry.notes),
        "path": path,
        "size": f"{picture.width}x{picture.height}" if picture and picture.width else None,
        "negative": recipe.negative_prompt if recipe else None,
        "steps": recipe.steps if recipe else None,
        "guidance": recipe.guidance if recipe else None,
        "cfg": cfg_of(recipe.pipeline, recipe.call) if recipe else None,
        "scheduler": recipe.scheduler_class if recipe else None,
        "pipeline": recipe.pipeline if recipe else None,
        "seconds": entry.output.seconds.get("total"),
    }


WIDEST = 1000
"""Columns that a field can be given: more is a slip, and a thousand million of them do not fit into memory."""


def template(text: str, clean: Callable[[str], str] = str) -> Callable[[Mapping[str, Any]], str]:
    """A function that fills ``{field}`` and ``{field:spec}`` (Python's format specification) of `text`, each made `clean`.

    Only whole fields: no attributes, no items. Raises `BadInput` for a field that does not exist or a wrong specification.
    """
    try:
        pieces = list(string.Formatter().parse(text.replace("\\t", "\t").replace("\\n", "\n")))
    except ValueError as error:
        raise BadInput(f"The format {text!r} cannot be read: {error}.", "A brace itself is written {{ or }}.") from None
    for _, name, spec, conversion in pieces:
        width, _, digits = (spec or "").partition(".")  # of a text, the most characters; of a time, both are text
        bounded = "" if name in TIMES else f"{width} {digits if name in NUMBERS else ''}"
        if any(int(number) > WIDEST for number in re.findall(r"\d{1,20}", bounded)):
            raise BadInput(f"{{{name}:{spec}}} is too wide.", f"A field can be {WIDEST:,} columns wide.")
        if name is not None and (name not in FIELDS or conversion or "{" in (spec or "")):
            near = get_close_matches(name, FIELDS, n=1)
            hint = f"Did you mean {{{near[0]}}}?" if near and near[0] != name else f"Use: {', '.join(FIELDS)}."
            raise BadInput(
                f"A format has no field {{{name}}}." if name not in FIELDS else f"{{{name}}} is too much of a format.", hint
            )

    def line(values: Mapping[str, Any]) -> str:
        return "".join(
            literal + ("" if name is None else clean(_formatted(name, values[name], spec or "")))
            for literal, name, spec, _ in pieces
        )

    return line


def _formatted(name: str, value: Any, spec: str) -> str:
    wanted = value if isinstance(value, (int, float, datetime)) and not isinstance(value, bool) else plain(value)
    try:
        return format(wanted, spec) if value is not None or not spec else format("", spec if spec[-1].isdigit() else "")
    except ValueError as error:
        why = str(error).rstrip(".")
        raise BadInput(
            f"{{{name}:{spec}}} cannot be filled: {why}.", "The specification is that of Python's format()."
        ) from None


def plain(value: Any) -> str:
    """A value as it stands in a line: one line, nothing for what is not known."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, list):
        return ", ".join(str(item) if not isinstance(item, dict) else str(item.get("user")) for item in value)
    return " ".join(str(value).split()) if isinstance(value, str) else str(value)
