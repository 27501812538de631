"""ComfyUI's workflows as they are drawn, and graphs as we write them."""

import json
from typing import Any

import pytest

from seedbank.formats.comfyui import read
from seedbank.formats.comfyui.widgets import uncommented, widgets_of
from seedbank.formats.reading import GUESSED, Lora, ModelName, Payload
from tests.formats.comfy_graphs import WORKFLOW, drawn, plain, reading, recipe


def test_a_workflow_alone_is_read_by_the_order_of_its_widgets_and_never_sure() -> None:
    said = reading(WORKFLOW, "png:workflow")
    got = said.recipe
    assert (got.prompt, got.negative_prompt, got.seed, got.steps, got.guidance_scale) == ("a fox", "blurry", 11, 25, 6.5)
    assert (got.sampler, got.schedule, got.width, got.height, got.model) == (
        "dpmpp_2m",
        "karras",
        640,
        512,
        ModelName("base.safetensors"),
    )
    assert got.loras == (), "the LoRA is bypassed"
    assert set(got.confidence.values()) == {GUESSED} and "as it was drawn" in said.remarks[0]


def test_a_muted_node_takes_its_branch_with_it() -> None:
    nodes = [{**node, "mode": 2} if node["id"] == 2 else node for node in WORKFLOW["nodes"]]
    assert recipe(WORKFLOW | {"nodes": nodes}, "png:workflow").prompt is None


def test_what_is_sent_everywhere_reaches_open_inputs_of_its_type() -> None:
    """`cg-use-everywhere` draws no links; model, prompts and VAE come to the sampler and the decoder by their types."""
    sent = {5: {"model", "positive", "negative"}, 6: {"vae"}}
    nodes = [
        node
        | {"inputs": [port | {"link": None} if port["name"] in sent.get(node["id"], ()) else port for port in node["inputs"]]}
        for node in WORKFLOW["nodes"]
    ]
    nodes.append(drawn(20, "Anything Everywhere3", [("anything", "*", 1), ("anything2", "*", 8)], []))
    nodes.append(
        drawn(21, "Prompts Everywhere", [("CONDITIONING", "CONDITIONING", 4), ("CONDITIONING2", "CONDITIONING", 5)], [])
    )
    said = recipe(WORKFLOW | {"nodes": nodes}, "png:workflow")
    assert (said.prompt, said.negative_prompt, said.seed) == ("a fox", "blurry", 11)


def test_what_is_sent_everywhere_follows_the_links_that_are_written_down() -> None:
    """Newer versions write their links beside the others; types alone would send the first prompt to both inputs."""
    sent = [(5, 1, "2", 0), (5, 2, "3", 0), (5, 0, "10", 0)]
    links = [dict(zip(("downstream", "downstream_slot", "upstream", "upstream_slot"), link, strict=True)) for link in sent]
    nodes = [
        node | {"inputs": [port | {"link": None} if place < 3 else port for place, port in enumerate(node["inputs"])]}
        if node["id"] == 5
        else node
        for node in WORKFLOW["nodes"]
    ]
    nodes.append(drawn(20, "Anything Everywhere", [("anything", "*", 4)], []))
    said = recipe(WORKFLOW | {"nodes": nodes, "extra": {"ue_links": [*links, {"upstream": "99"}, "broken"]}}, "png:workflow")
    assert (said.prompt, said.negative_prompt, said.model) == ("a fox", "blurry", ModelName("base.safetensors"))


