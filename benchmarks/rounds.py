"""Kinds of work compared on a machine that others use as well: rounds in shuffled order, ratios with their intervals.

Each round has a row of every kind, in an order that is drawn anew: a kind that always came last would always find the caches
and the heat of the one before. Ratios are taken within a round, so a change of the machine's speed hits both sides; their
median is not moved by a single disturbance. How far it can be trusted says its interval, and a comparison of the same work
with itself in the same rounds: where that is not 1, no other ratio is better known.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

LEAST_ROUNDS = 3
RESAMPLES = 4000
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Seconds:
    """Wall time, and the CPU time of the calling thread alone, which a busy machine lengthens less."""

    wall: float
    cpu: float

    @classmethod
    def now(cls) -> Seconds:
        return cls(time.perf_counter(), time.thread_time())

    def __sub__(self, other: Seconds) -> Seconds:
        return Seconds(self.wall - other.wall, self.cpu - other.cpu)

    def __add__(self, other: Seconds) -> Seconds:
        return Seconds(self.wall + other.wall, self.cpu + other.cpu)

    def __truediv__(self, number: int) -> Seconds:
        return Seconds(self.wall / number, self.cpu / number)


def shuffled(kinds: Sequence[str], rounds: int, seconds: float, seed: int = 0) -> Iterator[tuple[int, str]]:
    """(round, kind) of everything that is to be run; round 0 warms up and is not counted.

    After so many `seconds` no further round begins, but three are made in any case: a busy machine makes fewer.
    """
    rng, end = random.Random(seed), time.monotonic() + seconds
    for number in range(rounds + 1):
        if number > LEAST_ROUNDS and time.monotonic() > end:
            return
        for kind in rng.sample(kinds, len(kinds)):
            yield number, kind


def ratio(values: Sequence[float], bare: Sequence[float]) -> dict[str, float | list[float]]:
    """The median of the ratios of each round with its interval, and the ratio of the least of each side."""
    ratios = [one / other for one, other in zip(values, bare, strict=True)]
    low, high = interval(ratios)
    return {
        "median": round(statistics.median(ratios), 4),
        "interval": [round(low, 4), round(high, 4)],
        "least": round(min(values) / min(bare), 4),
    }


def interval(values: Sequence[float], seed: int = 0) -> tuple[float, float]:
    """Of the median, with 95 % confidence: the percentiles of the medians of resamples (Efron 1979)."""
    rng = random.Random(seed)
    medians = sorted(statistics.median(rng.choices(values, k=len(values))) for _ in range(RESAMPLES))
    outside = (1 - CONFIDENCE) / 2
    return medians[int(outside * RESAMPLES)], medians[int((1 - outside) * RESAMPLES) - 1]
