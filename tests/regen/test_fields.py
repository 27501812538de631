"""The settings by the names that people know."""

import copy

import pytest

from seedbank.errors import BadInput
from seedbank.regen.fields import FIELDS, apply, field, parse_changes

PROFILE = {
    "device": "cpu",
    "threads": 2,
    "variables": {"OMP_NUM_THREADS": "2"},
    "sdpa.flash": True,
    "sdpa.mem_efficient": True,
    "sdpa.math": True,
    "sdpa.cudnn": True,
    "fp32_precision.cuda.matmul": "none",
    "fp32_precision.cuda.conv": "tf32",
    "fp16_reduced_precision_reduction": [True, True],
    "mkldnn.enabled": True,
    "pipeline": {
        "offload": "none",
        "components": {
            "vae": {"tiling": False, "slicing": False, "memory_format": "contiguous"},
            "transformer": {"memory_format": "contiguous", "attention_processors": ["P"]},
        },
    },
}


@pytest.mark.parametrize(
    ("typed", "name", "place", "value"),
    [
        ({"threads": 1}, "threads", "threads", 1),
        ({"mkldnn": "off"}, "mkldnn", "mkldnn.enabled", False),
        ({"attention": "Math"}, "attention", "sdpa.flash", False),
        ({"tf32": True}, "tf32", "fp32_precision.cuda.matmul", "tf32"),
        ({"fp16_reduction": "no-split-k"}, "fp16_reduction", "fp16_reduced_precision_reduction", [False, False]),
        ({"cpu_capability": "AVX2"}, "cpu_capability", "variables.ATEN_CPU_CAPABILITY", "avx2"),
        ({"OMP_NUM_THREADS": "unset"}, "OMP_NUM_THREADS", "variables.OMP_NUM_THREADS", None),
        ({"vae_tiling": "on"}, "vae_tiling", "pipeline.components.vae.tiling", True),
        ({"memory_format": "channels_last"}, "memory_format", "pipeline.components.vae.memory_format", "channels_last"),
        ({"attention_backend": "_native_math"}, "attention_backend", "pipeline.components.transformer.attention_backend",
         "_native_math"),
    ],
)  # fmt: skip
def test_a_field_writes_where_the_profile_keeps_it(typed, name, place, value):
    changed = apply(PROFILE, parse_changes(typed))
    if place in changed:
        found = changed[place]
    else:
        found = changed
        for part in place.split("."):
            found = (found or {}).get(part)
    assert found == value
    assert field(name).read(changed) != field(name).read(PROFILE)


def test_a_change_leaves_everything_else_and_the_record_alone():
    before = copy.deepcopy(PROFILE)
    changed = apply(PROFILE, {"memory_format": "channels_last"})
    assert changed["pipeline"]["components"]["transformer"] == PROFILE["pipeline"]["components"]["transformer"]
    assert before == PROFILE


def test_a_variable_has_one_name():
    assert parse_changes({"MKL_CBWR": "compatible"}) == {"mkl_branch": "COMPATIBLE"}


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"thread": 1}, "Did you mean threads?"),
        ({"attention": "maths"}, "Did you mean math?"),
        ({"threads": 0}, "whole number from 1"),
        ({"threads": "abc"}, "whole number from 1"),
        ({"threads": True}, "whole number from 1"),
        ({"mkldnn": "perhaps"}, "It takes on, off."),
        ({"PATH": "/bin"}, "Known are threads"),
        ({"pipeline": 1}, "Known are threads"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_nearest(typed, said):
    with pytest.raises(BadInput) as caught:
        parse_changes(typed)
    assert said in f"{caught.value.message} {caught.value.hint}"


def test_a_record_without_the_setting_refuses_the_change():
    with pytest.raises(BadInput, match="vae_tiling"):
        apply({"threads": 2}, {"vae_tiling": True})


@pytest.mark.slow
def test_every_switch_that_is_recorded_belongs_to_a_field_or_is_named_by_its_own_name():
    from seedbank.worker.switches import switches

    places = {place for one in FIELDS.values() for place in one.places}
    without = {name for name in switches() if f"profile.{name}" not in places}
    # Recorded and restored; nobody changes them for an experiment.
    assert without == {
        "default_device", "cudnn.benchmark_limit", "opt_einsum.enabled", "opt_einsum.strategy", "fp32_precision",
        "fp32_precision.cuda", "fp32_precision.cuda.rnn", "cublas_workspace", "cublaslt_workspace", "sdpa.order",
    }  # fmt: skip
