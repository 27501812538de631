"""The fields of a block that people paste: which words are keys, where a value ends, what quotes say.

People type such blocks by hand and chats change them: keys in two languages or both at once, full-width punctuation, emoji and
list marks before a line, Markdown, tables, several fields on a line, no colon, curly quotes. A line that begins with no known
key goes on the prompt before it.
"""

from __future__ import annotations

import itertools
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping

KEYS: Mapping[str, tuple[str, str]] = {
    "seed": ("Seed", "种子"),
    "prompt": ("Prompt", "提示词"),
    "negative": ("Negative", "反向提示词"),
    "size": ("Size", "尺寸"),
    "steps": ("Steps", "步数"),
    "cfg": ("CFG", "CFG"),
    "guidance": ("Guidance", "引导强度"),
    "sampler": ("Sampler", "采样器"),
    "schedule": ("Schedule", "调度"),
    "lora": ("LoRA", "LoRA"),
    "model": ("Model", "模型"),
}
"""{field: its key in English and in Chinese}, in the order in which they are written."""
OTHER_KEYS: Mapping[str, tuple[str, ...]] = {
    "seed": ("随机种子", "种子值", "种子数", "随机数种子", "种子编号", "種子", "隨機種子"),
    "prompt": (
        *("positive", "positive prompt", "正向提示词", "正面提示词", "正向提示", "提示", "正向", "描述词", "关键词"),
        *("提示詞", "正向提示詞", "正面提示詞"),
    ),
    "negative": (
        *("negative prompt", "负面提示词", "负向提示词", "反向提示", "负面提示", "负面", "反向词", "负面词", "反向"),
        *("反向提示詞", "負面提示詞", "負向提示詞", "負面"),
    ),
    "size": ("resolution", "image size", "分辨率", "大小", "图像尺寸", "图片尺寸", "画面尺寸", "宽高", "解析度"),
    "width": ("width", "宽", "宽度", "寬", "寬度"),
    "height": ("height", "高", "高度"),
    "steps": (
        *("sampling steps", "num inference steps", "inference steps", "迭代步数", "采样步数", "推理步数", "迭代次数"),
        *("步數", "迭代步數", "採樣步數", "推理步數"),
    ),
    "cfg": ("cfg scale", "cfg值", "cfg强度", "cfg系数", "提示词相关性", "提示词引导系数", "引导系数", "相关性", "引導係數"),
    "guidance": ("guidance scale", "distilled guidance", "distilled cfg scale"),
    "sampler": ("sampling method", "采样方法", "采样", "采样方式", "採樣器", "採樣方法"),
    "schedule": ("schedule type", "scheduler", "调度器", "调度类型", "调度方法", "調度器"),
    "lora": ("loras", "lora模型"),
    "model": ("checkpoint", "base model", "大模型", "底模", "基础模型", "主模型", "模型名称"),
    "other": (
        *("author", "by", "date", "time", "note", "notes", "comment", "device", "gpu", "version", "tool", "url", "link"),
        *("作者", "日期", "时间", "備註", "备注", "说明", "设备", "显卡", "版本", "工具", "链接"),
    ),
}
"""{field: its other keys}; `other` is what people write beside a recipe, which ends the text before it."""
TEXTS = ("prompt", "negative")
NUMBERS = ("seed", "size", "width", "height", "steps", "cfg", "guidance")
QUOTES: Mapping[str, str] = {
    '"': '"', "“": "”", "”": "”", "＂": "＂", "「": "」", "『": "』", "‘": "’", "'": "'", "«": "»", "„": "“", "《": "》",
}  # fmt: skip
MOST_FIELDS = 64
"""Fields on one line."""
MOST_QUOTES = 64
"""Closing quotes of one value after which another field is looked for."""


def plain_key(key: str) -> str:
    shown = "".join(letter for letter in unicodedata.normalize("NFKC", key) if unicodedata.category(letter) != "Cf")
    return "".join(shown.casefold().replace("_", " ").replace("-", " ").split())


_FIELD_OF: Mapping[str, str] = {
    plain_key(key): field
    for field in (*KEYS, "width", "height", "other")
    for key in (*KEYS.get(field, ()), *OTHER_KEYS.get(field, ()))
}

_WORD = r"[^\W\d_](?:[\w \-]{0,28}\w)?"
_KEY = rf"{_WORD}(?:\s*[/／（(\[]\s*{_WORD}\s*[)）\]]?)?"
"""A key, or one in each language: `种子/Seed`, `Size (尺寸)`."""
_BEFORE = r"(?:[^\w\"“”＂「『‘'«„《\n]{0,12}(?:\d{1,2}[.、)️⃣]{1,2}\s*|[①-⑳]\s*)?[*_`\"【\[]{0,4})"
"""Emoji, bullets, quotes of a chat, numbers, and what stands around a key."""
_AFTER = r"[*_`\"】\]]{0,4}"
_ASSIGNED = r"(?:\s*[:：=＝→]|\s+[-–—]\s)[*_]{0,2}\s*"
_LINE = re.compile(rf"{_BEFORE}(?:[\w.]{{1,60}}\()?({_KEY}){_AFTER}{_ASSIGNED}(.*)", re.DOTALL)
_BRACKETED = re.compile(rf"\s*【({_KEY})】\s*(.+)", re.DOTALL)
_ROW = re.compile(r"\s*\|([^|]*)\|(.*)", re.DOTALL)
_HEADING = re.compile(r"\s*(?:【.*】|\[.*\]|\*\*.*\*\*|#+ .*|```\w*|-{3,}|={3,})\s*")
_NUMBER = r"(?=[-−~≈约約]?\s*[\d０-９])"


