"""The keys of queries: what each looks for and how its text is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from seedbank.query import values


@dataclass(frozen=True)
class Key:
    """One word before a colon: what it looks for, something that can be written behind it, and the reader of that."""

    help: str
    example: str
    read: Callable[[str], Any]


KEYS: Mapping[str, Key] = {
    "prompt": Key("words of the prompt; what bare words look for too", "lighthouse", values.prompt),
    "negative": Key("words of the negative prompt", "blurry", values.prompt),
    "tag": Key("a tag, * for any", "poster", values.any_text),
    "fav": Key("your favourites: yes, no; any: anybody's; or a user's name", "yes", values.any_text),
    "rating": Key("your rating, 0 to 5 or none", "4..", values.rating),
    "note": Key("words of anybody's note", "client", values.prompt),
    "collection": Key("a collection or a saved search", "spring", values.any_text),
    "model": Key("the model's name, or the beginning of its digest", "z-image*", values.any_text),
    "lora": Key("an adapter's name or the beginning of its digest, * for any", "*", values.any_text),
    "seed": Key("the seed", "1000..2000", values.seeds),
    "steps": Key("the number of steps", "8", values.whole_numbers),
    "cfg": Key("guidance in its common form, as other tools write it", "5..7.5", values.real_numbers),
    "guidance": Key("the pipeline's own guidance_scale", "3.5", values.real_numbers),
    "size": Key("width x height, or landscape, portrait, square", "1024x*", values.shape),
    "sampler": Key("the sampler, as other tools call it", "euler", values.any_text),
    "schedule": Key("the schedule, as other tools call it", "karras", values.any_text),
    "scheduler": Key("the diffusers class of the scheduler", "euler*", values.any_text),
    "pipeline": Key("the diffusers class of the pipeline", "flux*", values.any_text),
    "dtype": Key("a number format of the model", "bfloat16", values.any_text),
    "device": Key("the device that rendered", "cuda", values.any_text),
    "gpu": Key("a piece of the GPU's name", "H100", values.any_text),
    "env": Key("env.NAME: the version of a distribution in the environment", "2.13*", values.any_text),
    "verdict": Key("the verdict of the last regeneration, none or any", "different", values.verdict),
    "regenerable": Key(
        "no: an obstacle was recorded, there is no recipe, or its model or an adapter is neither here nor kept",
        "no",
        values.yes_no,
    ),
    "bytes": Key("whether the picture is here: present, absent", "absent", values.presence),
    "id": Key("the number of the entry", "3..9", values.whole_numbers),
    "digest": Key("the beginning of an image, file or recipe digest", "3fa9c2", values.digest),
    "like": Key("looks like the picture of this entry; 17~4: at most 4 of 64 bits apart", "17", values.neighbours),
    "parent": Key("made from this entry", "17", values.entry_id),
    "child": Key("what this entry was made from", "17", values.entry_id),
    "run": Key("the run's name or number", "torch-2.14", values.any_text),
    "origin": Key("generated, recorded, added, imported or received", "imported", values.origin),
    "by": Key("the user who added it", "ann", values.any_text),
    "added": Key("when it came into the bank", "-7d..", values.times),
    "created": Key("when it was rendered", "2026-11", values.times),
    "trash": Key("whether it is in the trash: yes, no", "yes", values.yes_no),
}
"""{key: what it is}; `KEYS[key].read(text)` gives the value of a term."""

ALIASES: Mapping[str, str] = {
    "favourite": "fav",
    "favorite": "fav",
    "tags": "tag",
    "user": "by",
    "neg": "negative",
    "notes": "note",
    "checkpoint": "model",
    "adapter": "lora",
    "image": "digest",
    "in": "collection",
}

SORTS = ("added", "created", "id", "rating", "seed", "steps", "cfg")
"""What ``sort:`` takes; each has an index."""
