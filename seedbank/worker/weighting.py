"""Prompts with weights as conditioning, through the library compel (MIT, https://github.com/damian0815/compel).

The recipe's ``conditioning`` then has ``weighting``: whose rules the texts follow and what weighs them, ``a1111/compel``. While
the call runs, ``encode_prompt`` is given embeddings that compel made, and does with them what it does with its own. compel
moves a token's embedding away from that of an empty prompt for weights above 1, as ComfyUI does, and towards that of the
prompt without the word for weights below 1. A1111 scales embeddings and restores their mean: near to it, never the same.
Longer prompts than the encoder takes are encoded in rows, as in both tools, where diffusers would cut them.

compel works on what comes from the text encoders, so pooled embeddings have no weights.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import re
from collections.abc import Callable, Mapping
from typing import Any

import torch

from .emphasis import READERS, Unfollowed, plain, rows
from .refusal import BAD_INPUT, BLOCKED, Refusal

WEIGHTING = "weighting"
COMPEL = "compel"


class WeightedTexts:
    """Context manager around one call of `pipe`: without ``weighting`` in `conditioning` it changes nothing.

    Raises `Refusal` on entering for what is not supported or not installed, inside the call for a prompt that is not.
    """

    def __init__(self, pipe: Any, conditioning: Mapping[str, Any]) -> None:
        self._pipe = pipe
        self._wanted = conditioning.get(WEIGHTING)
        blend = conditioning.get("blend")
        self._blended = blend.get("conditioning") if isinstance(blend, Mapping) else None
        self._before: Any = None

    def __enter__(self) -> WeightedTexts:
        others = self._wanted if self._blended is None else (self._blended or {}).get(WEIGHTING)
        if others != self._wanted:
            raise Refusal(BLOCKED, "Of two texts that are blended, one has weights and the other has not.")
        if self._wanted is None:
            return self
        rules, _, method = str(self._wanted).partition("/")
        if rules not in READERS or method != COMPEL:
            known = ", ".join(f"{name}/{COMPEL}" for name in READERS)
            raise Refusal(BAD_INPUT, f"There is no weighting {self._wanted!r} of prompts.", f"Use one of {known}.")
        encoder = encoder_for(self._pipe, rules)
        original = self._pipe.encode_prompt
        self._before = vars(self._pipe).get("encode_prompt")

        # `wraps` keeps the signature, which tells the arguments' names.
        @functools.wraps(original)
        def encode(*args: Any, **kwargs: Any) -> Any:
            call = inspect.signature(original).bind(*args, **kwargs)
            call.apply_defaults()
            try:
                call.arguments.update(encoder(call.arguments))
            except Unfollowed as error:
                raise Refusal(BLOCKED, f"The prompt cannot be weighted: {error}.") from None
            return original(*call.args, **call.kwargs)

        self._pipe.encode_prompt = encode
        return self

    def __exit__(self, *_: object) -> None:
        if self._wanted is not None and vars(self._pipe).pop("encode_prompt", None) is not None and self._before is not None:
            self._pipe.encode_prompt = self._before  # what others put there before


def encoder_for(pipe: Any, rules: str) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """What makes embeddings of the arguments of ``encode_prompt``. Raises `Refusal`."""
    family = type(pipe).__name__
    makers = (("StableDiffusionXL", _stable_diffusion_xl), ("StableDiffusion3", None), ("StableDiffusion", _stable_diffusion))
    maker = next((made for start, made in (*makers, ("Flux", _flux)) if family.startswith(start)), None)
    if maker is None or (maker is _flux and not hasattr(pipe, "tokenizer_2")):
        raise Refusal(BLOCKED, f"Prompts with weights are not supported for {family}.", "They are for SD, SDXL and FLUX.1.")
    try:
        import compel  # noqa: F401
    except ImportError:
        raise Refusal(
            BLOCKED,
            "The recipe weighs words of its prompt, for which compel is missing in this interpreter.",
            "Install it there: pip install 'seedbank-images[weights]'",
        ) from None
    return functools.partial(maker, pipe, rules)


class _Inversions:
    """Textual inversions of several vectors, as diffusers numbers their words: `<thing>`, `<thing>_1`, `<thing>_2` …

    compel's own manager decodes tokens and encodes them again, by the first tokenizer only.
    """

    def __init__(self, tokenizer: Any) -> None:
        added = tokenizer.get_added_vocab()
        self._more: dict[int, list[int]] = {}
        for word, number in added.items():
            following = itertools.takewhile(added.__contains__, (f"{word}_{count}" for count in itertools.count(1)))
            self._more[number] = [added[other] for other in following]

    def expand_textual_inversion_token_ids_if_necessary(self, token_ids: list[int]) -> list[int]:
        return [one for number in token_ids for one in (number, *self._more.get(number, ()))]


class _Weigher:
    """compel on one tokenizer and its encoder. `kind` is the name of one of compel's `ReturnedEmbeddingsType`."""

    def __init__(self, pipe: Any, rules: str, number: str, device: Any, kind: str, longest: int | None = None) -> None:
        from compel import Compel, ReturnedEmbeddingsType

        tokenizer = getattr(pipe, f"tokenizer{number}")
        self._rules = rules
        self._compel = Compel(
            tokenizer=tokenizer,
            text_encoder=getattr(pipe, f"text_encoder{number}"),
            textual_inversion_manager=_Inversions(tokenizer),
            truncate_long_prompts=longest is not None,
            returned_embeddings_type=ReturnedEmbeddingsType[kind],
            model_max_length=longest,
            device=str(device),
        )

    def __call__(self, text: str) -> torch.Tensor:
        """The embeddings of a text: (1, n times the tokens of a row, channels)."""
        from compel.prompt_parser import Conjunction, FlattenedPrompt

        # A fragment takes one backslash away from before a bracket or a quote.
        parts = [[(re.sub(r'\\([()"])', r"\\\\\1", part), weight) for part, weight in row] for row in rows(text, self._rules)]
        try:
            return self._compel.build_conditioning_tensor_for_conjunction(Conjunction([FlattenedPrompt(row) for row in parts]))[
                0
            ]
        except RuntimeError as error:
            raise Refusal(BLOCKED, f"compel cannot weigh the prompt: {error}") from error

    def pooled(self, texts: list[str]) -> torch.Tensor:
        """The pooled embeddings of texts, without their weights: (texts, channels)."""
        return self._compel.conditioning_provider.get_pooled_embeddings([plain(text, self._rules) for text in texts])


