"""The numbers of each kind of noise, and who gets which of them in a pipeline call."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy
import pytest
import torch

from seedbank.worker.elementary import arccos, log, sincos
from seedbank.worker.noise import noise_of
from seedbank.worker.noise.nvidia import a1111_normal, cuda_normal, cuda_threads
from seedbank.worker.noise.portable import ENCODING, centred_uniform, inverse_normal, normal
from seedbank.worker.noise.supplied import check_latents
from seedbank.worker.noise.variation import A1111, SANE, vary
from seedbank.worker.refusal import Refusal

ROOT = Path(__file__).parents[2]
LAST = 2**64 - 1
GOLDEN = (
    "90b2cd7f6802da54a77d21a3249f19f02660dd701eaa70f2",
    "3c0b4af065d28a6a283fe0a238eaa8b1a2722e2c89b4fdb153dc552afd29bdd5",
    [
        "-0x1.22cd1a0000000p+1",
        "-0x1.6714740000000p-1",
        "-0x1.380f160000000p+0",
        "0x1.4c209a0000000p-3",
        "0x1.86e90e0000000p-8",
        "-0x1.2e10780000000p-1",
    ],
)
H100 = [
    [-0.304847, 1.045333, -0.2785642, 0.7178201],
    [0.0002914801, 0.5599217, 0.2049427, 0.7288839],
    [0.3764034, 0.2869765, 0.06581541, -0.998946],
]
"""Drawn on an NVIDIA H100 80GB HBM3 (132 SMs of 2,048 threads) by torch 2.11.0+cu130."""


def digest(values):
    return hashlib.sha256(values.astype("<f4").tobytes()).hexdigest()


# -- seedbank-v1: golden, since it must never change -------------------------------------------------------------------


def test_the_noise_of_seedbank_v1_is_what_it_has_always_been():
    assert digest(normal(7, (16, 128, 128))) == "eade05c0d62245c4" + GOLDEN[0]
    assert digest(normal(LAST, (3, 5, 7), stage=3, number=1, purpose=ENCODING)) == GOLDEN[1]
    assert [float(value).hex() for value in normal(0, (6,))] == GOLDEN[2]


def test_the_program_in_the_documentation_gives_the_same_numbers():
    """It uses nothing but Python's standard library."""
    (program,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "noise.md").read_text("utf-8"), re.S)
    assert len(program.splitlines()) <= 30
    scope: dict = {}
    exec(program, scope)
    for seed, stream in ((7, (0, 0, 0)), (LAST, (5, 2, 1))):
        theirs = numpy.array(list(scope["noise"](seed, 3001, *stream)), dtype=numpy.float32)
        assert numpy.array_equal(theirs, normal(seed, (3001,), *stream))


def test_seeds_of_64_bits_stages_numbers_and_purposes_have_streams_of_their_own():
    streams = [(7,), (7 + 2**32,), (7, 1), (7, 0, 1), (7, 0, 0, ENCODING), (LAST,)]
    drawn = [normal(stream[0], (4096,), *stream[1:]) for stream in streams]
    together = numpy.abs(numpy.corrcoef(drawn) - numpy.eye(len(drawn)))
    assert together.max() < 5 / 64, "a correlation of more than five standard deviations"


def test_an_image_has_the_same_noise_alone_in_a_batch_of_one_and_as_a_part_of_a_larger_array():
    assert numpy.array_equal(normal(7, (1, 4, 8, 8))[0], normal(7, (4, 8, 8)))
    assert numpy.array_equal(normal(7, (1000,)), normal(7, (2000,))[:1000])


def test_the_numbers_are_standard_normal():
    values = numpy.sort(normal(7, (200_000,)).astype(numpy.float64))
    assert abs(values.mean()) < 0.01 and abs(values.std() - 1) < 0.01
    expected = torch.special.ndtr(torch.from_numpy(values)).numpy()
    steps = numpy.arange(1, len(values) + 1) / len(values)
    assert max(abs(steps - expected).max(), abs(steps - 1 / len(values) - expected).max()) < 1.95 / len(values) ** 0.5


