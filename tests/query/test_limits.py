"""Queries that could hurt: odd characters, long ones, slow ones, and what a process loads for them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from seedbank.errors import BadInput, NotFound, StorageError
from seedbank.query import parse
from seedbank.store import Store, finding, measuring, remembering, sources, unknown
from seedbank.store.tables import tags
from tests.store.examples import model, new_entry, recipe

ODD = (
    "'; DROP TABLE entries; --",
    "%_\\",
    "OR 1=1",
    "* * *",
    "a* NEAR(b) ^c + d:e",
    "'quoted' & (b | !c):*",
    "é" * 5000,
    "\x01\x02",
    "\ufeff\u200d",
    "👩‍🚀🏽",
    "𠀀𝕏",
)


@pytest.fixture
def few(store: Store) -> Store:
    """A store of five entries."""
    store.add_entries(new_entry(number, tags=("poster",)) for number in range(1, 6))
    return store


@pytest.mark.parametrize("number", [2**31 - 1, 10**12, 10**30])
@pytest.mark.parametrize("text", ["", "tag:poster", "tag:poster OR fav:yes", "tag:poster sort:seed"])
def test_more_entries_can_be_asked_for_than_a_database_can_count(
    few: Store, text: str, number: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(measuring, "FEW_IN_ORDER", 1)  # so that lists are walked in longer and longer stretches
    monkeypatch.setattr(measuring, "FEW", 1)
    monkeypatch.setattr(measuring, "WORTH", 0)
    query = parse(text)
    assert len(few.find(query, limit=number)) == 5
    assert few.count(query, at_most=number) == 5
    if not query.sort:
        assert few.find(query, after=number).after is None
        assert not few.find(query, after=-number)
    assert len(few.operations(number, before=number)) == len(few.operations())


@pytest.mark.parametrize("number", [2**31 - 1, 2**31, 10**17])
def test_no_entry_has_a_number_as_large_as_that(few: Store, number: int):
    for key in ("id", "parent", "child", "run", "steps"):
        assert few._finder.page_ids(parse(f"{key}:{number}"), 10) == [], key
    assert few._finder.page_ids(parse(f"steps:..{number}"), 10) == [5, 4, 3, 2, 1]
    with pytest.raises(NotFound, match="There is no entry"):
        few._finder.page_ids(parse(f"like:{number}"), 10)
    for find in (few.entry, few.run):
        with pytest.raises(NotFound):
            find(number)


def test_a_name_of_thousands_of_digits_is_no_number(few: Store):
    assert few._finder.page_ids(parse(f"run:{'1' * 5000}"), 10) == []
    with pytest.raises(NotFound):
        few.run("1" * 5000)


def test_a_name_with_a_nul_is_not_found_or_refused(few: Store):
    with pytest.raises((BadInput, NotFound), match=r"no run|cannot hold a value"):
        few.run("a\0b")


def test_characters_with_a_meaning_elsewhere_are_only_characters(few: Store):
    for text in ODD:
        for key in (
            "",
            "tag:",
            "negative:",
            "note:",
            "model:",
            "lora:",
            "by:",
            "run:",
            "gpu:",
            "env.torch:",
            "sampler:",
        ):
            quoted = (
                text.replace("\\", "\\\\").replace('"', '\\"').replace("*", "" if key in ("", "negative:", "note:") else "*")
            )
            few._finder.page_ids(parse(f'{key}"{quoted}"'), 10)
    assert few.count() == 5


def test_a_prompt_of_odd_characters_is_found_by_each_of_them(store: Store):
    for number, text in enumerate(ODD, 1):
        store.add_entry(new_entry(number, recipe=recipe(number, text)))
    for number, word in ((2, "%"), (6, "quoted"), (6, "|"), (7, "é*"), (10, "🚀"), (11, "𠀀"), (11, "𝕏")):
        assert number in store._finder.page_ids(parse(word), 100), word


def test_six_hundred_ranges_are_answered(few: Store, monkeypatch: pytest.MonkeyPatch):
    """SQLite unites 500 lists at a time, and both databases give a row so many columns at most."""
    values = ",".join(str(number) for number in range(1, 101))
    ranges = ",".join(f"{number}..{number + 1}" for number in range(1, 200, 2))
    words = " OR ".join(f"{key}:{some}" for key in ("steps", "seed", "id") for some in (values, ranges))
    assert few._finder.page_ids(parse(words), 10) == [5, 4, 3, 2, 1]
    monkeypatch.setattr(measuring, "FEW", 0)
    monkeypatch.setattr(measuring, "WORTH", 0)
    monkeypatch.setattr(remembering, "version_of", lambda connection: object())
    assert few._finder.page_ids(parse(words), 10) == [5, 4, 3, 2, 1]


def test_two_hundred_terms_are_answered(few: Store):
    words = " OR ".join(f"word{number}" for number in range(199))
    assert few._finder.page_ids(parse(f"{words} OR tag:poster"), 10) == [5, 4, 3, 2, 1]
    assert few._finder.page_ids(parse(" ".join(f"-tag:t{number}" for number in range(200))), 10) == [5, 4, 3, 2, 1]


def test_a_prompt_of_half_a_million_words_is_searched_at_its_beginning(store: Store):
    text = " ".join(f"w{number}" for number in range(500_000))
    store.add_entry(new_entry(1, recipe=recipe(1, text)))
    store.add_entry(new_entry(2, recipe=recipe(2, "x" * 200_000)))
    assert store._finder.page_ids(parse("w19999"), 10) == [1]
    assert store._finder.page_ids(parse("w20000"), 10) == []
    assert store._finder.page_ids(parse("xxx*"), 10) == [2]


def test_a_slow_query_is_stopped_with_advice(few: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(finding, "SECONDS", 0.05)
    endless = {
        "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
        "postgresql": "SELECT pg_sleep(60)",
    }
    with pytest.raises(StorageError, match=r"took too long.*Narrow it down"), few._finder._asking() as asking:
        asking.connection.exec_driver_sql(endless[asking.connection.dialect.name])
    assert few.count() == 5  # the connection is as good as new


def test_what_does_not_exist_is_said_where_that_helps(few: Store):
    for text, said in (("like:99", "no entry 99"), ("collection:none", "no collection 'none'")):
        with pytest.raises(NotFound, match=said):
            few.find(parse(text))
    assert not few.find(parse("tag:none"))
    with pytest.raises(NotFound, match="no entry 99"):
        few.find(parse("sort:seed"), after=99)


def test_a_saved_search_that_uses_itself_is_refused(few: Store):
    few.curation.create_collection("mine", "tag:poster -id:2")
    assert few._finder.page_ids(parse("collection:mine"), 10) == [5, 4, 3, 1]
    few.curation.create_collection("loop", "id:1")
    few.curation.change_collection("loop", query="collection:loop")
    with pytest.raises(BadInput, match="uses itself"):
        few.find(parse("collection:loop"))


def test_names_that_the_bank_does_not_have_are_said_with_the_nearest(few: Store):
    few.start_run("import", {}, [1], name="torch-2.14")
    few.curation.create_collection("spring", "tag:psoter")
    few.add_entry(new_entry(6, adapters=(model("embellisher"),)))  # an adapter is no model
    heard: list[str] = []
    few.tell_unknown(heard.append)
    known = "tag:poster tag:post* -fav:any by:ann run:torch-2.14 model:tiny* lora:* model:deadbeef"
    for text, said in (
        (known, None),
        ("tag:Poter OR id:1", "there is no tag 'Poter': did you mean 'poster'?"),
        ("-tag:zebra", "there is no tag 'zebra'"),
        ("by:anne", "there is no user 'anne': did you mean 'ann'?"),
        ("fav:Ann", "there is no user 'Ann': did you mean 'ann'?"),
        ("run:torch-2.15", "there is no run 'torch-2.15': did you mean 'torch-2.14'?"),
        ("model:none", "there is no model 'none': -model:* finds what has none"),
        ("lora:None", "there is no adapter 'None': -lora:* finds what has none"),
        ("model:emb", "there is no model 'emb': did you mean 'embedded'?"),
        ("model:embellish", "there is no model 'embellish'"),
        ("tag:p%", "there is no tag 'p%'"),
        ("sampler:eular", "no entry has the sampler 'eular': did you mean 'euler'?"),
        ("env.torch:9", "no entry has the torch version '9'"),
        ("env.torch:2.13", "no entry has the torch version '2.13': did you mean '2.13.0'?"),
        ("gpu:H900", "no entry has the GPU 'H900'"),
        ("-device:abacus", "no entry has the device 'abacus'"),
        ("dtype:float16 OR id:1", "no entry has the number format 'float16': did you mean 'float32'?"),
        ("collection:spring", "there is no tag 'psoter', which the saved search 'spring' looks for: did you mean 'poster'?"),
    ):
        heard.clear()
        few.find(parse(text))
        assert heard == [said] * (said is not None), text
    with pytest.raises(NotFound, match="Did you mean 'spring'"):
        few.find(parse("collection:sprnig"))


def test_a_misspelt_name_is_held_against_so_many_with_its_length_and_first_letter(few: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(unknown, "MOST", 20)
    few.tag([1], [f"tag-{number:03}" for number in range(60)])
    with few.database.reading() as connection:
        assert unknown.nearest(connection, "possster", tags) == "poster"
        assert unknown.nearest(connection, "tag-05x", tags) == "tag-059"
        assert unknown.nearest(connection, "tag", tags) == "tag-000"  # it begins like that
        assert unknown.nearest(connection, "zebra", tags) is None


def test_a_saved_search_for_what_was_not_yet_refused_finds_nothing_and_says_so(few: Store):
    with pytest.raises(BadInput, match="out of range"):
        parse("rating:9")
    few.curation.create_collection("old", "rating:9")
    heard: list[str] = []
    few.tell_unknown(heard.append)
    assert not few.find(parse("collection:old")) and len(few.find(parse("-collection:old"))) == 5
    assert set(heard) == {"rating:9 in the saved search 'old' finds nothing: it is out of range; ratings go from 0 to 5"}


def test_a_saved_search_that_cannot_be_read_is_named_with_its_reason_and_remedy(few: Store):
    few.curation.create_collection("of tomorrow", "colour:red")
    with pytest.raises(BadInput, match=r"saved search 'of tomorrow' cannot be read.*no key 'colour'") as caught:
        few.find(parse("collection:of*"))
    assert "seedbank collection save 'of tomorrow' --replace QUERY" in caught.value.hint


def test_many_tags_at_once_are_read_as_one_list(few: Store):
    names = [f"t{number}" for number in range(3 * sources.MOST_SOURCES)]
    few.tag([1, 2], names)
    few.tag([3], names[:1])
    assert few._finder.page_ids(parse("tag:t*"), 10) == [3, 2, 1]
    assert few._finder.page_ids(parse("tag:t* -tag:t1"), 10) == [3]


def test_a_bank_is_listed_without_the_parser_and_without_numpy(tmp_path):
    Store.create(str(tmp_path / "bank.db"), user="ann").close()
    code = (
        "import sys; from seedbank.__main__ import run; assert run(['--bank', sys.argv[1], 'ls', '--ids']) == 0;"
        "print(sorted({'lark', 'numpy', 'alembic', 'seedbank.query.parsing', 'seedbank.store.planning'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "bank.db")], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
