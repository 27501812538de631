"""A PNG's chunks in one JSON object, as programs write them that turn PNG files into JPEG or WebP.

    exif:UserComment = {"invokeai_metadata": {…}, "invokeai_graph": {…}}

Each key is the keyword of a chunk, its value the chunk's text or the JSON that it was.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from seedbank.formats.reading import Payload
from seedbank.formats.values import objects

KEYWORDS = {"invokeai_metadata", "sd-metadata", "Dream", "generation_data", "parameters-json", "DgenerateConfig", "seedbank"}
"""Keywords that are in no JSON of a tool's own."""
USUAL = {"parameters", "fooocus_scheme", "prompt", "workflow", "extraMetadata", "postprocessing", "smproj"}
"""Keywords of chunks; an object with `parameters` that has no other keys is one of chunks, too."""


def unwrapped(payloads: Sequence[Payload]) -> tuple[Sequence[Payload], Mapping[str, str]]:
    """(payloads with the chunks in the place of the object that holds them, {place of a chunk: where it was found})."""
    for payload, values in objects(payloads):
        chunks_alone = "parameters" in values and values.keys() <= USUAL
        named = any(isinstance(values.get(key), (str, dict)) for key in KEYWORDS)
        if payload.place.startswith("png:") or not (chunks_alone or named):
            continue
        chunks = [
            Payload(f"png:{key}", value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
            for key, value in values.items()
        ]
        others = [other for other in payloads if other is not payload]
        return [*others, *chunks], {chunk.place: payload.place for chunk in chunks}
    return payloads, {}
