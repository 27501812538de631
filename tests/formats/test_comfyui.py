"""ComfyUI's graphs, each rule on a small graph of its own."""

import json
from typing import Any

import pytest

from seedbank.formats.comfyui import read
from seedbank.formats.comfyui.arithmetic import evaluate
from seedbank.formats.reading import GUESSED, Foreign, FormatError, ModelName, Payload
from tests.formats.comfy_graphs import WORKFLOW, Nodes, graph, plain, reading, recipe


def test_a_plain_graph_says_all_fields_with_certainty() -> None:
    said = reading(plain())
    assert said.tool == "comfyui" and said.place == "png:prompt" and said.remarks == ()
    assert said.recipe == Foreign(
        prompt="a fox",
        negative_prompt="blurry",
        seed=7,
        steps=20,
        guidance_scale=6.5,
        sampler="dpmpp_2m",
        schedule="karras",
        width=640,
        height=512,
        model=ModelName("base.safetensors"),
        extras={"mode": "txt2img", "noise": "cpu"},
        confidence=said.recipe.confidence,
    )
    assert set(said.recipe.confidence.values()) == {1.0}


LAYOUTS = [
    ("png:prompt", lambda text: text),
    ("exif:Model", lambda text: "prompt:" + text),
    ("exif:Make", lambda text: "Prompt: " + text),
    ("exif:UserComment", lambda text: f'{{"prompt": {text}, "workflow": {{"nodes": [], "links": []}}}}'),
    ("exif:UserComment", lambda text: json.dumps({"prompt": text})),
    ("exif:UserComment", lambda text: text[:-1] + ', "extra": {"airs": []}, "extraMetadata": "{\\"prompt\\":\\"other\\"}"}'),
    ("exif:ImageDescription", lambda text: f'{{"generator": "ComfyUI", "prompt": "other", "seed": 1, "prompt_api": {text}}}'),
    ("text", lambda text: text),
    ("xmp", lambda text: f"<x:xmpmeta><exif:UserComment>prompt:{text.replace('<', '&lt;')}</exif:UserComment></x:xmpmeta>"),
    ("xmp", lambda text: '<rdf:Description exif:prompt="' + text.replace('"', "&quot;") + '"/>'),
]


@pytest.mark.parametrize(("place", "layout"), LAYOUTS)
def test_the_graph_is_found_in_every_layout(place: str, layout: Any) -> None:
    assert recipe(layout(json.dumps(plain())), place).seed == 7


def test_what_only_civitai_says_beside_the_graph_is_added_and_the_graph_counts_more() -> None:
    beside = {"prompt": "other", "seed": 9, "steps": 8, "resources": [{"modelVersionId": 1}]}
    data = graph({}, n5={"steps": None}) | {"extraMetadata": json.dumps(beside)}
    said = recipe(data)
    assert (said.prompt, said.seed, said.steps) == ("a fox", 7, 8)
    assert said.extras["resources"] == [{"modelVersionId": 1}] and said.confidence["steps"] < 1
    assert recipe(plain() | {"extraMetadata": "{broken"}).seed == 7


def test_texts_of_other_tools_are_left_alone() -> None:
    invoke = {"nodes": [{"id": "a", "type": "invocation", "data": {}}], "edges": []}
    for place, text in [
        ("png:parameters", "a fox\nSteps: 20, Seed: 1"),
        ("png:prompt", "a fox"),
        ("png:prompt", '{"a": "fox"}'),
        ("png:Comment", '{"prompt": "a fox", "steps": 28}'),
        ("png:invokeai_workflow", json.dumps(invoke)),
        ("exif:UserComment", '{"nodes": broken'),
    ]:
        assert read([Payload(place, text)]) is None


@pytest.mark.parametrize(
    "text", ['{"1": {"class_type": ', '{"1": {"class_type": "A", "inputs": ' + "[" * 100_000, 'prompt:{"nodes"']
)
def test_a_broken_graph_is_a_format_error_that_names_its_place(text: str) -> None:
    with pytest.raises(FormatError, match="png:prompt"):
        read([Payload("png:prompt", text)])


