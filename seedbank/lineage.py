"""What became of what: the tree of an entry with what changed at each step, and two entries side by side."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Any
from unicodedata import east_asian_width

from seedbank.errors import SeedbankError
from seedbank.keeping import known_adapters
from seedbank.pipelines import cfg_of
from seedbank.recipe import Recipe, differences, input_key
from seedbank.records import Entry

if TYPE_CHECKING:
    from seedbank.bank import Bank, Pixels
    from seedbank.environment import Comparison

MOST = 1000
"""Edges of one tree."""
WORDS = {
    "noise.seed": "seed",
    "conditioning.prompt": "prompt",
    "conditioning.negative_prompt": "negative",
    "call.num_inference_steps": "steps",
    "call.guidance_scale": "guidance",
    "scheduler.class": "scheduler",
}
"""{field of a recipe: the word that people use}; of the others the last part is shown."""
BLENDS = {"blend": ("noise", "seed"), "text blend": ("conditioning", "prompt")}
"""{word: (part of a recipe that can be blended with another, what that other goes by)}"""
FIRST = ("prompt", "negative", "seed", "steps", "guidance", "size", "model", "sampler", "schedule", "scheduler")

Change = tuple[str, Any, Any]
"""(word, old, new)"""
Items = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Branch:
    """An entry in a tree: how it came from the one above, what changed, and what came of it.

    `again` says that it stands elsewhere in the tree with all that came of it.
    """

    entry: Entry
    kind: str | None = None
    changes: tuple[Change, ...] = ()
    children: tuple[Branch, ...] = ()
    again: bool = False

    def walk(self, depth: int = 0) -> Iterator[tuple[int, Branch]]:
        """(depth, branch) of itself and all below, in the order of reading."""
        yield depth, self
        for child in self.children:
            yield from child.walk(depth + 1)


@dataclass(frozen=True)
class Tree:
    """All ancestors and descendants of an entry; `cut` when there are more than `MOST` steps."""

    of: int
    roots: tuple[Branch, ...]
    cut: bool


def tree(bank: Bank, number: int) -> Tree:
    """Where the entry comes from and what came of it."""
    edges, cut = bank.store.curation.family(number, MOST)
    known = {
        entry.id: entry for entry in bank.store.entries(sorted({number, *(n for e in edges for n in (e.child, e.parent))}))
    }
    below: dict[int, list[tuple[int, str]]] = {}
    for edge in sorted(edges, key=lambda edge: (edge.child, edge.kind)):
        below.setdefault(edge.parent, []).append((edge.child, edge.kind))
    seen: set[int] = set()
    names = adapter_names(bank, *known.values())

    def branch(at: int, parent: int | None = None, kind: str | None = None) -> Branch:
        changes = () if parent is None else tuple(recipe_changes(known[parent], known[at], names))
        if at in seen:
            return Branch(known[at], kind, changes, again=bool(below.get(at)))
        seen.add(at)
        return Branch(known[at], kind, changes, tuple(branch(child, at, how) for child, how in below.get(at, ())))

    children = {edge.child for edge in edges}
    roots = sorted({edge.parent for edge in edges} - children) or [number]
    return Tree(number, tuple(branch(root) for root in roots), cut)


def adapter_names(bank: Bank, *entries: Entry) -> Mapping[str, str]:
    """{digest: what people call it} of the adapters of entries."""
    return {digest: model.name for digest, model in known_adapters(bank, *(entry.recipe for entry in entries)).items()}


def recipe_changes(old: Entry, new: Entry, names: Mapping[str, str] | None = None) -> list[Change]:
    """What changed between the recipes of two entries, in the words of people, the likeliest first.

    `names` are those of `adapter_names`; an adapter without one goes by the beginning of its digest.
    """
    if old.recipe is None or new.recipe is None:
        return []
    found: list[Change] = []
    for name, before, after in _sized(old.recipe, new.recipe):
        if name == "adapters":
            found += _adapters(before or (), after or (), names or {})
            continue
        if name == "inputs":
            found += _inputs(old, new)
            continue
        if name == "model":
            before, after = (entry.model.name if entry.model else digest for entry, digest in ((old, before), (new, after)))
        found.append((WORDS.get(name, name.removeprefix("call.")), before, after))
    found += _named(old, new, {name for name, *_ in found})
    return sorted(found, key=lambda change: (FIRST.index(change[0]) if change[0] in FIRST else len(FIRST), change[0]))


def cfg_of_another_number(recipe: Recipe) -> float | None:
    """The guidance as `--cfg` and other tools say it, where none of the pipeline's own arguments is that number."""
    cfg = cfg_of(recipe.pipeline, recipe.call)
    return None if cfg in [recipe.call.get(name) for name in ("guidance_scale", "true_cfg_scale", "cfg")] else cfg


