"""Adapters: weights that a recipe adds to a model's own, or puts in the place of a part of it.

Kinds: ``vae`` and ``controlnet`` are components from folders, a VAE also from one file; ``lora`` and ``embedding``
(textual inversion) are safetensors files; ``ip-adapter`` is a folder with one safetensors file and, mostly,
``image_encoder/``. They are always put on freshly loaded weights and never fused: a LoRA that was fused and unfused leaves
other bits behind.

LoRAs are active in the order of the recipe, which is the order in which their outputs are added.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .refusal import BAD_INPUT, BLOCKED, Refusal

VAE, CONTROLNET, LORA, EMBEDDING, IP_ADAPTER = "vae", "controlnet", "lora", "embedding", "ip-adapter"
COMPONENTS = (VAE, CONTROLNET)
SINGLE_VAE = "AutoencoderKL"
"""The class of the VAEs that are passed on in one file."""
ENCODER_FOLDER = "image_encoder"
RECORDED = ("kind", "digest", "weight", "token")
"""What of an adapter decides pixels and stands in the recipe; the path is where it lies on this machine."""

Adapters = Sequence[Mapping[str, Any]]


def recorded(adapters: Adapters) -> list[dict[str, Any]]:
    """The part of each adapter that a recipe names."""
    return [{name: adapter[name] for name in RECORDED if adapter.get(name) is not None} for adapter in adapters]


def check_adapters(loaded: Any, recipe: Mapping[str, Any]) -> None:
    """Raises `Refusal` unless exactly the adapters of the recipe are on the loaded pipeline."""
    if recorded(recipe.get("adapters") or []) != recorded(loaded.adapters):
        raise Refusal(BAD_INPUT, "The adapters of the recipe are not those on the loaded pipeline.")


def components(adapters: Adapters, dtypes: Any, dtype_keyword: str, model: str) -> dict[str, Any]:
    """{component: module} of the adapters that are whole components, for `from_pretrained`.

    `model` is the folder with the configs of the model: a VAE in one file has the architecture of the model's own.
    """
    import diffusers

    found = {}
    for adapter in adapters:
        if adapter["kind"] == VAE and Path(adapter["path"]).is_file():
            found[VAE] = _single_vae(adapter, Path(model), _dtype_of(VAE, dtypes), dtype_keyword)
        elif adapter["kind"] in COMPONENTS:
            cls = getattr(diffusers, str(adapter.get("class")), None)
            if cls is None:
                raise Refusal(BLOCKED, f"diffusers {diffusers.__version__} has no {adapter.get('class')}.")
            name = adapter["kind"]
            options = {dtype_keyword: _dtype_of(name, dtypes), "use_safetensors": True, "local_files_only": True}
            found[name] = cls.from_pretrained(adapter["path"], **options)
    return found


def _dtype_of(component: str, dtypes: Any) -> Any:
    return dtypes.get(component, dtypes.get("default")) if isinstance(dtypes, Mapping) else dtypes


def _single_vae(adapter: Mapping[str, Any], model: Path, dtype: Any, dtype_keyword: str) -> Any:
    """The VAE in one file, under the names of diffusers or of the original code, as the model's own is built."""
    import diffusers

    try:
        name = json.loads((model / VAE / "config.json").read_text("utf-8")).get("_class_name")
    except (OSError, ValueError) as error:
        raise Refusal(BLOCKED, f"The model has no config of a VAE, after which {adapter['path']} could be built.") from error
    if name != SINGLE_VAE:
        raise Refusal(BLOCKED, f"The model's VAE is a {name}; one in a single file is loaded as {SINGLE_VAE} only.")
    options = {dtype_keyword: dtype, "config": str(model), "subfolder": VAE, "local_files_only": True}
    return getattr(diffusers, SINGLE_VAE).from_single_file(adapter["path"], **options)


