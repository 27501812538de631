"""Render in the user's own ComfyUI: the stored graph is posted as it is.

The API is that of ComfyUI's `server.py` and `execution.py`: `POST /prompt`, `GET /history/ID` with the outputs and the
messages of the execution, `GET /view`, `GET /system_stats`, `POST /free`. ComfyUI answers from what it computed before
where a node and all above it are unchanged; such an answer would be compared with itself. So its memory is freed first, and
an execution that says that nodes came from the cache does not count.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Mapping
from typing import Any

from seedbank.environment import Environment
from seedbank.errors import Blocked, RenderFailed
from seedbank.exchange.via.http import PICTURE_SECONDS, Refused, Server, listed, mapping, recorded, refusal, text

POLL = 0.3
"""Seconds between two looks at what became of a prompt."""
TRIES = 3
"""How often a graph is posted until nothing comes from the cache: freeing waits for the worker of the server."""
STEADY = ("os", "python_version", "comfyui_version", "pytorch_version", "argv", "required_frontend_version")
"""What of `system_stats` says which program it is; the rest is how full the memory is."""


class ComfyUI:
    """One ComfyUI server. `seconds`: how long one picture may take."""

    tool = "ComfyUI"

    def __init__(self, url: str, seconds: float) -> None:
        self.server = Server(url)
        self.seconds = seconds

    def environment(self) -> Environment:
        """What the server says of itself. Raises `Blocked` for a server that is none of ComfyUI."""
        try:
            found = self.server.get_json("/system_stats")
        except Refused as error:
            raise refusal(error, self.server, self.tool, NOT_IT) from None
        system, devices = mapping(found).get("system"), mapping(found).get("devices")
        if not isinstance(system, Mapping) or not isinstance(devices, list):
            raise Blocked(f"The server at {self.server.place} says nothing of itself as ComfyUI does.", NOT_IT)
        cards = [{key: one.get(key) for key in ("name", "type", "vram_total")} for one in devices if isinstance(one, Mapping)]
        parts: dict[str, Any] = {
            "system": {"tool": "comfyui", **{key: system[key] for key in STEADY if key in system}},
            "hardware": {"gpu": cards},
        }
        if isinstance(torch := system.get("pytorch_version"), str):
            parts["distributions"] = {"torch": {"version": torch}}
        return recorded(parts, self.server)

    def render(self, graph: Mapping[str, Any]) -> list[bytes]:
        """The picture files that the graph gives, those that it saves first. Raises `Blocked` or `RenderFailed`."""
        for _ in range(TRIES):
            self._free()
            outcome = self._executed(graph)
            if not _cached(outcome):
                return self._pictures(outcome)
        raise Blocked(
            f"ComfyUI at {self.server.place} answers from its cache, which would compare a picture with itself.",
            "Start it with --cache-none, or restart it.",
        )

    def _free(self) -> None:
        try:
            self.server.post("/free", {"unload_models": False, "free_memory": True})
        except Refused:
            return  # an older server; whether it answers from its cache is seen
        time.sleep(POLL)

    def _executed(self, graph: Mapping[str, Any]) -> Mapping[str, Any]:
        """What became of the graph, once it is over."""
        try:
            answer = self.server.post("/prompt", {"prompt": graph, "client_id": uuid.uuid4().hex})
        except Refused as error:
            if error.status != 400:
                raise refusal(error, self.server, self.tool, NOT_IT) from None
            raise Blocked(f"ComfyUI at {self.server.place} refuses the graph: {_reason(error.answer)}.", MISSING) from None
        number = mapping(answer).get("prompt_id")
        if not isinstance(number, str) or not PROMPT_ID.fullmatch(number):
            raise Blocked(f"The server at {self.server.place} gives a prompt no id.", NOT_IT)
        end = time.monotonic() + self.seconds
        try:
            while time.monotonic() < end:
                found = self._history(number)
                if isinstance(outcome := mapping(found).get(number), Mapping):
                    _check(outcome, self.server)
                    return outcome
                time.sleep(POLL)
        except KeyboardInterrupt:
            self._cancel(number)
            raise
        self._cancel(number)
        raise RenderFailed(f"ComfyUI at {self.server.place} took longer than {self.seconds:g} s.", "Give it more time.")

    def _history(self, number: str) -> Any:
        try:
            return self.server.get_json(f"/history/{number}")
        except Refused as error:
            raise refusal(error, self.server, self.tool, NOT_IT) from None

    def _cancel(self, number: str) -> None:
        """Take the prompt from the queue; what is being rendered of it is interrupted."""
        for path, body in (("/queue", {"delete": [number]}), ("/interrupt", {"prompt_id": number})):
            try:
                self.server.post(path, body)
            except (Refused, Blocked, RenderFailed):
                continue

    def _pictures(self, outcome: Mapping[str, Any]) -> list[bytes]:
        found = [
            image
            for output in mapping(outcome.get("outputs")).values()
            for image in map(mapping, listed(mapping(output).get("images")))
            if isinstance(image.get("filename"), str)
        ]
        if not found:
            raise RenderFailed(f"ComfyUI at {self.server.place} ran the graph, which saved no picture.", "Does it end in one?")
        found.sort(key=lambda image: image.get("type") != "output")  # previews are of type temp
        names = [{name: text(image.get(name), 1000) for name in ("filename", "subfolder", "type")} for image in found]
        try:
            return [self.server.get("/view", one, PICTURE_SECONDS) for one in names]
        except Refused as error:
            raise RenderFailed(f"ComfyUI at {self.server.place} does not give its picture (status {error.status}).") from None


PROMPT_ID = re.compile(r"[\w-]{1,100}")
NOT_IT = "Give the URL of a ComfyUI server, such as http://127.0.0.1:8188."
MISSING = "Install there what is named: models, LoRAs, input pictures, custom nodes."


def _messages(outcome: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    pairs = [one for one in listed(mapping(outcome.get("status")).get("messages")) if isinstance(one, list) and len(one) == 2]
    return {str(name): body for name, body in pairs if isinstance(body, Mapping)}


def _cached(outcome: Mapping[str, Any]) -> bool:
    """Whether something came from the cache, or it is not said."""
    said = _messages(outcome).get("execution_cached")
    return said is None or bool(said.get("nodes"))


def _check(outcome: Mapping[str, Any], server: Server) -> None:
    messages = _messages(outcome)
    if (error := messages.get("execution_error")) is not None:
        node = f"{text(error.get('node_type')) or 'a node'} ({text(error.get('node_id')) or '?'})"
        raise RenderFailed(f"ComfyUI at {server.place} failed in {node}: {text(error.get('exception_message')).rstrip('.')}.")
    if "execution_interrupted" in messages:
        raise RenderFailed(f"Somebody interrupted the rendering in ComfyUI at {server.place}.")


def _reason(answer: Any) -> str:
    """Why a graph is refused, with the nodes that are named."""
    if not isinstance(answer, Mapping):
        return text(answer).rstrip(".") or "it does not say why"
    error = answer.get("error")
    said = [text(mapping(error).get("message")) or text(error)]
    for number, node in mapping(answer.get("node_errors")).items():
        errors = map(mapping, listed(mapping(node).get("errors")))
        pairs = [(text(one.get("message")), text(one.get("details"))) for one in errors]
        details = "; ".join(f"{message} ({detail})" if detail else message for message, detail in pairs)
        said.append(f"{text(mapping(node).get('class_type')) or 'node'} {number}: {details}")
    return " · ".join(part.rstrip(".") for part in said if part)[:600] or "it does not say why"