def cfg_beside(word: str, entry: Entry) -> str:
    """`` (CFG 9)`` behind the new guidance of an entry where people type another number than the pipeline gets."""
    if entry.recipe is None or word != WORDS["call.guidance_scale"]:
        return ""
    cfg = cfg_of_another_number(entry.recipe)
    return "" if cfg is None else f" (CFG {cfg:g})"


def parted(old: Any, new: Any, room: int) -> tuple[Any, Any]:
    """Two texts of which one is wider than `room`, from a little before the place where they part; other values as they are.

    What was added to a long prompt stands at its end, which nobody would see otherwise.
    """
    if not isinstance(old, str) or not isinstance(new, str) or max(_wide(old), _wide(new)) <= room:
        return old, new
    shared = start = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(old, new, strict=False)))
    while start and _wide(new[start - 1 : shared]) <= room // 3:
        start -= 1
    start = start and (new.find(" ", start, shared) + 1 or start)
    return (f"…{old[start:]}", f"…{new[start:]}") if start else (old, new)


def _wide(text: str) -> int:
    """Columns of a text, nearly: Chinese and Japanese take two."""
    return sum(1 + (east_asian_width(letter) in "WF") for letter in text)


def _named(old: Entry, new: Entry, known: Collection[str]) -> Iterator[Change]:
    """What files say otherwise and no recipe has: models whose weights are not here, samplers in the words of their tools."""
    models = [entry.model.name if entry.model else None for entry in (old, new)]
    words = {name: [entry.details.get(name) for entry in (old, new)] for name in ("sampler", "schedule")}
    for name, (before, after) in {"model": models, **words}.items():
        if before != after and name not in known and "imported" in (old.origin, new.origin) and None not in (before, after):
            yield name, before, after


def _adapters(old: Items, new: Items, names: Mapping[str, str]) -> list[Change]:
    """Each adapter that is another one, or acts otherwise; `lora.NAME` as the axis of a sweep is called. Else their order."""
    before, after = ({str(item.get("digest")): item for item in items} for items in (old, new))
    named = {digest: names.get(digest, digest[:12]) for digest in before | after}
    found = []
    for digest, item in (before | after).items():
        if before.get(digest) != after.get(digest):
            found.append((f"{item.get('kind')}.{named[digest]}", _acts(before.get(digest)), _acts(after.get(digest))))
    orders = [", ".join(named[digest] for digest in part) for part in (before, after)]
    return found or [("adapters", orders[0], orders[1])]


def _acts(item: Mapping[str, Any] | None) -> Any:
    """How an adapter acts: its weight where it has one and nothing else, else whatever is said of it."""
    if item is None:
        return None
    said = {key: value for key, value in item.items() if key not in ("kind", "digest")}
    return said["weight"] if said.keys() == {"weight"} else "  ".join(f"{key} {value}" for key, value in said.items()) or "yes"


def _inputs(old: Entry, new: Entry) -> Iterator[Change]:
    """Each file that is another one, by the last part of its name where that tells the two apart."""
    before, after = _given(old), _given(new)
    for key in sorted(before.keys() | after.keys()):
        (one, name), (other, another) = (given.get(key, ({}, None)) for given in (before, after))
        if one != other:
            apart = name != another
            yield key, (apart and name) or one.get("digest"), (apart and another) or other.get("digest")


