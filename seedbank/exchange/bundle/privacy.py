"""What a bundle leaves out for the sake of privacy.

prompts   the texts of recipes, what files say of themselves, traces and batch records, and what was noted while rendering
paths     where files and models lie or lay, and texts that other tools wrote, which can hold paths
users     who did what, and what each user alone thinks: favourites, ratings, notes

Digests stay, so entries meet again and pictures can be checked. Who can guess a whole recipe can confirm it by its digest.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from seedbank.exchange.bundle.values import Values
from seedbank.exchange.texts import is_name
from seedbank.recipe import Recipe
from seedbank.records import Entry

PROMPTS, PATHS, USERS = "prompts", "paths", "users"
ALL = (PROMPTS, PATHS, USERS)
PROFILES: Mapping[str, tuple[str, ...]] = {"none": (), "share": (PATHS, USERS), "public": ALL}
WITHOUT_PROMPTS = "Its prompts were left out of the bundle that it came in."
WITHOUT_REASON = "Why it cannot be regenerated was left out of the bundle that it came in."
PLAIN_DETAILS = ("tool", "confidence", "created_from")
"""Details that hold neither paths nor prompts."""
OWN = ("generated", "recorded")


def is_bared(origin: str, without: Collection[str]) -> bool:
    """Whether a picture's file is sent without its metadata: prompts stand in it, and what other tools wrote can hold paths."""
    return PROMPTS in without or (PATHS in without and origin not in OWN)


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
    if PROMPTS in without:
        details["stripped"] = {"what": sorted(without)}
        if entry.recipe is not None:
            details["stripped"]["recipe_digest"] = entry.recipe_digest
            recipe = _without_prompts(entry.recipe)
            values |= {"recipe": recipe.to_dict(), "recipe_digest": recipe.digest}
            values["obstacles"] = [WITHOUT_PROMPTS]
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


def _without_prompts(recipe: Recipe) -> Recipe:
    """The recipe without its texts, and without inputs and batches, whose files can hold texts or what was made of them."""
    values = {name: value for name, value in recipe.to_dict().items() if name not in ("conditioning", "inputs", "batch")}
    return Recipe.from_dict(values)


def _plain_output(values: Mapping[str, Any]) -> Values:
    kept = {name: value for name, value in values.items() if name in ("seconds", "peak_memory")}
    if values.get("flags", {}).get("lossy"):
        kept["flags"] = {"lossy": True}
    return kept
