"""Imports in the database: known files, batches, one operation; the same on both databases."""

from __future__ import annotations

import pytest

from seedbank.errors import BadInput, NotFound
from seedbank.frozen import replace
from seedbank.records import NewEntry, Payload, SeenFile
from seedbank.store import Store
from seedbank.store.imports import Job
from seedbank.store.inserting import FEW
from seedbank.store.integrity import integrity
from tests.store.examples import digest, imported, new_entry

JOB = Job({"paths": ["/pictures"]})


def seen(number: int, folder: str = "/pictures") -> SeenFile:
    return SeenFile(folder, f"{number}.png", 100, 10**18 + number, number, digest("file", number))


def new(number: int) -> NewEntry:
    made = new_entry(number, origin="imported", payloads=(Payload("png:parameters", f"text {number}"),))
    assert made.blob is not None
    return replace(made, blob=replace(made.blob, digest=seen(number).digest))


def test_a_batch_is_one_transaction_and_an_import_one_operation(store: Store):
    run, holders = imported(store, JOB, [(seen(1), new(1)), (seen(2), new(2))], ["sea"])
    assert run is not None
    again, more = imported(store, replace(JOB, run=run), [(seen(3), new(3))], ["sea"])
    assert again == run
    assert [(one.entry, one.new) for one in (*holders, *more)] == [(1, True), (2, True), (3, True)]
    assert [one.kind for one in store.operations()].count("import") == 1
    assert not {"add", "tag"} & {one.kind for one in store.operations()}
    assert store.curation.undo().changed == 3
    assert [entry.trashed is not None for entry in store.entries([1, 2, 3])] == [True] * 3
    assert store.entry(1).tags == ()
    assert list(integrity(store)) == []


def test_bytes_that_have_an_entry_get_no_second_one_whoever_comes_first(store: Store):
    imported(store, JOB, [(seen(1), new(1))])
    other = replace(seen(1), folder="/copies")
    run, holders = imported(store, Job({"paths": ["/copies"]}), [(other, new(1)), (seen(2), new(2)), (seen(2), new(2))])
    assert [(one.entry, one.new) for one in holders] == [(1, False), (2, True), (2, False)]
    assert store.imports.known("/copies", ["1.png"])["1.png"].file == other
    assert store.imports.known("/copies", ["9.png"]) == store.imports.known("/nowhere", ["1.png"]) == {}
    nothing, _ = imported(store, Job({"paths": ["/again"]}), [(seen(1), new(1))])
    assert (run is None, nothing) == (False, None), "where nothing came in there is nothing to undo"


def test_many_files_keep_their_names_and_texts_as_few_do(store: Store):
    files = [replace(seen(number), name=f"{number}\t\\N\n é.png") for number in range(3 * FEW)]
    odd = (Payload("png:parameters", "tab\t, \\N, \\., ü\n", b"raw \0 \xff"), Payload("png:prompt", ""))
    imported(store, JOB, [(file, replace(new(at), payloads=odd)) for at, file in enumerate(files)])
    known = store.imports.known("/pictures", [file.name for file in files])
    assert [known[file.name].file for file in files] == files
    assert [known[file.name].holder.entry for file in files] == list(range(1, 3 * FEW + 1))
    assert {store.imports.payloads(number) for number in range(1, 3 * FEW + 1)} == {odd}


def test_an_import_is_resumed_until_it_is_finished(store: Store):
    run, _ = imported(store, JOB, [(seen(1), new(1))])
    assert store.imports.resumed(JOB).run == run
    assert store.imports.resumed(Job({"paths": ["/elsewhere"]})).run is None
    assert run is not None
    store.imports.finish(run)
    assert store.imports.resumed(JOB).run is None
    named, _ = imported(store, replace(JOB, name="mine"), [(seen(2), new(2))])
    assert named is not None
    store.imports.finish(named)
    resumed = store.imports.resumed(replace(JOB, name="mine")).run
    assert resumed is not None
    assert resumed.id == named.id
    with pytest.raises(BadInput, match="already a run called 'mine'"):
        store.imports.resumed(Job({"paths": ["/elsewhere"]}, "mine"))


def test_what_a_purge_takes_is_unknown_again_and_shared_texts_stay(store: Store):
    shared = Payload("png:parameters", "the same text")
    imported(store, JOB, [(seen(number), replace(new(number), payloads=(shared,))) for number in (1, 2)])
    store.trash([1])
    assert store.imports.holders([seen(1).digest])[seen(1).digest].trashed
    store.purge([1])
    assert store.imports.holders([seen(1).digest]) == store.imports.known("/pictures", ["1.png"]) == {}
    assert [one.text for one in store.imports.payloads(2)] == ["the same text"]
    with pytest.raises(NotFound):
        store.imports.payloads(1)
    store.trash([2])
    store.purge([2])
    with store.database.reading() as connection:
        from seedbank.store.tables import import_folders, payloads

        assert not connection.execute(payloads.select()).all()
        assert not connection.execute(import_folders.select()).all()


def test_payloads_come_back_word_for_word(store: Store):
    given = (
        Payload("png:parameters", "a\0b \ud800 猫", b""),
        Payload("exif:UserComment", "猫", "猫".encode("utf-16-le")),
        Payload("png:Comment", "é", b"\xe9"),
        Payload("png:Comment", "plain", b"plain"),
        Payload("xmp", "", b""),
    )
    imported(store, JOB, [(seen(1), replace(new(1), payloads=given))])
    found = store.imports.payloads(1)
    assert [(one.place, one.text) for one in found] == [(one.place, one.text) for one in given]
    assert [one.raw for one in found] == [one.raw or one.text.encode("utf-8", "surrogatepass") for one in given]
