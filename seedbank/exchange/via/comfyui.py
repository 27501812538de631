"""Render in the user's own ComfyUI: the stored graph is posted as it is.

The API is that of ComfyUI's `server.py` and `execution.py`: `POST /prompt`, `GET /history/ID` with the outputs and the
messages of the execution, `GET /view`, `GET /system_stats`, `POST /free`. ComfyUI answers from what it computed before
where a node and all above it are unchanged; such an answer would be compared with itself. So its memory is freed first, and
an execution that says that nodes came from the cache does not count.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from typing import Any

from seedbank.environment import Environment
from seedbank.errors import Blocked, RenderFailed
from seedbank.exchange.via.http import Refused, Server

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
            raise Blocked(f"The server at {self.server.place} has no /system_stats (status {error.status}).", NOT_IT) from None
        system, devices = (found.get("system"), found.get("devices")) if isinstance(found, Mapping) else (None, None)
        if not isinstance(system, Mapping) or not isinstance(devices, list):
            raise Blocked(f"The server at {self.server.place} says nothing of itself as ComfyUI does.", NOT_IT)
        cards = [{key: one.get(key) for key in ("name", "type", "vram_total")} for one in devices if isinstance(one, Mapping)]
        parts: dict[str, Any] = {
            "system": {"tool": "comfyui", **{key: system[key] for key in STEADY if key in system}},
            "hardware": {"gpu": cards},
        }
        if isinstance(torch := system.get("pytorch_version"), str):
            parts["distributions"] = {"torch": {"version": torch}}
        return Environment(parts)

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
            raise Blocked(f"ComfyUI at {self.server.place} refuses the graph: {_reason(error.answer)}.", MISSING) from None
        number = answer.get("prompt_id") if isinstance(answer, Mapping) else None
        if not isinstance(number, str):
            raise Blocked(f"The server at {self.server.place} gives a prompt no id.", NOT_IT)
        end = time.monotonic() + self.seconds
        try:
            while time.monotonic() < end:
                found = self.server.get_json(f"/history/{number}")
                if isinstance(found, Mapping) and isinstance(outcome := found.get(number), Mapping):
                    _check(outcome, self.server)
                    return outcome
                time.sleep(POLL)
        except KeyboardInterrupt:
            self._cancel(number)
            raise
        self._cancel(number)
        raise RenderFailed(f"ComfyUI at {self.server.place} took longer than {self.seconds:g} s.", "Give it more time.")

    def _cancel(self, number: str) -> None:
        """Take the prompt from the queue; what is being rendered of it is interrupted."""
        for path, body in (("/queue", {"delete": [number]}), ("/interrupt", {"prompt_id": number})):
            try:
                self.server.post(path, body)
            except (Refused, Blocked, RenderFailed):
                continue

    def _pictures(self, outcome: Mapping[str, Any]) -> list[bytes]:
        listed = [
            image
            for output in outcome.get("outputs", {}).values()
            if isinstance(output, Mapping)
            for image in output.get("images") or ()
            if isinstance(image, Mapping) and isinstance(image.get("filename"), str)
        ]
        if not listed:
            raise RenderFailed(f"ComfyUI at {self.server.place} ran the graph, which saved no picture.", "Does it end in one?")
        listed.sort(key=lambda image: image.get("type") != "output")  # previews are of type temp
        names = ("filename", "subfolder", "type")
        try:
            return [self.server.get("/view", {name: str(image.get(name, "")) for name in names}) for image in listed]
        except Refused as error:
            raise RenderFailed(f"ComfyUI at {self.server.place} does not give its picture (status {error.status}).") from None


NOT_IT = "Give the URL of a ComfyUI server, such as http://127.0.0.1:8188."
MISSING = "Install there what is named: models, LoRAs, input pictures, custom nodes."


def _messages(outcome: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    status = outcome.get("status")
    listed = status.get("messages") if isinstance(status, Mapping) else None
    pairs = [one for one in listed or () if isinstance(one, (list, tuple)) and len(one) == 2]
    return {str(name): body for name, body in pairs if isinstance(body, Mapping)}


def _cached(outcome: Mapping[str, Any]) -> bool:
    """Whether something came from the cache, or it is not said."""
    said = _messages(outcome).get("execution_cached")
    return said is None or bool(said.get("nodes"))


def _check(outcome: Mapping[str, Any], server: Server) -> None:
    messages = _messages(outcome)
    if (error := messages.get("execution_error")) is not None:
        node = f"{error.get('node_type', 'a node')} ({error.get('node_id', '?')})"
        why = " ".join(str(error.get("exception_message", "")).split())[:300]
        raise RenderFailed(f"ComfyUI at {server.place} failed in {node}: {why}.")
    if "execution_interrupted" in messages:
        raise RenderFailed(f"Somebody interrupted the rendering in ComfyUI at {server.place}.")


def _reason(answer: Any) -> str:
    """Why a graph is refused, with the nodes that are named."""
    if not isinstance(answer, Mapping):
        return str(answer).strip() or "it does not say why"
    error = answer.get("error")
    said = [str(error.get("message", "")) if isinstance(error, Mapping) else str(error or "")]
    nodes = answer.get("node_errors")
    for number, node in nodes.items() if isinstance(nodes, Mapping) else ():
        details = [
            f"{one.get('message', '')} ({one.get('details', '')})" if one.get("details") else str(one.get("message", ""))
            for one in (node.get("errors") or () if isinstance(node, Mapping) else ())
            if isinstance(one, Mapping)
        ]
        kind = node.get("class_type", "node") if isinstance(node, Mapping) else "node"
        said.append(f"{kind} {number}: {'; '.join(details)}")
    return " · ".join(part.rstrip(".") for part in said if part)[:600]