def test_uniform_numbers_never_reach_the_ends_where_the_quantile_is_infinite():
    assert numpy.abs(centred_uniform(7, 10_000, (0, 0, 0))).max() < 0.5
    ends = inverse_normal(numpy.array([-0.5 + 2.0**-54, 0.5 - 2.0**-54]))
    assert numpy.isfinite(ends).all() and ends[0] == -ends[1]
    probabilities = numpy.linspace(-0.499999, 0.499999, 4001)
    exact = torch.special.ndtri(torch.from_numpy(probabilities) + 0.5).numpy()
    assert numpy.abs(inverse_normal(probabilities) - exact).max() < 1e-10


PROGRAM = """
import hashlib, sys, types
for name, folder in (("worker", sys.argv[1]), ("worker.noise", sys.argv[1] + "/noise")):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [folder]
import numpy
from worker.interpolation import between
from worker.noise import nvidia, portable, variation
one, other = portable.normal(7, (1, 16, 32, 32)), nvidia.a1111_normal(8, (1, 16, 32, 32), 2)
parts = [one, other] + [variation.vary(one, other, 0.3, form) for form in variation.FORMS]
parts += [between(one.astype(float), other.astype(float), 0.3, curve) for curve in ("slerp", "lerp")]
print(hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest())
"""


def test_the_bits_do_not_depend_on_the_instruction_set():
    """In processes with all and with none of the vector instructions that NumPy chooses between."""
    found = numpy.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    if not found:
        pytest.skip("NumPy has nothing to choose here")
    said = set()
    for disabled in ("", " ".join(found)):
        environ = {**os.environ, "NPY_DISABLE_CPU_FEATURES": disabled}
        command = [sys.executable, "-c", PROGRAM, str(ROOT / "seedbank" / "worker")]
        said.add(subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout)
    assert len(said) == 1


def test_our_logarithm_sine_and_arc_cosine_are_right_to_a_few_units_in_the_last_place():
    small = 2.0 ** -numpy.linspace(0.0001, 60, 10_001)
    assert numpy.abs(log(small) / numpy.log(small) - 1).max() < 1e-15
    angles = numpy.linspace(0, 6.2832, 10_001)
    sine, cosine = sincos(angles)
    assert max(numpy.abs(sine - numpy.sin(angles)).max(), numpy.abs(cosine - numpy.cos(angles)).max()) < 4e-16
    ratios = numpy.linspace(-1, 1, 10_001)
    assert numpy.abs(arccos(ratios) - numpy.arccos(ratios)).max() < 1e-15


# -- A1111 and CUDA ----------------------------------------------------------------------------------------------------

A1111_EXAMPLE = [
    [-0.92466259, -0.42534415, -2.6438457, 0.14518388],
    [-0.12086647, -0.57972564, -0.62285122, -0.32838709],
    [-1.07454231, -0.36314407, -1.67105067, 2.26550497],
]
"""What ``modules/rng_philox.py`` says of seed 0."""


def a1111_formula(seed, count, offset):
    """Their arithmetic with NumPy's own logarithm and sine, on integers of the same generator by another program."""
    counters = numpy.zeros((4, count), dtype=numpy.uint32)
    counters[0], counters[2] = offset, numpy.arange(count)
    key = [seed & 0xFFFFFFFF, seed >> 32]
    for _ in range(10):
        first, second = (counters[k].astype(object) * m for k, m in ((0, 0xD2511F53), (2, 0xCD9E8D57)))
        counters = numpy.array(
            [
                (second >> 32) ^ counters[1] ^ key[0],
                second & 0xFFFFFFFF,
                (first >> 32) ^ counters[3] ^ key[1],
                first & 0xFFFFFFFF,
            ]
        )
        key = [(key[0] + 0x9E3779B9) & 0xFFFFFFFF, (key[1] + 0xBB67AE85) & 0xFFFFFFFF]
    step, turn = numpy.float32([2.3283064e-10]), numpy.float32([2.3283064e-10 * 6.2831855])
    x, y = counters[0].astype(numpy.uint32), counters[1].astype(numpy.uint32)
    return (numpy.sqrt(-2.0 * numpy.log(x * step + step / 2)) * numpy.sin(y * turn + turn / 2)).astype(numpy.float32)


