"""Records as the JSON values of a bundle; `given` reads them back.

Times are in ISO 8601, UTC. Ids never travel: entries go by uid, everything else by digest or name.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from seedbank.environment import Environment
from seedbank.hashing import canonical_value
from seedbank.records import (
    Blob,
    Entry,
    Model,
    Output,
    Payload,
    Picture,
    Regeneration,
)

PIECES = ("mode", "width", "height", "phash")
Values = dict[str, Any]


def entry_values(entry: Entry, inputs: Sequence[Blob], payloads: Sequence[Payload], adapters: Sequence[str]) -> Values:
    """An entry as it stands in ``entries.jsonl``; opinions and lineage are records of their own."""
    return present(
        {
            "uid": entry.uid,
            "user": entry.user,
            "origin": entry.origin,
            "created": _time(entry.created),
            "recipe": None if entry.recipe is None else entry.recipe.to_dict(),
            "recipe_digest": entry.recipe_digest,
            "environment": entry.environment_digest,
            "model": None if entry.model is None else entry.model.digest,
            "adapters": list(adapters),
            "image": _picture(entry.picture),
            "file": _blob(entry.blob),
            "output": _output(entry.output),
            "obstacles": list(entry.obstacles),
            "details": canonical_value(entry.details),
            "inputs": [_blob(blob) for blob in inputs],
            "payloads": [_payload(payload) for payload in payloads],
        }
    )


def regeneration_values(entry: str, one: Regeneration) -> Values:
    """An attempt at the entry with this uid."""
    return present(
        {
            "uid": one.uid,
            "entry": entry,
            "at": _time(one.at),
            "user": one.user,
            "verdict": one.verdict,
            "experiment": one.experiment or None,
            "environment": one.environment_digest,
            "image": _picture(one.picture),
            "file": _blob(one.blob),
            "output": _output(one.output),
            "trace": one.trace,
            "first_difference": one.first_difference,
            **{name: canonical_value(getattr(one, name)) for name in ("drift", "explanation", "evidence")},
        }
    )


def model_values(model: Model) -> Values:
    """What is known of a model or an adapter."""
    names = ("digest", "name", "pipeline", "source", "revision", "variant", "config")
    files = [{"path": file.path, "size": file.size, "sha256": file.sha256} for file in model.files]
    hashes = sorted(list(pair) for pair in model.hashes)
    return present({**{name: getattr(model, name) for name in names}, "files": files, "hashes": hashes})


def environment_values(environment: Environment) -> Values:
    return {"digest": environment.digest, "parts": dict(environment.parts)}


def present(values: Mapping[str, Any]) -> Values:
    """Without what is empty."""
    return {name: value for name, value in values.items() if value not in (None, {}, [], ())}


def _time(when: datetime | None) -> str | None:
    return None if when is None else when.astimezone(UTC).isoformat(timespec="microseconds")


time_text = _time


def _picture(picture: Picture | None) -> Values | None:
    return None if picture is None else present({name: getattr(picture, name) for name in ("digest", *PIECES)})


def _blob(blob: Blob | None) -> Values | None:
    return None if blob is None else {"digest": blob.digest, "size": blob.size, "media_type": blob.media_type}


def _output(output: Output) -> Values:
    values = {"trace": _blob(output.trace), "trace_digest": output.trace_digest, "peak_memory": output.peak_memory}
    return present({**values, "seconds": canonical_value(output.seconds), "flags": canonical_value(output.flags)})


def _payload(payload: Payload) -> Values:
    same = payload.raw in (b"", payload.text.encode("utf-8", "surrogatepass"))
    return present(
        {"place": payload.place, "text": payload.text, "raw": None if same else base64.b64encode(payload.raw).decode("ascii")}
    ) | {"text": payload.text}
