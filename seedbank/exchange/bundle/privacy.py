"""What a bundle leaves out for the sake of privacy.

prompts   the texts of recipes, what files say of themselves, traces and batch records, and what was noted while rendering
paths     where files and models lie or lay, texts that other tools wrote, which can hold paths, and input files with such texts
users     who did what, and what each user alone thinks: favourites, ratings, notes

Digests stay, so entries meet again and pictures can be checked. Who can guess a whole recipe can confirm it by its digest.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from seedbank.errors import BadInput, SeedbankError
from seedbank.exchange.bundle.values import Values
from seedbank.exchange.texts import is_name
from seedbank.query import parse, terms_of
from seedbank.recipe import Recipe
from seedbank.recording.latents import MEDIA_TYPE as SAFETENSORS
from seedbank.records import Entry

PROMPTS, PATHS, USERS = "prompts", "paths", "users"
ALL = (PROMPTS, PATHS, USERS)
PROFILES: Mapping[str, tuple[str, ...]] = {"none": (), "share": (PATHS, USERS), "public": ALL}
WITHOUT_PROMPTS = "Its prompts were left out of the bundle that it came in."
WITHOUT_PATHS = "A path among its arguments was left out of the bundle that it came in."
WITHOUT_REASON = "Why it cannot be regenerated was left out of the bundle that it came in."
PLAIN_DETAILS = ("tool", "confidence", "created_from")
"""Details that hold neither paths nor prompts."""
OWN = ("generated", "recorded")
PATH = re.compile(r"(?:[A-Za-z]:[\\/]|\\\\|~?/\S|file:)")
"""How a text begins that names a place on one machine."""
NOBODY = ("yes", "no", "any")
"""What ``fav:`` takes besides names of users."""
PLAIN_ARGUMENTS = ("output_type",)
"""Arguments of pipelines whose text is a word of the library's."""


def is_bared(entry: Entry, without: Collection[str]) -> bool:
    """Whether a picture's file is sent without its metadata: prompts and paths of the recipe, and what other tools wrote."""
    if PATHS not in without:
        return PROMPTS in without
    foreign = entry.origin not in OWN
    return PROMPTS in without or foreign or (entry.recipe is not None and _without_paths(entry.recipe) != entry.recipe)


def strip_entry(values: Values, entry: Entry, without: Collection[str]) -> Values:
    """The record without what is to be left out; `stripped` in its details says what, and the recipe digest that it had."""
    values = dict(values)
    if USERS in without:
        values.pop("user", None)
    if not {PROMPTS, PATHS} & set(without):
        return values
    values.pop("payloads", None)
    details = {name: value for name, value in values.get("details", {}).items() if name in PLAIN_DETAILS}
    if PATHS in without and values.get("obstacles"):
        values["obstacles"] = [WITHOUT_REASON if "/" in one or "\\" in one else one for one in values["obstacles"]]
    recipe = entry.recipe
    if recipe is not None:
        recipe = _without_paths(recipe) if PATHS in without else recipe
        recipe = _without_prompts(recipe) if PROMPTS in without else recipe
        if recipe.digest != entry.recipe_digest:
            values |= {"recipe": recipe.to_dict(), "recipe_digest": recipe.digest}
            values["obstacles"] = [WITHOUT_PROMPTS] if PROMPTS in without else [*values.get("obstacles", ()), WITHOUT_PATHS]
    if PROMPTS in without or (recipe is not None and recipe.digest != entry.recipe_digest):
        details["stripped"] = {"what": sorted(without)}
        if entry.recipe is not None:
            details["stripped"]["recipe_digest"] = entry.recipe_digest
    if PROMPTS in without:
        values["output"] = _plain_output(values.get("output", {}))
        values["inputs"] = []
    return {name: value for name, value in (values | {"details": details}).items() if value not in ({}, [], None)}


def strip_regeneration(values: Values, without: Collection[str]) -> Values:
    values = dict(values)
    if USERS in without:
        values.pop("user", None)
    if {PROMPTS, PATHS} & set(without):
        for name in ("explanation", "evidence"):  # sentences and whole recipes
            values.pop(name, None)
    if PROMPTS in without:
        values["output"] = _plain_output(values.get("output", {}))
    return values


def strip_model(values: Values, without: Collection[str]) -> Values:
    """Names that mean the same everywhere stay, places on one machine go."""
    if PATHS not in without:
        return values
    source = values.get("source")
    left_out = {"config"} | (set() if source is None or is_name(source) else {"source"})
    return {name: value for name, value in values.items() if name not in left_out}


def stays(query: str, without: Collection[str]) -> bool:
    """Whether a saved search stays at home: it says what is to be left out, who or a place on this machine, or it cannot be
    read, for which another bank would refuse the bundle."""
    try:
        terms = list(terms_of(parse(query, saved=True).where))
    except BadInput:
        return True
    users = any(term.key == "by" or (term.key == "fav" and term.text.casefold() not in NOBODY) for term in terms)
    return (USERS in without and users) or (PATHS in without and any(PATH.match(term.text) for term in terms))


def why_not_sent(data: bytes, media_type: str) -> str | None:
    """Why an input file stays here when paths are to be left out; None for one without texts.

    It is known by the digest of its bytes, so without its texts it would be another file.
    """
    from seedbank import images

    if media_type == SAFETENSORS:
        length = int.from_bytes(data[:8], "little")
        return "Its tensors carry texts, which can hold paths." if b"__metadata__" in data[8 : 8 + length] else None
    if media_type.startswith("image/"):
        try:
            return None if images.without_metadata(data) == data else "Its input picture carries texts, which can hold paths."
        except SeedbankError as error:
            return error.message
    try:
        values = json.loads(data)
        bare = _kept(values, lambda name, text: "prompt" in name or not PATH.match(text))
    except (ValueError, RecursionError):
        return "It cannot be told whether an input file of its holds paths."
    return None if bare == values else "One of its input files holds a path."


def _without_paths(recipe: Recipe) -> Recipe:
    """The recipe without arguments and settings that name a place; texts that are prompts stay."""
    values = {
        name: value if name == "conditioning" else _kept(value, lambda name, text: not PATH.match(text))
        for name, value in recipe.to_dict().items()
    }
    return Recipe.from_dict(values)


def _without_prompts(recipe: Recipe) -> Recipe:
    """The recipe without its texts, and without inputs and batches, whose files can hold texts or what was made of them."""
    values = {name: value for name, value in recipe.to_dict().items() if name not in ("conditioning", "inputs", "batch")}
    return Recipe.from_dict(values | {"call": _kept(values["call"], lambda name, text: name in PLAIN_ARGUMENTS)})


def _kept(value: Any, keep: Callable[[str, str], bool], name: str = "") -> Any:
    """JSON without the texts, under whatever names, that shall not be kept."""
    if isinstance(value, Mapping):
        return {key: _kept(one, keep, key) for key, one in value.items() if not isinstance(one, str) or keep(key, one)}
    if isinstance(value, (list, tuple)):
        return [_kept(one, keep, name) for one in value if not isinstance(one, str) or keep(name, one)]
    return value


def _plain_output(values: Mapping[str, Any]) -> Values:
    kept = {name: value for name, value in values.items() if name in ("seconds", "peak_memory")}
    if values.get("flags", {}).get("lossy"):
        kept["flags"] = {"lossy": True}
    return kept
