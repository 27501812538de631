"""What `regen` says of computations: a drift that the picture hides, and the module in which it begins."""

import pytest

import seedbank
from seedbank.frozen import replace
from seedbank.records import NewEntry
from seedbank.regen.deep import deep_words

pytestmark = pytest.mark.slow
COMPARED = {"level": "modules", "outputs": 9, "against": "a rendering", "differing": 2, "first_difference": "step.000/unet.a"}


def test_equal_pixels_of_an_unequal_computation_are_exact_and_said_so(library):
    """As it was recorded where the second step came out otherwise and the picture was rounded to the same pixels."""
    with seedbank.open(library.bank) as bank:
        old = bank.entry(1)
        stages = [(stage, "0" * 64 if stage == "step.001" else digest) for stage, digest in bank.trace_of(old.output)]
        new = NewEntry(recipe=old.recipe, environment=bank.store.environment(old.environment_digest), model=old.model)
        drifted = bank.put_entry(bank.pixels(old), replace(new, output=replace(old.output, trace=None)), stages).id
    (item,) = library("regen", str(drifted), "--json").objects
    assert (item["verdict"], item["trace"], item["first_difference"]) == ("exact", "differs", "step.001")
    line = item["explanation"]["line"]
    assert line.startswith("exact: the computation drifted from denoising step 2 on, the picture did not")
    said = library("regen", str(drifted)).lines[0]
    assert "the computation drifted from denoising step 2 on, the picture did not" in said


def test_a_deep_trace_names_the_module_in_which_a_changed_setting_begins_to_show(library):
    arguments = ("regen", "1", "--with", "attention=math", "--trace", "modules")
    (item,) = library(*arguments, "--json", ok=[0, 3]).objects
    deep = item["evidence"]["deep"]
    assert item["experiment"] and item["trace"] == "differs" and item["first_difference"] == "prompt"
    assert deep["first_difference"] == "prompt/text_encoder.layers.0.self_attn.o_proj"
    assert 0 < deep["differing"] < deep["outputs"]
    said = library(*arguments, ok=[0, 3]).lines[1]
    assert "first output that differs from a rendering here with the recorded settings is prompt/text_encoder.layers.0" in said


def test_a_deep_trace_with_the_recorded_settings_is_kept_for_the_next_attempt(library):
    first, second = (library("regen", "2", "--trace", "components").lines for _ in range(2))
    assert "no earlier trace to compare with" in first[1]
    assert "components: all" in second[1] and "outputs are those of the attempt of" in second[1]
    with seedbank.open(library.bank) as bank:
        stages = dict(bank.trace_of(bank.store.regenerations(2)[-1].output))
    assert {"prompt/text_encoder", "step.000/transformer", "vae.out/vae.decoder", "pixels"} <= set(stages)


def test_a_level_that_does_not_exist_is_refused(library):
    assert "stages" in library("regen", "1", "--trace", "everything", ok=[2]).err


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "modules: the first output that differs from a rendering is step.000/unet.a (2 of 9 differ)"),
        ({"first_difference": None, "differing": 0}, "modules: all 9 outputs are those of a rendering"),
        (
            {"first_difference": None, "against": None},
            "modules: no earlier trace to compare with; this one of 9 outputs",
        ),
        ({"against": None, "problem": "Gone."}, "modules: nothing to compare with, since a rendering here"),
    ],
)
def test_a_comparison_in_one_line(changes, words):
    assert deep_words({name: value for name, value in (COMPARED | changes).items() if value is not None}).startswith(words)