def test_a_broken_graph_beside_a_good_workflow_is_a_remark() -> None:
    said = read([Payload("png:prompt", '{"class_type"'), Payload("png:workflow", json.dumps(WORKFLOW))])
    assert said is not None and said.recipe.seed == 11
    assert any("not JSON" in remark for remark in said.remarks)


def test_seeds_keep_all_64_bits_and_zero_is_a_seed() -> None:
    assert recipe(plain(seed=2**64 - 1)).seed == 2**64 - 1
    assert recipe(plain(seed=0)).seed == 0
    assert recipe(plain(seed=-1)).seed is None
    assert recipe(plain(seed=2**64)).seed is None


def test_numbers_that_are_none_are_unknown() -> None:
    said = recipe(json.dumps(plain()).replace("6.5", "NaN").replace('"steps": 20', '"steps": Infinity'))
    assert said.guidance_scale is None and said.steps is None and said.seed == 7


VALUES: list[tuple[str, Nodes, dict[str, Any], dict[str, Any]]] = [
    ("a primitive", {"a": ("PrimitiveInt", {"value": 99})}, {"seed": ["a", 0]}, {"seed": 99}),
    ("a seed node", {"a": ("Seed (rgthree)", {"seed": 98})}, {"seed": ["a", 0]}, {"seed": 98}),
    ("a reroute to it", {"a": ("CR Seed", {"seed": 97}), "r": ("Reroute", {"": ["a", 0]})}, {"seed": ["r", 0]}, {"seed": 97}),
    (
        "the slot of a node of settings",
        {"a": ("KSampler Config (rgthree)", {"steps_total": 5, "refiner_step": 24, "cfg": 3.0, "sampler_name": "lcm"})},
        {"steps": ["a", 0], "cfg": ["a", 2], "sampler_name": ["a", 3]},
        {"steps": 5, "guidance_scale": 3.0, "sampler": "lcm"},
    ),
    (
        "arithmetic",
        {"a": ("SimpleMath+", {"value": "a * 2 + b", "a": 10, "b": ["i", 0]}), "i": ("ImpactInt", {"value": 3})},
        {"steps": ["a", 0]},
        {"steps": 23},
    ),
    (
        "a named operation",
        {"a": ("easy mathInt", {"a": 4, "b": 5, "operation": "multiply"})},
        {"steps": ["a", 0]},
        {"steps": 20},
    ),
    (
        "a switch",
        {
            "a": ("ComfySwitchNode", {"switch": ["b", 0], "on_true": 30, "on_false": ["c", 0]}),
            "b": ("PrimitiveBoolean", {"value": False}),
            "c": ("INTConstant", {"value": 12}),
        },
        {"steps": ["a", 0]},
        {"steps": 12},
    ),
    (
        "a switch by number",
        {
            "a": ("ImpactSwitch", {"select": 2, "input1": ["b", 0], "input2": ["c", 0]}),
            "b": ("INTConstant", {"value": 1}),
            "c": ("INTConstant", {"value": 2}),
        },
        {"steps": ["a", 0]},
        {"steps": 2},
    ),
    (
        "a sign",
        {"a": ("LayerUtility: NumberCalculator", {"a": 4, "b": 5, "operator": "*"})},
        {"steps": ["a", 0]},
        {"steps": 20},
    ),
    ("a sign that is none", {"a": ("Calculator", {"a": 4, "b": 5, "operator": "?"})}, {"steps": ["a", 0]}, {"steps": None}),
    ("a slider", {"a": ("mxSlider", {"Xi": 4, "Xf": 4.5, "isfloatX": 1})}, {"cfg": ["a", 0]}, {"guidance_scale": 4.5}),
    (
        "a slider in two directions",
        {"a": ("mxSlider2D", {"Xi": 8, "Xf": 8.5, "Yi": 9, "Yf": 9.5, "isfloatX": 0, "isfloatY": 0})},
        {"seed": ["a", 0], "steps": ["a", 1]},
        {"seed": 8, "steps": 9},
    ),
    (
        "a number before the link in the file, behind it in the formula",
        {"a": ("easy mathInt", {"b": 5, "operation": "subtract", "a": ["i", 0]}), "i": ("easy int", {"value": 25})},
        {"steps": ["a", 0]},
        {"steps": 20},
    ),
    ("an operation by its name", {"a": ("DF_Multiply", {"Value_A": 4.0, "Value_B": 5.0})}, {"steps": ["a", 0]}, {"steps": 20}),
    ("whole numbers", {"a": ("JWIntegerDiv", {"a": 41, "b": 2})}, {"steps": ["a", 0]}, {"steps": 20}),
    ("a part that is left out", {"a": ("FloatToInt", {"float": 20.9})}, {"steps": ["a", 0]}, {"steps": 20}),
    ("a rounded number", {"a": ("SimpleMath+", {"value": "a / 3", "a": 62})}, {"steps": ["a", 0]}, {"steps": 21}),
    (
        "the second of two formulas",
        {"a": ("SimpleMathDual+", {"value_1": "a", "value_2": "a * 2", "a": 10})},
        {"steps": ["a", 2]},
        {"steps": 20},
    ),
    (
        "a slider's fraction",
        {"a": ("SimpleMathSlider+", {"value": 0.5, "min": 0.0, "max": 40.0, "rounding": 0})},
        {"steps": ["a", 1]},
        {"steps": 20},
    ),
    (
        "a formula of which a part is unknown",
        {"a": ("MathExpression|pysssss", {"expression": "a * b", "a": ["nowhere", 0], "b": 2})},
        {"steps": ["a", 0]},
        {"steps": None},
    ),
    ("a link to no node", {}, {"seed": ["nowhere", 0]}, {"seed": None, "steps": 20}),
    ("a circle", {"a": ("Reroute", {"": ["b", 0]}), "b": ("Reroute", {"": ["a", 0]})}, {"seed": ["a", 0]}, {"seed": None}),
    ("a seed that was never drawn", {"a": ("Seed (rgthree)", {"seed": -1})}, {"seed": ["a", 0]}, {"seed": None}),
]


