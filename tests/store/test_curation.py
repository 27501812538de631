"""Tags as a vocabulary, collections, one picture taking over from another, and undo: exactly what was before."""

from __future__ import annotations

import pytest

from seedbank.errors import BadInput, NotFound
from seedbank.frozen import replace
from seedbank.records import NewEntry, Picture
from seedbank.store import Store
from seedbank.store.integrity import integrity
from seedbank.store.writing import Act
from tests.store.examples import digest


def entry(number: int) -> NewEntry:
    """A small entry: only its picture counts here."""
    return NewEntry(picture=Picture(digest("pixels", number), "RGB", 8, 8), origin="added")


@pytest.fixture
def five(store: Store) -> Store:
    """Five pictures, 1 to 5; entry 6 shows the same as entry 1."""
    store.add_entries([*map(entry, range(1, 6)), entry(1)])
    return store


def tags(store: Store, *ids: int) -> list[str]:
    return [" ".join(found.tags) for found in store.entries(ids or range(1, 6))]


def undo(store: Store, number: int | None = None, user: str | None = None):
    with Store.open(str(store.database.place.url.render_as_string(hide_password=False)), user=user or store.user) as again:
        return again.curation.undo(number)


def last(store: Store) -> int:
    return store.operations(limit=1)[0].id


# -- tags ---------------------------------------------------------------------------------------------------------------


def test_tags_are_listed_with_their_counts_the_commonest_first(five: Store):
    five.tag([1, 2, 3, 6], ["Hero"])
    five.tag([4], ["海报", "gone"])
    five.untag([4], ["gone"])
    assert [(tag.name, tag.pictures) for tag in five.curation.tags()] == [("Hero", 3), ("海报", 1)]
    assert five.curation.tag_names("H") == ["Hero"]
    assert five.curation.tag_names("") == ["Hero", "海报"]


def test_a_renamed_tag_is_renamed_on_every_picture_and_keeps_its_history(five: Store):
    five.tag([1, 2], ["poster"])
    assert five.curation.rename_tag("POSTER", "affiche") == 2
    assert tags(five, 1, 2) == ["affiche", "affiche"]
    assert five.curation.rename_tag("affiche", "Affiche") == 2
    assert tags(five, 1) == ["Affiche"]
    assert [event.value for event in five.history(1)] == ["poster"]


def test_a_name_that_another_tag_has_is_not_taken_by_a_rename(five: Store):
    five.tag([1], ["a"])
    five.tag([2], ["b", "dead"])
    five.untag([2], ["dead"])
    with pytest.raises(BadInput, match=r"a tag 'b' already.*tags merge"):
        five.curation.rename_tag("a", "B")
    assert five.curation.rename_tag("a", "dead") == 1
    with pytest.raises(NotFound, match=r"No picture has the tag 'dea'.*'dead'"):
        five.curation.rename_tag("dea", "x")


def test_merging_two_tags_leaves_each_picture_with_one_and_can_be_undone_exactly(five: Store):
    five.tag([1, 2], ["poster"])
    five.tag([2, 3], ["affiche"])
    assert five.curation.merge_tags("affiche", "poster") == 2
    assert tags(five, 1, 2, 3) == ["poster"] * 3
    done = undo(five)
    assert (done.operation.kind, done.changed, done.kept) == ("merge tags", 2, ())
    assert tags(five, 1, 2, 3) == ["poster", "affiche poster", "affiche"]


def test_undoing_finds_a_tag_that_was_renamed_since(five: Store):
    five.tag([1, 2], ["poster"])
    first = last(five)
    five.curation.rename_tag("poster", "affiche")
    assert undo(five, first).changed == 2
    assert tags(five, 1, 2) == ["", ""]


def test_a_tag_that_is_given_again_while_its_operation_goes_on_is_no_renamed_one(five: Store):
    act = Act("generate")
    five.add_entry(replace(entry(8), tags=("poster",)), act=act)
    five.curation.rename_tag("poster", "affiche")
    five.add_entry(replace(entry(9), tags=("poster",)), act=act)
    assert tags(five, 7, 8) == ["affiche", "poster"]
    for number, expected in ((8, "affiche"), (9, "poster")):
        assert [[said.value for said in one] for one in five.bundles.sayings([digest("pixels", number)])] == [[expected]]
    again = undo(five, act.number).undo
    assert tags(five, 7, 8) == ["", ""]
    undo(five, again)
    assert tags(five, 7, 8) == ["affiche", "poster"]


