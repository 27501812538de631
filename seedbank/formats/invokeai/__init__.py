"""InvokeAI's metadata, of all generations of its format.

`png:invokeai_metadata` since 3.0 (from 5.0 on with other names of models), `png:sd-metadata` of 2.x, the command line in
`png:Dream` of 1.x and of its ancestor, and the node graph or workflow where nothing else is there. InvokeAI calls the
sampler `scheduler` and knows no schedule beside it.
"""

from __future__ import annotations

from collections.abc import Sequence

from seedbank.formats.invokeai import dream, metadata, nodes
from seedbank.formats.reading import FormatError, Payload, Reading
from seedbank.formats.values import find, json_object, objects

TOOL = "invokeai"


def read(payloads: Sequence[Payload]) -> Reading | None:
    """The newest generation that is there. Raises `FormatError` for one that is broken where there is no other."""
    broken: FormatError | None = None
    for place, of in (
        ("png:invokeai_metadata", metadata.of_metadata),
        ("png:sd-metadata", metadata.of_sd_metadata),
        ("png:invokeai_graph", nodes.of_graph),
        ("png:invokeai_workflow", nodes.of_workflow),
    ):
        payload = find(payloads, place)
        if payload is None:
            continue
        values = json_object(payload.text)
        if values is None:
            broken = FormatError(f"{place} is no JSON object.")
        elif (recipe := of(values)) is not None:
            return Reading(TOOL, recipe, payload.place)
    line = find(payloads, "png:Dream", "png:dream")
    if line is not None and (recipe := dream.of_line(line.text)) is not None:
        return Reading(TOOL, recipe, line.place)
    for payload, values in objects(payloads):
        if metadata.is_bare(values) and (recipe := metadata.of_metadata(values)) is not None:
            return Reading(TOOL, recipe, payload.place)
    if broken is not None:
        raise broken
    return None
