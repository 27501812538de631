"""ComfyUI's graphs of any shape and size: never an error but the format's own, and never for long."""

import json
import time
import tracemalloc
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seedbank.formats.comfyui import read
from seedbank.formats.comfyui.orders import WIDGETS
from seedbank.formats.comfyui.roles import NAMES, OUTPUTS, TEXTS
from seedbank.formats.reading import FormatError, Payload
from tests.formats.comfy_graphs import Nodes, graph, plain, reading, recipe


def long(kind: str, inputs: dict[str, Any], name: str, start: list[Any], count: int) -> tuple[dict[str, Any], list[Any]]:
    """Nodes one behind the other, each with the one before as its input of that name."""
    made: dict[str, Any] = {}
    for place in range(count):
        made[f"c{place}"] = {"class_type": kind, "inputs": {**inputs, name: start}}
        start = [f"c{place}", 0]
    return made, start


@pytest.mark.parametrize(
    ("kind", "inputs", "name", "start", "end"),
    [
        ("Reroute", {}, "x", ["6", 0], ("7", "images")),
        ("ConditioningCombine", {"conditioning_2": ["2", 0]}, "conditioning_1", ["2", 0], ("5", "positive")),
        ("LoraLoader", {"lora_name": "x", "strength_model": 1}, "model", ["1", 0], ("5", "model")),
        ("StringConcatenate", {"string_b": "y"}, "string_a", ["s", 0], ("2", "text")),
    ],
)
def test_ways_longer_than_any_real_one_are_cut_in_bounded_time(
    kind: str, inputs: dict[str, Any], name: str, start: list[Any], end: tuple[str, str]
) -> None:
    nodes, last = long(kind, inputs, name, start, 12_000)
    data = json.dumps(graph({}, plain() | nodes, **{f"n{end[0]}": {end[1]: last}}))
    began = time.process_time()
    assert recipe(data).seed in (7, None)
    assert time.process_time() - began < 20


def test_texts_that_double_sixty_times_are_cut_off() -> None:
    nodes: Nodes = {
        f"c{k}": ("StringConcatenate", {"string_a": [f"c{k - 1}", 0], "string_b": [f"c{k - 1}", 0]}) for k in range(1, 61)
    }
    began = time.process_time()
    said = reading(graph(nodes | {"c0": ("PrimitiveString", {"value": "x" * 100})}, n2={"text": ["c60", 0]}))
    assert said.recipe.seed == 7 and len(said.recipe.prompt or "") <= 1_000_000
    assert time.process_time() - began < 10


@pytest.mark.parametrize("kind", ["StringReplace", "RegexReplace"])
def test_a_replacement_is_no_larger_than_what_is_kept_of_it(kind: str) -> None:
    inputs = {"string": "x" * 10_000, "find": "x", "regex_pattern": "x", "replace": "y" * 10_000}
    tracemalloc.start()
    try:
        said = recipe(graph({"s": (kind, inputs)}, n2={"text": ["s", 0]}))
        assert said.prompt == "y" * 1_000_000
        assert tracemalloc.get_traced_memory()[1] < 20e6, "and not 100 MB"
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("count", "text"), [(2**64 - 1, "yyy"), (2, "yyx"), (0, "yyy"), (-(2**64) + 1, "yyy")])
def test_the_count_of_a_replacement_can_be_any_number(count: int, text: str) -> None:
    inputs = {"string": "xxx", "regex_pattern": "x", "replace": "y", "count": count}
    assert recipe(graph({"s": ("RegexReplace", inputs)}, n2={"text": ["s", 0]})).prompt == text


def test_many_instances_of_one_large_group_or_subgraph_are_read_in_bounded_time() -> None:
    """Each instance once took as long as the whole definition, so that a file of a few hundred KB took minutes."""
    inner = {"nodes": [{"id": 0, "type": "A", "inputs": [], "outputs": []}], "links": [[0, 0, 0, 0]] * 30_000}
    groups = {
        "nodes": [{"id": at, "type": "workflow>g"} for at in range(2000)],
        "links": [],
        "extra": {"groupNodes": {"g": inner}},
    }
    lines = [{"id": at, "origin_id": 0, "origin_slot": 0} for at in range(15_000)]
    inside = {"id": "s", "nodes": [{"id": 0, "type": "A"}], "links": lines}
    drawn = {"nodes": [{"id": at, "type": "s"} for at in range(2000)], "links": [], "definitions": {"subgraphs": [inside]}}
    for workflow in (groups, drawn):
        began = time.process_time()
        with suppress(FormatError):
            read([Payload("png:workflow", json.dumps(workflow))])
        assert time.process_time() - began < 10


