"""Pictures of services that say little: Midjourney's description, and those of DALL-E and its kin.

    a red fox in the snow --ar 16:9 --v 6.1 --seed 1234 --no text Job ID: 0123abcd-…

Neither says steps, sampler or size, and the seed only where a person has asked for one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from seedbank.formats.reading import GUESSED, LIKELY, Payload, Reading
from seedbank.formats.values import find, first, foreign, number_of, objects, seed_of, text_of

MIDJOURNEY, DALLE = "midjourney", "dall-e"
PLACES = ("png:Description", "xmp:description", "exif:ImageDescription", "iptc:Caption", "exif:XPTitle", "text")
JOB = re.compile(r"Job ID: ?([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})", re.IGNORECASE)
FLAGS = re.compile(r"\s(?:--|—)(?=[a-z])")
OWN = {
    "v",
    "version",
    "niji",
    "ar",
    "aspect",
    "stylize",
    "s",
    "chaos",
    "c",
    "weird",
    "style",
    "sref",
    "cref",
    "tile",
    "q",
    "iw",
}
OPENAI = re.compile(r"\bdall[-·\s]?e\b|\bgpt-image|\bopenai\b", re.IGNORECASE)


def read(payloads: Sequence[Payload]) -> Reading | None:
    for place in PLACES:
        payload = find(payloads, place)
        if payload is not None and (reading := _midjourney(payload)) is not None:
            return reading
    return _dalle(payloads)


def _midjourney(payload: Payload) -> Reading | None:
    job = JOB.search(payload.text)
    text = payload.text[: job.start()] if job else payload.text
    prompt, *rest = FLAGS.split(text)
    flags = {name: value for name, _, value in (" ".join(flag.split()).partition(" ") for flag in rest)}
    if job is None and len(OWN & flags.keys()) < 2:
        return None
    return Reading(
        MIDJOURNEY,
        foreign(
            prompt=text_of(prompt.strip()),
            negative_prompt=text_of(flags.get("no")),
            seed=seed_of(flags.get("seed")),
            extras={
                "version": f"niji {flags['niji']}" if "niji" in flags else first(flags, "v", "version"),
                "aspect": first(flags, "ar", "aspect"),
                "stylize": number_of(first(flags, "stylize", "s")),
                "chaos": number_of(first(flags, "chaos", "c")),
                "style": flags.get("style"),
                "job": job[1] if job else None,
            },
            confidence=LIKELY,
        ),
        payload.place,
    )


def _dalle(payloads: Sequence[Payload]) -> Reading | None:
    """A description beside the maker's name, or the answer of the service as JSON."""
    for payload, values in objects(payloads):
        if "revised_prompt" in values or OPENAI.search(str(values.get("model", ""))):
            prompt = text_of(first(values, "revised_prompt", "prompt"))
            asked = text_of(values.get("prompt"))
            if prompt is not None:
                extras = {"original_prompt": asked if asked != prompt else None, "version": text_of(values.get("model"))}
                return Reading(DALLE, foreign(prompt=prompt, extras=extras, confidence=LIKELY), payload.place)
    maker = find(payloads, "png:Software", "exif:Software", "xmp:CreatorTool", "exif:Make", "png:Source", "xmp:Credit")
    description = find(payloads, "png:Description", "xmp:description", "exif:ImageDescription", "png:Comment", "png:prompt")
    if maker is None or description is None or not OPENAI.search(maker.text) or description.text.lstrip().startswith("{"):
        return None
    extras = {"version": text_of(maker.text)}
    return Reading(DALLE, foreign(prompt=text_of(description.text), extras=extras, confidence=GUESSED), description.place)
