"""Metadata of every container, in every encoding that tools use, within limits."""

from __future__ import annotations

import struct
import zlib

import pytest

from seedbank.formats.containers import LARGEST_METADATA, scan_bytes
from tests.formats.files import chunk, comment, exif, itxt, packet, png, saved, text, ztxt

A1111 = "猫と é\nNegative prompt: blurry\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 64x64"


def _texts(data: bytes) -> dict[str, str]:
    return {payload.place: payload.text for payload in scan_bytes(data).payloads}


# -- PNG --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "written",
    [
        text("parameters", A1111),  # UTF-8, where the standard says Latin-1
        text("parameters", A1111.encode() + b"\0"),
        itxt("parameters", A1111),
        itxt("parameters", A1111, compressed=True),
    ],
)
def test_a_png_text_is_the_same_in_every_kind_of_chunk_before_and_after_the_picture(written):
    assert _texts(png(written)) == {"png:parameters": A1111}
    assert _texts(png(late=[written])) == {"png:parameters": A1111}


def test_latin_1_is_read_where_the_bytes_are_no_utf_8():
    assert _texts(png(text("Comment", "caf\xe9".encode("latin-1")), ztxt("parameters", "caf\xe9"))) == {
        "png:Comment": "café",
        "png:parameters": "café",
    }


def test_a_png_carries_exif_and_xmp_and_the_profiles_that_imagemagick_writes():
    block = comment(b"ASCII\0\0\0a cat")
    raw = f"\nexif\n{len(block) + 6:8}\n{(b'Exif' + bytes(2) + block).hex()}\n"
    assert _texts(png(chunk(b"eXIf", block))) == {"exif:UserComment": "a cat"}
    assert _texts(png(ztxt("Raw profile type exif", raw))) == {"exif:UserComment": "a cat"}
    said = _texts(png(itxt("XML:com.adobe.xmp", packet(UserComment="{“c”}", description="a cat").decode())))
    assert said["xmp:UserComment"] == "{“c”}" and said["xmp:description"] == "a cat" and "<rdf:RDF" in said["xmp"]


def test_size_alpha_and_kind_come_from_the_header():
    found = scan_bytes(png(colour=6, width=7, height=5))
    assert (found.kind, found.width, found.height, found.alpha, found.lossless) == ("png", 7, 5, True, True)
    assert not scan_bytes(png(colour=2)).alpha


# -- JPEG, WebP, AVIF, GIF ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("value", "ascii_"),
    [
        (b"UNICODE\0" + A1111.encode("utf-16-be"), False),
        (b"UNICODE\0" + A1111.encode("utf-16-le"), False),
        (b"UNICODE\0" + A1111.encode("utf-16"), False),  # with a mark of its order
        (b"UNICODE\0" + A1111.encode(), False),  # UTF-8 behind the wrong code
        (b"ASCII\0\0\0" + A1111.encode(), False),
        (b"ASCII\0\0\0" + A1111.encode(), True),  # the code within a tag of the type ASCII
        (A1111.encode() + b"\0", True),  # no code
        (A1111.encode("utf-16-le"), False),
        (bytes(8) + A1111.encode(), False),
        (b"JIS\0\0\0\0\0" + "猫と".encode("iso2022_jp"), False),
    ],
)
def test_a_user_comment_is_read_in_every_encoding(value, ascii_, order):
    expected = "猫と" if value.startswith(b"JIS") else A1111
    assert _texts(saved("JPEG", comment(value, order, ascii_))) == {"exif:UserComment": expected}


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "AVIF", "PNG"])
def test_exif_and_xmp_are_found_in_every_container(kind):
    block = exif({0x010F: b"workflow:{}\0", 0x010E: b"\xe2\x80\x94\0"}, {0x9286: b"ASCII\0\0\0a cat"}, ascii_=(0x010F, 0x010E))
    found = scan_bytes(saved(kind, block, None if kind == "PNG" else packet(description="a dog")))
    said = {payload.place: payload.text for payload in found.payloads}
    assert found.kind == kind.lower() and (found.width, found.height) == (4, 4)
    assert said["exif:Make"] == "workflow:{}" and said["exif:ImageDescription"] == "—" and said["exif:UserComment"] == "a cat"
    assert kind == "PNG" or said["xmp:description"] == "a dog"
    assert not found.remarks


