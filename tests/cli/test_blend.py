"""Blend and compare on the command line and from Python; frames are regenerated in other processes than they were made in."""

import hashlib
import math
import sys
from itertools import pairwise

import numpy
import pytest
from PIL import Image

import seedbank as package
from seedbank.errors import BadInput
from seedbank.hashing import pixel_digest
from seedbank.images.flip import flip

SMALL = ("--steps", "3", "--size", "64x64", "--model", "embedded@0", "--device", "cpu")


@pytest.fixture(scope="module")
def bank(library, tmp_path_factory):
    """Entries 3 to 6 at 64x64: a circle with seeds 1 and 2, the same circle in 4 steps, a star with seed 3."""
    for words in (
        ("a red circle", "--seed", "1", "-n", "2", *SMALL),
        ("a red circle", "--seed", "1", *SMALL, "--steps", "4"),
        ("a blue star in the night sky", "--seed", "3", *SMALL),
    ):
        library("generate", *words)
    library.folder = tmp_path_factory.mktemp("films")
    return library


def film(bank, *words, **options):
    """(the objects of every frame, the name of the film)."""
    name = str(bank.folder / f"film{len(list(bank.folder.iterdir()))}")
    return bank("blend", *words, "-o", name, "--json", **options).objects, name


@pytest.mark.slow
def test_every_frame_between_is_an_entry_of_its_own_that_regenerates_exact(bank):
    frames, name = film(bank, "3", "4", "--frames", "5")
    assert [frame["alpha"] for frame in frames] == [0, 0.25, 0.5, 0.75, 1]
    assert [frame["id"] for frame in frames if not frame["new"]] == [3, 4], "the ends are the entries themselves"
    between = [str(frame["id"]) for frame in frames if frame["new"]]
    assert [one["verdict"] for one in bank("regen", ",".join(between), "--json").objects] == ["exact"] * 3
    for number in between:
        lineage = [line.split(None, 1)[1] for line in bank("show", number).lines if line.startswith("lineage")]
        assert lineage == ["blended-from 3", "blended-from 4"]
    assert "blended 0.5 towards seed 2 (slerp)" in bank("show", between[1]).out
    assert bank("collection", "show", "blend 3-4", "--ids").lines == [str(frame["id"]) for frame in frames]
    with Image.open(f"{name}.webp") as moving, Image.open(f"{name}.png") as strip:
        assert (moving.n_frames, moving.size) == (5, (64, 64))
        assert strip.width > 5 * 64


@pytest.mark.slow
def test_a_blend_goes_on_where_it_stopped_and_takes_what_is_there(bank):
    with bank.opened() as library:
        plan = library.plan_blend("3,4", frames=4)
        begun = library.blending(plan)
        first = [next(begun) for _ in range(2)]
        begun.close()  # as Ctrl-C does
        frames = list(library.blending(plan))
        assert [one.entry.id for one in frames[:2]] == [one.entry.id for one in first]
        assert [one.new for one in frames] == [False, False, True, False]
        (run,) = [run for run in library.store.runs() if run.specification.get("frames") == 4]
        assert (run.kind, run.total, run.done) == ("blend", 2, 2)
    assert bank("blend", "3", "4", "--frames", "4", "-o", str(bank.folder / "x")).err.endswith("4 frames, 0 rendered now\n")


@pytest.mark.slow
def test_texts_are_blended_on_request_and_else_it_is_said_whose_text_is_used(bank):
    told = bank("blend", "3", "6", "--frames", "3", "-o", str(bank.folder / "seeds"))
    assert "different texts; between them the text is that of entry 3: 'a red circle'" in told.err
    assert bank("show", "@last", "--json").objects[0]["recipe"]["conditioning"] == {"prompt": "a red circle"}
    frames, _ = film(bank, "3", "6", "--frames", "3", "--also-prompt")
    (half,) = [frame for frame in frames if frame["new"]]
    mixed = bank("show", str(half["id"]), "--json").objects[0]["recipe"]["conditioning"]["blend"]
    assert mixed == {"conditioning": {"prompt": "a blue star in the night sky"}, "alpha": 0.5, "curve": "lerp"}
    assert bank("regen", str(half["id"]), "--json").objects[0]["verdict"] == "exact"


@pytest.mark.slow
def test_more_than_two_make_a_loop_and_two_can_go_there_and_back(bank):
    frames, name = film(bank, "3", "4", "6", "--frames", "3")
    assert [(frame["from"], frame["to"], frame["alpha"]) for frame in frames] == [
        (3, 4, 0), (3, 4, 0.5), (4, 6, 0), (4, 6, 0.5), (6, 3, 0), (6, 3, 0.5),
    ]  # fmt: skip
    frames, name = film(bank, "3", "4", "--frames", "5", "--loop")
    with Image.open(f"{name}.webp") as moving:
        assert (len(frames), moving.n_frames) == (5, 8)


@pytest.mark.slow
def test_a_blend_moves_away_from_one_end_and_towards_the_other(bank):
    """In perceptual distance (the mean of FLIP), on the trained model; docs/noise.md has more pairs and frames."""
    made = ("--seed", "1026", "-n", "2", "--device", "cpu")
    bank("generate", "a red circle on a blue background", *made, "--tag", "ends")
    ends = bank("ls", "tag:ends", "--ids").lines[::-1]
    frames, _ = film(bank, *ends, "--frames", "6")
    with bank.opened() as library:
        pictures = [library.pixels(library.entry(frame["id"])) for frame in frames]
    away = [flip(pictures[0], picture).mean for picture in pictures]
    towards = [flip(pictures[-1], picture).mean for picture in pictures]
    assert all(one < other for one, other in pairwise(away)), away
    assert all(one > other for one, other in pairwise(towards)), towards


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("3", "5"), "Entries 3 and 5 differ in steps (3 and 4); only noise and texts can be blended."),
        (("3", "1"), "Entries 3 and 1 differ in size (64x64 and 128x128)"),
        (("3",), "A blend needs two entries or more."),
        (("3", "4", "--frames", "2"), "--frames 2 is out of range."),
        (("3", "4", "--curve", "bezier"), "bezier"),
        (("3", "4", "--fps", "0"), "0"),
    ],
)
def test_what_cannot_be_blended_is_a_sentence_and_nothing_is_made(bank, words, said):
    before = bank("ls", "--ids").lines
    assert said in bank("blend", *words, ok=[2]).err
    assert bank("ls", "--ids").lines == before