@pytest.mark.parametrize(("nodes", "inputs", "expected"), [case[1:] for case in VALUES], ids=[case[0] for case in VALUES])
def test_values_are_followed_through(nodes: Nodes, inputs: dict[str, Any], expected: dict[str, Any]) -> None:
    said = recipe(graph(nodes, n5=inputs))
    assert {name: getattr(said, name) for name in expected} == expected


TEXT: list[tuple[str, Nodes, Any, str | None]] = [
    (
        "joined strings",
        {
            "a": ("StringConcatenate", {"string_a": "x", "string_b": ["b", 0], "delimiter": ", "}),
            "b": ("PrimitiveString", {"value": "y"}),
        },
        ["a", 0],
        "x, y",
    ),
    (
        "a replacement",
        {"a": ("StringReplace", {"string": "a red fox", "find": "red", "replace": "blue"})},
        ["a", 0],
        "a blue fox",
    ),
    ("a trimmed text", {"a": ("StringTrim", {"string": " a fox\n", "mode": "Both"})}, ["a", 0], "a fox"),
    ("small letters", {"a": ("CaseConverter", {"string": "A FOX", "mode": "lowercase"})}, ["a", 0], "a fox"),
    ("a part of it", {"a": ("StringSubstring", {"string": "a red fox", "start": 0, "end": -4})}, ["a", 0], "a red"),
    (
        "a pattern that is a word",
        {"a": ("RegexReplace", {"string": "a red fox", "regex_pattern": "RED", "replace": "blue", "count": 0})},
        ["a", 0],
        "a blue fox",
    ),
    (
        "a pattern that would have to be run",
        {"a": ("RegexReplace", {"string": "a red fox", "regex_pattern": "(r+)+d", "replace": "blue"})},
        ["a", 0],
        None,
    ),
    (
        "parts of a prompt",
        {"a": ("CR Combine Prompt", {"part1": "a", "part2": "fox", "part3": "", "part4": "", "separator": ","})},
        ["a", 0],
        "a,fox,,",
    ),
    (
        "a wildcard after its draw",
        {"a": ("ImpactWildcardProcessor", {"wildcard_text": "__x__", "populated_text": "hen"})},
        ["a", 0],
        "hen",
    ),
    (
        "a node that shows it",
        {"a": ("ShowText|pysssss", {"text": ["b", 0], "text_0": "old"}), "b": ("Text Multiline", {"text": "new"})},
        ["a", 0],
        "new",
    ),
    (
        "a comma by its name",
        {"a": ("Text Concatenate (JPS)", {"text1": "x", "text2": "", "text3": "y", "delimiter": "comma"})},
        ["a", 0],
        "x, y",
    ),
    (
        "one line of a text",
        {"a": ("easy promptLine", {"prompt": "one\n\ntwo\nthree", "start_index": 1, "max_rows": 1})},
        ["a", 0],
        "two",
    ),
    (
        "the second of several texts",
        {"a": ("Text String", {"text": "one", "text_b": "two", "text_c": "three", "text_d": ""})},
        ["a", 1],
        "two",
    ),
    ("a line that is drawn", {"a": ("Text Random Line", {"text": "one\ntwo", "seed": 3})}, ["a", 0], None),
    (
        "a switch of WAS",
        {
            "a": ("Text Input Switch", {"text_a": ["b", 0], "text_b": ["c", 0], "boolean": False}),
            "b": ("Text Multiline", {"text": "x"}),
            "c": ("Text Multiline", {"text": "y"}),
        },
        ["a", 0],
        "y",
    ),
    (
        "joined without blanks and what is empty",
        {
            "a": (
                "Text Concatenate",
                {"delimiter": ", ", "clean_whitespace": "true", "text_a": " x ", "text_b": " ", "text_c": "y"},
            )
        },
        ["a", 0],
        "x, y",
    ),
    (
        "a replacement whose words are given",
        {
            "a": ("Text Find and Replace Input", {"text": "a red fox", "find": ["b", 0], "replace": ["c", 0]}),
            "b": ("Text Multiline", {"text": "red"}),
            "c": ("Text Multiline", {"text": "blue"}),
        },
        ["a", 0],
        "a blue fox",
    ),
    (
        "tags that are tidied",
        {"a": ("StringFunction|pysssss", {"action": "append", "tidy_tags": "yes", "text_a": "x", "text_b": "", "text_c": "y"})},
        ["a", 0],
        "x, y",
    ),
    (
        "another pattern",
        {"a": ("StringFunction|pysssss", {"action": "replace", "text_a": "a fox", "text_b": "/f.x/", "text_c": "hen"})},
        ["a", 0],
        None,
    ),
    (
        "an addition before it",
        {
            "a": (
                "Simple String Combine (WLSH)",
                {"input_string": "fox", "addition": "red", "placement": "before", "separator": "comma"},
            )
        },
        ["a", 0],
        "red, fox",
    ),
    (
        "one of the lines",
        {"a": ("ImpactStringSelector", {"strings": "one\ntwo\nthree", "multiline": False, "select": 4})},
        ["a", 0],
        "two",
    ),
    (
        "the first that is there",
        {"a": ("Any Switch (rgthree)", {"any_01": ["muted", 0], "any_02": ["b", 0]}), "b": ("StringConstant", {"string": "x"})},
        ["a", 0],
        "x",
    ),
    ("a text box", {"a": ("DF_Text_Box", {"Text": "boxed"})}, ["a", 0], "boxed"),
    ("a language model", {"a": ("OllamaGenerate", {"prompt": "make it long", "seed": 1})}, ["a", 0], None),
    ("an unknown node without a text", {"a": ("OC Generator", {"settings": ["b", 0], "seed": 4})}, ["a", 0], None),
    ("Chinese", {}, "一只狐狸", "一只狐狸"),
    ("nothing", {}, "", ""),
]


