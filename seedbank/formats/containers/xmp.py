"""The texts of an XMP packet.

Source: ISO 16684-1. The packet is given whole under the place `xmp`, and each text in it under `xmp:NAME` with the
property's name without its namespace. A packet that declares entities is refused: that is how small XML becomes huge.
"""

from __future__ import annotations

import html
from xml.parsers import expat

from seedbank.formats.containers.collecting import Collector
from seedbank.formats.containers.text import narrow

HEADER = b"http://ns.adobe.com/xap/1.0/\0"
EXTENSION = b"http://ns.adobe.com/xmp/extension/\0"
DEEPEST = 64
MOST_TEXTS = 64
ESCAPED = ("{&quot;", "{&#34;", "{&#x22;")
"""How JSON begins that was escaped twice."""
STRUCTURE = {"xmpmeta", "RDF", "Description", "Alt", "Seq", "Bag", "li"}
"""Elements that hold values and name none."""


class _Refused(Exception):
    """Raised out of the parser's callbacks."""


def collect(data: bytes, found: Collector) -> None:
    packet = data.strip(b"\0 \t\r\n")
    if not packet:
        return
    found.add("xmp", narrow(packet), data)
    try:
        texts = _texts(packet)
    except (_Refused, expat.ExpatError, ValueError, LookupError):
        found.remark("The XMP packet was kept as it is: it is no plain XML.")
        return
    for name, text in texts[:MOST_TEXTS]:
        found.add(f"xmp:{name}", html.unescape(text) if text.lstrip().startswith(ESCAPED) else text)


def _texts(packet: bytes) -> list[tuple[str, str]]:
    """(name, text) of all attributes and elements that have a text."""
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    path: list[str] = []
    pieces: list[str] = []
    texts: list[tuple[str, str]] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        path.append(name.rpartition(" ")[2])
        pieces.clear()
        if len(path) > DEEPEST:
            raise _Refused
        for key, value in attributes.items():
            local = key.rpartition(" ")[2]
            if value.strip() and local not in ("about", "lang", "parseType", "xmptk", "resource"):
                texts.append((local, value))

    def end(name: str) -> None:
        text = "".join(pieces)
        pieces.clear()
        if text.strip():
            texts.append((next((part for part in reversed(path) if part not in STRUCTURE), "text"), text))
        path.pop()

    def declared(*_: object) -> None:
        raise _Refused

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = pieces.append
    parser.StartDoctypeDeclHandler = declared
    parser.EntityDeclHandler = declared
    parser.Parse(packet, True)
    return texts
