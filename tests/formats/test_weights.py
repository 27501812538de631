"""The constructs of other tools' prompts, by name, under the rules of each tool."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seedbank.formats.weights import RULES, constructs, rules_of, unescaped, weighting


@pytest.mark.parametrize(
    ("tool", "prompt", "found"),
    [
        ("a1111", "a (red:1.2) circle", [("prompt weight", "(red:1.2)")]),
        ("a1111", "((hat)), a cat", [("emphasis by brackets", "((hat))"), ("emphasis by brackets", "(hat)")]),
        ("a1111", "a [dull] day", [("emphasis by brackets", "[dull]")]),
        ("a1111", "a [cat:dog:0.5]", [("prompt editing", "[cat:dog:0.5]")]),
        ("a1111", "a [cat:10]", [("prompt editing", "[cat:10]")]),
        ("a1111", "a [cat::.5]", [("prompt editing", "[cat::.5]")]),
        ("a1111", "a [cat|dog]", [("alternating words", "[cat|dog]")]),
        ("a1111", "sky BREAK sea", [("BREAK", "BREAK")]),
        ("a1111", "sky AND sea", [("AND", "AND")]),
        ("a1111", "an open (bracket", [("emphasis by brackets", "(bracket")]),
        ("a1111", r"emma \(x], a smile :)", [("escaped bracket", r"\(")]),
        ("comfyui", r"emma \[x], a smile :)", []),
        ("a1111", "BREAKFAST AND_MORE", []),
        ("a1111", "a cat <lora:add (detail):0.8>", []),
        ("a1111", "a_(b)_c: 1.2", [("emphasis by brackets", "(b)")]),
        ("forge-neo", "(x:1.1)", [("prompt weight", "(x:1.1)")]),
        ("comfyui", "a (red:1.2) [dull] day BREAK {x|y}", [("prompt weight", "(red:1.2)")]),
        ("comfyui", "a (red) hat", [("emphasis by brackets", "(red)")]),
        ("comfyui", "an open (bracket", []),
        ("invokeai", "a (red hat)1.3 and fluffy++, x-ray", [("prompt weight", ")1.3"), ("prompt weight", "y++")]),
        ("invokeai", '("a", "b").blend(0.7, 0.3)', [("blended prompts", ".blend")]),
        ("invokeai", "a (plain) group", []),
        ("novelai", "{{best}}, 1.5::hat::", [("emphasis by brackets", "{{best}}"), ("emphasis by brackets", "{best}"),
                                            ("prompt weight", "1.5::")]),
        ("diffusers", "a (red:1.2) circle", []),
        (None, "a (red:1.2) circle", []),
    ],
)  # fmt: skip
def test_what_a_prompt_uses_is_named_under_the_rules_of_its_tool(tool: str | None, prompt: str, found: list) -> None:
    assert [(each.name, each.text) for each in constructs(prompt, tool)] == found


def test_a_refusal_names_each_kind_once_with_its_first_place() -> None:
    _, told = weighting(["a [red|blue] cat, [big|small] hat AND sky", "sea AND sky"], "a1111", "StableDiffusionPipeline")
    assert told == "the prompt is written for a1111, and not supported is: alternating words [red|blue], AND"


def test_a_long_construct_is_cut_where_it_is_shown() -> None:
    (found,) = constructs(f"({'x' * 1000}:1.2)", "comfyui")
    assert len(found.text) < 50
    assert found.text.endswith("…")


@given(st.text(alphabet="ab()[]{}|:.1+-\\ <>", max_size=60), st.sampled_from(sorted(RULES)))
def test_any_text_is_read_without_an_error(prompt: str, tool: str) -> None:
    for each in constructs(prompt, tool):
        assert each.name and each.text
    assert (weighting([prompt], tool, None) == (None, None)) == (not constructs(prompt, tool))


@pytest.mark.parametrize("text", ["(" * 50_000, "(" * 20_000 + ")" * 20_000, "[a:" * 20_000, "a++" * 20_000, "1.5::" * 10_000])
def test_a_hostile_prompt_is_read_in_the_time_of_its_length(text: str) -> None:
    started = time.process_time()
    for tool in ("a1111", "comfyui", "invokeai", "novelai"):
        constructs(text, tool)
    assert time.process_time() - started < 5


def test_every_tool_has_rules_that_can_be_read() -> None:
    assert all(constructs("a cat", tool) == () for tool in RULES)
    assert rules_of("a tool that nobody knows") is None


@pytest.mark.parametrize(
    ("prompt", "tool", "pipeline", "value", "why"),
    [
        ("a (red:1.2) cat", "a1111", "StableDiffusionPipeline", "a1111/compel", None),
        ("a [red] cat BREAK b", "forge-neo", "FluxPipeline", "a1111/compel", None),
        ("a (red:1.2) cat", "comfyui", None, "comfyui/compel", None),
        ("a <lora:(x:1)> cat", "a1111", "StableDiffusionPipeline", None, None),
        ("a (red:1.2) cat", "a1111", "ZImagePipeline", None, "prompt weight (red:1.2)"),
        ("a (red:1.2) [cat|dog]", "a1111", "StableDiffusionPipeline", None, "alternating words [cat|dog]"),
        ("(x:-0.5)", "a1111", "StableDiffusionPipeline", None, "'x' has a weight below zero"),
        ("{red} cat", "novelai", "StableDiffusionPipeline", None, "emphasis by brackets {red}"),
        ("a (red:1.2) cat", "diffusers", "StableDiffusionPipeline", None, None),
        ("a (red:1.2) cat", "comfyui", "ZImagePipeline", None, None),
        (r"emma \(x\)", "a1111", "StableDiffusionPipeline", "a1111/compel", None),
        (r"emma \(x\)", "a1111", "ZImagePipeline", None, None),
        (r"emma \(x\) (y)", "a1111", "ZImagePipeline", None, "emphasis by brackets (y)"),
        ("a (red:1.2) cat", "comfyui", "AuraFlowPipeline", None, "prompt weight (red:1.2)"),
        ("a [red] cat", "sdnext", "QwenImagePipeline", None, None),
        ("a (red:1.2) cat", "sdnext", "ChromaPipeline", None, "prompt weight (red:1.2)"),
    ],
)
def test_weights_are_carried_over_or_refused_by_name(prompt: str, tool: str, pipeline: str, value: str, why: str) -> None:
    found, told = weighting(["a plain text", prompt], tool, pipeline)
    assert found == value
    assert told == (why and f"the prompt is written for {tool}, and not supported is: {why}")


@pytest.mark.parametrize(
    ("prompt", "tool", "pipeline", "words"),
    [
        (r"emma \(x\) \[y\]", "a1111", "ZImagePipeline", "emma (x) [y]"),
        (r"a\b \\", "forge", None, "ab \\"),
        (r"emma \(x\) \[y\]", "comfyui", "ZImagePipeline", r"emma (x) \[y\]"),
        (r"emma \(x\)", "sdnext", "ZImagePipeline", r"emma \(x\)"),
        (r"emma \(x\)", "diffusers", None, r"emma \(x\)"),
    ],
)
def test_an_escaped_bracket_is_one_where_the_tool_reads_it_so(prompt: str, tool: str, pipeline: str, words: str) -> None:
    assert unescaped(prompt, tool, pipeline) == words