@pytest.mark.parametrize(("nodes", "text", "expected"), [case[1:] for case in TEXT], ids=[case[0] for case in TEXT])
def test_a_prompt_is_followed_through(nodes: Nodes, text: Any, expected: str | None) -> None:
    assert recipe(graph(nodes, n2={"text": text})).prompt == expected


def test_a_text_made_at_run_time_is_what_was_typed_and_only_a_guess() -> None:
    nodes: Nodes = {
        "a": ("ComfySwitchNode", {"switch": True, "on_true": ["llm", 0], "on_false": ["typed", 0]}),
        "llm": ("TextGenerate", {"prompt": ["typed", 0]}),
        "typed": ("PrimitiveStringMultiline", {"value": "a hen"}),
    }
    said = reading(graph(nodes, n2={"text": ["a", 0]}))
    assert said.recipe.prompt == "a hen" and said.recipe.confidence["prompt"] == GUESSED
    assert any("typed" in remark for remark in said.remarks)


def test_what_a_showing_node_showed_when_the_file_was_written_is_in_the_workflow() -> None:
    nodes: Nodes = {"a": ("ShowText|pysssss", {"text": ["llm", 0]}), "llm": ("OllamaGenerate", {"prompt": "x"})}
    workflow = {"nodes": [{"id": "a", "type": "ShowText|pysssss", "widgets_values": [["made at run time"]]}], "links": []}
    prompt = Payload("png:prompt", json.dumps(graph(nodes, n2={"text": ["a", 0]})))
    said = read([prompt, Payload("png:workflow", json.dumps(workflow))])
    assert said is not None and said.recipe.prompt == "made at run time" and said.recipe.confidence["prompt"] < 1


