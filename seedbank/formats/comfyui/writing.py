"""A plain recipe as the API graph that ComfyUI executes: what `POST /prompt` takes and a PNG's `prompt` holds.

Nodes and inputs are those of ComfyUI's core: `nodes.py`, `comfy_extras/nodes_sd3.py`, `nodes_flux.py`,
`nodes_model_advanced.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from seedbank.formats.reading import Lora

_ENCODER_LOADERS = {1: "CLIPLoader", 2: "DualCLIPLoader", 3: "TripleCLIPLoader", 4: "QuadrupleCLIPLoader"}


def api_prompt(
    *,
    model: str,
    positive: str,
    negative: str | None = "",
    seed: int,
    steps: int,
    cfg: float,
    sampler_name: str,
    scheduler: str,
    width: int,
    height: int,
    denoise: float = 1.0,
    loras: Sequence[Lora] = (),
    batch_size: int = 1,
    clip_skip: int | None = None,
    vae: str | None = None,
    text_encoders: Sequence[str] = (),
    encoder_type: str | None = None,
    guidance: float | None = None,
    noise_levels: tuple[str, Mapping[str, float]] | None = None,
    image: str | None = None,
    filename_prefix: str = "seedbank",
) -> dict[str, Any]:
    """The graph: loader, LoRAs in their order, two prompts, a latent, one KSampler, VAE decoder, SaveImage.

    model            a checkpoint; with `text_encoders` and `vae` the file of the denoiser alone
    negative         None for no conditioning at all, which is another thing than an empty text
    text_encoders    one to four files; one and two of them need an `encoder_type` (`flux`, `lumina2` …)
    sampler_name, scheduler   in ComfyUI's words: `dpmpp_2m`, `karras`
    clip_skip        as A1111 counts: 1 uses the last layer
    guidance         the distilled guidance of FLUX
    noise_levels     (node, its inputs) that shifts the noise levels of a flow-matching model: `ModelSamplingAuraFlow` …
    image            a file in ComfyUI's input folder, scaled to the size, in the place of an empty latent
    Raises ValueError where text encoders come without their type.
    """
    if text_encoders and (len(text_encoders) not in _ENCODER_LOADERS or (encoder_type is None and len(text_encoders) < 3)):
        raise ValueError("one to four text encoders are loaded by themselves, one or two of them with their type")
    graph: dict[str, Any] = {}

    def add(kind: str, **inputs: Any) -> str:
        key = str(len(graph) + 1)
        graph[key] = {"class_type": kind, "inputs": inputs}
        return key

    if text_encoders and vae is not None:
        denoiser = [add("UNETLoader", unet_name=model, weight_dtype="default"), 0]
    else:
        checkpoint = add("CheckpointLoaderSimple", ckpt_name=model)
        denoiser, clip, decoder = [checkpoint, 0], [checkpoint, 1], [checkpoint, 2]
    if text_encoders:
        clip = [add(_ENCODER_LOADERS[len(text_encoders)], **_encoders(text_encoders, str(encoder_type))), 0]
    if vae is not None:
        decoder = [add("VAELoader", vae_name=vae), 0]
    for lora in loras:
        weight = 1.0 if lora.weight is None else lora.weight
        both = {"strength_model": weight, "strength_clip": weight if lora.weight_text is None else lora.weight_text}
        loader = add("LoraLoader", lora_name=lora.name, **both, model=denoiser, clip=clip)
        denoiser, clip = [loader, 0], [loader, 1]
    if clip_skip is not None and clip_skip > 1:
        clip = [add("CLIPSetLastLayer", stop_at_clip_layer=-clip_skip, clip=clip), 0]
    if noise_levels is not None:
        denoiser = [add(noise_levels[0], **noise_levels[1], model=denoiser), 0]
    wanted = [add("CLIPTextEncode", text=positive, clip=clip), 0]
    if negative is None:
        unwanted = [add("ConditioningZeroOut", conditioning=wanted), 0]
    else:
        unwanted = [add("CLIPTextEncode", text=negative, clip=clip), 0]
    if guidance is not None:
        wanted = [add("FluxGuidance", guidance=guidance, conditioning=wanted), 0]
    if image is not None:
        loaded = [add("LoadImage", image=image), 0]
        scaled = [add("ImageScale", image=loaded, upscale_method="lanczos", width=width, height=height, crop="disabled"), 0]
        latent = add("VAEEncode", pixels=scaled, vae=decoder)
    else:
        # Models for flow matching have 16 channels; this node's name is that of the first of them.
        empty = "EmptySD3LatentImage" if text_encoders else "EmptyLatentImage"
        latent = add(empty, width=width, height=height, batch_size=batch_size)
    sampled = add(
        "KSampler",
        seed=seed,
        steps=steps,
        cfg=cfg,
        sampler_name=sampler_name,
        scheduler=scheduler,
        denoise=denoise,
        model=denoiser,
        positive=wanted,
        negative=unwanted,
        latent_image=[latent, 0],
    )
    picture = add("VAEDecode", samples=[sampled, 0], vae=decoder)
    add("SaveImage", filename_prefix=filename_prefix, images=[picture, 0])
    return graph


def _encoders(files: Sequence[str], kind: str) -> dict[str, str]:
    """The inputs of the loader for so many text encoders; those of three and four files know their type by themselves."""
    if len(files) == 1:
        return {"clip_name": files[0], "type": kind}
    named = {f"clip_name{k}": file for k, file in enumerate(files, 1)}
    return named | {"type": kind} if len(files) == 2 else named
