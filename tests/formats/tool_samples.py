"""What each tool writes, made up in its layout, and what a reader must say of it."""

from __future__ import annotations

import json

from seedbank.formats.reading import Lora, ModelName, Payload

BLAKE = "blake3:" + "7c" * 32
SHA = "A5" * 32
GRAPH = {
    "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "m.safetensors"}},
    "2": {"class_type": "CLIPTextEncode", "inputs": {"clip": ["1", 1], "text": "a cat"}},
    "3": {"class_type": "CLIPTextEncode", "inputs": {"clip": ["1", 1], "text": "blurry"}},
    "4": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 96, "batch_size": 1}},
    "5": {
        "class_type": "KSampler",
        "inputs": {
            **{"model": ["1", 0], "positive": ["2", 0], "negative": ["3", 0], "latent_image": ["4", 0], "seed": 2**53 + 1},
            **{"steps": 20, "cfg": 7.0, "sampler_name": "euler", "scheduler": "karras", "denoise": 1.0},
        },
    },
    "6": {"class_type": "VAEDecode", "inputs": {"samples": ["5", 0], "vae": ["1", 2]}},
    "7": {"class_type": "SaveImage", "inputs": {"images": ["6", 0], "filename_prefix": "x"}},
}
A1111 = "a cat\nNegative prompt: blurry\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 5, Size: 64x96, Model: m"


def sample(place: str, value: object) -> Payload:
    return Payload(place, json.dumps(value))


