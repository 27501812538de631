"""The verdict: what was rendered now against what was recorded. Pure functions of digests and pixels."""

from __future__ import annotations

from dataclasses import dataclass, field

from seedbank.bank import Pixels, Stages, first_difference
from seedbank.errors import BadInput
from seedbank.records import CLOSE, DIFFERENT, EXACT, TRACE_ABSENT, TRACE_DIFFERS, TRACE_SAME

METRICS = ("max", "psnr", "ssim", "phash")
WIDEST = {"max": 254.0, "ssim": 1.0, "phash": 63.0}
"""Beyond these every picture would be close to every other, or with `ssim` none."""


@dataclass(frozen=True)
class Tolerance:
    """What still counts as `close`: every limit that is set must hold.

    max    largest channel difference, of 255      psnr   at least so many dB
    ssim   at least, -1 to 1                       phash  at most so many of 64 bits apart
    """

    max: float | None = 1
    psnr: float | None = None
    ssim: float | None = None
    phash: float | None = None

    @classmethod
    def parse(cls, text: str) -> Tolerance:
        """`2`, `max=2`, `psnr=40`, `ssim=0.98,phash=4`: a bare number is the largest channel difference."""
        limits: dict[str, float] = {}
        for part in text.split(","):
            name, _, value = part.strip().rpartition("=")
            name = name or "max"
            try:
                number = float(value)
            except ValueError:
                number = -1.0
            if name not in METRICS or name in limits or not 0 <= number < float("inf") or number > WIDEST.get(name, number):
                raise BadInput(
                    f"The tolerance {part.strip()!r} makes no sense.",
                    "Use for example 2, psnr=40 or ssim=0.98,phash=4.",
                )
            limits[name] = number
        return cls(**{"max": None, **limits})

    def holds(self, drift: dict[str, float]) -> bool:
        """Whether a drift as `images.metrics` gives it is within the limits."""
        return (
            (self.max is None or drift["max"] <= self.max)
            and (self.psnr is None or drift["psnr"] >= self.psnr)
            and (self.ssim is None or drift["ssim"] >= self.ssim)
            and (self.phash is None or drift["phash"] <= self.phash)
        )


@dataclass(frozen=True)
class Judgement:
    """verdict, what the trace says, the first stage that differs, and how far the pixels are apart."""

    verdict: str
    trace: str = TRACE_ABSENT
    first_difference: str | None = None
    drift: dict[str, float] = field(default_factory=dict)
    parting: str | None = None
    """Where two renderings made here part from each other, when they do."""


def compare_traces(recorded: Stages, present: Stages) -> tuple[str, str | None]:
    """(`same`, `differs` or `absent`, first stage that differs)."""
    if not recorded or not present:
        return TRACE_ABSENT, None
    stage = first_difference(recorded, present)
    return (TRACE_SAME, None) if stage is None else (TRACE_DIFFERS, stage)


def judge(
    recorded_digest: str,
    present_digest: str,
    recorded: Pixels | None,
    present: Pixels,
    traces: tuple[Stages, Stages],
    tolerance: Tolerance,
) -> Judgement:
    """The verdict of one rendering. `recorded` may be None when its bytes are absent: then nothing can be called close."""
    trace, stage = compare_traces(*traces)
    if recorded_digest == present_digest:
        return Judgement(EXACT, trace, stage)
    drift = measure(recorded, present) if recorded is not None else {}
    verdict = CLOSE if drift and tolerance.holds(drift) else DIFFERENT
    return Judgement(verdict, trace, stage, drift)


def measure(recorded: Pixels, present: Pixels) -> dict[str, float]:
    """{max, psnr, ssim, phash} between two pictures; empty when their sizes or modes differ."""
    from seedbank import images

    if (recorded.mode, recorded.width, recorded.height) != (present.mode, present.width, present.height):
        return {}
    return images.metrics(recorded, present)
