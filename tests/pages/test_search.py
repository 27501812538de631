"""The search field of a page finds what the command line finds among the entries of the page, or says what it does not know."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from typing import Any

import pytest

from seedbank.api import Library
from seedbank.query import KEYS
from seedbank.recipe import Recipe
from seedbank.records import Model, NewEntry, NewRegeneration
from tests.pictured import MODELS, drawing, recipe

INK = Model("d" * 64, "Ink, soft", pipeline="lora")
PROMPTS = (
    "A red Circle on a BLUE background",
    "a red, circle (soft light:1.2)",
    "一只橘色的猫在夜空下",
    "橘猫と夜空 🐱 light",
    "Straße café_light 100%",
    "delicate lights OR NOT 'quoted\" -- *",
    "",
)
TERMS = re.split(
    r"\n|  +",
    r"""
red  circle  "red circle"  "circle red"  light  light*  *ight  *ight*  橘  猫 夜空  "夜空"  🐱  100%  "café_"  STRASSE  CAFÉ
"OR"  'quoted  "--"  *  prompt:red  prompt:*  negative:blurry  neg:text  note:client  note:*  tag:poster  TAG:Post*
tags:"two words"  tag:*  tag:none  fav:yes  favourite:no  rating:4..  rating:0  rating:none  rating:..3,5  model:z-image-turbo
checkpoint:S*XL*  model:bbbbbb  model:z  lora:*  lora:"ink, soft"  lora:dddd  lora:ink  id:2..4,7  id:=3  seed:7001..7003
seed:18446744073709551615  seed:18446744073709551614..  seed:..7002,7005  steps:8  steps:9..  cfg:7.50  cfg:..7  cfg:0
guidance:-1..  guidance:0  size:64x64  size:96x*  size:*×64  size:landscape  size:PORTRAIT  size:square  sampler:euler
sampler:"Euler a"  sampler:dpm++*  sampler:dpmpp_2m  sampler:"DPM++ 2M"  sampler:ancestral  sampler:unipc  schedule:karras
schedule:normal  schedule:Simple  schedule:k*  scheduler:Euler*  pipeline:*pipeline  dtype:float32  verdict:none  verdict:any
verdict:Exact  verdict:different  verdict:close  by:ann  by:b*  added:2020..  added:..2020-02  added:2001-01-01
digest:RECIPE  digest:FILE  image:IMAGE  digest:0000
""".strip(),
)
QUERIES = re.split(
    r"\n|  +",
    r"""
red OR 猫  red -tag:poster  NOT red  NOT -red  -(red OR 猫)  (red OR 猫) rating:none  red AND circle  red circle OR 猫
tag:poster OR tag:draft fav:yes  ((red))  NOT (tag:poster OR rating:4..) seed:..7006  a-b  -red-circle  "a \" b"  or  ORchid
tag:poster(red)  red"circle"  -"red circle"  tag:poster OR (tag:draft -red) OR 猫  steps:8 OR NOT verdict:any
-हिन्दीneg:ß  ı  -I  tag：poster  -TAG：“two words”  “一只橘色”  （red OR 橘）  （（red OR 橘） -tag：poster）
橘（猫）  red：circle  "tag：poster"  "（red）"  -（red OR 猫） rating：4..  prompt：“red circle”  model：*
""".strip(),
)


@pytest.fixture(scope="module")
def bank(empty: Library) -> Library:
    """Twelve entries that differ in everything that a page can be searched by."""
    bank = empty
    for number in range(1, 10):
        values = _values(number)
        size = ((64, 64), (96, 64), (64, 96))[number % 3]
        tags = [name for name in ("poster", "Draft", "two words") if number % (3 + len(name) % 3) == 0]
        bank.add(drawing(number).resize(size), values, model=MODELS[number % 2], tags=tags)
    item = {"kind": "lora", "digest": INK.digest, "weight": 0.8}
    whole = Recipe.from_dict(_values(3) | {"adapters": [item], "noise": {"kind": "torch-cpu", "seed": str(2**64 - 1)}})
    bank.store.add_entry(NewEntry(recipe=whole, model=MODELS[1], adapters=(INK,)), user="bob")
    bare = Recipe.from_dict({name: value for name, value in _values(2).items() if name not in ("pipeline", "scheduler")})
    said = {"tool": "a1111", "sampler": "DPM++ 2M", "schedule": "Karras"}
    bank.store.add_entry(NewEntry(recipe=bare, origin="imported", details=said))
    bank.add(drawing(12))
    for number in (1, 4):
        bank.favourite(number)
    for number, rating in {1: 5, 2: 0, 3: 4, 6: 3}.items():
        bank.rate(number, rating)
    bank.note(2, "for the client, soft")
    for number, verdict in {1: "exact", 5: "different", 6: "exact"}.items():
        bank.store.add_regeneration(NewRegeneration(number, verdict))
    return bank


def _values(number: int) -> dict[str, Any]:
    schedulers = (
        ("EulerDiscreteScheduler", {"use_karras_sigmas": True}),
        ("EulerAncestralDiscreteScheduler", {}),
        ("UniPCMultistepScheduler", {}),
    )
    name, config = schedulers[number % 3]
    conditioning = {"prompt": PROMPTS[number % len(PROMPTS)]} | ({"negative_prompt": "blurry, text"} if number % 2 else {})
    guided = recipe(number, num_inference_steps=8 + number % 3, guidance_scale=(0.0, 7.5, 7.0)[number % 3])
    return guided | {"conditioning": conditioning, "scheduler": {"class": name, "config": config}}


@pytest.fixture(scope="module")
def tab(browser: Any, bank: Library, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The page of all entries, in English."""
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_text(bank.page(bank.find()), "utf-8")
    context = browser.new_context(locale="en-US")
    tab = context.new_page()
    tab.goto(path.as_uri())
    yield tab
    context.close()


