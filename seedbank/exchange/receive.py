"""Recipes that come as text: what stands in a pasted block, a script, a JSON file. Knows no bank; see `received`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seedbank.errors import BadInput
from seedbank.exchange.comfyui import words as comfyui_words
from seedbank.exchange.profile import LIBRARIES, installed, taken_profile
from seedbank.exchange.received import Received
from seedbank.exchange.texts import A1111, BLOCK, COMFYUI, JSON, SCRIPT
from seedbank.formats import block
from seedbank.formats.checking import recipe_from
from seedbank.formats.detect import examine
from seedbank.formats.reading import Foreign, FormatError, Payload, Reading
from seedbank.formats.recipe_json import read_document, said_of
from seedbank.formats.remainder import together
from seedbank.formats.script import read_script
from seedbank.formats.stamp import Stamp, find_stamp, is_own_line, without_stamp
from seedbank.frozen import replace
from seedbank.importing.convert import convert
from seedbank.importing.reading import read
from seedbank.recipe import Recipe

UNSTORABLE = re.compile("[\0\ud800-\udfff]")
VERSION = re.compile(r"[\w.+-]{1,40}")
WORDS = ("prompt", "negative_prompt", "seed", "steps", "guidance_scale", "sampler", "schedule", "width", "model", "loras")
"""What a text can say of a recipe."""
LARGEST_TEXT = 8 * 2**20
"""Characters; a recipe is not longer."""


def receive(text: str) -> Received:
    """The recipe in a text, in whichever form. Raises `BadInput` (mostly its `FormatError`) for a text that holds none."""
    if len(text) > LARGEST_TEXT:
        raise BadInput(f"The text has more than {LARGEST_TEXT >> 20} million characters.", "Give the recipe alone.")
    text = text.removeprefix("\ufeff")
    if UNSTORABLE.search(text):
        raise BadInput("This is no text: it holds NUL characters or halves of characters.", "Name a picture by its path.")
    values = _json_object(text) if text.lstrip()[:1] == "{" else None
    if values is not None and (found := _from_json(text, values)) is not None:
        return found
    if (program := read_script(text)) is not None:
        return _from_document(SCRIPT, text, program)
    words = text if values is not None else without_stamp(text)
    stamp = find_stamp(text)
    whole = stamp is not None and bool(stamp.rest)  # its words may say as little as they like
    headed = is_own_line(text) if stamp is not None else _HEADED.match(text) is not None
    if headed and (reading := block.read_block(words) or (Reading(BLOCK, Foreign(), "text") if whole else None)) is not None:
        return _from_words(BLOCK, text, reading)
    examined = examine([Payload("text", words)])
    typed = None
    if not examined.readings or examined.readings[0].tool == A1111:
        typed = block.read_block(words)
    if typed is not None and (not examined.readings or _says_more(typed, examined.readings[0])):
        return _from_words(BLOCK, text, typed)
    if examined.readings:
        return _from_words(examined.readings[0].tool, text, examined.readings[0])
    if whole:
        return _from_words(A1111, text, Reading(A1111, Foreign(), "text"))
    if examined.remarks:
        raise FormatError(f"No recipe could be read in this text: {examined.remarks[0]}")
    raise BadInput("No recipe was found in this text.", "Paste what `seedbank recipe` prints, or what a tool wrote.")


def _says_more(typed: Reading, parameters: Reading) -> bool:
    """Whether a text with the key `Prompt` is a block that people typed, and not A1111's, of which every text can be one."""
    fields = [
        {name for name, value in vars(reading.recipe).items() if name in WORDS and value not in (None, ())}
        for reading in (typed, parameters)
    ]
    return typed.recipe.prompt is not None and len(fields[0]) > len(fields[1])


def text_of(data: bytes) -> str:
    """Bytes that were piped or read as text. Raises `BadInput` where they are none."""
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        raise BadInput("This is no text in UTF-8.", "Name a picture by its path; save a text as UTF-8.") from None


