"""What a CUDA generator draws, against the same numbers computed on the CPU from the size of the GPU."""

import numpy
import pytest
import torch

from seedbank.worker.noise import SEEDED, noise_of
from seedbank.worker.noise.nvidia import a1111_normal, cuda_normal, cuda_threads

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")]


def size():
    here = torch.cuda.get_device_properties(0)
    return here.multi_processor_count, here.max_threads_per_multi_processor


def difference(here, there):
    return float(numpy.abs(here.double().cpu().numpy() - there.astype(numpy.float64)).max())


@pytest.mark.parametrize("seed", [7, 2**40 + 3])
@pytest.mark.parametrize("count", [12, 5_000, 65_536, 262_144, 300_001, 1 << 21])
def test_the_numbers_of_a_gpu_are_computed_elsewhere_to_the_last_digits(count, seed):
    """Beyond the threads of the GPU the numbers wrap around; a wrong mapping would give differences of several units."""
    generator = torch.Generator("cuda").manual_seed(seed)
    offset = 0
    for _ in range(3):
        here = torch.randn(count, generator=generator, device="cuda")
        there, offset = cuda_normal(seed, (count,), offset, cuda_threads(count, *size()))
        found = difference(here, there)
        print(f"{count} numbers, seed {seed}: {found:.2g} apart, {(here.cpu().numpy() == there).mean():.1%} equal to the bit")
        assert found < 1e-5


def test_half_precision_is_the_same_numbers_rounded():
    generator = torch.Generator("cuda").manual_seed(7)
    here = torch.randn(65_536, generator=generator, device="cuda", dtype=torch.float16)
    there, _ = cuda_normal(7, (65_536,), 0, cuda_threads(65_536, *size()))
    assert difference(here, there) < 4e-3


def test_a1111s_imitation_is_that_of_a_gpu_with_as_many_threads_as_numbers():
    """Close, and only below the threads of a real GPU."""
    here = torch.randn(65_536, generator=torch.Generator("cuda").manual_seed(3), device="cuda")
    assert difference(here, a1111_normal(3, (65_536,), 0)) < 2e-3


def test_another_gpu_is_flagged_and_this_one_draws_itself():
    sm_count, threads = size()
    noise = {"kind": "torch-cuda", "seed": "7", "sm_count": sm_count, "threads_per_sm": threads}
    assert set(noise) - {"kind", "seed"} < SEEDED["torch-cuda"]
    own = noise_of(noise, "cuda")
    assert own.flags == {} and own.arguments["generator"].device.type == "cuda"
    assert noise_of({**noise, "sm_count": 40}, "cuda").flags == {"noise_of_another_gpu": [40, threads]}


@pytest.fixture
def bank(tmp_path, monkeypatch):
    import seedbank
    from tests.rendering import shared_cache

    monkeypatch.setenv("SEEDBANK_CACHE", str(shared_cache()))
    with seedbank.open(tmp_path / "art.db", create=True) as opened:
        yield opened


KINDS = {
    "torch-cuda": {"noise": "torch-cuda"},
    "torch-cuda, varied": {"noise": "torch-cuda", "variation_seed": 8, "variation_strength": 0.25},
    "torch-cuda, another seed in the steps": {"noise": "torch-cuda", "ensd": 31337, "sampler": "euler_a"},
    "seedbank-v1": {"noise": "seedbank-v1", "sampler": "euler_a"},
    "a1111-nv": {"noise": "a1111-nv"},
}


def test_every_kind_of_noise_is_rebuilt_bit_for_bit_on_the_gpu(bank, tmp_path):
    from tests import tiny_models

    small = {"width": 64, "height": 64, "steps": 3, "device": "cuda", "seed": 2**40 + 7}
    model = str(tiny_models.build(tiny_models.SD15, tmp_path / "model"))
    entries = {name: bank.generate("a red circle", model=model, **small, **options)[0] for name, options in KINDS.items()}
    assert entries["torch-cuda"].recipe.noise == {
        "kind": "torch-cuda", "seed": str(2**40 + 7), "sm_count": size()[0], "threads_per_sm": size()[1],
    }  # fmt: skip
    found = {outcome.entry.id: outcome.regeneration for outcome in bank.regen([entry.id for entry in entries.values()])}
    for name, entry in entries.items():
        assert (found[entry.id].verdict, found[entry.id].trace) == ("exact", "same"), (name, found[entry.id].explanation)


def test_a_rendering_on_the_cpu_still_draws_on_the_gpu_that_is_there(bank):
    from seedbank.regen import Options

    (entry,) = bank.generate("a red circle", seed=7, device="cuda", dtype="float32", noise="torch-cuda")
    (outcome,) = bank.regen(entry.id, Options(changes={"device": "cpu"}))
    found = outcome.regeneration
    assert found.experiment and found.verdict in ("exact", "close", "different"), found.explanation
    assert "noise_of_another_gpu" not in found.output.flags and found.first_difference != "noise"


def test_a_batch_with_generators_of_the_gpu_is_replayed(bank, tmp_path):
    from diffusers import DiffusionPipeline

    from tests import tiny_models

    folder = tiny_models.build(tiny_models.SD15, tmp_path / "model")
    pipe = DiffusionPipeline.from_pretrained(str(folder)).to("cuda")
    generators = [torch.Generator("cuda").manual_seed(seed) for seed in (7, 8, 9)]
    call = {"height": 64, "width": 64, "num_inference_steps": 3}
    recorded = bank.record(pipe, prompt=["a cat", "a dog", "a hen"], generator=generators, **call)
    assert recorded.gap is None
    found = [outcome.regeneration for outcome in bank.regen([entry.id for entry in recorded.entries])]
    assert [(one.verdict, one.trace) for one in found] == [("exact", "same")] * 3
