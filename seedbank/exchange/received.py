"""A recipe that came as text, as a bank records it: an entry without bytes, whose image is not here yet.

The image digest that travelled with it is what a regeneration must meet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from seedbank.bank import obstacles_of
from seedbank.engine.manifest import read_model
from seedbank.engine.source import find_model
from seedbank.environment import Environment
from seedbank.errors import BadInput, NotFound, SeedbankError
from seedbank.exchange.texts import is_name
from seedbank.formats.reading import Reading
from seedbank.formats.stamp import Stamp
from seedbank.frozen import replace
from seedbank.importing.weights import MODEL, is_named, named_model
from seedbank.pipelines import FACTS
from seedbank.recipe import Recipe
from seedbank.records import Entry, Model, NewEntry, Picture
from seedbank.store.opinions import checked_tags
from seedbank.store.writing import RECEIVE, Act
from seedbank.worker.adapters import LORA

if TYPE_CHECKING:
    from seedbank.bank import Bank


@dataclass(frozen=True)
class Received:
    """A recipe that came as text.

    form      one of `seedbank.exchange.texts.FORMS`, or the tool whose text it is
    text      word for word
    reading   what its words say
    stamp     the digests that travelled with it, None where it has none
    recipe    the recipe as far as the text carries it
    trusted   whether this is the recipe of the stamp, so that the image digest that travelled is that of its image
    remarks   what the user should know, one sentence each
    """

    form: str
    text: str
    reading: Reading
    stamp: Stamp | None
    recipe: Recipe
    trusted: bool = False
    remarks: tuple[str, ...] = ()
    obstacles: tuple[str, ...] = ()
    """Why its recipe cannot be rendered, of a text that another tool wrote."""
    profile: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    picture: Picture | None = None
    """What the text says of the picture beside its digest."""
    model: Model | None = None
    adapters: tuple[Model, ...] = ()
    """What the text says of the files of the model and the adapters, where it says more than names."""

    @property
    def model_name(self) -> str | None:
        """What the text calls the model."""
        return self.reading.recipe.model.name if self.reading.recipe.model is not None else None

    def new_entry(self, bank: Bank) -> NewEntry:
        """What `bank` records of it: the recipe and the image digest, without bytes."""
        obstacles = self.obstacles or obstacles_of(self.recipe)
        if self.recipe.pipeline is not None and self.recipe.pipeline not in FACTS:
            obstacles = (*obstacles, f"The pipeline class {self.recipe.pipeline!r} is not one that seedbank loads.")
        told = {
            "form": self.form,
            "text": self.text,
            "model": self.model_name,
            "versions": dict(self.versions),
            "stamp": {name: value for name, value in vars(self.stamp).items() if name != "rest"} if self.stamp else None,
            "remarks": list(self.remarks),
        }
        return NewEntry(
            recipe=self.recipe,
            environment=Environment({"profile": self.profile}) if self.profile else None,
            model=self._model(bank),
            picture=self._picture(),
            origin="received",
            obstacles=obstacles,
            details={"received": {name: value for name, value in told.items() if value}},
            adapters=self._adapters(bank),
        )

    def _picture(self) -> Picture | None:
        if not self.trusted or self.stamp is None or self.stamp.image is None:
            return None
        return self.picture or Picture(self.stamp.image, None, self.recipe.width, self.recipe.height)

    def _model(self, bank: Bank) -> Model | None:
        """The model as the bank knows it, as it lies on this machine, or by the name that the text gives it."""
        if (digest := self.recipe.model) is None:
            if self.model is not None and is_named(MODEL, self.model):
                return replace(self.model, source=None)
            said = self.reading.recipe.model
            return None if said is None else named_model(MODEL, said.name, said.hash)
        named = self.model if self.model is not None else Model(digest, self.model_name or digest[:12])
        return _known(bank, named, packaged=True)

    def _adapters(self, bank: Bank) -> tuple[Model, ...]:
        given = {model.digest: model for model in self.adapters}
        names = iter(lora.name for lora in self.reading.recipe.loras)
        found = []
        for item in self.recipe.adapters:
            name = next(names, None) if item["kind"] == LORA else None
            named = Model(item["digest"], name or item["digest"][:12], pipeline=item["kind"])
            found.append(_known(bank, given.get(item["digest"], named)))
        return tuple(found)


def _known(bank: Bank, named: Model, packaged: bool = False) -> Model:
    """What the bank knows of a model where it knows more than its name; else what a text says of it."""
    try:
        known = bank.store.model(named.digest)
        if known.files:
            return known
    except NotFound:
        pass
    spec = named.source or named.name
    if packaged and spec.startswith("embedded@"):
        spec = spec.removesuffix(".safetensors")  # as a ComfyUI prompt calls it
        try:
            present = read_model(find_model(spec, offline=True))
            if present.digest == named.digest:
                return present
        except SeedbankError:
            pass  # this version has another one, or it is not built yet; a regeneration looks again
    return replace(named, source=spec if packaged and is_name(spec) else None)


def accept(bank: Bank, received: Received, tags: Sequence[str] = ()) -> tuple[Entry, bool]:
    """(the entry of a received recipe, whether it is new): the same recipe with the same image is recorded once.

    Tags hang on images, so they are given where an image digest is known.
    """
    tags = checked_tags(tags)
    digest = received.recipe.digest
    new = received.new_entry(bank)
    if tags and new.picture is None:
        raise BadInput("Tags hang on images, and no image digest came with this text.", "Import it without --tag.")
    try:
        known = bank.store.entries(bank.resolve(digest))
    except NotFound:
        known = []
    wanted = new.picture.digest if new.picture is not None else None
    for entry in known:
        if entry.recipe_digest == digest and wanted in (None, entry.picture.digest if entry.picture else None):
            if tags:
                bank.store.tag([entry.id], tags)
            return entry, False
    return bank.store.add_entry(replace(new, tags=tags), act=Act(RECEIVE)), True