def receive_file(path: str | Path) -> Received:
    """The recipe in a file: a text, or a picture that carries one. Raises `BadInput`."""
    found = read(path)
    own = next((payload.text for payload in found.payloads if payload.place in OWN_PLACES), None)
    if own is not None:
        return receive(own)
    if found.kind == "text":
        return receive(found.payloads[0].text)
    if not found.readings:
        raise BadInput(f"{path} says nothing of how it was made.", *found.remarks[:1])
    return _from_words(found.readings[0].tool, found.raw.get(found.readings[0].place, ""), found.readings[0])


OWN_PLACES = ("png:seedbank",)
"""Where seedbank's own pictures carry their recipe."""
_HEADED = re.compile(r"\s*(?:【[^】\n]{0,40}】|\[Image recipe\])[ \t]*\r?\n\s*[^\s:：=][^:：=\n]{0,30}[:：=]")
"""A heading alone on its line and a key after it: a block, and none of the texts of other tools that look alike."""


def _json_object(text: str) -> Mapping[str, Any] | None:
    """The JSON object that a text is; None where it is none."""
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return values if isinstance(values, dict) else None


def _from_json(text: str, values: Mapping[str, Any]) -> Received | None:
    """A recipe document, or the bare recipe that a PNG file carries; None for other tools' JSON."""
    if "recipe" in values and "seedbank" in values:
        return _from_document(JSON, text, values)
    if "conditioning" in values and "noise" in values:
        recipe = recipe_from(values)
        return Received(JSON, text, Reading(JSON, said_of(recipe), "text"), None, recipe)
    return None


def _from_document(form: str, text: str, values: Any) -> Received:
    document = read_document(values)
    name = document.model.name if document.model is not None else None
    reading = Reading(form, said_of(document.recipe, name), "text")
    trusted, remarks = _judged(document.stamp, document.recipe, [])
    received = Received(
        form, text, reading, document.stamp, document.recipe, trusted, (*document.remarks, *remarks),
        picture=document.picture, model=document.model, adapters=document.adapters,
    )  # fmt: skip
    return _with_settings(received, {"profile": document.profile, "versions": document.versions})


def _from_words(form: str, text: str, reading: Reading) -> Received:
    stamp = find_stamp(text)
    rest = (stamp.rest or {}) if stamp is not None else {}
    if stamp is None or not isinstance(rest.get("recipe"), Mapping):
        converted = convert(reading)
        if converted.recipe is None:
            raise BadInput("No recipe was found in this text.", "Paste what `seedbank recipe` prints, or what a tool wrote.")
        return Received(form, text, reading, stamp, converted.recipe, remarks=reading.remarks, obstacles=converted.obstacles)
    names = {"names": comfyui_words} if form == COMFYUI else {}
    recipe, changed = together(rest["recipe"], reading.recipe, stamp.model, **names)
    trusted, remarks = _judged(stamp, recipe, changed)
    return _with_settings(Received(form, text, reading, stamp, recipe, trusted, (*reading.remarks, *remarks)), rest)


def _with_settings(received: Received, given: Mapping[str, Any]) -> Received:
    """With the profile and the versions that travelled in `given`, as far as they are taken from outside."""
    profile, left = taken_profile(given.get("profile"))
    said = given.get("versions")
    versions = {
        name: version
        for name, version in (said.items() if isinstance(said, Mapping) else ())
        if name in LIBRARIES and isinstance(version, str) and VERSION.fullmatch(version)
    }
    remarks = [f"These settings of the profile are not taken from a text: {', '.join(left)}."] if left else []
    remarks += [
        f"It was made with {name} {version}; here is {here or 'none'}, so the picture may differ."
        for name, version in versions.items()
        if (here := installed(name)) != version
    ]
    return replace(received, profile=profile, versions=versions, remarks=(*received.remarks, *remarks))


def _judged(stamp: Stamp, recipe: Recipe, changed: list[str]) -> tuple[bool, list[str]]:
    """(whether the recipe is that of the stamp, what to say where it is not)."""
    if recipe.digest == stamp.recipe:
        return True, []
    what = f" ({', '.join(changed)})" if changed else ""
    return False, [
        f"The text was changed{what} after it was written: its recipe has the digest {recipe.digest[:12]}, "
        f"and the one that stands in it is {stamp.recipe[:12]}. So the image digest in it belongs to another recipe "
        "and is not used."
    ]
