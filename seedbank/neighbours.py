"""Perceptual hashes that are close to each other: exact answers by scanning, no index.

Hashes are arrays of uint64; the distance is the number of bits that differ (Hamming). A scan of a million takes about a
millisecond. All pairs are found by pigeonhole: of hashes at most `distance` bits apart, cut into ``distance + 1`` bands,
one band is equal, so only those that share a band are compared (Manku, Jain, Das Sarma 2007, "Detecting near-duplicates
for web crawling", section 3).
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
Numbers = NDArray[np.int64]

BITS = 64


def near(hashes: Hashes, wanted: int, distance: int) -> tuple[Numbers, Numbers]:
    """(positions, distances) of the hashes at most `distance` bits from `wanted`, the nearest first."""
    apart = np.bitwise_count(hashes ^ np.uint64(wanted)).astype(np.int64)
    found = np.flatnonzero(apart <= distance)
    order = np.argsort(apart[found], kind="stable")
    return found[order], apart[found][order]


def pairs(hashes: Hashes, distance: int) -> NDArray[np.int64]:
    """All pairs of positions, shape (n, 2), whose hashes are at most `distance` bits apart; the hashes must be unique."""
    bands = min(distance + 1, BITS)
    edges = [BITS * band // bands for band in range(bands + 1)]
    found = [np.empty((0, 2), np.int64)]
    for low, high in pairwise(edges):
        keys = (hashes >> np.uint64(low)) & np.uint64(2 ** (high - low) - 1)
        order = np.argsort(keys, kind="stable")
        found.append(_within_equal_keys(hashes[order], keys[order], order, distance))
    return np.unique(np.concatenate(found), axis=0)


def _within_equal_keys(hashes: Hashes, keys: NDArray[np.uint64], order: Numbers, distance: int) -> NDArray[np.int64]:
    """Pairs among neighbours in a sorted order: each is compared with the next, the one after that … of the same key."""
    found = [np.empty((0, 2), np.int64)]
    at = np.arange(len(keys))
    step = 1
    while len(at := at[at + step < len(keys)]) and len(at := at[keys[at] == keys[at + step]]):
        close = at[np.bitwise_count(hashes[at] ^ hashes[at + step]) <= distance]
        if len(close):
            found.append(np.sort(np.stack([order[close], order[close + step]], axis=1), axis=1))
        step += 1
    return np.concatenate(found)


def groups(hashes: Hashes, distance: int) -> list[list[int]]:
    """Positions that hang together: each is at most `distance` bits from another of its group. Ordered by the first."""
    unique, inverse = np.unique(hashes, return_inverse=True)
    root = list(range(len(unique)))

    def find(one: int) -> int:
        while root[one] != one:
            root[one] = one = root[root[one]]
        return one

    for a, b in pairs(unique, distance).tolist():
        root[find(b)] = find(a)
    together: dict[int, list[int]] = {}
    for position, one in enumerate(inverse.tolist()):
        together.setdefault(find(one), []).append(position)
    return [group for group in together.values() if len(group) > 1]
