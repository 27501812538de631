"""What the records of a bundle must look like inside, where commands read on without asking; see `seedbank.shapes`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seedbank.shapes import ANY, NUMBER

ENVIRONMENT: Mapping[str, Any] = {
    "system?": {},
    "distributions?": {ANY: {"version?": str, "source?": str}},
    "hardware?": {"cpu?": {}, "gpu?": {}},
    "profile?": {"variables?": {ANY: str}, "pipeline?": {"components?": {ANY: {"attention_processors?": [str]}}}},
    "variables?": {},
    "fingerprint?": {"v?": int, ANY: {ANY: str}},
}
DETAILS: Mapping[str, Any] = {
    **{f"{name}?": str for name in ("tool", "file", "place", "created_from")},
    **{f"{name}?": [str] for name in ("conflicts", "remarks")},
    "inputs?": {},
    "stripped?": {},
    "confidence?": {ANY: NUMBER},
    "received?": {"form": str, "text?": str, "versions?": {ANY: str}, "remarks?": [str], "conflicts?": [str]},
}
EXPLANATION: Mapping[str, Any] = {
    "line?": str,
    "hint?": str,
    "notes?": [str],
    "operations?": [str],
    "causes?": [{"name": str, "grade?": str}],
}
EVIDENCE: Mapping[str, Any] = {
    "elsewhere?": [str],
    "trials?": [{"changed": [str], "restores": bool, "reproduces": bool, "first_difference?": str}],
}
NUMBERS: Mapping[str, Any] = {ANY: NUMBER}
