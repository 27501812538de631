"""What is asked for beside the text: what has no effect is refused or said, before anything is loaded."""

import pytest
from PIL import Image

from seedbank.errors import BadInput
from seedbank.recipe import Recipe
from seedbank.recording.arguments import check_strength
from seedbank.recording.extras import Extras, read_adapters, unused_words
from seedbank.recording.inputs import Pictures


@pytest.mark.parametrize(
    ("extras", "words"),
    [
        ({"mask": "m.png"}, "--mask has no effect without --image"),
        ({"strength": 0.5}, "--strength has no effect without --image"),
        ({"ip_image": "a.png"}, "--ip-image has no effect without --ip-adapter"),
        ({"ip_adapter": "folder"}, "--ip-adapter has no effect without --ip-image"),
        ({"controlnet": "folder"}, "--controlnet has no effect without --control-image"),
        ({"refiner_strength": 0.3}, "--refiner-strength has no effect without --refiner"),
        ({"image": "a.png", "strength": 1.5}, "--strength 1.5 is out of range"),
        ({"image": "a.png", "strength": 0.0}, "--strength 0 is out of range"),
        ({"sampler": "euler", "scheduler": "DDIMScheduler"}, "say the same thing"),
        ({"clip_skip": 0}, "--clip-skip 0 is out of range"),
    ],
)
def test_what_makes_no_sense_is_refused(extras, words):
    with pytest.raises(BadInput, match=words):
        Extras(**extras).check()


def test_a_strength_that_leaves_no_step_is_refused_with_the_least_that_does():
    with pytest.raises(BadInput, match=r"A strength of 0\.1 leaves none of 3 steps") as caught:
        check_strength({"strength": 0.1, "num_inference_steps": 3})
    assert caught.value.hint == "Use --steps 10 or more."
    check_strength({"strength": 0.1, "num_inference_steps": 10})
    check_strength({"num_inference_steps": 3})


def test_a_picture_that_is_not_there_or_none_is_one_sentence(tmp_path):
    with pytest.raises(BadInput, match="cannot be read"):
        Pictures.of(Extras(image=tmp_path / "nowhere.png"))
    (tmp_path / "a.png").write_bytes(b"text")
    with pytest.raises(BadInput, match=r"^a\.png"):
        Pictures.of(Extras(image=tmp_path / "a.png"))


def test_the_size_is_that_of_the_picture_cut_down_to_what_the_pipeline_takes_and_said(tmp_path):
    Image.new("RGB", (70, 50)).save(tmp_path / "photo.jpg")
    pictures = Pictures.of(Extras(image=tmp_path / "photo.jpg"))
    assert pictures.size("StableDiffusionImg2ImgPipeline", 8) == (64, 48)
    said = list(pictures.remarks(64, 48))
    assert said[0] == "photo.jpg is resized from 70x50 to 64x48, and its proportions change."
    assert "stored lossily" in said[1]
    assert Pictures.of(Extras()).size("StableDiffusionPipeline", 8) is None


def test_loras_keep_their_order_and_embeddings_their_words(tmp_path):
    import numpy
    from safetensors.numpy import save_file

    for name in ("a", "b", "thing"):
        save_file({name: numpy.zeros(4, dtype=numpy.float32)}, tmp_path / f"{name}.safetensors")
    found = read_adapters(
        Extras(
            loras=[f"{tmp_path / 'b.safetensors'}:0.5", tmp_path / "a.safetensors"],
            embeddings=[tmp_path / "thing.safetensors", f"{tmp_path / 'a.safetensors'}:<other>"],
        )
    )
    assert [(one.kind, one.model.name, one.weight, one.token) for one in found] == [
        ("lora", "b", 0.5, None),
        ("lora", "a", 1.0, None),
        ("embedding", "thing", None, "thing"),
        ("embedding", "a", None, "<other>"),
    ]


def test_an_embedding_whose_word_no_prompt_has_is_said():
    recipe = Recipe(
        conditioning={"prompt": "a thing"},
        noise={},
        call={},
        adapters=({"kind": "embedding", "digest": "0" * 64, "token": "<thing>"},),
    )
    assert list(unused_words(recipe)) == ["The embedding <thing> has no effect: no prompt has this word."]
