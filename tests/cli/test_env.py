"""`seedbank env`: the present environment, and how two environments differ, as a user sees it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

import seedbank as package
from seedbank.environment import Environment
from seedbank.records import NewEntry
from seedbank.worker.fingerprint import PROBES
from tests.rendering import CommandLine
from tests.warm import InProcess

OLD = {
    "system": {"python": "3.11.7", "os": "Linux", "release": "6.1", "libc": "glibc 2.36"},
    "distributions": {
        "torch": {"version": "2.10.0", "record": "aa"},
        "diffusers": {"version": "0.42.1", "record": "bb"},
        "ftfy": {"version": "6.3.1"},
    },
    "hardware": {"device": "cpu", "cpu": {"model": "EPYC", "capability": "AVX512", "usable_cores": 2}},
    "profile": {"device": "cpu", "threads": 2},
    "variables": {},
    "fingerprint": {"v": 1, "cpu": {"gemm": "1" * 64, "conv1x1": "2" * 64}},
}
NEW = {
    **OLD,
    "distributions": {"torch": {"version": "2.13.0", "record": "cc"}, "diffusers": {"version": "0.42.1", "record": "dd"}},
    "profile": {"device": "cpu", "threads": 1},
    "fingerprint": {"v": 1, "cpu": {"gemm": "1" * 64, "conv1x1": "3" * 64}},
}


@dataclass(frozen=True)
class Planted:
    old: Environment
    new: Environment


@pytest.fixture(scope="module")
def planted(tmp_path_factory, environ, kept):
    """`seedbank` on a bank with three entries: of an old environment, of a new one, of none that is known."""
    command = InProcess(tmp_path_factory.mktemp("planted") / "art.db", environ, kept)
    environments = Planted(Environment(OLD), Environment(NEW))
    with package.open(command.bank, create=True, user="ann") as bank:
        for environment in (environments.old, environments.new, None):
            bank.store.add_entry(NewEntry(environment=environment))
    return command, environments


def test_two_entries_are_compared_and_differing_is_exit_3(planted):
    seedbank, _ = planted
    ran = seedbank("env", "1", "2", ok=[3])
    assert ran.lines[0].split()[:3] == ["distribution", "1", f"({Environment(OLD).digest[:8]})"]
    text = " ".join(ran.out.split())
    assert "torch 2.10.0 2.13.0" in text
    assert "diffusers 0.42.1 0.42.1, other files" in text
    assert "threads 2 1" in text
    assert "only in 1: ftfy 6.3.1" in text
    assert "computes other bits on cpu: conv1x1 (1 of 2 classes of operations)" in text


def test_json_has_all_of_it_in_one_object(planted):
    seedbank, environments = planted
    (found,) = seedbank("env", environments.old.digest[:8], environments.new.digest[:8], "--json", ok=[3]).objects
    assert found["environment_digests"] == [environments.old.digest, environments.new.digest]
    assert found["distributions"]["torch"] == ["2.10.0", "2.13.0"]
    assert found["distributions"]["ftfy"] == ["6.3.1", None]
    assert found["settings"] == {"threads": [2, 1]}
    assert found["operations"] == {"cpu": ["conv1x1"]}
    assert (found["same"], found["machine"], found["unknown"]) == (False, {}, [])


def test_an_environment_is_the_same_as_itself(planted):
    seedbank, environments = planted
    ran = seedbank("env", "1", environments.old.digest[:10])
    assert ran.lines == ["computes the same bits on cpu in all 2 classes of operations", "Nothing that both know differs."]


def test_what_is_not_known_is_said(planted):
    seedbank, _ = planted
    assert "no environment is known" in seedbank("env", "3", ok=[4]).err
    assert "no entry 99" in seedbank("env", "99", "1", ok=[4]).err
    assert "more" in seedbank("env", "1", "2", "3", ok=[2]).err
    assert "cannot be started" in seedbank("env", "--python", "/nowhere/python", ok=[12]).err


@pytest.mark.slow
def test_the_present_environment_needs_no_bank(planted):
    seedbank, _ = planted
    command = CommandLine("/nowhere/art.db", seedbank.environ)
    (found,) = command("env", "--device", "cpu", "--json").objects
    assert list(found["environment"]["fingerprint"]["cpu"]) == list(PROBES)
    assert found["environment"]["distributions"]["torch"]["version"]
    assert Environment(found["environment"]).digest == found["environment_digest"]


@pytest.mark.parametrize(
    "options, code, said",
    [
        (["--python", "/nowhere/python"], 12, "There is no interpreter /nowhere/python"),
        (["--env", "torch>=2"], 2, "The environment 'torch>=2' makes no sense"),
        (["--find-links", "."], 2, "--find-links is for --env"),
        (["--candidate", "vae=x"], 2, "No candidate can take the place of 'vae'"),
        (["--candidate", "model"], 2, "not of the form model=NEW or lora=NEW"),
    ],
)
def test_regen_elsewhere_says_what_makes_no_sense_before_it_tries(planted, options, code, said):
    seedbank, _ = planted
    ran = seedbank("regen", "1", *options, ok=[code])
    assert said in ran.err
