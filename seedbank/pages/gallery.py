"""One HTML file of many entries: pictures, verdicts, recipes; works from a disk, asks nobody for anything.

The page is a shell (`gallery.html`) with its style and script inlined and the entries as JSON; the script writes text as
text only, so nothing in a prompt can become markup. A content security policy allows the one script by its digest, no
other, and no request at all.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import math
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from seedbank.engine.source import cache_folder
from seedbank.errors import BadInput, SeedbankError
from seedbank.keeping import known_adapters
from seedbank.pages.language import LANGUAGE, method_names
from seedbank.pipelines import cfg_of
from seedbank.progress import QUIET, Progress, track
from seedbank.records import Entry

if TYPE_CHECKING:
    from seedbank.bank import Bank

MOST = 1000
"""Entries on one page: about 15 MB; more would make the browser slow."""
SIDES = ((30, 768), (150, 512), (MOST, 256))
"""(up to so many entries, pixels of a preview's longer side)"""
ASSETS = Path(__file__).parent
KINDS = ("css", "js")


def gallery(
    bank: Bank,
    entries: Sequence[Entry],
    text_of: Callable[[Entry], str],
    title: str = "",
    progress: Progress = QUIET,
) -> str:
    """The page. `text_of` gives what "copy parameters" copies. Raises `BadInput` for more than `MOST` entries."""
    if len(entries) > MOST:
        raise BadInput(f"A page holds {MOST} entries; these are {len(entries)}.", "Narrow the query, or add --limit.")
    return page({"bank": bank.option, "entries": cards(bank, entries, text_of, progress)}, title)


def cards(
    bank: Bank, entries: Sequence[Entry], text_of: Callable[[Entry], str], progress: Progress = QUIET
) -> list[dict[str, Any]]:
    """What the page knows of each entry, with a preview that is the smaller the more there are."""
    side = next(pixels for most, pixels in SIDES if len(entries) <= most)
    shown = _addresses(bank, entries, side, progress)
    known: dict[str, str] = {}
    asked: set[str] = set()
    for entry in entries:
        wanted = {str(item.get("digest")) for item in (entry.recipe.adapters if entry.recipe else ())}
        if wanted - asked:
            known |= {digest: model.name for digest, model in known_adapters(bank, entry.recipe).items()}
            asked |= wanted
    return [_card(entry, text_of, preview, known) for entry, preview in zip(entries, shown, strict=True)]


def page(values: Mapping[str, Any], title: str, also: Sequence[str] = ()) -> str:
    """The shell with `values` in it; `also` names further pairs of a style and a script."""
    names = {"css": ("gallery", *also), "js": ("search", "gallery", *also)}
    style, script = ("\n".join((ASSETS / f"{name}.{kind}").read_text("utf-8") for name in names[kind]) for kind in KINDS)
    written = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M")
    return Template((ASSETS / "gallery.html").read_text("utf-8")).substitute(
        title=html.escape(title or "seedbank"),
        policy=f"default-src 'none'; img-src data:; style-src '{_source(style)}'; script-src '{_source(script)}'",
        style=style,
        script=script,
        data=json_for_html({"title": title, "written": written, "language": LANGUAGE, **values}),
    )


def json_for_html(value: Any) -> str:
    """JSON that can stand inside a script element: no character in it can end the element or begin a comment."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _source(text: str) -> str:
    """What a content security policy calls an inline element by."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _card(entry: Entry, text_of: Callable[[Entry], str], preview: str | None, known: Mapping[str, str]) -> dict[str, Any]:
    recipe, picture = entry.recipe, entry.picture
    size = None
    if picture is not None and picture.width:
        size = f"{picture.width}x{picture.height}"
    elif recipe is not None and recipe.width:
        size = f"{recipe.width}x{recipe.height}"
    values = {
        "id": entry.id,
        "preview": preview,
        "prompt": entry.prompt,
        "negative": recipe.negative_prompt if recipe else None,
        "seed": None if entry.seed is None else str(entry.seed),
        "steps": recipe.steps if recipe else None,
        "guidance": recipe.guidance if recipe else None,
        "cfg": cfg_of(recipe.pipeline, recipe.call) if recipe else None,
        "size": size,
        "model": entry.model.name if entry.model else None,
        "pipeline": recipe.pipeline if recipe else None,
        "scheduler": recipe.scheduler_class if recipe else None,
        "sampler": " · ".join(word for word in map(entry.details.get, ("sampler", "schedule")) if isinstance(word, str))
        or None,
        "adapters": [_adapter(item, known) for item in (recipe.adapters if recipe else ())],
        "loras": [name for item in (recipe.adapters if recipe else ()) if (name := known.get(str(item.get("digest"))))],
        "method": method_names(entry),
        "tags": list(entry.tags),
        "notes": list(entry.notes),
        "favourite": entry.favourite,
        "rating": entry.rating,
        "verdict": entry.verdict,
        "added": entry.added.astimezone().strftime("%Y-%m-%d %H:%M"),
        "user": entry.user,
        "tool": _tool(entry),
        "image": picture.digest if picture else None,
        "file": entry.blob.digest if entry.blob else None,
        "recipe": entry.recipe_digest,
        "parameters": text_of(entry) if recipe else None,
        "json": recipe.to_dict() if recipe else None,
    }
    return {name: _plain(value) for name, value in values.items() if value is not None and value is not False and value != []}


def _plain(value: Any) -> Any:
    """A value as JSON can hold it: a guidance without end is a text."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _adapter(item: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """An adapter of a recipe by its name, or the beginning of its digest, with its weight where that is one number."""
    digest, weight = str(item.get("digest")), item.get("weight")
    name = names.get(digest) or f"{item.get('kind')} {digest[:12]}"
    return f"{name} × {weight:g}" if isinstance(weight, (int, float)) else name


def _tool(entry: Entry) -> str | None:
    """What made an imported picture, as far as its file says so; and the kind of file where that is not PNG."""
    if entry.origin != "imported":
        return None
    tool = str(entry.details.get("tool") or "unknown")
    kind = entry.blob.media_type.rpartition("/")[2].upper() if entry.blob else "PNG"
    return tool if kind == "PNG" else f"{tool} ({kind})"


# -- previews ---------------------------------------------------------------------------------------------------------


def _addresses(bank: Bank, entries: Sequence[Entry], side: int, progress: Progress) -> list[str | None]:
    """Data addresses of small pictures; None where the picture is not here or cannot be read."""
    return [
        None if data is None else f"data:image/webp;base64,{base64.b64encode(data).decode()}"
        for data in previews(bank, entries, side, progress)
    ]


def previews(bank: Bank, entries: Sequence[Entry], side: int, progress: Progress = QUIET) -> list[bytes | None]:
    """WebP files of the entries' pictures; None where the picture is not here or cannot be read."""
    # Pillow decodes and scales without holding the interpreter, so threads use all cores.
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        made = pool.map(lambda entry: preview(bank, entry, side), entries)
        return list(track(progress, made, "previews", len(entries)))


def preview(bank: Bank, entry: Entry, side: int) -> bytes | None:
    """A WebP file of the entry's picture, from the user's cache when it was made before; None without a picture."""
    from seedbank import images

    if entry.blob is None:
        return None
    try:
        return _preview_path(entry.blob.digest, side).read_bytes()
    except OSError:
        pass
    try:
        data = images.thumbnail(bank.pixels(entry), side)
    except SeedbankError:
        return None
    keep_preview(entry.blob.digest, side, data)
    return data


def keep_preview(digest: str, side: int, data: bytes) -> None:
    """Keep the preview of the file with this digest in the user's cache, where that can be written."""
    path = _preview_path(digest, side)
    try:  # a cache that cannot be written costs time, not the page
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        unfinished = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}")
        unfinished.write_bytes(data)
        unfinished.replace(path)
    except OSError:
        pass


def _preview_path(digest: str, side: int) -> Path:
    return cache_folder() / "previews" / digest[:2] / f"{digest}-{side}.webp"
