"""What the inputs and outputs of nodes are called: the words by which a graph of unknown nodes can be read.

A *role* is what a value is to a picture (`positive`, `latent`, `steps` …). Node packs name their inputs alike, so most
nodes need no entry of their own; `OUTPUTS` has those where the slot of the output decides.
Sources: ComfyUI `nodes.py` and `comfy_extras`, and the packs rgthree-comfy, Impact, Inspire, Efficiency, Easy-Use,
TinyTerra, KJNodes, essentials.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from seedbank.formats.comfyui.graph import Graph, Node

REMEMBERED = 2048
"""Names of inputs whose meaning is remembered; the same few stand in all graphs."""

NAMES: Mapping[str, tuple[str, ...]] = {
    role: tuple(words.split())
    for role, words in {
        "model": "model opt_model optional_model base_model model_override model1 model_1 unet model_c "
        "diffusion_model model_high_noise model_high high_model pipeline dit",
        "clip": "clip opt_clip optional_clip base_clip clip_override clip1 text_encoder",
        "vae": "vae optional_vae vae_opt vae_override opt_vae",
        "positive": "positive pos base_positive optional_positive cond1 positive_cond positive_conditioning cond_positive "
        "conds conditioning text_embeds prompt_embeds cond",
        "negative": "negative neg base_negative optional_negative negative_cond negative_conditioning cond_negative "
        "neg_conditioning negative_text_embeds uncond text_embeds conditioning",
        "latent": "latent_image latent samples latents samples_to optional_latent latent_opt latent_c image_to_latent "
        "samples1 latent1 init_latent input_latents destination image_embeds",
        "image": "images image pixels image1 image_1 image_a base_image destination original_image image_pass img "
        "input_image image_input IMAGE original_images frames video video_frames init_image start_image "
        "images_a images_1 image_from target source stage_c",
        "seed": "seed noise_seed main_seed random_seed rand_seed seed_value seed_num Seed",
        "steps": "steps steps_total num_steps num_inference_steps total_steps inference_steps base_steps",
        "cfg": "cfg cfg_scale cfg_conds guidance_scale true_cfg_scale true_cfg true_gs CFG cfg_text cfg_high_noise",
        "sampler": "sampler_name sampler",
        "scheduler": "scheduler scheduler_name schedule",
        "denoise": "denoise denoise_strength denoising_strength",
        "width": "width empty_latent_width image_width Width WIDTH resolution_width target_width w",
        "height": "height empty_latent_height image_height Height HEIGHT resolution_height target_height h",
        "batch": "batch_size batch amount",
        "refiner_step": "refiner_step step_refiner",
        "variation_seed": "variation_seed var_seed",
        "variation_strength": "variation_strength var_seed_strength",
        "clip_skip": "stop_at_clip_layer clip_skip base_clip_skip clipskip",
    }.items()
}
"""Inputs by role, the likelier ones first."""

TEXTS: Mapping[str, tuple[str, ...]] = {
    role: tuple(words.split())
    for role, words in {
        "positive": "passthrough populated_text positive_populated_text positive_prompt text_positive positive_text positive "
        "prompt_positive Positive text prompt user_prompt Text string String value text_a wildcard_text "
        "positive_wildcard_text prompt_text tags caption input_text any source text_1 text1 input anything "
        "pos_prompt global_prompt base_prompt_text prompt1 string_a string1 string_1 text_input",
        "negative": "passthrough populated_text negative_populated_text negative_prompt text_negative negative_text negative "
        "prompt_negative Negative text prompt user_prompt Text string String value text_a wildcard_text "
        "negative_wildcard_text prompt_text tags input_text any source text_1 text1 input anything neg_prompt "
        "prompt1 string_a string1 string_1 text_input",
    }.items()
}
"""Inputs that hold the text of a prompt. `populated_text` is a wildcard's text after the draw, so it stands first."""

