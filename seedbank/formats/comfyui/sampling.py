"""What one sampler says: seed, steps, CFG, sampler and schedule, and the links to what it was given."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from seedbank.formats.comfyui.graph import MAX_HOPS, Link, Node
from seedbank.formats.comfyui.roles import has, is_pipe, names
from seedbank.formats.comfyui.scalars import MAX_SEED, as_integer, as_number
from seedbank.formats.comfyui.values import Values
from seedbank.formats.reading import CERTAIN, GUESSED, LIKELY

_PLAIN = re.compile(r"^(CFGGuider|BasicGuider|KSamplerSelect)$|provider|select", re.I)
_OFF = ("disable", "disabled", False, "false")


@dataclass(frozen=True)
class Pass:
    """One run of a sampler.

    seed        None where noise is not added or the file holds none
    scheduler   the name of the schedule; the node's own where the node is one
    start, end  the steps between which it works, None for all
    links       what the node was given: model, positive, negative
    sure        how sure the numbers are
    special     the nodes beside it that are more than a CFG and the name of a sampler
    """

    node: Node
    seed: int | None
    steps: int | None
    cfg: float | None
    sampler: str | None
    scheduler: str | None
    denoise: float | None
    start: int | None
    end: int | None
    model: Link | None
    positive: Link | None
    negative: Link | None
    seed_sure: float = CERTAIN
    sure: float = CERTAIN
    special: tuple[Node, ...] = ()

    @property
    def continues(self) -> bool:
        """Whether it goes on with the latents of another sampler without noise of its own, as a refiner does."""
        noise = self.node.inputs.get("add_noise")
        return noise in _OFF or bool(self.start)


def read_pass(values: Values, node: Node) -> Pass:
    """The sampler at this node, with what the nodes beside it say (noise, guider, sigmas)."""
    values.sure = CERTAIN
    noise = _beside(values, node, "noise")
    guider = _beside(values, node, "guider", "base_sampler") or node
    sigmas = _schedule(values, node)
    sampler = _beside(values, node, "sampler", "optional_sampler")
    cfg = values.number(guider, "cfg")
    seed, seed_sure = _seed(values, noise or (node if has(node, "seed") else guider))
    numbers = sigmas or (node if has(node, "steps") else guider)
    return Pass(
        node=node,
        seed=seed,
        steps=_steps(values, numbers),
        cfg=cfg,
        sampler=_word(values, "sampler", sampler, node, guider),
        scheduler=_word(values, "scheduler", sigmas, node, guider),
        denoise=values.number(numbers, "denoise"),
        start=as_integer(values.resolve(node.inputs.get("start_at_step"), "number")),
        end=as_integer(values.resolve(node.inputs.get("end_at_step"), "number")),
        model=_given(values, node, guider, "model"),
        positive=_given(values, node, guider, "positive"),
        negative=_given(values, node, guider, "negative"),
        seed_sure=seed_sure,
        sure=values.sure,
        special=tuple(one for one in (guider, sampler) if one not in (None, node) and not _PLAIN.search(one.kind)),
    )


def _beside(values: Values, node: Node, *inputs: str) -> Node | None:
    """The node that is connected to an input."""
    end = values.router.follow(node.link(*inputs), inputs[0])
    return values.graph[end[0]] if end is not None else None


def _schedule(values: Values, node: Node) -> Node | None:
    """The node that makes the sigmas, behind those that split or change them."""
    link = node.link("sigmas", "optional_sigmas")
    seen: set[Link] = set()
    found: Node | None = None
    while link is not None and len(seen) < MAX_HOPS:
        end = values.router.follow(link, "sigmas")
        if end is None or end[0] in seen:
            break
        seen.add(end[0])
        found = values.graph[end[0]]
        link = (
            None
            if any(name in found for name in names("steps"))
            else found.link("sigmas", "sigmas1", "sigmas_1", "sigmas_a", "_sigmas")
        )
    return found


def _steps(values: Values, node: Node) -> int | None:
    """The number of steps; sigmas that are written out make one step less than there are of them."""
    sigmas = node.inputs.get("sigmas", node.inputs.get("sigmas_string"))
    if isinstance(sigmas, str) and (numbers := [word for word in re.split(r"[\s,]+", sigmas) if as_number(word) is not None]):
        return max(len(numbers) - 1, 1)
    return values.integer(node, "steps")


def _word(values: Values, role: str, maker: Node | None, *places: Node) -> str | None:
    """The name of a sampler or schedule: the one that its node selects, or that node's own kind; else what the sampler says."""
    if maker is not None:
        return values.word(maker, role) or (None if maker.kind in ("BasicScheduler", "KSamplerSelect") else maker.kind)
    return next((word for place in places if (word := values.word(place, role)) is not None), None)


def _seed(values: Values, node: Node) -> tuple[int | None, float]:
    """(seed, how sure it is); a seed that was never drawn (-1) is none."""
    seed = as_integer(values.of(node, "seed"))
    if seed is None or not 0 <= seed <= MAX_SEED:
        return None, CERTAIN
    return seed, GUESSED if node.inputs.get("add_noise") in _OFF else values.sure


def _given(values: Values, node: Node, guider: Node, role: str) -> Link | None:
    for place in (guider, node):
        direct = place.link(
            *(name for name in names(role) if not (role == "negative" and name in ("conditioning", "text_embeds")))
        )
        if direct is not None:
            return direct
    if role == "negative" and (embeds := node.link("text_embeds")) is not None:
        return embeds
    return next((link for place in (guider, node) for name, link in place.wires.items() if is_pipe(name)), None)


def with_noise_of(values: Values, taken: Pass, below: Sequence[Node]) -> Pass:
    """The pass with the seed of the node that made the noise, where it starts with noise that is not its own."""
    if taken.node.inputs.get("add_noise") not in _OFF or taken.start:
        return taken
    for node in below:
        if NOISE.search(node.kind) and (seed := _seed(values, node)[0]) is not None:
            return replace(taken, seed=seed, seed_sure=LIKELY)
    return taken


NOISE = re.compile(r"noisy|noise", re.I)


def describe(values: Values, taken: Pass, model: str | None) -> dict[str, object]:
    """A later pass as it stands in the extras: what is known of it."""
    said: dict[str, object | None] = {
        "node": taken.node.kind,
        "seed": taken.seed,
        "steps": taken.steps,
        "cfg": taken.cfg,
        "sampler": taken.sampler,
        "schedule": taken.scheduler,
        "denoise": taken.denoise,
        "model": model,
    }
    return {name: value for name, value in said.items() if value is not None}


DETAILER = re.compile(r"detailer|facefix|inpaint.*crop", re.I)