def _given(entry: Entry) -> dict[str, tuple[Mapping[str, Any], str | None]]:
    """{name of an input: (what the recipe says of it, the last part of the name of its file)}"""
    places = entry.details.get("inputs") or {}
    items = entry.recipe.inputs if entry.recipe is not None else ()
    return {input_key(item): (item, re.split(r"[\\/]", places.get(item["role"]) or "")[-1] or None) for item in items}


def _sized(old: Recipe, new: Recipe) -> Iterator[Change]:
    """The differences, with width and height as one size, parts of one dtype as that, and what is blended as how far it is."""
    for name, (part, inner) in BLENDS.items():
        was, now = (getattr(recipe, part).get("blend") for recipe in (old, new))
        if was != now:
            told = [None if one is None else f"{one['alpha']:.3g} towards {inner} {one[part].get(inner)}" for one in (was, now)]
            yield name, told[0], told[1]
    before, after = (f"{recipe.width}x{recipe.height}" if recipe.width and recipe.height else None for recipe in (old, new))
    if before != after:
        yield "size", before, after
    parts, parts_now = old.dtypes or {}, new.dtypes or {}
    one, other = set(parts.values()), set(parts_now.values())
    alike = len(one) == len(other) == 1 and parts.keys() == parts_now.keys()
    if alike and one != other:
        yield "dtype", one.pop(), other.pop()
    shown = ("call.width", "call.height", *(f"{part}.blend." for part, _ in BLENDS.values()), *(["dtypes."] if alike else []))
    yield from (change for change in differences(old, new) if not change[0].startswith(shown))


# -- two entries ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class EntryComparison:
    """How two entries differ.

    environments  None when one of them was never recorded
    same_image    whether the image digests are equal; None when one is not known
    drift         {max, psnr, ssim, phash} of the pictures; empty when one is not here, which `missing` says
    """

    entries: tuple[Entry, Entry]
    recipe: tuple[Change, ...]
    environments: Comparison | None
    same_image: bool | None
    drift: Mapping[str, float]
    pictures: tuple[Pixels, Pixels] | None
    missing: str | None = None

    @property
    def unsaid(self) -> tuple[str, ...]:
        """Fields of which one recipe says nothing, being that of an import or a pasted text: these are no differences."""
        one, other = (entry.recipe is not None and bool(entry.recipe.missing()) for entry in self.entries)
        return tuple(name for name, old, new in self.recipe if (one and old is None) or (other and new is None))


def compare(bank: Bank, a: int, b: int) -> EntryComparison:
    """Recipes, environments and pictures of two entries against each other."""
    from seedbank.environment import compare_environments

    one, other = bank.store.entries([a, b])
    environments = None
    if one.environment_digest and other.environment_digest:
        environments = compare_environments(
            *(bank.store.environment(digest) for digest in (one.environment_digest, other.environment_digest))
        )
    same = None if one.picture is None or other.picture is None else one.picture.digest == other.picture.digest
    drift: Mapping[str, float] = {}
    pictures, missing = None, None
    try:
        pictures = bank.pixels(one), bank.pixels(other)
    except SeedbankError as error:
        missing = error.message
    if pictures is not None:
        from seedbank import images

        drift = images.metrics(*pictures)
    changes = tuple(recipe_changes(one, other, adapter_names(bank, one, other)))
    return EntryComparison((one, other), changes, environments, same, drift, pictures, missing)


def sheet(found: EntryComparison) -> bytes:
    """A PNG file: both pictures and their difference, stretched. Raises what kept a picture from being read."""
    from seedbank import images
    from seedbank.errors import NotFound

    if found.pictures is None:
        raise NotFound(found.missing or "A picture is not here.", "Bring it back with: seedbank regen")
    labels = [f"{entry.id}" + ("" if entry.seed is None else f"  seed {entry.seed}") for entry in found.entries]
    return images.difference_sheet(*found.pictures, labels=(labels[0], labels[1]))
