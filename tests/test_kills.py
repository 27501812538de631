"""kill -9 at any moment: no acknowledged entry is lost, and no entry names a blob that is missing or damaged."""

from __future__ import annotations

import os
import random
import select
import signal
import subprocess
import sys
import time

import pytest

import seedbank
from seedbank.bank import Pixels
from seedbank.check import check, collect_garbage
from seedbank.recipe import Recipe
from tests.rendering import STANDIN, shared_cache

KILLS = 200
REAL_KILLS = 5


def record_for_ever(bank, acknowledge):
    """Record one picture after another; each id is acknowledged once `add` has returned."""
    number = os.getpid() * 10_000
    with seedbank.open(bank) as opened:
        while True:
            number += 1
            recipe = Recipe(conditioning={"prompt": f"picture {number}"}, noise={"seed": number}, call={})
            rows = random.Random(number).randbytes(3 * 16 * 16)
            entry = opened.add(Pixels("RGB", 16, 16, rows), recipe, tags=["killed"])
            os.write(acknowledge, f"{entry.id}\n".encode())


def killed_recorder(bank, seconds, early):
    """The ids that a recorder acknowledged before it was killed `seconds` after its first one, or after its start.

    It is forked, as importing costs more than recording.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            record_for_ever(bank, writing)
        finally:
            os._exit(1)
    os.close(writing)
    if not early:
        select.select([reading], [], [], 60)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with os.fdopen(reading) as acknowledged:
        return [int(line) for line in acknowledged if line.endswith("\n")]


def assert_whole(bank, acknowledged):
    with seedbank.open(bank) as opened:
        assert list(check(opened, read_data=True)) == []
        there = set(opened.store.ids())
        assert acknowledged <= there
        collect_garbage(opened, grace_hours=0)
        assert list(check(opened, read_data=True)) == []


def test_200_killed_recorders_lose_nothing_that_they_acknowledged(tmp_path):
    bank = tmp_path / "art.db"
    seedbank.open(bank, create=True).close()
    dice = random.Random(2026)
    acknowledged: set[int] = set()
    for _ in range(KILLS):
        acknowledged.update(killed_recorder(bank, dice.uniform(0, 0.05), early=dice.random() < 0.25))
    assert acknowledged, "no recorder lived long enough to record anything"
    assert_whole(bank, acknowledged)


@pytest.mark.slow
def test_5_killed_renderers_lose_nothing_that_they_acknowledged(tmp_path):
    bank = tmp_path / "art.db"
    seedbank.open(bank, create=True).close()
    environ = {**os.environ, "SEEDBANK_CACHE": str(shared_cache())}
    options = ["--model", STANDIN, "--device", "cpu", "--steps", "2", "--size", "64x64", "-n", "1000"]
    dice = random.Random(7)
    acknowledged: set[int] = set()
    for _ in range(REAL_KILLS):
        command = [sys.executable, "-u", "-m", "seedbank", "--bank", str(bank), "generate", "x", *options]
        running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environ)
        assert running.stdout is not None
        first = running.stdout.readline()
        time.sleep(dice.uniform(0, 0.5))
        running.kill()
        told = first + running.stdout.read()
        running.wait()
        acknowledged.update(int(line.split()[0]) for line in told.splitlines(keepends=True) if line.endswith("\n"))
    assert len(acknowledged) >= REAL_KILLS
    assert_whole(bank, acknowledged)
