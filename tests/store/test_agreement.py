"""What `check` finds where rows contradict each other that carry no digest of their own."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from seedbank.frozen import replace
from seedbank.hashing import json_digest
from seedbank.records import Blob, Model, ModelFile, NewEntry, NewRegeneration, Payload, Picture, SeenFile
from seedbank.store import Store
from seedbank.store.agreement import agreement, damaged_payloads
from seedbank.store.imports import Job
from seedbank.store.integrity import integrity
from seedbank.store.verdicts import contradiction
from tests.store.examples import digest, imported, new_entry, recipe

FILES = tuple(ModelFile(f"{part}.safetensors", 9, digest(part)) for part in ("unet", "vae"))
MODEL = Model(json_digest({file.path: file.sha256 for file in FILES}), "tiny", FILES, source="/models/tiny")
LORA = Model(json_digest({"lora.safetensors": digest("lora")}), "soft", (ModelFile("lora.safetensors", 5, digest("lora")),))
GIVEN, COHORT, IN_MEMORY = (Blob(digest(name), 5, "image/png") for name in ("given", "cohort", "lora"))


def entry(number: int, **changes) -> NewEntry:
    of_recipe = changes.pop("of_recipe", {})
    return new_entry(number, recipe=recipe(number, model=MODEL.digest, **of_recipe), model=MODEL, **changes)


@pytest.fixture
def filled(store: Store) -> Store:
    """Nine entries of their own, one with inputs, a batch and an adapter; one received and one imported."""
    store.add_entries([entry(number) for number in range(1, 9)])
    parts = {
        "inputs": ({"role": "image", "digest": GIVEN.digest, "kind": "picture"},),
        "batch": {"size": 2, "index": 0, "cohort": COHORT.digest},
        "adapters": ({"kind": "lora", "digest": LORA.digest, "weight": 0.5},),
    }
    store.add_entry(entry(9, of_recipe=parts, inputs=(GIVEN, COHORT, IN_MEMORY), adapters=(LORA,)))
    store.add_entry(entry(10, origin="received", picture=Picture(digest("seen later")), blob=None))
    store.attach(10, Blob(digest("come"), 5, "image/png"), Picture(digest("seen later"), "RGB", 96, 96))
    seen = SeenFile("/pictures", "cat.png", 100, 1, 2, digest("cat"))
    bare = NewEntry(origin="imported", picture=Picture(digest("cat pixels"), "RGB", 8, 8))
    raw = Payload("exif:UserComment", "猫", "猫".encode("utf-16-le"))
    bare = replace(bare, payloads=(Payload("png:parameters", "a cat " * 200_000), raw))
    imported(store, Job({"paths": ["/pictures"]}), [(seen, bare)])
    for verdict, picture in (("different", Picture(digest("other"), "RGB", 128, 128)), ("exact", None), ("blocked", None)):
        store.add_regeneration(
            NewRegeneration(1, verdict, picture=picture, explanation={"line": f"{verdict}: this is the line"})
        )
    return store


def test_rows_that_agree_are_no_finding(filled: Store):
    assert [*integrity(filled), *agreement(filled), *damaged_payloads(filled)] == []


def test_every_contradiction_is_named_with_its_entries(filled: Store):
    statements = (
        "UPDATE entries SET seed = seed + 1 WHERE id = 2",
        "UPDATE entries SET steps = 9, cfg = 3.0 WHERE id = 3",
        "UPDATE entries SET prompt_id = (SELECT prompt_id FROM recipes WHERE id = 5) WHERE id = 4",
        "UPDATE entries SET method_id = NULL WHERE id = 5",
        "UPDATE images SET width = 64 WHERE id = (SELECT image_id FROM entries WHERE id = 6)",
        "UPDATE entry_inputs SET blob_id = (SELECT blob_id FROM entries WHERE id = 1) WHERE entry_id = 9 AND position = 0",
        "DELETE FROM entry_adapters WHERE entry_id = 9",
        "UPDATE model_files SET sha256 = (SELECT digest FROM blobs WHERE id = 1) WHERE path = 'vae.safetensors'",
        "UPDATE regenerations SET verdict = 'exact'",
        "UPDATE payloads SET body = (SELECT p.body FROM payloads p WHERE p.id = 1) WHERE id = 3",
    )
    with filled.database.writing() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    assert sorted(agreement(filled)) == [
        "Attempt 1 contradicts itself: it says exact, and its explanation says different (entries 1).",
        "Attempt 3 contradicts itself: it says exact, and its explanation says blocked (entries 1).",
        "Entries have another cfg than their recipes say (entries 3).",
        "Entries have another number of steps than their recipes say (entries 3).",
        "Entries have another pipeline or scheduler than their recipes say (entries 5).",
        "Entries have another prompt than their recipes say (entries 4).",
        "Entries have another seed than their recipes say (entries 2).",
        "Entries have another set of adapters than their recipes say (entries 9).",
        "Entries have another set of inputs than their recipes say (entries 9).",
        "Entries have another size than their pictures have (entries 6).",
        f"The files of the model tiny are not those of its digest {MODEL.digest[:12]} (entries 1..10).",
    ]
    assert list(damaged_payloads(filled)) == ["What a file says of itself is not what was imported (entries 11)."]
    assert any("carry a verdict that is not that of their latest" in sentence for sentence in integrity(filled))


def test_an_exchanged_recipe_is_seen_by_what_entries_are_found_by(filled: Store):
    with filled.database.writing() as connection:
        connection.exec_driver_sql("UPDATE entries SET recipe_id = 3 WHERE id = 4")
    assert "Entries have another seed than their recipes say (entries 4)." in list(agreement(filled))


def test_a_lost_input_is_missed_only_where_the_entry_was_made(filled: Store):
    with filled.database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM entry_inputs WHERE position = 0")
    assert list(agreement(filled)) == ["Entries have another set of inputs than their recipes say (entries 9)."]
    with filled.database.writing() as connection:
        connection.exec_driver_sql("UPDATE entries SET run_id = (SELECT id FROM runs WHERE kind = 'import') WHERE id = 9")
    assert list(agreement(filled)) == []


def test_imports_of_before_are_found_without_the_words_of_their_files_and_that_is_no_contradiction(filled: Store):
    said = {"tool": "a1111", "sampler": "Euler a", "schedule": "Karras"}
    of_now, of_before = (filled.add_entry(entry(12, origin="imported", details=one)).id for one in (said, {}))
    with filled.database.writing() as connection:
        (method,) = connection.exec_driver_sql(f"SELECT method_id FROM entries WHERE id = {of_before}").scalars()
        connection.exec_driver_sql(f"UPDATE entries SET method_id = {method} WHERE id = {of_now}")
    assert list(agreement(filled)) == []
    with filled.database.writing() as connection:
        connection.exec_driver_sql(f"UPDATE entries SET method_id = NULL WHERE id = {of_now}")
    assert list(agreement(filled)) == [f"Entries have another pipeline or scheduler than their recipes say (entries {of_now})."]


@pytest.mark.parametrize(
    ("verdict", "line", "image", "recorded", "holds"),
    [
        ("exact", "exact: you can go on from this image", None, "a", True),
        ("exact", None, None, "a", True),
        ("exact", None, "b", "a", False),
        ("exact", None, None, None, False),
        ("exact", "blocked: no such device", None, "a", False),
        ("close", "close to the picture that ComfyUI made", "b", "a", True),
        ("close", "close: no eye sees it", "a", "a", False),
        ("blocked", "blocked: Made by a1111.", None, None, True),
        ("different", "", "b", "a", True),
    ],
)
def test_a_verdict_follows_from_pictures_and_from_what_was_said(verdict, line, image, recorded, holds):
    assert (contradiction(verdict, line, image, recorded) is None) == holds


def test_the_verdict_that_counts_is_that_of_the_latest_attempt_not_of_the_last_that_came(filled: Store):
    """As when a bundle brings what was tried before."""
    with filled.database.writing() as connection:
        connection.exec_driver_sql("UPDATE regenerations SET at = 1 WHERE verdict = 'blocked'")
        connection.exec_driver_sql("UPDATE entries SET verdict = 'exact' WHERE id = 1")
    assert list(integrity(filled)) == []
    assert filled.add_regeneration(NewRegeneration(1, "failed")).at > datetime(2026, 1, 1, tzinfo=UTC)
    assert filled.entry(1).verdict == "failed"
