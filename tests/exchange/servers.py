"""Small HTTP servers that speak the documented APIs of ComfyUI and of A1111, as far as rendering needs them.

They draw a picture from the seed they are given, so that equal graphs give equal pixels, and remember what they were asked.
ComfyUI's keeps its cache as the real one does: until its worker was told to forget, it answers a known graph from there.
"""

from __future__ import annotations

import base64
import json
import random
import re
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from seedbank.bank import Pixels
from seedbank.images import encode_png


def picture(seed: int, size: int = 16, shift: int = 0) -> Pixels:
    """What a server draws for a seed; `shift` makes it a little brighter."""
    values = random.Random(seed).choices(range(200), k=3 * size * size)
    return Pixels("RGB", size, size, bytes(value + shift for value in values))


class Tool:
    """What a server of either kind remembers, and how it is made to misbehave."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.shift = 0
        self.drifting = False
        self.url = ""
        self.authorization: str | None = None

    def drawn(self, seed: int) -> bytes:
        if self.drifting:
            self.shift += 1
        drawn = picture(seed, shift=self.shift)
        return encode_png(drawn.mode, drawn.width, drawn.height, drawn.rows)


class Comfy(Tool):
    """`history`, `view`, `system_stats`, `free`, `prompt` of ComfyUI."""

    def __init__(self) -> None:
        super().__init__()
        self.cache: set[str] = set()
        self.forgets = True
        self.history: dict[str, Any] = {}
        self.files: dict[str, bytes] = {}
        self.missing: str | None = None
        self.error: str | None = None
        self.says: dict[str, tuple[int, Any]] = {}
        """Answers in place of the right ones, by the beginning of the path."""
        self.alters: dict[str, Any] = {}
        """Parts of the outcome of a prompt in place of the right ones."""

    def get(self, path: str, query: dict[str, str]) -> tuple[int, Any]:
        for beginning, said in self.says.items():
            if path.startswith(beginning):
                return said
        if path == "/system_stats":
            system = {"os": "linux", "comfyui_version": "0.9.2", "pytorch_version": "2.11.0+cu130", "ram_free": random.random()}
            return 200, {"system": system, "devices": [{"name": "cuda:0 NVIDIA H100", "type": "cuda", "vram_free": 1}]}
        if path.startswith("/history/"):
            number = path.rpartition("/")[2]
            return 200, {number: self.history[number]} if number in self.history else {}
        if path == "/view":
            return 200, self.files[query["filename"]]
        return 404, {}

    def post(self, path: str, body: Any) -> tuple[int, Any]:
        if path == "/free":
            if self.forgets and body.get("free_memory"):
                self.cache.clear()
            return 200, b""
        if path != "/prompt":
            return 404, {}
        if path in self.says:
            return self.says[path]
        graph = body["prompt"]
        if self.missing:
            errors = [{"message": "Value not in list", "details": f"ckpt_name: '{self.missing}' not in []"}]
            node_errors = {"4": {"class_type": "CheckpointLoaderSimple", "errors": errors}}
            return 400, {"error": {"message": "Prompt outputs failed validation"}, "node_errors": node_errors}
        number, name = f"id{len(self.history)}", f"made_{len(self.history):05}_.png"
        known = json.dumps(graph) in self.cache
        self.cache.add(json.dumps(graph))
        messages: list[Any] = [["execution_start", {}], ["execution_cached", {"nodes": list(graph) if known else []}]]
        outputs: dict[str, Any] = {}
        if self.error:
            messages.append(["execution_error", {"node_type": "KSampler", "node_id": "3", "exception_message": self.error}])
        else:
            self.files[name] = self.drawn(graph["3"]["inputs"]["seed"])
            self.files["look.png"] = self.drawn(1)
            outputs = {
                "8": {"images": [{"filename": "look.png", "subfolder": "", "type": "temp"}]},
                "9": {"images": [{"filename": name, "subfolder": "", "type": "output"}]},
            }
        self.history[number] = {"outputs": outputs, "status": {"messages": messages}} | self.alters
        return 200, {"prompt_id": number, "number": 1, "node_errors": {}}


class Web(Tool):
    """`txt2img`, `options` and `sysinfo` of A1111."""

    reads_text = True

    def get(self, path: str, query: dict[str, str]) -> tuple[int, Any]:
        if path == "/sdapi/v1/options":
            return 200, {
                "sd_model_checkpoint": "dream.safetensors [6ce0161689]",
                "CLIP_stop_at_last_layers": 1,
                "quicksettings": [],
            }
        if path == "/internal/sysinfo":
            return 200, {"Version": "v1.10.1", "Python": "3.10.6", "Packages": ["torch==2.1.2", "xformers==0.0.23"]}
        return 404, {"detail": "Not Found"}

    def post(self, path: str, body: Any) -> tuple[int, Any]:
        if path != "/sdapi/v1/txt2img":
            return 404, {"detail": "Not Found"}
        seed = re.search(r"Seed: (\d+)", body["infotext"])
        assert seed is not None
        info = {"prompt": body["infotext"].splitlines()[0] if self.reads_text else "", "negative_prompt": ""}
        return 200, {"images": [base64.b64encode(self.drawn(int(seed[1]))).decode()], "info": json.dumps(info)}


@contextmanager
def serving(tool: Any) -> Iterator[Any]:
    """The tool at `tool.url`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            tool.authorization = self.headers["Authorization"]
            parts = urlsplit(self.path)
            tool.asked.append((parts.path, None))
            self.answer(*tool.get(parts.path, {name: values[0] for name, values in parse_qs(parts.query).items()}))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            tool.asked.append((self.path, body))
            self.answer(*tool.post(self.path, body))

        def answer(self, status: int, body: Any) -> None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    tool.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield tool
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def speaking(answer: bytes, pause: float = 0.0) -> Iterator[str]:
    """The URL of a server that answers whatever it is asked with these bytes, one by one where there is a `pause`."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(1 << 16)
            try:
                for piece in (answer,) if not pause else (bytes([byte]) for byte in answer):
                    self.request.sendall(piece)
                    time.sleep(pause)
            except OSError:
                return  # who asked has gone

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
