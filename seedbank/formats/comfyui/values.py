"""The value of an input: a number or a word, through primitives, switches, contexts, arithmetic and string nodes."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from seedbank.formats.comfyui.composing import composed, composes
from seedbank.formats.comfyui.formulas import Operand, computed, computes, size_of_setting, whole
from seedbank.formats.comfyui.graph import Graph, Link, Node, as_link
from seedbank.formats.comfyui.roles import RESIZES, TEXTS, has, is_picture, names, role_of
from seedbank.formats.comfyui.routing import SIDES, Router, hands_on
from seedbank.formats.comfyui.scalars import as_integer, as_number, literal
from seedbank.formats.comfyui.strings import MAX_TEXT
from seedbank.formats.reading import CERTAIN, GUESSED, LIKELY

MAX_DEPTH = 40
MAX_MADE = 20 * MAX_TEXT
"""Characters that all joined texts of one reading may have together."""
MAX_LOOKUPS = 5_000
"""For one reading; a graph of nested concatenations could ask for 2^40."""

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
    r"Superprompt|MagicPrompt|DPRandom|DPCombin|random.*(prompt|line)|shuffle|cycle.?text|prompt.*(generator|enhance|expan|random)|wildcards?$|"
    r"^IF_?(Chat|Image|Prompt)|^Dart|Ooba|LMStudio|OneButton|PromptVariant",
    re.I,
)
"""Nodes that make their text when the graph runs; what they are given is not what the model was given."""
_STYLES = re.compile(r"style|^SDXLPromptby", re.I)
_SHOWN = re.compile(r"^(ShowText|PreviewAny|DisplayAny|Display Any|ShowAny|easy show|Text_?(Display|Show))", re.I)
_MEASURES = re.compile(r"(get|image|latent|video).*size|resolution.*from|from.*resolution|image.?info", re.I)
"""Nodes that give the size of the picture that they are given."""
_KEEPS_SIZE = re.compile(r"decode|encode|sampler|preview|save|batch|mask", re.I)
_SIDES = ("width", "height")
_WHOLE = (*_SIDES, "seed", "steps", "batch")
"""Roles of whole numbers."""


def _has_words(node: Node) -> bool:
    return any(isinstance(value, str) for value in node.inputs.values())


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
        self.made = 0

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
        if self._depth >= MAX_DEPTH or self._lookups > MAX_LOOKUPS or self.made > MAX_MADE:
            self.remark("The graph is nested too deeply; some of its values were not followed.")
            return None
        self._depth += 1
        try:
            end = self.router.follow(link, role)
            found = self._at(self.graph[end[0]], end[0].slot, role, end[1]) if end is not None else None
            if role in _WHOLE and isinstance(found, float) and end is not None and math.isfinite(found):
                found = whole(self.graph[end[0]], found)
            return self._typed(link, role) if found is None and role.startswith("text") else found
        finally:
            self._depth -= 1

    def _at(self, node: Node, slot: int, wanted: str, role: str) -> Any:
        if wanted.startswith("text"):
            side = wanted.removeprefix("text").strip() or "positive"
            return self._text_at(node, slot, "negative" if "neg" in role else "positive" if "pos" in role else side)
        said = role_of(self.graph, node, slot)
        if role in _SIDES:
            said = said if said in _SIDES else role
            size = self.size_at(node)
            if size is not None:
                return size[0 if said == "width" else 1]
            if _MEASURES.search(node.kind) and not has(node, said):
                return self._side_of_picture(node, said)
        if computes(node) and not has(node, role):
            return computed(node, slot, self._operand(node))
        if "isfloatX" in node:
            axis = "Y" if slot == 1 and "Yi" in node else "X"
            return self.resolve(node.inputs.get(f"{axis}f" if node.inputs.get(f"isfloat{axis}") else f"{axis}i"), role)
        for name in dict.fromkeys((*names(said or role), *names(role), *_CONSTANTS)):
            if node.inputs.get(name) is not None and not (name == "a" and "b" in node):
                return self.resolve(node.inputs[name], role)
        only = [value for value in node.inputs.values() if isinstance(value, (int, float)) and not isinstance(value, bool)]
        if len(only) == 1 and role not in ("sampler", "scheduler") and not (role in _SIDES and _has_words(node)):
            self.sure = min(self.sure, LIKELY)
            return only[0]
        return None

    def _operand(self, node: Node) -> Operand:
        """Asks for a number that an input of the node has; `a.width` for a side of what it is given."""

        def operand(name: str) -> float | None:
            value = node.inputs.get(name)
            if value is None and name.endswith((".width", ".height")):
                of, _, side = name.rpartition(".")
                return as_number(self.resolve(node.inputs.get(of), side))
            return as_number(self.resolve(value, "number"))

        return operand

    def size_at(self, node: Node) -> tuple[int, int] | None:
        """(width, height) where a node makes both out of one setting."""
        return size_of_setting(node, self._operand(node))

    def _side_of_picture(self, node: Node, side: str) -> Any:
        """A side of the picture that a node measures: that of the nearest node behind it that says one."""
        for _ in range(MAX_DEPTH):
            links = [link for name, link in node.wires.items() if is_picture(name)] or list(node.wires.values())
            end = self.router.follow(links[0], "image") if len(links) == 1 else None
            if end is None or any(RESIZES.search(name) for name in self.graph[end[0]].inputs):
                return None
            node = self.graph[end[0]]
            size = self.size_at(node)
            if size is not None:
                return size[0 if side == "width" else 1]
            if has(node, side):
                return self.of(node, side)
            if not _KEEPS_SIZE.search(node.kind):
                return None
        return None

    def _text_at(self, node: Node, slot: int, side: str) -> str | None:
        if _SHOWN.search(node.kind):
            return self._shown_text(node, side)
        if _RUN_TIME.search(node.kind) and "populated_text" not in node:
            self.remark(f"The text of the node {node.kind} is made when the graph runs; the file does not hold it.")
            return None
        if composes(node):
            return composed(self, node, slot, side)
        if _STYLES.search(node.kind):
            self.sure = min(self.sure, GUESSED)
            self.remark(f"The node {node.kind} adds a style to the text that the file does not hold.")
        return self.text_of(node, side)

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
            self.remark(f"The text was made when the graph ran; it is what the node {node.kind} showed.")
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
                    self.remark(
                        "The prompt is the text that was typed; the text that the model was given was made from it at run time."
                    )
                    return text
            onward = self.router.chosen(node)
            if onward is None:
                return None
            link = onward
        return None

    def remark(self, sentence: str) -> None:
        if sentence not in self.remarks:
            self.remarks.append(sentence)
