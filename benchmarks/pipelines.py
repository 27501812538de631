"""The pipelines on which recording is measured: a small one, a large one, and one that waits as for a device."""

from __future__ import annotations

import atexit
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

LARGE = 1024
PICTURES = ("photograph", "noise")
TINY = {"n_layers": 1, "n_refiner_layers": 1, "dim": 48, "n_heads": 2, "n_kv_heads": 2, "axes_dims": [8, 8, 8]}
CORNER = 16
"""Rows and columns of the latents that the waiting transformer really computes."""


def small_pipeline(model: str, device: str) -> tuple[Any, int]:
    """A local model in fp32 and the size that it is meant for."""
    import torch
    from diffusers import DiffusionPipeline

    from seedbank.engine.source import find_model

    folder = str(find_model(model).folder)
    pipe = DiffusionPipeline.from_pretrained(folder, torch_dtype=torch.float32, use_safetensors=True, local_files_only=True)
    return pipe.to(device), 128


def large_pipeline(device: str, layers: int) -> tuple[Any, int]:
    """A transformer of Z-Image's width (dim 3840, `layers` of its 30) and a full-size VAE, random weights, bf16, 1024x1024."""
    return _z_image(device, {"n_layers": layers}, (128, 256, 512, 512)), LARGE


def waiting_pipeline(seconds: float, steps: int) -> tuple[Any, int, Callable[[str], None]]:
    """A Z-Image whose call of `steps` steps takes about `seconds`, nearly all of which its caller waits; bf16, 1024x1024.

    Gives the pipeline, the size, and a function that says which of `PICTURES` is made from then on.

    It models a caller whose pictures are made by another device. Its transformer is tiny, really runs, on a corner of the
    latents, and then waits for a fixed time without holding the GIL, so that whatever slows the caller shows. In the place of
    a decoder stands a wait, after which there is a picture with the entropy of a photograph, or of noise, the worst case
    for a PNG; shifted by the latents, so that each is another. All else is diffusers' own and real, and of the real size. It
    cannot show what copies from a device cost, nor the launching of a large model's kernels.
    """
    import torch

    pipe = _z_image("cpu", TINY, (8, 8, 8, 8))
    pipe.set_progress_bar_config(disable=True)
    pictures = {
        kind: torch.from_numpy(picture_of(kind, LARGE)).permute(2, 0, 1)[None].to(torch.bfloat16) / 127.5 - 1
        for kind in PICTURES
    }
    transformer, wait, made = pipe.transformer.forward, 0.0, pictures[PICTURES[0]]

    def step(latents: list[torch.Tensor], *args: Any, **kwargs: Any) -> Any:
        result = transformer([one[..., :CORNER, :CORNER] for one in latents], *args, **kwargs)
        time.sleep(wait)
        times = latents[0].shape[-1] // CORNER
        return ([one.tile(times, times) for one in result[0]],)

    def decode(latents: torch.Tensor, *_: Any) -> torch.Tensor:
        time.sleep(wait)
        down, right = (int(part.contiguous().view(torch.int16).long().sum()) % LARGE for part in latents.chunk(2, dim=1))
        return made.roll((down, right), (2, 3))

    def show(picture: str) -> None:
        nonlocal made
        made = pictures[picture]

    pipe.transformer.forward, pipe.vae.decoder.forward = step, decode
    call = {"height": LARGE, "width": LARGE, "guidance_scale": 3.0, "num_inference_steps": steps}
    computed = min(_timed(lambda: pipe("", **call)) for _ in range(3))
    wait = max(0.0, (seconds - computed) / (steps + 1))
    return pipe, LARGE, show


def picture_of(kind: str, size: int) -> NDArray[np.uint8]:
    """A square picture, shape (size, size, 3): `noise`, or one with the spectrum and the grain of a `photograph`.

    Amplitudes of natural pictures fall about as one over the frequency (Field 1987), and their channels are much alike.
    """
    rng = np.random.default_rng(0)
    if kind == "noise":
        return rng.integers(0, 256, (size, size, 3), dtype=np.uint8)
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(size), np.fft.fftfreq(size)))
    frequency[0, 0] = np.inf

    def natural() -> NDArray[np.float64]:
        spectrum = np.fft.fft2(rng.standard_normal((size, size))) / frequency**1.3
        values: NDArray[np.float64] = np.fft.ifft2(spectrum).real
        return np.divide(values, values.std())

    shared = natural()
    channels = np.stack([shared + 0.2 * natural() for _ in range(3)], axis=-1)
    grain = rng.standard_normal(channels.shape)
    return np.clip(120 + 40 * channels + 0.5 * grain, 0, 255).round().astype(np.uint8)


def _z_image(device: str, transformer_config: dict[str, Any], channels: tuple[int, ...]) -> Any:
    """A Z-Image with random weights in bf16, the text encoder of the embedded model, and a VAE with these channels.

    It is saved and loaded again, so that recording verifies its weights against files as it does for a real model.
    """
    import torch
    from diffusers import AutoencoderKL, ZImagePipeline, ZImageTransformer2DModel

    small, _ = small_pipeline("embedded", "cpu")
    torch.manual_seed(0)
    width = small.text_encoder.config.hidden_size
    with torch.device(device):
        transformer = ZImageTransformer2DModel(cap_feat_dim=width, **transformer_config)
        vae = AutoencoderKL(
            block_out_channels=channels,
            down_block_types=("DownEncoderBlock2D",) * len(channels),
            up_block_types=("UpDecoderBlock2D",) * len(channels),
            layers_per_block=2,
            latent_channels=16,
            norm_num_groups=min(32, *channels),
            sample_size=LARGE,
            scaling_factor=0.3611,
            shift_factor=0.1159,
        )
    for parameter in transformer.parameters():
        torch.nn.init.normal_(parameter, std=0.02)
    parts = dict(small.components) | {"transformer": transformer.bfloat16(), "vae": vae.bfloat16()}
    folder = Path(tempfile.mkdtemp(prefix="seedbank-benchmark-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    ZImagePipeline(**parts).save_pretrained(folder, safe_serialization=True)
    pipe = ZImagePipeline.from_pretrained(folder, torch_dtype=torch.bfloat16, local_files_only=True)
    return pipe.to(device)


def _timed(act: Any) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started
