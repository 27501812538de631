"""On a CUDA device: what is recorded there is rebuilt there bit for bit, and elsewhere the trace says where it parts."""

import pytest
import torch

import seedbank
from seedbank.regen import Options
from tests import tiny_models
from tests.rendering import shared_cache

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")]
PROMPT = "a red circle on a blue background"


@pytest.fixture
def bank(tmp_path, monkeypatch):
    monkeypatch.setenv("SEEDBANK_CACHE", str(shared_cache()))
    with seedbank.open(tmp_path / "art.db", create=True) as opened:
        yield opened


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_an_entry_recorded_on_the_gpu_is_rebuilt_bit_for_bit_in_a_new_process(bank, dtype):
    entries = bank.generate(PROMPT, seed=1024, n=4, device="cuda", dtype=dtype)
    found = [outcome.regeneration for outcome in bank.regen([entry.id for entry in entries])]
    assert [(one.verdict, one.trace) for one in found] == [("exact", "same")] * 4


def test_the_environment_says_what_the_gpu_is(bank):
    (entry,) = bank.generate(PROMPT, seed=1, device="cuda")
    environment = bank.store.environment(entry.environment_digest)
    gpu = environment.parts["hardware"]["gpu"]
    about = torch.cuda.get_device_properties(0)
    assert gpu["name"] == about.name
    assert about.multi_processor_count in gpu.values()
    assert environment.profile["device"].startswith("cuda")


def test_on_the_cpu_the_noise_is_the_same_and_the_computation_parts_later(bank):
    (entry,) = bank.generate(PROMPT, seed=7, device="cuda", dtype="float32")
    (outcome,) = bank.regen(entry.id, Options(device="cpu"))
    found = outcome.regeneration
    assert found.experiment
    assert found.verdict in ("exact", "close", "different")
    if found.trace == "differs":
        assert found.first_difference != "noise"


@pytest.mark.parametrize("family", tiny_models.FAMILIES)
def test_every_family_is_exact_on_the_gpu(bank, family, tmp_path):
    folder = tiny_models.build(family, tmp_path / family)
    (entry,) = bank.generate(PROMPT, seed=3, steps=4, width=64, height=64, model=str(folder), device="cuda")
    assert bank.regen(entry.id)[0].regeneration.verdict == "exact"
