"""An import as it can be rendered today: read again from its payloads, converted with the weights that are known now.

Nothing of this is stored with the entry, whose record stays what the file says. So an import becomes renderable when its
weights are added, and gets better when more of its tool's record can be followed.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from seedbank.bank import Bank
from seedbank.engine.hashes import CHECKPOINT, RememberedHashes, source_hashes
from seedbank.engine.manifest import read_model
from seedbank.engine.opening import find_recorded
from seedbank.engine.source import find_model
from seedbank.errors import Blocked, SeedbankError
from seedbank.formats.reading import ModelName, Reading
from seedbank.frozen import replace
from seedbank.importing.carried import without
from seedbank.importing.convert import Converted, convert
from seedbank.importing.entries import animation
from seedbank.importing.weights import MODEL, BankWeights, Match, Weights, hash_of, named_model, told_hashes
from seedbank.importing.whole import make_whole
from seedbank.keeping import half_sentence, is_foreign, is_here, is_kept, known_adapters
from seedbank.pipelines import FACTS
from seedbank.records import Entry, Model
from seedbank.regen.foreign import Translated

if TYPE_CHECKING:
    from seedbank.engine.process import Engine
    from seedbank.recipe import Recipe

ADD = "Add the folder that holds them: seedbank models add FOLDER."


def reading_of(bank: Bank, entry: Entry) -> Reading | None:
    """What the file of an import says, read again; None for an entry with a whole recipe, or none of another tool."""
    from seedbank.formats.detect import examine

    if not is_foreign(entry):
        return None
    found = examine(bank.store.imports.payloads(entry.id)).readings
    same = [one for one in found if one.tool == entry.details["tool"]]
    return next((one for one in same if one.place == entry.details.get("place")), same[0] if same else None)


class Translator:
    """Makes imports renderable; see `seedbank.regen.foreign.Translate`."""

    def __init__(self, bank: Bank) -> None:
        self._bank = bank
        self._weights = BankWeights(bank)

    def __call__(self, entry: Entry, place: str | None = None, other: bool = False) -> Translated | None:
        """`entry` as it can be tried; `place` is where its model lies, `other` allows another than the file names."""
        if (reading := reading_of(self._bank, entry)) is None:
            return None
        if place is not None and reading.recipe.model is None:
            reading = replace(reading, recipe=replace(reading.recipe, model=ModelName("no model")))
        weights: Weights = self._weights
        obstacles: tuple[str, ...] = ()
        try:
            weights = self._weights if place is None else GivenModel(self._weights, self._bank, place, other)
            converted = convert(reading, weights)
        except SeedbankError as error:
            obstacles, converted = (error.message,), convert(reading, self._weights)
        missing = tuple(missing_parts(self._bank, converted)) if not obstacles else ()
        tried = replace(entry, recipe=sized(converted.recipe, entry), model=converted.model)
        frames = animation(int(entry.output.flags.get("frames", 1)))
        obstacles = (*obstacles, *converted.obstacles, *frames, *missing, *_size_obstacles(tried))
        given = weights if isinstance(weights, GivenModel) and weights.departs else None
        if given is not None and tried.model is not None:
            # What the file names stays what is recorded, so that the attempt is an experiment with other weights.
            tried = replace(tried, model=replace(given.named, config=tried.model.config))
        return Translated(
            entry=tried,
            tool=told_tool(reading),
            lossy=bool(entry.output.flags.get("lossy")),
            whole=partial(_whole, converted, tried.recipe),
            known={model.digest: model for model in converted.adapters},
            obstacles=obstacles,
            hint=ADD if missing else "",
            remarks=(*converted.remarks, *_size_remarks(converted.recipe, tried.recipe)),
            place=place if given is not None else None,
        )

    def to_vary(self, entry: Entry, place: str | None = None) -> Translated | None:
        """As a call, for other pictures in the manner of `entry`: what its tool did to the picture beside rendering it is
        left out and said, and the model at `place` need not be the one that the file names."""
        if (translated := self(entry, place, other=True)) is None:
            return None
        reading = reading_of(self._bank, entry)
        assert reading is not None
        left_out = without(reading.recipe)
        allowed = {*left_out, *_another_size(translated.entry)}
        return replace(
            translated,
            obstacles=tuple(sentence for sentence in translated.obstacles if sentence not in allowed),
            remarks=(*translated.remarks, *(left_out[one] for one in translated.obstacles if one in left_out)),
        )


class GivenModel:
    """The weights of a bank, with the model at a place that the user names instead of the one that matches."""

    def __init__(self, weights: Weights, bank: Bank, place: str, other: bool) -> None:
        self._weights = weights
        self._other = other
        config = next((model.config for model in bank.store.models() if model.source == place and model.config), None)
        source = find_model(place, config=config, offline=True)
        self._model = read_model(source)
        self._hashes = source_hashes(source, RememberedHashes())
        self.departs = False
        """Whether the file names another model than the one that was given."""
        self.named = self._model
        """What the file names, as a model without files; known once it was asked for."""

    def find(self, kind: str, name: str | None, hash: str | None) -> Match | None:
        """As `Weights.find`. Raises `Blocked` when the file's hash says that it is another model."""
        if kind != MODEL:
            return self._weights.find(kind, name, hash)
        self.named = named_model(kind, name, hash)
        asked = [(one, digits) for one, digits in hash_of(kind, hash) if one in self._hashes]
        if not asked:
            called = f"the file calls it {name or hash}, with no hash to compare"
            return Match(self._model, f"The model is the one that you named: {called}.")
        if not any(self._hashes[one].startswith(digits) for one, digits in asked):
            if not self._other:
                said = f"{self._model.name} is not the model that the file names: {name or 'unnamed'} {hash}."
                raise Blocked(said, "Name the right one, or try --allow-other-weights.")
            self.departs = True
        return Match(self._model)