def test_a_rename_is_undone_unless_the_name_was_changed_again(five: Store):
    five.tag([1], ["a"])
    five.curation.rename_tag("a", "b")
    first = last(five)
    undo(five)
    assert tags(five, 1) == ["a"]
    undo(five, last(five))
    assert tags(five, 1) == ["b"]
    five.curation.rename_tag("b", "c")
    undo(five, last(five))
    with pytest.raises(BadInput, match="no longer counts"):
        undo(five, first + 1)


# -- undo ---------------------------------------------------------------------------------------------------------------


def test_undo_of_a_bulk_edit_restores_exactly_what_was_before(five: Store):
    for number, rating in ((1, 5), (2, 3), (3, 0)):
        five.rate([number], rating)
    five.rate([1, 2, 3, 4], 3)
    done = undo(five)
    assert (done.changed, done.kept) == (3, ())  # picture 2 had been rated 3 before
    assert [found.rating for found in five.entries([1, 2, 3, 4, 5])] == [5, 3, 0, None, None]


def test_undo_leaves_later_edits_alone_and_says_so(five: Store):
    five.tag([1, 2, 3], ["draft"])
    first = last(five)
    five.untag([2], ["draft"])
    later = last(five)
    five.tag([2], ["draft"], user="bob")
    again = last(five)
    done = undo(five, first)
    assert tags(five, 1, 2, 3) == ["", "draft", ""]
    assert (done.changed, done.kept) == (2, (f"1 picture keeps what operation {again} made later.",))
    assert later < again


def test_an_edit_that_was_itself_undone_does_not_stand_in_the_way(five: Store):
    five.rate([1], 1)
    first = last(five)
    five.rate([1], 2)
    undo(five)
    assert undo(five, first).changed == 1
    assert five.entry(1).rating is None


def test_undo_goes_back_step_by_step_and_undoing_an_undo_does_it_again(five: Store):
    five.note([1], "one")
    first = last(five)
    five.note([1], "two")
    for expected in (("one",), ()):
        undo(five)
        assert five.entry(1).notes == expected
    with pytest.raises(NotFound, match="nothing of ann to undo"):
        undo(five)
    again = undo(five, last(five))
    assert five.entry(1).notes == ("one",)
    assert again.undo is not None
    with pytest.raises(BadInput, match="no longer counts"):
        undo(five, again.operation.id)
    assert undo(five, first).changed == 1
    assert five.curation.undone()[first] == last(five)
    with pytest.raises(BadInput, match=f"Operation {first} was undone by operation {last(five)}.*undo {last(five)}"):
        undo(five, first)


def test_nobody_undoes_what_another_thinks_but_tags_are_the_teams(five: Store):
    five.favourite([1])
    mine = last(five)
    with pytest.raises(BadInput, match="Only ann can undo it"):
        undo(five, mine, user="bob")
    five.tag([1], ["hero"])
    assert undo(five, last(five), user="bob").changed == 1
    assert (tags(five, 1), five.entry(1).favourite) == ([""], True)


def test_undoing_rm_brings_back_the_entries_that_are_still_in_the_trash(five: Store):
    five.trash([1, 2, 3])
    first = last(five)
    five.restore([2])
    done = undo(five, first)
    assert (done.changed, done.kept) == (2, ("1 entry changed since: left alone.",))
    assert five.count() == 6


def test_what_cannot_be_undone_is_said(five: Store):
    with pytest.raises(BadInput, match=r"Operation 1 \(create bank\) cannot be undone"):
        undo(five, 1)
    for number in (999, 2**70):
        with pytest.raises(NotFound, match=f"There is no operation {number}"):
            undo(five, number)


def test_what_is_made_in_one_go_is_one_operation_and_one_undo(five: Store):
    act = Act("generate")
    for number in (8, 9):
        five.add_entry(replace(entry(number), tags=("poster",)), act=act)
    done = five.operations(limit=1)[0]
    assert (done.id, done.kind, done.details) == (act.number, "generate", {"entries": "7..8"})
    undone = undo(five)
    assert undone.operation.id == act.number and five.count() == 6 and five.entry(8).trashed and five.entry(8).tags == ()
    undo(five, undone.undo)
    assert five.count() == 8 and five.entry(8).tags == ("poster",)


