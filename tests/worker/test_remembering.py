"""What a text was encoded to is kept only where the same bits come back."""

from __future__ import annotations

from collections import OrderedDict

import pytest
import torch

from seedbank.worker.remembering import MOST, Remembered


class Pipe:
    """A pipeline that counts how often it encodes."""

    def __init__(self, encode):
        self._encode = encode
        self._made = []

    @property
    def calls(self):
        return len(self._made)

    def encode_prompt(self, prompt, device=None, **more):
        self._made.append(prompt)
        return self._encode(prompt)


def called(pipe, kept, *prompts, **more):
    found = []
    for prompt in prompts:
        with Remembered(pipe, kept) as remembered:
            found.append((pipe.encode_prompt(prompt, device=torch.device("cpu"), **more), remembered))
    assert "encode_prompt" not in vars(pipe)
    return found


def embedded(prompt):
    return [torch.full((2, 3), float(len(prompt)))], None


def test_the_same_text_is_encoded_once_and_comes_back_in_the_same_bits():
    pipe, kept = Pipe(embedded), OrderedDict()
    (first, made), (second, used), (other, _) = called(pipe, kept, "oil", "oil", "water")
    assert pipe.calls == 2
    assert torch.equal(first[0][0], second[0][0]) and not torch.equal(first[0][0], other[0][0])
    assert (made.used, used.used) == (False, True)


def test_what_a_rendering_does_to_its_copy_does_not_reach_the_next():
    pipe, kept = Pipe(embedded), OrderedDict()
    for result, _ in called(pipe, kept, "oil", "oil", "oil"):
        assert result[0][0].max() == 3
        result[0][0].zero_()


def test_other_arguments_are_another_call():
    pipe, kept = Pipe(embedded), OrderedDict()
    called(pipe, kept, "oil", clip_skip=1)
    called(pipe, kept, "oil", clip_skip=2)
    called(pipe, kept, "oil", clip_skip=True)
    assert pipe.calls == 3


@pytest.mark.parametrize(
    "encode",
    [
        lambda prompt: torch.arange(8.0)[4:],  # begins elsewhere in memory than its copy would
        lambda prompt: torch.zeros(1, 3).expand(2, 3),
        lambda prompt: torch.rand(3),  # draws from a global generator
        lambda prompt: object(),
    ],
    ids=["slice", "expanded", "drawn", "object"],
)
def test_what_a_copy_would_not_give_back_is_encoded_every_time(encode):
    pipe, kept = Pipe(encode), OrderedDict()
    called(pipe, kept, "oil", "oil")
    assert (pipe.calls, len(kept)) == (2, 0)


def test_a_pipeline_that_changes_while_it_encodes_does_so_every_time():
    def encode(prompt):
        pipe.scale = object()
        return torch.zeros(3)

    pipe, kept = Pipe(encode), OrderedDict()
    called(pipe, kept, "oil", "oil")
    assert pipe.calls == 2


def test_embeddings_that_are_given_are_no_key():
    pipe, kept = Pipe(embedded), OrderedDict()
    called(pipe, kept, "oil", "oil", prompt_embeds=torch.zeros(3))
    assert pipe.calls == 2


def test_only_the_last_texts_are_kept():
    pipe, kept = Pipe(embedded), OrderedDict()
    called(pipe, kept, *(str(number) for number in range(MOST + 5)), str(MOST + 4), "0")
    assert (pipe.calls, len(kept)) == (MOST + 6, MOST)


def test_nothing_is_kept_where_it_is_not_asked_for():
    pipe = Pipe(embedded)
    called(pipe, None, "oil", "oil")
    assert pipe.calls == 2
