"""Kinds of work compared on a machine that others use as well: rounds in shuffled order, ratios with their intervals.

Each round has a row of every kind, in an order that is drawn anew, and the next round has the same order backwards (ABBA): a
kind that always came last would always find the caches and the heat of the one before, and what drifts over two rounds
cancels. Ratios are taken within a round, so a change of the machine's speed hits both sides; their median is not moved by a
single disturbance. How far it can be trusted says its interval, and a comparison of the same work with itself in the same
rounds: where that is not 1, no other ratio is better known.
"""

from __future__ import annotations

import itertools
import operator
import random
import resource
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass

LEAST_ROUNDS = 3
RESAMPLES = 4000
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Spent:
    """What some work took: seconds of wall time and of CPU time, which a busy machine lengthens less, and pages."""

    wall: float = 0.0
    cpu: float = 0.0
    """Of the calling thread alone."""
    process: float = 0.0
    """Of all threads of the process."""
    faults: float = 0.0
    """Pages of memory that the system had to clear or map for the calling thread."""

    @classmethod
    def now(cls) -> Spent:
        faults = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
        return cls(time.perf_counter(), time.thread_time(), time.process_time(), faults)

    def __sub__(self, other: Spent) -> Spent:
        return Spent(*map(operator.sub, astuple(self), astuple(other)))

    def __add__(self, other: Spent) -> Spent:
        return Spent(*map(operator.add, astuple(self), astuple(other)))

    def __truediv__(self, number: int) -> Spent:
        return Spent(*(value / number for value in astuple(self)))


def shuffled(kinds: Sequence[str], rounds: int | None, seconds: float, seed: int = 0) -> Iterator[tuple[int, str]]:
    """(round, kind) of everything that is to be run; round 0 warms up and is not counted. None are as many as fit.

    After so many `seconds` no further round begins, but three are made in any case: a busy machine makes fewer.
    """
    rng, end = random.Random(seed), time.monotonic() + seconds
    order = list(kinds)
    for number in itertools.count() if rounds is None else range(rounds + 1):
        if number > LEAST_ROUNDS and time.monotonic() > end:
            return
        order = rng.sample(kinds, len(kinds)) if number % 2 else order[::-1]
        for kind in order:
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