KINDS = sorted(
    {*WIDGETS, *OUTPUTS, "SamplerCustomAdvanced", "Reroute", "SomethingNew", "ToBasicPipe", "ShowText|pysssss", "SimpleMath+"}
)
INPUTS = sorted(
    {name for table in (NAMES, TEXTS, WIDGETS) for names in table.values() for name in names}
    | {
        "base_ctx",
        "ctx_01",
        "basic_pipe",
        "guider",
        "sigmas",
        "noise",
        "any_01",
        "select",
        "input1",
        "on_true",
        "on_false",
        "switch",
        "lora_1",
        "lora_stack",
        "lora_name_1",
        "conditioning_1",
        "conditioning_2",
        "expression",
        "a",
        "b",
        "find",
        "replace",
        "control_net",
        "megapixels",
    }
)
IDS = st.sampled_from(["1", "2", "3", "4", "5:1", "w", "none"])
LINKS = st.tuples(IDS, st.integers(-1, 9)).map(list)
LITERALS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=8),
    st.just("1024 x 512"),
    st.just("a*b"),
    st.just([]),
    st.just({"on": True, "lora": "x", "strength": "y"}),
    st.just({"__value__": [{"name": 1}]}),
    st.just("<lora:x:1:2>"),
)
NODE = st.fixed_dictionaries(
    {"class_type": st.sampled_from(KINDS), "inputs": st.dictionaries(st.sampled_from(INPUTS), LINKS | LITERALS, max_size=8)}
)
DRAWN = st.fixed_dictionaries(
    {
        "id": st.integers(0, 6) | st.none(),
        "type": st.sampled_from([*KINDS, "PrimitiveNode", "SetNode", "GetNode", "sub", "workflow>g"]),
        "mode": st.sampled_from([0, 0, 2, 4, None]),
        "inputs": st.none()
        | st.lists(st.fixed_dictionaries({"name": st.sampled_from(INPUTS), "link": st.integers(0, 9) | st.none()}), max_size=4),
        "outputs": st.none() | st.lists(st.fixed_dictionaries({"type": st.sampled_from(["MODEL", "INT", "*"])}), max_size=3),
        "widgets_values": st.none()
        | st.lists(LITERALS, max_size=8)
        | st.dictionaries(st.text(max_size=4), LITERALS, max_size=2),
    }
)
LEVEL = st.fixed_dictionaries(
    {
        "nodes": st.lists(DRAWN, max_size=7),
        "links": st.lists(
            st.tuples(st.integers(0, 9), st.integers(-20, 6), st.integers(-1, 3), st.integers(0, 6), st.just(0)).map(list)
        ),
    }
)


@settings(max_examples=150, deadline=2000)
@given(st.dictionaries(IDS, NODE, max_size=6), st.booleans())
def test_graphs_of_any_shape_are_read_without_an_error(nodes: dict[str, Any], around: bool) -> None:
    data = plain() | nodes if around else nodes
    found = read([Payload("png:prompt", json.dumps(data))])
    assert found is None or found.recipe.seed is None or 0 <= found.recipe.seed < 2**64


@settings(max_examples=100, deadline=2000)
@given(LEVEL, LEVEL, LEVEL)
def test_workflows_of_any_shape_are_read_without_an_error(top: Any, sub: Any, group: Any) -> None:
    named = {"outputs": [{"name": "x", "linkIds": [1]}], "inputs": [{"name": "y"}], "id": "sub"}
    data = top | {"definitions": {"subgraphs": [sub | named]}, "extra": {"groupNodes": {"g": group}}}
    with suppress(FormatError):
        read([Payload("png:workflow", json.dumps(data))])


@settings(max_examples=100)
@given(
    st.text(max_size=80),
    st.sampled_from(["", "prompt:", "Workflow: ", '{"class_type"', '{"nodes":', '{"1": {"class_type": "KSampler", "inputs": ']),
)
def test_any_text_is_read_or_refused(text: str, start: str) -> None:
    for place in ("png:prompt", "exif:Make", "xmp", "text"):
        with suppress(FormatError):
            read([Payload(place, start + text)])


