"""Render an entry in the tool that made it, on the user's own running server, and judge what comes back.

The stored graph or parameters go there unchanged; what the server says of itself is the environment; the pixels are judged
as those of any regeneration. An attempt like this is no experiment: the same engine renders the same record.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from seedbank import images
from seedbank.bank import Bank, Pixels
from seedbank.environment import Environment
from seedbank.errors import BadInput, Blocked, NotFound, RenderFailed, SeedbankError
from seedbank.exchange.via.comfyui import ComfyUI
from seedbank.exchange.via.webui import WebUI
from seedbank.frozen import replace
from seedbank.hashing import pixel_digest
from seedbank.progress import QUIET, Progress
from seedbank.records import BLOCKED, CLOSE, EXACT, FAILED, UNSTABLE, Entry, NewRegeneration, Output
from seedbank.regen.attempt import is_gone, purged
from seedbank.regen.foreign import LOSSY, comparable
from seedbank.regen.judge import Judgement, Tolerance, judge
from seedbank.regen.service import Outcome

SECONDS = 1800.0
"""How long one picture may take."""
TOOLS: dict[str, Callable[[str, float], ComfyUI | WebUI]] = {"comfyui": ComfyUI, "a1111": WebUI, "forge": WebUI}


@dataclass(frozen=True)
class Via:
    """Which tool renders, and where: `comfyui=http://127.0.0.1:8188`."""

    name: str
    url: str
    seconds: float = SECONDS

    @classmethod
    def parse(cls, text: str) -> Via:
        """`TOOL=URL`. Raises `BadInput`."""
        name, _, url = text.partition("=")
        if name not in TOOLS or not url:
            raise BadInput(f"{text!r} names no tool and its URL.", f"Use one of {', '.join(TOOLS)}: comfyui=http://host:8188.")
        via = cls(name, url)
        via.open()
        return via

    def open(self) -> ComfyUI | WebUI:
        """The server; nothing is asked of it yet."""
        return TOOLS[self.name](self.url, self.seconds)


def regenerate_via(
    bank: Bank, ids: Sequence[int], via: Via, tolerance: Tolerance | None = None, progress: Progress = QUIET
) -> Iterator[Outcome]:
    """Render the entries in the tool and yield each attempt as soon as it is stored.

    Raises `Blocked` when the server does not answer at all: that says nothing of the entries. Raises `NotFound` at the end for
    entries that somebody purged meanwhile.
    """
    tool = via.open()
    environment = tool.environment()
    gone: list[int] = []
    with progress.task("regen", total=len(ids)) as task:
        for entry in bank.store.entries(ids):
            since = time.monotonic()
            try:
                new, kept = _attempt(bank, entry, tool, environment, tolerance or Tolerance())
            except (Blocked, BadInput, NotFound) as error:  # not found: it was purged, which is said when it is stored
                new, kept = _not_rendered(entry, BLOCKED, error, environment), None
            except RenderFailed as error:
                new, kept = _not_rendered(entry, FAILED, error, environment), None
            seconds = time.monotonic() - since
            evidence = {"via": via.name, "server": tool.server.place}
            new = replace(new, output=Output(seconds={"total": seconds}), evidence=evidence)
            task.advance()
            try:
                regeneration = bank.add_regeneration(new, kept)
            except NotFound:
                if not is_gone(bank, entry.id):
                    raise
                gone.append(entry.id)
                continue
            yield Outcome(entry, regeneration, seconds)
    if gone:
        raise purged(gone)


def _not_rendered(entry: Entry, verdict: str, error: SeedbankError, environment: Environment) -> NewRegeneration:
    explanation = {"line": f"{verdict}: {error.message}", "hint": error.hint}
    return NewRegeneration(entry=entry.id, verdict=verdict, environment=environment, explanation=explanation)


def _attempt(
    bank: Bank, entry: Entry, tool: ComfyUI | WebUI, environment: Environment, tolerance: Tolerance
) -> tuple[NewRegeneration, Pixels | None]:
    """The attempt, and the pixels to keep with it when they are others."""
    if entry.picture is None:
        raise Blocked(f"Entry {entry.id} has no image digest to compare with.")
    asked: Any = _graph(bank, entry) if isinstance(tool, ComfyUI) else _parameters(bank, entry)
    lossy = bool(entry.output.flags.get("lossy"))
    recorded = bank.recorded_pixels(entry)
    tolerance = LOSSY if lossy and tolerance == Tolerance() else tolerance
    shown, judgement = _best(entry, recorded, [_pixels(data) for data in tool.render(asked)], tolerance)
    if judgement.verdict != EXACT:
        again, _ = _best(entry, recorded, [_pixels(data) for data in tool.render(asked)], tolerance)
        if digest_of(again) != digest_of(shown):
            judgement = replace(judgement, verdict=UNSTABLE)
    new = NewRegeneration(
        entry=entry.id,
        verdict=judgement.verdict,
        environment=environment,
        trace=judgement.trace,
        drift=judgement.drift,
        explanation={"line": _line(judgement, tool, lossy)},
    )
    if judgement.verdict == EXACT:
        if not bank.has_whole_image(entry):
            bank.bring_back(entry, shown)
        return new, None
    return new, shown


def _best(entry: Entry, recorded: Pixels | None, found: list[Pixels], tolerance: Tolerance) -> tuple[Pixels, Judgement]:
    """Of the pictures that a graph gave, the one that is the entry's, else the nearest, else the first."""
    assert entry.picture is not None
    judged = []
    for pixels in found:
        other = comparable(pixels) if recorded is not None and recorded.mode == "RGB" else pixels
        assert other is not None
        judged.append((other, judge(entry.picture.digest, digest_of(other), recorded, other, ((), ()), tolerance)))
    return min(judged, key=lambda one: (one[1].verdict != EXACT, one[1].verdict != CLOSE, -one[1].drift.get("psnr", -1.0)))


