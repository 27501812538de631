"""A stand-in model: a tiny Z-Image pipeline with random weights, the same bytes on every machine and with every
version.

It paints noise, but through the whole of diffusers: tokenizer, chat template, Qwen3 text encoder, transformer, VAE. The
weights come from SHAKE-256 by integers alone and the files are written here, so its manifest digest is a constant.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy

NAME = "embedded@0"
ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789.,;:!?'\"()+-/_%&#@"
COLOURS = "红橙黄绿蓝紫黑白灰粉圆方星月花猫狗山水天夜一二三只个的在上下大小"
WORDS = (
    "an", "the", "red", "orange", "yellow", "green", "blue", "purple", "black", "white", "grey", "pink",
    "circle", "square", "star", "ring", "cat", "background", "on", "in", "of", "and",
)  # fmt: skip
SPECIAL = ("[PAD]", "[UNK]", "<s>", "</s>")

MODEL_INDEX = {
    "_class_name": "ZImagePipeline",
    "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
    "text_encoder": ["transformers", "Qwen3Model"],
    "tokenizer": ["transformers", "PreTrainedTokenizerFast"],
    "transformer": ["diffusers", "ZImageTransformer2DModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}
SCHEDULER = {
    "_class_name": "FlowMatchEulerDiscreteScheduler",
    "num_train_timesteps": 1000,
    "shift": 3.0,
    "use_dynamic_shifting": False,
}
TRANSFORMER = {
    "_class_name": "ZImageTransformer2DModel", "all_patch_size": [2], "all_f_patch_size": [1], "in_channels": 16, "dim":
    64, "n_layers": 2, "n_refiner_layers": 1, "n_heads": 2, "n_kv_heads": 2, "norm_eps": 1e-05, "qk_norm": True,
    "cap_feat_dim": 32, "rope_theta": 256.0, "t_scale": 1000.0, "axes_dims": [8, 12, 12], "axes_lens": [1024, 128, 128],
}  # fmt: skip
VAE = {
    "_class_name": "AutoencoderKL", "act_fn": "silu", "block_out_channels": [8, 16, 32, 32], "in_channels": 3,
    "out_channels": 3, "down_block_types": ["DownEncoderBlock2D"] * 4, "up_block_types": ["UpDecoderBlock2D"] * 4,
    "latent_channels": 16, "layers_per_block": 1, "norm_num_groups": 4, "sample_size": 128, "scaling_factor": 0.3611,
    "shift_factor": 0.1159, "force_upcast": False, "use_quant_conv": False, "use_post_quant_conv": False,
    "mid_block_add_attention": False,
}  # fmt: skip
TEXT_ENCODER = {
    "architectures": ["Qwen3Model"], "model_type": "qwen3", "hidden_size": 32, "intermediate_size": 64,
    "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 16, "hidden_act": "silu",
    "max_position_embeddings": 1024, "rms_norm_eps": 1e-06, "rope_theta": 10000.0, "attention_bias": False,
    "tie_word_embeddings": False, "use_cache": False,
}  # fmt: skip


def main(folder: str) -> None:
    """Write the stand-in model to `folder`."""
    build(Path(folder))


def build(folder: Path) -> None:
    """Write the whole pipeline folder: configurations, tokenizer and weights."""
    from diffusers import AutoencoderKL, ZImageTransformer2DModel
    from transformers import Qwen3Config, Qwen3Model

    vocabulary = vocabulary_of()
    text_encoder = TEXT_ENCODER | {
        "vocab_size": len(vocabulary),
        "pad_token_id": 0,
        "bos_token_id": 2,
        "eos_token_id": 3,
    }
    write_json(folder / "model_index.json", MODEL_INDEX)
    write_json(folder / "scheduler" / "scheduler_config.json", SCHEDULER)
    write_json(folder / "transformer" / "config.json", TRANSFORMER)
    write_json(folder / "vae" / "config.json", VAE)
    write_json(folder / "text_encoder" / "config.json", text_encoder)
    write_json(folder / "tokenizer" / "tokenizer.json", tokenizer(vocabulary))
    write_json(folder / "tokenizer" / "tokenizer_config.json", tokenizer_config())
    models = {
        "transformer/diffusion_pytorch_model": ZImageTransformer2DModel.from_config(TRANSFORMER),
        "vae/diffusion_pytorch_model": AutoencoderKL.from_config(VAE),
        "text_encoder/model": Qwen3Model(Qwen3Config(**text_encoder)),
    }
    for name, model in models.items():
        shapes = {key: tuple(tensor.shape) for key, tensor in model.state_dict().items()}
        write_safetensors(
            folder / f"{name}.safetensors", {key: weight(f"{name}/{key}", shape) for key, shape in shapes.items()}
        )


def weight(name: str, shape: tuple[int, ...]) -> numpy.ndarray:
    """Random float32 weights from SHAKE-256 of the name: uniform in ±1.7/sqrt(fan in); scales near 1, small biases."""
    count = int(numpy.prod(shape, dtype=numpy.int64))
    integers = numpy.frombuffer(hashlib.shake_256(f"{NAME}/{name}".encode()).digest(4 * count), dtype="<u4") >> 8
    uniform = integers.astype("<f4") / numpy.float32(1 << 23) - numpy.float32(1)
    if len(shape) < 2:
        scaled = uniform * numpy.float32(0.0625)
        return (scaled + numpy.float32(1) if name.endswith("weight") else scaled).reshape(shape)
    fan_in = int(numpy.prod(shape[1:], dtype=numpy.int64))
    return (uniform * numpy.float32(1.7 / fan_in**0.5)).reshape(shape).astype("<f4")


def write_safetensors(path: Path, tensors: dict[str, numpy.ndarray]) -> None:
    """The safetensors format with sorted names: 8 bytes of header length, a padded JSON header, then the data."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name in sorted(tensors):
        size = tensors[name].nbytes
        header[name] = {"dtype": "F32", "shape": list(tensors[name].shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as stream:
        stream.write(len(text).to_bytes(8, "little") + text)
        for name in sorted(tensors):
            stream.write(tensors[name].tobytes())


def vocabulary_of() -> dict[str, int]:
    """{token: id} of a WordPiece vocabulary: whole words, and single characters for everything else."""
    characters = dict.fromkeys(ALPHABET + COLOURS)
    tokens = [
        *SPECIAL,
        *characters,
        *(f"##{character}" for character in characters),
        *WORDS,
    ]
    return {token: number for number, token in enumerate(tokens)}


def tokenizer(vocabulary: dict[str, int]) -> dict[str, Any]:
    """``tokenizer.json`` of a WordPiece tokenizer."""
    special = [
        {
            "id": vocabulary[token],
            "content": token,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": True,
        }
        for token in SPECIAL
    ]
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": special,
        "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents":
        None, "lowercase": True}, "pre_tokenizer": {"type": "BertPreTokenizer"}, "post_processor": None, "decoder":
        {"type": "WordPiece", "prefix": "##", "cleanup": True}, "model": {
            "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word":
            100, "vocab": vocabulary,
        },
    }  # fmt: skip


def tokenizer_config() -> dict[str, Any]:
    return {
        "tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 512, "padding_side": "right",
        "pad_token": "[PAD]", "unk_token": "[UNK]", "bos_token": "<s>", "eos_token": "</s>",
        "chat_template": "<s>{{ messages[0]['content'] }}</s>",
    }  # fmt: skip


def write_json(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
