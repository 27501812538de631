"""From two environments and a first difference to causes, grades and a line."""

import pytest

from seedbank.environment import Environment
from seedbank.records import DIFFERENT, Model, ModelFile
from seedbank.regen.causes import differences, weights_cause
from seedbank.regen.explain import explanation
from seedbank.regen.judge import Judgement
from seedbank.regen.proof import Proof

STEP = Judgement(DIFFERENT, "differs", "step.000", {"max": 90})


def environment(torch="2.13.0", threads=2, record="r1", zipp="4", tokenizers="0.22", fingerprint=None, **profile):
    versions = {"torch": torch, "zipp": zipp, "tokenizers": tokenizers, "pillow": "12.0"}
    parts = {
        "distributions": {
            name: {"version": version, "record": record if name == "torch" else "r"} for name, version in versions.items()
        },
        "hardware": {"cpu": {"capability": "AVX512", "memory_gib": 8}},
        "profile": {"device": "cpu", "threads": threads, "variables": {}, **profile},
        "variables": {},
    }
    return Environment(parts | ({"fingerprint": fingerprint} if fingerprint else {}))


def names(found):
    return [cause.name for cause in found.causes]


def test_the_line_names_what_can_have_caused_it_and_calls_it_a_suspicion():
    found = differences(environment(), environment("2.14.0", threads=1, record="r2"), "step.000")
    told = explanation(STEP, found)
    assert told["line"] == (
        "different from the first denoising step on: torch 2.14.0 instead of 2.13.0, threads 1 instead of 2 — suspect"
    )
    assert (told["grade"], told["stage"]) == ("suspect", "step.000")
    assert told["causes"][1] == {"name": "threads", "recorded": 2, "present": 1, "restorable": True, "grade": "suspect"}


def test_a_proven_cause_stands_alone_in_the_line():
    recorded, present = (
        environment(**{"sdpa.flash": True, "sdpa.math": True}),
        environment(**{"sdpa.flash": False, "sdpa.math": True}),
    )
    found = differences(recorded, present, "step.000", changed=["attention"])
    told = explanation(STEP, found, ["attention=math"], Proof(("attention",), (), ""))
    assert told["line"] == (
        "different from the first denoising step on: attention math instead of flash+math — proven (experiment: attention=math)"
    )
    assert [cause["grade"] for cause in told["causes"]] == ["proven"]


def test_a_proof_that_found_something_else_at_work_says_so_and_blames_nothing():
    found = differences(environment(), environment(threads=1), "step.000", changed=["threads"])
    told = explanation(STEP, found, ["threads=1"], Proof((), (), "", beyond=True))
    assert told["grade"] == "suspect"
    assert "threads 1 instead of 2 — suspect; with these settings as recorded it differs too" in told["line"]


def test_changed_operations_of_the_fingerprint_make_a_suspicion_likely():
    old, new = environment(fingerprint={"conv": "a", "norm": "b"}), environment("2.14", fingerprint={"conv": "c", "norm": "b"})
    told = explanation(STEP, differences(old, new, "step.000"))
    assert told["grade"] == "likely"
    assert told["operations"] == ["conv"]


@pytest.mark.parametrize(
    ("change", "stage", "reaches"),
    [
        ({"tokenizers": "0.23"}, "prompt", True),
        ({"tokenizers": "0.23"}, "step.000", False),
        ({"threads": 1}, "step.000", True),
        ({"threads": 1}, "noise", False),
        ({"threads": 1}, "pixels", False),
        ({"zipp": "5"}, "step.000", False),
        ({"torch": "2.14"}, "noise", True),
        ({"torch": "2.14"}, None, True),
    ],
)
def test_only_what_can_reach_the_first_difference_is_a_cause(change, stage, reaches):
    found = differences(environment(), environment(**change), stage)
    assert bool(found.causes) is reaches
    assert bool(found.others) is not reaches


def test_a_setting_of_the_vae_cannot_change_a_denoising_step():
    old, new = (environment(pipeline={"components": {"vae": {"tiling": tiled}}}) for tiled in (False, True))
    assert names(differences(old, new, "step.001")) == []
    assert names(differences(old, new, "vae.out")) == ["vae_tiling"]


def test_a_setting_of_a_gpu_is_no_cause_on_a_cpu():
    old, new = (environment(**{"cudnn.benchmark": on}) for on in (False, True))
    assert names(differences(old, new, "vae.out")) == []


def test_the_same_version_built_otherwise_is_a_cause_too():
    assert "torch.record" in names(differences(environment(), environment(record="own build"), "step.000"))


def test_what_the_record_does_not_know_is_no_difference():
    """Settings and parts that came later: entries that were recorded before have no word about them."""
    later = environment(flush_denormal=False, fingerprint={"conv": "a"})
    assert differences(environment(), later, "step.000") == differences(environment(), environment(), "step.000")
    assert differences(None, later, "step.000").causes == ()


def test_what_a_field_does_not_say_is_a_cause_under_its_own_name():
    def attention(*processors, **more):
        unet = {"attention_backend": None, "attention_processors": list(processors), "tiling": False}
        return environment(pipeline={"components": {"unet": unet, "vae": {"tiling": True, **more}}})

    recorded, present = attention("AttnProcessor", "AttnProcessor2_0"), attention("AttnProcessor2_0")
    assert names(differences(recorded, present, "step.000")) == ["pipeline.components.unet.attention_processors"]
    recorded, present = attention(tile_sample_min_size=32), attention(tile_sample_min_size=64)
    assert names(differences(recorded, present, "vae.out")) == ["pipeline.components.vae.tile_sample_min_size"]
    assert names(differences(recorded, present, "prompt")) == []
    assert names(differences(attention(), present, "vae.out")) == [], "what the record does not know is no difference"


def test_other_weights_are_a_cause_where_their_component_computes():
    old = Model("a" * 64, "m", (ModelFile("vae/x.safetensors", 1, "1"), ModelFile("unet/x.safetensors", 1, "1")))
    new = Model("b" * 64, "m", (ModelFile("vae/x.safetensors", 1, "2"), ModelFile("unet/x.safetensors", 1, "1")))
    cause = weights_cause(old, new)
    assert names(differences(environment(), environment(), "vae.out", extra=cause)) == ["weights"]
    assert names(differences(environment(), environment(), "step.000", extra=cause)) == []
    assert weights_cause(old, old) == []
