"""The environment: parts with digests of their own, so that new parts leave the old ones alone."""

from __future__ import annotations

import pytest

from seedbank.environment import PARTS, Environment, compare_environments, environment_differences, other_files
from seedbank.errors import BadInput

PARTS_OF_ONE = {
    "system": {"python": "3.11.7", "os": "Linux", "libc": "glibc 2.36"},
    "distributions": {"torch": {"version": "2.13.0", "record": "ab" * 32}, "diffusers": {"version": "0.42.1"}},
    "hardware": {"cpu": {"model": "EPYC", "flags": ["avx2", "fma"]}},
    "profile": {"threads": 2, "deterministic": False, "offload": None},
    "variables": {},
}
ONE = Environment(PARTS_OF_ONE)


def _changed(kind: str, value: object) -> Environment:
    return Environment({**PARTS_OF_ONE, kind: value})


def test_an_environment_has_the_golden_digest() -> None:
    assert ONE.digest == "ca7b4c601abc27e899ed4cfd51f642319908e2b4a923637387136be9db2706a1"
    assert ONE.part_digests["profile"] == "16abab89000f6d4890627eb8d9a4b3b1d9cc86660d9e494421fd8ba9fdf83d5f"


def test_the_order_of_parts_and_keys_never_matters() -> None:
    turned = {kind: dict(reversed(body.items())) for kind, body in reversed(PARTS_OF_ONE.items())}
    assert Environment(turned).digest == ONE.digest


@pytest.mark.parametrize("kind", list(PARTS_OF_ONE))
def test_every_part_matters_and_changes_no_other_part(kind: str) -> None:
    other = _changed(kind, {"x": 1})
    assert other.digest != ONE.digest
    assert [name for name in PARTS_OF_ONE if other.part_digests[name] != ONE.part_digests[name]] == [kind]


def test_a_new_kind_of_part_leaves_the_digests_of_the_others_alone() -> None:
    more = Environment({**PARTS_OF_ONE, "fingerprint": {"matmul": "ab" * 32}})
    assert {kind: more.part_digests[kind] for kind in PARTS_OF_ONE} == ONE.part_digests
    assert set(more.parts) <= set(PARTS)


def test_a_setting_that_is_none_is_as_if_it_were_not_there() -> None:
    assert ONE.profile == {"threads": 2, "deterministic": False}
    assert _changed("profile", {"threads": 2, "deterministic": False}).digest == ONE.digest


def test_versions_are_found_by_the_name_of_the_distribution() -> None:
    assert ONE.version("torch") == "2.13.0"
    assert ONE.version("xformers") is None
    assert Environment({}).version("torch") is None
    assert Environment({}).profile == {}


def test_differences_are_named_with_both_values() -> None:
    distributions = {**PARTS_OF_ONE["distributions"], "torch": {"version": "2.14.1"}, "peft": {"version": "0.21.2"}}
    other = _changed("distributions", distributions)
    assert environment_differences(ONE, other) == [
        ("distributions.peft.version", None, "0.21.2"),
        ("distributions.torch.record", "ab" * 32, None),
        ("distributions.torch.version", "2.13.0", "2.14.1"),
    ]
    assert environment_differences(ONE, ONE) == []
    assert environment_differences(Environment({}), _changed("variables", {})) != []


def test_text_that_no_file_can_carry_is_refused() -> None:
    with pytest.raises(BadInput, match=r"environment\.variables\.X"):
        Environment({"variables": {"X": "\udcff"}})


# -- comparing for people ---------------------------------------------------------------------------------------------


def test_what_only_one_environment_knows_is_unknown_and_no_difference() -> None:
    more = Environment({**PARTS_OF_ONE, "fingerprint": {"v": 1, "cpu": {"gemm": "ab" * 32}}})
    found = compare_environments(ONE, more)
    assert (found.same, found.unknown, found.operations) == (True, ("fingerprint",), None)
    loaded = _changed("profile", {**PARTS_OF_ONE["profile"], "pipeline": {"offload": "none"}})
    assert compare_environments(ONE, loaded).unknown == ("profile.pipeline",)
    assert compare_environments(ONE, loaded).same


def test_operations_are_compared_by_device_and_only_with_the_same_probes() -> None:
    def taken(version: int, **devices: dict[str, str]) -> Environment:
        return _changed("fingerprint", {"v": version, **devices})

    one = taken(1, cpu={"gemm": "a", "silu": "b", "old": "c"}, cuda={"gemm": "d"})
    assert compare_environments(one, taken(1, cpu={"gemm": "x", "silu": "b", "new": "y"})).operations == {"cpu": ("gemm",)}
    assert compare_environments(one, taken(1, cuda={"gemm": "d"})).operations == {"cuda": ()}
    assert compare_environments(one, taken(2, cpu={"gemm": "x"})).operations is None


def test_the_same_version_of_other_files_is_a_difference_where_both_lists_of_files_are_known() -> None:
    def built(record: str | None) -> Environment:
        return _changed("distributions", {"torch": {"version": "2.13.0", "record": record}})

    assert other_files(built("ab"), built("cd")) == ("torch",)
    assert compare_environments(built("ab"), built("cd")).distributions == (("torch", "2.13.0", "2.13.0, other files"),)
    assert other_files(built("ab"), built(None)) == other_files(built("ab"), built("ab")) == ()
