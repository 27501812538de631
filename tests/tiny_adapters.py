"""Tiny adapters with random weights for the tiny pipelines of `tiny_models`, and pictures to start from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.tiny_models import SD15


@contextmanager
def seeded(number: int) -> Iterator[None]:
    """The same random weights every time, and no other random state touched."""
    import torch

    state = torch.get_rng_state()
    torch.manual_seed(number)
    try:
        with torch.no_grad():
            yield
    finally:
        torch.set_rng_state(state)


def load(model: Path) -> Any:
    import torch
    from diffusers import DiffusionPipeline

    pipe = DiffusionPipeline.from_pretrained(str(model), dtype=torch.float32)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def lora(path: Path, model: Path, seed: int, text_encoder: bool = False) -> Path:
    """A LoRA for the denoiser of `model`, and for its text encoder where asked for."""
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    pipe = load(model)
    name = "unet" if hasattr(pipe, "unet") else "transformer"
    targets = ["to_q", "to_k", "to_v"]
    layers = {}
    with seeded(seed):
        denoiser = getattr(pipe, name)
        denoiser.add_adapter(LoraConfig(r=2, lora_alpha=4, target_modules=targets, init_lora_weights=False))
        layers[f"{name}_lora_layers"] = get_peft_model_state_dict(denoiser)
        if text_encoder:
            config = LoraConfig(r=2, lora_alpha=2, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
            pipe.text_encoder.add_adapter(config)
            layers["text_encoder_lora_layers"] = get_peft_model_state_dict(pipe.text_encoder)
    type(pipe).save_lora_weights(path.parent, weight_name=path.name, **layers)
    return path


def embedding(path: Path, seed: int, vectors: int = 2) -> Path:
    """A textual inversion for the tiny CLIP of SD 1.5, in the format of diffusers."""
    import torch
    from safetensors.torch import save_file

    with seeded(seed):
        save_file({"<thing>": torch.randn(vectors, 32)}, path)
    return path


def sdxl_embedding(path: Path, seed: int) -> Path:
    """A textual inversion with one vector for each of SDXL's two text encoders."""
    import torch
    from safetensors.torch import save_file

    with seeded(seed):
        save_file({"clip_l": torch.randn(1, 32), "clip_g": torch.randn(1, 32)}, path)
    return path


def ip_adapter(folder: Path, model: Path, seed: int) -> Path:
    """An IP-Adapter of the first kind for the tiny SD 1.5, with an image encoder of 32x32 pixels."""
    import torch
    from safetensors.torch import save_file
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    pipe = load(model)
    with seeded(seed):
        encoder = CLIPVisionModelWithProjection(
            CLIPVisionConfig(
                hidden_size=16,
                intermediate_size=20,
                num_hidden_layers=1,
                num_attention_heads=2,
                image_size=32,
                patch_size=8,
                projection_dim=24,
            )
        )
        encoder.save_pretrained(folder / "image_encoder")
        tensors = {
            "image_proj.proj.weight": torch.randn(4 * 32, 24) * 0.1,
            "image_proj.proj.bias": torch.zeros(4 * 32),
            "image_proj.norm.weight": torch.ones(32),
            "image_proj.norm.bias": torch.zeros(32),
        }
        crossing = [name for name in pipe.unet.attn_processors if name.endswith("attn2.processor")]
        for number, name in enumerate(crossing):
            width = pipe.unet.get_submodule(name.removesuffix(".processor")).inner_dim
            for part in ("to_k_ip", "to_v_ip"):
                tensors[f"ip_adapter.{2 * number + 1}.{part}.weight"] = torch.randn(width, 32) * 0.2
    save_file(tensors, folder / "ip-adapter_tiny.safetensors")
    return folder


def controlnet(folder: Path, model: Path, seed: int) -> Path:
    """A ControlNet for the tiny SD 1.5 whose zero convolutions are not zero."""
    from diffusers import ControlNetModel
    from torch.nn.init import normal_

    with seeded(seed):
        made = ControlNetModel.from_unet(load(model).unet, conditioning_embedding_out_channels=(8, 16, 16))
        for layer in (made.controlnet_mid_block, *made.controlnet_down_blocks, made.controlnet_cond_embedding.conv_out):
            normal_(layer.weight, std=0.3)
    made.save_pretrained(folder)
    return folder


def vae(folder: Path, seed: int) -> Path:
    """Another VAE for the tiny Stable Diffusions."""
    from tests.tiny_models import vae as build

    with seeded(seed):
        build(latent_channels=4).save_pretrained(folder)
    return folder


def refiner(folder: Path) -> Path:
    """A tiny SDXL refiner: one text encoder, and a score for aesthetics among its conditions."""
    from diffusers import EulerDiscreteScheduler, StableDiffusionXLImg2ImgPipeline, UNet2DConditionModel

    from tests.tiny_models import clip, clip_tokenizer
    from tests.tiny_models import vae as build

    with seeded(11):
        StableDiffusionXLImg2ImgPipeline(
            unet=UNet2DConditionModel(
                sample_size=16,
                block_out_channels=(16, 32),
                layers_per_block=1,
                norm_num_groups=8,
                down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
                up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
                attention_head_dim=(2, 4),
                use_linear_projection=True,
                addition_embed_type="text_time",
                addition_time_embed_dim=8,
                transformer_layers_per_block=(1, 1),
                projection_class_embeddings_input_dim=72,
                cross_attention_dim=32,
            ),
            scheduler=EulerDiscreteScheduler(
                beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", timestep_spacing="leading", steps_offset=1
            ),
            vae=build(latent_channels=4),
            text_encoder=None,
            text_encoder_2=clip(projection=True),
            tokenizer=None,
            tokenizer_2=clip_tokenizer(folder.with_name(folder.name + "-tokenizers")),
            requires_aesthetics_score=True,
            add_watermarker=False,
        ).save_pretrained(folder)
    return folder


class Pieces:
    """Every adapter and picture, made when it is first asked for."""

    def __init__(self, root: Path, model: Any) -> None:
        self.root = root
        self._model = model

    def __getitem__(self, name: str) -> str:
        path = self.root / name
        if not path.exists():
            getattr(self, name.partition(".")[0])(path)
        return str(path)

    def first(self, path: Path) -> None:
        lora(path, self._model(SD15), 1)

    def second(self, path: Path) -> None:
        lora(path, self._model(SD15), 2, text_encoder=True)

    def thing(self, path: Path) -> None:
        embedding(path, 3)

    def ip(self, path: Path) -> None:
        ip_adapter(path, self._model(SD15), 5)

    def control(self, path: Path) -> None:
        controlnet(path, self._model(SD15), 6)

    def vae(self, path: Path) -> None:
        vae(path, 8)

    def refiner(self, path: Path) -> None:
        refiner(path)

    def photo(self, path: Path) -> None:
        picture(80, 60).save(path, quality=90)

    def drawing(self, path: Path) -> None:
        picture(64, 64).transpose(0).save(path)

    def mask(self, path: Path) -> None:
        from PIL import Image

        image = Image.new("L", (64, 64), 0)
        image.paste(255, (0, 0, 32, 64))
        image.save(path)

    def mask_right(self, path: Path) -> None:
        from PIL import Image, ImageOps

        with Image.open(self["mask.png"]) as left:
            ImageOps.mirror(left).save(path)


def picture(width: int, height: int) -> Any:
    from PIL import Image

    bands = [Image.linear_gradient("L").rotate(angle).resize((width, height)) for angle in (0, 90, 180)]
    return Image.merge("RGB", bands)
