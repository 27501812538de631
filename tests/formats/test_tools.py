"""What each tool writes is read as the file says it."""

from __future__ import annotations

import pytest

from seedbank.formats.detect import readings
from seedbank.formats.reading import ModelName
from tests.formats.tool_samples import SAMPLES


@pytest.mark.parametrize("name", SAMPLES)
def test_a_tool_is_known_and_its_fields_are_as_the_file_says_them(name):
    payloads, expected = SAMPLES[name]
    reading = readings(payloads)[0]
    assert reading.tool == name.partition(",")[0]
    assert {field: getattr(reading.recipe, field) for field in expected} == expected
    fields = {field: value for field, value in vars(reading.recipe).items() if field not in ("extras", "confidence")}
    given = {field for field, value in fields.items() if value not in (None, ())}
    assert set(reading.recipe.confidence) == given, "a confidence for each field that is there, and for no other"


def test_what_else_a_tool_says_stands_in_the_extras_under_the_common_names():
    def extras(name: str) -> dict[str, object]:
        return dict(readings(SAMPLES[name][0])[0].recipe.extras)

    assert extras("invokeai, first names")["clip_skip"] == 2, "InvokeAI counts what is left out, A1111 what is used"
    assert extras("invokeai")["noise"] == "CPU"
    assert extras("invokeai, dream")["denoise"] == 0.4
    swarm = extras("swarmui")
    assert (swarm["clip_skip"], swarm["variation_seed"], swarm["variation_strength"]) == (2, 3, 0.25)
    assert extras("novelai")["characters"] == ("a boy", "a girl")
    assert extras("imaginairy")["denoise"] == 0.75
    assert extras("easydiffusion")["clip_skip"] == 2 and extras("easydiffusion")["vae"] == ModelName("vae-ft")
    assert extras("tensorart")["ensd"] == 31337
    assert extras("dgenerate")["version"] == "5.0.0" and extras("dgenerate")["clip_skip"] == 2
