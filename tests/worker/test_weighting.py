"""Prompts with weights: how they are read, and what they do to the conditioning of real pipelines with tiny weights."""

from __future__ import annotations

import sys
import time

import pytest

from seedbank.worker.emphasis import Unfollowed, plain, rows
from seedbank.worker.refusal import Refusal
from tests.tiny_models import FLUX, SD15, SDXL, Z_IMAGE, build


def _rounded(found: list) -> list:
    return [[(text, round(weight, 6)) for text, weight in row] for row in found]


@pytest.mark.parametrize(
    ("prompt", "a1111", "comfyui"),
    [
        ("a cat", [[("a cat", 1.0)]], None),
        ("a (red:1.2) cat", [[("a ", 1.0), ("red", 1.2), (" cat", 1.0)]], None),
        ("((hat))", [[("hat", 1.21)]], None),
        ("((hat:1.5):2)", [[("hat", 3.0)]], [[("hat", 1.5)]]),
        ("[hat]", [[("hat", 0.909091)]], [[("[hat]", 1.0)]]),
        ("(open", [[("open", 1.1)]], [[("(open", 1.0)]]),
        ("(open (a) b", [[("open ", 1.1), ("a", 1.21), (" b", 1.1)]], [[("(open (a) b", 1.0)]]),
        ("a :) (b)", [[("a :) ", 1.0), ("b", 1.1)]], [[("a :) (b)", 1.0)]]),
        (r"\(a\)", [[("(a)", 1.0)]], None),
        ("a BREAK b", [[("a", 1.0)], [("b", 1.0)]], [[("a BREAK b", 1.0)]]),
        ("(a BREAK b:1.2)", [[("a", 1.2)], [("b", 1.2)]], [[("a BREAK b", 1.2)]]),
        ("", [[("", 1.0)]], None),
    ],
)
def test_a_prompt_is_cut_into_pieces_as_its_tool_does(prompt: str, a1111: list, comfyui: list | None) -> None:
    assert _rounded(rows(prompt, "a1111")) == a1111
    assert _rounded(rows(prompt, "comfyui")) == (a1111 if comfyui is None else comfyui)


@pytest.mark.parametrize("prompt", ["[cat:dog:0.5]", "[cat|dog]", "a [cat:3]", "sky AND sea", "(cat:-1)", "(" * 2001])
def test_what_is_more_than_a_weight_is_not_taken_for_one(prompt: str) -> None:
    with pytest.raises(Unfollowed):
        rows(prompt, "a1111")


def test_the_plain_text_has_the_words_without_their_weights() -> None:
    assert plain("a (red:1.2)  cat BREAK [hat]", "a1111") == "a red cat hat"


@pytest.fixture(scope="module", params=[SD15, SDXL, FLUX])
def encoding(request, tmp_path_factory):
    """`encode(prompt, weighting)` of a pipeline: the tensors that come from its `encode_prompt`."""
    import diffusers
    import torch

    from seedbank.worker.weighting import WeightedTexts

    pipe = getattr(diffusers, request.param).from_pretrained(build(request.param, tmp_path_factory.mktemp("tiny") / "model"))
    guided = {"do_classifier_free_guidance": True, "negative_prompt": "blue"}
    arguments = {"device": "cpu", "num_images_per_prompt": 1} | (
        guided if request.param != FLUX else {"prompt_2": None, "max_sequence_length": 32}
    )

    def encode(prompt: str, weighting: str | None) -> tuple:
        with torch.no_grad(), WeightedTexts(pipe, {"weighting": weighting}):
            found = pipe.encode_prompt(prompt, **arguments)
        assert "encode_prompt" not in vars(pipe)
        return found

    return encode


def test_without_weights_the_conditioning_is_that_of_the_pipeline(encoding) -> None:
    import torch

    own, weighted = encoding("a red cat", None), encoding("a red cat", "a1111/compel")
    assert len(own) == len(weighted)
    assert torch.equal(own[0], weighted[0]), "bit for bit"
    for one, other in zip(own[1:], weighted[1:], strict=True):
        assert torch.allclose(one, other, atol=1e-6)


