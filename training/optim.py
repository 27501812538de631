"""Muon for matrices, AdamW for the rest, and a moving average of the weights.

Muon (K. Jordan et al., 2024): the momentum of each matrix is replaced by the nearest orthogonal matrix, found by five
Newton-Schulz steps. Matrices of one shape are handled in one batched product.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn


def orthogonal(g: Tensor) -> Tensor:
    """The orthogonal factor of each matrix in (k, rows, columns), approximately; singular values end in 0.7 to 1.2."""
    x = g.bfloat16() if g.is_cuda else g.float()
    wide = x.shape[-2] <= x.shape[-1]
    x = x if wide else x.mT
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(5):
        a = x @ x.mT
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return (x if wide else x.mT).to(g.dtype)


class Optimizer:
    """One optimizer over named parameters. ``set`` chooses the rates, ``step`` has no branch that a CUDA graph misses."""

    def __init__(
        self, named: Iterable[tuple[str, nn.Parameter]], matrices: tuple[str, ...], muon: float, adamw: float,
        average: float = 0.999, clip: float = 1.0,
    ) -> None:  # fmt: skip
        """``matrices``: a parameter of two or more dimensions whose name contains one of these is Muon's."""
        self.named = [(name, p) for name, p in named if p.requires_grad]
        self.groups: dict[tuple[int, int], list[nn.Parameter]] = {}
        rest = []
        for name, p in self.named:
            if p.ndim >= 2 and any(m in name for m in matrices):
                self.groups.setdefault((p.shape[0], p[0].numel()), []).append(p)
            else:
                rest.append(p)
        device, cuda = rest[0].device, rest[0].is_cuda
        self.scale, self.blend = torch.zeros((), device=device), torch.zeros((), device=device)
        self.rate = torch.zeros((), device=device)
        self.adamw = torch.optim.AdamW(rest, lr=self.rate, betas=(0.9, 0.99), weight_decay=0.0, fused=cuda, capturable=cuda)
        self.momenta = {shape: torch.zeros(len(ps), *shape, device=device) for shape, ps in self.groups.items()}
        self.muon_rate, self.adamw_rate, self.clip, self.average = muon, adamw, clip, average
        self.mean = [p.detach().clone() for _, p in self.named]
        self.steps = 0

    def set(self, scale: float) -> None:
        """Call before every step: ``scale`` times the base rates, and how far the average moves."""
        self.steps += 1
        self.scale.fill_(scale)
        self.blend.fill_(1 - min(self.average, (1 + self.steps) / (10 + self.steps)))
        self.rate.fill_(self.adamw_rate * scale)

    @torch.no_grad()  # type: ignore[untyped-decorator, unused-ignore]
    def step(self) -> Tensor:
        """Clips, steps, averages, clears every gradient; returns the gradient's norm before clipping."""
        parameters = [p for _, p in self.named]
        norm = nn.utils.clip_grad_norm_(parameters, self.clip, foreach=True)
        for group in self.adamw.param_groups:
            group["lr"] = self.rate
        self.adamw.step()
        for shape, ps in self.groups.items():
            g = torch.stack([p.grad.reshape(shape) if p.grad is not None else p.new_zeros(shape) for p in ps])
            m = self.momenta[shape].lerp_(g, 0.05)
            update = orthogonal(g.lerp(m, 0.95)) * (self.scale * (-self.muon_rate * math.sqrt(max(1.0, shape[0] / shape[1]))))
            torch._foreach_add_(ps, [one.view(p.shape) for one, p in zip(update.unbind(), ps, strict=True)])
        for p in parameters:
            p.grad = None
        moved = torch._foreach_sub([p.detach() for p in parameters], self.mean)
        torch._foreach_mul_(moved, self.blend)
        torch._foreach_add_(self.mean, moved)
        return norm

    @torch.no_grad()  # type: ignore[untyped-decorator, unused-ignore]
    def swap(self) -> None:
        """Exchanges the weights with their moving average (call twice to undo)."""
        for (_, p), m in zip(self.named, self.mean, strict=True):
            kept = p.detach().clone()
            p.copy_(m)
            m.copy_(kept)

    def state(self) -> dict[str, object]:
        """Everything needed to go on."""
        return {
            "adamw": self.adamw.state_dict(), "momenta": self.momenta, "mean": self.mean, "steps": self.steps,
        }  # fmt: skip

    def load(self, state: dict[str, Any]) -> None:
        """Restores ``state()``."""
        self.adamw.load_state_dict(state["adamw"])
        for shape, m in state["momenta"].items():
            self.momenta[shape].copy_(m)
        for mine, kept in zip(self.mean, state["mean"], strict=True):
            mine.copy_(kept)
        self.steps = state["steps"]


class Schedule:
    """Learning-rate factor: a short warm-up, constant, then a straight line to zero over the last part.

    Progress is the larger of step / steps and elapsed / seconds, so that a run ends in time on any machine.
    """

    def __init__(self, steps: int, seconds: float, decay: float = 0.55, warm: int = 100) -> None:
        self.steps, self.seconds, self.decay, self.warm = steps, seconds, decay, warm

    def progress(self, step: int, elapsed: float) -> float:
        """0 at the start, 1 at the end."""
        return min(1.0, max(step / self.steps, elapsed / self.seconds))

    def __call__(self, step: int, elapsed: float) -> float:
        p = self.progress(step, elapsed)
        return min(1.0, (step + 1) / self.warm) * min(1.0, (1 - p) / self.decay)
