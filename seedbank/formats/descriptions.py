"""Pictures that say little: Midjourney's description, those of DALL-E and its kin, and of programs that come with a model.

    a red fox in the snow --ar 16:9 --v 6.1 --seed 1234 --no text Job ID: 0123abcd-…

None says steps, sampler or size, and the seed only where a person has asked for one. The programs that come with FLUX, HiDream
and others write `AI generated;txt2img;flux` as the software, the model's name and, where they are told to, the prompt (FLUX's
`util.py`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from seedbank.formats.reading import GUESSED, LIKELY, Payload, Reading
from seedbank.formats.values import find, first, foreign, model_of, number_of, objects, seed_of, text_of

MIDJOURNEY, DALLE = "midjourney", "dall-e"
PLACES = ("png:Description", "xmp:description", "exif:ImageDescription", "iptc:Caption", "exif:XPTitle", "text")
JOB = re.compile(r"Job ID: ?([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})", re.IGNORECASE)
FLAGS = re.compile(r"\s(?:--|—)(?=[a-z])")
VERSION = re.compile(r"\d(\.\d)?")
"""Of Midjourney: one flag is enough where it names a version, unless it is a line for some other command."""
OWN = {
    *(
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
        "w",
        "style",
        "raw",
        "tile",
        "q",
        "quality",
    ),
    *(
        "sref",
        "sw",
        "sv",
        "cref",
        "cw",
        "oref",
        "ow",
        "iw",
        "p",
        "profile",
        "stop",
        "exp",
        "draft",
        "hd",
        "fast",
        "relax",
        "turbo",
    ),
}
DALLE_NAME = re.compile(r"DALL·E \d{4}-\d\d-\d\d \d\d\.\d\d\.\d\d - (.+)", re.DOTALL)
"""What a downloaded file is called: the time and the beginning of the prompt."""
GENERATED = re.compile(r"AI generated;(\w{1,20});(\w{1,20})")
"""Mode and family of models."""
OPENAI = re.compile(r"\bdall[-·\s]?e\b|\bgpt-image|\bopenai\b", re.IGNORECASE)


def read(payloads: Sequence[Payload]) -> Reading | None:
    for place in PLACES:
        payload = find(payloads, place)
        if payload is not None and (reading := _midjourney(payload)) is not None:
            return reading
    return _reference(payloads) or _dalle(payloads)


def _midjourney(payload: Payload) -> Reading | None:
    job = JOB.search(payload.text)
    text = payload.text[: job.start()] if job else payload.text
    prompt, *rest = FLAGS.split(text)
    flags = {name: value for name, _, value in (" ".join(flag.split()).partition(" ") for flag in rest)}
    numbered = payload.place != "text" and any(VERSION.fullmatch(flags.get(name, "")) for name in ("v", "version", "niji"))
    if job is None and not numbered and len(OWN & flags.keys()) < 2:
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
                "weird": number_of(flags.get("weird")),
                "style": "raw" if "raw" in flags else flags.get("style"),
                "references": tuple(flags[name] for name in ("sref", "cref", "oref") if name in flags),
                "job": job[1] if job else None,
            },
            confidence=LIKELY,
        ),
        payload.place,
    )


def _reference(payloads: Sequence[Payload]) -> Reading | None:
    software = find(payloads, "exif:Software")
    match = None if software is None else GENERATED.match(software.text)
    if software is None or match is None:
        return None
    prompt, model = find(payloads, "exif:ImageDescription"), find(payloads, "exif:Model")
    said = foreign(
        prompt=text_of(prompt.text) if prompt else None,
        model=model_of(model.text) if model else None,
        extras={"mode": match[1]},
        doubts={"prompt": LIKELY},
    )
    return Reading(match[2], said, (prompt or software).place)


def _dalle(payloads: Sequence[Payload]) -> Reading | None:
    """The answer of the service as JSON, the name of a file from there, or a description beside the maker's name."""
    for payload, values in objects(payloads):
        if "revised_prompt" in values or OPENAI.search(str(values.get("model", ""))):
            prompt = text_of(first(values, "revised_prompt", "prompt"))
            asked = text_of(values.get("prompt"))
            if prompt is not None:
                extras = {"original_prompt": asked if asked != prompt else None, "version": text_of(values.get("model"))}
                return Reading(DALLE, foreign(prompt=prompt, extras=extras, confidence=LIKELY), payload.place)
    named = find(payloads, "name")
    if named is not None and (match := DALLE_NAME.fullmatch(named.text)):
        cut = ("The prompt is the file's name, which may not have all of it.",)
        return Reading(DALLE, foreign(prompt=text_of(match[1]), confidence=GUESSED), named.place, cut)
    maker = find(payloads, "png:Software", "exif:Software", "xmp:CreatorTool", "exif:Make", "png:Source", "xmp:Credit")
    description = find(payloads, "png:Description", "xmp:description", "exif:ImageDescription", "png:Comment", "png:prompt")
    if maker is None or description is None or not OPENAI.search(maker.text) or description.text.lstrip().startswith("{"):
        return None
    extras = {"version": text_of(maker.text)}
    return Reading(DALLE, foreign(prompt=text_of(description.text), extras=extras, confidence=GUESSED), description.place)