def test_doing_again_leaves_in_the_trash_what_somebody_else_put_there(five: Store):
    five.add_entries([entry(8), entry(9)])
    done = last(five)
    five.trash([7], user="bob")
    for _ in range(2):  # an undo that was done again can be undone again
        for _ in range(2):
            undone = undo(five, done)
            assert undone.undo is not None
            assert (undone.changed, undone.kept) == (1, ("1 entry changed since: left alone.",))
            done = undone.undo
        assert five.entry(7).trashed and not five.entry(8).trashed


def test_undoing_rm_leaves_in_the_trash_what_was_put_there_again(five: Store):
    five.trash([1, 2])
    first = last(five)
    five.restore([2])
    five.trash([2], user="bob")
    assert undo(five, first).changed == 1
    assert five.entry(2).trashed and not five.entry(1).trashed


def test_what_a_program_recorded_is_undone_by_its_number_only(five: Store):
    number = five.add_entry(replace(entry(8), tags=("poster",))).id
    with pytest.raises(NotFound, match="nothing of ann to undo"):
        undo(five)
    undo(five, last(five))
    assert five.entry(number).trashed and five.entry(number).tags == ()


def test_all_that_a_blend_does_is_one_operation(five: Store):
    run = five.start_run("blend", {"cells": 2}, [])
    for number in (8, 9):  # the second time it goes on
        act = five.curation.begin_making("blend", run.id, "film")
        five.add_entry(replace(entry(number), tags=("frame",), run=run.id), act=act)
    five.favourite([7])
    five.curation.gather("film", [1, 7, 8, 2], act)
    five.curation.gather("film", [1, 7, 8, 2], act)
    assert five.curation.entries_in("film") == [1, 7, 8, 2]
    assert [one.kind for one in five.operations()].count("blend") == 1 and len(five.history(1)) == 1
    undo(five)  # the favourite, said later than the blend began
    undone = undo(five)
    assert (undone.operation.id, undone.kept) == (act.number, ())
    assert five.count() == 6 and five.curation.collections() == [] and five.entry(8).tags == ()
    undo(five, undone.undo)
    assert five.count() == 8 and five.curation.entries_in("film") == [1, 7, 8, 2] and five.entry(8).tags == ("frame",)
    undo(five)
    assert five.curation.begin_making("blend", run.id, "film").number != act.number  # it begins anew


def test_a_blend_does_not_begin_where_its_pictures_would_have_no_place(five: Store):
    five.curation.create_collection("best", "tag:poster")
    run = five.start_run("blend", {"cells": 2}, [])
    with pytest.raises(BadInput, match="'best' is a saved search"):
        five.curation.begin_making("blend", run.id, "best")


# -- one picture takes over from another --------------------------------------------------------------------------------


def test_a_picture_takes_over_what_was_said_of_another_in_one_operation(five: Store):
    five.tag([1], ["hero", "poster"])
    five.rate([1], 5)
    five.favourite([1])
    five.note([1], "his", user="bob")
    five.rate([2], 2)
    assert five.curation.adopt(1, [2, 3]) == 2
    second, third = five.entries([2, 3])
    assert (second.tags, second.favourite, second.rating) == (("hero", "poster"), True, 2)
    assert (third.tags, third.rating, third.notes) == (("hero", "poster"), 5, ())
    undo(five)
    assert (five.entry(2).tags, five.entry(2).rating, five.entry(3).rating) == ((), 2, None)


def test_the_team_view_says_who(five: Store):
    five.favourite([1])
    five.rate([6], 4, user="bob")
    five.rate([2], 1)
    five.rate([2], None)
    found = five.curation.team([1, 2])
    assert [(one.user, one.favourite, one.rating) for one in found[1]] == [("ann", True, None), ("bob", False, 4)]
    assert list(found) == [1]


# -- collections --------------------------------------------------------------------------------------------------------


