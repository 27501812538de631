"""The text encoder and the transformer, and their forward pass over a whole batch.

diffusers' own ``ZImageTransformer2DModel.forward`` takes lists and pads per caption. Here captions come in buckets of
32 or 64 tokens and latents in one tensor, so that a GPU is kept busy; ``tests/training`` holds the two equal.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise

import torch
from diffusers import ZImageTransformer2DModel
from diffusers.models.transformers.transformer_z_image import ZImageTransformerBlock
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import Qwen3Config, Qwen3Model

from training.noise import CHANNELS, SIDE
from training.tokenizer import build as build_tokenizer

BUCKETS = (32, 64)
TEXT_WIDTH, WIDTH, HEADS = 128, 168, 7
TOKENS, PADDED = (SIDE // 2) ** 2, 32  # image tokens, and their number after padding to a multiple of 32


def build(seed: int = 0) -> nn.ModuleDict:
    """Fresh ``text_encoder`` and ``transformer``; the gates of the blocks start open by 0.3."""
    torch.manual_seed(seed)
    text = Qwen3Model(
        Qwen3Config(
            vocab_size=len(build_tokenizer()), hidden_size=TEXT_WIDTH, intermediate_size=256, num_hidden_layers=3,
            num_attention_heads=4, num_key_value_heads=2, head_dim=32, max_position_embeddings=512, use_cache=False,
            pad_token_id=0, bos_token_id=2, eos_token_id=3,
        )
    )  # fmt: skip
    for parameter in [*text.layers[-1].parameters(), *text.norm.parameters()]:
        parameter.requires_grad_(False)  # the pipeline reads hidden_states[-2]
    for parameter in text.layers[-1].parameters():
        if parameter.ndim == 2:
            nn.init.zeros_(parameter)
    dit = ZImageTransformer2DModel(
        all_patch_size=(2,), all_f_patch_size=(1,), in_channels=CHANNELS, dim=WIDTH, n_layers=6, n_refiner_layers=1,
        n_heads=HEADS, n_kv_heads=HEADS, cap_feat_dim=TEXT_WIDTH, axes_dims=[8, 8, 8], axes_lens=[1024, 64, 64],
    )  # fmt: skip
    for block in [*dit.layers, *dit.noise_refiner]:
        nn.init.zeros_(block.adaLN_modulation[0].weight)
        nn.init.zeros_(block.adaLN_modulation[0].bias)
        block.adaLN_modulation[0].bias.data.view(4, WIDTH)[1::2] = 0.3
    nn.init.zeros_(dit.all_final_layer["2-1"].linear.weight)
    nn.init.zeros_(dit.all_final_layer["2-1"].linear.bias)
    nn.init.normal_(dit.x_pad_token, std=0.02)
    nn.init.normal_(dit.cap_pad_token, std=0.02)
    return nn.ModuleDict({"text_encoder": text, "transformer": dit})


def text_features(text: Qwen3Model, ids: Tensor) -> Tensor:
    """What the pipeline calls ``hidden_states[-2]``: (n, tokens, 128). Causal and padded on the right: no mask."""
    hidden = text.embed_tokens(ids)
    positions = torch.arange(ids.shape[1], device=ids.device)[None]
    rotary = text.rotary_emb(hidden, positions)
    for layer in text.layers[:-1]:
        hidden = layer(hidden, attention_mask=None, position_ids=positions, position_embeddings=rotary)
        hidden = hidden[0] if isinstance(hidden, tuple) else hidden
    return hidden


@lru_cache(maxsize=8)
def _rope(caption_tokens: int, device: torch.device, axes: tuple[int, ...], theta: float) -> Tensor:
    """(2, 32 + caption_tokens, head / 2): cosines and sines for image tokens, their padding, then the caption."""
    side = SIDE // 2
    image = torch.zeros(PADDED, 3)
    image[:TOKENS, 0] = caption_tokens + 1
    image[:TOKENS, 1] = torch.arange(side).repeat_interleave(side)
    image[:TOKENS, 2] = torch.arange(side).repeat(side)
    words = torch.zeros(caption_tokens, 3)
    words[:, 0] = torch.arange(caption_tokens) + 1
    places = torch.cat([image, words]).double()
    angles = []
    for i, d in enumerate(axes):
        rates = 1.0 / (theta ** (torch.arange(0, d, 2, dtype=torch.float64) / d))
        angles.append(torch.outer(places[:, i], rates).float())
    angle = torch.cat(angles, 1)
    return torch.stack([angle.cos(), angle.sin()]).to(device)


def _rms(x: Tensor, norm: nn.Module) -> Tensor:
    x = x.float()
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + norm.eps) * norm.weight


def _rotate(x: Tensor, rope: Tensor) -> Tensor:
    a, b = x[..., 0::2], x[..., 1::2]
    cos, sin = rope[0][:, None], rope[1][:, None]
    return torch.stack([a * cos - b * sin, a * sin + b * cos], -1).flatten(-2)


def block_forward(block: ZImageTransformerBlock, x: Tensor, rope: Tensor, condition: Tensor | None) -> Tensor:
    """One block on (n, tokens, width), all tokens attending to all; ``condition`` (n, width) or None."""
    one = torch.ones((), device=x.device)
    scale_a = gate_a = scale_f = gate_f = one
    if condition is not None:
        scale_a, gate_a, scale_f, gate_f = block.adaLN_modulation(condition).float().unsqueeze(1).chunk(4, 2)
        scale_a, gate_a, scale_f, gate_f = 1 + scale_a, gate_a.tanh(), 1 + scale_f, gate_f.tanh()
    attention = block.attention
    h = _rms(x, block.attention_norm1) * scale_a
    q, k, v = (f(h).unflatten(-1, (attention.heads, -1)) for f in (attention.to_q, attention.to_k, attention.to_v))
    q, k = _rotate(_rms(q, attention.norm_q), rope).to(v.dtype), _rotate(_rms(k, attention.norm_k), rope).to(v.dtype)
    h = F.scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2))
    h = attention.to_out[0](h.transpose(1, 2).flatten(2))
    x = x + gate_a * _rms(h, block.attention_norm2)
    h = block.feed_forward(_rms(x, block.ffn_norm1) * scale_f)
    return x + gate_f * _rms(h, block.ffn_norm2)


def velocity(
    models: nn.ModuleDict, latents: Tensor, time: Tensor, ids: Tensor, counts: Tensor,
    block: Callable[..., Tensor] = block_forward,
) -> Tensor:  # fmt: skip
    """The transformer's raw output, (image - noise), for a batch.

    latents (n, 16, 8, 8); time (n,), 0 is noise and 1 is the image; ids (n, 32 or 64) int64, padded on the right;
    counts (n,) tokens that are not padding. Returns float32 (n, 16, 8, 8).
    """
    dit = models["transformer"]
    features = text_features(models["text_encoder"], ids)
    n, length = ids.shape
    rope = _rope(length, latents.device, tuple(dit.axes_dims), dit.rope_theta)
    condition = dit.t_embedder(time * dit.t_scale)
    side = SIDE // 2
    patches = latents.view(n, CHANNELS, side, 2, side, 2).permute(0, 2, 4, 3, 5, 1).reshape(n, TOKENS, 4 * CHANNELS)
    x = dit.all_x_embedder["2-1"](patches).float()
    x = torch.cat([x, dit.x_pad_token.expand(n, PADDED - TOKENS, -1)], 1)
    for layer in dit.noise_refiner:
        x = block(layer, x, rope[:, :PADDED], condition)
    words = dit.cap_embedder[1](_rms(features, dit.cap_embedder[0])).float()
    padding = torch.arange(length, device=ids.device)[None] >= counts[:, None]
    words = torch.where(padding[..., None], dit.cap_pad_token, words)
    for layer in dit.context_refiner:
        words = block(layer, words, rope[:, PADDED:], None)
    x = torch.cat([x, words], 1)
    for layer in dit.layers:
        x = block(layer, x, rope, condition)
    final = dit.all_final_layer["2-1"]
    x = final.norm_final(x[:, :TOKENS].float()) * (1 + final.adaLN_modulation(condition).float()).unsqueeze(1)
    x = final.linear(x).float()
    return x.view(n, side, side, 2, 2, CHANNELS).permute(0, 5, 1, 3, 2, 4).reshape(n, CHANNELS, SIDE, SIDE)


@torch.no_grad()  # type: ignore[untyped-decorator, unused-ignore]
def sample(models: nn.ModuleDict, noise: Tensor, ids: Tensor, counts: Tensor, guidance: float, steps: int = 8) -> Tensor:
    """Latents (n, 16, 8, 8) by Euler steps on the pipeline's schedule (shift 3); guidance as in ZImagePipeline."""
    sigmas = torch.linspace(1, 1 / steps, steps)
    sigmas = torch.cat([3 * sigmas / (1 + 2 * sigmas), torch.zeros(1)]).tolist()
    empty = torch.zeros_like(ids)
    empty[:, 0], empty[:, 1] = 2, 3
    two = torch.full_like(counts, 2)
    x = noise
    for now, after in pairwise(sigmas):
        t = torch.full((len(x),), 1 - now, device=x.device)
        v = velocity(models, x, t, ids, counts)
        if guidance > 0:
            v = v + guidance * (v - velocity(models, x, t, empty, two))
        x = x + (now - after) * v
    return x
