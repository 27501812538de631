"""Small picture files with metadata of every kind, put together byte by byte, as tools write them."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence

from PIL import Image

COMMENT = 0x9286


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def text(keyword: str, value: str | bytes) -> bytes:
    return chunk(b"tEXt", keyword.encode("latin-1") + b"\0" + (value.encode() if isinstance(value, str) else value))


def ztxt(keyword: str, value: str) -> bytes:
    return chunk(b"zTXt", keyword.encode() + b"\0\0" + zlib.compress(value.encode("latin-1")))


def itxt(keyword: str, value: str, compressed: bool = False) -> bytes:
    data = zlib.compress(value.encode()) if compressed else value.encode()
    return chunk(b"iTXt", keyword.encode() + b"\0" + bytes([compressed, 0]) + b"en\0translated\0" + data)


def png(*chunks: bytes, late: Sequence[bytes] = (), colour: int = 2, width: int = 2, height: int = 2) -> bytes:
    """A PNG of black pixels with chunks before and after the picture data."""
    bands = {0: 1, 2: 3, 4: 2, 6: 4}[colour]
    rows = b"".join(b"\0" + b"\0" * width * bands for _ in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    parts = [chunk(b"IHDR", header), *chunks, chunk(b"IDAT", zlib.compress(rows)), *late, chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def exif(
    entries: dict[int, bytes], inner: dict[int, bytes] | None = None, order: str = ">", ascii_: Sequence[int] = ()
) -> bytes:
    """A TIFF block: `entries` in the first directory, `inner` in the one for pictures, as UNDEFINED, or ASCII if named."""
    blob = b""
    start = 8 + 2 + 12 * (len(entries) + (inner is not None)) + 4
    start_inner = start
    if inner is not None:
        start += 2 + 12 * len(inner) + 4

    def directory(values: dict[int, bytes], link: int | None) -> bytes:
        nonlocal blob
        rows = b""
        for tag, value in sorted(values.items()):
            kind = 2 if tag in ascii_ else 1 if 0x9C9B <= tag <= 0x9C9F else 7
            if len(value) <= 4:
                rows += struct.pack(order + "HHI", tag, kind, len(value)) + value.ljust(4, b"\0")
            else:
                rows += struct.pack(order + "HHII", tag, kind, len(value), start + len(blob))
                blob += value
        if link is not None:
            rows += struct.pack(order + "HHII", 0x8769, 4, 1, link)
        return struct.pack(order + "H", len(values) + (link is not None)) + rows + b"\0" * 4

    first = directory(entries, start_inner if inner is not None else None)
    second = directory(inner, None) if inner is not None else b""
    return (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8) + first + second + blob


def comment(value: bytes, order: str = ">", ascii_: bool = False) -> bytes:
    """A TIFF block with one UserComment in its place."""
    return exif({}, {COMMENT: value}, order, (COMMENT,) if ascii_ else ())


def saved(kind: str, block: bytes | None = None, xmp: bytes | None = None, **options: object) -> bytes:
    """A picture as Pillow saves it, with an Exif block and an XMP packet."""
    file = io.BytesIO()
    given = {name: value for name, value in {"exif": block and b"Exif\0\0" + block, "xmp": xmp, **options}.items() if value}
    Image.new("RGB", (4, 4), "red").save(file, kind, **given)
    return file.getvalue()


def packet(**values: str) -> bytes:
    """An XMP packet with a description, and simple properties as attributes."""
    import html

    said = "".join(f' exif:{name}="{html.escape(value)}"' for name, value in values.items() if name != "description")
    description = html.escape(values.get("description", ""))
    return (
        '<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""'
        ' xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"'
        f'{said}><dc:description><rdf:Alt><rdf:li xml:lang="x-default">{description}</rdf:li></rdf:Alt></dc:description>'
        '</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()
