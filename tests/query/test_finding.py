"""What the words of a query find."""

import shlex
from collections.abc import Iterator

import pytest

from seedbank.formats.block import write_block
from seedbank.formats.reading import Lora
from seedbank.query import parse
from seedbank.records import Model, NewEntry, NewRegeneration
from seedbank.store import Store, wordconditions
from seedbank.store.agreement import agreement
from tests.conftest import Databases
from tests.store.examples import model, new_entry, recipe


@pytest.fixture(scope="module")
def place(databases: Databases) -> Iterator[str]:
    """The URL of a bank that the tests only ask."""
    url = databases.bank()
    fill(url)
    yield url
    databases.drop(url)


@pytest.fixture(scope="module")
def library(place: str) -> Iterator[Store]:
    with Store.open(place, user="ann") as store:
        yield store


def fill(place: str) -> None:
    """Six entries that differ in what people search by."""
    store = Store.open(place, user="ann")
    large = {"height": 1024, "width": 768, "num_inference_steps": 30}
    store.add_entries(
        [
            new_entry(1, recipe=recipe(1, "A red Circle on a BLUE background"), tags=("poster",)),
            new_entry(2, recipe=recipe(2, "一只橘色的星星在夜空"), tags=("poster", "Draft")),
            new_entry(3, recipe=recipe(3, "Straße, 100% café_"), blob=None),
            NewEntry(recipe=recipe(2**64 - 1, "planned only", call=large)),
            new_entry(5, recipe=recipe(5, "thrown away")),
            NewEntry(recipe=recipe(6, "another model", model=model("z-image").digest), model=model("z-image")),
        ]
    )
    store.favourite([1])
    store.favourite([2], user="bob")
    store.rate([1], 5)
    store.rate([2], 0)
    store.add_regeneration(NewRegeneration(1, "exact"))
    store.add_regeneration(NewRegeneration(2, "exact"))
    store.add_regeneration(NewRegeneration(2, "different"))
    store.add_regeneration(NewRegeneration(2, "exact", experiment=True))
    store.trash([5])
    store.close()


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("", [6, 4, 3, 2, 1]),
        ("red circle", [1]),
        ("CIRCLE RED", [1]),
        ('"red circle on"', [1]),
        ('"circle red"', []),
        ("橘色", [2]),
        ("STRASSE", [3]),
        ("100% CAFÉ_", [3]),
        ("%", [3]),
        ("-red", [6, 4, 3, 2]),
        ("tag:poster", [2, 1]),
        ("tag:POSTER -tag:draft", [1]),
        ("-tag:poster", [6, 4, 3]),
        ("tag:nothing", []),
        ("fav:yes", [1]),
        ("fav:no", [6, 4, 3, 2]),
        ("favourite:yes tag:poster", [1]),
        ("rating:4..", [1]),
        ("rating:0", [2]),
        ("rating:..5", [2, 1]),
        ("-rating:0..", [6, 4, 3]),
        ("seed:2", [2]),
        ("seed:=2", [2]),
        ("seed:1..3", [3, 2, 1]),
        (f"seed:{2**64 - 1}", [4]),
        (f"seed:..{2**64 + 5}", [6, 4, 3, 2, 1]),
        ("id:3..", [6, 4, 3]),
        (f"id:{10**19}..", []),
        ("steps:30", [4]),
        ("steps:..10", [6, 3, 2, 1]),
        ("size:128x128", [6, 3, 2, 1]),
        ("size:768x1024", [4]),
        ("size:1024X768", []),
        ("model:embedded", [3, 2, 1, 4]),
        ("model:Z-*", [6]),
        ("model:z", []),
        ("-model:z-image", [4, 3, 2, 1]),
        ("verdict:exact", [1]),
        ("verdict:different", [2]),
        ("verdict:none", [6, 4, 3]),
        ("bytes:present", [2, 1]),
        ("bytes:absent", [6, 4, 3]),
        ("trash:yes", [5]),
        ("-trash:no", [5]),
        ("trash:yes thrown", [5]),
        ("TAG:poster SEED:2", [2]),
    ],
)
def test_words_find(library: Store, words: str, found: list[int]):
    assert [entry.id for entry in library.find(parse(words))] == sorted(found, reverse=True)
    assert list(library.ids(parse(words))) == sorted(found, reverse=True)
    assert library.count(parse(words)) == len(found)


def test_adapters_are_found_by_name_or_digest(store: Store):
    ink, paper = model("ink"), model("Paper, soft")

    def made(number: int, adapter: Model) -> NewEntry:
        item = {"kind": "lora", "digest": adapter.digest, "weight": 0.8}
        return new_entry(number, recipe=recipe(7, "a red circle", adapters=(item,)), adapters=(adapter,))

    store.add_entries([made(1, ink), made(2, paper), new_entry(3)])
    heard: list[str] = []
    store.tell_unknown(heard.append)
    for text, found in (
        ("lora:INK", [1]),
        ('lora:"paper*"', [2]),
        (f"lora:{ink.digest[:8]} circle", [1]),
        ("lora:*", [2, 1]),
        ("-lora:ink", [3, 2]),
        ("lora:embedded", []),
        ("lora:inks", []),
        (write_block(store.entry(1).recipe, model_name="embedded", loras=(Lora("ink", 0.8),), cfg=5.5), [1]),
    ):
        assert [entry.id for entry in store.find(parse(text))] == found, text
    assert heard == ["there is no adapter 'embedded'", "there is no adapter 'inks': did you mean 'ink'?"]


