"""Numbers, seeds, texts and JSON of any quality."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from seedbank.formats import fooocus
from seedbank.formats.reading import FormatError
from seedbank.formats.values import foreign, integer_of, json_object, number_of, parse_json, seed_of, size_of, text_of
from tests.formats.tool_samples import LOG


def test_seeds_go_to_the_end_of_64_bits_and_minus_one_is_none():
    assert [seed_of(value) for value in (0, "0", 2**64 - 1, str(2**64 - 1), " 7 ", 7.0)] == [0, 0, 2**64 - 1, 2**64 - 1, 7, 7]
    assert [seed_of(value) for value in (-1, "-1", 2**64, "", None, True, 7.5, 1e18, "seven", [7], float("nan"))] == [None] * 11


def test_numbers_are_read_from_texts_and_nan_is_none():
    assert [number_of(value) for value in ("7.000000", 7, "inf", "1e-3")] == [7.0, 7.0, float("inf"), 0.001]
    assert [number_of(value) for value in (float("nan"), "nan", "", "7,5", True, {}, 10**400)] == [None] * 7
    assert integer_of(2.0) == 2 and integer_of("20") == 20 and integer_of(2.5) is None
    assert size_of("832 x 1216") == (832, 1216) and size_of("(64, 96)") == (64, 96) and size_of([64, 96]) == (64, 96)
    assert size_of("16:9 or 4:3") == (None, None) and size_of("0x0") == (None, None)


def test_halves_of_surrogate_pairs_and_nul_do_not_reach_a_recipe():
    assert json_object(r'{"a": "\ud83d\ude00 \ud83d x\u0000"}') == {"a": "😀 \ufffd x"}
    assert text_of("\ud83d\ude00") == "😀"
    assert json_object('{"a": NaN, "b": Infinity}')["b"] == float("inf")


def test_json_is_refused_when_it_is_too_deep_or_a_number_is_absurd():
    assert json_object('{"a":' * 63 + "1" + "}" * 63) is not None
    for text in ('{"a":' * 65 + "1" + "}" * 65, "[" * 100_000, '{"a": ' + "9" * 5000 + "}"):
        with pytest.raises(FormatError):
            parse_json(text)


def test_the_log_of_fooocus_is_found_by_the_name_of_the_picture():
    def block(name: str, prompt: str) -> str:
        said = quote(json.dumps({**LOG, "Prompt": prompt}), safe="")
        button = f"<button onclick=\"to_clipboard('{said}')\">x</button>"
        return f'<div id="{name}" class="image-container"><table></table>{button}</div>'

    page = "<html>" + block("a_png", "a cat") + block("b_png", "猫 'x'") + "</html>"
    assert json.loads(fooocus.log_entry(page, "b.png"))["Prompt"] == "猫 'x'"
    assert fooocus.log_entry(page, "c.png") is None


def test_json_within_a_string_of_json_is_the_object_that_it_holds():
    inner = json.dumps({"seed": 5})
    assert json_object(json.dumps(inner)) == json_object(json.dumps(json.dumps(inner))) == {"seed": 5}
    deep = inner
    for _ in range(8):
        deep = json.dumps(deep)
    assert [json_object(text) for text in (deep, '"a {cat}"', '"{a} cat"', '"', '""')] == [None] * 5


def test_what_python_prints_of_an_object_is_read_as_json_would_be():
    assert json_object(str({"seed": 5, "size": (64, 96), "x": None})) == {"seed": 5, "size": [64, 96], "x": None}
    others = [
        "{'a': open('x')}",
        "{'a': {1, 2}}",
        "{'a'",
        "{'a': b'x'}",
        "{'a cat'} in [a hat]",
        "{'a': " + "[" * 150 + "]" * 150 + "}",
    ]
    assert [json_object(text) for text in others] == [None] * 6


def test_a_guidance_without_end_is_none():
    said = foreign(guidance_scale=number_of("Infinity"), steps=3)
    assert (said.guidance_scale, said.steps, dict(said.confidence)) == (None, 3, {"steps": 1.0})
