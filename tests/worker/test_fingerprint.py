"""The numerics fingerprint: the same here every time, another where a setting makes something round differently."""

from __future__ import annotations

import json
import os
import platform
import random
import subprocess
import sys
from pathlib import Path

import numpy
import pytest
import torch

from seedbank.worker import capture
from seedbank.worker import fingerprint as module
from seedbank.worker.fingerprint import PROBES, Inputs, fingerprint

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import json, sys, torch
torch.set_num_threads(int(sys.argv[1]))
from seedbank.worker.fingerprint import fingerprint
print(json.dumps(fingerprint("cpu", {})["cpu"]))
"""


@pytest.fixture(autouse=True)
def nothing_remembered(monkeypatch):
    monkeypatch.setattr(module, "_taken", {})


@pytest.fixture(scope="module")
def here():
    return in_a_process(2)


def in_a_process(threads: int, **variables: str) -> dict[str, str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(threads)],
        capture_output=True, text=True, check=True, timeout=300, cwd=ROOT, env={**os.environ, **variables},
    )  # fmt: skip
    return json.loads(done.stdout)


def test_every_operation_has_a_digest(here):
    assert list(here) == list(PROBES)


def test_the_number_of_threads_and_the_instruction_set_show_in_the_operations_that_they_change(here):
    """Both are known to change bits on x86; where they do not, the CPU has only one branch to choose."""
    if platform.machine() != "x86_64" or torch.backends.cpu.get_cpu_capability() == "DEFAULT":
        pytest.skip("needs an x86 CPU with AVX2")
    other = in_a_process(1, ATEN_CPU_CAPABILITY="default")
    changed = {name for name in here if here[name] != other[name]}
    assert {"attention", "softmax", "group_norm"} <= changed
    assert not changed & {"rope", "embedding", "cumsum"}


def test_it_leaves_every_random_state_and_setting_of_the_process_alone():
    before = torch.get_rng_state(), random.getstate(), numpy.random.get_state()[1].tolist(), torch.is_grad_enabled()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = fingerprint("cpu", {})
        assert torch.is_autocast_enabled("cpu")
    after = torch.get_rng_state(), random.getstate(), numpy.random.get_state()[1].tolist(), torch.is_grad_enabled()
    assert torch.equal(before[0], after[0]) and before[1:] == after[1:]
    module._taken.clear()
    assert inside == fingerprint("cpu", {})  # autocast did not reach the probes


def test_it_is_taken_once_for_each_profile(monkeypatch):
    taken = []
    monkeypatch.setattr(module, "_probe", lambda device: taken.append(device) or {})
    for profile in ({"threads": 2}, {"threads": 2}, {"threads": 1}):
        fingerprint("cpu", profile)
    assert taken == ["cpu", "cpu"]


def test_in_a_users_own_process_no_probe_runs_on_the_gpu(monkeypatch):
    probed = []
    monkeypatch.setattr(module, "_probe", lambda device: probed.append(device) or {})
    monkeypatch.setattr(capture, "hardware", lambda device: {})
    capture.environment_parts("cuda:1", {}, guest=True)
    assert probed == ["cpu"]
    assert set(capture.environment_parts("cuda:1", {})["fingerprint"]) == {"v", "cpu", "cuda"}
    assert probed == ["cpu", "cpu", "cuda:1"]


def test_the_inputs_are_the_same_bits_everywhere():
    """Golden: dyadic fractions from integer arithmetic alone, as another program can compute them."""
    values = Inputs("cpu")(5, at=3)
    expected = []
    for index in range(3, 8):
        k = index * 2654435761 & 0xFFFFFFFF
        k = (k ^ (k >> 15)) * 668265263 & 0xFFFFFFFF
        expected.append(((k >> 11) - (1 << 20)) / (1 << 20))
    assert values.tolist() == expected
    assert len(set(Inputs("cpu")(4096).tolist())) > 4000


def test_a_probe_that_cannot_run_is_left_out_and_the_others_stay(monkeypatch):
    def missing(take):
        raise NotImplementedError

    monkeypatch.setitem(PROBES, "gemm", missing)
    assert set(fingerprint("cpu", {})["cpu"]) == set(PROBES) - {"gemm"}
