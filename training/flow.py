"""Trains the text encoder and the transformer together, by flow matching in Z-Image's conventions.

    python -m training.flow --device cuda --minutes 8 --out checkpoints

Between noise n and latents x the path is x_s = (1 - s) x + s n; the transformer is told the time 1 - s and its raw
output is x - n. Half-way times follow the sampler's own schedule (shift 3). A pool of scenes is drawn, captioned and
encoded once; every step pairs some of them with fresh noise that decides what their captions leave open
(``training.noise``).
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

import torch
from PIL import Image
from torch import Tensor, nn

from training import model, vae
from training.captions import LANGUAGES, caption, with_errors
from training.noise import CHANNELS, SIDE, with_uniforms
from training.optim import Optimizer, Schedule
from training.render import render
from training.scenes import Named, draw_named, draw_uniforms, resolve
from training.tokenizer import encode

CHUNK = 5_000
VARIANTS = 2  # captions per scene and language
PREVIEW = (
    "a red circle on a blue background", "一只橘色的星星在夜空", "a yellow moon in the night sky",
    "a small pink heart in the top left on a white background", "a white boat on the sea", "一座红色的房子在草地上",
    "a green tree and a purple square on a grey background", "a large teal ring on an orange background", "a cat",
    "a blue flower, watercolour", "a neon star", "a black cross on a yellow gradient",
)  # fmt: skip


@dataclass
class Pool:
    """Scenes ready for training, on one device: what their noise must decide, their latents, their captions."""

    u: Tensor  # (n, 11)
    latents: Tensor  # (n, 16, 8, 8), bfloat16
    short: Tensor  # (n, 4, 32) int16
    short_counts: Tensor  # (n, 4)
    long: Tensor  # (n, 64) int16
    long_counts: Tensor  # (n,)


def chunk(seed: int, number: int, size: int) -> tuple[Named, Tensor]:
    """Attributes and uniforms of one chunk of the pool."""
    generator = torch.Generator().manual_seed(seed * 1_000_003 + number)
    return draw_named(size, generator), draw_uniforms(size, generator)


def _captions(job: tuple[int, int, int]) -> list[bytes]:
    """Token ids and counts of one chunk's captions (as bytes: cheap to send between processes)."""
    seed, number, size = job
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    torch.set_num_threads(1)
    rng = Random(seed * 7_000_003 + number)
    rows = chunk(seed, number, size)[0].rows()
    texts = [caption(with_errors(r, rng), rng, lang) for r in rows for lang in LANGUAGES for _ in range(VARIANTS)]
    ids, counts = encode(texts, 32)
    for i in (counts > 32).nonzero().flatten().tolist():
        row, language = rows[i // (2 * VARIANTS)], LANGUAGES[i // VARIANTS % 2]
        short, n = encode([caption(row, rng, language, fillers=False, unknown=False)], 32)
        ids[i], counts[i] = short[0], n[0].clamp(max=32)
    texts = [caption(with_errors(r, rng), rng, rng.choice(LANGUAGES), long=True) for r in rows]
    long, long_counts = encode(texts, 64)
    return [t.numpy().tobytes() for t in (ids, counts, long, long_counts.clamp(max=64))]


def make_pool(args: argparse.Namespace, coder: nn.Module, device: torch.device) -> Pool:
    """Draws, captions (in worker processes), renders and encodes ``args.pool`` scenes."""
    jobs = [(args.seed, k, CHUNK) for k in range(-(-args.pool // CHUNK))]
    context = multiprocessing.get_context("spawn")
    with context.Pool(min(args.workers, len(jobs))) as workers:
        told = workers.map_async(_captions, jobs, chunksize=1)
        us, latents = [], []
        for seed, number, size in jobs:
            named, u = chunk(seed, number, size)
            us.append(u.to(device))
            scenes = resolve(named.to(device), us[-1])
            for start in range(0, size, 500):
                with torch.no_grad(), torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
                    pictures = render(scenes[start : start + 500]) * 2 - 1
                    pictures = pictures.contiguous(memory_format=torch.channels_last)
                    latents.append(coder.encode(pictures).latent_dist.mean.bfloat16())
        parts = told.get()

    def gather(i: int, *shape: int) -> Tensor:
        return torch.cat([torch.frombuffer(bytearray(p[i]), dtype=torch.int16).view(-1, *shape) for p in parts]).to(device)

    v = 2 * VARIANTS
    return Pool(torch.cat(us), torch.cat(latents), gather(0, v, 32), gather(1, v), gather(2, 64), gather(3))


def times(n: int, device: torch.device) -> Tensor:
    """Noise levels s in (0, 1]: seven tenths as the sampler visits them, the rest uniform."""
    u = (torch.arange(n, device=device) + torch.rand(n, device=device)) / n
    u = u * 0.999 + 0.001
    return torch.where(torch.rand(n, device=device) < 0.7, 3 * u / (1 + 2 * u), u)


def batch(
    pool: Pool, n: int, long: bool, drop: float = 0.0, swap: float = 0.0, overshoot: float = 0.0
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Noisy latents, times (1 - s), caption ids and counts, and the target: the velocity that leads to the image.

    The last three arguments are there for guidance; 0 is plain flow matching.
    ``drop`` is the share of captions taken away from their pictures. Without it the empty caption means "the noise
    decides all"; with it, "some caption that you do not know", an average to push away from.
    ``swap`` is the share of captions given to another picture: what guidance is there to undo.
    ``overshoot`` moves half of the clean images too far away from another one before noise is mixed in, up to so many
    times as far, in proportion to the noise level s. Strong guidance leads there; the target leads back to the clean image.
    """
    device = pool.u.device
    index = torch.randint(len(pool.u), (n,), device=device)
    clean = pool.latents[index].float()
    noise = with_uniforms(torch.randn(n, CHANNELS, SIDE, SIDE, device=device), pool.u[index])
    s = times(n, device)
    start, told = clean, index
    if overshoot > 0:
        far = overshoot * torch.rand(n, device=device) * (torch.rand(n, device=device) < 0.5) * s
        start = clean + far.view(-1, 1, 1, 1) * (clean - clean.roll(1, 0) * torch.rand(n, 1, 1, 1, device=device))
    if swap > 0:
        told = torch.where(torch.rand(n, device=device) < swap, index.roll(2), index)
    if long:
        ids, counts = pool.long[told], pool.long_counts[told]
    else:
        which = torch.randint(pool.short.shape[1], (n,), device=device)
        ids, counts = pool.short[told, which], pool.short_counts[told, which]
    if drop > 0:
        dropped = torch.rand(n, device=device) < drop
        empty = torch.zeros_like(ids[0])
        empty[:1].fill_(2)  # <s>, then </s>: what the tokenizer makes of no words at all
        empty[1:2].fill_(3)
        ids, counts = torch.where(dropped[:, None], empty, ids), torch.where(dropped, 2, counts)
    mixed = torch.lerp(start, noise, s.view(-1, 1, 1, 1))
    return mixed, 1 - s, ids.long(), counts, (clean - mixed) / s.view(-1, 1, 1, 1)


@torch.no_grad()  # type: ignore[untyped-decorator, unused-ignore]
def preview(models: nn.ModuleDict, coder: nn.Module, device: torch.device, path: Path, guidance: float) -> None:
    """A contact sheet of fixed prompts, six seeds each, two prompts a row."""
    noise = torch.stack([torch.randn(CHANNELS, SIDE, SIDE, generator=torch.Generator().manual_seed(k)) for k in range(6)])
    noise = noise.repeat(len(PREVIEW), 1, 1, 1).to(device)
    ids, counts = encode([p for p in PREVIEW for _ in range(6)], 32)
    latents = model.sample(models, noise, ids.long().to(device), counts.to(device), guidance)
    pictures = (coder.decode(latents).sample.float().clamp(-1, 1) * 127.5 + 127.5).round().to(torch.uint8).cpu()
    rows = [torch.cat(list(pictures[i : i + 12]), 2) for i in range(0, len(pictures), 12)]
    Image.fromarray(torch.cat(rows, 1).permute(1, 2, 0).numpy()).save(path)


def graphed(work: Callable[[bool], None], optimizer: Optimizer) -> Callable[[bool], None]:
    """``work`` for short and for long captions, each recorded as one CUDA graph: no time lost between kernels."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):  # compiles, and fills the caches
        for k in range(6):
            optimizer.set(0.02)
            work(k % 2 == 1)
    torch.cuda.current_stream().wait_stream(side)
    graphs: list[torch.cuda.CUDAGraph] = []
    for long in (False, True):
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=graphs[0].pool() if graphs else None):
            work(long)
        graphs.append(graph)
    return lambda long: graphs[int(long)].replay()


def train(args: argparse.Namespace) -> None:
    """Trains, resumes where a checkpoint lies, and writes ``flow.pt`` (averaged weights, half precision)."""
    device = torch.device(args.device)
    torch.set_float32_matmul_precision("high")
    out = Path(args.out)
    coder = vae.build().to(device)
    coder.load_state_dict(torch.load(out / "vae.pt", map_location=device))
    coder.eval().requires_grad_(False)
    began = time.time()
    pool = make_pool(args, coder.to(memory_format=torch.channels_last), device)
    print(f"pool of {len(pool.u)}: {time.time() - began:.0f} s, latents' mean {pool.latents.float().mean():.3f} "
          f"deviation {pool.latents.float().std():.3f}", flush=True)  # fmt: skip
    models = model.build(args.seed).to(device)
    if args.init:
        models.load_state_dict({k: v.float() for k, v in torch.load(args.init, map_location=device).items()})
    matrices = ("attention.to_", "feed_forward.", "self_attn.", "mlp.")
    optimizer = Optimizer(models.named_parameters(), matrices, args.muon, args.rate, args.average)
    schedule = Schedule(args.steps, args.minutes * 60, decay=args.decay, warm=200)
    torch._dynamo.config.suppress_errors = True
    block = torch.compile(model.block_forward, dynamic=False) if args.compile else model.block_forward
    torch.manual_seed(args.seed)
    check = out / "flow_checkpoint.pt"
    step, before = 0, 0.0
    if check.exists():
        state = torch.load(check, map_location=device)
        models.load_state_dict(state["models"])
        optimizer.load(state["optimizer"])
        step, before = state["step"], state["elapsed"]
        torch.manual_seed(args.seed + step)
    began = time.time() - before
    saved = time.time()
    total, norm = torch.zeros((), device=device), torch.zeros((), device=device)

    def work(long: bool) -> None:
        mixed, t, ids, counts, target = batch(pool, args.batch, long, 0.0 if long else args.drop, args.swap, args.overshoot)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda", cache_enabled=False):
            loss = ((model.velocity(models, mixed, t, ids, counts, block) - target) ** 2).mean()
        loss.backward()
        total.add_(loss.detach())
        norm.copy_(optimizer.step())

    act = graphed(work, optimizer) if device.type == "cuda" else work

    def finish() -> None:
        optimizer.swap()
        torch.save({k: v.half().cpu() for k, v in models.state_dict().items()}, out / "flow.pt")
        preview(models, coder, device, out / "preview.png", 1.0)
        optimizer.swap()

    while schedule.progress(step, time.time() - began) < 1:
        optimizer.set(schedule(step, time.time() - began))
        act(step % 10 == 9)
        step += 1
        if step % args.report == 0:
            print(f"flow step {step} {time.time() - began:.0f} s loss {total.item() / args.report:.4f} "
                  f"grad {norm.item():.3f}", flush=True)  # fmt: skip
            total.zero_()
        if args.save > 0 and time.time() - saved > args.save:
            saved = time.time()
            finish()
            state = {"models": models.state_dict(), "optimizer": optimizer.state(), "step": step, "elapsed": saved - began}
            torch.save(state, check)
    finish()
    check.unlink(missing_ok=True)  # or the next run here, with other options, would go on from it
    print(f"flow done: {step} steps of {args.batch}, {time.time() - began:.0f} s", flush=True)


def main() -> None:
    """The command line; the defaults train from nothing, the README has those of the run for guidance that follows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", default="checkpoints", help="where vae.pt lies and flow.pt goes")
    parser.add_argument("--init", default="", help="start from this flow.pt")
    parser.add_argument("--minutes", type=float, default=600.0, help="ends by then, whatever the step")
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--pool", type=int, default=300_000, help="scenes")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--muon", type=float, default=0.02)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--decay", type=float, default=0.7, help="share of the run over which the rates fall to 0")
    parser.add_argument("--average", type=float, default=0.999)
    parser.add_argument("--drop", type=float, default=0.0, help="share of captions taken away from their pictures")
    parser.add_argument("--swap", type=float, default=0.0, help="share of captions given to another picture")
    parser.add_argument("--overshoot", type=float, default=0.0, help="how many times too far guidance may have gone")
    parser.add_argument("--report", type=int, default=200)
    parser.add_argument("--save", type=float, default=60.0, help="seconds between checkpoints, 0 for none")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--compile", action="store_true", help="torch.compile: pays on a GPU")
    train(parser.parse_args())


if __name__ == "__main__":
    main()
