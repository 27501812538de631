"""The demo: a small bank on the embedded model, made, tagged, varied and rebuilt before your eyes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from seedbank.progress import QUIET, Progress
from seedbank.records import Entry

if TYPE_CHECKING:
    from seedbank.api import Library
    from seedbank.regen import Outcome

FIRST_SEED = 1024
SCENES = (
    ("a red circle on a blue background", ("poster",)),
    ("a yellow star in the night sky", ("night",)),
    ("一只橘色的星星在夜空", ("night", "poster")),
    ("a white flower in a meadow", ("nature",)),
    ("a purple heart on a pink background", ("poster",)),
    ("a small red house in a meadow", ("nature",)),
    ("大海上的红色月亮", ("night",)),
    ("a cyan ring on an orange background", ()),
)
VARIED = ("a red heart on a blue background", "a yellow heart on a blue background", "a white heart on a blue background",
          "a green heart on a blue background")  # fmt: skip
VARIED_SEED = 7776
FAVOURITES = (2, 3)

Say = Callable[[str], None]


@dataclass(frozen=True)
class Shown:
    """What the demo made: the entries, the attempts to rebuild them, and the sheet that shows them."""

    entries: tuple[Entry, ...]
    outcomes: tuple[Outcome, ...]
    sheet: Path


def run(bank: Library, folder: Path, say: Say, progress: Progress = QUIET, model: str = "embedded") -> Shown:
    """Record twelve pictures, vary one prompt at a fixed seed, rebuild all, and write a contact sheet into `folder`."""
    entries = list(_record(bank, say, progress, model))
    ids = [entry.id for entry in entries]
    bank.favourite([ids[number] for number in FAVOURITES])
    say(f"rebuilding all {len(ids)} in a new process, from their records alone, and comparing every pixel")
    outcomes = bank.regen(ids, progress=progress)
    sheet = folder / "contact-sheet.png"
    sheet.write_bytes(_sheet(bank, bank.store.entries(ids)))
    return Shown(tuple(entries), tuple(outcomes), sheet)


def _record(bank: Library, say: Say, progress: Progress, model: str) -> Iterator[Entry]:
    say(f"rendering and recording {len(SCENES)} pictures: {len(SCENES)} prompts, each with its own seed")
    for number, (prompt, tags) in enumerate(SCENES):
        yield from bank.generating(prompt, seed=FIRST_SEED + number, tags=tags, model=model, progress=progress)
    say(f"rendering and recording {len(VARIED)} more: one prompt at the same seed {VARIED_SEED}, with another colour each time")
    parent = None
    for prompt in VARIED:
        (entry,) = bank.generate(prompt, seed=VARIED_SEED, tags=["variation"], model=model, variant_of=parent)
        parent = parent or entry.id
        yield entry


def _sheet(bank: Library, entries: list[Entry]) -> bytes:
    from seedbank.images import Cell, contact_sheet

    cells = [
        Cell(
            bank.pixels(entry),
            f"{entry.id}{' ★' if entry.favourite else ''}  seed {entry.seed}  {entry.verdict}\n{entry.prompt}",
        )
        for entry in entries
    ]
    return contact_sheet(cells, columns=4, title="seedbank demo")
