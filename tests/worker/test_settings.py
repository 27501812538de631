"""Environment variables and torch's switches: what is recorded, what a child gets, what is put back."""

from __future__ import annotations

import subprocess
import sys

import pytest

from seedbank.worker import settings

ENVIRON = {
    "PATH": "/bin",
    "HOME": "/home/me",
    "OMP_NUM_THREADS": "4",
    "MKL_CBWR": "COMPATIBLE",
    "CUDA_VISIBLE_DEVICES": "1",
    "HF_TOKEN": "hf_secret",
    "TORCH_HOME": "/home/me/torch",
    "TORCHINDUCTOR_CACHE_DIR": "/tmp/x",
    "TOKENIZERS_PARALLELISM": "true",
}


def test_only_variables_that_change_bits_are_recorded_and_never_paths_or_secrets():
    assert settings.relevant_variables(ENVIRON) == {
        "CUDA_VISIBLE_DEVICES": "1",
        "MKL_CBWR": "COMPATIBLE",
        "OMP_NUM_THREADS": "4",
        "TOKENIZERS_PARALLELISM": "true",
    }


def test_a_child_gets_the_recorded_variables_and_no_others_that_change_bits():
    child = settings.variables_for({"variables": {"OMP_NUM_THREADS": "2"}}, base=ENVIRON)
    assert child["OMP_NUM_THREADS"] == "2"
    assert "MKL_CBWR" not in child and "TOKENIZERS_PARALLELISM" not in child
    # What names this machine's devices, and what has nothing to do with it, stays.
    assert child["CUDA_VISIBLE_DEVICES"] == "1" and child["HF_TOKEN"] == "hf_secret" and child["PATH"] == "/bin"


def test_as_is_changes_no_variable():
    assert settings.variables_for(None, "as-is", ENVIRON) == ENVIRON


def test_strict_pins_the_branches_of_every_library():
    child = settings.variables_for(None, "strict", ENVIRON)
    assert child["MKL_DYNAMIC"] == "FALSE" and child["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
    assert child["OMP_NUM_THREADS"] == "4"


def test_the_variables_of_a_child_are_found_without_torch():
    script = "import sys; from seedbank.worker import settings; settings.variables_for({}); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.slow
def test_every_switch_that_is_read_can_be_written_back(monkeypatch):
    torch = pytest.importorskip("torch")
    before = settings.read_profile("cpu")
    assert before["threads"] == torch.get_num_threads()
    changes = {"deterministic_algorithms": True, "mkldnn.enabled": False, "sdpa.flash": False, "default_dtype": "float64"}
    try:
        assert settings.restore(before | changes) == []
        now = settings.read_profile("cpu")
        assert {name: now[name] for name in changes} == changes
        assert {name: value for name, value in now.items() if value != before[name]} == changes
    finally:
        assert settings.restore(before) == []
    assert settings.read_profile("cpu") == before


@pytest.mark.slow
def test_a_setting_that_this_torch_does_not_have_is_reported():
    profile = settings.read_profile("cpu") | {"warp_drive": True}
    assert settings.restore(profile) == [["warp_drive", True, None]]


@pytest.mark.slow
def test_a_variable_that_differs_is_reported_since_it_is_too_late_to_set_it(monkeypatch):
    monkeypatch.delenv("MKL_CBWR", raising=False)
    profile = settings.read_profile("cpu")
    monkeypatch.setenv("MKL_CBWR", "AVX2")
    assert settings.restore(profile) == [["variables.MKL_CBWR", None, "AVX2"]]


def test_strict_removes_the_variables_that_would_override_its_switches():
    child = settings.variables_for(None, "strict", ENVIRON | {"NVIDIA_TF32_OVERRIDE": "1", "DIFFUSERS_ATTN_BACKEND": "flash"})
    assert "NVIDIA_TF32_OVERRIDE" not in child and "DIFFUSERS_ATTN_BACKEND" not in child
    assert child["MKL_DYNAMIC"] == "FALSE"


@pytest.mark.slow
def test_flushing_of_denormals_is_read_by_computing_and_put_back():
    torch = pytest.importorskip("torch")
    before = settings.read_profile("cpu")
    assert before["flush_denormal"] is False
    torch.set_flush_denormal(True)
    assert settings.read_profile("cpu")["flush_denormal"] is True
    assert settings.restore(before) == []
    assert settings.read_profile("cpu") == before
