"""Compare: entries against the first of them, as numbers, as pictures, and by the stages at which their traces part.

Where two traces are equal nothing that was changed has reached; where they part is what the change decides. Two seeds with
one prompt part at the noise, and the text encoding is the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seedbank.bank import Stages, first_difference
from seedbank.errors import BadInput, SeedbankError
from seedbank.explore.sheets import became
from seedbank.lineage import Change, adapter_names, recipe_changes
from seedbank.records import Entry
from seedbank.regen.stages import kind

if TYPE_CHECKING:
    from seedbank.bank import Bank
    from seedbank.images.codec import Pixels
    from seedbank.images.flip import Flip

MOST = 100
LINES = 3
"""How many changes of a recipe are named below its picture."""
FLICKER = 500
"""Milliseconds for which each picture is shown when they alternate."""
PARTS = {
    "input": "input pictures",
    "prompt": "text encoding",
    "encoded": "encoding of the input picture",
    "noise": "initial noise",
    "step": "denoising",
    "vae.in": "denoising",
    "vae.out": "VAE decoding",
    "pixels": "pixels",
}
"""{kind of a stage: the part of a rendering in words}"""


@dataclass(frozen=True)
class Traced:
    """Two traces against each other: the parts of a rendering that are the same and that differ, and the first such stage."""

    same: tuple[str, ...]
    differs: tuple[str, ...]
    first: str | None


@dataclass(frozen=True)
class Compared:
    """One entry against the reference.

    changes  what differs between the recipes: (word, the reference's, this one's)
    traced   None when one of them has no trace
    drift    {max, psnr, ssim, phash} of the pictures, see `seedbank.images.metrics`
    scaled   the size of its picture, when it was scaled to that of the reference
    alike    whether the two pictures have the same proportions; else no number but the hash's means anything
    """

    entry: Entry
    same_image: bool
    changes: tuple[Change, ...]
    traced: Traced | None
    drift: Mapping[str, float]
    scaled: tuple[int, int] | None
    alike: bool = True


@dataclass(frozen=True)
class Comparison:
    """The first entry as the reference, the others against it, and all their pictures as RGB in the reference's size.

    A picture of other proportions stands between bars.
    """

    reference: Entry
    others: tuple[Compared, ...]
    pictures: tuple[Pixels, ...]

    def sheet(self, difference: bool = False) -> bytes:
        """A PNG file: the pictures side by side, and below them, on request, how each differs from the first, stretched."""
        from seedbank.images.sheets import BACKGROUND, RGB, Cell, contact_sheet, difference_cell

        labels = [_label(self.reference), *(_label(other.entry, other.changes) for other in self.others)]
        cells = [Cell(picture, label) for picture, label in zip(self.pictures, labels, strict=True)]
        if difference:
            cells.append(Cell(RGB(1, 1, bytes(BACKGROUND))))  # nothing stands below the reference
            cells += [difference_cell(self.pictures[0], picture) for picture in self.pictures[1:]]
        return contact_sheet(cells, columns=len(self.pictures))

    def flicker(self) -> bytes:
        """An animated WebP file in which the pictures alternate: what moves is what differs."""
        from seedbank.images.film import animation

        return animation(self.pictures, [FLICKER] * len(self.pictures))

    def flips(self) -> list[Flip]:
        """FLIP of each other picture against the first. Raises `MissingEngine` without the extra, `BadInput` where the
        proportions differ."""
        from seedbank.images.flip import flip

        if (other := next((one for one in self.others if not one.alike), None)) is not None and other.scaled is not None:
            shape = "x".join(map(str, other.scaled))
            raise BadInput(
                f"FLIP needs pictures of the same proportions; that of entry {other.entry.id} is {shape}.", "Leave it out."
            )
        return [flip(self.pictures[0], picture) for picture in self.pictures[1:]]

    def flip_sheet(self, flips: Sequence[Flip]) -> bytes:
        """A PNG file: the reference, and the heat map of each other picture against it."""
        from seedbank.images.sheets import Cell, contact_sheet

        heats = [
            Cell(one.heat, f"{_label(other.entry)}\nFLIP {one.mean:.3f}") for one, other in zip(flips, self.others, strict=True)
        ]
        return contact_sheet([Cell(self.pictures[0], _label(self.reference)), *heats], columns=len(self.pictures))


def compare_entries(bank: Bank, ids: Sequence[int]) -> Comparison:
    """The entries against the first. Raises `BadInput` for fewer than two, `NotFound` where a picture is not here."""
    from seedbank import images
    from seedbank.images.sheets import alike, rgb

    if len(ids) < 2:
        raise BadInput("A comparison needs two entries or more.", "Name them, such as: seedbank compare 17 18 19")
    if len(ids) > MOST:
        raise BadInput(f"{len(ids)} entries are too many to be compared.", f"Name at most {MOST}.")
    entries = bank.store.entries(ids)
    pixels = [bank.pixels(entry) for entry in entries]
    reference, size = entries[0], (pixels[0].width, pixels[0].height)
    pictures = [rgb(one, size) for one in pixels]
    trace = _trace(bank, reference)
    names = adapter_names(bank, *entries)
    others = []
    for entry, own, picture in zip(entries[1:], pixels[1:], pictures[1:], strict=True):
        as_they_are = (own.mode, own.width, own.height) == (pixels[0].mode, *size)
        comparable = alike((own.width, own.height), size)
        drift = images.metrics(pixels[0], own) if as_they_are or not comparable else images.metrics(pictures[0], picture)
        others.append(
            Compared(
                entry,
                same_image=_digest(entry) is not None and _digest(entry) == _digest(reference),
                changes=tuple(recipe_changes(reference, entry, names)),
                traced=compare_stages(trace, _trace(bank, entry)),
                drift=drift,
                scaled=None if (own.width, own.height) == size else (own.width, own.height),
                alike=comparable,
            )
        )
    return Comparison(reference, tuple(others), tuple(pictures))


def compare_stages(one: Stages, other: Stages) -> Traced | None:
    """What two traces have in common, part by part of a rendering; None when one of them is empty."""
    if not one or not other:
        return None
    parts: dict[str, tuple[list[tuple[str, str]], ...]] = {}
    for which, trace in enumerate((one, other)):
        for stage in trace:
            parts.setdefault(PARTS.get(kind(stage[0]), stage[0]), ([], []))[which].append(stage)
    same = tuple(name for name, (ours, theirs) in parts.items() if ours == theirs)
    return Traced(same, tuple(name for name in parts if name not in same), first_difference(one, other))


def _digest(entry: Entry) -> str | None:
    return None if entry.picture is None else entry.picture.digest


def _trace(bank: Bank, entry: Entry) -> Stages:
    """The recorded stages; none when their blob is missing or damaged, which `check` reports."""
    try:
        return bank.trace_of(entry.output)
    except SeedbankError:
        return ()


def _label(entry: Entry, changes: Sequence[Change] = ()) -> str:
    """What stands below a picture: the entry, and what of its recipe was changed, a line each."""
    seed = "" if entry.seed is None else f"  seed {entry.seed}"
    changed = [became(change, entry) for change in changes if change[0] != "seed"]
    return "\n".join([f"{entry.id}{seed}", *(" ".join(one.split()) for one in changed[:LINES])])
