"""The training forward is the official one, and the shipped weights draw what they are asked for."""

import json

import pytest
import torch

from training import model
from training.evaluate import MODEL, held_out, load, paint, shares
from training.oracle import look
from training.render import render
from training.scenes import draw_uniforms, resolve
from training.tokenizer import build as build_tokenizer
from training.tokenizer import encode


@pytest.mark.parametrize("bucket", model.BUCKETS)
def test_training_forward_equals_the_official_forward(bucket: int) -> None:
    models = model.build(3).eval()
    generator = torch.Generator().manual_seed(0)
    for p in models.parameters():
        if p.requires_grad:
            p.data += torch.randn(p.shape, generator=generator) * 0.05
    texts = [t + " beautiful" * (bucket - 32) for t in ("a red circle on a blue background", "", "一只橘色的星星")]
    if bucket == 64:
        texts[1] = "beautiful " * 33
    ids, counts = encode(texts, bucket)
    latents, time = torch.randn(3, 16, 8, 8, generator=generator), torch.tensor([0.0, 0.3, 0.9])
    wrapped = [f"<s>{t}</s>" for t in texts]
    tokens = build_tokenizer()(wrapped, padding="max_length", max_length=128, truncation=True, return_tensors="pt")
    mask = tokens.attention_mask.bool()
    with torch.no_grad():
        mine = model.velocity(models, latents, time, ids.long(), counts)
        encoded = models["text_encoder"](input_ids=tokens.input_ids, attention_mask=mask, output_hidden_states=True)
        hidden = encoded.hidden_states[-2]
        features = [h[m] for h, m in zip(hidden, mask, strict=True)]
        official = models["transformer"](list(latents.unsqueeze(2)), time, features, return_dict=False)[0]
    assert torch.allclose(mine, torch.stack(list(official)).squeeze(2), atol=2e-5)


@pytest.mark.slow
def test_the_oracle_recognises_rendered_scenes() -> None:
    named, _ = held_out(100)
    pictures = render(resolve(named, draw_uniforms(100, torch.Generator().manual_seed(9))))
    for attribute, (percent, _) in shares(named, look(pictures)).items():
        assert percent >= 98, attribute


@pytest.mark.slow
def test_the_shipped_weights_draw_what_captions_name() -> None:
    guidance = json.loads((MODEL / "seedbank.json").read_text())["defaults"]["guidance_scale"]
    named, prompts = held_out(50)  # of fewer, a handful of tiny flowers decides
    scores = shares(named, look(paint(load(MODEL), prompts, list(range(50)), guidance)))
    for attribute in ("object colour", "background", "shape"):
        assert scores[attribute][0] >= 85, attribute


def test_the_shipped_folder_names_no_machine_and_fits_its_size() -> None:
    assert sum(f.stat().st_size for f in MODEL.rglob("*") if f.is_file()) <= 12e6
    for config in MODEL.rglob("*.json"):
        assert "_name_or_path" not in config.read_text()
    assert json.loads((MODEL / "model_index.json").read_text())["_class_name"] == "ZImagePipeline"