def test_windows_comments_are_utf_16():
    assert _texts(saved("JPEG", exif({0x9C9C: "猫".encode("utf-16-le") + b"\0\0"}))) == {"exif:XPComment": "猫"}


def test_comments_of_gif_and_jpeg_are_read():
    assert _texts(saved("GIF", comment=A1111.encode())) == {"gif:comment": A1111}
    assert _texts(saved("JPEG", comment=A1111.encode())) == {"jpeg:comment": A1111}
    long = "x" * 5000
    assert _texts(saved("GIF", comment=long.encode())) == {"gif:comment": long}


def test_exif_that_goes_over_several_segments_is_one():
    block = comment(b"ASCII\0\0\0" + b"x" * 100_000)
    whole = saved("JPEG")
    pieces = [block[:60_000], block[60_000:]]
    segments = b"".join(b"\xff\xe1" + struct.pack(">H", len(piece) + 8) + b"Exif\0\0" + piece for piece in pieces)
    assert _texts(whole[:2] + segments + whole[2:]) == {"exif:UserComment": "x" * 100_000}


def test_webp_says_whether_it_is_lossless_and_transparent():
    assert scan_bytes(saved("WEBP")).lossless is False
    assert scan_bytes(saved("WEBP", lossless=True)).lossless is True


def test_jpeg_xl_boxes_are_read():
    def box(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data) + 8) + kind + data

    start = b"\0\0\0\x0cJXL \r\n\x87\n" + box(b"ftyp", b"jxl \0\0\0\0jxl ")
    said = _texts(start + box(b"Exif", bytes(4) + comment(b"ASCII\0\0\0a cat")) + box(b"jxlc", b"\xff\x0a"))
    assert said == {"exif:UserComment": "a cat"}
    assert "Brotli" in scan_bytes(start + box(b"brob", b"Exif....")).remarks[0]


# -- limits and damage -------------------------------------------------------------------------------------------------


def test_a_prompt_of_ten_megabytes_is_refused_in_a_sentence_and_the_rest_is_read():
    found = scan_bytes(png(text("prompt", "x" * 10_000_000), text("Software", "ComfyUI")))
    assert [payload.place for payload in found.payloads] == ["png:Software"]
    assert found.remarks == ("The tEXt chunk is left out: it is larger than the 8 MiB of metadata that are read of a file.",)


def test_a_small_chunk_that_unpacks_to_a_gigabyte_is_refused_at_the_limit():
    bomb = zlib.compressobj(9)
    packed = b"".join(bomb.compress(b"x" * 2**20) for _ in range(64)) + bomb.flush()
    found = scan_bytes(png(chunk(b"zTXt", b"parameters\0\0" + packed)))
    assert not found.payloads and "png:parameters is left out: it is larger" in found.remarks[0]


def test_many_texts_are_counted_and_their_bytes_added_up():
    found = scan_bytes(png(*(text(f"k{number}", "x") for number in range(1000))))
    assert len(found.payloads) == 256 and "more than 256 texts" in found.remarks[0]
    half = text("a", "x" * (LARGEST_METADATA // 2))
    assert len(scan_bytes(png(half, half, half)).payloads) == 1


def test_values_of_exif_that_share_their_bytes_do_not_multiply():
    rows = b"".join(struct.pack(">HHII", 0x0100 + number, 2, 60_000, 8) for number in range(4000))
    block = b"MM\0*" + struct.pack(">IH", 8, 4000) + rows + b"\0" * 60_000
    assert "overlap" in scan_bytes(png(chunk(b"eXIf", block))).remarks[0]


def test_xml_that_declares_entities_is_kept_and_not_expanded():
    hostile = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><x>&b;</x>'
    found = scan_bytes(png(itxt("XML:com.adobe.xmp", hostile)))
    assert [payload.place for payload in found.payloads] == ["xmp"] and "no plain XML" in found.remarks[0]


def test_a_file_without_end_of_parts_ends():
    endless = b"\x89PNG\r\n\x1a\n" + chunk(b"abCd", b"") * 500_100
    assert "more than 500,000 parts" in scan_bytes(endless).remarks[0]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "AVIF"])
