"""A tiny Stable Diffusion in one file, under the names of the original code, as people pass checkpoints on."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

UNET = [
    (r"^conv_in\.", "input_blocks.0.0."),
    (r"^down_blocks\.0\.resnets\.0\.", "input_blocks.1.0."),
    (r"^down_blocks\.0\.downsamplers\.0\.conv\.", "input_blocks.2.0.op."),
    (r"^down_blocks\.1\.resnets\.0\.", "input_blocks.3.0."),
    (r"^down_blocks\.1\.attentions\.0\.", "input_blocks.3.1."),
    (r"^mid_block\.resnets\.0\.", "middle_block.0."),
    (r"^mid_block\.attentions\.0\.", "middle_block.1."),
    (r"^mid_block\.resnets\.1\.", "middle_block.2."),
    (r"^up_blocks\.0\.resnets\.(\d)\.", r"output_blocks.\1.0."),
    (r"^up_blocks\.0\.attentions\.(\d)\.", r"output_blocks.\1.1."),
    (r"^up_blocks\.0\.upsamplers\.0\.", "output_blocks.1.2."),
    (r"^up_blocks\.1\.resnets\.0\.", "output_blocks.2.0."),
    (r"^up_blocks\.1\.resnets\.1\.", "output_blocks.3.0."),
    (r"^time_embedding\.linear_1\.", "time_embed.0."),
    (r"^time_embedding\.linear_2\.", "time_embed.2."),
    (r"^conv_norm_out\.", "out.0."),
    (r"^conv_out\.", "out.2."),
    (r"(blocks?\..*)\.norm1\.(weight|bias)$", r"\1.in_layers.0.\2"),
    (r"\.conv1\.", ".in_layers.2."),
    (r"\.time_emb_proj\.", ".emb_layers.1."),
    (r"(blocks?\..*)\.norm2\.(weight|bias)$", r"\1.out_layers.0.\2"),
    (r"\.conv2\.", ".out_layers.3."),
    (r"\.conv_shortcut\.", ".skip_connection."),
]
VAE = [
    (r"\.down_blocks\.(\d)\.resnets\.(\d)\.", r".down.\1.block.\2."),
    (r"\.down_blocks\.(\d)\.downsamplers\.0\.", r".down.\1.downsample."),
    (r"\.up_blocks\.0\.", ".up.2."),
    (r"\.up_blocks\.2\.", ".up.0."),
    (r"\.up_blocks\.1\.", ".up.1."),
    (r"(\.up\.\d)\.resnets\.(\d)\.", r"\1.block.\2."),
    (r"(\.up\.\d)\.upsamplers\.0\.", r"\1.upsample."),
    (r"\.mid_block\.resnets\.0\.", ".mid.block_1."),
    (r"\.mid_block\.resnets\.1\.", ".mid.block_2."),
    (r"\.mid_block\.attentions\.0\.", ".mid.attn_1."),
    (r"attn_1\.group_norm\.", "attn_1.norm."),
    (r"attn_1\.to_([qkv])\.", r"attn_1.\1."),
    (r"attn_1\.to_out\.0\.", "attn_1.proj_out."),
    (r"\.conv_shortcut\.", ".nin_shortcut."),
    (r"\.conv_norm_out\.", ".norm_out."),
]


def renamed(name: str, rules: list[tuple[str, str]], keep: str = r"transformer_blocks") -> str:
    for pattern, replacement in rules:
        if not (re.search(keep, name) and pattern.startswith("(blocks")):
            name = re.sub(pattern, replacement, name)
    return name


def checkpoint(folder: Path, path: Path) -> Path:
    """Write the tiny SD 1.5 pipeline in `folder` to `path`, in one file."""
    from safetensors.torch import load_file, save_file

    tensors = {}
    for name, tensor in load_file(folder / "unet" / "diffusion_pytorch_model.safetensors").items():
        tensors[f"model.diffusion_model.{renamed(name, UNET)}"] = tensor
    for name, tensor in _vae(folder / "vae").items():
        tensors[f"first_stage_model.{name}"] = tensor
    for name, tensor in load_file(folder / "text_encoder" / "model.safetensors").items():
        name = name if name.startswith("text_model.") else f"text_model.{name}"
        tensors[f"cond_stage_model.transformer.{name}"] = tensor
    save_file(tensors, path)
    return path


def single_vae(folder: Path, path: Path) -> Path:
    """Write the VAE in `folder` to `path`, in one file."""
    from safetensors.torch import save_file

    save_file(_vae(folder), path)
    return path


def _vae(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    tensors = {}
    for name, tensor in load_file(folder / "diffusion_pytorch_model.safetensors").items():
        new = renamed(name, VAE)
        is_matrix = "attn_1" in new and tensor.dim() == 2
        tensors[new] = tensor[:, :, None, None].contiguous() if is_matrix else tensor
    return tensors


def configuration(model: Path, folder: Path) -> Path:
    """The configurations of a pipeline folder without its weights."""
    shutil.copytree(model, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    return folder