def _filled(weigher: _Weigher, found: list[torch.Tensor], length: int) -> torch.Tensor:
    """Embeddings, each continued with those of an empty row to `length` tokens: (texts, length, channels)."""
    if any(each.shape[1] < length for each in found):
        empty = weigher("")
        found = [torch.cat([each, *[empty] * ((length - each.shape[1]) // empty.shape[1])], dim=1) for each in found]
    return torch.cat(found)


def _encoded(weighers: list[_Weigher], texts: list[list[str]]) -> torch.Tensor:
    """The embeddings of the texts of each encoder, all of one length, side by side: (texts, tokens, channels of all)."""
    made = [[weigher(text) for text in some] for weigher, some in zip(weighers, texts, strict=True)]
    length = max(each.shape[1] for some in made for each in some)
    return torch.cat([_filled(weigher, some, length) for weigher, some in zip(weighers, made, strict=True)], dim=-1)


def _texts(value: Any, count: int | None = None) -> list[str]:
    """A prompt argument as a list; of `count` texts where it is one for all."""
    texts = [value or ""] if value is None or isinstance(value, str) else list(value)
    return texts * count if count is not None and len(texts) == 1 else texts


def _stable_diffusion(pipe: Any, rules: str, call: Mapping[str, Any]) -> dict[str, Any]:
    skip = call.get("clip_skip")
    if skip not in (None, 0, 1):
        raise Refusal(BLOCKED, f"Prompts with weights are not supported together with a clip skip of {skip}.")
    kind = "PENULTIMATE_HIDDEN_STATES_NORMALIZED" if skip == 1 else "LAST_HIDDEN_STATES_NORMALIZED"
    weigher = _Weigher(pipe, rules, "", call["device"], kind)
    prompts = _texts(call["prompt"])
    guided = call["do_classifier_free_guidance"]
    negatives = _texts(call.get("negative_prompt"), len(prompts)) if guided else []
    both = _encoded([weigher], [[*prompts, *negatives]])
    found = {"prompt_embeds": both[: len(prompts)]}
    return found | ({"negative_prompt_embeds": both[len(prompts) :]} if guided else {})


def _stable_diffusion_xl(pipe: Any, rules: str, call: Mapping[str, Any]) -> dict[str, Any]:
    if call.get("clip_skip") is not None:
        raise Refusal(BLOCKED, "Prompts with weights are not supported together with a clip skip for SDXL.")
    device = call.get("device") or pipe._execution_device
    kind = "PENULTIMATE_HIDDEN_STATES_NON_NORMALIZED"
    prompts = _texts(call["prompt"])
    count = len(prompts)
    negative = call.get("negative_prompt")
    zeros = negative is None and pipe.config.force_zeros_for_empty_prompt
    negatives = _texts(negative, count) if call["do_classifier_free_guidance"] and not zeros else []
    second = [
        *(_texts(call["prompt_2"], count) if call.get("prompt_2") else prompts),
        *(_texts(call["negative_prompt_2"], count) if call.get("negative_prompt_2") and negatives else negatives),
    ]
    encoders = [number for number in ("", "_2") if getattr(pipe, f"text_encoder{number}") is not None]
    weighers = [_Weigher(pipe, rules, number, device, kind) for number in encoders]
    texts = [second if number else [*prompts, *negatives] for number in encoders]
    embeds = _encoded(weighers, texts)
    pooled = weighers[-1].pooled(second)
    found = {"prompt_embeds": embeds[:count], "pooled_prompt_embeds": pooled[:count]}
    if negatives:
        found |= {"negative_prompt_embeds": embeds[count:], "negative_pooled_prompt_embeds": pooled[count:]}
    return found


def _flux(pipe: Any, rules: str, call: Mapping[str, Any]) -> dict[str, Any]:
    device = call.get("device") or pipe._execution_device
    prompts = _texts(call["prompt"])
    second = _texts(call["prompt_2"], len(prompts)) if call.get("prompt_2") else prompts
    weigher = _Weigher(pipe, rules, "_2", device, "LAST_HIDDEN_STATES_NORMALIZED", call["max_sequence_length"])
    first = _Weigher(pipe, rules, "", device, "POOLED", pipe.tokenizer_max_length)
    return {"prompt_embeds": _encoded([weigher], [second]), "pooled_prompt_embeds": first.pooled(prompts)}