def test_every_way_of_cutting_a_file_short_is_at_most_a_remark(kind):
    given = (
        {"comment": b"a comment"} if kind == "GIF" else {"block": comment(b"ASCII\0\0\0a cat"), "xmp": packet(description="d")}
    )
    whole = saved(kind, **({"block": given["block"]} if kind == "PNG" else given))
    for size in range(len(whole)):
        scan_bytes(whole[:size])
    assert scan_bytes(whole[:20]).remarks or kind in ("WEBP", "AVIF")


def test_what_is_no_picture_has_no_kind():
    for data in (b"", b"a text", b"%PDF-1.7", b"\x89PNG"):
        found = scan_bytes(data)
        assert found.kind is None and not found.payloads


# -- what few files have ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["<", ">"])
def test_the_tags_of_a_tiff_file_are_read_wherever_they_stand(order):
    block = exif({0x010E: b"a cat\0", 0x02BC: packet(description="a dog")}, {0x9286: b"ASCII\0\0\0a fox"}, order, (0x010E,))
    found = scan_bytes(block + b"\0" * 100)
    said = {payload.place: payload.text for payload in found.payloads}
    assert found.kind == "tiff" and (said["exif:ImageDescription"], said["exif:UserComment"]) == ("a cat", "a fox")
    assert said["xmp:description"] == "a dog"
    pillow = scan_bytes(saved("TIFF", description="a cat"))
    assert (pillow.kind, pillow.payloads[0].place, pillow.payloads[0].text) == ("tiff", "exif:ImageDescription", "a cat")


def test_a_tiff_file_whose_values_share_their_bytes_ends_soon():
    size = 1 << 20
    entries = b"".join(struct.pack("<HHII", 0x010E, 2, size, 8) for _ in range(1000))
    data = b"II*\0" + struct.pack("<I", size + 8) + b"x" * size + struct.pack("<H", 1000) + entries
    found = scan_bytes(data)
    assert sum(len(payload.text) for payload in found.payloads) <= LARGEST_METADATA and "overlap" in found.remarks[0]


def test_the_iptc_caption_is_read_in_jpeg_and_in_the_profile_of_a_png():
    record = b"\x1c\x02\x78" + struct.pack(">H", 5) + b"a cat" + b"\x1c\x02\x19\x00\x01x"
    resources = b"Photoshop 3.0\x008BIM\x04\x04\0\0" + struct.pack(">I", len(record)) + record
    whole = saved("JPEG")
    segment = b"\xff\xed" + struct.pack(">H", len(resources) + 2) + resources
    assert _texts(whole[:2] + segment + whole[2:]) == {"iptc:Caption": "a cat"}
    raw = f"\niptc\n{len(record):8}\n{record.hex()}\n"
    assert _texts(png(ztxt("Raw profile type iptc", raw))) == {"iptc:Caption": "a cat"}


def test_content_credentials_are_named_in_every_container_that_has_them():
    box = b"JP\0\1\0\0\0\1\0\0\0\x40jumb\0\0\0\x25jumdc2pa\0\x11\0\x10\x80\0\0\xaa\0\x38\x9b\x71\3c2pa\0"
    jpeg, webp = saved("JPEG", comment=b"a cat"), saved("WEBP")
    segment = b"\xff\xeb" + struct.pack(">H", len(box) + 2) + box
    found = scan_bytes(jpeg[:2] + segment + jpeg[2:])
    assert "C2PA" in found.remarks[0] and found.payloads[0].text == "a cat", "what comes after them is read"
    assert "C2PA" in scan_bytes(webp + b"C2PA\4\0\0\0\0\0\0\0").remarks[0]
    assert "C2PA" in scan_bytes(png(chunk(b"caBX", b"x"))).remarks[0]


def test_json_that_was_escaped_twice_in_xmp_is_json():
    said = _texts(saved("JPEG", None, packet(UserComment="{&quot;seed&quot;: 5}", description="a &lt;b&gt; &quot;x&quot;")))
    assert said["xmp:UserComment"] == '{"seed": 5}'
    assert said["xmp:description"] == "a &lt;b&gt; &quot;x&quot;", "any other text stays as it is"
