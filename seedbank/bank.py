"""A bank is a store (rows) plus an image store (blobs): blob first, row second.

Everything that is recorded passes through here, so the order of writing is kept in one place: bytes are stored and
synced under their digest first, then one transaction inserts the rows that name them. A crash may leave a blob that
nothing names, never a row without its blob.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seedbank.environment import Environment
from seedbank.errors import BadInput, StorageError
from seedbank.frozen import replace
from seedbank.hashing import canonical_json
from seedbank.pipelines import cfg_of
from seedbank.readable import MOVED, PIXELS, Pixels, Readable, Stages, belongs, first_difference, from_anywhere
from seedbank.recipe import Recipe
from seedbank.records import TRACE_TYPE, Blob, Entry, Model, NewEntry, NewRegeneration, Picture, Regeneration
from seedbank.together import side_by_side

if TYPE_CHECKING:
    from seedbank.store.writing import Act

__all__ = ["MOVED", "PIXELS", "Bank", "Pixels", "Stages", "belongs", "first_difference", "now", "obstacles_of", "pixels_of"]


PNG_TYPE = "image/png"


class Bank(Readable):
    """One database plus one image store. Use `seedbank.open`, which adds rendering to what is here."""

    def require_writable(self) -> None:
        """Raises `StorageError` where nothing can be recorded, before work whose result could not be kept."""
        self.store.database.require_writable()
        self.blobs.require_own()

    def claim_images(self, *, share: bool = False) -> list[str]:
        """Make the image store this bank's, where its files are lost for good, or its mark; gives the banks that share it.

        With `share` also where it is another bank's: both then write there, and `gc` removes nothing for either. Raises
        `StorageError` for another's store without it.
        """
        from seedbank.blobs.mark import claim

        others = claim(self.blobs, self.owner, share=share)
        return [place or uid for uid, place in others.items()]

    def move_images(self, place: str | Path) -> int:
        """The image store lies at `place` from now on. Nothing is copied; gives how many of the bank's files are not there.

        Raises `BadInput` where there is no image store, `StorageError` where it is not this bank's; nothing changes then.
        """
        from seedbank.blobs import Blobs
        from seedbank.blobs.mark import objection

        self.store.database.require_writable()
        blobs = Blobs.open(from_anywhere(place))
        first = f"Copy or move the files there first, from {self.blobs.url}: this only says where they lie."
        if absence := blobs.absence():
            raise BadInput(f"The image store {blobs.url} is {absence}.", first)
        if (why := objection(blobs, self.owner)) is not None:
            raise StorageError(why.message, first)
        lost = set(self.owner.files()) - {file.name for file in blobs.list()}
        self.store.move_images(blobs.url)
        self._use(blobs)
        return len(lost)

    def put_image(
        self, pixels: Pixels, recipe: Recipe | None = None, model: Model | None = None, adapters: Sequence[Model] = ()
    ) -> tuple[Picture, Blob]:
        """Store the pixels as a PNG that carries its recipe; the image digest and the blob that holds them."""
        picture, data = _encoded(pixels, recipe, model, adapters)
        return picture, self.blobs.put(data, PNG_TYPE)

    def put_trace(self, stages: Stages) -> Blob:
        """Store the digests of the stages of one rendering, in order, as a packed blob."""
        return self.blobs.put(_packed(stages), TRACE_TYPE)

    def put_entry(
        self, pixels: Pixels | None, new: NewEntry, stages: Stages = (), tags: Sequence[str] = (), act: Act | None = None
    ) -> Entry:
        """Record one generation: the image and its trace as blobs first, then everything else in one transaction.

        `stages` are the trace of the rendering, whose last stage ``pixels`` is added where it is missing; `act` is what the
        user does with this and other entries in one go.
        """
        files: list[tuple[bytes, str]] = []
        if pixels is not None:
            picture, data = _encoded(pixels, new.recipe, new.model, new.adapters)
            new = replace(new, picture=picture)
            files.append((data, PNG_TYPE))
            if stages and stages[-1][0] != PIXELS:
                stages = (*stages, (PIXELS, picture.digest))
        if stages:
            files.append((_packed(stages), TRACE_TYPE))
        # Each waits for the disk, or for a server elsewhere.
        blobs = side_by_side([partial(self.blobs.put, *file) for file in files])
        if pixels is not None:
            new = replace(new, blob=blobs[0])
        if stages:
            new = replace(new, output=replace(new.output, trace=blobs[-1], trace_digest=blobs[-1].digest))
        return self.store.add_entry(replace(new, tags=_tags(tags)), act=act)

    def add(
        self,
        image: Any,
        recipe: Recipe | Mapping[str, Any] | None = None,
        *,
        environment: Environment | None = None,
        model: Model | None = None,
        tags: Sequence[str] = (),
        created: datetime | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> Entry:
        """Record an image that already exists: a path, bytes of a file, a Pillow image, or `Pixels`.

        A file is kept byte for byte. Without a whole recipe the entry cannot be regenerated; it says so.
        """
        from seedbank import images

        if recipe is not None and not isinstance(recipe, Recipe):
            recipe = Recipe.from_dict(recipe)
        new = NewEntry(
            recipe=recipe,
            environment=environment,
            model=model,
            origin="added",
            created=created,
            obstacles=obstacles_of(recipe),
            details=details or {},
        )
        if isinstance(image, Pixels):
            return self.put_entry(image, new, tags=tags)
        if isinstance(image, (str, Path, bytes)):
            data = image if isinstance(image, bytes) else _read_file(Path(image))
            decoded = images.read_image(data)
            picture = images.picture_of(decoded.mode, decoded.width, decoded.height, decoded.rows)
            blob = self.blobs.put(data, decoded.media_type)
            return self.store.add_entry(replace(new, picture=picture, blob=blob, tags=_tags(tags)))
        return self.put_entry(pixels_of(image), new, tags=tags)

    def add_regeneration(self, new: NewRegeneration, pixels: Pixels | None, stages: Stages = ()) -> Regeneration:
        """Record one attempt; `pixels` are kept when they are not those of the entry."""
        if pixels is not None:
            picture, blob = self.put_image(pixels)
            new = replace(new, picture=picture, blob=blob)
        if stages:
            trace = self.put_trace(stages)
            new = replace(new, output=replace(new.output, trace=trace, trace_digest=trace.digest))
        return self.store.add_regeneration(new)

    def bring_back(self, entry: Entry, pixels: Pixels) -> None:
        """Give an entry whose bytes were absent its image again; the pixels must have its image digest."""
        picture, blob = self.put_image(pixels, entry.recipe, entry.model)
        if entry.picture is None or picture.digest != entry.picture.digest:
            raise BadInput(f"This is not the image of entry {entry.id}: the image digests differ.")
        self.store.attach(entry.id, blob, picture)


def _encoded(pixels: Pixels, recipe: Recipe | None, model: Model | None, adapters: Sequence[Model]) -> tuple[Picture, bytes]:
    """The image digest of the pixels, and a PNG file of them that carries their recipe."""
    from seedbank import images
    from seedbank.formats import a1111

    text = {}
    if recipe is not None and recipe.prompt is not None:
        text["parameters"] = a1111.write_parameters(
            recipe,
            model_name=model.name if model else None,
            model_hash=model.short_hash if model else None,
            cfg=cfg_of(recipe.pipeline, recipe.call),
            loras=a1111.loras_of(recipe, {adapter.digest: adapter.name for adapter in adapters}),
        )
    return images.picture_and_png(pixels.mode, pixels.width, pixels.height, pixels.rows, recipe, text)


def _packed(stages: Stages) -> bytes:
    return canonical_json({"v": 1, "stages": [list(stage) for stage in stages]})


def _tags(tags: Sequence[str]) -> tuple[str, ...]:
    """The tags; a single text is one tag, not its letters."""
    return (tags,) if isinstance(tags, str) else tuple(tags)


def pixels_of(image: Any) -> Pixels:
    """The pixels of a Pillow image, as they are: no mode is converted."""
    try:
        return Pixels(image.mode, image.width, image.height, image.tobytes())
    except AttributeError:
        raise BadInput(f"A {type(image).__name__} is not an image.", "Give a path, bytes or a Pillow image.") from None


def obstacles_of(recipe: Recipe | None) -> tuple[str, ...]:
    """Why an entry with this recipe cannot be regenerated, one sentence each."""
    if recipe is None:
        return ("It was recorded without a recipe.",)
    if lacks := recipe.missing():
        return (f"Its recipe does not say: {', '.join(lacks)}.",)
    return ()


def now() -> datetime:
    """The time in UTC."""
    return datetime.now(UTC)


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from None