ENCODERS = ("text", "text_g", "text_l", "prompt_g", "prompt_l", "t5xxl", "clip_l", "clip_g", "llama", "bert", "mt5xl")
"""Inputs of text encoders that take several texts for the parts of one prompt."""

CONDITIONINGS = re.compile(
    r"^(conditioning|cond|conds|c)([_ ]?(to|from|\d+|[a-z]))?$|"
    r"^regional_prompts?$|^clip_regions$|^region\d+$|^(base|mask)_cond$"
)
"""Inputs by which a conditioning is made from others."""

_PIPES = re.compile(r"(^|_)(pipe|ctx|context|bus|tuple|pipeline)(_\d+|_in|_opt)?$|^pipe", re.I)

PICTURES = re.compile(
    r"^(image|images|img|latent|latents|samples|pixels|frames?|video)"
    r"([_ ]?(in|input|a|b|\d+|pass|target|image|images|to|from))?$|"
    r"_(images?|latents?|samples|frames)$",
    re.I,
)
"""Inputs that carry a picture or its latents; a control or reference picture is none, see `NOT_PICTURES`."""

NOT_PICTURES = re.compile(
    r"control|cond_image|ref|mask|style|clip_?vision|ipadapter|face|depth|pose|hint|overlay|kps|watermark|upscale_model|end_image|face_?id",
    re.I,
)

RESIZES = re.compile(r"scale_by|upscale_by|scale_factor|megapixels?|upscale_model|rescale_factor|largest_size|multiplier", re.I)
"""Inputs of nodes that change the size of a picture by what it has."""

_CONTEXT = "pipe model clip vae positive negative latent image seed"
_BIG_CONTEXT = (
    f"{_CONTEXT} steps refiner_step cfg ckpt_name sampler scheduler clip_width clip_height text_pos_g text_pos_l text_neg_g "
    "text_neg_l mask control_net"
)
PIPED = frozenset(_BIG_CONTEXT.split()) | {"denoise", "width", "height"}
"""Roles of what contexts and pipes carry."""
_DETAILER = "pipe model clip vae positive negative"
_EFFICIENT = "model positive negative latent vae image"
_TINY = "pipe model positive negative latent vae clip image seed"
_SIDES = "positive negative latent"

