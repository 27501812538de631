"""Names that people know become schedulers of diffusers, and what does not fit a model is refused with what does."""

import inspect

import pytest

from seedbank.errors import BadInput
from seedbank.samplers import FLOW_SAMPLERS, NORMAL, SAMPLERS, check_scheduler, scheduler_choice, schedules_of

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
OWN, FLOW = "PNDMScheduler", "FlowMatchEulerDiscreteScheduler"
EVERY = [(OWN, name) for name in SAMPLERS] + [(FLOW, name) for name in FLOW_SAMPLERS]


@pytest.mark.parametrize(("own", "name"), EVERY)
def test_every_row_of_the_table_makes_a_scheduler_of_diffusers_with_all_its_schedules(own, name):
    import diffusers

    for schedule in (None, *schedules_of(scheduler_choice(own, name, None)[0])):
        cls, settings = scheduler_choice(own, name, schedule)
        found = getattr(diffusers, cls)
        assert set(settings) <= set(inspect.signature(found.__init__).parameters)
        scheduler = found(**settings)
        scheduler.set_timesteps(4)
        assert {key: scheduler.config[key] for key in settings} == settings


@pytest.mark.parametrize(("own", "name"), EVERY)
def test_every_row_of_the_table_comes_to_a_finite_end(own, name):
    import diffusers
    import torch

    cls, settings = scheduler_choice(own, name, None)
    scheduler = getattr(diffusers, cls)(**settings)
    scheduler.set_timesteps(4)
    generator = torch.Generator().manual_seed(7)
    sample = torch.randn((1, 4, 8, 8), generator=generator)
    given = {"generator": generator} if "generator" in inspect.signature(scheduler.step).parameters else {}
    for step in scheduler.timesteps:
        sample = scheduler.scale_model_input(sample, step) if hasattr(scheduler, "scale_model_input") else sample
        sample = scheduler.step(torch.randn(sample.shape, generator=generator), step, sample, **given).prev_sample
    assert bool(torch.isfinite(sample).all())


@pytest.mark.parametrize(
    ("typed", "name", "schedule"),
    [
        ("Euler a", "euler_a", None),
        ("euler_ancestral", "euler_a", None),
        ("DPM++ 2M Karras", "dpm++_2m", "karras"),
        ("dpmpp_2m_sde", "dpm++_2m_sde", None),
        ("DPM++ SDE Karras", "dpm++_sde", "karras"),
        ("DPM2 a Karras", "dpm2_a", "karras"),
        ("UniPC", "uni_pc", None),
        ("PLMS", "plms", None),
    ],
)
def test_names_as_other_tools_write_them_are_understood(typed, name, schedule):
    assert scheduler_choice(OWN, typed, None) == scheduler_choice(OWN, name, schedule)


def test_a_schedule_excludes_the_one_that_the_models_own_settings_name():
    _, settings = scheduler_choice(OWN, "dpm++_2m", "exponential")
    assert settings["use_exponential_sigmas"] is True
    assert settings["use_karras_sigmas"] is False
    assert set(scheduler_choice(OWN, "dpm++_2m", NORMAL)[1].values()) >= {False}


def test_a_schedule_alone_keeps_the_class():
    assert scheduler_choice("EulerDiscreteScheduler", None, "karras")[0] == "EulerDiscreteScheduler"


@pytest.mark.parametrize(
    ("own", "sampler", "schedule", "words"),
    [
        (FLOW, "dpm++_2m", None, "flow-matching model, which does not take the sampler"),
        (OWN, "elixir", None, "There is no sampler 'elixir'"),
        (OWN, "Karras", None, "'Karras' is a schedule and no sampler: say it with --schedule"),
        (OWN, "euler_a", "karras", "takes no schedule 'karras'"),
        (OWN, "lcm", "trailing", "takes no schedule"),
        (OWN, "euler", "moonlight", "There is no schedule 'moonlight'"),
        (None, None, "karras", "no scheduler"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_does(own, sampler, schedule, words):
    with pytest.raises(BadInput, match=words) as caught:
        scheduler_choice(own, sampler, schedule)
    assert caught.value.hint.startswith(("Use one of: ", "Leave"))


def test_a_scheduler_class_of_the_other_kind_of_model_is_refused():
    check_scheduler(FLOW, "FlowMatchLCMScheduler")
    check_scheduler(OWN, "DDIMScheduler")
    with pytest.raises(BadInput, match="This is a flow-matching model"):
        check_scheduler(FLOW, "DDIMScheduler")
    with pytest.raises(BadInput, match="no flow-matching model"):
        check_scheduler(OWN, FLOW)