def test_a_weight_moves_its_word_and_the_same_weight_moves_it_the_same(encoding) -> None:
    import torch

    own, heavy, again = (encoding(prompt, "a1111/compel")[0] for prompt in ("a red cat", "a (red:1.3) cat", "a (red:1.3) cat"))
    light = encoding("a [red] cat", "a1111/compel")[0]
    assert torch.equal(heavy, again)
    assert not torch.equal(own, heavy)
    assert not torch.equal(own, light)
    # The first token stands before the word and is its own whatever follows.
    assert torch.equal(own[:, 0], heavy[:, 0])


def test_a_break_begins_another_row_for_both_texts(encoding) -> None:
    own, broken = encoding("a cat", "a1111/compel"), encoding("a cat BREAK a hat", "a1111/compel")
    assert broken[0].shape[1] == 2 * own[0].shape[1]
    if len(own) in (2, 4):  # with a negative text
        assert broken[1].shape == broken[0].shape


def test_a_textual_inversion_keeps_all_its_vectors(tmp_path) -> None:
    import diffusers
    import torch

    from seedbank.worker.weighting import WeightedTexts

    pipe = getattr(diffusers, SDXL).from_pretrained(build(SDXL, tmp_path / "xl"))
    for number in ("", "_2"):
        encoder, tokenizer = getattr(pipe, f"text_encoder{number}"), getattr(pipe, f"tokenizer{number}")
        vectors = torch.ones(3, encoder.get_input_embeddings().weight.shape[1]) * torch.arange(1.0, 4.0)[:, None]
        pipe.load_textual_inversion(vectors, token="<thing>", text_encoder=encoder, tokenizer=tokenizer)
    with torch.no_grad():
        own = pipe.encode_prompt("a <thing> cat", device="cpu", do_classifier_free_guidance=False)
        with WeightedTexts(pipe, {"weighting": "a1111/compel"}):
            weighted = pipe.encode_prompt("a <thing> cat", device="cpu", do_classifier_free_guidance=False)
    assert torch.equal(own[0], weighted[0])
    assert torch.allclose(own[2], weighted[2], atol=1e-6)


def test_what_cannot_be_weighted_is_refused_by_name(tmp_path, monkeypatch) -> None:
    import diffusers

    from seedbank.worker.weighting import WeightedTexts

    pipe = getattr(diffusers, SD15).from_pretrained(build(SD15, tmp_path / "sd"))
    arguments = {"device": "cpu", "num_images_per_prompt": 1, "do_classifier_free_guidance": False}
    with pytest.raises(Refusal, match="no weighting 'a1111/other'"), WeightedTexts(pipe, {"weighting": "a1111/other"}):
        pass
    with WeightedTexts(pipe, {"weighting": "a1111/compel"}):
        with pytest.raises(Refusal, match="AND joins several prompts"):
            pipe.encode_prompt("sky AND sea", **arguments)
        with pytest.raises(Refusal, match="a clip skip of 2"):
            pipe.encode_prompt("a (red:1.2) cat", clip_skip=2, **arguments)
    with pytest.raises(Refusal, match="one has weights and the other has not"):
        WeightedTexts(pipe, {"weighting": "a1111/compel", "blend": {"conditioning": {"prompt": "x"}}}).__enter__()
    z_image = type(Z_IMAGE, (), {"encode_prompt": None})()
    with pytest.raises(Refusal, match="not supported for ZImagePipeline"):
        WeightedTexts(z_image, {"weighting": "a1111/compel"}).__enter__()
    monkeypatch.setitem(sys.modules, "compel", None)
    with pytest.raises(Refusal, match="compel is missing in this interpreter") as refused:
        WeightedTexts(pipe, {"weighting": "a1111/compel"}).__enter__()
    assert refused.value.kind == "blocked"
    assert "seedbank-images[weights]" in refused.value.hint


def test_a_weight_that_never_ends_is_read_in_time_that_is_in_proportion_to_it():
    from seedbank.worker.emphasis import rows

    started = time.process_time()
    assert rows("(a:" + "1" * 50_000, "a1111") and rows("[a:" + "1" * 50_000, "a1111")
    assert time.process_time() - started < 2