def digest_of(pixels: Pixels) -> str:
    """The image digest."""
    return pixel_digest(pixels.mode, pixels.width, pixels.height, pixels.rows)


def _pixels(data: bytes) -> Pixels:
    try:
        read = images.read_image(data)
    except BadInput as error:
        raise RenderFailed(f"What the server answered is no picture: {error.message}") from None
    return Pixels(read.mode, read.width, read.height, read.rows)


def _graph(bank: Bank, entry: Entry) -> dict[str, Any]:
    """The executed graph of the entry's file. Raises `Blocked`."""
    from seedbank.formats.comfyui.payloads import find

    found = find(bank.store.imports.payloads(entry.id))
    if found is None or found.prompt is None:
        raise Blocked(f"Entry {entry.id} has no graph that ComfyUI executed.", "Only what came from its pictures can go back.")
    return found.prompt


def _parameters(bank: Bank, entry: Entry) -> str:
    """The parameters of the entry's file, word for word. Raises `Blocked`."""
    from seedbank.formats import a1111

    payloads = bank.store.imports.payloads(entry.id)
    reading = a1111.read(payloads)
    if reading is None:
        raise Blocked(f"Entry {entry.id} has no parameters of A1111.", "Only what came from its pictures can go back.")
    return next(payload.text for payload in payloads if payload.place == reading.place)


def _line(judgement: Judgement, tool: ComfyUI | WebUI, lossy: bool) -> str:
    drift = judgement.drift
    how = f" (at most {drift['max']:.0f} of 255, PSNR {drift['psnr']:.1f} dB)" if drift else ""
    judged = "; the original is lossy, so exact cannot be judged" if lossy and judgement.verdict != EXACT else ""
    if judgement.verdict == EXACT:
        return f"exact: {tool.tool} renders the same image today"
    if judgement.verdict == UNSTABLE:
        return f"unstable: two renderings in {tool.tool} disagree with each other{judged}"
    word = "close to" if judgement.verdict == CLOSE else "different from"
    return f"{word} the recorded picture: what {tool.tool} renders today{how}{judged}"