INVOKE = {
    **{"generation_mode": "sdxl_txt2img", "positive_prompt": "a cat", "negative_prompt": "", "width": 64, "height": 96},
    **{"seed": 0, "rand_device": "cpu", "cfg_scale": 6.0, "steps": 24, "scheduler": "euler_a", "app_version": "6.10.0"},
    "model": {"key": "k", "hash": BLAKE, "name": "wai", "base": "sdxl", "type": "main"},
    "loras": [{"model": {"key": "l", "hash": "random:ab", "name": "detail"}, "weight": 0.75}],
}
INVOKE_OLD = {
    **{
        "positive_prompt": "a cat",
        "negative_prompt": "b",
        "seed": 4,
        "steps": 5,
        "cfg_scale": 7.5,
        "scheduler": "k",
        "clip_skip": 1,
    },
    **{"model": {"model_name": "mix", "base_model": "sd-1"}, "loras": [{"lora": {"model_name": "l"}, "weight": 1}]},
}
SD_METADATA = {
    **{"model_weights": "stable-diffusion-1.5", "model_hash": "cc" * 32, "app_version": "2.3.1"},
    "image": {
        **{"prompt": [{"prompt": "a cat [dog] on grass [car]", "weight": 1.0}], "steps": 30, "cfg_scale": 7.5, "seed": 11},
        **{"sampler": "k_lms", "width": 512, "height": 768, "type": "txt2img"},
    },
}
INVOKE_GRAPH = {
    "nodes": {
        "loader": {"type": "main_model_loader", "model": {"name": "wai", "hash": BLAKE}},
        "lora": {"type": "lora_loader", "lora": {"name": "detail"}, "weight": 0.5},
        "string": {"type": "string", "value": "a cat"},
        "pos": {"type": "compel", "prompt": ""},
        "neg": {"type": "compel", "prompt": "blurry"},
        "seed": {"type": "integer", "value": 77},
        "noise": {"type": "noise", "width": 64, "height": 96},
        "denoise": {"type": "denoise_latents", "steps": 9, "cfg_scale": 4.5, "scheduler": "euler"},
    },
    "edges": [
        {"source": {"node_id": a, "field": "value"}, "destination": {"node_id": b, "field": field}}
        for a, b, field in (
            ("string", "pos", "prompt"),
            ("pos", "denoise", "positive_conditioning"),
            ("neg", "denoise", "negative_conditioning"),
            ("noise", "denoise", "noise"),
            ("seed", "noise", "seed"),
            ("loader", "lora", "unet"),
            ("lora", "denoise", "unet"),
            ("denoise", "pos", "clip"),  # a circle, which no real graph has
        )
    ],
}
SWARM = {
    "sui_image_params": {
        **{
            "prompt": "a cat",
            "negativeprompt": "blurry",
            "model": "folder/sdxl",
            "seed": "18446744073709551615",
            "steps": "20",
        },
        **{"cfgscale": 7, "width": 64, "height": 96, "sampler": "euler", "scheduler": "karras", "loras": ["detail"]},
        **{"loraweights": ["0.8"], "clipstopatlayer": -2, "variationseed": 3, "variationseedstrength": 0.25},
    },
    "sui_models": [
        {"name": "folder/sdxl.safetensors", "param": "model", "hash": "0x22"},
        {"name": "detail.safetensors", "param": "loras", "hash": "0x33"},
    ],
}
FOOOCUS = {
    **{"metadata_scheme": "fooocus", "prompt": "a cat", "negative_prompt": "", "seed": "6952411511246973023", "steps": 30},
    **{"guidance_scale": 4, "sampler": "dpmpp_2m_sde_gpu", "scheduler": "karras", "resolution": "(64, 96)"},
    **{
        "base_model": "jugger",
        "base_model_hash": "aeb7e9e689",
        "loras": [["offset", 0.1, "4852686128"]],
        "refiner_model": "None",
    },
}
LOG = {
    **{"Prompt": "a cat", "Negative Prompt": "", "Performance": "Speed", "Resolution": "(64, 96)", "Sharpness": 2.0},
    **{"Guidance Scale": 1.0, "Base Model": "sd_xl.safetensors", "Sampler": "lcm", "Scheduler": "lcm"},
    **{"Seed": 6515525224486854496, "LoRA 1": "Pet : x.safetensors : 1.65", "Styles": "[]", "Version": "v2.1"},
}
RUINED = {
    **{"software": "RuinedFooocus", "Prompt": "a cat", "Negative": "b\n\nc", "steps": 30, "cfg": 8, "width": 64, "height": 96},
    **{
        "seed": 7,
        "sampler_name": "dpmpp_2m",
        "scheduler": "karras",
        "base_model_name": "m.safetensors",
        "base_model_hash": "be9edd61",
    },
}
NOVEL = {
    **{"prompt": "a cat, -0.8::feet::", "uc": "blurry", "steps": 23, "scale": 5.0, "seed": 2156638429, "sampler": "k_euler"},
    **{"noise_schedule": "karras", "width": 64, "height": 96, "n_samples": 1, "request_type": "PromptGenerateRequest"},
    "v4_prompt": {
        "caption": {"base_caption": "a cat", "char_captions": [{"char_caption": "a boy"}, {"char_caption": "a girl"}]}
    },
}
NOVEL_AROUND = {"Software": "NovelAI", "Source": "NovelAI Diffusion V4.5 C02D4F98", "Description": "a cat"}
EASY = {
    **{
        "prompt": "a cat",
        "negative_prompt": "blurry",
        "seed": 42,
        "use_stable_diffusion_model": "sd-v1-5",
        "sampler_name": "plms",
    },
    **{
        "width": 64,
        "height": 96,
        "num_inference_steps": 25,
        "guidance_scale": 7.5,
        "use_vae_model": "vae-ft",
        "clip_skip": True,
    },
    **{"use_lora_model": ["a", "b"], "lora_alpha": [0.5, 1.0]},
}
EASY_TEXT = (
    "Prompt: a cat\nSeed: 42\nStable Diffusion model: sd-v1-5\nSampler: plms\nWidth: 64\nHeight: 96\nSteps: 25\n"
    "Guidance Scale: 7.5\nNegative Prompt: blurry\nVAE model: vae-ft\nClip Skip: True\nLoRA model: ['a', 'b']\n"
    "LoRA Strength: [0.5, 1.0]\n"
)
DRAW = {
    **{"c": "a ?cat? ? here", "uc": "blurry", "model": "flux_q8p.ckpt", "sampler": "Euler A Trailing", "scale": 4.5, "seed": 5},
    **{"steps": 28, "strength": 1, "size": "64x96", "v2": {"loras": [{"file": "l.ckpt", "weight": 0.6}], "width": 64}},
}
DRAW_TEXT = (
    "a “cat” — here\n-blurry\n"
    "Steps: 28, Sampler: Euler A Trailing, Guidance Scale: 4.5, Seed: 5, Size: 64x96, Model: flux_q8p.ckpt"
)
MIDJOURNEY = "a fox --ar 16:9 --v 6.1 --seed 12 --no text, logo Job ID: 01234567-89ab-cdef-0123-456789abcdef"
AIRY = {
    "prompt": {
        **{"software": "imaginAIry", "prompts": [[1, "a bird"]], "negative_prompt": [[1, ""]], "prompt_strength": 7.5},
        **{
            "steps": 30,
            "width": 64,
            "height": 96,
            "sampler_type": "k_dpmpp_2m",
            "init_image": "a.jpg",
            "init_image_strength": 0.25,
        },
    }
}
AIRY_TEXT = (
    '\x1b[31m"a bird" 64x96px\x1b[0m negative-prompt:"" seed:862735879 prompt-strength:7.5 steps:30 sampler-type:k_dpmpp_2m'
)
TENSOR = {
    **{"prompt": "a cat", "negativePrompt": "blurry", "width": 64, "height": 96, "steps": 25, "cfgScale": 7, "seed": "-1"},
    **{"clipSkip": 2, "ksamplerName": "euler_ancestral", "schedule": "karras", "etaNoiseSeedDelta": 31337},
    "baseModel": {"label": "v16", "modelFileName": "WAI-16", "hash": SHA},
}
MATRIX = {
    **{"PositivePrompt": "a cat\r\n", "NegativePrompt": "blurry", "Steps": 20, "Sampler": "Euler Karras", "CfgScale": 7},
    **{"Seed": 2**53 + 1, "Width": 64, "Height": 96, "ModelHash": SHA, "ModelName": "m.safetensors"},
}
SPACE = {
    **{"prompt": "a cat", "negative_prompt": "blurry", "resolution": "64 x 96", "guidance_scale": 7, "num_inference_steps": 28},
    **{"seed": 5, "sampler": "Euler a", "Model": "Animagine", "Model hash": "e3c47aedb0"},
}
DGENERATE = """#! /usr/bin/env dgenerate --file
#! dgenerate 5.0.0

stabilityai/stable-diffusion-xl-base-1.0 \\
--model-type sdxl --dtype float16 \\
--inference-steps 30 --guidance-scales 5 --clip-skips 1 \\
--loras "some/lora;scale=0.8" --scheduler "EulerDiscreteScheduler;use-karras-sigmas=true" \\
--seeds 17013403082969012133 --output-size 64x96 \\
--prompts "a \\"cat\\"; blurry"
\\exec rm -rf /
"""
MOLD = {"prompt": "a cat", "model": "flux2-klein:bf16", "seed": 17013403082969012133, "steps": 4, "guidance": 0.0, "width": 64}

