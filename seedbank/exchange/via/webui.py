"""Render in the user's own A1111 or Forge: the stored parameters are posted as they are.

`POST /sdapi/v1/txt2img` takes them as `infotext` (A1111 1.9 and later, and Forge), reads them with the tool's own parser and
answers with pictures in base64. Its server must run with `--api`. What it says of itself: `/sdapi/v1/options`, and
`/internal/sysinfo` where there is one.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from seedbank.environment import Environment
from seedbank.errors import Blocked, RenderFailed, SeedbankError
from seedbank.exchange.via.http import Refused, Server, listed, mapping, recorded, refusal, text

OPTIONS = ("sd_model_checkpoint", "sd_checkpoint_hash", "sd_vae", "CLIP_stop_at_last_layers", "randn_source")
"""Settings of the server that decide pixels where the parameters do not."""
SYSINFO = ("Platform", "Python", "Version", "Commit", "CPU", "Torch env info", "Packages")
NOT_IT = "Start A1111 or Forge with --api, and give its URL, such as http://127.0.0.1:7860."


class WebUI:
    """One A1111 or Forge server. `seconds`: how long one picture may take."""

    tool = "A1111"

    def __init__(self, url: str, seconds: float) -> None:
        self.server = Server(url)
        self.seconds = seconds

    def environment(self) -> Environment:
        """What the server says of itself. Raises `Blocked` for a server without this API."""
        try:
            options = self.server.get_json("/sdapi/v1/options")
        except Refused as error:
            raise refusal(error, self.server, self.tool, NOT_IT) from None
        if not isinstance(options, Mapping):
            raise Blocked(f"The server at {self.server.place} does not answer as A1111 does.", NOT_IT)
        system: dict[str, Any] = {"tool": "a1111", "options": {name: options[name] for name in OPTIONS if name in options}}
        parts: dict[str, Any] = {"system": system}
        try:
            told = self.server.get_json("/internal/sysinfo")
        except (Refused, Blocked):
            told = {}  # an older one
        told = mapping(told)
        system |= {name.lower().replace(" ", "_"): told[name] for name in SYSINFO if name in told and name != "Packages"}
        packages = [line.split("==") for line in map(text, listed(told.get("Packages"))) if "==" in line]
        if packages:
            parts["distributions"] = {name.lower(): {"version": version} for name, version, *_ in packages}
        return recorded(parts, self.server)

    def render(self, parameters: str) -> list[bytes]:
        """The picture files that the parameters give. Raises `Blocked` or `RenderFailed`."""
        body = {"infotext": parameters, "send_images": True, "save_images": False, "do_not_save_grid": True}
        try:
            answer = self.server.post("/sdapi/v1/txt2img", body, self.seconds)
        except Refused as error:
            raise self._refusal(error) from None
        images = listed(mapping(answer).get("images"))
        if not images:
            raise RenderFailed(f"A1111 at {self.server.place} answered without a picture.")
        _check_taken(answer, self.server)
        try:
            return [base64.b64decode(str(one).rpartition(",")[2], validate=True) for one in images]
        except ValueError:  # also of binascii
            raise RenderFailed(f"The picture of A1111 at {self.server.place} is not base64.") from None

    def _refusal(self, error: Refused) -> SeedbankError:
        """Why the parameters were not rendered: `detail` of the web framework, `errors` of the tool."""
        answer = mapping(error.answer)
        said = text(answer.get("errors")) or text(answer.get("detail")) or text(json.dumps(answer.get("detail")))
        if error.status in (400, 422):
            return Blocked(f"A1111 at {self.server.place} refuses the parameters: {said.rstrip('.')}.", NOT_IT)
        if error.status == 500 and said:
            return RenderFailed(f"A1111 at {self.server.place} failed: {said.rstrip('.')}.", "Look at what it printed.")
        return refusal(error, self.server, self.tool, NOT_IT)


def _check_taken(answer: Mapping[str, Any], server: Server) -> None:
    """An older server passes over `infotext` and renders its defaults: then it says that it rendered no prompt."""
    try:
        info = json.loads(str(answer.get("info")))
    except ValueError:
        return
    if isinstance(info, Mapping) and not info.get("prompt") and not info.get("negative_prompt"):
        raise Blocked(f"A1111 at {server.place} does not take parameters as text.", "It needs version 1.9 or later.")
