"""kill -9 at any moment: no acknowledged entry is lost, and no entry names a blob that is missing or damaged."""

from __future__ import annotations

import os
import random
import select
import signal
import sys
import time

import pytest

import seedbank
from seedbank.__main__ import run
from seedbank.bank import Pixels
from seedbank.check import check, collect_garbage
from seedbank.engine.process import Engine
from seedbank.recipe import Recipe
from tests.rendering import STANDIN, shared_cache

KILLS = 200
REAL_KILLS = 5


def record_for_ever(bank, acknowledged):
    """Record one picture after another; each id is acknowledged once `add` has returned."""
    number = os.getpid() * 10_000
    with seedbank.open(bank) as opened:
        while True:
            number += 1
            print(add(opened, number).id, file=acknowledged, flush=True)


def add(opened, number):
    """The entry of a picture of noise."""
    recipe = Recipe(conditioning={"prompt": f"picture {number}"}, noise={"seed": number}, call={})
    rows = random.Random(number).randbytes(3 * 16 * 16)
    return opened.add(Pixels("RGB", 16, 16, rows), recipe, tags=["killed"])


def generate_for_long(bank, acknowledged):
    """`seedbank generate` as it prints the entry of each picture."""
    sys.stdout = acknowledged
    options = ["--model", STANDIN, "--device", "cpu", "--steps", "2", "--size", "64x64", "-n", "1000"]
    run(["--bank", str(bank), "generate", "x", *options])


def killed(live, bank, seconds, early=False):
    """The ids that `live` acknowledged before it was killed `seconds` after its first one, or after its start.

    Its process is forked, as importing costs more than recording.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            live(bank, os.fdopen(writing, "w", encoding="utf-8"))
        finally:
            os._exit(1)
    os.close(writing)
    if not early:
        select.select([reading], [], [], 60)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with os.fdopen(reading, encoding="utf-8") as acknowledged:
        return [int(line.split()[0]) for line in acknowledged if line.endswith("\n")]


def assert_whole(bank, acknowledged):
    with seedbank.open(bank) as opened:
        assert list(check(opened, read_data=True)) == []
        there = set(opened.store.ids())
        assert acknowledged <= there
        collect_garbage(opened, grace_hours=0)
        assert list(check(opened, read_data=True)) == []


def test_200_killed_recorders_lose_nothing_that_they_acknowledged(tmp_path):
    bank = tmp_path / "art.db"
    with seedbank.open(bank, create=True) as opened:
        add(opened, 1)  # what recording imports is there before anybody is forked
    dice = random.Random(2026)
    acknowledged: set[int] = set()
    for _ in range(KILLS):
        acknowledged.update(killed(record_for_ever, bank, dice.uniform(0, 0.05), early=dice.random() < 0.25))
    assert acknowledged, "no recorder lived long enough to record anything"
    assert_whole(bank, acknowledged)


@pytest.mark.slow
def test_5_killed_renderers_lose_nothing_that_they_acknowledged(tmp_path, monkeypatch):
    bank = tmp_path / "art.db"
    seedbank.open(bank, create=True).close()
    monkeypatch.setenv("SEEDBANK_CACHE", str(shared_cache()))
    with Engine(device="cpu") as engine:
        assert engine.environment  # what the render processes are forked from is there before anybody is killed
    dice = random.Random(7)
    acknowledged: set[int] = set()
    for _ in range(REAL_KILLS):
        ids = killed(generate_for_long, bank, dice.uniform(0, 0.5))
        assert ids, "it was killed after its first entry"
        acknowledged.update(ids)
    assert_whole(bank, acknowledged)
