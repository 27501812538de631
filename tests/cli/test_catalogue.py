"""The catalogue on the command line: outputs, bulk edits, tags, collections, undo, lineage, numbers."""

from __future__ import annotations

import contextlib
import csv
import io
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from seedbank.api import Library
from seedbank.cli.printing import width_of
from seedbank.recipe import Recipe
from seedbank.records import Model, NewEntry, NewRegeneration, Picture
from tests.importing.conftest import _kept, warm  # noqa: F401
from tests.pictured import InProcess, add, drawing, recipe


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SEEDBANK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SEEDBANK_USER", "ann")
    monkeypatch.setenv("COLUMNS", "110")
    for name in ("TMUX", "KITTY_WINDOW_ID", "TERM_PROGRAM", "LC_TERMINAL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    return tmp_path


@pytest.fixture(scope="module")
def six(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six entries: odd ones are posters, 2 is a favourite of ann's, 3 was different when it was rebuilt."""
    folder = tmp_path_factory.mktemp("six")
    with Library.open(folder / "art.db", create=True, user="ann") as bank:
        for number in range(1, 7):
            add(bank, number, ["poster"] if number % 2 else [])
        bank.favourite(2)
        bank.rate(1, 4)
        bank.store.add_regeneration(NewRegeneration(3, "different"))
    with Library.open(folder / "art.db", user="bob") as bank:
        bank.favourite(1)
        bank.rate(2, 0)
    return folder


@pytest.fixture
def seedbank(home: Path, six: Path) -> InProcess:
    """A copy of the six entries for each test."""
    shutil.copytree(six, home, dirs_exist_ok=True)
    return InProcess(home / "art.db")


# -- output -----------------------------------------------------------------------------------------------------------


def test_the_table_counts_wide_characters_and_fits_the_terminal(seedbank):
    lines = seedbank("ls").lines
    assert [line.split()[0] for line in lines] == ["id", "6", "5", "4", "3", "2", "1"]
    starts = {
        width_of(line[: line.index(word)])
        for line, word in zip(lines[1:], ("a light", "山谷", "a red", "portrait", "a light", "山谷"), strict=True)
    }
    assert len(starts) == 1
    assert max(map(width_of, lines)) <= 110


def test_a_narrow_terminal_goes_without_the_columns_that_are_least_needed(seedbank, monkeypatch):
    for wide, shown in (
        (80, "id ★ r verdict seed size model tags prompt"),
        (60, "id ★ r verdict seed tags prompt"),
        (20, "id ★ prompt"),
    ):
        monkeypatch.setenv("COLUMNS", str(wide))
        lines = seedbank("ls").lines
        assert (lines[0].split(), max(map(width_of, lines)) <= wide) == (shown.split(), True)


def test_long_names_leave_room_for_the_prompt(seedbank, home, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    with Library.open(home / "art.db", user="ann") as bank:
        model = Model("c" * 64, "/home/ann/models/checkpoints/a-very-long-name-of-a-model-that-ends-in-v2")
        bank.add(drawing(9), recipe(9) | {"model": model.digest}, model=model, tags=["a-third-long-tag", "one", "two"])
    line = seedbank("ls").lines[1]
    assert "a-very…-in-v2" in line and "a-third-long…" in line
    assert width_of(line) <= 80 and "山谷里的" in line


def test_a_family_emoji_takes_two_columns_and_a_combining_mark_none():
    assert [width_of(text) for text in ("abc", "海报", "e\u0301", "❤\ufe0f", "ｱ")] == [3, 4, 1, 1, 1]


def test_csv_has_the_keys_of_json_and_comes_back_whole(seedbank):
    rows = list(csv.DictReader(io.StringIO(seedbank("ls", "--csv").out)))
    assert list(rows[0]) == list(seedbank.json("ls", "id:1")[0])
    assert [row["prompt"] for row in rows][1] == "山谷里的小木屋，晨雾"
    assert rows[0]["favourite"] == "no"
    for also in ([], ["--team"]):  # the names of the columns are there without rows, too
        keys = list(seedbank.json("ls", "id:1", *also)[0])
        assert list(csv.reader(io.StringIO(seedbank("ls", "nothing", "--csv", *also).out))) == [keys]


@pytest.mark.parametrize("way", [["--ids"], ["--json"], ["--csv"], ["--format", "{id} {prompt}"], ["--json", "--team"]])
@pytest.mark.parametrize("also", [[], ["sort:added+"], ["-n", "4"], ["-n", "3"], ["--after", "6"], ["nothing"]])
def test_what_is_read_in_parts_is_printed_as_if_it_were_read_at_once(seedbank, monkeypatch, way, also):
    whole = seedbank("ls", "-n", "0", *way, *also)
    asked = []
    find = Library.find
    monkeypatch.setattr(Library, "find", lambda *given, **named: asked.append(named["limit"]) or find(*given, **named))
    monkeypatch.setattr(sys.modules["seedbank.cli.ls"], "PART", 2)
    parts = seedbank("ls", "-n", "0", *way, *also)
    assert (parts.out, parts.err) == (whole.out, whole.err)
    assert max(asked) == 2


def test_a_table_that_is_read_in_parts_has_one_head_and_the_columns_of_its_first_part(seedbank, monkeypatch):
    monkeypatch.setattr(sys.modules["seedbank.cli.ls"], "PART", 2)
    head, *lines = seedbank("ls", "-n", "0").out.splitlines()
    assert [line.split()[0] for line in lines] == ["6", "5", "4", "3", "2", "1"]
    assert {line[head.index("size") :].split()[0] for line in lines} == {"64x64"}
    assert lines[3].split()[1] == "differ…"  # no other verdict stands above it


def test_no_cell_of_csv_is_a_formula(seedbank, home):
    with Library.open(home / "art.db", user="ann") as bank:
        bank.add(drawing(11), recipe(11) | {"conditioning": {"prompt": "=cmd|' /C calc'!A0"}}, tags=["+1"])
    row = next(csv.DictReader(io.StringIO(seedbank("ls", "--csv").out)))
    assert (row["prompt"], row["tags"]) == ("'=cmd|' /C calc'!A0", "'+1")


def test_a_format_of_ones_own(seedbank):
    assert seedbank("ls", "id:1..2", "--format", r"{id:>3}\t{seed} {prompt:.10}|{rating}|{size}").lines == [
        "  2\t7002 a lighthou||64x64",
        "  1\t7001 山谷里的小木屋，晨雾|4|64x64",
    ]
    assert seedbank("ls", "id:2", "--format", "{{{tags}}} {added:%Y} {created:%Y}|").lines[0].startswith("{} 20")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{promt}", "Did you mean {prompt}"),
        ("{id.__class__}", "no field"),
        ("{tags[0]}", "no field"),
        ("{0}", "no field"),
        ("{", "cannot be read"),
        ("{id!r}", "too much"),
        ("{id:{id}}", "too much"),
        ("{prompt:d}", "cannot be filled"),
        ("{prompt:>999999999}", "1,000 columns"),
        ("{guidance:.999999999f}", "1,000 columns"),
        ("{seed:,}", "cannot be filled: Cannot specify ',' with 's'.\n"),
    ],
)
def test_a_format_that_makes_no_sense_is_a_sentence(seedbank, text, said):
    assert said in seedbank("ls", "--format", text, ok=[2]).err


def test_only_one_way_of_printing_can_be_asked_for(seedbank):
    assert "Choose one" in seedbank("ls", "--ids", "--csv", ok=[2]).err


def test_an_image_store_that_moved_is_named_and_nothing_else_is_taken_for_it(seedbank, home):
    moved, empty, others = home / "moved", home / "empty", home / "others.db"
    empty.mkdir()
    with Library.open(others, create=True, user="ann") as bank:
        add(bank, 9)
    shutil.move(home / "art.db.images", moved)
    for place, said in ((empty, "is an empty folder"), (home / "no", "is not there"), (f"{others}.images", "belongs to")):
        ran = seedbank("db", "images", str(place), ok=[1, 2])
        assert said in ran.err and "Copy or move the files there first" in ran.err
    assert seedbank("check", ok=[1]).code == 1
    next(path for path in moved.rglob("*") if len(path.name) == 64).unlink()
    ran = seedbank("db", "images", str(moved))
    assert (ran.out, "1 file of this bank is not there: seedbank check" in ran.err) == (f"{moved}\n", True)
    assert "move images" in seedbank("log", "--limit", "1").out
    assert "db images" in seedbank("db", "backup", str(home / "copy.db")).err
    shutil.move(moved, home / "art.db.images")
    seedbank("db", "images", str(home / "art.db.images"))
    shutil.move(home / "art.db", home / "other.db")
    shutil.move(home / "art.db.images", home / "other.db.images")  # beside the file again: they move as one
    assert InProcess(home / "other.db")("db", "images").out == f"{home / 'other.db.images'}\n"


def test_a_program_names_entries_by_themselves_as_well_as_by_their_ids(seedbank):
    with Library.open(seedbank.bank, user="ann") as bank:
        first, second = bank.entry(1), bank.entry(2)
        assert bank.resolve(first) == [1] and bank.resolve([second, 1]) == [2, 1]
        assert bank.tag(first, "hero") == [1] and bank.rate([first, second], 3) == [1, 2]
        assert bank.entry(first).tags == ("hero", "poster")
        assert bank.path(1) == bank.path(first) and bank.pixels("@last") == bank.pixels(6)
        assert bank.recipe_text(2) == bank.recipe_text(second)
        assert [other.entry.id for other in bank.compare([first, 2]).others] == [2]


def test_the_team_view_says_who(seedbank):
    assert [line.split()[1:3] for line in seedbank("ls", "id:1..2", "--team").lines[1:]] == [["ann", "bob:0"], ["bob", "ann:4"]]
    (item,) = seedbank.json("ls", "id:1", "--team")
    assert [(one["user"], one["favourite"], one["rating"]) for one in item["team"]] == [("ann", False, 4), ("bob", True, None)]


def test_entries_typed_before_the_name_of_their_collection_are_told_how_it_is_typed(seedbank):
    seedbank("collection", "create", "best")
    for command in ("add", "remove", "move"):
        ran = seedbank("collection", command, "1", "3", "Best", ok=[4])
        assert f"There is no collection '1'.\n  The name comes first: seedbank collection {command} Best 1 3\n" in ran.err


def test_a_contact_sheet_says_which_pictures_are_not_here(seedbank, home):
    shutil.rmtree(home / "art.db.images")
    (home / "art.db.images").mkdir()
    assert seedbank("ls", "--contact-sheet", str(home / "sheet.png")).out == f"{home / 'sheet.png'}: 0 pictures, 6 not here\n"


def test_a_contact_sheet_holds_all_pictures(seedbank, home):
    assert "6 pictures" in seedbank("ls", "--contact-sheet", str(home / "sheet.png")).out
    with Image.open(home / "sheet.png") as sheet:
        assert sheet.width > 3 * 160
    assert "cannot be written" in seedbank("ls", "--contact-sheet", str(home / "no" / "sheet.png"), ok=[2]).err


def test_a_sheet_of_too_many_is_refused_before_entries_are_listed_and_pictures_made(seedbank, home, monkeypatch):
    monkeypatch.setattr("seedbank.images.sheets.MOST", 3)
    looked_for, find = [], Library.find

    def counted(*given, limit, **more):
        looked_for.append(limit)
        return find(*given, limit=limit, **more)

    monkeypatch.setattr(Library, "find", counted)
    monkeypatch.setattr(Library, "pixels", None)
    for words in (["--limit", "0"], ["--limit", "1000"]):
        ran = seedbank("ls", *words, "--contact-sheet", str(home / "sheet.png"), ok=[2])
        assert "A contact sheet has room for 3 pictures, and these are more.\n  Choose fewer" in ran.err
    assert looked_for == [4, 4] and not (home / "sheet.png").exists()


def test_the_previews_of_a_large_sheet_are_counted_on_the_way(seedbank, home, monkeypatch):
    told = []

    class Counted:
        @contextlib.contextmanager
        def task(self, label, total=None, unit=""):
            told.append([label, total, 0])
            yield self

        def advance(self, count=1):
            told[-1][2] += count

    monkeypatch.setattr("seedbank.cli.common.progress", Counted)
    seedbank("ls", "--contact-sheet", str(home / "sheet.png"))
    assert told == [["previews", 6, 6]]


@pytest.mark.parametrize(("name", "kind"), [("a.jpg", "JPEG"), ("a.JPEG", "JPEG"), ("a.webp", "WEBP"), ("a.png", "PNG")])
def test_a_sheet_is_the_kind_of_file_that_its_name_says(seedbank, home, name, kind):
    for command in (["ls", "--contact-sheet"], ["diff", "1", "2", "-o"], ["compare", "1", "2", "-o"]):
        seedbank(*command, str(home / name))
        with Image.open(home / name) as sheet:
            assert sheet.format == kind
        (home / name).unlink()


@pytest.mark.parametrize(
    "command",
    [["ls", "--contact-sheet"], ["diff", "1", "2", "-o"], ["compare", "1", "2", "--flip"], ["compare", "1", "2", "--flicker"]],
)
def test_a_sheet_of_another_kind_is_refused_with_the_endings_that_there_are(seedbank, home, command):
    ran = seedbank(*command, str(home / "a.gif"), ok=[2])
    assert ".webp" in ran.err
    assert not (home / "a.gif").exists()


@pytest.mark.parametrize(
    "words", [["tag:poster", "-o", "{page}"], ["-o", "{page}", "tag:poster"], ["--output={page}", "tag:poster"]]
)
def test_a_page_is_written_where_minus_o_says_and_a_word_with_an_o_stays_a_word(seedbank, home, words):
    page = home / "page.html"
    seedbank("open", "--print", "-tag:old", *(word.format(page=page) for word in words))
    assert page.read_text().count('"id":') == 3


def test_names_in_the_manner_of_a1111_are_refused_in_our_words(seedbank, home):
    ran = seedbank("export", "--images", str(home / "out"), "--name", "[date]/[seed]-[Prompt_words]-[clip_skip]", ok=[2])
    assert "{created:%Y-%m-%d}/{seed}-{prompt:.60}" in ran.err and "[clip_skip]" in ran.err
    assert "the ending comes by itself" in seedbank("export", "--images", str(home / "out"), "--name", "{seed}.jpg", ok=[2]).err
    assert not (home / "out").exists()
    seedbank("export", "--images", str(home / "out"), "--name", "[best] {created:%Y-%m-%d}-{seed}", "1")
    assert len(list((home / "out").iterdir())) == 1


def test_thumbnails_are_sent_in_the_protocol_of_the_terminal(seedbank, monkeypatch):
    assert "not known to show pictures" in seedbank("ls", "--thumbnails", ok=[2]).err
    monkeypatch.setenv("KITTY_WINDOW_ID", "1")
    kitty = seedbank("ls", "--thumbnails").out
    assert kitty.count("\033_Ga=T,f=100") == 6
    assert all(len(piece) < 4200 for piece in kitty.split("\033\\"))
    monkeypatch.delenv("KITTY_WINDOW_ID")
    monkeypatch.setenv("TERM_PROGRAM", "WezTerm")
    assert seedbank("ls", "--thumbnails").out.count("\033]1337;File=inline=1;size=") == 6


# -- edits of many ----------------------------------------------------------------------------------------------------


def test_a_query_that_changes_many_is_refused_where_nobody_can_be_asked(seedbank):
    assert "finds 3 entries" in seedbank("tag", "tag:poster", "hero", ok=[2]).err
    assert seedbank("ls", "tag:hero", "--ids").lines == []
    seedbank("tag", "tag:poster", "hero", "--yes")
    seedbank("fav", "4", "6")  # ids are taken at their word, as the page of pictures gives them
    assert seedbank("ls", "tag:hero", "--ids").lines == ["5", "3", "1"]
    assert seedbank("ls", "--fav", "--ids").lines == ["6", "4", "2"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("answer", "rated"), [("n\n", []), ("y\n", ["5", "3", "1"])])
def test_on_a_terminal_a_query_is_shown_before_it_changes_anything(seedbank, monkeypatch, answer, rated):
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    ran = seedbank("rate", "tag:poster", "2")
    assert "rate 2: 3 entries. The newest:" in ran.err
    assert [line.split()[0] for line in ran.err.splitlines()[1:4]] == ["5", "3", "1"]
    assert ("nothing was changed" in ran.err) == (not rated)
    assert seedbank("ls", "rating:2", "--ids").lines == rated


def test_attempts_in_a_row_are_one_line_of_the_log(seedbank):
    with Library.open(seedbank.bank, user="ann") as bank:
        before = bank.store.operations(limit=1)[0].id
        for number in (1, 2, 3, 5):
            bank.store.add_regeneration(NewRegeneration(number, "exact"))
    seedbank("tag", "1", "seen")
    with Library.open(seedbank.bank, user="ann") as bank:
        bank.store.add_regeneration(NewRegeneration(4, "exact"))
    lines = seedbank("log", "--limit", "3").lines[1:]
    assert [line.split()[0] for line in lines] == [str(before + 6), str(before + 5), f"{before + 1}..{before + 4}"]
    assert [line.split("ann  ")[1] for line in lines] == ["regenerate: 4", "tag seen: 1", "regenerate: 1..3,5"]
    assert [one["kind"] for one in seedbank.json("log", "--limit", "4")] == ["regenerate", "tag", "regenerate", "regenerate"]
    assert seedbank("log", "--before", str(before + 1), "--limit", "1").lines[1].split()[0] == str(before)


def test_undo_log_and_history(seedbank):
    seedbank("tag", "tag:poster", "hero", "--yes")
    seedbank("untag", "3", "hero")
    operation = seedbank.json("log")[1]["operation"]
    ran = seedbank("undo", str(operation))
    assert f"undid operation {operation} (tag hero: 1,3,5): 2 changed; seedbank undo {operation + 2} does it again" in ran.out
    assert f"1 picture keeps what operation {operation + 1} made later." in ran.err
    assert seedbank("ls", "tag:hero", "--ids").lines == []
    assert f"tag hero: 1,3,5, undone by {operation + 2}" in seedbank("log").out
    assert [line.split("  ")[3] for line in seedbank("history", "1").lines][-2:] == ["tag hero", "untag hero"]
    assert "was undone by" in seedbank("undo", str(operation), ok=[2]).err


# -- tags and collections ---------------------------------------------------------------------------------------------


def test_a_number_among_the_tags_is_said_since_other_commands_take_it_for_an_entry(seedbank):
    said = seedbank("tag", "1", "2", "hero").err
    assert "2 is a tag here. Several entries are named 1,2; seedbank undo takes this back." in said
    assert seedbank("ls", "tag:hero", "--ids").lines == ["1"]
    assert seedbank("tag", "1,2", "hero").err == seedbank("tag", "1", "2026").err == ""


def test_tags_are_listed_renamed_and_merged(seedbank):
    seedbank("tag", "1,2", "affiche")
    assert [line.split() for line in seedbank("tags").lines[1:]] == [["3", "poster"], ["2", "affiche"]]
    assert seedbank("tags", "merge", "affiche", "poster").out == "2 pictures: poster instead of affiche\n"
    assert seedbank("tags", "rename", "poster", "海报").out == "4 pictures: poster is now 海报\n"
    assert seedbank.json("tags") == [{"tag": "海报", "pictures": 4}]


def test_a_collection_is_made_ordered_shown_shared_and_received(seedbank, home):
    seedbank("collection", "create", "spring", "3,1")
    seedbank("collection", "add", "spring", "5")
    seedbank("collection", "move", "spring", "5", "--before", "3")
    seedbank("collection", "cover", "spring", "1")
    assert seedbank("collection", "show", "spring", "--ids").lines == ["5", "3", "1"]
    assert seedbank("ls", "collection:spring", "--ids").lines == ["5", "3", "1"]
    assert [line.split()[:4] for line in seedbank("collection", "ls").lines[1:]] == [["spring", "3", "1", "ann"]]
    seedbank("collection", "rename", "spring", "May")
    seedbank("collection", "rename", "May", "spring")
    told = [line.split("ann  ")[1] for line in seedbank("log", "--limit", "3").lines[1:]]
    assert told == [
        "rename collection May to spring",
        "rename collection spring to May",
        "change the cover of collection spring",
    ]
    for name, options in (("spring.txt", ()), ("spring.json", ("--json",))):
        (home / name).write_text(seedbank("collection", "share", "spring", *options).out)
    with Library.open(home / "other.db", create=True) as other:
        for number in (1, 3):
            add(other, number)
    there = InProcess(home / "other.db")
    missing = drawing(5)
    for name, called in (("spring.txt", "spring"), ("spring.json", "summer")):
        ran = there("collection", "receive", str(home / name), "--as", called)
        assert ran.err.startswith("not in this bank: image ") and missing
        assert there("collection", "show", called, "--ids").lines == ["2", "1"]
    seedbank("collection", "rm", "spring")
    seedbank("undo")
    assert seedbank("collection", "show", "spring", "--ids").lines == ["5", "3", "1"]


def test_n_is_the_limit_where_it_stands_alone_and_letters_of_a_word_elsewhere(seedbank):
    assert seedbank("ls", "-n", "2", "--ids").lines == seedbank("ls", "--limit", "2", "--ids").lines == ["6", "5"]
    assert seedbank("ls", "tag:poster", "-n", "1", "--ids").lines == ["5"]
    assert seedbank("ls", "-tag:neon", "-n", "1", "--ids").lines == ["6"]
    assert seedbank("ls", "-tag:poster", "--ids").lines == ["6", "4", "2"]


def test_what_finds_nothing_says_why_where_it_can(seedbank):
    assert "4: nobody has said anything" in seedbank("history", "4").err
    assert seedbank("ls", "cabin", "or", "boat").err.startswith("nothing matches; OR in capitals joins")
    assert "--limit stands behind --" in seedbank("ls", "--", "-cabin", "--limit", "2", ok=[2]).err


def test_a_name_that_does_not_exist_is_said_beside_the_output(seedbank):
    said = "note: there is no tag 'poter': did you mean 'poster'?"
    for form in ("--ids", "--json"):
        ran = seedbank("ls", "tag:poter", form)
        assert (ran.out, ran.err.splitlines()) == ("", [said])
    ran = seedbank("ls", "tag:poter OR id:2", "--ids")
    assert (ran.lines, ran.err.splitlines()) == (["2"], [said])
    assert seedbank("fav", "tag:poter", ok=[4]).err.startswith(said)


def test_a_saved_search_acts_as_a_collection(seedbank):
    seedbank("collection", "save", "best", "tag:poster", "-rating:4..")
    assert seedbank("collection", "show", "best", "--ids").lines == ["5", "3"]
    assert seedbank("ls", "collection:best", "--ids").lines == ["5", "3"]
    assert seedbank("ls", "collection:best", "-verdict:different", "--ids").lines == ["5"]
    assert "is a saved search" in seedbank("collection", "add", "best", "1", ok=[2]).err
    assert seedbank("collection", "save", "bad", "taf:poster", ok=[2]).err
    with Library.open(seedbank.bank, user="ann") as bank:
        bank.store.curation.create_collection("old", "rating:9")
    assert "rating:9 finds nothing" in seedbank("collection", "show", "old").err
    seedbank("collection", "rm", "old")
    assert [item["collection"] for item in seedbank.json("collection", "ls")] == ["best"]


def test_the_command_that_a_saved_search_names_can_be_typed(seedbank):
    for name in ("best", "my $5 best", "it's 春天"):
        said = seedbank("collection", "save", name, "tag:poster", "-rating:4..").out
        assert seedbank(*shlex.split(said.partition("; seedbank ")[2]), "--ids").lines == ["5", "3"]


def test_a_collection_is_shown_up_to_a_limit_and_an_empty_one_says_so(seedbank):
    seedbank("collection", "create", "spring", "3,1,5")
    assert seedbank("collection", "show", "spring", "-n", "2", "--ids").lines == ["3", "1"]
    assert seedbank("collection", "show", "spring", "--ids").lines == ["3", "1", "5"]
    seedbank("collection", "create", "later")
    assert seedbank("collection", "show", "later").err == "there is nothing in it\n"
    assert seedbank("collection", "show", "later", "--json").err == ""


@pytest.mark.parametrize(
    "text", ["hello", "{", '{"v": 1}', '{"v": 1, "collection": "x", "images": ["y"]}', "collection x\nimage 12"]
)
def test_what_is_no_collection_is_a_sentence(seedbank, home, text):
    (home / "gift").write_text(text)
    assert "collection" in seedbank("collection", "receive", str(home / "gift"), ok=[2]).err
    assert seedbank("collection", "ls").lines == []


# -- the same picture again, and copies of it ---------------------------------------------------------------------------


def test_opinions_meet_again_when_the_same_pixels_come_in_another_file(seedbank, home):
    drawing(1).save(home / "again.webp", lossless=True)
    seedbank("note", "1", "the one")
    with Library.open(home / "art.db", user="ann") as bank:
        again = bank.add(home / "again.webp")
    assert (again.tags, again.rating, again.notes) == (("poster",), 4, ("the one",))
    assert seedbank("duplicates", "--ids").lines == ["1 7"]
    assert seedbank.json("duplicates", "--exact") == [{"kind": "exact", "distance": 0, "ids": [1, 7]}]


def test_a_lossy_copy_is_offered_the_opinions_of_what_it_looks_like(seedbank, home):
    drawing(1, 48).save(home / "copy.jpg", quality=60)
    said: list[str] = []
    with Library.open(home / "art.db", user="ann") as bank:
        copy = bank.add(home / "copy.jpg", say=said.append)
        bank.add(drawing(99), say=said.append)
        assert [entry.id for entry, _ in bank.alike(copy.id)] == [1]
    assert (copy.tags, copy.rating) == ((), None)
    (hint,) = said
    assert hint.startswith("Entry 7 looks like entry 1:")
    seedbank(*hint.rpartition("seedbank ")[2].split())
    assert [(item["tags"], item["rating"]) for item in seedbank.json("ls", "id:7")] == [(["poster"], 4)]
    (group,) = seedbank.json("duplicates")
    assert (group["kind"], group["ids"]) == ("alike", [1, 7])
    assert "alike: 2 entries" in seedbank("duplicates").out


@pytest.mark.usefixtures("warm")
def test_an_import_offers_the_opinions_of_what_a_lossy_copy_looks_like(seedbank, home):
    (home / "new").mkdir()
    drawing(1, 48).save(home / "new" / "copy.jpg", quality=60)
    drawing(99).save(home / "new" / "other.png")
    ran = seedbank("import", str(home / "new"), "--tag", "new", "--jobs", "1")
    (entry,) = (item["id"] for item in seedbank.json("ls", "size:48x48"))
    assert f"looks like 1: 2 of 64 bits differ. To take over what was said of that: seedbank adopt 1 {entry}\n" in ran.err
    assert ran.err.count("looks like") == 1


# -- lineage and numbers ------------------------------------------------------------------------------------------------


@pytest.fixture
def family(seedbank: InProcess, home: Path) -> InProcess:
    """1 has the variants 7 and 8, 7 and 3 are the parents of 9."""
    with Library.open(home / "art.db", user="ann") as bank:
        for number, parents, changes in (
            (7, ((1, "variant-of"),), {"num_inference_steps": 20}),
            (8, ((1, "variant-of"),), {"guidance_scale": 9, "width": 128}),
            (9, ((7, "blended-from"), (3, "blended-from")), {"num_inference_steps": 20}),
        ):
            values = recipe(1, **changes)
            bank.store.add_entry(
                NewEntry(recipe=Recipe.from_dict(values), picture=Picture(f"{number:064x}", "RGB", 64, 64), parents=parents)
            )
    return seedbank


def test_a_tree_says_what_changed_at_each_step(family):
    assert family("tree", "7").lines == [
        "1  seed 7001  山谷里的小木屋，晨雾",
        "└─ 7  variant-of: steps 8 → 20  ← here",
        "   └─ 9  blended-from: the same recipe",
    ]
    lines = family("tree", "1").lines
    assert lines[1].startswith("├─ 7  variant-of: steps 8 → 20")
    assert lines[-1] == "└─ 8  variant-of: guidance 7.5 → 9; size 64x64 → 128x64"
    both = family("tree", "9").lines
    assert both[0].startswith("1  seed 7001")
    assert both[-1].startswith("└─ 9  blended-from: prompt portrait of a fox 🦊 → 山谷里的小木屋，晨雾; seed 7003 → 7001")
    assert {"parent": 1, "child": 7, "kind": "variant-of", "changes": [{"field": "steps", "old": 8, "new": 20}]} in family.json(
        "tree", "9"
    )


def test_a_diff_of_two_entries_is_a_diff_of_recipes_and_pictures(seedbank, home):
    ran = seedbank("diff", "1", "3", "-o", str(home / "both.png"))
    assert ran.lines[0] == "recipe        2 differences"
    assert "seed                  7001 → 7003" in ran.out
    assert "neither is known" in ran.out
    assert "of 64 bits of the perceptual hash" in ran.lines[-1]
    with Image.open(home / "both.png") as sheet:
        assert sheet.width > 3 * 160
    (same,) = seedbank.json("diff", "1", "1")
    assert (same["recipe"], same["same_image"], same["drift"]["max"]) == ([], True, 0.0)


def test_what_a_recipe_does_not_say_is_no_difference(seedbank, home):
    with Library.open(seedbank.bank) as bank:
        bank.add(drawing(50), {"conditioning": {"prompt": "boat"}, "noise": {"seed": "9"}, "call": {"num_inference_steps": 8}})
        bank.add(drawing(51))
    lines = seedbank("diff", "1", "7").lines
    assert lines[0] == "recipe        2 differences"
    assert [line.split()[0] for line in lines[1:3]] == ["prompt", "seed"]
    assert lines[3].startswith("  only one says: ")
    assert {"guidance", "model", "negative", "pipeline", "scheduler", "size"} <= set(lines[3].replace(",", "").split())
    assert seedbank("diff", "1", "8").lines[0] == "recipe        one is not known"


def test_a_diff_names_what_files_say_and_holds_no_pixels_of_other_sizes_against_each_other(seedbank):
    with Library.open(seedbank.bank) as bank:
        bare = Recipe.from_dict({"conditioning": {"prompt": "boat"}})
        for digit, sampler in (("c", "Euler"), ("d", "DDIM")):
            details = {"tool": "a1111", "sampler": sampler}
            bank.store.add_entry(
                NewEntry(recipe=bare, model=Model(digit * 64, f"v{digit}"), origin="imported", details=details)
            )
        bank.add(drawing(60, side=32))
    said = [" ".join(line.split()) for line in seedbank("diff", "7", "8").lines]
    assert said[:3] == ["recipe 2 differences", "model vc → vd", "sampler Euler → DDIM"]
    assert "64x64 and 32x32, so no pixel is held against another; " in seedbank("diff", "1", "9").lines[-1]


def test_numbers_of_all_and_of_what_a_query_finds(seedbank):
    seedbank("rm", "6")
    (found,) = seedbank.json("stats")
    assert (found["entries"], found["in_trash"], found["files"]) == (5, 1, 6)
    assert found["tag"] == [{"value": "poster", "count": 3}]
    assert found["verdict"] == [{"value": "none", "count": 4}, {"value": "different", "count": 1}]
    assert {item["value"]: item["count"] for item in found["model"]} == {"sdxl-base": 3, "z-image-turbo": 2}
    assert sum(item["count"] for item in found["month"]) == 5
    (some,) = seedbank.json("stats", "tag:poster")
    assert (some["entries"], some["files"]) == (3, 3)
    assert "by month" in seedbank("stats").out


def test_of_many_models_that_are_not_here_the_most_needed_are_named(seedbank):
    with Library.open(seedbank.bank) as bank:
        for number in range(12):
            model = Model(f"{number:02d}" * 32, f"model-{number}")
            for count in range(1 + (number == 7)):
                changed = recipe(number) | {"model": model.digest, "noise": {"kind": "torch-cpu", "seed": str(count)}}
                bank.add(drawing(100 + number), changed, model=model)
    lines = seedbank("stats").lines
    first = next(place for place, line in enumerate(lines) if "cannot be rebuilt today" in line) + 1
    assert [line.split()[0] for line in lines[first : first + 3]] == ["sdxl-base", "z-image-turbo", "model-7"]
    assert "is not here" in lines[first]
    assert lines[first + 10 :] == ["  and 4 more: seedbank models missing"]


@pytest.mark.parametrize("width", [60, 100])
def test_a_long_name_in_the_numbers_keeps_its_ends_and_what_is_said_of_it(seedbank, monkeypatch, width):
    with Library.open(seedbank.bank) as bank:
        model = Model("ab" * 32, "juggernautXL-rundiffusion-photo-2-lightning-4S-v7")
        bank.add(drawing(100), recipe(1) | {"model": model.digest}, model=model)
    monkeypatch.setenv("COLUMNS", str(width))
    named = [line for line in seedbank("stats").lines if "jugg" in line]
    assert len(named) == 2, "as a model, and as one that is missing"
    assert "v7 " in named[0] and "v7 (abababababab) is not here " in named[1]
    assert all(line.endswith(" 1") or line.endswith("█") for line in named)
    assert max(len(line) for line in seedbank("stats").lines[3:]) <= max(width, 69)


def test_a_bank_with_everything_in_the_trash_does_not_say_that_there_is_nothing(seedbank):
    seedbank("rm", "1..6")
    assert "all is in the trash (6): seedbank ls trash:yes" in seedbank("ls").err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("1..3",), "with --name NAME it can go on where it stopped"),
        (("1..3", "--name", "upgrade"), "the same command goes on with the rest"),
        (("1",), None),
    ],
)
def test_a_regen_that_is_interrupted_says_how_it_goes_on(seedbank, monkeypatch, arguments, said):
    def interrupted(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(Library, "regenerating", interrupted)
    ran = seedbank("regen", *arguments, ok=[130])
    told = [line.strip() for line in ran.err.splitlines() if line]
    assert told == [*([said] if said else []), "seedbank: interrupted; everything that was reported is kept."]