ANSWER = """(queries) => queries.map((query) => {
    const field = document.getElementById("search"), nothing = document.getElementById("nothing");
    field.value = query;
    field.dispatchEvent(new Event("input"));
    const shown = [...document.querySelectorAll(".card:not([hidden])")].map((card) => Number(card.dataset.id));
    return [shown, nothing.hidden ? "" : nothing.textContent];
})"""


def answers(tab: Any, *queries: str) -> list[tuple[list[int], str]]:
    """What the page shows for each query that is typed, and what it says."""
    return [(ids, said) for ids, said in tab.evaluate(ANSWER, list(queries))]


def _combined(draw: random.Random, terms: list[str], depth: int = 3) -> str:
    if not depth or draw.random() < 0.2:
        return draw.choice(terms)
    first, second = (_combined(draw, terms, depth - 1) for _ in range(2))
    return draw.choice(
        (f"{first} {second}", f"{first} OR {second}", f"NOT ({first})", f"({first}) ({second})", f"-({first} OR {second})")
    )


def test_the_page_answers_as_the_command_line_does(bank: Library, tab: Any):
    entry = bank.entry(3)
    assert entry.recipe_digest and entry.blob and entry.picture
    digests = {"RECIPE": entry.recipe_digest[:8], "FILE": entry.blob.digest[:12], "IMAGE": entry.picture.digest[:6].upper()}
    terms = [term.replace(name, digests.get(name, name)) for term in TERMS for name in [term.rpartition(":")[2]]]
    draw = random.Random(7)
    queries = [*terms, *(f"-{term}" for term in terms), "", " ", *QUERIES, *(_combined(draw, terms) for _ in range(150))]
    # A blank behind the last word says that it is finished.
    for query, (ids, said) in zip(queries, answers(tab, *(f"{query} " for query in queries)), strict=True):
        expected = [entry.id for entry in bank.find(query)]
        assert ids == expected, query
        assert said == ("" if expected else "Nothing here matches."), query
    found = [ids for ids, _ in answers(tab, *(f"{term} " for term in terms))]
    assert sum(0 < len(ids) < 12 for ids in found) > len(terms) * 0.7, "a table whose queries tell entries apart"