def test_a1111s_generator_gives_its_documented_numbers():
    # Their text was printed by a version that had its constants in double precision.
    assert numpy.abs(a1111_normal(0, (3, 4), 0) - A1111_EXAMPLE).max() < 1e-6
    for seed, offset in ((0, 0), (2**40 + 3, 2)):
        assert numpy.array_equal(a1111_normal(seed, (2000,), offset), a1111_formula(seed, 2000, offset))


def test_a_gpu_with_fewer_threads_draws_other_numbers_from_its_number_of_threads_on():
    count = 300_000
    assert (cuda_threads(count, 132, 2048), cuda_threads(count, 108, 2048), cuda_threads(100, 132, 2048)) == (
        270_336,
        221_184,
        256,
    )
    large, _ = cuda_normal(7, (count,), 0, cuda_threads(count, 132, 2048))
    small, _ = cuda_normal(7, (count,), 0, cuda_threads(count, 108, 2048))
    assert numpy.array_equal(large[:221_184], small[:221_184])
    assert (large[221_184:] != small[221_184:]).mean() > 0.99


def test_the_recorded_h100_numbers_are_computed_to_the_last_digits():
    """The first numbers of ``torch.randn(300001, device="cuda")``, seed 7, and those from its 270,336 threads on."""
    count = 300_001
    drawn, offset = cuda_normal(7, (count,), 0, cuda_threads(count, 132, 2048))
    again, _ = cuda_normal(7, (count,), offset, cuda_threads(count, 132, 2048))
    assert numpy.abs(drawn[:4] - H100[0]).max() < 1e-5
    assert numpy.abs(drawn[270_336:270_340] - H100[1]).max() < 1e-5
    assert numpy.abs(again[270_336:270_340] - H100[2]).max() < 1e-5


# -- variations --------------------------------------------------------------------------------------------------------


def test_a_variation_goes_from_one_noise_to_the_other_and_keeps_its_length():
    low, high = normal(1, (1, 4, 32, 32)), normal(2, (1, 4, 32, 32))
    assert numpy.array_equal(vary(low, high, 0.0, SANE).astype("f4"), low)
    assert numpy.array_equal(vary(low, high, 1.0, SANE).astype("f4"), high)
    half = vary(low, high, 0.5, SANE)
    assert abs(half.std() - 1) < 0.05, "a straight mixture would have 0.7"
    assert numpy.allclose(vary(low, low, 0.3, SANE), low)


def test_the_form_of_a1111_is_its_own_arithmetic_to_within_float32():
    def slerp(val, low, high):
        low_norm = low / torch.norm(low, dim=1, keepdim=True)
        high_norm = high / torch.norm(high, dim=1, keepdim=True)
        omega = torch.acos((low_norm * high_norm).sum(1))
        weights = (torch.sin(part * omega) / torch.sin(omega) for part in (1.0 - val, val))
        return sum(weight.unsqueeze(1) * noise for weight, noise in zip(weights, (low, high), strict=True))

    low, high = normal(1, (1, 4, 16, 24)), normal(2, (1, 4, 16, 24))
    theirs = slerp(0.3, torch.from_numpy(low[0]), torch.from_numpy(high[0])).numpy()
    ours = vary(low, high, 0.3, A1111)
    assert numpy.abs(ours[0] - theirs).max() < 2e-6
    assert numpy.abs(ours - vary(low, high, 0.3, SANE)).max() > 0.05, "the two forms are not the same"
    almost = low * 1.0001 + high * 1e-4
    assert numpy.allclose(vary(low, almost, 0.25, A1111), low * 0.25 + almost * 0.75), "they swap the two there"


# -- who gets which numbers --------------------------------------------------------------------------------------------


class Scheduler:
    def step(self, draw):
        return draw()


def drawn_in_a_call(noise, *draws):
    """What a pipeline draws with its generator: before the first step, then one function in each step."""
    made = noise_of(noise, "cpu")
    pipe = SimpleNamespace(scheduler=Scheduler())
    generator = made.arguments["generator"]
    with made.around(pipe):
        first = torch.randn((1, 4, 8, 8), generator=generator, device="cpu", dtype=torch.float32)
        later = [pipe.scheduler.step(lambda draw=draw: draw(generator)) for draw in draws]
    assert "step" not in vars(pipe.scheduler), "the pipeline is as it was"
    return [first, *later]


