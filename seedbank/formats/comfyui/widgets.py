"""The widgets of ComfyUI's nodes in the order in which the front end lists their values.

A workflow as it is drawn holds `widgets_values` by position only. Seeds are followed by a word that says how they change
after a run; it is no input. Sources: ComfyUI `nodes.py` and `comfy_extras`, and the node packs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

AFTER_RUN = ("fixed", "increment", "decrement", "randomize")
"""What the widget behind a seed says."""

FILES = (".safetensors", ".ckpt", ".gguf", ".sft", ".pt", ".pth", ".bin")
"""How the names of weights end."""

_NUMBERS = re.compile(r"^(seed|noise_seed|steps\w*|cfg|denoise|width|height|batch_size|guidance|strength\w*|\w+_at_step)$")
_WORDS = re.compile(
    r"^(sampler_name|scheduler|\w*ckpt_name|unet_name|vae_name|lora_name|text|text_[gl]|clip_l|t5xxl|positive|negative)$"
)

_KSAMPLER = "seed steps cfg sampler_name scheduler denoise"
_EFFICIENT = f"{_KSAMPLER} preview_method vae_decode"
_SDXL = "width height crop_w crop_h target_width target_height text_g text_l"

WIDGETS: Mapping[str, tuple[str, ...]] = {
    kind: tuple(names.split())
    for kind, names in {
        "KSampler": _KSAMPLER,
        "KSamplerAdvanced": "add_noise noise_seed steps cfg sampler_name scheduler start_at_step end_at_step "
        "return_with_leftover_noise",
        "SamplerCustom": "add_noise noise_seed cfg",
        "RandomNoise": "noise_seed",
        "KSamplerSelect": "sampler_name",
        "BasicScheduler": "scheduler steps denoise",
        "KarrasScheduler": "steps sigma_max sigma_min rho",
        "ExponentialScheduler": "steps sigma_max sigma_min",
        "SDTurboScheduler": "steps denoise",
        "AlignYourStepsScheduler": "model_type steps denoise",
        "GITSScheduler": "coeff steps denoise",
        "BetaSamplingScheduler": "steps alpha beta",
        "OptimalStepsScheduler": "model_type steps denoise",
        "Flux2Scheduler": "steps width height",
        "LTXVScheduler": "steps max_shift base_shift stretch terminal",
        "SplitSigmas": "step",
        "CFGGuider": "cfg",
        "DualCFGGuider": "cfg_conds cfg_cond2_negative style",
        "FluxGuidance": "guidance",
        "CheckpointLoaderSimple": "ckpt_name",
        "CheckpointLoader": "config_name ckpt_name",
        "ImageOnlyCheckpointLoader": "ckpt_name",
        "unCLIPCheckpointLoader": "ckpt_name",
        "UNETLoader": "unet_name weight_dtype",
        "UnetLoaderGGUF": "unet_name",
        "DiffusersLoader": "model_path",
        "VAELoader": "vae_name",
        "CLIPLoader": "clip_name type device",
        "DualCLIPLoader": "clip_name1 clip_name2 type device",
        "LoraLoader": "lora_name strength_model strength_clip",
        "LoraLoaderModelOnly": "lora_name strength_model",
        "CLIPSetLastLayer": "stop_at_clip_layer",
        "ControlNetLoader": "control_net_name",
        "ControlNetApply": "strength",
        "ControlNetApplyAdvanced": "strength start_percent end_percent",
        "CLIPTextEncode": "text",
        "CLIPTextEncodeFlux": "clip_l t5xxl guidance",
        "CLIPTextEncodeSD3": "clip_l clip_g t5xxl empty_padding",
        "CLIPTextEncodeSDXL": _SDXL,
        "CLIPTextEncodeSDXLRefiner": "ascore width height text",
        "CLIPTextEncodeHiDream": "clip_l clip_g t5xxl llama",
        "CLIPTextEncodeLumina2": "system_prompt user_prompt",
        "TextEncodeQwenImageEdit": "prompt",
        "TextEncodeQwenImageEditPlus": "prompt",
        "ConditioningAverage": "conditioning_to_strength",
        "EmptyLatentImage": "width height batch_size",
        "EmptySD3LatentImage": "width height batch_size",
        "EmptyFlux2LatentImage": "width height batch_size",
        "EmptyQwenImageLayeredLatentImage": "width height layers batch_size",
        "EmptyHunyuanLatentVideo": "width height length batch_size",
        "StableCascade_EmptyLatentImage": "width height compression batch_size",
        "LatentFromBatch": "batch_index length",
        "RepeatLatentBatch": "amount",
        "LatentUpscale": "upscale_method width height crop",
        "LatentUpscaleBy": "upscale_method scale_by",
        "ImageScale": "upscale_method width height crop",
        "ImageScaleBy": "upscale_method scale_by",
        "ImageScaleToTotalPixels": "upscale_method megapixels resolution_steps",
        "UpscaleModelLoader": "model_name",
        "LoadImage": "image",
        "ResolutionSelector": "aspect_ratio megapixels multiple",
        "PrimitiveInt": "value",
        "PrimitiveFloat": "value",
        "PrimitiveString": "value",
        "PrimitiveStringMultiline": "value",
        "PrimitiveBoolean": "value",
        "StringConcatenate": "string_a string_b delimiter",
        "StringReplace": "string find replace",
        "ComfySwitchNode": "switch",
        "SaveImage": "filename_prefix",
        "Seed (rgthree)": "seed",
        "KSampler Config (rgthree)": "steps_total refiner_step cfg sampler_name scheduler",
        "Power Prompt (rgthree)": "prompt",
        "Power Prompt - Simple (rgthree)": "prompt",
        "SDXL Empty Latent Image (rgthree)": "dimensions clip_scale batch_size",
        "KSampler (Efficient)": _EFFICIENT,
        "Efficient Loader": "ckpt_name vae_name clip_skip lora_name lora_model_strength lora_clip_strength positive negative "
        "token_normalization weight_interpretation empty_latent_width empty_latent_height batch_size",
        "ImpactWildcardProcessor": "wildcard_text populated_text mode seed",
        "ImpactInt": "value",
        "easy seed": "seed",
        "easy int": "value",
        "easy positive": "positive",
        "easy negative": "negative",
        "easy preSampling": "steps cfg sampler_name scheduler denoise seed",
        "CR Seed": "seed",
        "CR Prompt Text": "prompt",
        "CR Text": "text",
        "Text Multiline": "text",
        "StringConstant": "string",
        "StringConstantMultiline": "string strip_newlines",
        "JoinStrings": "delimiter",
        "DF_Text_Box": "Text",
        "SDXLEmptyLatentSizePicker+": "resolution batch_size width_override height_override",
        "EmptyLatentImagePresets": "dimensions invert batch_size",
        "INTConstant": "value",
        "SDXLPromptStyler": "text_positive text_negative style",
        "SD_4XUpscale_Conditioning": "scale_ratio noise_augmentation",
        "SVD_img2vid_Conditioning": "width height video_frames motion_bucket_id fps augmentation_level",
        "StableZero123_Conditioning": "width height batch_size elevation azimuth",
        "BNK_CLIPTextEncodeAdvanced": "text token_normalization weight_interpretation",
        "smZ CLIPTextEncode": "text parser mean_normalization multi_conditioning use_old_emphasis_implementation with_SDXL",
        "UltimateSDUpscale": "upscale_by seed steps cfg sampler_name scheduler denoise mode_type tile_width tile_height",
    }.items()
}
"""By class of node, as far as a recipe needs them."""


def widgets_of(node: Mapping[str, Any]) -> Mapping[str, Any]:
    """The values of a node's widgets by name, as far as the names are known and the values fit them."""
    values = node.get("widgets_values")
    if isinstance(values, dict):
        return {str(name): value for name, value in values.items() if not isinstance(value, list)}
    if not isinstance(values, list):
        return {}
    ports = node.get("inputs")
    ports = [port for port in ports if isinstance(port, dict)] if isinstance(ports, list) else []
    shown = [port["name"] for port in ports if port.get("widget") and isinstance(port.get("name"), str)]
    names = WIDGETS.get(str(node.get("type"))) or tuple(shown)
    kept = [value for place, value in enumerate(values) if place == 0 or value not in AFTER_RUN]
    if node.get("type") not in WIDGETS and len(names) != len(kept):
        return _only(kept)
    found: dict[str, Any] = {}
    place = 0
    for name in names:
        if place >= len(values):
            break
        value = values[place]
        place += 1
        if not fits(name, value):
            return {}
        if not isinstance(value, list):
            found[name] = value
        # Front ends of early 2023 had a switch in the place of the word.
        changes = place < len(values) and (values[place] in AFTER_RUN or isinstance(values[place], bool))
        if "seed" in name and changes and len(values) > len(names):
            place += 1
    return found


def _only(values: list[Any]) -> Mapping[str, Any]:
    """The one value of a node that is not known, under the name that its kind of value has most often."""
    if len(values) != 1 or isinstance(values[0], (list, dict)):
        return {}
    file = isinstance(values[0], str) and values[0].lower().endswith(FILES)
    return {"model_name" if file else "text" if isinstance(values[0], str) else "value": values[0]}


def fits(name: str, value: Any) -> bool:
    """Whether a value can be that of a widget; one that cannot says that the node's version lists them otherwise."""
    if _NUMBERS.match(name):
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return not _WORDS.match(name) or isinstance(value, (str, dict))
