"""Trains the autoencoder: pictures of 128 x 128 to latents of 16 x 8 x 8 and back.

    python -m training.vae --device cuda --minutes 4 --out checkpoints

A diffusers ``AutoencoderKL`` on freshly rendered scenes, so nothing is ever seen twice. Loss: L1, L1 of differences
between neighbouring pixels (edges), a little squared error, and a small KL term; half-way on, noise is added to the
latents, so that the decoder forgives what the transformer does not get right. At the end every latent channel is
scaled to mean 0 and deviation 1 by its own 1 x 1 convolutions: scaling_factor is 1 and shift_factor 0.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch
from diffusers import AutoencoderKL
from torch import Tensor, nn

from training.noise import CHANNELS
from training.optim import Optimizer, Schedule
from training.render import PIXELS, render
from training.scenes import Scenes, draw_named, draw_uniforms, resolve

CHANNEL_STEPS = (32, 40, 56, 64, 64)


def build(seed: int = 0) -> AutoencoderKL:
    """A fresh autoencoder; residual branches start at zero, other weights at one over the root of their fan-in."""
    torch.manual_seed(seed)
    n = len(CHANNEL_STEPS)
    vae = AutoencoderKL(
        in_channels=3, out_channels=3, down_block_types=("DownEncoderBlock2D",) * n, up_block_types=("UpDecoderBlock2D",) * n,
        block_out_channels=CHANNEL_STEPS, layers_per_block=1, latent_channels=CHANNELS, norm_num_groups=1, sample_size=PIXELS,
        scaling_factor=1.0, shift_factor=0.0, mid_block_add_attention=False, force_upcast=False,
    )  # fmt: skip
    for name, module in vae.named_modules():
        if isinstance(module, nn.Conv2d):
            fan_in = module.weight[0].numel()
            nn.init.normal_(module.weight, std=0.0 if name.endswith(".conv2") else fan_in**-0.5)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return vae


def fresh_scenes(n: int, generator: torch.Generator, device: torch.device) -> Scenes:
    """Scenes as captions and noise together would choose them."""
    return resolve(draw_named(n, generator).to(device), draw_uniforms(n, generator).to(device))


def edges(picture: Tensor) -> tuple[Tensor, Tensor]:
    """Differences between neighbouring pixels, along x and along y."""
    return picture[..., 1:] - picture[..., :-1], picture[..., 1:, :] - picture[..., :-1, :]


def loss_of(
    vae: AutoencoderKL, pictures: Tensor, noise: Tensor, kl_weight: float, noise_source: Tensor
) -> tuple[Tensor, Tensor]:
    """The training loss on pictures (n, 3, 128, 128) in [-1, 1], and the mean squared error (of range 2)."""
    posterior = vae.encode(pictures).latent_dist
    mean, logvar = posterior.mean.float(), posterior.logvar.float()
    kl = 0.5 * (mean**2 + logvar.exp() - 1 - logvar).mean()
    latents = mean + noise_source * ((0.5 * logvar).exp() + noise * mean.detach().std())
    out = vae.decode(latents.to(pictures.dtype)).sample.float()
    error = out - pictures
    squared = (error**2).mean()
    dx, dy = edges(error)
    return error.abs().mean() + 0.7 * (dx.abs().mean() + dy.abs().mean()) + 0.5 * squared + kl_weight * kl, squared


@torch.no_grad()  # type: ignore[untyped-decorator, unused-ignore]
def normalise(vae: AutoencoderKL, pictures: Tensor) -> None:
    """Folds per-channel mean and deviation of the latents into quant_conv and post_quant_conv."""
    mean = torch.cat([vae.encode(p).latent_dist.mean for p in pictures.split(64)])
    shift, scale = mean.mean((0, 2, 3)), mean.std((0, 2, 3))
    quant, post = vae.quant_conv, vae.post_quant_conv
    post.bias += post.weight[:, :, 0, 0] @ shift
    post.weight *= scale[None, :, None, None]
    quant.weight[:CHANNELS] /= scale[:, None, None, None]
    quant.bias[:CHANNELS] = (quant.bias[:CHANNELS] - shift) / scale
    quant.bias[CHANNELS:] -= 2 * scale.log()


@torch.no_grad()  # type: ignore[untyped-decorator, unused-ignore]
def psnr(vae: AutoencoderKL, pictures: Tensor) -> float:
    """Mean over pictures (in [0, 1]) of the peak signal-to-noise ratio of their reconstruction, in dB."""
    values = []
    for p in pictures.split(64):
        back = vae.decode(vae.encode(p * 2 - 1).latent_dist.mean).sample.clamp(-1, 1) / 2 + 0.5
        values.append(-10 * ((back - p) ** 2).mean((1, 2, 3)).log10())
    return float(torch.cat(values).mean())


def train(args: argparse.Namespace) -> None:
    """Trains, resumes where a checkpoint lies, and writes ``vae.pt`` (normalised, averaged weights)."""
    device = torch.device(args.device)
    torch.backends.cudnn.benchmark = True
    torch.set_float32_matmul_precision("high")
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    vae = build(args.seed).to(device, memory_format=torch.channels_last)
    optimizer = Optimizer(vae.named_parameters(), ("conv1", "conv2", "downsamplers", "upsamplers"), args.muon, args.rate, 0.999)
    schedule = Schedule(args.steps, args.minutes * 60)
    held_out = render(fresh_scenes(256, torch.Generator().manual_seed(10_001), device))
    check = out / "vae_checkpoint.pt"
    step, before = 0, 0.0
    if check.exists():
        state = torch.load(check, map_location=device)
        vae.load_state_dict(state["vae"])
        optimizer.load(state["optimizer"])
        step, before = state["step"], state["elapsed"]
    objective = torch.compile(loss_of) if args.compile else loss_of
    torch._dynamo.config.suppress_errors = True
    stock: list[Tensor] = []
    began = saved = time.time() - before
    while (progress := schedule.progress(step, time.time() - began)) < 1:
        generator = torch.Generator().manual_seed(args.seed * 1_000_003 + step)
        if not stock:  # a few batches at once: fewer, larger kernels
            stock = list((render(fresh_scenes(args.batch * 8, generator, device)) * 2 - 1).split(args.batch))
        pictures = stock.pop()
        noise = torch.randn(args.batch, CHANNELS, PIXELS // 16, PIXELS // 16, device=device)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            strength = torch.tensor(args.noise * min(1.0, progress / 0.4), device=device)
            loss, squared = objective(vae, pictures.contiguous(memory_format=torch.channels_last), strength, args.kl, noise)
        loss.backward()
        optimizer.set(schedule(step, time.time() - began))
        norm = optimizer.step()
        step += 1
        if step % args.report == 0 or step == 1:
            print(f"vae step {step} {time.time() - began:.0f} s loss {loss.item():.4f} "
                  f"psnr {10 * torch.log10(4 / squared).item():.2f} grad {norm.item():.3f}", flush=True)  # fmt: skip
        if args.save > 0 and time.time() - saved > args.save:
            saved = time.time()
            state = {"vae": vae.state_dict(), "optimizer": optimizer.state(), "step": step, "elapsed": saved - began}
            torch.save(state, check)
    optimizer.swap()
    vae.eval()
    normalise(vae, render(fresh_scenes(1024, torch.Generator().manual_seed(10_002), device)) * 2 - 1)
    vae = vae.to(memory_format=torch.contiguous_format)
    torch.save({k: v.cpu() for k, v in vae.state_dict().items()}, out / "vae.pt")
    print(f"vae done: {step} steps of {args.batch}, {time.time() - began:.0f} s", flush=True)
    print(f"held-out PSNR {psnr(vae, held_out):.2f} dB", flush=True)


def main() -> None:
    """The command line; the defaults are those of the shipped weights."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", default="checkpoints")
    parser.add_argument("--minutes", type=float, default=120.0, help="ends by then, whatever the step")
    parser.add_argument("--steps", type=int, default=2_000)
    parser.add_argument("--batch", type=int, default=96)
    parser.add_argument("--muon", type=float, default=0.02)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--kl", type=float, default=2e-4)
    parser.add_argument("--noise", type=float, default=0.12, help="noise on the latents, in their deviations")
    parser.add_argument("--report", type=int, default=200)
    parser.add_argument("--save", type=float, default=60.0, help="seconds between checkpoints, 0 for none")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--compile", action="store_true", help="torch.compile: pays on a GPU")
    train(parser.parse_args())


if __name__ == "__main__":
    main()
