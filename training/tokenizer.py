"""The tokenizer: WordPiece over the captions' own words, letters and common letter pairs.

Unknown English words fall into letter pairs, so that any prompt can be read; unknown Chinese characters become
``<unk>``. The chat template wraps the prompt in ``<s>`` and ``</s>``: even an empty prompt has two tokens.
"""

from __future__ import annotations

import string
from collections import Counter
from functools import lru_cache
from itertools import chain
from pathlib import Path
from random import Random

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from training import words
from training.captions import LANGUAGES, caption
from training.scenes import draw_named

SPECIAL = ("<pad>", "<unk>", "<s>", "</s>")
TEMPLATE = "<s>{{ messages[0]['content'] }}</s>"
_PAIR_TEXT = (
    "th he in er an re nd on en at ou ed ha to or it is hi es ng st te ar al nt le se ve ti co me de ra ro li ri io ic "
    "la ma el ch ne ll om ca si sh ur us un di ta fi pe ec po be lo no pr so tr ho ge we wo ce ot ai mo fo ea oo ee "
    "ca do go mi na ni pa vi wa bo cu da fa ga ju ka ki ku lu mu nu pu qu ru sa su ta tu va vo wi ya yo za zo gr br "
    "cr dr fl gl pl bl sp sc ck ss tt rs ns ts ly ry ty ay ow ew"
)
_PAIRS = _PAIR_TEXT.split()


def _vocabulary() -> dict[str, int]:
    named = draw_named(12_000, torch.Generator().manual_seed(7)).rows()
    rng = Random(7)
    pre, clean = pre_tokenizers.BertPreTokenizer(), normalizers.BertNormalizer(lowercase=True)
    seen: Counter[str] = Counter()
    for row in named:
        for language in LANGUAGES:
            text = clean.normalize_str(caption(row, rng, language, unknown=False))
            seen.update(piece for piece, _ in pre.pre_tokenize_str(text))
    fillers = chain(words.SUFFIX_EN, words.PREFIX_EN, words.SUFFIX_ZH, words.PREFIX_ZH, words.PLURALS_EN)
    for text in fillers:
        seen.update(piece for piece, _ in pre.pre_tokenize_str(clean.normalize_str(text)))
    letters = string.ascii_lowercase + string.digits
    pieces = [*SPECIAL, *sorted(seen), *letters, *("##" + c for c in letters), *string.punctuation, "，", "。", "、"]
    pieces += [*_PAIRS, *("##" + p for p in _PAIRS)]
    return {piece: i for i, piece in enumerate(dict.fromkeys(pieces))}


@lru_cache(maxsize=1)
def build() -> PreTrainedTokenizerFast:
    """The tokenizer, the same on every machine: its words come from seeded captions."""
    raw = Tokenizer(models.WordPiece(_vocabulary(), unk_token="<unk>", max_input_chars_per_word=64))
    raw.normalizer = normalizers.BertNormalizer(lowercase=True)
    raw.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    raw.decoder = decoders.WordPiece()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw, unk_token="<unk>", pad_token="<pad>", bos_token="<s>", eos_token="</s>",
        padding_side="right", model_max_length=512, clean_up_tokenization_spaces=False,
    )  # fmt: skip
    tokenizer.chat_template = TEMPLATE
    return tokenizer


def save(folder: Path) -> None:
    """Writes the tokenizer with its chat template, as diffusers expects it."""
    build().save_pretrained(str(folder))


def encode(texts: list[str], length: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids int16 (n, length), padded, and token counts int16 (n,); a count over ``length`` means it did not fit."""
    backend = build().backend_tokenizer
    backend.no_padding()  # a call of the tokenizer leaves its own settings behind
    backend.no_truncation()
    rows = backend.encode_batch([f"<s>{t}</s>" for t in texts])
    ids = np.zeros((len(texts), length), dtype=np.int16)
    for i, row in enumerate(rows):
        ids[i, : min(len(row.ids), length)] = row.ids[:length]
    counts = np.array([len(row.ids) for row in rows], dtype=np.int16)
    return torch.from_numpy(ids), torch.from_numpy(counts)