def small(generator):
    return torch.randn(1, 4, 8, 8, generator=generator)


def twice(generator):
    return torch.cat([small(generator), small(generator)])


NEW = {"kind": "seedbank-v1", "seed": "7"}


def test_every_step_has_a_stream_of_its_own_however_much_was_drawn_before():
    _, first, second = drawn_in_a_call(NEW, twice, small)
    assert numpy.array_equal(first[:1], normal(7, (1, 4, 8, 8), stage=1))
    assert numpy.array_equal(first[1:], normal(7, (1, 4, 8, 8), stage=1, number=1))
    assert numpy.array_equal(second, normal(7, (1, 4, 8, 8), stage=2))


def test_draws_without_a_generator_and_in_place_are_served_too_and_global_state_is_untouched():
    state = torch.get_rng_state()
    like, filled = drawn_in_a_call(
        NEW,
        lambda _: torch.randn_like(torch.empty(5, dtype=torch.bfloat16)),
        lambda generator: torch.empty(5).normal_(2.0, 3.0, generator=generator),
    )[1:]
    assert torch.equal(like, torch.from_numpy(normal(7, (5,), stage=1)).bfloat16())
    assert torch.equal(filled, torch.from_numpy(normal(7, (5,), stage=2)) * 3.0 + 2.0)
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize(
    "draw",
    [
        lambda generator: torch.rand(3, generator=generator),
        lambda _: torch.randint(0, 9, (1,)),
        lambda _: torch.randn(3, generator=torch.Generator().manual_seed(1)),
    ],
    ids=["uniform", "integers", "a generator of its own"],
)
def test_a_draw_that_the_kind_has_no_numbers_for_is_refused(draw):
    with pytest.raises(Refusal, match=r"Scheduler draws with torch\.rand.*'seedbank-v1' cannot serve"):
        drawn_in_a_call(NEW, draw)


def test_what_a_vae_draws_while_it_encodes_is_not_taken_for_the_initial_noise():
    from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution

    made = noise_of(NEW, "cpu")
    with made.around(SimpleNamespace(scheduler=None)):
        encoded = DiagonalGaussianDistribution(torch.zeros(1, 8, 4, 4)).sample(made.arguments["generator"])
        first = small(made.arguments["generator"])
    assert numpy.array_equal(encoded, normal(7, (1, 4, 4, 4), purpose=ENCODING))
    assert numpy.array_equal(first, normal(7, (1, 4, 8, 8)))


def test_a_blend_mixes_every_draw_of_a_call_also_with_noise_of_another_kind():
    one, other = {"kind": "torch-cpu", "seed": "7"}, {"kind": "seedbank-v1", "seed": "8", "dtype": "float32"}
    ends = [drawn_in_a_call(noise, small) for noise in (one, other)]
    for alpha, curve in ((0, "slerp"), (1, "lerp"), (0.25, "lerp")):
        blended = drawn_in_a_call(one | {"blend": {"noise": other, "alpha": alpha, "curve": curve}}, small)
        for mixed, low, high in zip(blended, *ends, strict=True):
            assert torch.allclose(mixed, low * (1 - alpha) + high * alpha, atol=1e-6)
    half = drawn_in_a_call(one | {"blend": {"noise": other, "alpha": 0.5, "curve": "slerp"}}, small)
    assert all(0.8 < draw.std() < 1.2 for draw in half)


def test_a_variation_of_torchs_noise_changes_the_start_and_not_the_steps():
    plain = drawn_in_a_call({"kind": "torch-cpu", "seed": "7", "variation": {"seed": "8", "strength": 0}}, small)
    varied = drawn_in_a_call({"kind": "torch-cpu", "seed": "7", "variation": {"seed": "8", "strength": 0.5}}, small)
    generator = torch.Generator().manual_seed(7)
    assert torch.equal(plain[0], small(generator)) and torch.equal(plain[1], small(generator))
    assert not torch.equal(varied[0], plain[0]) and torch.equal(varied[1], plain[1])