SAMPLES = {
    "invokeai": (
        [sample("png:invokeai_metadata", INVOKE)],
        {
            "prompt": "a cat",
            "negative_prompt": "",
            "seed": 0,
            "steps": 24,
            "guidance_scale": 6.0,
            "sampler": "euler_a",
            "schedule": None,
            "width": 64,
            "height": 96,
            "model": ModelName("wai", BLAKE),
            "loras": (Lora("detail", 0.75),),
        },
    ),
    "invokeai, first names": (
        [sample("text", INVOKE_OLD)],
        {
            "prompt": "a cat",
            "seed": 4,
            "sampler": "k",
            "model": ModelName("mix"),
            "loras": (Lora("l", 1.0),),
            "width": None,
        },
    ),
    "invokeai, sd-metadata": (
        [sample("png:sd-metadata", SD_METADATA)],
        {
            "prompt": "a cat on grass",
            "negative_prompt": "dog car",
            "seed": 11,
            "steps": 30,
            "sampler": "k_lms",
            "width": 512,
            "model": ModelName("stable-diffusion-1.5", "cc" * 32),
        },
    ),
    "invokeai, dream": (
        [Payload("png:Dream", '"a \\"cat\\" [dog]" -s 50 -S 2980747362 -W 512 -H 768 -C 5 -A k_lms -G 0.9 -f 0.4')],
        {
            "prompt": 'a "cat"',
            "negative_prompt": "dog",
            "seed": 2980747362,
            "steps": 50,
            "guidance_scale": 5.0,
            "sampler": "k_lms",
            "width": 512,
            "height": 768,
            "model": None,
        },
    ),
    "invokeai, its ancestor": (
        [Payload("png:Dream", '"a cat" -s50 -b1 -W512 -H512 -C7.5 -Ak_lms -S2420237860')],
        {
            "prompt": "a cat",
            "negative_prompt": None,
            "seed": 2420237860,
            "steps": 50,
            "guidance_scale": 7.5,
            "sampler": "k_lms",
        },
    ),
    "invokeai, graph only": (
        [sample("png:invokeai_graph", INVOKE_GRAPH)],
        {
            "prompt": "a cat",
            "negative_prompt": "blurry",
            "seed": 77,
            "steps": 9,
            "guidance_scale": 4.5,
            "sampler": "euler",
            "width": 64,
            "height": 96,
            "model": ModelName("wai", BLAKE),
            "loras": (Lora("detail", 0.5),),
        },
    ),
    "swarmui": (
        [sample("png:parameters", SWARM), sample("png:prompt", GRAPH)],
        {
            "prompt": "a cat",
            "negative_prompt": "blurry",
            "seed": 2**64 - 1,
            "steps": 20,
            "guidance_scale": 7.0,
            "sampler": "euler",
            "schedule": "karras",
            "width": 64,
            "model": ModelName("folder/sdxl", "0x22"),
            "loras": (Lora("detail", 0.8, "0x33"),),
        },
    ),
    "fooocus": (
        [sample("exif:UserComment", FOOOCUS)],
        {
            "prompt": "a cat",
            "negative_prompt": "",
            "seed": 6952411511246973023,
            "steps": 30,
            "guidance_scale": 4.0,
            "sampler": "dpmpp_2m_sde_gpu",
            "schedule": "karras",
            "width": 64,
            "height": 96,
            "model": ModelName("jugger", "aeb7e9e689"),
            "loras": (Lora("offset", 0.1, "4852686128"),),
        },
    ),
    "fooocus, log": (
        [sample("sidecar:log.html", LOG)],
        {
            "prompt": "a cat",
            "seed": 6515525224486854496,
            "steps": None,
            "guidance_scale": 1.0,
            "sampler": "lcm",
            "width": 64,
            "model": ModelName("sd_xl.safetensors"),
            "loras": (Lora("Pet : x.safetensors", 1.65),),
        },
    ),
    "fooocusplus": (
        [sample("exif:UserComment", {**LOG, "Metadata Scheme": "Fooocus", "Version": "FooocusPlus 1.0", "Steps": 30})],
        {
            "prompt": "a cat",
            "steps": 30,
            "seed": 6515525224486854496,
        },
    ),
    "fooocus, a1111": (
        [Payload("png:parameters", A1111 + ", Version: Fooocus v2.5.5"), Payload("png:fooocus_scheme", "a1111")],
        {
            "prompt": "a cat",
            "seed": 5,
            "sampler": "Euler a",
            "width": 64,
        },
    ),
    "ruined-fooocus": (
        [sample("png:parameters", {**RUINED, "loras": [["4852686128", "0.1 - dir\\o - x.safetensors"]]})],
        {
            "prompt": "a cat",
            "negative_prompt": "b\n\nc",
            "seed": 7,
            "guidance_scale": 8.0,
            "sampler": "dpmpp_2m",
            "model": ModelName("m.safetensors", "be9edd61"),
            "loras": (Lora("dir\\o - x.safetensors", 0.1, "4852686128"),),
        },
    ),
    "ruined-fooocus, first": (
        [sample("png:parameters", {**RUINED, "loras": "Loras:<None:1>,<o.safetensors:0.5>"})],
        {
            "loras": (Lora("o.safetensors", 0.5),),
        },
    ),
    "novelai": (
        [sample("png:Comment", NOVEL), *(Payload(f"png:{key}", value) for key, value in NOVEL_AROUND.items())],
        {
            "prompt": "a cat, -0.8::feet::",
            "negative_prompt": "blurry",
            "seed": 2156638429,
            "steps": 23,
            "guidance_scale": 5.0,
            "sampler": "k_euler",
            "schedule": "karras",
            "width": 64,
            "model": ModelName("NovelAI Diffusion V4.5 C02D4F98"),
        },
    ),
    "novelai, webp": (
        [sample("exif:UserComment", {**NOVEL_AROUND, "Comment": json.dumps(json.dumps(NOVEL))})],
        {
            "prompt": "a cat, -0.8::feet::",
            "seed": 2156638429,
            "model": ModelName("NovelAI Diffusion V4.5 C02D4F98"),
        },
    ),
    "novelai, stealth": (
        [sample("stealth:alpha", {**NOVEL_AROUND, "Comment": json.dumps(NOVEL)})],
        {"steps": 23, "seed": 2156638429},
    ),
    "novelai, first": (
        [
            Payload("png:Software", "NovelAI"),
            Payload("png:Description", "a cat,  icon"),
            Payload("png:Source", "Stable Diffusion 1D"),
            sample("png:Comment", {"steps": 50, "sampler": "k_lms", "seed": 1, "strength": 0.4, "scale": 10.0, "uc": "bad"}),
        ],
        {"prompt": "a cat,  icon", "negative_prompt": "bad", "width": None, "schedule": None, "guidance_scale": 10.0},
    ),
    "easydiffusion, chunks": (
        [Payload(f"png:{key}", str(value)) for key, value in EASY.items()],
        {
            "prompt": "a cat",
            "negative_prompt": "blurry",
            "seed": 42,
            "steps": 25,
            "guidance_scale": 7.5,
            "sampler": "plms",
            "width": 64,
            "model": ModelName("sd-v1-5"),
            "loras": (Lora("a", 0.5), Lora("b", 1.0)),
        },
    ),
    "easydiffusion": ([sample("exif:UserComment", EASY)], {"seed": 42, "loras": (Lora("a", 0.5), Lora("b", 1.0))}),
    "easydiffusion, text": (
        [Payload("sidecar:.txt", EASY_TEXT)],
        {
            "prompt": "a cat",
            "negative_prompt": "blurry",
            "seed": 42,
            "steps": 25,
            "model": ModelName("sd-v1-5"),
            "loras": (Lora("a", 0.5), Lora("b", 1.0)),
        },
    ),
    "drawthings": (
        [
            sample("exif:UserComment", DRAW),
            Payload("exif:ImageDescription", DRAW_TEXT),
            Payload("exif:Software", "Draw Things"),
        ],
        {
            "prompt": "a “cat” — here",
            "negative_prompt": "blurry",
            "seed": 5,
            "steps": 28,
            "guidance_scale": 4.5,
            "sampler": "Euler A Trailing",
            "width": 64,
            "height": 96,
            "model": ModelName("flux_q8p.ckpt"),
            "loras": (Lora("l.ckpt", 0.6),),
        },
    ),
    "drawthings, png": (
        [sample("xmp:UserComment", {**DRAW, "c": "a “cat”"}), Payload("xmp:CreatorTool", "Draw Things")],
        {
            "prompt": "a “cat”",
            "seed": 5,
            "width": 64,
        },
    ),
    "drawthings, description": (
        [Payload("exif:ImageDescription", DRAW_TEXT), Payload("exif:Software", "Draw Things")],
        {
            "prompt": "a “cat” — here",
            "negative_prompt": "blurry",
            "seed": 5,
            "model": ModelName("flux_q8p.ckpt"),
        },
    ),
    "imaginairy": (
        [
            sample("exif:UserComment", AIRY),
            Payload("exif:ImageDescription", AIRY_TEXT),
            Payload("exif:Software", "Imaginairy / Stable Diffusion openjourney-v2"),
        ],
        {
            "prompt": "a bird",
            "negative_prompt": "",
            "seed": 862735879,
            "steps": 30,
            "guidance_scale": 7.5,
            "sampler": "k_dpmpp_2m",
            "width": 64,
            "height": 96,
            "model": ModelName("openjourney-v2"),
        },
    ),
    "stability-matrix": (
        [sample("png:prompt", GRAPH), Payload("png:parameters", A1111), sample("png:parameters-json", MATRIX)],
        {
            "prompt": "a cat\r\n",
            "seed": 2**53 + 1,
            "sampler": "euler",
            "schedule": "karras",
            "model": ModelName("m.safetensors", SHA),
        },
    ),
    "tensorart": (
        [Payload("png:generation_data", json.dumps(TENSOR) + "\0"), sample("png:prompt", GRAPH)],
        {
            "prompt": "a cat",
            "seed": 2**53 + 1,
            "steps": 25,
            "sampler": "euler_ancestral",
            "schedule": "karras",
            "model": ModelName("WAI-16", SHA),
        },
    ),
    "tensorart, no graph": ([sample("png:generation_data", TENSOR)], {"seed": None, "guidance_scale": 7.0}),
    "artbot": ([Payload("exif:UserComment", A1111), Payload("exif:Software", "ArtBot - utilizing the AI Horde")], {"seed": 5}),
    "diffusers": (
        [sample("png:parameters", SPACE)],
        {
            "prompt": "a cat",
            "negative_prompt": "blurry",
            "seed": 5,
            "steps": 28,
            "guidance_scale": 7.0,
            "sampler": "Euler a",
            "width": 64,
            "height": 96,
            "model": ModelName("Animagine", "e3c47aedb0"),
        },
    ),
    "diffusers, chunks": (
        [Payload(f"png:{key}", str(value)) for key, value in SPACE.items()],
        {"prompt": "a cat", "steps": 28},
    ),
    "dgenerate": (
        [Payload("png:DgenerateConfig", DGENERATE)],
        {
            "prompt": 'a "cat"',
            "negative_prompt": "blurry",
            "seed": 17013403082969012133,
            "steps": 30,
            "guidance_scale": 5.0,
            "sampler": "EulerDiscreteScheduler",
            "width": 64,
            "height": 96,
            "loras": (Lora("some/lora", 0.8),),
            "model": ModelName("stabilityai/stable-diffusion-xl-base-1.0"),
        },
    ),
    "mold": (
        [sample("png:mold:parameters", MOLD), Payload("png:mold:scheduler", "ddim")],
        {
            "prompt": "a cat",
            "seed": 17013403082969012133,
            "guidance_scale": 0.0,
            "sampler": None,
            "schedule": "ddim",
            "model": ModelName("flux2-klein:bf16"),
        },
    ),
    "mold, jpeg": (
        [Payload("jpeg:comment", "mold:parameters " + json.dumps({**MOLD, "lora": "l.safetensors", "lora_scale": 0.5}))],
        {"prompt": "a cat", "steps": 4, "loras": (Lora("l.safetensors", 0.5),)},
    ),
    "imaginairy, weights": (
        [sample("exif:UserComment", {"prompt": {"software": "imaginairy", "prompts": [[1, "a"], [0.5, "b"]], "seed": 0}})],
        {"prompt": "1*(a)|0.5*(b)", "seed": 0, "negative_prompt": None},
    ),
    "midjourney": (
        [Payload("png:Description", MIDJOURNEY)],
        {
            "prompt": "a fox",
            "negative_prompt": "text, logo",
            "seed": 12,
            "steps": None,
        },
    ),
    "dall-e": ([Payload("exif:Software", "OpenAI DALL-E 3"), Payload("exif:ImageDescription", "a fox")], {"prompt": "a fox"}),
}