def attach(pipe: Any, adapters: Adapters, dtypes: Any) -> None:
    """Put LoRAs, embeddings and IP-Adapters on a pipeline that was loaded a moment ago. Raises `Refusal`."""
    loras = [adapter for adapter in adapters if adapter["kind"] == LORA]
    for number, adapter in enumerate(loras):
        _load_lora(pipe, adapter, f"lora_{number}")
    if loras:
        weights = [adapter.get("weight", 1.0) for adapter in loras]
        pipe.set_adapters([f"lora_{number}" for number in range(len(loras))], weights)
    for adapter in adapters:
        if adapter["kind"] == EMBEDDING:
            _load_embedding(pipe, adapter)
        elif adapter["kind"] == IP_ADAPTER:
            _load_ip_adapter(pipe, adapter, dtypes)


def _load_lora(pipe: Any, adapter: Mapping[str, Any], name: str) -> None:
    if not hasattr(pipe, "load_lora_weights"):
        raise Refusal(BAD_INPUT, f"{type(pipe).__name__} takes no LoRA.")
    path = Path(adapter["path"])
    pipe.load_lora_weights(str(path.parent), weight_name=path.name, adapter_name=name, local_files_only=True)
    if not any(name in names for names in pipe.get_list_adapters().values()):
        # diffusers only warns, and the LoRA would have no effect at all.
        raise Refusal(BAD_INPUT, f"The LoRA {path.name} has no weights for {type(pipe).__name__}.", "It is for other models.")


def _load_embedding(pipe: Any, adapter: Mapping[str, Any]) -> None:
    from safetensors.torch import load_file

    if not hasattr(pipe, "load_textual_inversion"):
        raise Refusal(BAD_INPUT, f"{type(pipe).__name__} takes no textual inversion embeddings.")
    token, tensors = adapter["token"], load_file(adapter["path"])
    if {"clip_l", "clip_g"} <= set(tensors):  # SDXL: one vector for each text encoder
        for key, number in (("clip_l", ""), ("clip_g", "_2")):
            pipe.load_textual_inversion(
                {token: tensors[key]},
                token=token,
                tokenizer=getattr(pipe, f"tokenizer{number}"),
                text_encoder=getattr(pipe, f"text_encoder{number}"),
            )
    else:
        pipe.load_textual_inversion(tensors, token=token)


def _load_ip_adapter(pipe: Any, adapter: Mapping[str, Any], dtypes: Any) -> None:
    if not hasattr(pipe, "load_ip_adapter"):
        raise Refusal(BAD_INPUT, f"{type(pipe).__name__} takes no IP-Adapter.")
    folder = Path(adapter["path"])
    encoder = ENCODER_FOLDER if (folder / ENCODER_FOLDER).is_dir() else None
    if encoder is None and getattr(pipe, "image_encoder", None) is None:
        raise Refusal(BAD_INPUT, f"The IP-Adapter {folder} has no folder {ENCODER_FOLDER}, and the model has none either.")
    pipe.load_ip_adapter(
        str(folder), subfolder="", weight_name=adapter["file"], image_encoder_folder=encoder, local_files_only=True
    )
    pipe.set_ip_adapter_scale(adapter.get("weight", 1.0))
    if isinstance(dtypes, Mapping) and pipe.image_encoder is not None:
        pipe.image_encoder.to(dtypes.get("image_encoder", dtypes.get("default")))


def mend_clip(pipe: Any) -> None:
    """Give a flattened CLIP text encoder the attribute by which pipelines find its last norm when they skip layers.

    transformers 5.6 made `CLIPTextModel` its own `text_model`; `StableDiffusionPipeline.encode_prompt` of diffusers
    0.42 still asks for ``text_encoder.text_model.final_layer_norm``. Only the name is added: no module, no weight.
    """
    from torch import nn

    for name in ("text_encoder", "text_encoder_2"):
        encoder = getattr(pipe, name, None)
        if isinstance(encoder, nn.Module) and hasattr(encoder, "final_layer_norm") and not hasattr(encoder, "text_model"):
            object.__setattr__(encoder, "text_model", encoder)
