"""ComfyUI: its graphs read as recipes, and plain recipes written as graphs."""

from __future__ import annotations

from seedbank.formats.comfyui.reader import TOOL, read
from seedbank.formats.comfyui.writing import api_prompt

__all__ = ["TOOL", "api_prompt", "read"]
