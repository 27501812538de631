"""What a loaded pipeline is and what its call takes, as JSON values; and which words of a prompt it cuts off."""

from __future__ import annotations

import inspect
import json
import re
from typing import Any

from .loading import live_dtypes
from .pipeline_settings import pipeline_settings

SMALLEST_SENSIBLE_SIZE = 64
"""A VAE whose `sample_size` is at most this many pixels was never given one (the default is 32)."""
HARD_CODED_SIZE = 1024
"""Height and width where the pipeline neither has a default of its own nor a denoiser with a sample size."""


def describe(pipe: Any) -> dict[str, Any]:
    """The description of a loaded pipeline."""
    return {
        "pipeline": type(pipe).__name__,
        "components": {name: type(component).__name__ for name, component in pipe.components.items() if component is not None},
        "dtypes": live_dtypes(pipe),
        "scheduler": scheduler_of(pipe),
        "call": call_parameters(pipe),
        "sizes": sizes(pipe),
        "tokenizers": {field: tokenizer_limit(pipe, name) for field, name in prompt_fields(pipe).items()},
        "callbacks": list(getattr(pipe, "_callback_tensor_inputs", [])),
        "settings": pipeline_settings(pipe),
        "safety_checker": getattr(pipe, "safety_checker", None) is not None,
        "watermark": getattr(pipe, "watermark", None) is not None,
        # Of a distilled network: whether it takes the guidance at all. None where there is no such question.
        "guidance_embeds": getattr(getattr(getattr(pipe, "transformer", None), "config", None), "guidance_embeds", None),
    }


def scheduler_of(pipe: Any) -> dict[str, Any] | None:
    """{class, config} of the pipeline's scheduler; `None` when it has none."""
    scheduler = getattr(pipe, "scheduler", None)
    return None if scheduler is None else describe_scheduler(scheduler)


def describe_scheduler(scheduler: Any) -> dict[str, Any]:
    """{class, config} with every setting that the class takes.

    A configuration also carries versions, paths and settings inherited from other classes; they decide nothing here.
    """
    taken = inspect.signature(type(scheduler).__init__).parameters
    config = json.loads(scheduler.to_json_string())
    return {
        "class": type(scheduler).__name__,
        "config": {name: value for name, value in config.items() if name in taken},
    }


def call_parameters(pipe: Any) -> dict[str, dict[str, Any]]:
    """{name: {default, annotation}} of the call, in order. A default that JSON has no word for is left out."""
    parameters = {}
    for name, parameter in inspect.signature(type(pipe).__call__).parameters.items():
        if name == "self" or parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        described: dict[str, Any] = {"annotation": annotation_text(parameter)}
        if parameter.default is None or isinstance(parameter.default, (bool, int, float, str, list, tuple, dict)):
            described["default"] = parameter.default
        parameters[name] = described
    return parameters


def annotation_text(parameter: inspect.Parameter) -> str:
    """The annotation as text, e.g. ``float | None``; empty when there is none."""
    annotation = parameter.annotation
    if annotation is parameter.empty:
        return ""
    return annotation.__name__ if isinstance(annotation, type) and not hasattr(annotation, "__args__") else str(annotation)


def sizes(pipe: Any) -> dict[str, int]:
    """{vae_scale_factor, width, height}: pixels per latent, and the size that is rendered when none is asked for."""
    factor = int(getattr(pipe, "vae_scale_factor", 8))
    parameters = inspect.signature(type(pipe).__call__).parameters
    size = {side: parameters[side].default for side in ("height", "width") if side in parameters}
    height, width = default_size(pipe, factor)
    return {"vae_scale_factor": factor, "height": size.get("height") or height, "width": size.get("width") or width}


def default_size(pipe: Any, factor: int) -> tuple[int, int]:
    """(height, width) by the pipeline's own rule: its default, the denoiser's sample size, or a fixed number."""
    own = getattr(pipe, "default_sample_size", None)
    denoiser = getattr(pipe, "unet", None) or getattr(pipe, "transformer", None)
    trained = own if own is not None else getattr(getattr(denoiser, "config", None), "sample_size", None)
    if trained is not None:
        height, width = trained if isinstance(trained, (list, tuple)) else (trained, trained)
        return int(height) * factor, int(width) * factor
    # The pipeline hard-codes a number that only fits the large model; a VAE that was trained smaller says so.
    vae_size = getattr(getattr(getattr(pipe, "vae", None), "config", None), "sample_size", None)
    size = (
        min(HARD_CODED_SIZE, vae_size) if isinstance(vae_size, int) and vae_size > SMALLEST_SENSIBLE_SIZE else HARD_CODED_SIZE
    )
    return size, size