def test_a_subgraph_is_taken_apart_and_its_widgets_count() -> None:
    inner = [node for node in WORKFLOW["nodes"] if node["id"] not in (7, 8)]
    links = [
        {
            "id": link[0],
            "origin_id": -10 if link[1] == 8 else link[1],
            "origin_slot": link[2],
            "target_id": link[3],
            "target_slot": link[4],
        }
        for link in WORKFLOW["links"]
    ]
    links.append({"id": 99, "origin_id": 6, "origin_slot": 0, "target_id": -20, "target_slot": 0})
    definition = {
        "id": "b0e5",
        "nodes": inner,
        "links": links,
        "inputs": [{"name": "steps", "type": "INT", "linkIds": [10]}],
        "outputs": [{"name": "IMAGE", "type": "IMAGE", "linkIds": [99]}],
    }
    instance = drawn(30, "b0e5", [], ["IMAGE"], [33]) | {
        "inputs": [{"name": "steps", "type": "INT", "link": None, "widget": {"name": "steps"}}]
    }
    outer = {
        "nodes": [instance, drawn(31, "SaveImage", [("images", "IMAGE", 1)], [], ["x"])],
        "links": [[1, 30, 0, 31, 0, "IMAGE"]],
        "definitions": {"subgraphs": [definition]},
    }
    said = recipe(outer, "png:workflow")
    assert (said.seed, said.steps, said.prompt, said.model) == (11, 33, "a fox", ModelName("base.safetensors"))
    # Newer front ends show widgets of nodes inside, by the node's id; -1 is an input of the subgraph.
    instance["properties"] = {"proxyWidgets": [["2", "text"], ["5", "seed"], ["-1", "steps"]]}
    instance["widgets_values"] = ["a hen", 99, 44]
    said = recipe(outer, "png:workflow")
    assert (said.prompt, said.seed, said.steps) == ("a hen", 99, 44)
    instance["widgets_values"] = ["a hen"]
    said = recipe(outer, "png:workflow")
    assert (said.prompt, said.seed) == ("a fox", 11), "values that are not as many as widgets say nothing"
    inside = {"id": "nest", "nodes": [instance | {"widgets_values": ["a hen", 99, 44]}], "links": [], "inputs": []}
    inside["links"] = [{"id": 7, "origin_id": 30, "origin_slot": 0, "target_id": -20, "target_slot": 0}]
    outer["definitions"]["subgraphs"].append(inside | {"outputs": [{"name": "IMAGE", "linkIds": [7]}]})
    outer["nodes"][0] = drawn(30, "nest", [], ["IMAGE"])
    said = recipe(outer, "png:workflow")
    assert (said.prompt, said.seed, said.steps) == ("a hen", 99, 44), "a subgraph in a subgraph"


def test_the_executed_graph_counts_more_than_the_workflow() -> None:
    said = read([Payload("png:workflow", json.dumps(WORKFLOW)), Payload("png:prompt", json.dumps(plain()))])
    assert said is not None and said.recipe.seed == 7 and said.place == "png:prompt"


WRITTEN = [
    {},
    {"loras": (Lora("one", 0.5), Lora("two", 1.0, weight_text=0.25)), "clip_skip": 2, "vae": "fine.pt", "batch_size": 2},
    {"text_encoders": ("clip_l", "t5"), "encoder_type": "flux", "vae": "ae", "guidance": 3.5, "cfg": 1.0},
    {"seed": 2**64 - 1, "positive": 'say "hi"\n一只狐狸', "negative": "", "denoise": 0.5},
]


@pytest.mark.parametrize("changes", WRITTEN)
def test_what_is_written_is_read_back(changes: dict[str, Any]) -> None:
    said = recipe(plain(**changes))
    assert said.prompt == changes.get("positive", "a fox") and said.negative_prompt == changes.get("negative", "blurry")
    assert said.seed == changes.get("seed", 7) and said.guidance_scale == changes.get("cfg", 6.5)
    assert (said.width, said.height, said.model, said.sampler) == (640, 512, ModelName("base.safetensors"), "dpmpp_2m")
    assert said.loras == changes.get("loras", ())
    for name in ("clip_skip", "batch_size", "denoise"):
        assert said.extras.get(name) == changes.get(name)
    assert said.extras.get("distilled_guidance") == changes.get("guidance")
    assert said.extras.get("vae") == (ModelName(changes["vae"]) if "vae" in changes else None)


def test_text_encoders_without_their_type_are_refused() -> None:
    with pytest.raises(ValueError, match="with their type"):
        plain(text_encoders=("t5",))


