"""Finds ComfyUI's graphs in the texts that a file carries.

The executed graph stands as `prompt`, the one of the front end as `workflow`, in many layouts: PNG text chunks of these
names, EXIF texts with `prompt:` or `Prompt: ` before the JSON, one object with both, JSON inside a JSON string, XMP.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from seedbank.formats.reading import FormatError, Payload

_MARKS = ('"class_type"', '"nodes"', '\\"class_type\\"', '\\"nodes\\"')
"""One of these stands in every graph, also in one that is a JSON string itself."""
_PREFIX = re.compile(r"\s*(prompt|workflow)\s*:\s*(?=\{)", re.I)
_IN_MARKUP = re.compile(r"[:\"'>\s;](prompt|workflow)[\"']?\s*[:=>]\s*[\"']?(?=\{)", re.I)


@dataclass(frozen=True)
class Found:
    """`prompt` as it was decoded; `place` is that of the payload that decided; `drawn` are payloads that hold a workflow."""

    place: str
    prompt: dict[str, Any] | None
    drawn: tuple[Payload, ...] = ()
    problem: str | None = None

    @cached_property
    def workflow(self) -> dict[str, Any] | None:
        """The graph of the front end, decoded when it is asked for: it is the larger one and seldom needed."""
        for payload in self.drawn:
            try:
                found = next((flow for data in _objects(payload) if (flow := _graphs(data)[1]) is not None), None)
            except FormatError:
                continue
            if found is not None:
                return found
        return None


def find(payloads: Sequence[Payload]) -> Found | None:
    """The graphs of a file, or None. Raises FormatError where a payload of that name holds no JSON and nothing else does."""
    broken: FormatError | None = None
    drawn: list[Payload] = []
    for payload in payloads:
        if _names_workflow(payload):
            drawn.append(payload)
            continue
        try:
            for data in _objects(payload):
                executed, workflow = _graphs(data)
                drawn += [payload] if workflow is not None else []
                if executed is not None:
                    rest = [other for other in payloads if other is payload or _names_workflow(other)]
                    return Found(payload.place, executed, tuple(rest))
        except FormatError as error:
            broken = broken or error
    found = Found(drawn[0].place if drawn else "", None, tuple(drawn), broken.message if broken else None)
    if found.workflow is not None:
        return found
    if broken is not None:
        raise broken
    for payload in drawn:
        list(_objects(payload))  # says what is wrong with it
    return None


def _names_workflow(payload: Payload) -> bool:
    prefix = _PREFIX.match(payload.text)
    return payload.place == "png:workflow" or (prefix is not None and prefix[1].lower() == "workflow")


def _objects(payload: Payload) -> Iterator[Any]:
    """The JSON values of a payload that could be graphs."""
    text = payload.text.strip().lstrip("\ufeff").rstrip("\0")
    prefix = _PREFIX.match(text)
    ours = prefix is not None or payload.place in ("png:prompt", "png:workflow")
    if prefix is not None:
        text = text[prefix.end() :]
    if text.startswith("{"):
        if any(mark in text for mark in _MARKS):
            yield _decoded(text, payload.place if ours else None)
    elif text.startswith("<") and "class_type" in text:
        plain = html.unescape(text)
        for start in _IN_MARKUP.finditer(plain):
            yield _decoded(plain[start.end() :], None)


def _decoded(text: str, place: str | None) -> Any:
    """The JSON value at the start of a text. With a place, what is no JSON is an error; else it is another tool's."""
    try:
        return json.JSONDecoder(strict=False).raw_decode(text)[0]
    except RecursionError:
        reason = "it is nested too deeply"
    except ValueError as error:
        reason = str(error).splitlines()[0][:200]
    if place is None:
        return None
    raise FormatError(f"The ComfyUI graph in {place} is not JSON: {reason}.")


def _graphs(data: Any) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """(executed graph, workflow) in a decoded value: itself one of them, or an object that holds them."""
    if not isinstance(data, dict):
        return None, None
    if is_executed(data):
        return data, None
    if is_workflow(data):
        return None, data
    inner = {
        name.lower(): _unpacked(value) for name, value in data.items() if isinstance(name, str) and name.lower() in _HOLDERS
    }
    executed = next((value for name in _HOLDERS if isinstance(value := inner.get(name), dict) and is_executed(value)), None)
    drawn = next((value for name in _HOLDERS if isinstance(value := inner.get(name), dict) and is_workflow(value)), None)
    return executed, drawn


_HOLDERS = ("prompt", "prompt_api", "workflow", "comfyui_prompt", "comfyui_workflow", "comfy", "comment", "extra_pnginfo")


def _unpacked(value: Any) -> Any:
    """JSON that stands in a JSON string."""
    return _decoded(value, None) if isinstance(value, str) and value.lstrip().startswith("{") else value


def is_executed(data: dict[str, Any]) -> bool:
    """Whether it is an API graph: at least one node that names its class."""
    return any(isinstance(node, dict) and isinstance(node.get("class_type"), str) for node in data.values())


def is_workflow(data: dict[str, Any]) -> bool:
    """Whether it is a graph of the front end; InvokeAI's workflows have nodes too, but edges in place of links."""
    nodes = data.get("nodes")
    if not isinstance(nodes, list) or not isinstance(data.get("links"), list):
        return False
    return any(isinstance(node, dict) and "type" in node and "id" in node for node in nodes)
