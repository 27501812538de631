"""Axes as people write them, in our form and in those of A1111 and SwarmUI."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from seedbank.errors import BadInput
from seedbank.explore.axes import Axis, parse_axis
from seedbank.explore.values import MOST


@pytest.mark.parametrize(
    ("text", "field", "values"),
    [
        ("steps=4,8,16", "steps", [4, 8, 16]),
        ("guidance=0..6(+2)", "guidance", [0, 2, 4, 6]),
        ("lora.oil=0..1[5]", "lora.oil", [0, 0.25, 0.5, 0.75, 1]),
        ("seed=1000..1003", "seed", [1000, 1001, 1002, 1003]),
        ("seed=18446744073709551614..18446744073709551615", "seed", [2**64 - 2, 2**64 - 1]),
        ("sampler=euler, heun", "sampler", ["euler", "heun"]),
        ("size=512x768,64", "size", [(512, 768), (64, 64)]),
        ('prompt/red/"oil, thick"/12" ink', "prompt.replace", [("red", "red"), ("red", "oil, thick"), ("red", '12" ink')]),
        ('prompt/oil/"ink/wash"', "prompt.replace", [("oil", "oil"), ("oil", "ink/wash")]),
        ("prompt/oil/水彩/", "prompt.replace", [("oil", "oil"), ("oil", "水彩"), ("oil", "")]),
        ("negative|blurry|a/b", "negative.replace", [("blurry", "blurry"), ("blurry", "a/b")]),
        ('prompt="a, b",c', "prompt", ["a, b", "c"]),
        ("negative=,blurry", "negative", ["", "blurry"]),
        ("eta=0,0.5,1", "eta", [0, 0.5, 1]),
        ("upcast=true,false", "upcast", [True, False]),
        ("image=a.png, b.png", "image", ["a.png", "b.png"]),
        ("mask_image=m.png", "mask", ["m.png"]),
        ("mode=as-is,strict", "mode", ["as-is", "strict"]),
        ("embedding=None,thing.safetensors:<thing>", "embedding", ["none", "thing.safetensors:<thing>"]),
        ("ip_adapter=0..1[3]", "ip_adapter", [0, 0.5, 1]),
        ("ip_adapter=./one,/other", "ip_adapter.folder", ["./one", "/other"]),
        # A1111's X/Y/Z plot
        ("Steps=1-5", "steps", [1, 2, 3, 4, 5]),
        ("Steps=1-5 (+2)", "steps", [1, 3, 5]),
        ("steps=10-5 (-3)", "steps", [10, 7]),
        ("CFG Scale=0-1 (+0.25)", "cfg", [0, 0.25, 0.5, 0.75, 1]),
        ("steps=1-10 [5]", "steps", [1, 3, 5, 7, 10]),
        ("CFG Scale=1-10 [5]", "cfg", [1, 3.25, 5.5, 7.75, 10]),
        ("steps=1-3, 20, 30-50 (+10)", "steps", [1, 2, 3, 20, 30, 40, 50]),
        ('Prompt S/R=oil, "ink, wet"', "texts.replace", [("oil", "oil"), ("oil", "ink, wet")]),
        ("Denoising=.5", "strength", [0.5]),
        # SwarmUI's grid generator
        ("steps=1, 2, .., 10", "steps", list(range(1, 11))),
        ("cfg=1, 3, 5, 6, 6.5, .., 9, 11, 13", "cfg", [1, 3, 5, 6, 6.5, 7, 7.5, 8, 8.5, 9, 11, 13]),
        ("prompt=a cat, red || a cat, blue", "prompt", ["a cat, red", "a cat, blue"]),
        ("Prompt Replace=cat=cat, cat=dog, photo=ink", "texts.replace", [("cat", "cat"), ("cat", "dog"), ("photo", "ink")]),
    ],
)
def test_an_axis_says_its_field_and_its_values(text: str, field: str, values: list[object]):
    axis = parse_axis(text)
    assert (axis.field, list(axis.values), axis.text) == (field, values, text)


def test_a_skipped_value_keeps_its_place():
    axis = parse_axis("steps=1, 2, SKIP: 3, 4")
    assert (axis.values, axis.skipped) == ((1, 2, 3, 4), {2})


def test_a_range_never_goes_beyond_its_end_and_counts_in_decimals():
    assert parse_axis("guidance=0..1(+0.3)").values == (0.0, 0.3, 0.6, 0.9)
    assert parse_axis("guidance=0-0.3 (+0.1)").values == (0.0, 0.1, 0.2, 0.3)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("steps", "Write NAME=VALUES"),
        ("=4", "Write NAME=VALUES"),
        ("steps=", "it has an empty value"),
        ("steps=four", "'four' is no number"),
        ("steps=1.5", "1.5 is no whole number"),
        ("steps=0...5", "'0...5' is no number"),
        ("steps=1..4(-1)", "never gets from 1 to 4"),
        ("steps=1..4(+0)", "a step of 0"),
        ("steps=1-3 [5]", "there are not 5 whole numbers"),
        ("steps=1, .., 4", "two dots need two numbers before them"),
        ("steps=SKIP:4", "no value that is rendered"),
        ("seed=-2", "a seed below 0"),
        (f"seed=0..{MOST}", "it has 1,000,001 values"),
        ("seed=1..99999999999999999999999", "An axis has 1,000,000 at most"),
        ("size=big", "'big' is no size"),
        ("prompt/oil", "nothing to put in the place"),
        ("prompt//oil", "the text to search for is empty"),
        ("clip skip=2", "write clip_skip=1 for its 2"),
        ("refiner=./folder", "a refined one is an entry of its own"),
        ("ip_adapter=0..x", "'0..x' is no number"),
        ("model=a,,b", "it has an empty value"),
        ("lora=1", "lora.NAME"),
    ],
)
def test_what_is_not_understood_is_a_sentence_that_names_it(text: str, words: str):
    with pytest.raises(BadInput) as caught:
        parse_axis(text)
    assert words in str(caught.value)


def test_values_are_said_in_few_words():
    labels = [parse_axis(text).label(0) for text in ("cfg=0.30000", "size=512x768", "negative=,a", "prompt/oil/ink")]
    assert labels == ["0.3", "512x768", "(none)", "oil"]


numbers = some.decimals(-50, 50, allow_nan=False, places=2)
quick = settings(deadline=None, max_examples=60)


@quick
@given(numbers, numbers, some.decimals("0.5", 100, allow_nan=False, places=2))
def test_a_range_is_every_step_from_one_end_to_the_other(start: Decimal, end: Decimal, step: Decimal):
    sign = 1 if end >= start else -1
    values = parse_axis(f"guidance={start}..{end}({sign * step:+})").values
    assert list(values) == [float(start + sign * step * index) for index in range(len(values))]
    last = start + sign * step * (len(values) - 1)
    assert (end - last) * sign >= 0 and (end - last) * sign < step


@quick
@given(numbers, numbers, some.integers(2, 30))
def test_a_count_gives_so_many_values_with_both_ends(start: Decimal, end: Decimal, count: int):
    values = parse_axis(f"strength={start}..{end}[{count}]").values
    assert (len(values), values[0], values[-1]) == (count, float(start), float(end))
    assert list(values) == sorted(values, reverse=end < start)


written = some.text(some.characters(codec="utf-8", exclude_characters='"|:'), max_size=12)


@quick
@given(some.lists(written, min_size=1, max_size=6))
def test_texts_in_csv_quotes_come_back_as_they_were(texts: list[str]):
    axis = parse_axis("prompt=" + ",".join(f'"{text}"' for text in texts))
    assert list(axis.values) == [text.strip() for text in texts]


@quick
@given(some.text(max_size=40))
def test_whatever_is_typed_is_an_axis_or_a_sentence(text: str):
    try:
        assert isinstance(parse_axis(text), Axis)
        assert isinstance(parse_axis(f"steps={text}"), Axis)
    except BadInput as error:
        assert error.message
