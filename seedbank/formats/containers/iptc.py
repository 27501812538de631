"""The caption of an IPTC block, in which some tools write what they were asked for. Source: IPTC-IIM 4.2, 2:120."""

from __future__ import annotations

from seedbank.formats.containers.collecting import Collector
from seedbank.formats.containers.text import narrow

CAPTION = b"\x1c\x02\x78"
"""The tag marker, record 2, data set 120; two bytes of length follow."""


def collect(data: bytes, found: Collector) -> None:
    """The caption in `data`, wherever it begins: in the records themselves or within Photoshop's resources."""
    if (at := data.find(CAPTION)) >= 0:
        size = int.from_bytes(data[at + 3 : at + 5], "big")
        caption = data[at + 5 : at + 5 + size]
        found.add("iptc:Caption", narrow(caption), caption)
