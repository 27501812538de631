"""The block that people paste: as seedbank writes it, and as people type it."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seedbank.errors import BadInput
from seedbank.formats.block import read_block, write_block
from seedbank.formats.reading import Foreign, FormatError, Lora, ModelName
from seedbank.formats.remainder import remainder, together
from seedbank.formats.stamp import Stamp, find_stamp, pack, unpack, without_stamp
from seedbank.frozen import replace
from seedbank.pipelines import cfg_of
from seedbank.recipe import Recipe

SCENE = """【图像复现指令】
Seed: 4711
Prompt: "山谷里的小木屋，晨雾，水彩风格"
Negative: "模糊，低质量"
Size: 1024x576
Steps: 50
CFG: 8.0
"""
RECIPE = Recipe(
    conditioning={"prompt": "山谷里的小木屋，晨雾，水彩风格", "negative_prompt": "模糊，低质量", "prompt_2": "x"},
    noise={"kind": "torch-cpu", "seed": "4711"},
    call={"width": 1024, "height": 576, "num_inference_steps": 50, "guidance_scale": 7.1, "cfg_truncation": 1.0},
    model="a" * 64,
    pipeline="ZImagePipeline",
    scheduler={"class": "FlowMatchEulerDiscreteScheduler", "config": {"shift": 3.0, "use_karras_sigmas": True}},
    dtypes={"transformer": "bfloat16"},
)


def said(text: str) -> Foreign:
    reading = read_block(without_stamp(text))
    assert reading is not None
    return reading.recipe


def test_the_block_that_people_paste_today_is_read():
    found = said(SCENE)
    assert (found.prompt, found.negative_prompt) == ("山谷里的小木屋，晨雾，水彩风格", "模糊，低质量")
    assert (found.seed, found.width, found.height, found.steps, found.guidance_scale) == (4711, 1024, 576, 50, 8.0)
    assert found.model is None and find_stamp(SCENE) is None


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("种子：４７１１\n提示词：猫", "seed", 4711),
        ("SEED = 18446744073709551615\nprompt: cat", "seed", 2**64 - 1),
        ("Seed: 0\nPrompt: cat", "seed", 0),
        ("Seed: -1\nPrompt: cat", "seed", None),
        ("Seed: 1\n正向提示词：“猫，坐着”", "prompt", "猫，坐着"),
        ("Seed: 1\nPrompt: 「猫」", "prompt", "猫"),
        ("Seed: 1\nPrompt: ‘a cat’", "prompt", "a cat"),
        ('Seed: 1\nPrompt: "a "red" cat"', "prompt", 'a "red" cat'),
        ("Seed: 1\nPrompt: “a \\”red\\” cat\\nsits”", "prompt", 'a "red" cat\nsits'),
        ('Seed: 1\nPrompt: "cat \\(animal\\)"', "prompt", "cat \\(animal\\)"),
        ("Seed: 1\nPrompt: a cat\nwith a hat: red\n\nSteps: 4", "prompt", "a cat\nwith a hat: red"),
        ("Seed: 1\nPrompt: cat\n负面提示词： 模糊", "negative_prompt", "模糊"),
        ("- **Seed**: 1\n- **Prompt**: cat\n- **CFG Scale**: 7.5", "guidance_scale", 7.5),
        ("种子：1，步数：50，CFG：8\n提示词：猫", "steps", 50),
        ("Seed: 1; Size: 1024 × 576; Steps: 50\nPrompt: cat", "height", 576),
        ("Seed: 1\n尺寸：１０２４＊５７６\nPrompt: cat", "width", 1024),
        ("Seed: 1\n宽度: 640\n高度: 480\nPrompt: cat", "height", 480),
        ("Seed: 1\nPrompt: cat\n采样器：Euler a。", "sampler", "Euler a。"),
        ("Seed: 1\nPrompt: cat\nModel: dream, shaper v8", "model", ModelName("dream, shaper v8")),
        ("```\nSeed: 1\nPrompt: cat\n```", "prompt", "cat"),
    ],
)
def test_a_block_is_read_as_people_type_it(text, field, value):
    assert getattr(said(text), field) == value


WHOLE = (4711, "山谷里的小木屋，晨雾", 50, 8.0, 1024, 576)
TYPED = {
    "quoted in a chat": "> Seed: 4711\n> Prompt: “山谷里的小木屋，晨雾”\n> Size: 1024x576\n> Steps: 50\n> CFG: 8.0",
    "emoji": "🎲 种子：4711\n✏️ 提示词：山谷里的小木屋，晨雾\n📐 尺寸：1024×576\n1️⃣ 步数：50\n⚙️ CFG：8.0",
    "both languages": "种子/Seed：4711\n提示词（Prompt）：山谷里的小木屋，晨雾\nSize (尺寸): 1024x576\n步数/Steps：50\n"
    "CFG值：8.0",
    "no colons": "种子 4711\n提示词 山谷里的小木屋，晨雾\n尺寸1024×576\n步数50\nCFG 8.0",
    "one line": "种子4711，提示词：山谷里的小木屋，晨雾，尺寸1024×576，步数50，CFG 8",
    "one line, prompt first": "Prompt: 山谷里的小木屋，晨雾 | Seed: 4711 | Steps: 50 | CFG: 8 | Size: 1024x576",
    "one line, in quotes": 'Prompt: "山谷里的小木屋，晨雾" Seed: 4711 Steps: 50 CFG: 8 Size: 1024x576',
    "brackets": "【种子】4711\n【提示词】山谷里的小木屋，晨雾\n【尺寸】：1024×576\n【步数】50\n【CFG】8",
    "a table": "| 参数 | 值 |\n|---|---|\n| Seed | 4711 |\n| **Prompt** | 山谷里的小木屋，晨雾 |\n"
    "| Steps | 50 |\n| CFG | 8 |\n| Size | 1024x576 |",
    "code": "- `Seed`: `4711`\n- `Prompt`: `山谷里的小木屋，晨雾`\n- **Steps:** 50\n- **Size**: `1024x576`\n- CFG: `8.0`",
    "a call": 'generator.generate(prompt="山谷里的小木屋，晨雾", seed=4711, width=1024, height=576, '
    "num_inference_steps=50, cfg=8)",
    "arrows": "Seed → 4711\nPrompt → 山谷里的小木屋，晨雾\nSteps - 50\nCFG – 8\nSize = 1024x576",
    "of the other China": "種子：4711\n提示詞：山谷里的小木屋，晨雾\n尺寸：1024×576\n步數：50\nCFG：8",
    "marks of thousands": "Seed: 4,711\nPrompt: 山谷里的小木屋，晨雾\nSize: 1024 x 576 px\nSteps: 50 步\nCFG: 约8.0",
    "other words": "Seed: 4711\nPrompt: 山谷里的小木屋，晨雾\nAuthor: Ann\n备注：好看\nSize: 1024x576\nSteps: 50\nCFG: 8.0",
    "said around it": 'Ann:\nSeed: 4711\nSize: 1024x576\nSteps: 50\nCFG: 8\nPrompt: "山谷里的小木屋，晨雾"\n\n谢谢大家！',
    "invisible": "\u200bSeed: 4711\n\u200bPrompt:\u00a0山谷里的小木屋，晨雾\nSize: 1024x576\nSteps: 50\nCFG: 8",
}


@pytest.mark.parametrize("kind", TYPED)
def test_a_block_is_read_whole_however_a_chat_shows_it(kind):
    found = said(TYPED[kind])
    told = (found.seed, found.prompt, found.steps, found.guidance_scale, found.width, found.height)
    assert told == WHOLE


def test_a_key_in_the_middle_of_a_prompt_needs_a_number_to_begin_a_field():
    assert (
        said("Seed: 1\nPrompt: a cat, size: large, style: oil / seed: none").prompt
        == "a cat, size: large, style: oil / seed: none"
    )
    for separator in (" ", ", ", " / ", " | ", "，"):
        found = said(f"Seed: 1\nPrompt: a cabin in the valley{separator}Steps: 5")
        assert (found.prompt, found.steps) == ("a cabin in the valley", 5)


@pytest.mark.parametrize(
    "text",
    [
        "Seed: 1, " * 100_000,
        'Prompt: "' + 'a" b' * 100_000,
        "Prompt: " + "/ Seed " * 100_000,
        "种子 " * 100_000,
        "【" * 100_000,
    ],
)
def test_a_long_text_takes_time_in_proportion_to_its_length(text):
    started = time.process_time()
    with contextlib.suppress(FormatError):
        read_block(text)
    assert time.process_time() - started < 3


@pytest.mark.parametrize(
    "text",
    ["", "a cat", "Seed: 4", "Steps: 4\nCFG: 8", "Prompt\nSeed", "{'seed': 4}", "Dear Ann: see the seed of it\nyours: Bob"],
)
def test_what_is_no_block_is_none(text):
    assert read_block(text) is None


@pytest.mark.parametrize(
    "line", ["Seed: seven", "Seed: 1.5", "Seed: 99999999999999999999", "Steps: many", "Size: big", "CFG: high"]
)
def test_a_value_that_is_none_is_refused_with_its_name(line):
    with pytest.raises(FormatError, match="in this block"):
        read_block(f"Prompt: cat\nseed: 1\n{line}" if not line.startswith("Seed") else f"Prompt: cat\n{line}")


def test_a_key_that_stands_twice_is_said():
    reading = read_block("Seed: 1\nSeed: 2\nPrompt: cat")
    assert reading is not None and reading.recipe.seed == 1 and "twice" in reading.remarks[0]


# -- writing and reading are inverse ----------------------------------------------------------------------------------

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60) | st.sampled_from(
    [
        '"',
        "“x”",
        "a\nSeed: 5",
        "【x】",
        "\\n",
        "seedbank: recipe " + "b" * 64,
        "```",
        " x ",
        "\u2028Steps: 3",
        "Prompt: x\r\nCFG: 3",
    ]
)


@settings(max_examples=150, deadline=None)
@given(
    TEXTS, TEXTS, st.integers(0, 2**64 - 1), st.integers(8, 4096), st.integers(1, 200), st.floats(0, 30), TEXTS,
    st.sampled_from(["en", "zh"]),
)  # fmt: skip
def test_what_is_written_is_read_back(prompt, negative, seed, side, steps, guidance, model, lang):
    recipe = replace(
        RECIPE,
        conditioning={"prompt": prompt, "negative_prompt": negative},
        noise={"kind": "torch-cpu", "seed": seed},
        call={"width": side, "height": 64, "num_inference_steps": steps, "guidance_scale": guidance},
    )
    cfg = cfg_of(recipe.pipeline, recipe.call)
    bare = write_block(recipe, lang=lang, model_name=model, cfg=cfg)
    rest = remainder(recipe, read_block(bare).recipe)
    assert "prompt" not in rest.get("conditioning", {}), "every prompt is said in words"
    stamp = Stamp(recipe.digest, "c" * 64, recipe.model, {"recipe": rest})
    text = write_block(recipe, lang=lang, model_name=model, cfg=cfg, stamp=stamp)
    assert find_stamp(text) == stamp
    found = said(text)
    assert (found.prompt, found.seed, found.steps) == (prompt, seed, steps)
    assert found.model == ModelName(model)
    again, changed = together(find_stamp(text).rest["recipe"], found, stamp.model)
    assert (again.digest, changed) == (recipe.digest, [])


@settings(max_examples=200, deadline=None)
@given(
    st.text(max_size=200)
    | st.lists(st.sampled_from(["Seed", "种子", ":", "：", "1", '"', "\n", ",", "Prompt", "x", "Size"])).map("".join)
)
def test_any_text_is_read_or_refused_with_a_sentence(text):
    try:
        read_block(text)
    except BadInput as error:
        assert error.message and error.hint


def test_a_changed_field_counts_and_gives_another_digest():
    text = write_block(RECIPE, model_name="m", cfg=8.1)
    rest = remainder(RECIPE, said(text))
    for old, new, what in (
        ("晨雾", "雾", None),
        ("8.1", "9", "the CFG"),
        ("Euler", "Heun", "the sampler"),
        ("4711", "4712", None),
    ):
        recipe, changed = together(rest, said(text.replace(old, new)), RECIPE.model)
        assert recipe.digest != RECIPE.digest
        assert changed == ([] if what is None else [what])
    assert recipe.seed == 4712
    assert together(rest, said(text.replace("8.1", "9")), None)[0].guidance == 8.0, "a Z-Image CFG of 9 is guidance 8"


def test_loras_are_named_with_their_weights():
    text = write_block(RECIPE, loras=(Lora("film: grain", 0.7), Lora("b", None)), cfg=8.0)
    assert said(text).loras == (Lora("film: grain", 0.7), Lora("b", 1.0))


@pytest.mark.parametrize(
    ("line", "loras"),
    [
        ("LoRA: ink 0.7, pen 0.5", [Lora("ink", 0.7), Lora("pen", 0.5)]),
        ("LoRA：水墨：0.7，钢笔：-0.5", [Lora("水墨", 0.7), Lora("钢笔", -0.5)]),
        ("LoRA模型：水墨（0.7）、钢笔 1", [Lora("水墨", 0.7), Lora("钢笔", 1.0)]),
        ("LoRA: ink 0.7; pen (0.5) | oil", [Lora("ink", 0.7), Lora("pen", 0.5), Lora("oil", None)]),
        ("LoRA: ink 0.7, pen 0.5, Steps: 8", [Lora("ink", 0.7), Lora("pen", 0.5)]),
        ("LoRA: <lora:ink:0.7> <lora:pen:0.5>", [Lora("ink", 0.7), Lora("pen", 0.5)]),
        ("LoRA: light, soft 0.7", [Lora("light, soft", 0.7)]),
        ("LoRA: ink 0,7", [Lora("ink 0,7", None)]),
        ('LoRA: "ink 0.7, pen 0.5"', [Lora("ink 0.7, pen", 0.5)]),
        ("LoRA: ink 0.7,\nLoRA: pen 0.5", [Lora("ink", 0.7), Lora("pen", 0.5)]),
    ],
)
def test_loras_on_one_line_are_told_apart_by_their_weights(line: str, loras: list[Lora]):
    assert said(f"Prompt: a cat\nSeed: 7\n{line}").loras == tuple(loras)


# -- the stamp --------------------------------------------------------------------------------------------------------


def test_a_stamp_survives_a_chat():
    stamp = Stamp("a" * 64, None, "b" * 64, {"recipe": {"v": 1}})
    assert find_stamp(f"x\nseedbank: {stamp}\n") == stamp
    assert find_stamp(f"seedbank： {str(stamp).replace(', ', '，')}") == stamp
    assert without_stamp(f'x, seedbank: "{stamp}"') == "x"
    assert find_stamp("seedbank is a tool") is None


@pytest.mark.parametrize("word", ["eNpx", "!!!!", "", pack({"a": 1})[:-6], "e30"])
def test_a_damaged_rest_is_refused(word):
    with pytest.raises(FormatError, match="damaged"):
        unpack(word)


def test_a_rest_that_would_fill_the_memory_is_refused():
    import base64
    import zlib

    bomb = base64.urlsafe_b64encode(zlib.compress(b'{"a": "' + b"x" * 2**24 + b'"}', 9)).decode()
    with pytest.raises(FormatError):
        unpack(bomb)


@pytest.mark.parametrize("line", ["Sampler: {}x", "Sampler: a, seed{}x", "步数{}x", "|prompt|{}x", "Prompt: a seed:{}x"])
def test_a_long_run_of_blanks_takes_time_in_proportion(line: str) -> None:
    started = time.process_time()
    read_block("Seed: 5\n" + line.format(" " * 30_000))
    assert time.process_time() - started < 2
