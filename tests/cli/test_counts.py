"""What commands that change something say of it in JSON: one object, with what was changed and how many were."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from seedbank.api import Library
from seedbank.cli import COMMANDS, cli
from tests.pictured import add
from tests.store import golden
from tests.warm import InProcess

STEPS: list[tuple[str, dict[str, Any]]] = [
    ("tag 1..2 hero poster", {"ids": [1, 2], "changed": 2, "tags": ["hero", "poster"]}),
    ("tag 1 hero", {"ids": [1], "changed": 0, "tags": ["hero"]}),
    ("untag 2 poster", {"ids": [2], "changed": 1, "untagged": ["poster"]}),
    ("fav 1", {"ids": [1], "changed": 1, "favourite": True}),
    ("fav --off 2", {"ids": [2], "changed": 0, "favourite": False}),
    ("rate 1 4", {"ids": [1], "changed": 1, "rating": 4}),
    ("rate 1 none", {"ids": [1], "changed": 1, "rating": None}),
    ("note 1 draft", {"ids": [1], "changed": 1, "note": "draft"}),
    ("adopt 1 3", {"ids": [3], "changed": 1, "source": 1}),
    ("tags rename hero heroes", {"tag": "heroes", "was": "hero", "changed": 3}),
    ("tags merge poster heroes", {"tag": "heroes", "was": "poster", "changed": 2}),
    ("collection create spring 1,2", {"collection": "spring", "changed": 2}),
    ("collection add spring 2,3", {"collection": "spring", "ids": [2, 3], "changed": 1}),
    ("collection move spring 3 --before 1", {"collection": "spring", "changed": 1}),
    ("collection remove spring 1", {"collection": "spring", "ids": [1], "changed": 1}),
    ("undo", {"kind": "take out of collection", "changed": 1, "kept": []}),
    ("rm 2..3", {"ids": [2, 3], "changed": 2}),
    ("restore 3", {"ids": [3], "changed": 1}),
    ("purge 2 --yes", {"ids": [2], "changed": 1}),
    ("gc --grace 0 --dry-run", {"files": 1, "unfinished": 0, "dry_run": True}),
    ("gc --grace 0", {"files": 1, "unfinished": 0, "dry_run": False}),
    ("gc --grace 0", {"files": 0, "unfinished": 0, "bytes": 0, "dry_run": False}),
    ("db upgrade", {"copy": None}),
    ("db backup {folder}/copy.db", {"path": "{folder}/copy.db", "images": "{folder}/art.db.images"}),
]
"""(command, what it says among others), each after those before it, in a bank of three pictures"""


def test_what_was_changed_is_one_object_with_its_counts(seedbank: InProcess, tmp_path: Path):
    with Library.open(str(seedbank.bank), user="ann") as bank:
        for number in (1, 2, 3):
            add(bank, number)
    for command, said in STEPS:
        ran = seedbank(*command.format(folder=tmp_path).split(), "--json")
        told = json.loads(ran.out)
        wanted = {key: value.format(folder=tmp_path) if isinstance(value, str) else value for key, value in said.items()}
        assert {key: told.get(key) for key in wanted} == wanted, (command, told)
        assert ran.err == "", command


def test_a_collection_that_is_received_names_the_pictures_that_are_not_here(seedbank: InProcess, tmp_path: Path):
    shared = tmp_path / "shared.json"
    shared.write_text(json.dumps({"v": 1, "collection": "spring", "cover": None, "images": ["ab" * 32]}))
    told = json.loads(seedbank("collection", "receive", str(shared), "--json").out)
    assert told == {"collection": "spring", "missing": ["ab" * 32]}


def test_a_copy_of_a_bank_that_is_to_be_upgraded_is_no_failure(seedbank: InProcess, tmp_path: Path):
    old = InProcess(tmp_path / "old.db", seedbank.environ, seedbank.kept)
    golden.load_bank(golden.REVISIONS[-2], tmp_path / "old.db")
    pictures = f"{tmp_path}/old.db.images"
    assert json.loads(old("db", "backup", str(tmp_path / "copy.db"), "--json").out)["images"] == pictures
    told = old("db", "backup", str(tmp_path / "copy2.db")).err
    assert told == f"its pictures: copy {pictures} to {tmp_path}/copy2.db.images\n"
    assert json.loads(old("db", "upgrade", "--json").out)["before"] == golden.REVISIONS[-2]


@pytest.mark.parametrize("command", sorted({step.split()[0] for step, _ in STEPS} - {"tags", "collection", "db"}))
def test_the_help_names_it(command: str):
    found = cli.get_command(None, command)  # type: ignore[arg-type]
    assert command in COMMANDS and found is not None
    assert any("--json" in option.opts for option in found.params)
