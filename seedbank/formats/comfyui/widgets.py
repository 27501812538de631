"""The widgets of ComfyUI's nodes in the order in which the front end lists their values.

A workflow as it is drawn holds `widgets_values` by position only. Seeds are followed by a word that says how they change
after a run; it is no input. Sources: ComfyUI `nodes.py` and `comfy_extras`, and the node packs.
"""

from __future__ import annotations

from collections.abc import Mapping

AFTER_RUN = ("fixed", "increment", "decrement", "randomize")
"""What the widget behind a seed says."""

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
