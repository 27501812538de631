"""Tags, favourites, ratings and notes: on the picture, with a history, said twice is said once."""

import pytest

from seedbank.errors import BadInput, NotFound
from seedbank.records import NewEntry
from seedbank.store import Store
from tests.store.examples import new_entry, recipe


def test_opinions_are_kept_with_their_history(store: Store):
    store.add_entry(new_entry(1))
    assert store.tag([1], ["Poster", "hero"]) == 1
    assert store.favourite([1]) == store.rate([1], 4) == store.rate([1], None) == 1
    assert store.note([1], "  client's choice ", user="bob") == 1
    assert store.untag([1], ["POSTER"]) == 1
    entry = store.entry(1)
    assert (entry.tags, entry.favourite, entry.rating, entry.notes) == (("hero",), True, None, ("client's choice",))
    events = [(event.user, event.kind, event.value) for event in store.history(1)]
    assert events == [
        ("ann", "tag", "Poster"),
        ("ann", "tag", "hero"),
        ("ann", "favourite", True),
        ("ann", "rating", 4),
        ("ann", "rating", None),
        ("bob", "note", "client's choice"),
        ("ann", "untag", "Poster"),
    ]
    kinds = [(operation.kind, operation.user) for operation in store.operations(limit=2)]
    assert kinds == [("untag", "ann"), ("note", "bob")]


def test_saying_it_again_changes_nothing_and_is_not_written_down(store: Store):
    store.add_entry(new_entry(1))
    for _ in range(2):
        store.tag([1, 1], ["hero", "HERO", " hero "])
        store.favourite([1])
        store.rate([1], 0)
        store.note([1], "x")
    assert [event.kind for event in store.history(1)] == ["tag", "favourite", "rating", "note"]
    assert store.untag([1], ["never given"]) == store.favourite([1], user="bob", on=False) == 0
    assert len(store.operations()) == 6


def test_entries_with_the_same_pixels_share_opinions(store: Store):
    first = store.add_entry(new_entry(1))
    again = store.add_entry(new_entry(1, recipe=recipe(2)))
    store.tag([first.id], ["hero"])
    store.rate([again.id], 5)
    assert store.entry(first.id).rating == 5
    assert store.entry(again.id).tags == ("hero",)
    assert store.history(first.id) == store.history(again.id)
    assert store.tag([first.id, again.id], ["other"]) == 1


def test_favourites_and_ratings_are_of_each_user_and_tags_of_all(store: Store, bank_url: str):
    store.add_entry(new_entry(1))
    store.favourite([1])
    store.rate([1], 5)
    store.tag([1], ["hero"])
    store.note([1], "mine")
    store.note([1], "his", user="bob")
    with Store.open(bank_url, user="bob") as his:
        entry = his.entry(1)
    assert (entry.favourite, entry.rating, entry.tags, entry.notes) == (False, None, ("hero",), ("mine", "his"))


def test_a_tag_is_found_again_however_it_is_written(store: Store):
    store.add_entry(new_entry(1))
    store.add_entry(new_entry(2))
    store.tag([1], ["cafe\u0301"])
    store.tag([2], ["CAF\u00c9"])
    assert store.entry(2).tags == ("caf\u00e9",)
    assert store.resolve("tag:Café") == [1, 2]


@pytest.mark.parametrize("name", ["", "  ", "a,b", "-draft", "a\nb", "a\0", 'say "x"', "x" * 101])
def test_tags_that_could_not_be_typed_again_are_refused(store: Store, name: str):
    store.add_entry(new_entry(1))
    with pytest.raises(BadInput):
        store.tag([1], ["good", name])
    assert store.entry(1).tags == ()


def test_an_entry_without_an_image_cannot_be_judged(store: Store):
    store.add_entry(NewEntry(recipe=recipe(1)))
    with pytest.raises(BadInput, match=r"Entry 1 has no image yet.*seedbank recipe 1 --check"):
        store.tag([1], ["hero"])
    with pytest.raises(BadInput):
        store.add_entry(NewEntry(recipe=recipe(1), tags=("hero",)))
    assert store.count() == 1


@pytest.mark.parametrize("rating", [-1, 6, 2.5, True, "5"])
def test_ratings_are_whole_numbers_from_0_to_5(store: Store, rating):
    store.add_entry(new_entry(1))
    with pytest.raises(BadInput, match="0 to 5"):
        store.rate([1], rating)


def test_opinions_on_many_are_all_or_nothing(store: Store):
    ids = store.add_entries(new_entry(number) for number in range(520))
    assert store.tag(ids, ["hero"]) == store.favourite(ids) == store.rate(ids, 3) == 520
    with pytest.raises(NotFound, match="entry 521"):
        store.untag([*ids, 521], ["hero"])
    assert store.entry(ids[-1]).tags == ("hero",)
    assert store.operations(limit=1)[0].details == {"entries": "1..520", "value": 3}
