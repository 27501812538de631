"""Frozen values that cross the layers. Table rows never leave `store/`; everything above speaks in these.

Times are aware `datetime`s in UTC; digests are 64 hexadecimal digits; `id`s are local to a bank, `uid`s (UUIDv7) travel.

They are msgspec Structs: as dataclasses they took 20 ms to be defined, for which every command waited, and ten times as
long to be made. `seedbank.frozen.replace` copies them.
"""

from __future__ import annotations

from seedbank.records.entries import EDGES, Count, Edge, Entry, Output, Page
from seedbank.records.imports import Came, Holder, KnownFile, SeenFile
from seedbank.records.models import Model, ModelFile, ModelUse
from seedbank.records.new import NewEntry, NewRegeneration
from seedbank.records.operations import Operation, Undone
from seedbank.records.opinions import Collection, OpinionEvent, Saying, Tag, TeamOpinion
from seedbank.records.overviews import Duplicates, Stats
from seedbank.records.pictures import TRACE_TYPE, Blob, Payload, Picture, Referred, StoredPicture
from seedbank.records.regenerations import (
    BLOCKED,
    CLOSE,
    DIFFERENT,
    EXACT,
    FAILED,
    TRACE_ABSENT,
    TRACE_DIFFERS,
    TRACE_SAME,
    UNSTABLE,
    VERDICTS,
    Regeneration,
    Run,
)

__all__ = [
    "BLOCKED",
    "CLOSE",
    "DIFFERENT",
    "EDGES",
    "EXACT",
    "FAILED",
    "TRACE_ABSENT",
    "TRACE_DIFFERS",
    "TRACE_SAME",
    "TRACE_TYPE",
    "UNSTABLE",
    "VERDICTS",
    "Blob",
    "Came",
    "Collection",
    "Count",
    "Duplicates",
    "Edge",
    "Entry",
    "Holder",
    "KnownFile",
    "Model",
    "ModelFile",
    "ModelUse",
    "NewEntry",
    "NewRegeneration",
    "Operation",
    "OpinionEvent",
    "Output",
    "Page",
    "Payload",
    "Picture",
    "Referred",
    "Regeneration",
    "Run",
    "Saying",
    "SeenFile",
    "Stats",
    "StoredPicture",
    "Tag",
    "TeamOpinion",
    "Undone",
]
