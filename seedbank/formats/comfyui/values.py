"""The value of an input: a number or a word, through primitives, switches, contexts, arithmetic and string nodes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from seedbank.formats.comfyui.arithmetic import evaluate
from seedbank.formats.comfyui.graph import Graph, Link, Node, as_link
from seedbank.formats.comfyui.roles import TEXTS, names, role_of
from seedbank.formats.comfyui.routing import SIDES, Router, hands_on
from seedbank.formats.comfyui.scalars import as_integer, as_number, literal, size_for
from seedbank.formats.reading import CERTAIN, GUESSED, LIKELY

MAX_DEPTH = 40
MAX_LOOKUPS = 5_000
"""For one reading; a graph of nested concatenations could ask for 2^40."""
MAX_TEXT = 1_000_000

_CONSTANTS = (
    "value",
    "int",
    "float",
    "number",
    "Number",
    "Value",
    "string",
    "text",
    "String",
    "boolean",
    "bool",
    "Int",
    "Float",
    "constant",
    "a",
)
_RUN_TIME = re.compile(
    r"TextGenerate|LLM|ollama|gemini|chatgpt|openai|\bgpt|gpt\d|claude|caption|interrogat|tagger|florence|vlm|qwen\d?.?vl|llava|joy|"
    r"Superprompt|MagicPrompt|DPRandom|DPCombin|random.*prompt|prompt.*(generator|enhance|expan|random)|wildcards?$",
    re.I,
)
"""Nodes that make their text when the graph runs; what they are given is not what the model was given."""
_SHOWN = re.compile(r"^(ShowText|PreviewAny|DisplayAny|Display Any|ShowAny|easy show|Text_?(Display|Show))", re.I)
_JOINED = re.compile(r"concat|join|combine|append|StringFunction|promptLine", re.I)
_JOINTS: Mapping[Any, str] = {"none": "", "space": " ", "comma": ", ", "newline": "\n"}
"""What stands between joined texts, where a node has words for it."""
_STRING_INPUT = re.compile(r"^(string|text|prompt|str|input|arg|s|t)[ _]?(\d+|[a-z])$", re.I)
_REPLACED = re.compile(r"replace", re.I)
_PLAIN_SIZE = re.compile(r"(\d{2,5})\s*[x×X*]\s*(\d{2,5})")
_RATIO = re.compile(r"(\d+)\s*:\s*(\d+)")
_FORMULAS = ("expression", "operation", "op", "operator")
_SIGNS = ("+", "-", "*", "/", "//", "%")
_WORDS: Mapping[str, str] = {
    "+": "add sum addition",
    "-": "subtract sub subtraction",
    "*": "multiply mul multiplication",
    "/": "divide div division",
    "%": "mod modulo modulus",
}
_OPERATIONS: Mapping[str, str] = {word: sign for sign, words in _WORDS.items() for word in words.split()}


class Values:
    """Reads inputs of a graph. `shown` gives the text that a showing node had on it."""

    def __init__(self, graph: Graph, shown: Callable[[str], str | None] = lambda _: None) -> None:
        self.graph = graph
        self.router = Router(graph, self.resolve)
        self.remarks: list[str] = []
        self.sure = CERTAIN
        """How sure the values are that were read since this was last set."""
        self._shown = shown
        self._lookups = 0
        self._depth = 0

    def of(self, node: Node, role: str) -> Any:
        """The value that a node has for a role; None where it has none or it cannot be found."""
        for name in names(role):
            value = node.inputs.get(name)
            if value is not None and (found := self.resolve(value, role)) is not None:
                return found
        return None

    def number(self, node: Node, role: str) -> float | None:
        return as_number(self.of(node, role))

    def integer(self, node: Node, role: str) -> int | None:
        return as_integer(self.of(node, role))

    def word(self, node: Node, role: str) -> str | None:
        value = self.of(node, role)
        return value if isinstance(value, str) and value else None

    def text(self, value: Any, role: str = "positive") -> str | None:
        """The text of an input, `role` telling whether it is for the prompt or the negative prompt."""
        found = self.resolve(value, f"text {role}")
        return found[:MAX_TEXT] if isinstance(found, str) else None

    def text_of(self, node: Node, role: str) -> str | None:
        """The text that a node holds or is given for the prompt or the negative prompt."""
        for name in TEXTS[role]:
            value = node.inputs.get(name)
            if value is None or isinstance(value, bool):
                continue
            text = self.text(value, role)
            if text is not None:
                return text
        return None

    def resolve(self, value: Any, role: str) -> Any:
        """The literal, or what the link leads to, in that role."""
        link = as_link(value)
        if link is None:
            return literal(value)
        self._lookups += 1
        if self._depth >= MAX_DEPTH or self._lookups > MAX_LOOKUPS:
            self._remark("The graph is nested too deeply; some of its values were not followed.")
            return None
        self._depth += 1
        try:
            end = self.router.follow(link, role)
            found = self._at(self.graph[end[0]], end[0].slot, role, end[1]) if end is not None else None
            return self._typed(link, role) if found is None and role.startswith("text") else found
        finally:
            self._depth -= 1

    def _at(self, node: Node, slot: int, wanted: str, role: str) -> Any:
        if wanted.startswith("text"):
            side = wanted.removeprefix("text").strip() or "positive"
            return self._text_at(node, "negative" if "neg" in role else "positive" if "pos" in role else side)
        said = role_of(self.graph, node, slot)
        if role in ("width", "height"):
            said = said if said in ("width", "height") else role
            size = self.size_at(node)
            if size is not None:
                return size[0 if said == "width" else 1]
        computed = self._computed(node)
        if computed is not None:
            return computed
        if "isfloatX" in node:
            axis = "Y" if slot == 1 and "Yi" in node else "X"
            return self.resolve(node.inputs.get(f"{axis}f" if node.inputs.get(f"isfloat{axis}") else f"{axis}i"), role)
        for name in dict.fromkeys((*names(said or role), *names(role), *_CONSTANTS)):
            if node.inputs.get(name) is not None and not (name == "a" and "b" in node):
                return self.resolve(node.inputs[name], role)
        only = [value for value in node.inputs.values() if isinstance(value, (int, float)) and not isinstance(value, bool)]
        if len(only) == 1 and role not in ("sampler", "scheduler"):
            self.sure = min(self.sure, LIKELY)
            return only[0]
        return None

    def _computed(self, node: Node) -> float | None:
        """What a node of arithmetic gives."""
        operation = next((value for name in _FORMULAS if isinstance(value := node.inputs.get(name), str)), None)
        if operation is None and node.kind.startswith("SimpleMath+"):
            operation = node.inputs.get("value")
        if not isinstance(operation, str):
            return None
        variables: dict[str, float] = {}
        for name, value in node.inputs.items():
            short = name.removeprefix("values.").removeprefix("number_")
            if len(short) <= 3 and (number := as_number(self.resolve(value, "number"))) is not None:
                variables[short] = number
        sign = _OPERATIONS.get(operation.lower(), operation if operation in _SIGNS else None)
        if sign is not None and len(variables) == 2:
            operation = sign.join(variables)
        return evaluate(operation, variables)

    def size_at(self, node: Node) -> tuple[int, int] | None:
        """(width, height) where a node makes both out of one setting."""
        for name in ("resolution", "dimensions", "aspect_ratio", "size", "preset", "ratio"):
            setting = node.inputs.get(name)
            plain = _PLAIN_SIZE.search(setting) if isinstance(setting, str) else None
            if plain:
                width, height = int(plain[1]), int(plain[2])
                swapped = node.inputs.get("swap_dimensions") == "On" or node.inputs.get("invert") is True
                return (height, width) if swapped else (width, height)
        ratio = _RATIO.search(str(node.inputs.get("aspect_ratio", "")))
        megapixels = as_number(self.resolve(node.inputs.get("megapixels"), "number"))
        if node.kind == "ResolutionSelector" and ratio and megapixels:
            return size_for(int(ratio[1]), int(ratio[2]), megapixels, as_integer(node.inputs.get("multiple")) or 8)
        return None

    def _text_at(self, node: Node, side: str) -> str | None:
        if _SHOWN.search(node.kind):
            return self._shown_text(node, side)
        if _RUN_TIME.search(node.kind) and "populated_text" not in node:
            self._remark(f"The text of the node {node.kind} is made when the graph runs; the file does not hold it.")
            return None
        if "max_rows" in node and as_integer(node.inputs["max_rows"]) == 1:
            return self._line(node, side)
        if _REPLACED.search(node.kind) or node.inputs.get("action") == "replace":
            return self._replaced(node, side)
        if _JOINED.search(node.kind):
            return self._joined(node, side)
        if "style" in node.kind.lower():
            self.sure = min(self.sure, GUESSED)
            self._remark(f"The node {node.kind} adds a style to the text that the file does not hold.")
        return self.text_of(node, side)

    def _joined(self, node: Node, side: str) -> str | None:
        """Several texts as one; the order is that of the inputs."""
        parts = [(name, value) for name, value in node.inputs.items() if _STRING_INPUT.search(name)]
        found = [self.text(value, side) for _, value in parts]
        texts = [text for text in found if text is not None]
        if not texts:
            return None if parts else self.text_of(node, side)
        if len(texts) < len(found):
            self.sure = min(self.sure, GUESSED)
            self._remark(f"A part of the text that the node {node.kind} joins could not be followed; the prompt lacks it.")
        joint = next(
            (node.inputs[name] for name in ("delimiter", "separator", "seperator") if isinstance(node.inputs.get(name), str)),
            None,
        )
        if joint is None:
            joint = ", " if node.inputs.get("tidy_tags") in ("yes", True) else ""
        if "WAS" in node.kind or node.kind == "Text Concatenate" or joint in _JOINTS:
            texts = [text for text in texts if text]
        joint = _JOINTS.get(joint, joint)
        return str(joint).replace("\\n", "\n").join(texts)[:MAX_TEXT]

    def _line(self, node: Node, side: str) -> str | None:
        """The one line that a node takes out of its text."""
        lines = [line for line in (self.text_of(node, side) or "").splitlines() if line.strip()]
        start = as_integer(self.resolve(node.inputs.get("start_index"), "number")) or 0
        return lines[start] if 0 <= start < len(lines) else None

    def _replaced(self, node: Node, side: str) -> str | None:
        text = self.text_of(node, side)
        pairs = [(f"find{k}", f"replace{k}") for k in ("", "1", "2", "3")] + [("text_b", "text_c"), ("search", "replace")]
        for find, replace in pairs:
            old, new = node.inputs.get(find), node.inputs.get(replace)
            if text is not None and isinstance(old, str) and old and isinstance(new, str):
                text = text.replace(old, new)[:MAX_TEXT]
        return text

    def _shown_text(self, node: Node, side: str) -> str | None:
        """What a showing node hands on; where that is made at run time, what it showed when the file was written."""
        before = len(self.remarks)
        handed_on = self.text_of(node, side)
        if handed_on is not None:
            return handed_on
        shown = self._shown(node.id)
        if shown:
            self.sure = min(self.sure, LIKELY)
            del self.remarks[before:]
            self._remark(f"The text was made when the graph ran; it is what the node {node.kind} showed.")
        return shown or None

    def _typed(self, link: Link, role: str) -> str | None:
        """What was typed where a switch leads to a text that is made at run time: the text of its other side."""
        for _ in range(MAX_DEPTH):
            node = self.graph.nodes.get(link.node)
            if node is None or not hands_on(node):
                return None
            name = self.router.chosen_name(node)
            for other, value in node.inputs.items():
                if other in SIDES and other != name and (text := self.text(value, role.removeprefix("text "))) is not None:
                    self.sure = min(self.sure, GUESSED)
                    self._remark(
                        "The prompt is the text that was typed; the text that the model was given was made from it at run time."
                    )
                    return text
            onward = self.router.chosen(node)
            if onward is None:
                return None
            link = onward
        return None

    def _remark(self, sentence: str) -> None:
        if sentence not in self.remarks:
            self.remarks.append(sentence)
