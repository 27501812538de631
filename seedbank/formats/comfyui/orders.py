"""The widgets of ComfyUI's nodes by class, in the order in which the front end lists their values.

Sources: ComfyUI `nodes.py` and `comfy_extras`; the packs rgthree-comfy, Impact, Inspire, Efficiency, Easy-Use, TinyTerra,
KJNodes, Comfyroll, essentials, WAS, Image Saver, prompt reader, by what their `INPUT_TYPES` say. What is not here is read by
what `widgets` knows of the usual orders.
"""

from __future__ import annotations

from collections.abc import Mapping

_KSAMPLER = "seed steps cfg sampler_name scheduler denoise"
_EFFICIENT = f"{_KSAMPLER} preview_method vae_decode"
_INSPIRE = "noise_mode batch_seed_mode variation_seed variation_strength variation_method"
_ADVANCED = "add_noise noise_seed steps cfg sampler_name scheduler start_at_step end_at_step"
_LORA = "lora_name lora_model_strength lora_clip_strength"
_LATENT = "empty_latent_width empty_latent_height"
_NORMALIZED = "positive_token_normalization positive_weight_interpretation"
_RATIO = "width height aspect_ratio swap_dimensions upscale_factor"
_VIDEO = "width height length batch_size"
_MANY = 50
_CROPS = "width height crop_w crop_h target_width target_height"
_SDXL = f"{_CROPS} text_g text_l"

