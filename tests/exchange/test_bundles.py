"""Bundles: what leaves a bank arrives in another one whole, once, or not at all."""

from __future__ import annotations

import json
import random
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from seedbank.api import Library
from seedbank.check import check
from seedbank.environment import Environment
from seedbank.errors import BadInput, SeedbankError
from seedbank.exchange.bundle import arriving
from seedbank.exchange.bundle.archive import Writer
from seedbank.exchange.bundle.given import Given
from seedbank.exchange.bundle.records import read_environment
from seedbank.hashing import canonical_json, sha256
from seedbank.keeping import is_kept
from seedbank.records import Came
from tests.exchange import bundled
from tests.exchange.bundled import MODEL, changed, contents, members, write
from tests.importing.conftest import _kept, warm  # noqa: F401
from tests.pictured import add

pytestmark = pytest.mark.usefixtures("warm")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """A filled bank of `ann`, which no test changes."""
    with Library.open(tmp_path_factory.mktemp("source") / "art.db", create=True, user="ann") as bank:
        bundled.fill(bank)
        yield bank


@pytest.fixture(scope="module")
def bundle(source: Library, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bundle") / "all.seedbank"
    source.export_bundle("", path)
    return path


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "empty.db"
    Library.open(path, create=True, user="carol").close()
    return path


@pytest.fixture
def other(template: Path, tmp_path: Path) -> Iterator[Library]:
    """An empty bank of `carol`."""
    shutil.copy(template, tmp_path / "other.db")
    with Library.open(tmp_path / "other.db", user="carol") as bank:
        bank.blobs.create()
        yield bank


@pytest.fixture(scope="module")
def guarded(template: Path) -> Iterator[Library]:
    """An empty bank into which nothing gets."""
    with Library.open(template, user="carol") as bank:
        yield bank


def is_empty(bank: Library) -> bool:
    return has_no_rows(bank) and not list(bank.blobs.list())


def has_no_rows(bank: Library) -> bool:
    return not (list(bank.store.ids()) or bank.store.models() or len(bank.store.operations()) > 1)


# -- there and back --------------------------------------------------------------------------------------------------


def test_records_are_equal_after_another_bank_and_back(source: Library, bundle: Path, bank_url: str, tmp_path: Path):
    back, again = tmp_path / "back.seedbank", tmp_path / "again.seedbank"
    with Library.open(bank_url, user="carol") as there:
        there.blobs.create()
        came = there.import_bundle(bundle)
        assert (came.entries, came.regenerations, came.edges, came.known) == (5, 2, 1, 0)
        held, sent = contents(there), contents(source)
        assert set(sent.pop("files")) <= set(held.pop("files"))  # banks of tests on PostgreSQL share their image store
        assert held == sent
        there.export_bundle("", back)
    with Library.open(tmp_path / "home.db", create=True, user="dave") as home:
        home.import_bundle(back)
        assert contents(home) == contents(source)
        home.export_bundle("", again)
    for path in (back, again):  # `ann` is known to the first of these banks by another uid
        there_and_here = members(path), members(bundle)
        assert list(there_and_here[0]) == list(there_and_here[1])
        assert {name for name, data in there_and_here[0].items() if data != there_and_here[1][name]} <= {
            "users.jsonl",
            "seedbank.json",
        }


def test_a_bundle_brings_nothing_twice_nor_back_to_where_it_came_from(source: Library, other: Library, bundle: Path):
    other.import_bundle(bundle)
    before, operations = contents(other), len(other.store.operations())
    assert other.import_bundle(bundle).operation is None
    assert (contents(other), len(other.store.operations())) == (before, operations)
    assert source.import_bundle(bundle).operation is None


def test_equal_banks_give_equal_bytes(source: Library, bundle: Path, tmp_path: Path):
    source.export_bundle("", tmp_path / "again.seedbank")
    assert (tmp_path / "again.seedbank").read_bytes() == bundle.read_bytes()


def test_an_import_of_a_bundle_is_undone_and_done_again(source: Library, other: Library, bundle: Path):
    came = other.import_bundle(bundle)
    other.store.curation.undo(came.operation)
    assert list(other.store.ids()) == [] and other.store.curation.team([1, 2, 3, 4, 5]) == {} and other.tags() == []
    known = other.import_bundle(bundle)
    assert (known.entries, known.known, known.trashed) == (0, 5, 5)
    other.store.curation.undo(other.store.operations()[0].id)
    there, here = contents(other), contents(source)
    assert [there[name] for name in ("entries", "team", "best")] == [here[name] for name in ("entries", "team", "best")]


def test_only_whoever_imported_a_bundle_takes_away_what_others_said_in_it(other: Library, bundle: Path):
    came = other.import_bundle(bundle)
    other.store.user = "dave"
    with pytest.raises(BadInput, match="Only carol can undo it"):
        other.store.curation.undo(came.operation)
    assert len(list(other.store.ids())) == 5


def test_the_latest_word_counts_in_both_banks(source: Library, other: Library, bundle: Path, tmp_path: Path):
    with Library.open(tmp_path / "mine.db", create=True, user="ann") as mine:
        for bank in (mine, other):
            bank.import_bundle(bundle)
        mine.rate(1, 1)
        other.store.rate([1], 5, user="ann")
        other.untag(1, "placard")
        mine.tag(1, "night")
        for one, two in ((mine, other), (other, mine)):
            one.export_bundle("", tmp_path / "to.seedbank", replace=True)
            two.import_bundle(tmp_path / "to.seedbank")
        assert contents(mine)["team"] == contents(other)["team"]
        assert mine.entry(1).rating == 5
        assert mine.entry(1).tags == other.entry(1).tags == ("night",)


def test_a_word_that_came_late_is_undone_to_what_was_said_between(other: Library, bundle: Path, tmp_path: Path):
    other.import_bundle(bundle)
    with Library.open(tmp_path / "mine.db", create=True, user="ann") as mine:
        mine.import_bundle(bundle)
        mine.rate(1, 1)
        other.store.rate([1], 3, user="ann")  # said after the 1, before the 5
        mine.rate(1, 5)
        mine.export_bundle("", tmp_path / "to.seedbank")
    came = other.import_bundle(tmp_path / "to.seedbank")
    assert {one.user: one.rating for one in other.team(1)[1]}["ann"] == 5
    other.store.curation.undo(came.operation)
    assert {one.user: one.rating for one in other.team(1)[1]}["ann"] == 3


def test_a_collection_of_the_same_name_gets_the_pictures_behind_its_own(other: Library, bundle: Path):
    own = other.add(bundled.drawing(30))
    other.store.curation.create_collection("Best")
    other.store.curation.collect("best", [own.id])
    other.import_bundle(bundle)
    assert other.store.curation.entries_in("best") == [own.id, 4, 2]
    assert [one.name for one in other.store.curation.collections()] == ["Best"]


def test_saved_searches_come_along_with_everything_once_and_without_words_of_prompts(other: Library, tmp_path: Path):
    with Library.open(tmp_path / "ann.db", create=True, user="ann") as mine:
        add(mine, 1, ["poster"])
        curation = mine.store.curation
        curation.create_collection("posters", "tag:poster added:-7d..")
        curation.create_collection("foxes", "fox")
        curation.create_collection("old", "rating:9")  # refused where it is typed today
        for name, which, options in (("all", "", {}), ("some", "id:1", {}), ("public", "", {"privacy": "public"})):
            mine.export_bundle(which, tmp_path / f"{name}.seedbank", **options)
    other.store.curation.create_collection("foxes", "wolf")
    assert other.import_bundle(tmp_path / "some.seedbank").searches == 0
    assert other.import_bundle(tmp_path / "public.seedbank").searches == 0
    assert other.import_bundle(tmp_path / "all.seedbank").searches == 3
    assert other.import_bundle(tmp_path / "all.seedbank").searches == 0
    queries = {one.name: (one.query, one.user) for one in other.store.curation.collections()}
    assert queries == {
        "foxes": ("wolf", "carol"),
        "foxes 2": ("fox", "ann"),
        "old": ("rating:9", "ann"),
        "posters": ("tag:poster added:-7d..", "ann"),
    }
    assert len(other.find("collection:posters")) == 1


def test_a_query_leaves_out_the_rest_and_lineage_meets_again(source: Library, other: Library, tmp_path: Path):
    child, parent = tmp_path / "child.seedbank", tmp_path / "parent.seedbank"
    source.export_bundle(2, child)
    source.export_bundle(1, parent)
    assert other.import_bundle(child).edges == 0
    assert other.import_bundle(parent).edges == 1
    assert other.store.lineage(1)[0][0].kind == "variant-of"
    assert {entry.uid for entry in other.find()} == {source.entry(number).uid for number in (1, 2)}


def test_records_without_pictures_get_their_bytes_later(source: Library, other: Library, bundle: Path, tmp_path: Path):
    left = source.export_bundle("", tmp_path / "records.seedbank", pictures=False)
    other.import_bundle(left.path)
    assert [other.has_whole_image(entry) for entry in other.find()] == [False] * 5
    assert other.entry(1).picture == source.entry(1).picture
    assert other.import_bundle(bundle).completed == 4
    assert contents(other)["entries"] == contents(source)["entries"]


def test_weights_come_along_when_asked(tmp_path: Path, other: Library):
    with Library.open(tmp_path / "art.db", create=True, user="ann") as bank:
        bank.put_entry(bundled.pixels(1), bundled.NewEntry(recipe=bundled.whole_recipe(1), model=MODEL))
        bundled.keep_weights(bank)
        bank.export_bundle(1, tmp_path / "light.seedbank")
        bank.export_bundle(1, tmp_path / "heavy.seedbank", weights=True)
    other.import_bundle(tmp_path / "light.seedbank")
    assert not is_kept(other, other.store.model(MODEL.digest))
    assert other.import_bundle(tmp_path / "heavy.seedbank").operation is not None
    assert is_kept(other, other.store.model(MODEL.digest))
    assert not [finding for finding in other.check() if "nothing" in str(finding)]


def test_weights_that_are_nowhere_are_said_and_nothing_is_written(source: Library, tmp_path: Path):
    with pytest.raises(SeedbankError, match=r"tiny|secret-folder"):
        source.export_bundle(1, tmp_path / "out.seedbank", weights=True)
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_is_known_here_stays_where_it_is(other: Library, bundle: Path):
    mine = bundled.replace(MODEL, source="/models/tiny", hashes=())
    other.put_entry(bundled.pixels(9), bundled.NewEntry(recipe=bundled.whole_recipe(9), model=mine))
    other.import_bundle(bundle)
    assert other.store.model(MODEL.digest).source == "/models/tiny"


def test_a_picture_that_is_damaged_here_does_not_travel(tmp_path: Path, other: Library):
    with Library.open(tmp_path / "art.db", create=True, user="ann") as bank:
        entry = bank.add(bundled.drawing(1))
        place = bank.blobs.path(entry.blob.digest if entry.blob else "")
        assert place is not None
        place.chmod(0o600)
        place.write_bytes(b"x")
        assert bank.export_bundle("", tmp_path / "out.seedbank").absent == (1,)
    other.import_bundle(tmp_path / "out.seedbank")
    assert (other.entry(1).picture, other.entry(1).blob) == (entry.picture, None)


def test_the_perceptual_hashes_are_those_of_the_pixels_and_of_this_pillow(
    source: Library, other: Library, bundle: Path, tmp_path: Path
):
    given = members(bundle)
    for name in ("entries.jsonl", "regenerations.jsonl"):
        given[name] = re.sub(rb'("phash": ?")[0-9a-f]{16}', rb"\g<1>" + b"5" * 16, given[name])
    assert b"5" * 16 in given["entries.jsonl"]
    other.import_bundle(write(tmp_path / "of-another-pillow.seedbank", given))
    assert contents(other) == contents(source)


# -- what is refused -------------------------------------------------------------------------------------------------


def _file(given: bundled.Members) -> str:
    return next(name for name in given if name.startswith("files/"))


def _other_bytes(given: bundled.Members) -> bundled.Members:
    name = _file(given)
    return given | {name: given[name][:-1] + bytes([given[name][-1] ^ 1])}


def _swapped(values: dict) -> None:
    values["image"]["digest"] = "7" * 64


def _larger(values: dict) -> None:
    values["image"]["width"] += 64


def _typed(values: dict) -> None:
    values["file"]["media_type"] = "image/svg+xml"


def _prompt(values: dict) -> None:
    values["recipe"]["conditioning"]["prompt"] = "something else"


def _both_ways(given: bundled.Members) -> bytes:
    """The lineage of a bundle, and the same turned round."""
    edge = json.loads(given["edges.jsonl"])
    turned = edge | {"child": edge["parent"], "parent": edge["child"]}
    return b"".join(json.dumps(one).encode() + b"\n" for one in (edge, turned))


def _other_trace(given: bundled.Members) -> bundled.Members:
    """The first entry with a trace that ends with another picture."""
    trace = canonical_json({"v": 1, "stages": [["pixels", "2" * 64]]})
    old, new = json.loads(given["entries.jsonl"].splitlines()[0])["output"]["trace"]["digest"], sha256(trace)

    def change(values: dict) -> None:
        values["output"]["trace"].update(digest=new, size=len(trace))

    rest = {name: data for name, data in given.items() if old not in name}
    return changed(rest, "entries", change) | {f"files/{new[:2]}/{new}": trace}


def _variable(values: dict) -> None:
    values["parts"]["profile"]["variables"]["LD_PRELOAD"] = "/tmp/evil.so"
    values["digest"] = Environment(values["parts"]).digest


Change = Callable[[bundled.Members], bundled.Members]


def record(of: str, /, **values: Any) -> Change:
    """The first record of a kind with other values."""
    return lambda given: changed(given, of, lambda one: one.update(values))


def member(name: str, data: bytes) -> Change:
    return lambda given: given | {name: data}


HOSTILE: dict[str, tuple[Change, str]] = {
    "a path upwards": (member("../evil", b"x"), "which no bundle has"),
    "an absolute path": (member("/etc/evil", b"x"), "which no bundle has"),
    "a file beside its place": (member(f"files/00/{'ab' * 32}", b"x"), "which no bundle has"),
    "a file of other bytes": (_other_bytes, "has the SHA-256"),
    "a file that nothing names": (member(f"files/ab/{'ab' * 32}", b"x"), "which no record describes"),
    "another image digest": (lambda given: changed(given, "entries", _swapped, 1), r"does not have the image digest|disagree"),
    "another size": (lambda given: changed(given, "entries", _larger, 1), r"does not have the size|disagree"),
    "another type": (lambda given: changed(given, "entries", _typed, 1), r"not of the type|disagree"),
    "details out of shape": (record("entries", details={"confidence": [1]}), "its details"),
    "another prompt": (lambda given: changed(given, "entries", _prompt), "another one is written beside it"),
    "no JSON": (member("entries.jsonl", b"{nonsense\n"), "is no JSON"),
    "deep JSON": (member("entries.jsonl", b"[" * 100_000 + b"\n"), "is no JSON"),
    "NaN": (member("edges.jsonl", b'{"child": NaN}\n'), "is no JSON"),
    "an entry twice": (lambda given: given | {"entries.jsonl": given["entries.jsonl"] * 2}, "twice"),
    "a model outside": (lambda given: changed(given, "models", lambda one: one["files"][0].update(path="../x")), "outside"),
    "another model": (lambda given: changed(given, "models", lambda one: one["files"][0].update(sha256="1" * 64)), "not those"),
    "an unknown model": (member("models.jsonl", b""), "does not describe the model"),
    "a variable": (lambda given: changed(given, "environments", _variable), "LD_PRELOAD"),
    "a seventh star": (record("opinions", kind="rating", value=7), "rating"),
    "another kind": (record("opinions", kind="vote"), "vote"),
    "the future": (record("opinions", at="2999-01-01T00:00:00+00:00"), "still to come"),
    "a tag to mislead": (record("opinions", kind="tag", value="-x"), "cannot begin"),
    "an exact attempt that was blocked": (
        record("regenerations", explanation={"line": "blocked: there is no such device"}),
        "it says exact, and its explanation says blocked",
    ),
    "an exact attempt with another picture": (
        lambda given: changed(given, "regenerations", lambda one: one.update(verdict="exact"), 1),
        "it says exact, and its picture is another one",
    ),
    "an entry that is its own parent": (
        lambda given: changed(given, "edges", lambda one: one.update(parent=one["child"])),
        "is its own parent",
    ),
    "lineage in a circle": (lambda given: given | {"edges.jsonl": _both_ways(given)}, "would come from themselves"),
    "a trace of another picture": (_other_trace, "is that of another picture"),
    "another edge": (record("edges", kind="cousin-of"), "cousin-of"),
    "a later version": (
        lambda given: given | {"seedbank.json": given["seedbank.json"].replace(b'"bundle": 1', b'"bundle": 2')},
        "version 2",
    ),
    "no edges": (lambda given: {name: data for name, data in given.items() if name != "edges.jsonl"}, "has no edges.jsonl"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_bundle_that_is_wrong_is_refused_whole(name: str, guarded: Library, bundle: Path, tmp_path: Path):
    change, said = HOSTILE[name]
    path = write(tmp_path / "bad.seedbank", change(members(bundle)))
    with pytest.raises(SeedbankError, match=said):
        guarded.import_bundle(path)
    assert has_no_rows(guarded)


def test_variables_that_can_load_nothing_need_no_trust(bundle: Path):
    values = json.loads(members(bundle)["environments.jsonl"].splitlines()[0])
    set_here = {"OPENBLAS_NUM_THREADS": "1", "PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True"}
    values["parts"]["profile"]["variables"] = set_here
    values["digest"] = Environment(values["parts"]).digest
    assert read_environment(Given(values, "environments.jsonl")).profile["variables"] == set_here


def test_lineage_that_closes_a_circle_with_what_is_here_is_refused_before_a_file_is_stored(
    other: Library, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    other.import_bundle(bundle)
    monkeypatch.setattr(arriving._Arriving, "store_files", lambda *_: pytest.fail("files were stored"))
    turned = members(bundle)
    turned["edges.jsonl"] = _both_ways(turned).splitlines(keepends=True)[1]
    with pytest.raises(BadInput, match="would come from themselves") as caught:
        other.import_bundle(write(tmp_path / "turned.seedbank", turned))
    assert all(other.entry(number).uid in caught.value.message for number in (1, 2))
    assert [edge.parent for edge in other.store.lineage(2)[0]] == [1] and other.store.lineage(1)[0] == []


def test_a_tree_ends_where_lineage_goes_in_a_circle(other: Library, bundle: Path):
    other.import_bundle(bundle)
    with other.store.database.writing() as connection:
        connection.exec_driver_sql("INSERT INTO edges (child_id, parent_id, kind) VALUES (1, 2, 'variant-of')")
    (root,) = other.tree(1).roots
    assert [(branch.entry.id, branch.again) for _, branch in root.walk()] == [(1, False), (2, False), (1, True)]


def test_records_that_are_not_those_of_the_manifest_are_refused(other: Library, bundle: Path, tmp_path: Path):
    given = members(bundle)
    lines = given["opinions.jsonl"].splitlines(keepends=True)
    path = write(tmp_path / "bad.seedbank", given | {"opinions.jsonl": b"".join(lines[1:])}, sealed=False)
    with pytest.raises(BadInput, match="not the one that was written"):
        other.import_bundle(path)
    assert is_empty(other)


def test_a_bomb_is_refused_before_it_is_unpacked(other: Library, bundle: Path, tmp_path: Path):
    path = write(tmp_path / "bomb.seedbank", members(bundle) | {"entries.jsonl": b" " * (50 << 20)}, sealed=False)
    with pytest.raises(BadInput, match="would unpack to"):
        other.import_bundle(path)


def test_a_packed_file_and_one_that_stands_twice_are_refused(other: Library, bundle: Path, tmp_path: Path):
    for method, times, said in ((zipfile.ZIP_DEFLATED, 1, "is packed"), (zipfile.ZIP_STORED, 2, "twice")):
        path = tmp_path / f"{times}.seedbank"
        with zipfile.ZipFile(path, "w") as archive, pytest.MonkeyPatch.context() as patch:
            patch.setattr("warnings.warn", lambda *_, **__: None)
            for name, data in members(bundle).items():
                for _ in range(times if name.startswith("files/") else 1):
                    archive.writestr(name, data, method if name.startswith("files/") else zipfile.ZIP_DEFLATED)
        with pytest.raises(BadInput, match=said):
            other.import_bundle(path)


def test_a_variable_is_taken_from_who_is_trusted(other: Library, bundle: Path, tmp_path: Path):
    def change(values: dict) -> None:
        _variable(values)
        change.digest = values["digest"]

    given = changed(members(bundle), "environments", change)
    for kind in ("entries", "regenerations"):
        text = given[f"{kind}.jsonl"].replace(bundled.ENVIRONMENT.digest.encode(), change.digest.encode())
        given[f"{kind}.jsonl"] = text
    path = write(tmp_path / "odd.seedbank", given)
    with pytest.raises(BadInput, match="seedbank import --trust"):
        other.import_bundle(path)
    assert other.import_bundle(path, trust=True).entries == 5


def test_a_cut_or_flipped_bundle_is_refused_or_harmless(source: Library, bundle: Path, tmp_path: Path):
    whole, chance, path = bundle.read_bytes(), random.Random(7), tmp_path / "bad.seedbank"
    refused = 0
    with Library.open(tmp_path / "other.db", create=True, user="carol") as other:
        for attempt in range(60):
            if attempt % 2:
                path.write_bytes(whole[: chance.randrange(len(whole))])
            else:
                at = chance.randrange(len(whole))
                path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << chance.randrange(8)]) + whole[at + 1 :])
            try:
                other.import_bundle(path)
            except SeedbankError:
                refused += 1
                assert refused <= attempt or is_empty(other)
            else:  # a flipped bit of a date or a mode
                assert attempt % 2 == 0 and contents(other) == contents(source)
        assert refused >= 50


KILLED = """
import os, signal, sys, seedbank
from seedbank.blobs.base import Blobs
from seedbank.store.merging import Merge
owner, name, after = sys.argv[3:]
owner = {"Blobs": Blobs, "Merge": Merge}[owner]
whole, calls = getattr(owner, name), []
def killed(self, *given, **options):
    calls.append(1)
    if len(calls) > int(after):
        os.kill(os.getpid(), signal.SIGKILL)
    return whole(self, *given, **options)
setattr(owner, name, killed)
with seedbank.open(sys.argv[1], user="carol") as bank:
    bank.import_bundle(sys.argv[2])
"""


@pytest.mark.parametrize("point", [("Blobs", "put", "2"), ("Merge", "regenerations", "0"), ("Merge", "finish", "0")])
def test_an_import_that_is_killed_brings_all_when_it_is_run_again(
    point: tuple[str, str, str], source: Library, other: Library, bundle: Path
):
    killed = subprocess.run([sys.executable, "-c", KILLED, other.place, str(bundle), *point], timeout=120)
    assert killed.returncode == -signal.SIGKILL
    assert has_no_rows(other)
    assert list(check(other)) == [], "files that nothing names are no damage"
    came = other.import_bundle(bundle)
    assert (came.entries, came.known) == (5, 0)
    assert contents(other) == contents(source)
    assert other.import_bundle(bundle) == Came(known=5)
    assert list(check(other, read_data=True)) == []


def test_an_import_that_fails_at_its_last_row_leaves_no_row(other: Library, bundle: Path, monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object) -> None:
        raise BadInput("The disk is full.")

    monkeypatch.setattr("seedbank.store.merging.Merge.finish", fail)
    with pytest.raises(BadInput, match="full"):
        other.import_bundle(bundle)
    assert has_no_rows(other)


def test_what_is_no_bundle_is_said_in_one_sentence(other: Library, tmp_path: Path):
    (tmp_path / "text.seedbank").write_text("hello")
    for name, said in (("text.seedbank", "is no bundle"), ("absent.seedbank", "No such file"), (".", "Is a directory")):
        with pytest.raises(BadInput, match=said):
            other.import_bundle(tmp_path / name)


def test_nothing_is_exported_to_where_it_cannot_go(source: Library, other: Library, tmp_path: Path):
    with pytest.raises(BadInput, match="There is no entry"):
        other.export_bundle("", tmp_path / "out.seedbank")
    with pytest.raises(BadInput, match="cannot be written"):
        source.export_bundle("", tmp_path / "nowhere" / "out.seedbank")
    with pytest.raises(BadInput, match="is a folder"):
        source.export_bundle("", tmp_path)


def test_a_bundle_takes_the_place_of_another_file_only_when_it_is_told_to(source: Library, tmp_path: Path):
    path = tmp_path / "out.seedbank"
    path.write_text("mine")
    with pytest.raises(BadInput, match=r"out\.seedbank exists already"):
        source.export_bundle("", path)
    assert path.read_text() == "mine"
    assert source.export_bundle("", path, replace=True).entries == 5
    assert [*tmp_path.iterdir()] == [path]


def test_a_file_that_came_while_a_bundle_was_written_stays(tmp_path: Path):
    path = tmp_path / "out.seedbank"
    with pytest.raises(BadInput, match="exists already"), Writer(path) as out:
        path.write_text("mine")
        out.finish({})
    assert path.read_text() == "mine" and [*tmp_path.iterdir()] == [path]


# -- privacy ---------------------------------------------------------------------------------------------------------

PROMPTS = ("red circle", "小木屋", "lighthouse", "fox", "blurry", "words")
PLACES = ("secret-folder", "/home")
PEOPLE = ("ann", "bob", "soft light")


def _said(path: Path, words: tuple[str, ...]) -> list[str]:
    """The words that stand somewhere in a bundle, but for digests."""
    everything = b"\n".join(members(path).values())
    return [word for word in words if word.encode() in everything or word.encode("unicode_escape") in everything]


@pytest.mark.parametrize(
    ("profile", "gone", "kept"),
    [
        ("none", (), (*PROMPTS, *PLACES, *PEOPLE)),
        ("share", (*PLACES, *PEOPLE), PROMPTS[:2]),
        ("public", (*PROMPTS, *PLACES, *PEOPLE), ()),
    ],
)
def test_privacy_leaves_no_word_in_the_bundle(profile, gone, kept, source: Library, other: Library, tmp_path: Path):
    left = source.export_bundle("", tmp_path / "out.seedbank", privacy=profile)
    assert _said(left.path, tuple(gone)) == []
    assert _said(left.path, tuple(kept)) == list(kept)
    came = other.import_bundle(left.path)
    assert came.entries == 5
    assert {entry.picture.digest for entry in other.find() if entry.picture} == {
        entry.picture.digest for entry in source.find() if entry.picture
    }
    assert other.entry(5 if profile == "none" else "seed:18446744073709551615").tags == ("placard",)
    assert other.import_bundle(left.path).operation is None
    assert source.import_bundle(left.path).operation is None


def test_without_prompts_an_entry_says_so_and_keeps_the_digest_that_it_had(source: Library, other: Library, tmp_path: Path):
    source.export_bundle(2, tmp_path / "out.seedbank", strip=["prompts"])
    other.import_bundle(tmp_path / "out.seedbank")
    entry = other.entry(1)
    assert entry.details["stripped"] == {"what": ["prompts"], "recipe_digest": source.entry(2).recipe_digest}
    assert (entry.prompt, entry.seed, entry.user) == (None, 7001, "ann")
    assert entry.obstacles == ("Its prompts were left out of the bundle that it came in.",)
    assert other.has_whole_image(entry)


def test_what_is_stripped_has_a_name(source: Library, tmp_path: Path):
    for options, said in (({"privacy": "secret"}, "no privacy profile"), ({"strip": ["seeds"]}, "nothing called 'seeds'")):
        with pytest.raises(BadInput, match=said):
            source.export_bundle("", tmp_path / "out.seedbank", **options)