@pytest.mark.parametrize(
    ("values", "seed", "steps"),
    [
        ([11, "randomize", 20, 6.5, "euler", "normal", 1], 11, 20),
        ([11, True, 20, 6.5, "euler", "normal", 1], 11, 20),
        ([11, 20, 6.5, "euler", "normal", 1], 11, 20),
        (["Sample", 1, 11, "fixed", 20, 6.5, "euler", "normal", 1], 11, 20),
        ([20, 6.5, 11, "fixed", "dpmpp_2m", "karras", 0.5], 11, 20),
        (["Sample", 11, 20], None, None),
        ([11, "fixed", "20", 6.5, "euler", "normal", 1], None, None),
    ],
)
def test_widgets_of_another_order_are_found_by_the_names_of_samplers_or_unknown(
    values: list[Any], seed: int | None, steps: int | None
) -> None:
    sampler = next(node for node in WORKFLOW["nodes"] if node["type"] == "KSampler")
    changed = sampler | {"widgets_values": values, "inputs": [port for port in sampler["inputs"] if port["name"] != "steps"]}
    nodes = [changed if node is sampler else node for node in WORKFLOW["nodes"]]
    said = recipe(WORKFLOW | {"nodes": nodes}, "png:workflow")
    assert (said.seed, said.steps, said.prompt) == (seed, steps, "a fox")


def test_a_group_node_has_the_values_of_its_instance() -> None:
    """The encoder and the sampler of the workflow as one node, with the model from outside."""
    encoder = drawn(0, "CLIPTextEncode", [("clip", "CLIP", None)], ["CONDITIONING"], ["the group's own"])
    reroute = drawn(1, "Reroute", [("", "MODEL", None)], ["MODEL"])
    ports = [(name, "*", None) for name in ("model", "positive", "negative", "latent_image")]
    sampler = drawn(2, "KSampler", ports, ["LATENT"], [1, "fixed", 5, 1, "euler", "normal", 1])
    group = {
        "nodes": [encoder, reroute, sampler],
        "links": [
            [None, 0, 1, 0, 1, "MODEL"],
            [1, 0, 2, 0, 9, "MODEL"],
            [0, 0, 2, 1, 9, "CONDITIONING"],
            [9, 0, 2, 2],
            "broken",
        ],
        "external": [[0, 0, "CONDITIONING"]],
    }
    instance = drawn(
        30,
        "workflow>both",
        [("clip", "CLIP", 2), ("model", "MODEL", 1), ("negative", "CONDITIONING", 5), ("latent_image", "LATENT", 6)],
        ["CONDITIONING", "LATENT"],
        ["a fox", 2**53 + 1, "randomize", 12, 4.5, "dpmpp_2m", "karras", 1],
    )
    kept = [node for node in WORKFLOW["nodes"] if node["id"] not in (2, 5)]
    links = [[7, 30, 1, 6, 0, "LATENT"] if link[0] == 7 else link for link in WORKFLOW["links"]]
    outer = WORKFLOW | {"nodes": [*kept, instance], "links": links, "extra": {"groupNodes": {"both": group}}}
    said = recipe(outer, "png:workflow")
    assert (said.prompt, said.negative_prompt, said.seed, said.steps) == ("a fox", "blurry", 2**53 + 1, 12)
    assert (said.model, said.width, said.sampler) == (ModelName("base.safetensors"), 640, "dpmpp_2m")
    instance["widgets_values"] = ["a fox", 12, 4.5, "dpmpp_2m", "karras", 1, 7, "fixed"]
    assert recipe(outer, "png:workflow").seed is None, "of another order"
    instance["widgets_values"] = None
    assert recipe(outer, "png:workflow").seed == 1, "the group's own"


@pytest.mark.parametrize(
    ("typed", "run"),
    [
        ("a /* not */ b", "a  b"),
        ("a // to the end\nb", "a \nb"),
        ("a /* open", "a /* open"),
        ("// one /* line\nb */", "\nb */"),
    ],
)
def test_comments_in_a_drawn_prompt_are_no_part_of_it(typed: str, run: str) -> None:
    assert uncommented(typed) == run
    nodes = [node | {"widgets_values": [typed]} if node["id"] == 2 else node for node in WORKFLOW["nodes"]]
    assert recipe(WORKFLOW | {"nodes": nodes}, "png:workflow").prompt == run