def missing_parts(bank: Bank, converted: Converted) -> Iterator[str]:
    """One sentence for each part that the file names and that is not here."""
    if converted.model is None:
        yield "The file names no model; name one with --model."
    for kind, model in named_parts(converted):
        if not model.files:
            known = "; ".join(told_hashes(model.hashes))
            yield f"The {kind} {model.name}{f' ({known})' if known else ''} is not among the weights that this bank knows."
        elif kind == MODEL and model.pipeline == CHECKPOINT:
            yield half_sentence(model)
        elif kind == MODEL and model.pipeline not in FACTS:
            yield f"The model {model.name} has the pipeline class {model.pipeline!r}, which seedbank does not load."
        elif not is_here(model) and not is_kept(bank, model):
            yield f"The {kind} {model.name} is not where it was last seen, {model.source}, and not kept."


def named_parts(converted: Converted) -> Iterator[tuple[str, Model]]:
    """(kind, weights) of everything that the file names."""
    if converted.model is not None:
        yield MODEL, converted.model
    items = converted.recipe.adapters if converted.recipe is not None else ()
    yield from ((str(item["kind"]), model) for item, model in zip(items, converted.adapters, strict=True))


def sized(recipe: Recipe | None, entry: Entry) -> Recipe | None:
    """The recipe with the size of the picture where the file says none."""
    picture = entry.picture
    if recipe is None or recipe.width is not None or recipe.height is not None or picture is None or picture.width is None:
        return recipe
    return replace(recipe, call={**recipe.call, "width": picture.width, "height": picture.height})


def _size_obstacles(entry: Entry) -> Iterator[str]:
    if entry.recipe is None:
        yield "The file holds no recipe."
    elif entry.recipe.width is None or entry.recipe.height is None:
        yield "The file does not say the size."
    else:
        yield from _another_size(entry)


def _another_size(entry: Entry) -> Iterator[str]:
    recipe, picture = entry.recipe, entry.picture
    if recipe is None or recipe.width is None or picture is None or picture.width is None:
        return
    if (recipe.width, recipe.height) != (picture.width, picture.height):
        yield (
            f"Its record makes {recipe.width}x{recipe.height} and the picture is {picture.width}x{picture.height}: "
            "it was enlarged, cropped or put together afterwards."
        )


def _size_remarks(said: Recipe | None, used: Recipe | None) -> Iterator[str]:
    if said is not None and used is not None and said.width is None and used.width is not None:
        yield f"The file does not say the size; that of the picture is used, {used.width}x{used.height}."


def told_tool(reading: Reading) -> str:
    """The tool and its version, for people."""
    version = reading.recipe.extras.get("version")
    if not isinstance(version, str) or len(version) > 40 or not any(letter.isdigit() for letter in version):
        return reading.tool  # some write their own name there
    return version if version.casefold().startswith(reading.tool.casefold()) else f"{reading.tool} {version}"


def _whole(converted: Converted, recipe: Recipe | None, engine: Engine) -> tuple[Recipe, tuple[str, ...]]:
    assert converted.model is not None and recipe is not None
    try:
        source = find_recorded(converted.model)
    except Blocked:
        source = None
    return make_whole(recipe, converted, engine, source)


# -- what is there ----------------------------------------------------------------------------------------------------

Part = tuple[str, bool, str]
"""(what it is, whether it is here, where; or what it is known by)"""


def check_parts(bank: Bank, entry: Entry) -> list[Part]:
    """What a regeneration of the entry needs, and whether it is here, before anything is read whole or rendered."""
    if (reading := reading_of(bank, entry)) is not None:
        needed = list(named_parts(convert(reading, BankWeights(bank))))
    else:
        needed = list(_recorded_parts(bank, entry))
    parts = [_part(bank, kind, model, reading is None) for kind, model in needed]
    for item in entry.recipe.inputs if entry.recipe is not None else ():
        here = bank.blobs.has(item["digest"])
        parts.append((f"input {item['role']}", here, "kept" if here else f"missing, sha256 {item['digest']}"))
    return parts


def _recorded_parts(bank: Bank, entry: Entry) -> Iterator[tuple[str, Model]]:
    if entry.model is not None:
        yield MODEL, entry.model
    known = known_adapters(bank, entry.recipe)
    for item in entry.recipe.adapters if entry.recipe is not None else ():
        yield str(item["kind"]), known.get(item["digest"]) or Model(item["digest"], item["digest"][:12])


def _part(bank: Bank, kind: str, model: Model, recorded: bool) -> Part:
    """`recorded`: its digest is one of content; that of a model which a file only names is not."""
    what = f"{kind} {model.name}"
    if model.files and is_here(model):
        return what, True, str(model.source)
    if is_kept(bank, model):
        return what, True, "kept"
    single = [item.sha256 for item in model.files if len(model.files) == 1]
    hashes = told_hashes(model.hashes) or [f"sha256 {one}" for one in single]
    return (
        what,
        False,
        ", ".join(["missing", *(hashes or [f"digest {model.digest}" if model.files or recorded else "no hash known"])]),
    )