def test_every_key_is_answered_or_said_to_be_unknown(tab: Any):
    known = tab.evaluate("Object.keys(CONDITIONS)")
    assert set(known) <= set(KEYS)
    for key in {*KEYS, "sort"} - set(known):
        name = "env.torch" if key == "env" else key
        ((ids, said),) = answers(tab, f"{name}:{KEYS[key].example if key in KEYS else 'id-'} ")
        assert (ids, said.startswith(f"This page does not know {name}: – it knows prompt, negative, ")) == ([], True), key


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("tga:poster ", "This page does not know tga: – it knows prompt, "),
        ("red -(tga:poster OR x)", "This page does not know tga: – it knows prompt, "),
        ("½model:1", "This page does not know ½model: – it knows"),
        ("constructor:1", "This page does not know constructor: – it knows"),
        ("seed:abc", "This means nothing here: seed:abc"),
        ("rating:4...", "This means nothing here: rating:4..."),
        ("cfg:.. ", "This means nothing here: cfg:.."),
        ("size:big ", "This means nothing here: size:big"),
        ("verdict:good", "This means nothing here: verdict:good"),
        ("fav:bob", "This means nothing here: fav:bob"),
        ("added:-7d..", "This means nothing here: added:-7d.."),
        ("digest:xyz", "This means nothing here: digest:xyz"),
        ("re*d ", "This means nothing here: re*d"),
        ("tag: poster", "This means nothing here: tag:"),
        ('tag:"" red', "This means nothing here: tag:"),
        ("OR red", "This means nothing here: OR"),
        ("red OR OR cat", "This means nothing here: OR"),
        ("red AND OR cat", "This means nothing here: OR"),
        ("red) cat", "This means nothing here: )"),
        ("() red", "This means nothing here: )"),
        ("(" * 100 + "red", "This means nothing here: ((((("),
        ("seed:" + "x" * 500, "This means nothing here: seed:" + "x" * 55 + "…"),
    ],
)
def test_what_the_page_does_not_know_is_said_in_one_line(tab: Any, query: str, said: str):
    ((ids, line),) = answers(tab, query)
    assert (ids, line[: len(said)]) == ([], said)


def test_long_and_hostile_queries_are_answered(tab: Any):
    for query in ("sampler:" + "_" * 50_000, "tag:" + "*o" * 5_000, "model:" + "x" * 100_000, "by:" + "*" * 50_000 + "?"):
        assert answers(tab, "", query)[1] == ([], "Nothing here matches."), query[:20]
    assert len(answers(tab, "tag:" + "*" * 50_000 + "o*ste*" + "*" * 50_000 + "r ")[0][0]) == 3


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("ı", "I", False), ("İ*", "İSTANBUL", True), ("straße", "STRASSE", True), ("ab*ba", "aba", False),
        ("ab*ba", "abba", True), ("*a*b*", "xbxaxb", True), ("*a*b*", "xbxa", False), ("a*a*a", "aa", False),
        ("a.c", "abc", False), ("*", "", True), ("*a" * 40 + "b", "a" * 100, False),
        ("a[*]b", "a*b", True), ("a[*]b", "axb", False), ("[*]*[*]", "*ink*", True), ("[*]*[*]", "*", False),
    ],
)  # fmt: skip
def test_names_are_compared_as_the_bank_does(tab: Any, pattern: str, name: str, fits: bool):
    assert tab.evaluate("([text, name]) => pattern(text)(fold(name))", [pattern, name]) is fits


def test_what_is_being_typed_counts_as_far_as_it_goes(tab: Any):
    for typed, whole in (
        ("cir", "circ* "), ("red cir", "red cir* "), ('"red ci', '"red ci*" '), ("red -", "red "), ("red OR", "red "),
        ("red (", "red "), ("red (circle OR", "red circle "), ("red NOT ", "red "), ("red tag:", "red "), ("(red", "red* "),
        ("red AND", "red "), ("夜", "夜* "), ('"', " "),
        ("red （circle OR", "red circle "), ("（red", "red* "), ("“red ci", '"red ci*" '), ("red tag：", "red "),
        ('tag:"', " "), ('tag:"two words', 'tag:"two words" '), ("-", " "),
    ):  # fmt: skip
        first, second = answers(tab, typed, whole)
        assert first == second, typed
    assert answers(tab, "cir")[0][0] and not answers(tab, "cir ")[0][0]


def test_favourites_that_were_marked_on_the_page_count(tab: Any):
    before = answers(tab, "fav:yes ")[0][0]
    answers(tab, "")
    tab.locator("[data-id='9']").focus()
    tab.keyboard.press("f")
    assert answers(tab, "fav:yes ", "fav:no id:9 ")[0][0] == [9, *before]
    assert answers(tab, "fav:no id:9 ")[0][0] == []
    tab.locator("[data-id='1']").evaluate("() => { marks.clear(); star(); }")