WIDGETS: Mapping[str, tuple[str, ...]] = {
    kind: tuple(names.split())
    for kind, names in {
        "KSampler": _KSAMPLER,
        "KSamplerAdvanced": f"{_ADVANCED} return_with_leftover_noise",
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
        "KSampler Adv. (Efficient)": f"{_ADVANCED} return_with_leftover_noise preview_method vae_decode",
        "KSampler SDXL (Eff.)": "noise_seed steps cfg sampler_name scheduler start_at_step refine_at_step preview_method",
        "Efficient Loader": f"ckpt_name vae_name clip_skip {_LORA} positive negative token_normalization weight_interpretation "
        f"{_LATENT} batch_size",
        "Eff. Loader SDXL": "base_ckpt_name base_clip_skip refiner_ckpt_name refiner_clip_skip positive_ascore negative_ascore "
        f"vae_name positive negative token_normalization weight_interpretation {_LATENT} batch_size",
        "LoRA Stacker": "input_mode lora_count "
        + " ".join(f"lora_name_{k} lora_wt_{k} model_str_{k} clip_str_{k}" for k in range(1, _MANY)),
        "Lora Loader Stack (rgthree)": " ".join(f"lora_{k:02} strength_{k:02}" for k in range(1, 5)),
        "CR LoRA Stack": " ".join(f"switch_{k} lora_name_{k} model_weight_{k} clip_weight_{k}" for k in range(1, 4)),
        "HighRes-Fix Script": "upscale_type hires_ckpt_name latent_upscaler pixel_upscaler upscale_by use_same_seed seed "
        "hires_steps denoise iterations",
        "Noise Control Script": "rng_source cfg_denoiser add_seed_noise seed weight",
        "KSampler //Inspire": f"{_KSAMPLER} {_INSPIRE}",
        "KSamplerPipe //Inspire": f"{_KSAMPLER} {_INSPIRE}",
        "KSamplerAdvanced //Inspire": f"{_ADVANCED} noise_mode return_with_leftover_noise",
        "WildcardEncode //Inspire": "token_normalization weight_interpretation wildcard_text populated_text mode _ _ seed",
        "ImpactWildcardEncode": "wildcard_text populated_text mode _ _ seed",
        "KSamplerAdvancedProvider": "cfg sampler_name scheduler sigma_factor",
        "RegionalSampler": "seed seed_2nd seed_2nd_mode steps base_only_steps denoise overlap_factor restore_latent",
        "TwoAdvancedSamplersForMask": "seed steps denoise overlap_factor",
        "PrimitiveStringMultiline": "value",
        "easy fullLoader": f"ckpt_name config_name vae_name clip_skip {_LORA} resolution {_LATENT} positive {_NORMALIZED} "
        f"negative {_NORMALIZED.replace('positive', 'negative')} batch_size",
        "easy a1111Loader": f"ckpt_name vae_name clip_skip {_LORA} resolution {_LATENT} positive negative batch_size",
        "easy comfyLoader": f"ckpt_name vae_name clip_skip {_LORA} resolution {_LATENT} positive negative batch_size",
        "easy fluxLoader": f"ckpt_name vae_name {_LORA} resolution {_LATENT} positive batch_size",
        "easy preSamplingAdvanced": "steps cfg sampler_name scheduler start_at_step end_at_step add_noise seed _ "
        "return_with_leftover_noise",
        "CR Aspect Ratio": f"{_RATIO} prescale_factor batch_size",
        "CR SDXL Aspect Ratio": f"{_RATIO} batch_size",
        "CR SD1.5 Aspect Ratio": f"{_RATIO} batch_size",
        "CR Multiline Text": "text",
        "CR Load LoRA": "switch lora_name strength_model strength_clip",
        "Input Parameters (Image Saver)": _KSAMPLER,
        "SDParameterGenerator": "ckpt_name vae_name model_version config_name seed steps refiner_start cfg sampler_name "
        "scheduler positive_ascore negative_ascore aspect_ratio width height batch_size",
        "SDLoraLoader": "lora_name strength_model strength_clip",
        "ManualSigmas": "sigmas",
        "PolyexponentialScheduler": "steps sigma_max sigma_min rho",
        "LaplaceScheduler": "steps sigma_max sigma_min mu beta",
        "VPScheduler": "steps beta_d beta_min eps_s",
        "HypernetworkLoader": "hypernetwork_name strength",
        "unCLIPConditioning": "strength noise_augmentation",
        "ModelSamplingFlux": "max_shift base_shift width height",
        **dict.fromkeys(
            ("EmptyMochiLatentVideo", "EmptyLTXVLatentVideo", "EmptyCosmosLatentVideo", "EmptyHunyuanVideo15Latent"), _VIDEO
        ),
        **dict.fromkeys(
            ("WanImageToVideo", "Wan22ImageToVideoLatent", "LTXVImgToVideo", "HunyuanImageToVideo", "CosmosImageToVideoLatent"),
            _VIDEO,
        ),
        "WanVideoSampler": "steps cfg shift seed force_offload scheduler riflex_freq_index denoise_strength",
        "WanVideoTextEncode": "positive_prompt negative_prompt",
        "WanVideoModelLoader": "model",
        "WanVideoEmptyEmbeds": "width height",
        "SwarmKSampler": "noise_seed steps cfg sampler_name scheduler start_at_step end_at_step add_noise "
        "return_with_leftover_noise var_seed var_seed_strength",
        "ClownsharKSampler_Beta": "eta sampler_name scheduler steps steps_to_run denoise cfg seed",
        "mxSlider": "Xi Xf isfloatX",
        "mxSlider2D": "Xi Xf Yi Yf isfloatX isfloatY",
        "WanCameraEmbedding": "camera_pose width height length",
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
        "MZ_ChatGLM3_Advance_V2": "text width height crop_w crop_h target_width target_height",
        "RegionalConditioningSimple //Inspire": "strength set_cond_area prompt",
        "RegionalConditioningColorMask //Inspire": "mask_color strength set_cond_area prompt",
        "CLIP Positive-Negative w/Text (WLSH)": "positive negative",
        "CLIP Positive-Negative XL w/Text (WLSH)": f"{_CROPS} positive_g positive_l negative_g negative_l",
        "KSamplerAdvanced (WLSH)": f"{_ADVANCED.replace('noise_seed', 'seed')} return_with_leftover_noise denoise",
        "Checkpoint Loader w/Name (WLSH)": "ckpt_name",
        "ttN pipeLoaderSDXL_v2": "ckpt_name config_name vae_name clip_skip loras refiner_ckpt_name refiner_config_name "
        "positive_g positive_l negative_g negative_l conditioning_aspect conditioning_width conditioning_height crop_width "
        "crop_height target_aspect target_width target_height positive_ascore negative_ascore empty_latent_aspect "
        f"{_LATENT} batch_size seed",
        "ttN pipeKSamplerSDXL_v2": "lora_name lora_strength upscale_method upscale_model_name factor rescale percent width "
        "height longer_side crop base_steps cfg denoise refiner_steps refiner_cfg refiner_denoise sampler_name scheduler "
        "image_output save_prefix file_type embed_workflow seed",
        "Seed": "seed",
        "ClownsharKSampler": "noise_type_init noise_type_sde noise_mode_sde eta noise_seed sampler_mode sampler_name "
        "implicit_sampler_name scheduler steps implicit_steps denoise denoise_alt cfg shift base_shift",
        "ClownsharkChainsampler_Beta": "eta sampler_name steps_to_run cfg sampler_mode bongmath",
        "FluxLoader": "unet_name weight_dtype clip_name1 clip_name2 vae_name clip_vision_name style_model_name",
        **dict.fromkeys(("VAEEncodeAdvanced", "PrepForUnsampling"), "resize_to_input width height"),
        "StringFunction|pysssss": "action tidy_tags text_a text_b text_c",
        **dict.fromkeys(("FaceDetailer", "FaceDetailerPipe"), f"guide_size guide_size_for max_size {_KSAMPLER}"),
        "Resolutions by Ratio (WLSH)": "aspect direction shortside",
        "Empty Latent by Ratio (WLSH)": "aspect direction shortside batch_size",
        "Empty Latent by Pixels (WLSH)": "aspect direction megapixels batch_size",
        "SDXL Resolutions (WLSH)": "resolution direction",
        "SDXL Quick Empty Latent (WLSH)": "resolution direction batch_size",
        "SeargeTextInputV2": "prompt",
        "SeargeModelSelector": "base_checkpoint refiner_checkpoint vae_checkpoint",
        "SeargeGenerationParameters": "seed image_size_preset image_width image_height steps cfg sampler_preset sampler_name "
        "scheduler base_vs_refiner_ratio",
        "SeargeLoras": " ".join(f"lora_{k} lora_{k}_strength" for k in range(1, 6)),
        "SeargeOperatingMode": "workflow_mode prompting_mode batch_size",
        "SeargeImage2ImageAndInpainting": "denoise inpaint_mask_blur inpaint_mask_mode",
        "SeargeHighResolution": "hires_mode hires_scale hires_denoise",
        "SeargeMagicBox": "stage input_from output_to",
        "UltimateSDUpscale": "upscale_by seed steps cfg sampler_name scheduler denoise mode_type tile_width tile_height",
    }.items()
}
"""By class of node, as far as a recipe needs them."""
