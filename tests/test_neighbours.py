"""Hashes that are close to each other, against looking at every pair."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from seedbank.neighbours import groups, near, pairs

hashes = st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 255).map(lambda low: low << 56), unique=True, max_size=40)


@given(hashes, st.integers(0, 12))
@settings(max_examples=60, deadline=None)
def test_all_pairs_within_a_distance_are_found_and_no_others(values, distance):
    found = {tuple(pair) for pair in pairs(np.array(values, np.uint64), distance).tolist()}
    assert found == {
        (a, b) for a in range(len(values)) for b in range(a + 1, len(values)) if (values[a] ^ values[b]).bit_count() <= distance
    }


@given(hashes, st.integers(0, 2**64 - 1), st.integers(0, 40))
@settings(max_examples=60, deadline=None)
def test_neighbours_come_nearest_first(values, wanted, distance):
    positions, distances = near(np.array(values, np.uint64), wanted, distance)
    expected = sorted((value ^ wanted).bit_count() for value in values if (value ^ wanted).bit_count() <= distance)
    assert distances.tolist() == expected
    assert [(values[position] ^ wanted).bit_count() for position in positions] == expected


def test_groups_hang_together_through_their_members():
    values = np.array([0b0, 0b1, 0b11, 0b111, 0b11 << 40, 0b0], np.uint64)
    assert groups(values, 1) == [[0, 1, 2, 3, 5]]
    assert groups(values, 0) == [[0, 5]]
    assert groups(np.empty(0, np.uint64), 4) == []


def test_a_hundred_thousand_hashes_with_planted_copies_are_grouped_exactly():
    random = np.random.default_rng(0)
    values = random.integers(0, 2**64, 100_000, np.uint64)
    copies = values[:50] ^ (np.uint64(1) << random.integers(0, 64, 50, np.uint64))
    found = groups(np.concatenate([values, copies]), 4)
    assert sorted(found) == [[position, 100_000 + position] for position in range(50)]