def test_a_collection_keeps_the_order_that_people_gave_it(five: Store):
    five.curation.create_collection("Spring")
    assert five.curation.collect("spring", [3, 1, 6, 2]) == 3  # 6 shows the same as 1
    assert five.curation.entries_in("SPRING") == [3, 1, 2]
    five.curation.move("spring", [2], before=3)
    assert five.curation.entries_in("spring") == [2, 3, 1]
    five.curation.move("spring", [2, 3])
    assert five.curation.entries_in("spring") == [1, 2, 3]
    five.trash([2])
    assert five.curation.entries_in("spring") == [1, 3]
    assert five.curation.take_out("spring", [1, 5]) == 1
    (found,) = five.curation.collections()
    assert (found.name, found.user, found.pictures, found.query) == ("Spring", "ann", 2, None)


def test_moving_again_and_again_between_two_neighbours_keeps_the_order(five: Store):
    five.curation.create_collection("c")
    five.curation.collect("c", [1, 2, 3])
    for _ in range(15):
        five.curation.move("c", [3], before=2)
        five.curation.move("c", [2], before=3)
    assert five.curation.entries_in("c") == [1, 2, 3]


def test_every_change_of_a_collection_can_be_undone(five: Store):
    curation = five.curation
    curation.create_collection("c")
    curation.collect("c", [1, 2, 3])
    curation.move("c", [3], before=1)
    curation.change_collection("c", new_name="d", cover=2)
    curation.take_out("d", [1])
    curation.remove_collection("d")
    assert curation.collections() == []
    undo(five)
    assert (curation.entries_in("d"), curation.collection("d").cover) == ([3, 2], digest("pixels", 2))
    undo(five)
    assert curation.entries_in("d") == [3, 1, 2]
    undo(five)
    assert curation.collection("c").cover is None
    undo(five)
    assert curation.entries_in("c") == [1, 2, 3]
    undo(five)
    undo(five)
    assert curation.collections() == []
    assert [event.kind for event in five.history(1)].count("collect") > 3


def test_a_collection_that_others_have_used_since_is_not_undone_away(five: Store):
    five.curation.create_collection("c")
    first = last(five)
    five.curation.collect("c", [1])
    done = undo(five, first)
    assert (done.undo, done.kept) == (None, ("The collection 'c' stays: it holds 1 picture put in since.",))
    assert five.curation.entries_in("c") == [1]


def test_a_saved_search_is_a_collection_without_pictures_of_its_own(five: Store):
    five.curation.create_collection("best", "rating:5")
    assert five.curation.collection("Best").query == "rating:5"
    with pytest.raises(BadInput, match="'best' is a saved search"):
        five.curation.collect("best", [1])
    with pytest.raises(BadInput, match=r"a collection 'best' already.*save best --replace QUERY"):
        five.curation.create_collection("BEST")
    with pytest.raises(NotFound, match=r"no collection 'bst'.*'best'"):
        five.curation.entries_in("bst")


def test_a_received_collection_says_which_pictures_are_not_here(five: Store):
    sent = [digest("pixels", 2), digest("elsewhere"), digest("pixels", 1)]
    assert five.curation.receive_collection("gift", sent, cover=sent[2]) == [digest("elsewhere")]
    assert five.curation.entries_in("gift") == [2, 1]
    assert five.curation.images_in("gift") == [sent[0], sent[2]]
    assert five.curation.collection("gift").cover == sent[2]


@pytest.mark.parametrize("name", ["", "a,b", "-x", "a\0b", "x" * 101])
def test_names_of_collections_that_could_not_be_typed_are_refused(five: Store, name: str):
    with pytest.raises(BadInput):
        five.curation.create_collection(name)


def test_purging_a_cover_leaves_the_collection_whole(five: Store):
    five.curation.create_collection("c")
    five.curation.collect("c", [1, 2])
    five.curation.change_collection("c", cover=2)
    five.tag([2], ["x"])
    five.trash([2])
    five.purge([2])
    assert five.curation.entries_in("c") == [1]
    assert five.curation.collection("c").cover is None
    assert list(integrity(five)) == []


def test_the_query_of_a_saved_search_can_change_and_pictures_get_none(five: Store):
    five.curation.create_collection("best", "rating:5")
    five.curation.change_collection("best", query="rating:4..")
    assert five.curation.collection("best").query == "rating:4.."
    undo(five)
    assert five.curation.collection("best").query == "rating:5"
    five.curation.create_collection("c")
    with pytest.raises(BadInput, match="'c' is a collection of pictures"):
        five.curation.change_collection("c", query="x")