_VALUE = re.compile(rf"\s*+[\"'*]*+{_NUMBER}")


def _alternatives(fields: Iterable[str], chinese: bool | None = None) -> str:
    keys = [key for field in fields for key in (*KEYS.get(field, ()), *OTHER_KEYS[field])]
    wanted = sorted((key for key in keys if chinese is None or key.isascii() != chinese), key=len, reverse=True)
    return "|".join("[ _-]?".join(map(re.escape, key.split(" "))) for key in wanted)


_NEXT_FIELD = re.compile(
    rf"(?:[,，;；|、/／]|(?<!\s)\s)\s*+[\"'*【]{{0,2}}({_alternatives(OTHER_KEYS)})(?:\s*[（(]{_WORD}[)）])?{_AFTER}\s*[:：=＝]",
    re.IGNORECASE,
)
_COUNTED = rf"((?:{_alternatives(NUMBERS, True)})\s*+|(?:{_alternatives(NUMBERS, False)})\s++){_NUMBER}"
"""A key without a colon before its number: `步数50`, `CFG 8`."""
_BARE = re.compile(rf"{_BEFORE}(?:{_COUNTED}|((?:{_alternatives(TEXTS, True)})\s+))(.*)", re.DOTALL | re.IGNORECASE)
_NEXT_BARE = re.compile(rf"[,，;；|、]\s*+{_COUNTED}", re.IGNORECASE)


def field_of(key: str) -> str | None:
    """The field that a key names, in either language or in both; None for a word that is no key."""
    if (whole := _FIELD_OF.get(plain_key(key))) is not None:
        return whole
    halves = [_FIELD_OF.get(plain_key(part)) for part in re.split(r"[/／（()）\[\]]", key) if part.strip()]
    # What stands in brackets after a key explains it; of two words with a stroke between them both must be keys.
    known = set(halves) if "/" in key or "／" in key else set(halves[:1]) - {None} or set(halves)
    return known.pop() if len(known) == 1 else None


def pairs(text: str) -> Iterator[tuple[str, str]]:
    """(field, its raw value); a text goes on over the lines that begin with no key, unless its quotes are closed."""
    field, value = None, ""
    for line in text.replace("\r\n", "\n").split("\n"):
        found = _beginning(line)
        if found is None:
            if field in TEXTS and not _HEADING.fullmatch(line) and not _is_closed(value):
                value += "\n" + line
            continue
        if field is not None:
            yield field, value
        field, value = found
        for _ in range(MOST_FIELDS):
            if (following := _following(field, value)) is None:
                break
            cut, field_after, rest = following
            yield field, cut
            field, value = field_after, rest
    if field is not None:
        yield field, value


def _beginning(line: str) -> tuple[str, str] | None:
    """(field, value) of a line that begins with a known key."""
    row = _ROW.fullmatch(line)
    if row is not None and (field := field_of(re.sub(r"[*`]", "", row[1]))) is not None:
        return field, row[2].rstrip().removesuffix("|").strip()
    for pattern in (_LINE, _BRACKETED):
        match = pattern.match(line)
        if match is not None and (field := field_of(match[1])) is not None:
            return field, match[2]
    if (match := _BARE.match(line)) is not None and (field := field_of(match[1] or match[2])) is not None:
        return field, match[3]
    return None


def _following(field: str, value: str) -> tuple[str, str, str] | None:
    """(the value alone, the next field, its value) where a line holds several fields.

    After a text without quotes only a key with a number begins another field.
    """
    if value[:1] in QUOTES:
        places = ((pattern.match(value, end) for end in _closings(value)) for pattern in (_NEXT_FIELD, _NEXT_BARE))
        found = (match for matches in places for match in matches if match is not None and field_of(match[1]) is not None)
    else:
        found = (
            match
            for pattern in (_NEXT_FIELD, _NEXT_BARE)
            for match in pattern.finditer(value)
            if (known := field_of(match[1])) is not None
            and (field not in TEXTS or (known in NUMBERS and _VALUE.match(value, match.end()) is not None))
        )
    match = next(found, None)
    return None if match is None else (value[: match.start()], str(field_of(match[1])), value[match.end() :].lstrip())


def _closings(value: str) -> list[int]:
    """Where a quoted value can end: after each of its closing quotes but those that are escaped."""
    pattern = re.compile(rf"(?<!\\){re.escape(QUOTES[value[0]])}")
    return [match.end() for match in itertools.islice(pattern.finditer(value, 1), MOST_QUOTES)]


def _is_closed(value: str) -> bool:
    """Whether a text's quotes are closed at the end of its line."""
    shown = value.strip()
    closing = QUOTES.get(shown[:1])
    return closing is not None and len(shown) > 1 and shown.rstrip("，,。.;；").endswith(closing)


def unquoted(value: str) -> str:
    """A value without its quotes: what JSON makes of it where it is JSON, else as it stands."""
    value = value.strip()
    if value[:1] == "`" or value[-1:] == "`":
        value = value.strip("`").strip()
    if not _is_closed(value):
        return value
    value = value if value.endswith(QUOTES[value[0]]) else value.rstrip("，,。.;；")
    inside = value[1:-1]
    if value[0] in '"“”＂':  # chats make curly quotes of straight ones, also of those that are escaped
        straight = re.sub(r"\\[“”＂]", r'\\"', inside) if value[0] != '"' else inside
        try:
            plain = str(json.loads(f'"{straight}"', strict=False))
            plain.encode("utf-8")  # half a character is no text
            return plain
        except ValueError:
            return inside
    return inside
