"""Several payloads in one file: the order of trust, conflicts, and what is nobody's."""

from __future__ import annotations

import json

import pytest

from seedbank.errors import BadInput
from seedbank.formats.detect import conflicts, examine, format_of, readings
from seedbank.formats.reading import ModelName, Payload
from seedbank.recipe import Recipe
from tests.formats.tool_samples import A1111, GRAPH, INVOKE, SAMPLES, SWARM, sample

# -- seedbank's own ----------------------------------------------------------------------------------------------------


def _own() -> Recipe:
    return Recipe(
        conditioning={"prompt": "a cat", "negative_prompt": "blurry"},
        noise={"kind": "torch-cpu", "seed": 2**64 - 1},
        call={"num_inference_steps": 8, "guidance_scale": 3.0, "width": 64, "height": 96},
        scheduler={"class": "EulerAncestralDiscreteScheduler", "config": {}},
    )


def test_our_own_recipe_comes_before_the_text_beside_it_and_is_whole():
    recipe = _own()
    payloads = [Payload("png:parameters", A1111), Payload("png:seedbank", recipe.canonical.decode())]
    found = examine(payloads)
    reading = found.readings[0]
    assert [one.tool for one in found.readings] == ["seedbank"] and conflicts(found.readings) == []
    assert Recipe.from_dict(reading.recipe.extras["recipe"]).digest == recipe.digest == reading.recipe.extras["digest"]
    assert (reading.recipe.seed, reading.recipe.sampler, reading.recipe.guidance_scale) == (2**64 - 1, "Euler a", 3.0)
    assert reading.recipe.model == ModelName("m"), "the recipe has digests only; the text has the name"


@pytest.mark.parametrize(
    "damaged", ["no JSON", "{", '{"v": 2}', '{"noise": {"seed": "x"}}', '{"noise": [1]}', '{"strange": 1}']
)
def test_a_recipe_of_our_own_that_is_damaged_is_a_sentence_and_the_text_beside_it_is_read(damaged):
    found = examine([Payload("png:seedbank", damaged), Payload("png:parameters", A1111)])
    assert [reading.tool for reading in found.readings] == ["a1111"]
    assert found.remarks[0].startswith("own: The recipe in the file")


# -- detection ---------------------------------------------------------------------------------------------------------


def test_the_graph_comes_before_the_text_that_a_node_wrote_beside_it_and_the_conflict_is_named():
    wrong = "unknown\nNegative prompt: unknown\nSteps: 20, Sampler: x, CFG scale: 7, Seed: 0, Size: 512x512"
    found = readings([Payload("png:parameters", wrong), sample("png:prompt", GRAPH)])
    assert [reading.tool for reading in found] == ["comfyui", "a1111"]
    said = conflicts(found)
    assert "seed: 9007199254740993 says comfyui (png:prompt), 0 says a1111 (png:parameters)." in said
    assert any(sentence.startswith("prompt: 'a cat' says comfyui") for sentence in said)


def test_long_prompts_are_shown_where_they_part():
    long = "word " * 100
    one = sample("png:invokeai_metadata", {**INVOKE, "positive_prompt": long + "cat"})
    found = readings([one, Payload("png:parameters", A1111.replace("a cat", long + "dog"))])
    assert any("word cat' says invokeai" in sentence and "word dog' says a1111" in sentence for sentence in conflicts(found))


def test_a_text_is_not_read_twice_as_the_format_of_two_tools():
    for name in ("fooocus", "artbot", "drawthings", "fooocus, a1111", "easydiffusion"):
        assert len(readings(SAMPLES[name][0])) == 1, name


@pytest.mark.parametrize(
    "text", ['{"a": 1}', '{"prompt": "a cat"}', "{a cat} in [a hat]", "a cat", "", "[1, 2]", "{", '"x"', "null"]
)
def test_a_text_of_no_tool_is_no_recipe(text):
    for place in ("exif:UserComment", "text", "png:prompt", "png:Comment"):
        assert not [reading for reading in readings([Payload(place, text)]) if reading.recipe.confidence]


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("png:invokeai_metadata", "{"),
        ("png:generation_data", "[]"),
        ("png:parameters-json", "x"),
        ("png:mold:parameters", "x"),
        ("png:DgenerateConfig", '--prompts "open'),
    ],
)
def test_a_payload_with_a_tools_name_that_is_broken_is_a_sentence(place, text):
    found = examine([Payload(place, text)])
    assert found.readings == () and len(found.remarks) == 1


def test_chunks_that_a_converter_put_into_one_comment_are_read_as_what_they_were():
    inside = {"invokeai_metadata": INVOKE, "invokeai_graph": {"nodes": {}}}
    (reading,) = readings([sample("exif:UserComment", inside)])
    assert (reading.tool, reading.recipe.seed, reading.place) == ("invokeai", 0, "exif:UserComment")
    (data, graph), _ = SAMPLES["tensorart"]
    found = readings([sample("exif:UserComment", {"generation_data": data.text, "prompt": json.loads(graph.text)})])
    assert [reading.tool for reading in found] == ["tensorart", "comfyui"]
    assert found[0].recipe.seed == 2**53 + 1


def test_one_format_can_be_asked_for_by_the_name_of_its_tool():
    payloads = [sample("png:parameters", SWARM), sample("png:prompt", GRAPH)]
    assert [reading.tool for reading in examine(payloads, "ComfyUI").readings] == ["comfyui"]
    assert format_of("stability-matrix") == "stabilitymatrix" and format_of("Ruined Fooocus") == "fooocus"
    with pytest.raises(BadInput, match="no format 'photoshop'"):
        examine(payloads, "photoshop")