WIDGETS_OF = [
    ("KSampler (Efficient)", [-1, None, 20, 7, "euler", "normal", 1, "auto", "true"], {"seed": -1, "steps": 20, "cfg": 7}),
    ("Some Sampler", ["x", 2**60, "fixed", 9, 1.5, "lcm", "sgm_uniform", 0.4], {"seed": 2**60, "steps": 9, "denoise": 0.4}),
    ("SomeVAELoader", ["v.safetensors", "bf16"], {"vae_name": "v.safetensors"}),
    ("SomeLoraThing", ["l.safetensors", 0.5, 0.25, True], {"lora_name": "l.safetensors", "strength_clip": 0.25}),
    (
        "Power Lora Loader (rgthree)",
        [{}, {"on": True, "lora": "l", "strength": 1}],
        {"lora_1": {"on": True, "lora": "l", "strength": 1}},
    ),
    ("EmptySomethingLatent", [768, 512, 1], {"width": 768, "height": 512}),
    ("SomethingElse", [768, 512, 1], {}),
    ("SomeTextEncode", [3, "a fox"], {"text": "a fox"}),
    ("SomePresetLoader", ["styles/fox"], {}),
    ("SomeSamplerSelector", ["euler"], {"text": "euler"}),
    ("LoRA Stacker", ["simple", 1, "l.safetensors", 0.5, 1, 1], {"lora_count": 1, "lora_wt_1": 0.5}),
]


@pytest.mark.parametrize(("kind", "values", "named"), WIDGETS_OF)
def test_widgets_of_nodes_that_nobody_listed_follow_the_usual_orders(
    kind: str, values: list[Any], named: dict[str, Any]
) -> None:
    found = widgets_of({"type": kind, "widgets_values": values})
    assert {name: found.get(name) for name in named} == named and bool(found) == bool(named)
    own = [{"name": f"w{k}", "widget": {"name": f"w{k}"}} for k in range(len(values))]
    if not {"fixed"} & {value for value in values if isinstance(value, str)}:
        assert set(widgets_of({"type": kind, "widgets_values": values, "inputs": own})) == {port["name"] for port in own}


def test_a_component_is_taken_apart_by_its_definition_in_the_workflow() -> None:
    """A component with the sampler and the decoder inside; its seed is given outside, its text inside another component."""

    def port(key: int, kind: str, title: str, name: str) -> dict[str, Any]:
        return {"id": key, "type": kind, "title": title, "outputs": [{"name": name}]}

    prompt = plain()
    inner = {key: prompt.pop(key) for key in ("5", "6")}
    inner["5"]["inputs"] |= {"seed": ["20", 0], "positive": ["21", 0], "negative": ["22", 0], "latent_image": ["23", 0]}
    inner["5"]["inputs"] |= {"model": ["24", 0]}
    inner["6"]["inputs"]["vae"] = ["25", 0]
    names = ("seed", "positive", "negative", "latent_image", "model", "vae")
    sampled = {
        "nodes": [port(20 + k, "ComponentInput", str(k), name) for k, name in enumerate(names)]
        + [{"id": 30, "type": "ComponentOutput", "title": "2"}, {"id": 31, "type": "ComponentOutput", "title": "1"}],
        "output": inner | {"20": {"inputs": {}}, "30": {"inputs": {"I": ["6", 0]}}, "31": {"inputs": {"L": ["5", 0]}}},
    }
    text = {"nodes": [{"id": 3, "type": "ComponentOutput"}], "output": {"2": prompt.pop("2"), "3": {"inputs": {"C": ["2", 0]}}}}
    text["output"]["2"]["inputs"]["text"] = "a hen"
    outside = {
        "seed": 99,
        "positive": ["8", 0],
        "negative": ["3", 0],
        "latent_image": ["4", 0],
        "model": ["1", 0],
        "vae": ["1", 2],
    }
    prompt |= {"8": {"class_type": "## text [1]", "inputs": {}}, "9": {"class_type": "## sample [2]", "inputs": outside}}
    prompt["7"]["inputs"]["images"] = ["9", 1]
    workflow = {"nodes": [], "links": [], "components": {"## text [1]": text, "## sample [2]": sampled}}
    payloads = [Payload("png:prompt", json.dumps(prompt)), Payload("png:workflow", json.dumps(workflow))]
    said = read([payloads[0], Payload("png:workflow", json.dumps(workflow | {"nodes": WORKFLOW["nodes"]}))])
    assert said is not None
    got = said.recipe
    assert (got.prompt, got.negative_prompt, got.seed, got.steps) == ("a hen", "blurry", 99, 20)
    assert (got.model, got.width) == (ModelName("base.safetensors"), 640)
    endless = {"## text [1]": {"nodes": [], "output": {"2": {"class_type": "## text [1]", "inputs": {}}}}}
    payloads[1] = Payload("png:workflow", json.dumps(workflow | {"nodes": WORKFLOW["nodes"], "components": endless}))
    assert read(payloads) is not None
