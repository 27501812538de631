"""Inputs made from others: bytes changed at random, and changes that know what metadata is made of."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

TOKENS = (
    *(b"Steps: 20, ", b"Negative prompt: ", b"\nSteps: ", b"Seed: ", b"Size: 64x64", b"Template:", b"Hashes: {", b"<lora:x:1>"),
    *(b"{", b"}", b"[", b"]", b'"', b"\\", b"\\u", b"\\ud83d", b":", b",", b"\n", b"\r\n", b"\0", b"NaN", b"Infinity", b"null"),
    *(b"-1", b"0", b"18446744073709551615", b"18446744073709551616", b"1e999", b"-0.0", b"9" * 400, b"true"),
    *(b'["1",0]', b'["5",1]', b'"class_type":"KSampler"', b'"inputs":{', b'"seed":', b'"links":[[1,2,0,3,0,"MODEL"]]'),
    *(b'"nodes":[', b'"widgets_values":[', b"prompt:{", b"workflow:{", b"UNICODE\0", b"ASCII\0\0\0", b"II*\0", b"MM\0*"),
    *(b"Exif\0\0", b"iTXt", b"zTXt", b"tEXt", b"IEND", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\0"),
    *(b"\xed\xa0\x80", "猫".encode(), b"(", b")", b"BREAK", b"AND", b"::"),
)


def mutated(data: bytes, others: Sequence[bytes], random_: random.Random, largest: int = 65536) -> bytes:
    """`data` after one to four changes; `others` are what it can be crossed with."""
    for _ in range(random_.randint(1, 4)):
        data = random_.choice(CHANGES)(data, others, random_)
    return data[:largest]


def _place(data: bytes, random_: random.Random) -> int:
    return random_.randint(min(1, len(data)), len(data))  # the first byte says which reader


def _insert(data: bytes, _: Sequence[bytes], random_: random.Random) -> bytes:
    at = _place(data, random_)
    return data[:at] + random_.choice(TOKENS) + data[at:]


def _repeat(data: bytes, _: Sequence[bytes], random_: random.Random) -> bytes:
    """A piece many times over: nesting, long lists, long runs of one letter."""
    start = _place(data, random_)
    piece = data[start : start + random_.choice((1, 2, 8, 64))] if random_.random() < 0.6 else random_.choice(TOKENS)
    return data[:start] + piece * random_.choice((2, 8, 70, 1000)) + data[start:]


def _remove(data: bytes, _: Sequence[bytes], random_: random.Random) -> bytes:
    at = _place(data, random_)
    return data[:at] + data[at + random_.choice((1, 2, 8, 64, 10**6)) :]


def _overwrite(data: bytes, _: Sequence[bytes], random_: random.Random) -> bytes:
    at, token = _place(data, random_), random_.choice((random_.choice(TOKENS), random_.randbytes(random_.choice((1, 2, 4)))))
    return data[:at] + token + data[at + len(token) :]


def _cross(data: bytes, others: Sequence[bytes], random_: random.Random) -> bytes:
    other = random_.choice(others) if others else data
    return data[: _place(data, random_)] + other[_place(other, random_) :]


def _swap(data: bytes, _: Sequence[bytes], random_: random.Random) -> bytes:
    one, other = sorted(_place(data, random_) for _ in range(2))
    return data[:1] + data[other:] + data[one:other] + data[1:one] if data else data


CHANGES: tuple[Callable[[bytes, Sequence[bytes], random.Random], bytes], ...] = (
    *(_insert, _insert, _repeat, _remove, _overwrite, _overwrite, _cross, _swap),
)  # fmt: skip
