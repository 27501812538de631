"""Writes the trained parts as one diffusers folder, weights stored in half precision.

python -m training.pack --weights checkpoints --to seedbank/_models/embedded-2
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from pathlib import Path

import torch
from diffusers import FlowMatchEulerDiscreteScheduler, ZImagePipeline

from training import model, vae
from training.render import PIXELS
from training.tokenizer import build as build_tokenizer

ROPE_THETA = 10_000.0  # the text encoder's; transformers 4 reads it under this name
CARD = Path(__file__).parent / "model_card.md"


def pipeline(weights: Path) -> ZImagePipeline:
    """The pipeline in float32 from ``vae.pt`` and ``flow.pt``."""
    coder = vae.build()
    coder.load_state_dict(torch.load(weights / "vae.pt", map_location="cpu"))
    models = model.build()
    models.load_state_dict({k: v.float() for k, v in torch.load(weights / "flow.pt", map_location="cpu").items()})
    return ZImagePipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(num_train_timesteps=1000, shift=3.0),
        vae=coder.eval(), text_encoder=models["text_encoder"].eval(), tokenizer=build_tokenizer(),
        transformer=models["transformer"].eval(),
    )  # fmt: skip


def pack(weights: Path, folder: Path, guidance: float) -> int:
    """Writes the folder anew and returns its size in bytes."""
    with tempfile.TemporaryDirectory() as scratch:
        pipe = pipeline(weights).to(torch.float16)
        pipe.save_pretrained(scratch, safe_serialization=True, max_shard_size="1GB")
        if folder.exists():
            shutil.rmtree(folder)
        shutil.copytree(scratch, folder)
    _tidy(folder)
    defaults = {"num_inference_steps": 8, "guidance_scale": guidance, "height": PIXELS, "width": PIXELS}
    (folder / "seedbank.json").write_text(json.dumps({"defaults": defaults}, indent=2) + "\n")
    if CARD.exists():
        shutil.copyfile(CARD, folder / "README.md")
    return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())


def _tidy(folder: Path) -> None:
    """No machine's paths, and names that transformers 4 knows as well as 5."""

    def rewrite(name: str, remove: tuple[str, ...], **values: object) -> None:
        path = folder / name
        told = {k: v for k, v in json.loads(path.read_text()).items() if k not in remove} | values
        path.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n")

    for config in folder.rglob("*config.json"):
        rewrite(str(config.relative_to(folder)), ("_name_or_path",))
    index = json.loads((folder / "model_index.json").read_text())
    rewrite("model_index.json", ("_name_or_path",), tokenizer=[index["tokenizer"][0], "PreTrainedTokenizerFast"])
    rewrite("tokenizer/tokenizer_config.json", ("backend", "is_local"), tokenizer_class="PreTrainedTokenizerFast")
    rewrite("text_encoder/config.json", ("_name_or_path",), rope_theta=ROPE_THETA)
    for file in (folder, *folder.rglob("*")):
        file.chmod(0o755 if file.is_dir() else 0o644)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, default=Path("checkpoints"), help="where vae.pt and flow.pt lie")
    parser.add_argument("--to", type=Path, default=Path("seedbank/_models/embedded-2"))
    parser.add_argument("--guidance", type=float, default=2.0, help="the default that seedbank.json names")
    args = parser.parse_args()
    print(f"{pack(args.weights, args.to, args.guidance) / 1e6:.2f} MB in {args.to}")


if __name__ == "__main__":
    main()
