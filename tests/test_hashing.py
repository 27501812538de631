"""Digests never change: what stands here as a golden value stands in the banks of people."""

from __future__ import annotations

import hashlib
import io
import json
import math
import struct
from pathlib import Path

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from seedbank.errors import BadInput
from seedbank.hashing import (
    canonical_json,
    canonical_value,
    file_digest,
    json_digest,
    pixel_digest,
    plain_value,
    sha256,
    stream_digest,
)

TEXTS = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"))
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4))
OBJECTS = st.dictionaries(TEXTS, VALUES, max_size=5)


@pytest.mark.parametrize(
    ("mode", "size", "rows", "digest"),
    [
        ("RGB", (2, 1), b"\xff\0\0\0\0\xff", "dcd30e897f38cc5584714462b48ed2bfc6988e839db95acdf8c3db70a96fc64f"),
        ("L", (1, 2), b"\0\xff", "f807c87292f7ba36747c151ab63a3ffa1108e10d2fc2d5f83b34f17ec76af8b9"),
        ("RGBA", (1, 1), b"\1\2\3\4", "088aa6571e59115575eacbf7b4eb07dad014e1eca9de0f59269d8d9ae1fe8a03"),
        ("RGB", (0, 0), b"", "87c43808c7c85644bfb7a10310ca2929e82ecd3947444ff70e139a7d802dddc2"),
    ],
)
def test_the_image_digest_is_the_golden_one(mode, size, rows: bytes, digest: str) -> None:
    assert pixel_digest(mode, *size, rows) == digest


def test_the_image_digest_is_what_the_documentation_says() -> None:
    said = b"seedbank.pixels.v1\0RGB\0" + struct.pack("<II", 2, 1) + b"\xff\0\0\0\0\xff"
    assert pixel_digest("RGB", 2, 1, b"\xff\0\0\0\0\xff") == hashlib.sha256(said).hexdigest()


def test_shape_and_mode_are_part_of_the_image_digest() -> None:
    rows = bytes(12)
    shapes = [("RGB", 4, 1), ("RGB", 1, 4), ("RGB", 2, 2), ("RGBA", 3, 1), ("L", 12, 1), ("L", 1, 12)]
    assert len({pixel_digest(*shape, rows) for shape in shapes}) == len(shapes)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": 2}, '{"a":2,"b":1}'),
        ({"a": None, "b": [None, {"c": None}]}, '{"b":[null,{}]}'),
        ({"x": 1.0, "y": 1.5, "z": -0.0}, '{"x":1,"y":1.5,"z":0}'),
        ({"x": 1e16, "y": 1e-7}, '{"x":{"$float":"1e+16"},"y":1e-7}'),
        ({"t": True, "f": False}, '{"f":false,"t":true}'),
        ({"星": "“é”\n\u2028😀"}, '{"星":"“é”\\n\u2028😀"}'),
        ({"n": math.nan}, '{"n":{"$float":"nan"}}'),
        ([math.inf, -math.inf], '[{"$float":"inf"},{"$float":"-inf"}]'),
        ({"i": 2**53 - 1, "j": 2**53}, '{"i":9007199254740991,"j":{"$int":"9007199254740992"}}'),
        ((1, 2), "[1,2]"),
    ],
)
def test_canonical_json_is_this_text(value, text: str) -> None:
    assert canonical_json(value).decode("utf-8") == text
    assert json_digest(value) == sha256(text.encode("utf-8"))


def test_a_whole_document_has_the_golden_digest() -> None:
    document = {
        "prompt": "一只橘色的星星在夜空",
        "seed": str(2**64 - 1),
        "guidance": 3.5,
        "steps": 8,
        "sigmas": [1.0, 0.1, 1e-7],
        "nothing": None,
        "flags": {"b": True, "a": False},
        "limit": math.inf,
        "large": 2**64 - 1,
    }
    assert json_digest(document) == "7428c2167e8597e59696ae1271f696e14264ebd194ff9e94d88dd6f0d585b98c"


@given(VALUES)
@example({"\U00010000": 1, "\uffff": 2})  # the first sorts before the second by UTF-16, behind it by code points
@example([1e-5, -1.5e-7, 0.0001, "1e-5", 5e-324])
@example('\x7f\x1f\t"\\/\u2028')
def test_canonical_json_is_what_the_library_of_the_rfc_writes(value) -> None:
    assert canonical_json(value) == rfc8785.dumps(canonical_value(value))


@given(OBJECTS, st.randoms())
def test_the_order_of_keys_never_matters(value: dict, random) -> None:
    items = list(value.items())
    random.shuffle(items)
    assert canonical_json(dict(items)) == canonical_json(value)


@given(OBJECTS, TEXTS)
def test_an_argument_that_is_none_changes_nothing(value: dict, key: str) -> None:
    without = {name: item for name, item in value.items() if name != key}
    assert canonical_json({**without, key: None}) == canonical_json(without)


@given(OBJECTS, TEXTS, st.integers() | TEXTS, st.integers() | TEXTS)
def test_every_value_matters(value: dict, key: str, one, other) -> None:
    same = canonical_json({**value, key: one}) == canonical_json({**value, key: other})
    assert same == (one == other)


@given(VALUES)
def test_canonical_values_stay_as_they_are_and_are_what_json_gives_back(value) -> None:
    canonical = canonical_value(value)
    assert canonical_value(canonical) == canonical
    assert json.loads(canonical_json(value)) == canonical


@given(st.integers() | st.floats(allow_nan=False))
def test_numbers_come_back_exactly(number) -> None:
    back = plain_value(json.loads(canonical_json({"x": number})))["x"]
    assert back == number
    assert canonical_json({"x": back}) == canonical_json({"x": number})


def test_not_a_number_comes_back() -> None:
    assert math.isnan(plain_value(canonical_value([math.nan]))[0])


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "x\udfff", "\udc00\ud800"])
@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: {"prompt": x}, lambda x: {x: 1}, lambda x: [[x]]])
def test_text_that_no_file_can_carry_is_refused_in_a_sentence(text: str, wrap) -> None:
    with pytest.raises(BadInput) as caught:
        canonical_json(wrap(text))
    assert caught.value.hint == "Remove it."
    str(caught.value).encode("utf-8")


def test_the_refusal_names_the_place() -> None:
    with pytest.raises(BadInput, match=r"call\.extra\[1\]"):
        canonical_value({"extra": ["a", "b\0"]}, "call")


@pytest.mark.parametrize("value", [b"bytes", {1, 2}, object(), 1j, {1: 2}, {None: 1}, Path("x")])
def test_what_json_has_no_word_for_is_refused(value) -> None:
    with pytest.raises(BadInput):
        canonical_json({"x": value})


def test_files_and_streams_have_the_digest_of_their_bytes(tmp_path: Path) -> None:
    data = bytes(range(256)) * 5000
    path = tmp_path / "file"
    path.write_bytes(data)
    assert file_digest(path) == stream_digest(io.BytesIO(data)) == sha256(data)
    assert sha256(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
