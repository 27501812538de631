"""What other tools call samplers and schedules is read by one table, and written by the same."""

import time

import pytest

from seedbank.dialects import A1111, COMFYUI, DIALECTS, INVOKEAI, SAMPLER_NAMES, SCHEDULE_NAMES, choice, meaning, named
from seedbank.errors import BadInput
from seedbank.samplers import SAMPLERS, scheduler_choice

OWN, FLOW = "PNDMScheduler", "FlowMatchEulerDiscreteScheduler"


@pytest.mark.parametrize(
    ("tool", "sampler", "schedule", "ours"),
    [
        ("a1111", "DPM++ 2M Karras", None, ("dpm++_2m", "karras")),
        ("a1111", "DPM++ 2M", "Karras", ("dpm++_2m", "karras")),
        ("forge-classic", "DPM++ 2M", "Automatic", ("dpm++_2m", "karras")),
        ("forge-neo", "Euler a", "Automatic", ("euler_a", "normal")),
        ("a1111", "DPM++ 3M SDE Exponential", None, ("dpm++_3m_sde", "exponential")),
        ("a1111", "DPM++ 2M SDE Heun Karras", None, ("dpm++_2m_sde_heun", "karras")),
        ("a1111", "DPM++ 2S a Karras", None, ("dpm++_2s", "karras")),
        ("a1111", "Euler a", None, ("euler_a", None)),
        ("a1111", "UniPC", None, ("uni_pc_bh1", None)),
        ("comfyui", "dpmpp_2m_sde_gpu", "exponential", ("dpm++_2m_sde", "exponential")),
        ("comfyui", "sample_dpmpp_2m", "normal", ("dpm++_2m", "normal")),
        ("comfyui", "uni_pc_bh2", "sgm_uniform", ("uni_pc_bh2", "sgm_uniform")),
        ("comfyui", "ddim", "ddim_uniform", ("euler", "leading")),
        ("swarmui", "euler_ancestral", "karras", ("euler_a", "karras")),
        ("aihorde-artbot", "k_dpmpp_sde", None, ("dpm++_sde", None)),
        ("invokeai", "dpmpp_2m_sde_k", None, ("dpm++_2m_sde", "karras")),
        ("invokeai", "k_lms", None, ("lms", None)),
        ("invokeai", "unipc", None, ("uni_pc", None)),
        ("sdnext", "UniPC", None, ("uni_pc", None)),
        ("sdnext", None, "FlowMatchEulerDiscreteScheduler", ("euler", None)),
        ("sd.cpp", "euler discrete", None, ("euler", "normal")),
        ("sd.cpp", "dpm++2m", "karras", ("dpm++_2m", "karras")),
        ("novelai", "k_euler_ancestral", "native", ("euler_a", "normal")),
        ("drawthings", "Euler A Trailing", None, ("euler_a", "trailing")),
        ("mold", None, "euler-ancestral", ("euler_a", None)),
        ("sdnext", "Default", None, (None, None)),
        ("sdnext", "LMSD", None, ("lms", None)),
        ("aihorde", "k_dpmpp_2s_a", None, ("dpm++_2s", None)),
        ("a1111", "k_dpmpp_2s_a_ka", None, ("dpm++_2s", "karras")),
        ("easydiffusion", "dpmpp_2s_a", None, ("dpm++_2s", None)),
        ("fooocus", "lcm", "lcm", ("lcm", "normal")),
        ("fooocus", "tcd", "tcd", ("tcd", "normal")),
    ],
)
def test_names_of_tools_are_understood(tool, sampler, schedule, ours):
    found = meaning(tool, sampler, schedule)
    assert (found.sampler, found.schedule, found.unknown) == (*ours, None)


@pytest.mark.parametrize(
    ("tool", "sampler", "schedule", "word"),
    [
        ("comfyui", "res_multistep", "simple", "res_multistep"),
        ("a1111", "DPM adaptive", None, "DPM adaptive"),
        ("a1111", "Euler", "Align Your Steps", "Align Your Steps"),
        ("sdnext", "DPM2++ SDE FlowMatch", None, "DPM2++ SDE FlowMatch"),
        ("comfyui", "euler_cfg_pp", "normal", "euler_cfg_pp"),
        ("fooocus", "euler", "lcm", "lcm"),
    ],
)
def test_a_name_in_no_table_is_said_and_not_taken_for_its_neighbour(tool, sampler, schedule, word):
    assert meaning(tool, sampler, schedule).unknown == word


def test_every_name_of_the_tables_is_read_back_as_what_it_is_written_for():
    for dialect in DIALECTS:
        for ours in SAMPLER_NAMES.rows:
            if (name := SAMPLER_NAMES.written(ours, dialect)) is not None:
                read = meaning(dialect, name).sampler
                # A1111 and ComfyUI have one word for UniPC, which is its first variant there.
                assert read == ours or (ours, read) == ("uni_pc", "uni_pc_bh1"), (dialect, name)
        for ours in SCHEDULE_NAMES.rows:
            if name := SCHEDULE_NAMES.written(ours, dialect):
                assert meaning(dialect, "Euler", name).schedule == ours, (dialect, name)


@pytest.mark.parametrize("ours", SAMPLER_NAMES.rows)
def test_a_scheduler_is_written_by_the_name_that_gives_it_back(ours):
    assert ours in SAMPLERS
    for dialect in (A1111, COMFYUI, INVOKEAI):
        cls, settings = scheduler_choice(OWN, ours, None)
        name, _ = named(dialect, {"class": cls, "config": settings})
        if SAMPLER_NAMES.written(ours, dialect) is not None:
            assert meaning(dialect, name).sampler in (ours, "uni_pc_bh1"), (dialect, name)


def test_schedules_are_written_by_the_words_of_each_tool():
    config = {"use_karras_sigmas": True}
    assert named(A1111, {"class": "DPMSolverMultistepScheduler", "config": config}) == ("DPM++ 2M", "Karras")
    assert named(COMFYUI, {"class": "DPMSolverMultistepScheduler", "config": config}) == ("dpmpp_2m", "karras")
    trailing = {"class": "EulerDiscreteScheduler", "config": {"timestep_spacing": "trailing"}}
    assert named(A1111, trailing) == ("Euler", "SGM Uniform")
    assert named(COMFYUI, {"class": FLOW, "config": {}}) == ("euler", None)
    assert named(A1111, {"class": "SomeScheduler", "config": {}}) == (None, None)


def test_k_diffusion_spans_the_whole_training_and_a1111s_ddim_walks_it_in_strides():
    assert choice(OWN, meaning("a1111", "Euler"))[1]["timestep_spacing"] == "linspace"
    assert choice(OWN, meaning("comfyui", "euler", "sgm_uniform"))[1]["timestep_spacing"] == "trailing"
    assert choice(OWN, meaning("a1111", "DDIM"))[1] == {"timestep_spacing": "leading", "steps_offset": 1}
    assert "timestep_spacing" not in choice(OWN, meaning("invokeai", "euler"))[1]


def test_a_flow_matching_model_takes_its_own_noise_levels_and_refuses_other_samplers():
    assert choice(FLOW, meaning("comfyui", "euler", "simple")) == (FLOW, {"stochastic_sampling": False})
    with pytest.raises(BadInput, match="does not take the sampler"):
        choice(FLOW, meaning("comfyui", "dpmpp_2m", "simple"))


def test_a_sampler_as_long_as_a_book_is_unknown_at_once():
    name, started = "seed " * 20_000, time.process_time()
    assert meaning("drawthings", name).unknown == name and time.process_time() - started < 1
