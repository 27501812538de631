"""The records of a bundle as values again; what they may not say is refused with `Given.wrong`."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

from seedbank.environment import Environment
from seedbank.errors import BadInput
from seedbank.exchange.bundle import shapes
from seedbank.exchange.bundle.given import Given, is_text
from seedbank.exchange.profile import VARIABLES
from seedbank.hashing import json_digest, plain_value
from seedbank.query import parse
from seedbank.recipe import Recipe
from seedbank.records import (
    VERDICTS,
    Blob,
    Collection,
    Model,
    ModelFile,
    NewEntry,
    NewRegeneration,
    Output,
    Payload,
    Picture,
    Saying,
)
from seedbank.shapes import misfit

PHASH = re.compile(r"[0-9a-f]{16}")
MEDIA_TYPE = re.compile(r"[\w.+-]{1,60}/[\w.+-]{1,100}")
LARGEST_SIZE = 2**62
LARGEST_SIDE = 2**31 - 1
LONGEST_QUERY = 20_000


def read_entry(given: Given, models: Mapping[str, Model], environments: Mapping[str, Environment]) -> NewEntry:
    """The entry of a record. `models` and `environments` are those of the bundle."""
    recipe = _read_recipe(given)
    model = given.digest("model")
    adapters = given.texts("adapters")
    for digest in (*((model,) if model else ()), *adapters):
        if digest not in models:
            raise given.wrong(f"the bundle does not describe the model {digest[:12]} that it names")
    if recipe is not None and recipe.model is not None and model is not None and recipe.model != model:
        raise given.wrong("its model is not that of its recipe")
    picture, blob = _read_picture(given.part("image")), _read_blob(given.part("file"))
    if blob is not None and picture is None:
        raise given.wrong("it has a file and no image digest")
    return NewEntry(
        recipe=recipe,
        environment=_of(given, environments),
        model=models[model] if model else None,
        picture=picture,
        blob=blob,
        inputs=tuple(blob for one in given.parts("inputs") if (blob := _read_blob(one)) is not None),
        output=_read_output(given.part("output")),
        origin=given.text("origin", needed=True, longest=20),
        obstacles=given.texts("obstacles"),
        created=given.time("created", past=False),
        details=_shaped(given, "details", shapes.DETAILS),
        adapters=tuple(models[digest] for digest in adapters),
        payloads=tuple(_read_payload(one) for one in given.parts("payloads")),
        uid=given.uid("uid"),
        user=given.text("user", longest=200),
    )


def read_regeneration(given: Given, entry: int, environments: Mapping[str, Environment]) -> NewRegeneration:
    """The attempt of a record, at the entry with this id."""
    if (verdict := given.text("verdict", needed=True)) not in VERDICTS:
        raise given.wrong("its verdict is none")
    return NewRegeneration(
        entry=entry,
        verdict=verdict,
        experiment=given.flag("experiment"),
        environment=_of(given, environments),
        picture=_read_picture(given.part("image")),
        blob=_read_blob(given.part("file")),
        output=_read_output(given.part("output")),
        trace=given.text("trace", needed=True),
        first_difference=given.text("first_difference"),
        drift=_shaped(given, "drift", shapes.NUMBERS),
        explanation=_shaped(given, "explanation", shapes.EXPLANATION),
        evidence=_shaped(given, "evidence", shapes.EVIDENCE),
    )


def read_model(given: Given) -> Model:
    """The model of a record; its files are those of its digest."""
    digest = given.digest("digest", needed=True)
    texts = {name: given.text(name) for name in ("pipeline", "source", "revision", "variant", "config")}
    files = []
    for one in given.parts("files"):
        path = one.text("path", needed=True)
        if not path or path.startswith("/") or "\\" in path or ".." in path.split("/"):
            raise given.wrong(f"a file of the model {digest[:12]} would lie outside of its folder")
        files.append(ModelFile(path, one.whole("size", LARGEST_SIZE, needed=True), one.digest("sha256", needed=True)))
    if files and json_digest({file.path: file.sha256 for file in files}) != digest:
        raise given.wrong(f"the files of the model {digest[:12]} are not those of its digest")
    hashes = given.values.get("hashes") or []
    if not isinstance(hashes, list) or not all(
        isinstance(one, list) and len(one) == 2 and all(map(is_text, one)) for one in hashes
    ):
        raise given.wrong("its hashes are no pairs of texts")
    pairs = tuple((kind, text) for kind, text in hashes)
    return Model(digest, given.text("name") or digest[:12], tuple(files), hashes=pairs, **texts)


def read_environment(given: Given, *, trust: bool = False) -> Environment:
    """The environment of a record, checked against its digest.

    Some environment variables make a process load libraries, so those that a bundle sets must be among the harmless ones,
    unless whoever takes it in trusts whoever made it.
    """
    environment = Environment(given.mapping("parts"))
    if environment.digest != given.digest("digest", needed=True):
        raise given.wrong("an environment is not the one of its digest")
    if wrong := misfit(environment.parts, shapes.ENVIRONMENT):
        raise given.wrong(f"an environment is none ({wrong})")
    variables = environment.profile.get("variables", {})
    if (others := sorted(set(variables) - set(VARIABLES))) and not trust:
        raise BadInput(
            f"An environment of the bundle sets the variable {others[0]}, which a regeneration would set again; "
            "some such variables make a process run other programs.",
            "If you trust whoever made the bundle: seedbank import --trust",
        )
    return environment


def _shaped(given: Given, name: str, shape: Any) -> Mapping[str, Any]:
    """The object under `name`, in the shape that commands read it in."""
    found: Any = plain_value(given.mapping(name))
    if wrong := misfit(found, shape):
        raise given.wrong(f"its {name} are none ({wrong})")
    return dict(found)


def _read_recipe(given: Given) -> Recipe | None:
    values = given.part("recipe")
    if values is None:
        return None
    try:
        recipe = Recipe.from_dict(values.values)
        digest = recipe.digest
    except (BadInput, TypeError, ValueError, AttributeError, RecursionError, OverflowError) as error:
        raise given.wrong(f"its recipe cannot be read ({' '.join(str(error).split())[:200]})") from None
    if digest != given.digest("recipe_digest"):
        raise given.wrong(f"its recipe has the digest {digest[:12]}, and another one is written beside it")
    return recipe


def _read_picture(given: Given | None) -> Picture | None:
    if given is None:
        return None
    width, height = (given.whole(name, LARGEST_SIDE) for name in ("width", "height"))
    phash = given.text("phash")
    if phash is not None and not PHASH.fullmatch(phash):
        raise given.wrong("its perceptual hash is none")
    return Picture(given.digest("digest", needed=True), given.text("mode", longest=8), width, height, phash)


def _read_blob(given: Given | None) -> Blob | None:
    if given is None:
        return None
    media_type = given.text("media_type", needed=True)
    if not MEDIA_TYPE.fullmatch(media_type):
        raise given.wrong("the type of a file is none")
    return Blob(given.digest("digest", needed=True), given.whole("size", LARGEST_SIZE, needed=True), media_type)


def _read_output(given: Given | None) -> Output:
    if given is None:
        return Output()
    seconds, flags = _shaped(given, "seconds", shapes.NUMBERS), _shaped(given, "flags", {})
    trace, memory = _read_blob(given.part("trace")), given.whole("peak_memory", LARGEST_SIZE)
    return Output(trace, given.digest("trace_digest"), seconds, memory, flags)


def _read_payload(given: Given) -> Payload:
    text, raw = given.values.get("text"), given.values.get("raw") or ""
    if not isinstance(text, str) or not isinstance(raw, str):
        raise given.wrong("a payload is no text")
    try:
        return Payload(given.text("place", needed=True), text, base64.b64decode(raw, validate=True))
    except (binascii.Error, ValueError):
        raise given.wrong("the bytes of a payload cannot be read") from None


def _of(given: Given, environments: Mapping[str, Environment]) -> Environment | None:
    digest = given.digest("environment")
    if digest is not None and digest not in environments:
        raise given.wrong(f"the bundle does not describe the environment {digest[:12]} that it names")
    return None if digest is None else environments[digest]


def read_saying(given: Given) -> Saying:
    at = given.time("at", needed=True)
    assert at is not None
    image, kind = given.digest("image", needed=True), given.text("kind", needed=True, longest=20)
    return Saying(image, at, given.text("user", longest=200), kind, given.values.get("value"))


def read_edge(given: Given) -> tuple[str, str, str]:
    return given.uid("child"), given.uid("parent"), given.text("kind", needed=True, longest=40)


def read_collection(given: Given) -> Collection:
    created = given.time("created", needed=True)
    assert created is not None
    query = given.text("query", longest=LONGEST_QUERY)
    if query is not None:
        try:
            parse(query, saved=True)
        except BadInput as error:
            raise given.wrong(f"its query cannot be read: {error.message.rstrip('.')}") from None
    name, user = given.text("name", needed=True), given.text("user", longest=200)
    return Collection(given.uid("uid"), name, created, user, query, given.digest("cover"))
