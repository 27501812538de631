"""What a rerun can put back, and how."""

from dataclasses import replace

import pytest

from seedbank.environment import Environment
from seedbank.records import Model
from seedbank.regen.bench import Setting
from seedbank.regen.causes import Cause, Differences
from seedbank.regen.elsewhere import Elsewhere
from seedbank.regen.undoing import undoings

RECORDED = Environment({"profile": {"device": "cpu", "threads": 2, "mkldnn.enabled": True, "variables": {}}})
PLAIN = Setting(recorded=RECORDED, model=Model("a" * 64, "m"))
NOTHING = Differences()


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        (replace(PLAIN, changes={"threads": 1}), "threads"),
        (replace(PLAIN, elsewhere=Elsewhere(python="/envs/old/bin/python")), "environment"),
        (replace(PLAIN, elsewhere=Elsewhere(env="torch==2.14.1")), "environment"),
        (replace(PLAIN, elsewhere=Elsewhere(candidate={"lora": "x"})), "lora"),
        (
            replace(PLAIN, elsewhere=Elsewhere(candidate={"model": "x"}), place="x", allow_other_weights=True),
            "weights",
        ),
    ],
)
def test_putting_back_the_only_change_gives_the_plain_attempt(changed, name):
    (one,) = undoings(changed, NOTHING)
    assert one.name == name
    assert one.undo(changed) == PLAIN


def test_each_change_is_put_back_alone():
    both = replace(PLAIN, changes={"threads": 1, "mkldnn": False})
    undo = {one.name: one.undo for one in undoings(both, NOTHING)}
    assert undo["threads"](both).changes == {"mkldnn": False}
    assert undo["mkldnn"](both).changes == {"threads": 1}


def test_a_change_to_the_recorded_value_is_none():
    assert undoings(replace(PLAIN, changes={"threads": 2}), NOTHING) == []


def test_a_smaller_instruction_set_can_be_kept_to_and_a_larger_one_cannot():
    def found(recorded, present):
        return Differences((Cause("instruction_set", recorded, present, frozenset({"step"})),))

    (one,) = undoings(PLAIN, found("AVX2", "AVX512"))
    assert one.undo(PLAIN).changes["cpu_capability"] == "avx2"
    assert undoings(PLAIN, found("AVX512", "AVX2")) == []