MANY_IN_ONE = "SeargeMagicBox SeargeLoras SeargeOutput2 SeargeTextInputV2 KSampler VAEDecode SaveImage LoadImage VAEEncode"
THEIR_INPUTS = (
    "stage data script X Y pipe lora_1 lora_1_strength hires_mode hires_scale image_size_preset style_prompt steps seed "
    "base_vs_refiner_ratio base_checkpoint refiner_checkpoint workflow_mode prompting_mode sampler_preset batch_count "
    "swap_dimensions aspect_ratio prescale_factor width height scale_by megapixels samples images pixels image model "
    "latent_image positive x_plot target_parameter"
)
MADE_OF = st.fixed_dictionaries(
    {
        "class_type": st.sampled_from(
            [*MANY_IN_ONE.split(), "XY Plot", "XY Input: Steps", "CR Aspect Ratio", "ImageScaleBy", "## a"]
        ),
        "inputs": st.dictionaries(
            st.sampled_from(THEIR_INPUTS.split()),
            LINKS | LITERALS | st.just("sampling"),
            max_size=12,
        ),
    }
)


@settings(max_examples=80, deadline=2000)
@given(
    st.dictionaries(IDS, MADE_OF, max_size=6),
    st.dictionaries(IDS, MADE_OF | st.none(), max_size=4),
    st.lists(DRAWN, max_size=4),
)
def test_nodes_that_stand_for_many_are_read_without_an_error(nodes: Any, inside: Any, drawn: Any) -> None:
    ends = [node | {"type": kind} for node, kind in zip(drawn, ("ComponentInput", "ComponentOutput") * 2, strict=False)]
    flow = {"nodes": [{"id": 1, "type": "x"}], "links": [], "components": {"## a": {"nodes": ends, "output": inside}}}
    found = read([Payload("png:prompt", json.dumps(plain() | nodes)), Payload("png:workflow", json.dumps(flow))])
    assert found is not None and (found.recipe.seed is None or 0 <= found.recipe.seed < 2**64)


def test_an_id_is_not_repeated_for_all_nodes_in_a_component_or_subgraph_when_it_is_long() -> None:
    """Nodes taken apart are called `12:3`; half a megabyte of id for each of two thousand would be a gigabyte."""
    inside = {str(key): {"class_type": "KSampler", "inputs": {}} for key in range(2_000)}
    whole = {
        "nodes": [{"id": "k" * 500_000, "type": "s"}],
        "links": [],
        "components": {"## a": {"nodes": [], "output": inside}},
    }
    nodes = [{"id": key, "type": "KSampler"} for key in range(2_000)]
    drawn = whole | {"definitions": {"subgraphs": [{"id": "s", "nodes": nodes, "links": []}]}}
    prompt = {"k" * 500_000: {"class_type": "## a", "inputs": {}}}
    tracemalloc.start()
    try:
        for payloads in ([Payload("png:workflow", json.dumps(drawn))], [Payload("png:prompt", json.dumps(prompt))]):
            read([*payloads, Payload("png:workflow", json.dumps(whole))])
        assert tracemalloc.get_traced_memory()[1] < 100_000_000
    finally:
        tracemalloc.stop()


def test_a_long_text_that_is_joined_many_times_is_cut_before_it_is_made() -> None:
    """Each link costs a few bytes of the file, and all of them together would make gigabytes."""
    nodes: Nodes = {
        "a": ("PrimitiveString", {"value": "x" * 400_000}),
        "j": ("JoinStrings", {"delimiter": "y" * 100_000} | {f"string{k}": ["a", 0] for k in range(1, 2000)}),
        "c": ("ConditioningCombine", {f"conditioning_{k}": [f"e{k}", 0] for k in range(1000)}),
        **{f"e{k}": ("CLIPTextEncode", {"text": ["j", 0], "clip": ["1", 1]}) for k in range(1000)},
    }
    tracemalloc.start()
    try:
        said = recipe(graph(nodes, n5={"positive": ["c", 0]}))
        assert tracemalloc.get_traced_memory()[1] < 60_000_000
    finally:
        tracemalloc.stop()
    assert said.prompt is not None and len(said.prompt) == 1_000_000 and said.prompt.startswith("x" * 400_000 + "y")
