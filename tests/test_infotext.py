"""The layout of `parameters` text: where the prompt ends, and what is a field."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seedbank.infotext import KNOWN, Parameters, parse, pieces

FIELDS = "Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 5, Size: 512x640"


def test_prompt_negative_and_fields_are_told_apart() -> None:
    assert parse(f"a cat\non a mat\nNegative prompt: bad,\nworse\n{FIELDS}") == Parameters(
        "a cat\non a mat",
        "bad,\nworse",
        (("Steps", "20"), ("Sampler", "Euler a"), ("CFG scale", "7"), ("Seed", "5"), ("Size", "512x640")),
    )


@pytest.mark.parametrize(
    ("text", "prompt", "negative"),
    [
        (FIELDS, None, None),
        (f"Negative prompt: bad\n{FIELDS}", None, "bad"),
        (f"a cat\nNegative prompt: \n{FIELDS}", "a cat", ""),
        (f"a cat\n\nNegative prompt: bad\n\n{FIELDS}", "a cat\n", "bad\n"),
        (f"a cat\r\n\nNegative prompt: bad\r\n\n{FIELDS}", "a cat\r\n", "bad\r\n"),
        (f"a cat\r\nNegative prompt: bad\r\n{FIELDS}\r\n", "a cat", "bad"),
        (f"a diagram, steps: 1 2 3, colorful\n{FIELDS}", "a diagram, steps: 1 2 3, colorful", None),
        (f"steps: 1 2 3, left: red, right: blue\n{FIELDS}", "steps: 1 2 3, left: red, right: blue", None),
        (f"Style: grand, Left: red, Right: blue\n{FIELDS}", "Style: grand, Left: red, Right: blue", None),
        (f"the words Negative prompt: are here\n{FIELDS}", "the words Negative prompt: are here", None),
        (f'{{"seed": 3, "steps": 4}}\n{FIELDS}', '{"seed": 3, "steps": 4}', None),
        (f"{{\n  steps: 3\n}}\nNegative prompt: \n{FIELDS}", "{\n  steps: 3\n}", ""),
        ("only a prompt", "only a prompt", None),
        ("a cat\nNegative prompt: bad", "a cat", "bad"),
        ("a: b, c: d, e: f, g: h", "a: b, c: d, e: f, g: h", None),
        (f"一只猫，安静\nNegative prompt: 模糊\n{FIELDS}", "一只猫，安静", "模糊"),
    ],
)
def test_the_prompt_is_kept_word_for_word(text: str, prompt: str | None, negative: str | None) -> None:
    found = parse(text)
    assert (found.prompt, found.negative_prompt) == (prompt, negative)
    assert found.get("seed") == ("5" if FIELDS in text else None)
    assert not found.flat


@pytest.mark.parametrize(
    ("field", "name", "value"),
    [
        ('Lora hashes: "a: 1234, b: 5678"', "Lora hashes", "a: 1234, b: 5678"),
        ('Hashes: {"model": "6ce0161689", "lora:x": "7c6b"}', "Hashes", '{"model": "6ce0161689", "lora:x": "7c6b"}'),
        ('Civitai resources: [{"a":[1,2]},\n {"b":"x]"}]', "Civitai resources", '[{"a":[1,2]},\n {"b":"x]"}]'),
        ('Hires prompt: "a\\nSteps: 1, Sampler: x, Seed: 9"', "Hires prompt", "a\nSteps: 1, Sampler: x, Seed: 9"),
        ('Path: "C:\\models\\x"', "Path", "C:\\models\\x"),
        ("X: 3", "X", "3"),
        ("Model:", "Model", ""),
        ("Detailer: one, two", "Detailer", "one, two"),
        ("Created Date: 2025-02-24T22:37:15.99Z", "Created Date", "2025-02-24T22:37:15.99Z"),
        ("ADetailer model 2nd: x", "ADetailer model 2nd", "x"),
        ("Note: [open, and on", "Note", "[open, and on"),
        ('Note: {a}b', "Note", "{a}b"),
    ],
)  # fmt: skip
def test_a_value_ends_where_its_own_form_says(field: str, name: str, value: str) -> None:
    found = parse(f"a cat\n{FIELDS}, {field}, Version: v1")
    assert dict(found.pairs)[name] == value
    assert found.pairs[-1] == ("Version", "v1")
    assert len(found.pairs) == 7
    assert parse(f"a cat\n{FIELDS}, {field}").pairs == found.pairs[:-1]


def test_a_text_as_a_value_does_not_end_the_prompt() -> None:
    found = parse(f'a cat\n{FIELDS}, SDCPP: {{"prompt":{{"positive":"Steps: 3, Seed: 9, Size: 1x1"}},"seed":42}}')
    assert found.prompt == "a cat"
    assert found.get("seed") == "5"


@pytest.mark.parametrize("order", ["Seed: 5, Size: 1x1, Sampler: a, steps: 3", "sampler: a, Seed: 5, cfg scale: 3"])
def test_fields_come_in_any_order_and_case(order: str) -> None:
    found = parse(f"a cat\n{order}")
    assert found.prompt == "a cat"
    assert (found.get("SEED"), found.get("Sampler")) == ("5", "a")


def test_fields_may_go_on_over_lines() -> None:
    found = parse("a cat\nSteps: 20, Sampler: Euler,\nCFG scale: 7, Seed: 3\nSize: 1x1\nand a word")
    assert [name for name, _ in found.pairs] == ["Steps", "Sampler", "CFG scale", "Seed", "Size"]
    assert found.rest == "and a word"


def test_templates_stand_beside() -> None:
    assert parse(f"a cat\n{FIELDS}\nTemplate: a {{cat|dog}}\nNegative Template: x").rest == (
        "Template: a {cat|dog}\nNegative Template: x"
    )
    between = parse(f"a cat\nNegative prompt: bad\nTemplate: a\nb\n\n{FIELDS}")
    assert (between.negative_prompt, between.rest) == ("bad", "Template: a\nb")


def test_the_last_of_two_lines_of_fields_counts() -> None:
    found = parse(f"a cat\nNegative prompt: {FIELDS}\n{FIELDS.replace('Seed: 5', 'Seed: 6')}")
    assert found.negative_prompt == FIELDS
    assert found.get("seed") == "6"


@pytest.mark.parametrize("end", [".", " "])
def test_a_text_printed_on_one_line_is_split_and_marked(end: str) -> None:
    found = parse(f"a cat.{end}Negative prompt: bad{end}{FIELDS}")
    assert found.flat
    assert (found.prompt, found.negative_prompt, found.get("Seed")) == ("a cat.", "bad", "5")


def test_pieces_are_named_by_all_before_the_last_colon() -> None:
    assert list(pieces("a: 1, b:c: 2,, d")) == [("a", "1"), ("b:c", "2")]


_LINES = st.lists(
    st.sampled_from(["Steps: 1", ", ", "\n", "Negative prompt: ", "Seed: 2", '"', "{", "]", "\\", "Template:", "a"])
)


@given(_LINES.map("".join) | st.text(max_size=200))
def test_any_text_is_split_without_an_error_and_nothing_is_made_up(text: str) -> None:
    found = parse(text)
    for part in (found.prompt, found.negative_prompt):
        assert part is None or part in text
    assert not found.pairs or sum(name.casefold() in KNOWN for name, _ in found.pairs) >= 2


@pytest.mark.parametrize(
    "text",
    [
        "Steps: 1, a: " + "b," * 100_000,
        "Steps: 1, a: {" * 30_000,
        "Steps: 1, a: {\n" * 20_000 + "}" * 20_000,
        'Steps: 1, a: "' * 30_000,
        "Steps: 1, a: {" + '\\"' * 100_000,
        "Negative prompt: \n" * 30_000,
        "x Steps: 1, A: " * 30_000,
        "Steps: 1\n" * 50_000,
    ],
)
def test_a_hostile_text_is_split_in_the_time_of_its_length(text: str) -> None:
    started = time.process_time()
    parse(text)
    assert time.process_time() - started < 3
