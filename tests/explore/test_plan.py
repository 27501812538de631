"""Grids: every place once, in an order that loads as little as possible; and what a plan says."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from seedbank.errors import BadInput
from seedbank.explore.axes import parse_axis, short_names
from seedbank.explore.plan import Grid, Plan, duration, work
from seedbank.explore.starting import parse_axes
from seedbank.explore.starts import by_whom
from seedbank.recipe import Recipe


def grid(*axes: str) -> Grid:
    return Grid(tuple(parse_axis(axis) for axis in axes))


@settings(deadline=None, max_examples=30)
@given(some.lists(some.integers(1, 5), min_size=1, max_size=4))
def test_every_place_has_one_position(shape: list[int]):
    found = grid(*(f"seed=1..{length}" for length in shape))
    walked = list(found.walk())
    assert len(walked) == len(set(walked)) == found.cells == found.places
    assert sorted(found.position(indexes) for indexes in walked) == list(range(found.places))
    assert all(found.indexes(found.position(indexes)) == indexes for indexes in walked)


def test_the_first_axis_changes_fastest_and_what_has_to_be_loaded_slowest():
    assert list(grid("steps=4,8", "seed=1,2").walk()) == [(0, 0), (1, 0), (0, 1), (1, 1)]
    assert list(grid("lora.oil=0,1", "seed=1,2").walk()) == [(0, 0), (0, 1), (1, 0), (1, 1)]


def test_what_is_loaded_is_outermost_whatever_the_order_of_the_axes():
    found = grid("seed=1,2", "dtype=float32,float16", "lora.oil=0,1", "model=a,b", "device=cpu,cuda")
    changing = [list(found.changes(indexes)) for indexes in found.walk()]
    names = [name for name, _ in changing[0]]
    turns = {name: sum(one[at] != other[at] for one, other in pairwise(changing)) for at, name in enumerate(names)}
    assert sorted(turns, key=turns.__getitem__) == ["device", "model", "dtype", "lora.oil", "seed"]
    some = list(found.walk({"model": "b", "device": "cpu"}))
    assert found.count({"model": "b", "device": "cpu"}) == len(some) == 8
    assert {found.labels(indexes)["model"] for indexes in some} == {"b"}


def test_another_picture_is_given_sooner_than_another_lora_is_loaded():
    found = grid("image=a,b", "seed=1,2", "lora.oil=0,1", "controlnet=x,y")
    changing = [list(found.changes(indexes)) for indexes in found.walk()]
    turns = [sum(one[at] != other[at] for one, other in pairwise(changing)) for at in range(4)]
    assert turns == [7, 15, 3, 1]


def test_weights_are_labelled_by_the_end_of_their_path_that_tells_them_apart():
    hub = "/home/ann/.cache/models--org--name/snapshots/" + "0" * 40
    places = ["/a/b/one.safetensors", "/x/one", "/a/c/two", hub, "embedded@0", "org/other"]
    assert short_names(places) == ["b/one", "x/one", "two", "name", "embedded@0", "other"]


def test_what_is_written_down_of_an_axis_means_the_same_in_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "a, b").mkdir()
    monkeypatch.chdir(tmp_path)
    settled = parse_axis('model="a, b",embedded,org/name').settled()
    monkeypatch.chdir("/")
    assert parse_axis("embedding=a, b:<w>").settled().values == ("a", "b:<w>"), "what is not there stays"
    again = parse_axis(settled.text)
    assert again.values == settled.values == (str(tmp_path / "a, b"), "embedded", "org/name")
    assert again.settled() == again and parse_axis("vae=None,automatic,x").values == ("none", "none", "x")


def test_what_several_models_say_is_told_once_and_by_whom():
    assert by_whom({"a": ["no effect", "longer"], "b": ["longer", "longer"]}) == ["a: no effect", "longer"]
    assert by_whom({"": ["no effect"]}) == ["no effect"]
    assert by_whom({"a.png": [], "b.png": ["b.png is resized."]}) == ["b.png is resized."]


def test_skipped_values_are_places_and_no_cells():
    found = grid("steps=4,SKIP:8,16", "seed=1,2")
    assert (found.places, found.cells, len(list(found.walk()))) == (6, 4, 4)
    assert found.is_skipped((1, 0)) and not found.is_skipped((2, 0))


def test_a_large_grid_is_walked_without_being_made():
    found = grid("seed=1..1000000", "guidance=0..999")
    assert found.places == 10**9
    assert next(found.walk()) == (0, 0)


def test_cells_are_named_by_their_values_also_where_two_axes_are_of_one_field():
    assert grid("prompt/a/b", "prompt/c/d", "steps=4").labels((1, 0, 0)) == {"prompt": "b", "prompt (2)": "c", "steps": "4"}


def test_a_plan_says_what_it_will_do():
    found = grid("steps=4,8,16", "seed=1..4")
    assert str(Plan(found, 12, 4, 100.0)) == "12 cells (steps 3 x seed 4): 4 there already, 8 to render, about 1.7 min"
    assert str(Plan(found, 12, 12, None)) == "12 cells (steps 3 x seed 4): 12 there already, 0 to render"
    assert "found on the way, time not known yet" in str(Plan(found, 10**6, None, None))


def test_times_are_said_as_people_do():
    assert [duration(seconds) for seconds in (0.2, 80, 100, 4000, 9000, 10**6)] == [
        "1 s", "80 s", "1.7 min", "67 min", "2.5 h", "12 days",
    ]  # fmt: skip


def test_work_grows_with_steps_pixels_and_guidance():
    call = {"num_inference_steps": 4, "width": 64, "height": 64, "guidance_scale": 0}
    one = Recipe(conditioning={"prompt": ""}, noise={}, call=call, pipeline="ZImagePipeline")
    more = [{"num_inference_steps": 8}, {"width": 128}, {"guidance_scale": 3.0}]
    assert [work(Recipe(**{**vars_of(one), "call": call | change})) / work(one) for change in more] == [2, 2, 2]


def vars_of(recipe: Recipe) -> dict[str, object]:
    return {"conditioning": recipe.conditioning, "noise": recipe.noise, "pipeline": recipe.pipeline}


def test_two_axes_of_one_field_are_refused_and_replacements_are_not():
    assert len(parse_axes(["prompt/a/b", "prompt/c/d"], "1..2")) == 3
    for axes, seeds in ((["steps=4", "steps=8"], None), (["seed=1"], "2"), (["cfg=4", "guidance=3"], None)):
        with pytest.raises(BadInput):
            parse_axes(axes, seeds)