OUTPUTS: Mapping[str, tuple[str, ...]] = {
    kind: tuple(roles.split())
    for kind, roles in {
        "Context (rgthree)": _CONTEXT,
        "Context Switch (rgthree)": _CONTEXT,
        "Context Merge (rgthree)": _CONTEXT,
        "Context Big (rgthree)": _BIG_CONTEXT,
        "Context Switch Big (rgthree)": _BIG_CONTEXT,
        "Context Merge Big (rgthree)": _BIG_CONTEXT,
        "KSampler Config (rgthree)": "steps refiner_step cfg sampler scheduler",
        "SDXL Empty Latent Image (rgthree)": "latent clip_width clip_height",
        "Power Prompt (rgthree)": "positive model clip text",
        "SDXL Power Prompt - Positive (rgthree)": "positive model clip text text",
        "FromBasicPipe": "model clip vae positive negative",
        "FromBasicPipe_v2": _DETAILER,
        "FromDetailerPipe": "model clip vae positive negative",
        "FromDetailerPipe_v2": _DETAILER,
        "FromDetailerPipe_SDXL": _DETAILER,
        "ImpactKSamplerBasicPipe": "pipe latent vae",
        "ImpactKSamplerAdvancedBasicPipe": "pipe latent vae",
        "ImpactWildcardEncode": "model clip positive text",
        "WildcardEncode //Inspire": "model clip positive text",
        "Efficient Loader": "model positive negative latent vae clip",
        "Eff. Loader SDXL": "pipe latent vae",
        "Unpack SDXL Tuple": "model clip positive negative",
        "KSampler (Efficient)": _EFFICIENT,
        "KSampler Adv. (Efficient)": _EFFICIENT,
        "KSampler SDXL (Eff.)": "pipe latent vae image",
        "easy fullLoader": "pipe model vae clip positive negative latent",
        "easy pipeOut": _TINY,
        "easy fullkSampler": "pipe image model positive negative latent vae clip seed",
        "easy loraPromptApply": "model clip positive negative",
        "ttN pipeOUT": "model positive negative latent vae clip image seed pipe",
        "ttN pipeKSampler": _TINY,
        "ttN pipeKSampler_v2": _TINY,
        "ttN pipeLoader": "pipe model positive negative latent vae clip seed",
        "ttN pipeLoader_v2": "pipe model positive negative latent vae clip seed",
        **dict.fromkeys(
            (f"CLIP Positive-Negative{kind} (WLSH)" for kind in ("", " w/Text", " XL", " XL w/Text")),
            "positive negative positive_text negative_text",
        ),
        "ControlNetApplyAdvanced": "positive negative",
        "ControlNetApplySD3": "positive negative",
        "ControlNetInpaintingAliMamaApply": "positive negative",
        "ACN_AdvancedControlNetApply": "positive negative model",
        "InstructPixToPixConditioning": _SIDES,
        "InpaintModelConditioning": _SIDES,
        "StableZero123_Conditioning": _SIDES,
        "SVD_img2vid_Conditioning": _SIDES,
        "SD_4XUpscale_Conditioning": _SIDES,
        "WanImageToVideo": _SIDES,
        "StableCascade_EmptyLatentImage": "latent latent",
        "StableCascade_StageC_VAEEncode": "latent latent",
        "CheckpointLoaderSimple": "model clip vae",
        "LoraLoader": "model clip",
        "SDXLEmptyLatentSizePicker+": "latent width height",
        "ResolutionSelector": "width height",
        "GetImageSize": "width height batch",
        "GetImageSize+": "width height batch",
        "GetImageSizeAndCount": "image width height batch",
        "ImageResize+": "image width height",
        "ImageResizeKJ": "image width height",
        "CR SDXL Aspect Ratio": "width height upscale batch latent",
        "CR SD1.5 Aspect Ratio": "width height upscale batch latent",
        "CR Aspect Ratio": "width height upscale prescale batch latent",
    }.items()
}
"""The role of each output, by slot."""

_SETS: Mapping[str, frozenset[str]] = {role: frozenset(inputs) for role, inputs in NAMES.items()}
_PORTS: Mapping[str, str] = {
    "conditioning+": "positive",
    "conditioning-": "negative",
    "images": "image",
    "sampler_name": "sampler",
    "context": "pipe",
    "basic_pipe": "pipe",
    **{role: role for role in ("pipe", *NAMES)},
}


def role_of(graph: Graph, node: Node, slot: int) -> str | None:
    """The role of an output, from the table or from the names in the workflow beside the graph; None where neither tells."""
    outputs = OUTPUTS.get(node.kind)
    if outputs is not None:
        return outputs[slot] if 0 <= slot < len(outputs) else None
    # The first output says little, and asking takes the workflow apart.
    ports = graph.ports(node.id) if slot > 0 else ()
    return _PORTS.get(ports[slot].strip().lower()) if 0 <= slot < len(ports) else None


@lru_cache(REMEMBERED)
def is_pipe(name: str) -> bool:
    """Whether an input of this name carries many things at once: a context, a pipe, a bus."""
    return bool(_PIPES.search(name))


@lru_cache(REMEMBERED)
def is_picture(name: str) -> bool:
    """Whether an input of this name carries the picture that is worked on."""
    if name in NAMES["latent"] or name in NAMES["image"]:
        return True
    return bool(PICTURES.search(name)) and not NOT_PICTURES.search(name)


def has(node: Node, role: str) -> bool:
    """Whether a node has an input for a role."""
    return not _SETS.get(role, frozenset()).isdisjoint(node.inputs)


def names(role: str) -> tuple[str, ...]:
    return NAMES.get(role, (role,))
