"""The mutation suite in short: one family, a few changes, the truth rendered beside and compared by raw bytes.

The whole suite is `python -m benchmarks.mutations`; its results stand in docs/exactness.md.
"""

import pytest

from benchmarks.mutation_changes import CHANGES, FAULTS
from benchmarks.mutations import FAMILIES, PAIRED, SINGLES, SMALLER, Case, Suite, cases, summary
from seedbank.regen.fields import FIELDS, parse_changes
from tests.rendering import shared_cache

TOLD = (
    Case("single", {"memory_format": "channels_last"}),
    Case("single", {"vae_tiling": "on"}),
    Case("single", {"vae_slicing": "on"}),
    Case("single", {"attention": "math"}),
    Case("pair", {"attention": "math", "memory_format": "channels_last"}),
)
UNTOLD = (
    Case("untold", untold="seed"),
    Case("untold", untold="scheduler setting"),
    Case("untold", untold="torch's version in the record"),
    Case("untold", untold="one bit of a VAE weight"),
    Case("untold", {"memory_format": "channels_last"}, "operation"),
)
ELSEWHERE = Case("elsewhere", untold=SMALLER)


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEEDBANK_CACHE", str(shared_cache()))
        suite = Suite(tmp_path_factory.mktemp("mutations"), families=("sd15",), room=3)
        try:
            yield {case.name: suite.run(case, "sd15") for case in (*TOLD, ELSEWHERE, *UNTOLD)}
        finally:
            suite.close()


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("case", TOLD, ids=lambda case: case.name)
def test_a_change_with_an_effect_is_detected_located_and_proven(rows, case):
    row = rows[case.name]
    if row["effect"] in ("none", "not here"):
        assert row["verdict"] in ("exact", "blocked") and row["proven"] == []
        pytest.skip(f"{case.name} has no effect here")
    assert row["stage"] == row["true_stage"]
    assert row["grade"] == "proven"
    assert set(row["proven"]) == set(case.told), row


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("case", UNTOLD, ids=lambda case: case.name)
def test_what_nobody_was_told_is_detected_and_never_blamed_on_something_else(rows, case):
    row = rows[case.name]
    assert row["proven"] == []
    if row["effect"] == "none":
        assert (row["verdict"], row["trace"]) == ("exact", "same")
    else:
        assert (row["verdict"], row["trace"]) != ("exact", "same")
        assert row["stage"] == row["true_stage"]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_instruction_set_of_a_smaller_cpu_is_proven_by_keeping_to_it(rows):
    row = rows[ELSEWHERE.name]
    if row["effect"] in ("none", "not here"):
        pytest.skip("this CPU has no larger instruction set than AVX2")
    assert row["proven"] == ["instruction_set"], row


@pytest.mark.slow
def test_nothing_is_falsely_exact_and_nothing_falsely_proven(rows):
    counted = summary(list(rows.values()))
    assert counted["n"] == len(rows)
    assert (counted["false exact"], counted["false proven"], counted["alarms without an effect"]) == (0, 0, 0)
    assert counted["told, with an effect"] >= 3, "the suite must have something to find"


def test_the_whole_suite_changes_every_field():
    """The device is no field of this suite: a machine without a GPU has only one."""
    assert set(FIELDS) - {name for one in SINGLES for name in one} == {"device"}
    assert {case.untold for case in cases()} == {"", SMALLER, *FAULTS, *CHANGES}
    for one in (*SINGLES, *PAIRED):
        parse_changes(one)
    assert len(cases()) * len(FAMILIES) > 150
