"""What the words of a query find."""

import pytest

from seedbank.errors import BadInput
from seedbank.records import NewEntry, NewRegeneration
from seedbank.store import Query, Range, Store, Term, parse_query
from tests.store.examples import model, new_entry, recipe


@pytest.fixture
def library(store: Store) -> Store:
    """Six entries that differ in what people search by."""
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
    return store


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
        ("rating:6..", []),
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
    assert [entry.id for entry in library.find(parse_query(words))] == sorted(found, reverse=True)
    assert list(library.ids(parse_query(words))) == sorted(found, reverse=True)
    assert library.count(parse_query(words)) == len(found)


def test_favourites_and_ratings_are_those_of_the_one_who_asks(library: Store, bank_url: str):
    with Store.open(bank_url, user="bob") as his:
        assert [entry.id for entry in his.find(parse_query("fav:yes"))] == [2]
        assert his.find(parse_query("rating:0..")) == []
        assert his.entry(1).rating is None
    with Store.open(bank_url, user="new here") as hers:
        assert hers.find(parse_query("fav:yes")) == []


@pytest.mark.parametrize("text", ["'; DROP TABLE entries; --", "%_\\", "a:b OR 1=1"[2:], "(((", "*", "\\", "é" * 5000])
def test_metacharacters_are_only_characters(library: Store, text: str):
    library.find(parse_query(["x", text]))
    library.find(parse_query([f"tag:{text}"]) if text.isprintable() else parse_query("x"))
    assert library.count() == 5


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("tga:poster", "Did you mean tag:"),
        ("xyzzy:1", "Use one of"),
        ("seed:abc", "not a range"),
        ("seed:9..1", "Write seed:1..9"),
        ("seed:..", "not a range"),
        ("size:big", "WIDTHxHEIGHT"),
        ("fav:perhaps", "neither yes nor no"),
        ("verdict:good", "exact, close"),
        ("tag:", "needs a value"),
        ('"open', "quotation mark"),
        ("a\0b", "NUL"),
        ("x " * 101, "100 terms"),
    ],
)
def test_a_query_that_makes_no_sense_is_refused_with_a_remedy(words: str, said: str):
    with pytest.raises(BadInput) as caught:
        parse_query(words)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("words", "terms"),
    [
        (["a red circle"], (Term("prompt", "a red circle"),)),
        (["a", "red"], (Term("prompt", "a"), Term("prompt", "red"))),
        (["tag:two words"], (Term("tag", "two words"),)),
        (["-tag:two words"], (Term("tag", "two words", True),)),
        (["tag:poster fav:yes"], (Term("tag", "poster"), Term("fav", True))),
        (['"a phrase" seed:1..'], (Term("prompt", "a phrase"), Term("seed", Range(1, None)))),
        (["size:12x34"], (Term("size", (12, 34)),)),
        ([], ()),
    ],
)
def test_words_of_a_command_line_are_read_as_the_shell_leaves_them(words: list[str], terms: tuple[Term, ...]):
    assert parse_query(words) == Query(terms)