# -- prompts that are too long
# ---------------------------------------------------------------------------------------------


def prompt_fields(pipe: Any) -> dict[str, str]:
    """{prompt field: tokenizer component} of the text fields of the call that have a tokenizer."""
    parameters = inspect.signature(type(pipe).__call__).parameters
    fields = {"prompt": "tokenizer", "prompt_2": "tokenizer_2", "prompt_3": "tokenizer_3"}
    fields |= {f"negative_{field}": tokenizer for field, tokenizer in fields.items()}
    return {field: name for field, name in fields.items() if field in parameters and getattr(pipe, name, None) is not None}


def tokenizer_limit(pipe: Any, name: str, max_sequence_length: int | None = None) -> int | None:
    """The most tokens that the pipeline takes from this tokenizer; `None` when it is not known.

    CLIP has a fixed length. Language models take `max_sequence_length` of the call.
    """
    tokenizer = getattr(pipe, name)
    encoder = getattr(pipe, name.replace("tokenizer", "text_encoder"), None)
    if "CLIP" in type(encoder).__name__:
        return int(tokenizer.model_max_length)
    parameter = inspect.signature(type(pipe).__call__).parameters.get("max_sequence_length")
    if parameter is None:
        return int(tokenizer.model_max_length) if tokenizer.model_max_length < 1 << 30 else None
    return int(max_sequence_length or parameter.default)


def lost_words(pipe: Any, field: str, prompt: str, max_sequence_length: int | None = None) -> list[str]:
    """The words at the end of `prompt` that no tokenizer of the pipeline takes; empty when all fit.

    A prompt that several tokenizers read (FLUX: CLIP and T5) loses only what the most patient of them cuts off.
    """
    fields = prompt_fields(pipe)
    base = "negative_prompt" if field.startswith("negative_") else "prompt"
    names = set(fields.values()) if field == base else {fields[field]} if field in fields else set()
    remainders = [_lost_to(pipe, name, prompt, tokenizer_limit(pipe, name, max_sequence_length)) for name in sorted(names)]
    return min(remainders, key=len, default=[])


def _lost_to(pipe: Any, name: str, prompt: str, limit: int | None) -> list[str]:
    tokenizer = getattr(pipe, name)
    if limit is None:
        return []
    text, extra = _templated(pipe, tokenizer, prompt)
    limit += extra
    if not getattr(tokenizer, "is_fast", False):
        content = tokenizer(text, add_special_tokens=False).input_ids
        room = limit - tokenizer.num_special_tokens_to_add()
        rest: str = tokenizer.decode(content[room:])
        return rest.split()
    whole = tokenizer(text, return_offsets_mapping=True)
    if len(whole["input_ids"]) <= limit:
        return []
    kept = tokenizer(text, truncation=True, max_length=limit, return_offsets_mapping=True)
    end = max(stop for _, stop in kept["offset_mapping"]) - max(text.find(prompt), 0)
    return _words_after(prompt, max(end, 0))


def _templated(pipe: Any, tokenizer: Any, prompt: str) -> tuple[str, int]:
    """The text that the tokenizer really reads, and how many tokens of a fixed beginning do not count."""
    template = getattr(pipe, "prompt_template_encode", None)
    if isinstance(template, str):
        return template.format(prompt), int(getattr(pipe, "prompt_template_encode_start_idx", 0))
    if getattr(tokenizer, "chat_template", None):
        message = [{"role": "user", "content": prompt}]
        return tokenizer.apply_chat_template(message, tokenize=False, add_generation_prompt=True, enable_thinking=True), 0
    return prompt, 0


def _words_after(prompt: str, end: int) -> list[str]:
    """Words that end after `end`. Of one that began before, the rest alone where the script writes no spaces."""
    words = []
    for match in re.finditer(r"\S+", prompt):
        if match.end() > end:
            words.append(match.group() if match.start() >= end or match.group().isascii() else prompt[end : match.end()])
    return words
