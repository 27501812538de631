"""Texts between two texts: what stands for which, and how their encodings are mixed. No pipeline is loaded."""

from __future__ import annotations

import pytest
import torch

from seedbank.worker.refusal import Refusal
from seedbank.worker.texts import BlendedTexts, mixed


class Family:
    """Encodes a text as its letters, none as a space."""

    def encode_prompt(self, prompt, negative_prompt=None, clip_skip=None):
        return letters(prompt), letters(negative_prompt or " ")


class Second:
    """Encodes negative texts by a call of their own."""

    def encode_prompt(self, prompt, prompt_2=None):
        return letters(prompt)


def letters(text):
    text = text[0] if isinstance(text, list) else text
    return torch.tensor([[float(ord(letter))] for letter in text])


def encoded(pipe, blend, own, *args, **kwargs):
    """As the texts come out half-way."""
    with BlendedTexts(pipe, own | {"blend": {"conditioning": blend, "alpha": 0.5, "curve": "lerp"}}):
        found = pipe.encode_prompt(*args, **kwargs)
    assert "encode_prompt" not in vars(pipe), "the pipeline is as it was"
    return found


def test_each_text_is_mixed_with_its_own_counterpart():
    own, other = {"prompt": "a", "negative_prompt": "e"}, {"prompt": "c", "negative_prompt": "g"}
    prompt, negative = encoded(Family(), other, own, "a", "e")
    assert (prompt.item(), negative.item()) == (ord("b"), ord("f"))


def test_a_text_that_only_the_other_has_is_mixed_with_what_the_family_takes_for_none():
    _, negative = encoded(Family(), {"prompt": "a", "negative_prompt": "e"}, {"prompt": "a"}, ["a"])
    assert negative.item() == (ord(" ") + ord("e")) / 2


def test_negative_texts_that_come_by_a_second_call_are_told_from_the_first():
    own, other = {"prompt": "a", "negative_prompt": "e"}, {"prompt": "c", "negative_prompt": "g"}
    assert encoded(Second(), other, own, "a").item() == ord("b")
    assert encoded(Second(), other, own, prompt="e").item() == ord("f")
    with pytest.raises(Refusal, match="not clear which text"):
        encoded(Second(), other, {"prompt": "a", "negative_prompt": "a"}, "a")
    with pytest.raises(Refusal, match="not clear which text"):
        encoded(Second(), other, own, "something that the pipeline made of it")


def test_the_shorter_text_is_continued_with_its_last_token():
    one, other = torch.tensor([[0.0], [2.0]]), torch.tensor([[0.0], [4.0], [8.0]])
    assert mixed(one, other, 0.0, "lerp").tolist() == [[0.0], [2.0], [2.0]]
    assert mixed(one, other, 0.5, "lerp").tolist() == [[0.0], [3.0], [5.0]]
    assert torch.equal(mixed(one, other, 1.0, "lerp"), other)


def test_masks_keep_what_either_has_and_nothing_else_is_mixed():
    mask = mixed(torch.tensor([[1, 1, 0]]), torch.tensor([[1, 0, 0]]), 0.5, "lerp")
    assert mask.tolist() == [[1, 1, 0]]
    assert mixed((None, [torch.ones(2)]), (None, [torch.zeros(2)]), 0.25, "lerp")[1][0].tolist() == [0.75, 0.75]
    for one, other in ((torch.ones(2), torch.ones(2, 2)), (None, torch.ones(2)), (torch.ones(2), torch.ones(2).half())):
        with pytest.raises(Refusal):
            mixed(one, other, 0.5, "lerp")


@pytest.mark.parametrize(
    "blend",
    [
        {"conditioning": {"prompt": "b"}, "alpha": 2, "curve": "lerp"},
        {"conditioning": {"prompt": "b"}, "alpha": 0.5, "curve": "bezier"},
        {"conditioning": {}, "alpha": 0.5, "curve": "lerp"},
        {"conditioning": {"prompt": "b", "blend": {}}, "alpha": 0.5, "curve": "lerp"},
        {"conditioning": {"prompt": "b"}, "alpha": 0.5, "curve": "lerp", "more": 1},
    ],
)
def test_a_blend_that_makes_no_sense_is_refused(blend):
    with pytest.raises(Refusal, match="A blend of texts needs"), BlendedTexts(Family(), {"prompt": "a", "blend": blend}):
        pass


def test_what_others_put_around_the_encoding_stays():
    pipe = Family()
    pipe.encode_prompt = around = lambda prompt: letters(prompt)
    with BlendedTexts(pipe, {"prompt": "a", "blend": {"conditioning": {"prompt": "c"}, "alpha": 0.5, "curve": "lerp"}}):
        assert pipe.encode_prompt("a").item() == ord("b")
    assert pipe.encode_prompt is around