CONDITIONINGS: list[tuple[str, Nodes, dict[str, Any], str | None, str | None]] = [
    (
        "areas",
        {
            "a": ("ConditioningCombine", {"conditioning_1": ["b", 0], "conditioning_2": ["2", 0]}),
            "b": ("ConditioningSetArea", {"conditioning": ["c", 0], "width": 64}),
            "c": ("CLIPTextEncode", {"text": "sky", "clip": ["1", 1]}),
        },
        {"positive": ["a", 0]},
        "sky\na fox",
        "blurry",
    ),
    (
        "a node of both, crossed",
        {"a": ("ControlNetApplyAdvanced", {"positive": ["3", 0], "negative": ["2", 0], "strength": 0.5})},
        {"positive": ["a", 1], "negative": ["a", 0]},
        "a fox",
        "blurry",
    ),
    ("zeroed", {"a": ("ConditioningZeroOut", {"conditioning": ["2", 0]})}, {"negative": ["a", 0]}, "a fox", None),
    (
        "SDXL, twice the same",
        {"a": ("CLIPTextEncodeSDXL", {"text_g": "hen", "text_l": "hen", "width": 4096, "clip": ["1", 1]})},
        {"positive": ["a", 0]},
        "hen",
        "blurry",
    ),
    (
        "SDXL, two texts",
        {"a": ("CLIPTextEncodeSDXL", {"text_g": "hen", "text_l": "oil", "clip": ["1", 1]})},
        {"positive": ["a", 0]},
        "hen\noil",
        "blurry",
    ),
    (
        "both prompts of SDXL in one node",
        {
            "a": (
                "CLIP Positive-Negative XL w/Text (WLSH)",
                {"positive_g": "hen", "positive_l": "oil", "negative_g": "cat", "negative_l": "cat", "clip": ["1", 1]},
            )
        },
        {"positive": ["a", 0], "negative": ["a", 1]},
        "hen\noil",
        "cat",
    ),
    (
        "an average of one",
        {
            "a": (
                "ConditioningAverage",
                {"conditioning_to": ["2", 0], "conditioning_from": ["3", 0], "conditioning_to_strength": 1.0},
            )
        },
        {"positive": ["a", 0]},
        "a fox",
        "blurry",
    ),
    (
        "a pipe",
        {
            "a": ("ToBasicPipe", {"model": ["1", 0], "positive": ["2", 0], "negative": ["3", 0]}),
            "b": ("EditBasicPipe", {"basic_pipe": ["a", 0], "negative": ["c", 0]}),
            "c": ("CLIPTextEncode", {"text": "grey", "clip": ["1", 1]}),
            "d": ("FromBasicPipe", {"basic_pipe": ["b", 0]}),
        },
        {"model": ["d", 0], "positive": ["d", 3], "negative": ["d", 4]},
        "a fox",
        "grey",
    ),
    (
        "contexts",
        {
            "a": ("Context (rgthree)", {"positive": ["2", 0], "model": ["1", 0]}),
            "b": ("Context Switch (rgthree)", {"ctx_02": ["a", 0]}),
            "c": ("Context (rgthree)", {"base_ctx": ["b", 0], "negative": ["3", 0]}),
        },
        {"model": ["c", 1], "positive": ["c", 4], "negative": ["c", 5]},
        "a fox",
        "blurry",
    ),
    (
        "an encoder that nobody knows",
        {"a": ("SomeNewTextEncode", {"prompt": "hen", "clip": ["1", 1]})},
        {"positive": ["a", 0]},
        "hen",
        "blurry",
    ),
]


