"""The short form of `python -m tests.fuzz.readers`: whatever stands in a file, a reader ends and raises its own error alone."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.checking import Broken, check, look, seeds
from tests.fuzz.mutating import mutated

SEEDS = list(seeds())


@pytest.mark.parametrize("number", range(len(SEEDS)))
def test_what_tools_write_is_read(number: int) -> None:
    check(SEEDS[number])


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, len(SEEDS) - 1), st.integers(0, 2**32))
def test_what_was_changed_is_read_or_refused(number: int, chance: int) -> None:
    check(mutated(SEEDS[number], SEEDS, random.Random(chance)))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    check(data)


def test_the_check_sees_a_reading_that_no_reader_may_give() -> None:
    from seedbank.formats.reading import Foreign, Reading

    look(Reading("a1111", Foreign(seed=1, confidence={"seed": 1.0}), "text"))
    for wrong in (
        Foreign(seed=-1, confidence={"seed": 1.0}),
        Foreign(seed=1),
        Foreign(steps=0, confidence={"steps": 1.0}),
        Foreign(guidance_scale=float("inf"), confidence={"guidance_scale": 1.0}),
    ):
        with pytest.raises(Broken):
            look(Reading("a1111", wrong, "text"))