def test_a1111_counts_its_draws_and_ensd_gives_the_steps_another_seed():
    kind = {"kind": "a1111-nv", "seed": "7"}
    first, second = drawn_in_a_call(kind, small)
    assert numpy.array_equal(first, a1111_normal(7, (1, 4, 8, 8), 0))
    assert numpy.array_equal(second, a1111_normal(7, (1, 4, 8, 8), 1))
    first, second, third = drawn_in_a_call({**kind, "ensd": 31337}, small, small)
    assert numpy.array_equal(first, a1111_normal(7, (1, 4, 8, 8), 0))
    assert numpy.array_equal(second, a1111_normal(31344, (1, 4, 8, 8), 0))
    assert numpy.array_equal(third, a1111_normal(31344, (1, 4, 8, 8), 1))


def test_an_image_of_a_batch_from_one_generator_is_drawn_after_those_before_it():
    whole = torch.randn((3, 4, 8, 8), generator=torch.Generator().manual_seed(7))
    third, step = drawn_in_a_call({"kind": "torch-cpu", "seed": "7", "before": 2, "dtype": "float32"}, small)
    assert torch.equal(third, whole[2:])
    generator = torch.Generator().manual_seed(7)
    drawn = [small(generator) for _ in range(4)]
    assert torch.equal(step, drawn[3])  # the steps go on where the noise ended


@pytest.mark.parametrize(
    ("noise", "words"),
    [
        ({"kind": "torch-cpu", "seed": "7", "before": -1}, "cannot be -1 images before"),
        ({"kind": "a1111-nv", "seed": "7", "before": 1}, "no field 'before'"),
        ({"kind": "seedbank-v1", "seed": "7", "ensd": 1}, "no field 'ensd'"),
        ({"kind": "seedbank-v1"}, "no seed"),
        ({"kind": "seedbank-v1", "seed": "7", "dtype": "float16"}, "float32"),
        ({"kind": "seedbank-v1", "seed": "7", "variation": {"seed": "8", "strength": 2}}, "strength from 0 to 1"),
        ({"kind": "seedbank-v1", "seed": "7", "variation": {"seed": "8", "strength": 1, "form": "x"}}, "sane or a1111"),
        ({"kind": "seedbank-v1", "seed": "7", "blend": {"noise": {"kind": "x"}, "alpha": 1, "curve": "lerp"}}, "second noise"),
        ({"kind": "seedbank-v1", "seed": "7", "blend": {"noise": NEW, "alpha": 2, "curve": "lerp"}}, "alpha from 0 to 1"),
        ({"kind": "seedbank-v1", "seed": "7", "blend": {"noise": NEW | {"x": 1}, "alpha": 1, "curve": "lerp"}}, "no field 'x'"),
        ({"kind": "seedbank-v1", "seeds": ["7", "8"]}, "batch"),
        ({"kind": "global", "seed": "7"}, "no field 'seed'"),
        ({"kind": "torch-cuda", "seed": "7"}, "how many SMs"),
    ],
)
def test_noise_that_makes_no_sense_is_refused(noise, words):
    with pytest.raises(Refusal, match=words):
        noise_of(noise, "cpu")


def test_latents_of_another_size_are_refused_and_packed_ones_are_not():
    pipe = SimpleNamespace(vae=SimpleNamespace(config=SimpleNamespace(latent_channels=4)), vae_scale_factor=8)
    call = {"width": 64, "height": 32}
    check_latents(pipe, {**call, "latents": torch.zeros(1, 4, 4, 8)})
    check_latents(pipe, {**call, "latents": torch.zeros(1, 8, 16)})
    check_latents(pipe, call)
    with pytest.raises(Refusal, match="1x4x8x8, and SimpleNamespace needs 1x4x4x8"):
        check_latents(pipe, {**call, "latents": torch.zeros(1, 4, 8, 8)})


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_the_noise_of_a_gpu_that_is_not_here_is_computed_and_flagged():
    noise = {"kind": "torch-cuda", "seed": "7", "sm_count": 132, "threads_per_sm": 2048}
    assert noise_of(noise, "cpu").flags == {"noise_of_another_gpu": [132, 2048]}
    first, second = drawn_in_a_call(noise, small)
    drawn, offset = cuda_normal(7, (1, 4, 8, 8), 0, 256)
    assert numpy.array_equal(first, drawn)
    assert numpy.array_equal(second, cuda_normal(7, (1, 4, 8, 8), offset, 256)[0])