@pytest.mark.parametrize(
    ("nodes", "inputs", "prompt", "negative"), [case[1:] for case in CONDITIONINGS], ids=[case[0] for case in CONDITIONINGS]
)
def test_conditionings_are_followed_through(
    nodes: Nodes, inputs: dict[str, Any], prompt: str | None, negative: str | None
) -> None:
    said = recipe(graph(nodes, n5=inputs))
    assert (said.prompt, said.negative_prompt) == (prompt, negative)
    assert said.model == ModelName("base.safetensors")


def test_texts_for_the_parts_of_an_encoder_are_told_apart() -> None:
    nodes: Nodes = {"a": ("CLIPTextEncodeFlux", {"clip_l": "oil", "t5xxl": "a hen", "guidance": 2.5, "clip": ["1", 1]})}
    said = recipe(graph(nodes, n5={"positive": ["a", 0]}))
    assert said.extras["encoders"] == {"clip_l": "oil", "t5xxl": "a hen"}
    assert all(text in (said.prompt or "") for text in ("oil", "a hen"))


def custom_sampler(guider: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    nodes: Nodes = {
        "5": (
            "SamplerCustomAdvanced",
            {"noise": ["n", 0], "guider": ["g", 0], "sampler": ["s", 0], "sigmas": ["x", 0], "latent_image": ["4", 0]},
        ),
        "n": ("RandomNoise", {"noise_seed": 31}),
        "g": guider,
        "s": ("KSamplerSelect", {"sampler_name": "heun"}),
        "x": ("SplitSigmas", {"sigmas": ["y", 0], "step": 3}),
        "y": ("BasicScheduler", {"scheduler": "beta", "steps": 9, "denoise": 1.0, "model": ["1", 0]}),
        "f": ("FluxGuidance", {"guidance": 3.5, "conditioning": ["2", 0]}),
    }
    return graph(nodes)


def test_a_custom_sampler_says_its_values_in_many_nodes() -> None:
    said = recipe(custom_sampler(("CFGGuider", {"cfg": 4.0, "positive": ["f", 0], "negative": ["3", 0], "model": ["1", 0]})))
    assert (said.seed, said.steps, said.guidance_scale, said.sampler, said.schedule) == (31, 9, 4.0, "heun", "beta")
    assert (said.prompt, said.negative_prompt, said.extras["distilled_guidance"]) == ("a fox", "blurry", 3.5)


def test_without_a_cfg_the_distilled_guidance_is_the_guidance() -> None:
    said = recipe(custom_sampler(("BasicGuider", {"conditioning": ["f", 0], "model": ["1", 0]})))
    assert (said.guidance_scale, said.negative_prompt, said.extras["distilled_guidance"]) == (3.5, None, 3.5)
    assert said.extras["guidance_is_distilled"]
    assert said.confidence["guidance_scale"] < 1


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("a * 2 + 8", 18),
        ("round(a / 3)", 2),
        ("round(a * 7, -1)", 40),
        ("round(a, 0 - 10 ** 6)", None),
        ("min(a, 3) // 2", 1),
        ("a ** 2", 25),
        ("9 ** 9 ** 9", None),
        ("a ** 60", None),
        ("(0 - a) ** 0.5", None),
        ("3 if a > 4 else 2", 3),
        ("$floor(a / 2)", 2),
        ("__import__('os')", None),
        ("a / 0", None),
        ("1" * 600, None),
        ("a +", None),
    ],
)
def test_arithmetic_is_bounded(expression: str, value: int | None) -> None:
    assert evaluate(expression, {"a": 5}) == value