# -- compare ----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_compare_says_what_the_seed_decides_and_what_not(bank):
    (seed, text) = bank("compare", "3", "4", "6", "--json").objects
    assert (seed["first_difference"], seed["same"]) == ("noise", ["text encoding"])
    assert seed["differs"] == ["initial noise", "denoising", "VAE decoding", "pixels"]
    assert seed["recipe"] == [{"field": "seed", "a": "1", "b": "2"}]
    assert (text["first_difference"], text["same"]) == ("prompt", [])
    assert {"max", "psnr", "ssim", "phash"} == set(seed["drift"])
    assert "same     text encoding" in bank("compare", "3", "4").out


@pytest.mark.slow
def test_compare_writes_pictures(bank, tmp_path):
    files = [tmp_path / name for name in ("side.png", "flicker.webp", "flip.png")]
    options = ("-o", str(files[0]), "--difference", "--flicker", str(files[1]), "--flip", str(files[2]))
    ran = bank("compare", "3", "4", "6", *options, "--json")
    with Image.open(files[0]) as side, Image.open(files[1]) as flicker, Image.open(files[2]) as heat:
        assert side.width > 3 * 64 and side.height > 2 * 64
        assert flicker.n_frames == 3
        assert heat.width > 3 * 64
    assert all(0 < one["flip"] < 1 for one in ran.objects)


@pytest.mark.slow
def test_compare_says_what_it_scales_and_what_is_missing(bank, tmp_path, monkeypatch):
    assert "The picture of entry 1 is scaled from 128x128 to 64x64." in bank("compare", "3", "1").err
    monkeypatch.setitem(sys.modules, "flip_evaluator", None)
    ran = bank("compare", "3", "4", "-o", str(tmp_path / "a.png"), "--flip", str(tmp_path / "b.png"), ok=[12])
    assert "pip install 'seedbank-images[flip]'" in ran.err
    assert list(tmp_path.iterdir()) == []
    assert "--difference has no effect without -o" in bank("compare", "3", "4", "--difference", ok=[2]).err
    assert "A comparison needs two entries or more." in bank("compare", "3", ok=[2]).err


# -- noise and latents as arrays --------------------------------------------------------------------------------------


def tensor_digest(array):
    """The digest of a float32 tensor, as docs/design.md defines it for traces."""
    shape = ",".join(map(str, array.shape))
    return hashlib.sha256(f"seedbank.tensor.v1\0float32\0{shape}\0".encode() + array.astype("<f4").tobytes()).hexdigest()


@pytest.mark.slow
def test_noise_and_latents_are_those_of_the_trace_and_decode_to_the_picture(bank):
    with bank.opened() as library:
        entry = library.entry(3)
        trace = dict(library.trace_of(entry.output))
        noise, latents = library.noise_of(3), library.latents_of(entry)
        assert (noise.shape, noise.dtype) == (latents.shape, latents.dtype)
        assert tensor_digest(noise) == trace["noise"]
        for step, stage in ((0, "step.000"), (2, "step.002"), (-1, "step.002")):
            assert tensor_digest(library.latents_of(entry, step)) == trace[stage]
        decoded = library.decode_latents(latents, like=entry)
        assert pixel_digest(decoded.mode, decoded.width, decoded.height, decoded.rows) == entry.picture.digest
        assert numpy.array_equal(library.noise_of(entry.recipe.with_seed(2)), library.noise_of(4)), "a recipe will do"
        with pytest.raises(BadInput, match="fewer than 10"):
            library.latents_of(entry, 9)


@pytest.mark.slow
def test_what_is_rendered_from_the_noise_between_is_the_frame_of_the_blend(bank):
    with bank.opened() as library:
        between = package.interpolate(library.noise_of(3), library.noise_of(4), 0.5)
        (made,) = library.generate(
            "a red circle", latents=between, seed=1, steps=3, width=64, height=64, model="embedded@0", device="cpu"
        )
        frame = list(library.blending(library.plan_blend("3,4", frames=3)))[1]
        assert frame.frame.alpha == 0.5
        assert made.picture.digest == frame.entry.picture.digest
        assert numpy.array_equal(library.noise_of(made), between), "supplied latents are the noise"


def test_slerp_keeps_the_length_of_noise_and_lerp_shrinks_it():
    one, other = numpy.random.default_rng(7).standard_normal((2, 1, 16, 32, 32), dtype=numpy.float32)
    assert numpy.array_equal(package.interpolate(one, other, 0), one)
    assert numpy.array_equal(package.interpolate(one, other, 1), other)
    assert package.interpolate(one, other, 0.5).std() == pytest.approx(1, abs=0.05)
    assert package.interpolate(one, other, 0.5, curve="lerp").std() == pytest.approx(math.sqrt(0.5), abs=0.05)
    assert package.interpolate(one, other, 0.5).dtype == numpy.float32
    for bad in ((one, other[:, :8], 0.5), (one, other, 1.5), (one, other, 0.5, "bezier")):
        with pytest.raises(BadInput):
            package.interpolate(*bad)
