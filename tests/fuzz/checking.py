"""What must hold for every input of the readers: they end, soon and with little memory, and raise their own error alone.

An input is bytes: the first says which reader gets the rest, as a file, as a text at some place in one, or as a text alone.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, fields

from seedbank.errors import BadInput
from seedbank.exchange.receive import receive
from seedbank.formats import a1111, block, detect, script, weights
from seedbank.formats.reading import Foreign, FormatError, Lora, Payload, Reading
from seedbank.formats.stamp import KEY, Stamp
from seedbank.importing.convert import convert
from seedbank.importing.reading import read_bytes
from seedbank.infotext import parse
from seedbank.recipe import Recipe
from seedbank.worker.emphasis import READERS, Unfollowed, rows
from tests.formats import files
from tests.formats.test_generations import FILES
from tests.formats.tool_samples import A1111, GRAPH, SAMPLES

FILE, PAYLOAD, TEXT = 0, 1, 2
PLACES = (
    *("png:parameters", "png:prompt", "png:workflow", "png:Comment", "png:Dream", "png:sd-metadata", "png:invokeai_metadata"),
    *("png:invokeai_graph", "png:generation_data", "png:parameters-json", "exif:UserComment", "exif:Make", "exif:Model"),
    *("exif:ImageDescription", "xmp", "gif:comment", "jpeg:comment", "stealth:alpha", "sidecar:.txt", "sidecar:.json"),
    *("png:Description", "png:DgenerateConfig", "png:GenerationInfoJson", "iptc:Caption", "xmp:description", "name", "text"),
)
SECONDS = 5.0
"""Of the processor, for an input of up to 64 KiB; ten times what the slowest one takes uninstrumented."""


class Broken(AssertionError):
    """A reader did what no reader may do."""


def check(data: bytes) -> None:
    """Give an input to its reader and look at what comes out. Raises `Broken`, or whatever the reader raised."""
    started = time.process_time()
    kind, rest = (data[0] % 3, data[1:]) if data else (TEXT, b"")
    if kind == FILE:
        found = read_bytes(rest, deep=len(rest) < 4096)
        readings = [*found.readings]
        _ = found.raw, found.conflicts
    elif kind == PAYLOAD and rest:
        text = rest[1:].decode("utf-8", "replace")
        readings = [*detect.examine([Payload(PLACES[rest[0] % len(PLACES)], text)]).readings]
    else:
        readings = [*_texts(rest.decode("utf-8", "replace"))]
    for reading in readings:
        look(reading)
    if (taken := time.process_time() - started) > SECONDS * max(1, len(data) / 65536):
        raise Broken(f"it took {taken:.1f} s for {len(data)} bytes")


def _texts(text: str) -> Iterator[Reading]:
    parse(text)
    for rules in ("a1111", "comfyui", "invokeai", "novelai"):
        weights.constructs(text, rules)
    for rules in READERS:
        with suppress(Unfollowed):
            rows(text[:2000], rules)
    for reader in (a1111.prompts_from_file, script.read_script):
        with suppress(FormatError):
            reader(text)
    # What people paste is answered with a sentence where it is wrong.
    with suppress(BadInput):
        if (found := block.read_block(text)) is not None:
            yield found
    with suppress(BadInput):
        yield receive(text).reading
    yield from detect.readings([Payload("text", text)])


def look(reading: Reading) -> None:
    """What a reading says can be stored, shown and converted."""
    said = reading.recipe
    known = {each.name for each in fields(Foreign)} - {"extras", "confidence"}
    filled = {name for name in known if getattr(said, name) not in (None, ())}
    if not filled <= set(said.confidence) or not all(0 < sure <= 1 for sure in said.confidence.values()):
        raise Broken(f"the confidence of {filled - set(said.confidence) or said.confidence} is not said")
    if said.seed is not None and not 0 <= said.seed < 2**64:
        raise Broken(f"the seed is {said.seed}")
    for name in ("steps", "width", "height"):
        if (count := getattr(said, name)) is not None and not 0 < count < 2**63:
            raise Broken(f"{name} is {count}")
    if said.guidance_scale is not None and not math.isfinite(said.guidance_scale):
        raise Broken(f"the guidance is {said.guidance_scale}")
    json.dumps(asdict(said)).encode()
    for text in (
        reading.tool,
        reading.place,
        *reading.remarks,
        said.prompt or "",
        said.negative_prompt or "",
        said.sampler or "",
    ):
        text.encode()
    convert(reading)


def seeds() -> Iterator[bytes]:
    """Inputs shaped like those of all tools."""
    texts = [payload for payloads, _ in SAMPLES.values() for payload in payloads]
    texts += [payload for _, payloads, _ in FILES for payload in payloads]
    for payload in texts:
        place = PLACES.index(payload.place) if payload.place in PLACES else len(PLACES) - 1
        yield bytes([PAYLOAD, place]) + payload.text.encode()
        yield bytes([TEXT]) + payload.text.encode()
    fields_ = (
        f'{A1111}, Hashes: {{"model": "6ce0161689", "lora:x": "7c6b"}}, Lora hashes: "a: 12, b: 34", Clip skip: 2, '
        "Hires upscale: 2, Variation seed: 3, Variation seed strength: 0.2, Version: v1.5.1\nTemplate: a {b|c}"
    )
    yield bytes([TEXT]) + fields_.encode()
    yield bytes([PAYLOAD, 0]) + fields_.replace("a cat", "a (cat:1.2) <lora:x:0.5:1> [b:c:3] BREAK").encode()
    line = b'--prompt "a cat" --negative_prompt dark --seed 1 --steps 3 --cfg_scale 7 --sampler_name Euler --width 64'
    yield from (bytes([TEXT]) + text for text in (line, line + b"\na plain line"))
    own = Recipe(
        conditioning={"prompt": 'a "cat"\non a mat', "negative_prompt": "bad"},
        noise={"kind": "torch-cpu", "seed": 2**64 - 1},
        call={"num_inference_steps": 8, "width": 128, "height": 96},
        scheduler={"class": "EulerDiscreteScheduler", "config": {"use_karras_sigmas": True}},
        pipeline="StableDiffusionPipeline",
    )
    stamp = Stamp(own.digest, "ab" * 32, "cd" * 32, {"recipe": {"call": {"eta": 0.0}}})
    for lang in ("en", "zh"):
        yield bytes([TEXT]) + block.write_block(own, lang=lang, model_name="m", loras=(Lora("x", 0.5),), stamp=stamp).encode()
    yield bytes([TEXT]) + own.canonical
    yield bytes([TEXT]) + f'{a1111.write_parameters(own, cfg=7.0)}, {KEY}: "{stamp}"'.encode()
    graph = json.dumps(GRAPH)
    pictures = (
        files.png(files.text("parameters", fields_), files.ztxt("prompt", graph)),
        files.png(files.itxt("parameters", fields_), late=[files.itxt("workflow", graph, compressed=True)], colour=6),
        files.saved("JPEG", files.comment(b"UNICODE\0" + fields_.encode("utf-16-be")), files.packet(description="a cat")),
        files.saved("WEBP", files.exif({0x010F: b"workflow:" + graph.encode(), 0x0110: b"prompt:" + graph.encode()})),
        files.saved("GIF", comment=fields_.encode()),
        files.exif({0x010E: fields_.encode(), 0x02BC: files.packet(description="a cat")}, {files.COMMENT: b"x"}),
        files.saved("AVIF", files.comment(b"ASCII\0\0\0" + fields_.encode(), "<")),
    )
    yield from (bytes([FILE]) + picture for picture in pictures)
