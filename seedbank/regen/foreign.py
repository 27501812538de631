"""Entries that another tool made: what is rendered in their place, and how that is judged and told.

Another engine made the picture, so what diffusers renders is an attempt to come close. It is `exact` only when the image
digests are equal, as for every entry; of a lossy file no rendering can be, and it is said that this cannot be judged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from seedbank.records import CLOSE, EXACT, UNSTABLE, Entry, Model
from seedbank.regen.judge import Judgement, Tolerance

if TYPE_CHECKING:
    from seedbank.bank import Pixels
    from seedbank.engine.process import Engine
    from seedbank.recipe import Recipe

LOSSY = Tolerance(max=None, psnr=30.0, phash=6)
"""What is `close` to a lossy file where no tolerance is asked for: its own loss is about as large at quality 75 to 95."""


@dataclass(frozen=True)
class Translated:
    """An entry of another tool as it can be tried today.

    entry      with the recipe and the model as they are matched today; the stored one stays as it is
    tool       which tool made it
    lossy      whether its file holds other pixels than the tool made
    known      {digest: model} of the recipe's adapters
    obstacles  why it cannot be tried, one sentence each; `hint` is what could be done about it
    remarks    what is followed only nearly, one sentence each
    place      where other weights lie than the file names, for an experiment
    whole      the recipe made whole on an engine with the model loaded, and remarks on how
    """

    entry: Entry
    tool: str
    lossy: bool
    whole: Callable[[Engine], tuple[Recipe, tuple[str, ...]]]
    known: Mapping[str, Model] = field(default_factory=dict)
    obstacles: tuple[str, ...] = ()
    hint: str = ""
    remarks: tuple[str, ...] = ()
    place: str | None = None

    @property
    def evidence(self) -> dict[str, Any]:
        """What is kept with an attempt, and shown beside its verdict."""
        return {"tool": self.tool, "lossy": self.lossy, "remarks": list(self.remarks)}


Translate = Callable[[Entry, str | None, bool], Translated | None]
"""An entry of another tool as it can be tried: (entry, where its weights lie, whether they may be others). None: it is ours."""


def tolerance_for(translated: Translated | None, asked: Tolerance) -> Tolerance:
    """What is close to the picture: for a lossy one `LOSSY` where nothing else is asked for."""
    return LOSSY if translated is not None and translated.lossy and asked == Tolerance() else asked


def comparable(pixels: Pixels | None) -> Pixels | None:
    """The pixels as RGB, as a rendering is: transparency, in which some tools hide text, is left out."""
    if pixels is None or pixels.mode != "RGBA":
        return pixels
    from seedbank.images.compare import samples

    rows = samples(pixels)[:, :, :3].astype("uint8").tobytes()
    return type(pixels)("RGB", pixels.width, pixels.height, rows)


def line(judgement: Judgement, translated: Translated, experiment: tuple[str, ...] = ()) -> str:
    """The sentence that people read."""
    tool, drift = translated.tool, judgement.drift
    said = f" (experiment: {', '.join(experiment)})" if experiment else ""
    lossy = "; the original is lossy, so exact cannot be judged" if translated.lossy else ""
    if judgement.verdict == EXACT:
        return f"exact: made by {tool}, and diffusers renders the same image{said}"
    if judgement.verdict == UNSTABLE:
        return f"unstable: two renderings here disagree with each other; made by {tool}{lossy}{said}"
    how = f" (PSNR {drift['psnr']:.1f} dB, {drift['phash']:.0f} of 64 bits of the perceptual hash differ)" if drift else ""
    head = "close to" if judgement.verdict == CLOSE else "different from"
    return f"{head} the picture that {tool} made, an attempt of another engine{how}{lossy}{said}"
