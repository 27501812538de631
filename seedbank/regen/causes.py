"""What differs between two environments, and which of it can reach the stage where two computations part.

A difference is a fact; that it is *the cause* is only a suspicion until reruns have shown it (`proof`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from seedbank.environment import Environment, environment_differences
from seedbank.records import Model
from seedbank.regen.fields import FIELDS
from seedbank.regen.stages import (
    COMPUTED,
    DENOISING,
    ENCODED,
    EVERYTHING,
    INPUT,
    NOISE,
    OF_COMPONENT,
    PIXELS,
    PROMPT,
    can_reach,
)

FINGERPRINT = "fingerprint."
NOWHERE: frozenset[str] = frozenset()
DISTRIBUTIONS: tuple[tuple[str, frozenset[str]], ...] = (
    ("torch", EVERYTHING),
    ("diffusers", EVERYTHING),
    ("transformers", PROMPT | ENCODED | DENOISING),
    ("tokenizers", PROMPT),
    ("numpy", EVERYTHING),
    ("pillow", INPUT | PIXELS | ENCODED | DENOISING),
    ("safetensors", COMPUTED),
    ("accelerate", COMPUTED),
    ("peft", COMPUTED),
    ("scipy", DENOISING),
    ("torchsde", DENOISING),
    ("k-diffusion", DENOISING),
    *((name, PROMPT) for name in ("ftfy", "compel", "beautifulsoup4", "sentencepiece", "tiktoken", "jinja2", "protobuf")),
    *((name, PIXELS) for name in ("invisible-watermark", "imwatermark", "opencv-python", "opencv-python-headless")),
    *((name, COMPUTED) for name in ("nvidia-*", "triton", "pytorch-triton*", "mkl", "intel-*", "onednn", "xformers")),
    *((name, COMPUTED) for name in ("flash-attn*", "sageattention", "kernels", "bitsandbytes", "torchao", "gguf")),
    ("optimum-quanto", COMPUTED),
)
"""Distributions that take part in a rendering, the likeliest first, and what each can reach. Others reach nothing."""
FACTS: tuple[tuple[str, frozenset[str]], ...] = (
    ("hardware.gpu*", COMPUTED | NOISE),
    ("hardware.cpu.model", COMPUTED | NOISE),
    ("hardware.cpu.vendor", COMPUTED),
    ("hardware.cpu.flags", COMPUTED | NOISE),
    ("hardware.cpu.capability", COMPUTED | NOISE),
    ("system.torch.*", EVERYTHING),
    ("system.libc", EVERYTHING),
    ("system.machine", EVERYTHING),
    ("system.byteorder", EVERYTHING),
    ("system.python", PROMPT | DENOISING),
    ("system.optional.ftfy", PROMPT),
    ("system.optional.bs4", PROMPT),
    ("system.optional.*watermark", PIXELS),
    ("system.optional.*", COMPUTED),
    ("profile.pipeline.*", COMPUTED),
    ("profile.*", COMPUTED | NOISE),
    ("variables.*", COMPUTED),
)
"""What else an environment records, and what it can reach. Cores, memory, kernel and compiler reach nothing."""
BY_PLACE = {place: one for one in FIELDS.values() for place in one.places}
ENVIRONMENT, WEIGHTS = "environment", "weights"
NAMED = 3
"""How many causes a line names."""
INSTRUCTION_SET, CAPABILITY = "instruction_set", "hardware.cpu.capability"
"""What torch's CPU kernels use, and where the environment keeps it: the CPU's own unless a variable limits it."""


@dataclass(frozen=True)
class Cause:
    """One difference. `restorable`: a rerun can put it back."""

    name: str
    recorded: Any
    present: Any
    reaches: frozenset[str]
    restorable: bool = False
    text: str = ""
    """How the line says it, where names and values alone would not do."""

    @property
    def words(self) -> str:
        """`threads 1 instead of 2`."""
        if self.text:
            return self.text
        field = FIELDS.get(self.name)
        text = field.text if field is not None else short
        return f"{self.name.replace('_', ' ')} {text(self.present)} instead of {text(self.recorded)}"

    def to_dict(self, grade: str | None = None) -> dict[str, Any]:
        """As it is stored."""
        told = {"name": self.name, "recorded": self.recorded, "present": self.present, "restorable": self.restorable}
        return told if grade is None else told | {"grade": grade}


@dataclass(frozen=True)
class Differences:
    """What can have caused the first difference, the likeliest first; what differs and cannot; what computes otherwise.

    `operations` are the classes of operations of the numerics fingerprint that give other bits in this environment.
    """

    causes: tuple[Cause, ...] = ()
    others: tuple[Cause, ...] = ()
    operations: tuple[str, ...] = ()


def differences(
    recorded: Environment | None,
    present: Environment,
    stage: str | None,
    changed: Iterable[str] = (),
    extra: Sequence[Cause] = (),
    elsewhere: str | None = None,
) -> Differences:
    """The differences between two environments, sorted by whether they can reach `stage` (`None`: not known).

    What the record does not know is no difference. `changed` are the fields that were changed on purpose, named first;
    `extra` what is known to differ beside the environments; `elsewhere` the interpreter or environment that was asked
    for, a cause as a whole.
    """
    leaves = [] if recorded is None else environment_differences(recorded, present)
    found = [*extra, *_causes(recorded, present, leaves)] if recorded is not None else list(extra)
    device = str(present.profile.get("device", ""))
    reaching: list[Cause] = []
    others: list[Cause] = []
    for cause in sorted(found, key=lambda cause: _rank(cause, set(changed))):
        field = FIELDS.get(cause.name)
        works = field is None or not field.devices or device in field.devices
        (reaching if works and can_reach(cause.reaches, stage) else others).append(cause)
    if elsewhere is not None and (parts := [cause.words for cause in reaching if not cause.restorable]):
        text = f"the environment ({', '.join(parts[:NAMED])}{' …' if len(parts) > NAMED else ''})"
        reaching.append(Cause(ENVIRONMENT, None, elsewhere, EVERYTHING, restorable=True, text=text))
    return Differences(tuple(reaching), tuple(others), _operations(recorded, leaves))


def weights_cause(recorded: Model, present: Model) -> list[Cause]:
    """Other weights as a cause that reaches what their components compute; nothing when they are the recorded ones."""
    if recorded.digest == present.digest:
        return []
    before = {item.path: item.sha256 for item in recorded.files}
    after = {item.path: item.sha256 for item in present.files}
    components = {path.partition("/")[0] for path in before | after if before.get(path) != after.get(path)}
    reaches = NOWHERE.union(*(OF_COMPONENT.get(name, EVERYTHING) for name in components))
    return [Cause(WEIGHTS, recorded.digest[:12], present.digest[:12], reaches or EVERYTHING)]


def candidate_causes(recorded: Sequence[Mapping[str, Any]], present: Sequence[Mapping[str, Any]]) -> list[Cause]:
    """Another adapter in the place of a recorded one, as a cause under the name of its kind."""
    return [
        Cause(str(old.get("kind")), short(old.get("digest")), short(new.get("digest")), COMPUTED, restorable=True)
        for old, new in zip(recorded, present, strict=False)
        if old.get("digest") != new.get("digest")
    ]


def _causes(recorded: Environment, present: Environment, leaves: Sequence[tuple[str, Any, Any]]) -> list[Cause]:
    fields: dict[str, list[tuple[str, Any, Any]]] = {}
    causes = []
    named = {leaf for leaf, _, _ in leaves}
    for leaf, old, new in leaves:
        if _unknown(leaf, old, recorded) or leaf.startswith(FINGERPRINT):
            continue
        if (field := BY_PLACE.get(leaf)) is not None:
            fields.setdefault(field.name, []).append((leaf, old, new))
        elif f"profile.{leaf}" not in named and not (leaf.endswith(".record") and _version_differs(leaf, recorded, present)):
            causes.append(Cause(_name(leaf), old, new, _reaches(leaf), leaf.startswith("profile.variables.")))
    for name, places in fields.items():
        field = FIELDS[name]
        before, after = field.read(recorded.profile), field.read(present.profile)
        if before != after:
            causes.append(Cause(name, before, after, field.reaches, restorable=True))
        else:  # what the field does not say, as the sizes of tiles or which processors compute the attention
            causes += [Cause(_name(leaf), old, new, field.reaches) for leaf, old, new in places if old is not None]
    # What torch says of its build names the instruction set in use; and that follows the variable where it is changed.
    derived = {"system.torch.config"} if CAPABILITY in named else set()
    derived |= {INSTRUCTION_SET} if "cpu_capability" in fields else set()
    return [cause for cause in causes if cause.name not in derived]


def _unknown(leaf: str, old: Any, recorded: Environment) -> bool:
    """Whether the record does not say what this was: a part or a setting that came later."""
    kind = leaf.partition(".")[0]
    if kind not in recorded.parts or (leaf.startswith("profile.pipeline.") and "pipeline" not in recorded.profile):
        return True
    return old is None and kind == "profile" and not leaf.startswith(("profile.variables.", "profile.pipeline.components."))


def _operations(recorded: Environment | None, leaves: Iterable[tuple[str, Any, Any]]) -> tuple[str, ...]:
    if recorded is None or not recorded.parts.get("fingerprint"):
        return ()
    probes = (leaf.removeprefix(FINGERPRINT) for leaf, old, _ in leaves if leaf.startswith(FINGERPRINT) and old is not None)
    return tuple(dict.fromkeys(probes))


def _version_differs(leaf: str, recorded: Environment, present: Environment) -> bool:
    """A RECORD digest is news only where the version is the same."""
    name = leaf.removeprefix("distributions.").removesuffix(".record")
    return recorded.version(name) != present.version(name)


def _name(leaf: str) -> str:
    """The name by which people know it: a distribution, a variable, a setting."""
    if leaf == CAPABILITY:
        return INSTRUCTION_SET
    for prefix in ("profile.variables.", "variables.", "profile.", "distributions."):
        leaf = leaf.removeprefix(prefix)
    return leaf.removesuffix(".version")


def _reaches(leaf: str) -> frozenset[str]:
    if leaf.startswith("distributions."):
        name = leaf.removeprefix("distributions.").rpartition(".")[0]
        return next((reach for pattern, reach in DISTRIBUTIONS if fnmatchcase(name, pattern)), NOWHERE)
    if leaf.startswith("profile.pipeline.components."):
        return OF_COMPONENT.get(leaf.split(".")[3], EVERYTHING)
    return next((reach for pattern, reach in FACTS if fnmatchcase(leaf, pattern)), NOWHERE)


def _rank(cause: Cause, changed: set[str]) -> tuple[int, str]:
    """What was changed on purpose, the libraries, settings, hardware, the rest."""
    if cause.name in changed or cause.name == WEIGHTS:
        return -1, cause.name
    root = cause.name.split(".")[0]
    known = [pattern for pattern, _ in DISTRIBUTIONS]
    if root in known:
        return known.index(root) + (100 if root != cause.name else 0), cause.name
    return (60 if cause.restorable else 150 if root == "hardware" else 200), cause.name


def short(value: Any) -> str:
    """A value in a line: long ones are cut."""
    if isinstance(value, Mapping):
        return "other settings"
    text = "none" if value is None else str(value)
    return text if len(text) <= 40 else f"{text[:12]}…"