def test_a_star_in_a_pasted_name_is_no_wildcard(store: Store):
    names = ("in*k", "ink", "in_k")
    for number, name in enumerate(names, 1):
        adapter, whole = model(name), model(f"{name} one")
        item = {"kind": "lora", "digest": adapter.digest, "weight": 0.8}
        made = recipe(number, model=whole.digest, adapters=(item,))
        store.add_entry(new_entry(number, recipe=made, model=whole, adapters=(adapter,)))
    heard: list[str] = []
    store.tell_unknown(heard.append)
    for text, found in (
        ("lora:in*k", [3, 2, 1]),
        ("lora:in[*]k", [1]),
        ("model:in[*]*", [1]),
        ("lora:in[*]q", []),
        ("Prompt: circle\nSeed: 1\nLoRA: in*k 0.8", [1]),
        ("Prompt: circle\nSteps: 8\nModel: in*k one.safetensors", [1]),
        ("Steps: 8, Model: in*k one", [1]),
    ):
        assert [entry.id for entry in store.find(parse(text))] == found, text
    assert heard == ["there is no adapter 'in*q': did you mean 'in*k'?"]


def test_a_phrase_is_found_in_what_came_after_it_was_asked_for(store: Store, monkeypatch: pytest.MonkeyPatch):
    prompts = ("red, sea", "the red sea at night", "sea red", "a Red Sea")
    for number, prompt in enumerate(prompts, 1):
        store.add_entry(new_entry(number, recipe=recipe(number, prompt)))
    queries = ('"red sea"', 'sea -"red sea"', 'sort:seed "red sea"', '"red sea" OR "sea red"')
    for most, common in ((5000, 10), (1, 10), (5000, 1)):
        monkeypatch.setattr(wordconditions, "MOST_HELD", most)
        monkeypatch.setattr(wordconditions, "COMMON", common)
        monkeypatch.setattr(wordconditions, "COMMON_IN_ORDER", common)
        ids = [store._finder.page_ids(parse(text), 10) for text in queries for _ in range(2)]
        newest = list(range(store.count(), 4, -1))
        assert ids[::2] == ids[1::2]
        assert ids[::2] == [[*newest, 4, 2], [3, 1], [2, 4, *reversed(newest)], [*newest, 4, 3, 2]]
        store.add_entry(new_entry(9 + most + common, recipe=recipe(9 + store.count(), f"red sea {most} {common}")))


SAID: tuple[tuple[dict, str, str], ...] = (
    # No model is known, so that Euler is no class of diffusers yet.
    ({"sampler": "Euler", "schedule": "Automatic"}, "euler Euler | normal Uniform Auto*", "euler_a | karras"),
    ({"sampler": "DPM++ 2M Karras"}, '"DPM++ 2M Karras" dpm++_2m dpmpp_2m | karras', "dpm++_2m_sde | normal"),
    ({"tool": "comfyui", "sampler": "euler_ancestral", "schedule": "karras"}, '"Euler a" euler_* | k*', "euler | beta"),
    ({"sampler": "one of their own" * 20, "schedule": 7}, "|", "one* | 7 *"),
)
"""What files say of samplers and schedules, and names that find it or do not."""


def test_an_import_is_found_by_the_sampler_that_its_file_names(store: Store):
    bare = recipe(1, scheduler=None, pipeline=None)
    details = [{"tool": "a1111", **said} for said, *_ in SAID]
    store.add_entries([NewEntry(recipe=bare, origin="imported", details=one) for one in details])
    for number, (_, found, lost) in enumerate(SAID, 1):
        for words, is_found in ((found, True), (lost, False)):
            for key, names in zip(("sampler", "schedule"), words.split("|"), strict=True):
                for name in shlex.split(names):
                    assert (number in store.ids(parse(f'{key}:"{name}"'))) == is_found, (number, key, name)
    odd = {"class": "EulerDiscreteScheduler", "config": {"said": {"sampler": 7, "schedule": ["x"]}}}
    store.add_entry(NewEntry(recipe=recipe(2, scheduler=odd)))
    assert list(store.ids(parse("sampler:euler schedule:normal id:5"))) == [5], "a recipe can hold anything"
    assert list(agreement(store)) == []


def test_favourites_and_ratings_are_those_of_the_one_who_asks(place: str):
    with Store.open(place, user="bob") as his:
        assert [entry.id for entry in his.find(parse("fav:yes"))] == [2]
        assert not his.find(parse("rating:0.."))
        assert his.entry(1).rating is None
    with Store.open(place, user="new here") as hers:
        assert not hers.find(parse("fav:yes"))


def test_a_rating_that_nobody_gave_is_no_obstacle_among_others(library: Store, monkeypatch: pytest.MonkeyPatch):
    for name in ("FEW", "FEW_IN_ORDER"):  # as in a bank where everything is common, but for one rating
        monkeypatch.setattr(f"seedbank.store.measuring.{name}", 0)
    assert list(library.ids(parse("tag:poster rating:4.."))) == [1]
