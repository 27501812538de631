"""A library in plain Python, and what a query finds in it: shares no code with the store."""

from __future__ import annotations

import fnmatch
import random
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from seedbank.query import And, Node, Not, Or, Query, Term
from seedbank.records import Blob, NewEntry, NewRegeneration, Picture
from seedbank.store import Store
from tests.store.examples import digest, environment, model, recipe

PROMPTS = (
    "A red Circle on a BLUE background",
    "a red, circle; lighthouse (soft light:1.2)",
    "Lightning over the LIGHTHOUSE, night",
    "一只橘色的猫在夜空下 red",
    "橘猫と夜空 🐱 light",
    "Straße café_light 100%",
    "blue cat, cats and delicate light",
    "a 'quoted\" word -- OR NOT * %",
    "",
)
NEGATIVES = ("blurry, low quality", "text", None)
TAGS = ("poster", "Draft", "two words", "café")
MODELS = ("embedded", "z-image", "z-image-turbo")
SCHEDULERS = (
    ("EulerDiscreteScheduler", {"use_karras_sigmas": True}, "euler", "karras"),
    ("EulerAncestralDiscreteScheduler", {}, "euler_a", "normal"),
    ("FlowMatchEulerDiscreteScheduler", {"stochastic_sampling": False}, "euler", "normal"),
)
SIZES = ((128, 128), (1024, 768), (1024, 1024), (512, 768))
VERDICTS = ("exact", "different", "close", None)
USERS = ("ann", "bob")
FIRST = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Facts:
    """What is true of one entry."""

    id: int
    values: dict[str, Any]
    tags: set[str] = field(default_factory=set)
    favourites: set[str] = field(default_factory=set)
    ratings: dict[str, int] = field(default_factory=dict)
    collections: set[str] = field(default_factory=set)


def library(store: Store, count: int = 60, seed: int = 4) -> list[Facts]:
    """Fills the store and says what is in it."""
    draw = random.Random(seed)
    made: list[Facts] = []
    for number in range(1, count + 1):
        facts = _facts(draw, number, made)
        made.append(facts)
        entry = store.add_entry(_new(facts.values), user=facts.values["by"])
        assert entry.id == number
    of_image: dict[str, list[Facts]] = {}
    for facts in made:
        of_image.setdefault(facts.values["image"], []).append(facts)
    for image, same in of_image.items():
        if image is not None:
            _say(store, draw, same)
    for facts in made:
        if (verdict := facts.values["verdict"]) is not None:
            store.add_regeneration(NewRegeneration(facts.id, verdict))
    gone = [facts.id for facts in made if draw.random() < 0.1]
    store.trash(gone)
    for facts in made:
        facts.values["trash"] = facts.id in gone
    store.curation.create_collection("Spring")
    some = [facts for facts in made if facts.id % 7 == 0 and facts.values["image"] and facts.id not in gone]
    store.curation.collect("Spring", [facts.id for facts in some])
    inside = {facts.values["image"] for facts in some}
    for facts in made:
        if facts.values["image"] in inside:
            facts.collections.add("spring")
    return made


def _facts(draw: random.Random, number: int, made: list[Facts]) -> Facts:
    bare = draw.random() < 0.1  # an image of which nothing is known
    width, height = draw.choice(SIZES)
    scheduler = draw.choice(SCHEDULERS)
    image = digest("pixels", number if draw.random() < 0.8 or not made else draw.randint(1, number))
    values: dict[str, Any] = {
        "prompt": None if bare else draw.choice(PROMPTS),
        "negative": None if bare else draw.choice(NEGATIVES),
        "model": None if bare else draw.choice(MODELS),
        "seed": None if bare else draw.choice((0, 7, 7 + 2**32, draw.getrandbits(64), 2**64 - 1)),
        "steps": None if bare else draw.choice((4, 8, 30)),
        "guidance": None if bare else draw.choice((0, 3.5, 6)),
        "size": (width, height),
        "scheduler": None if bare else scheduler,
        "lora": None if bare or draw.random() < 0.7 else digest("lora", draw.randint(1, 3)),
        "torch": None if bare else draw.choice(("2.12.1", "2.13.0", "2.13.1")),
        "image": None if not bare and draw.random() < 0.1 else image,
        "verdict": draw.choice(VERDICTS),
        "obstacle": draw.random() < 0.2,
        "by": draw.choice(USERS),
        "created": None if draw.random() < 0.3 else FIRST + timedelta(days=draw.randint(0, 60), hours=draw.randint(0, 23)),
        "parent": draw.choice(made).id if made and draw.random() < 0.3 else None,
        "phash": draw.choice((0, 1, 0xFF, 2**64 - 1, 2**63)),
    }
    values["bytes"] = values["image"] is not None and draw.random() < 0.8
    same = next((one.values for one in made if one.values["image"] == values["image"] and values["image"]), None)
    if same is not None:  # what is known of a picture stays
        values |= {"phash": same["phash"], "size": same["size"]}
    return Facts(number, values)


def _new(values: dict[str, Any]) -> NewEntry:
    width, height = values["size"]
    whole = None
    if values["model"] is not None:
        cls, config, *_ = values["scheduler"]
        conditioning = {"prompt": values["prompt"]} | ({"negative_prompt": values["negative"]} if values["negative"] else {})
        whole = recipe(
            0,
            conditioning=conditioning,
            model=model(values["model"]).digest,
            noise={"kind": "torch-cpu", "seed": str(values["seed"])},
            call={
                "width": width,
                "height": height,
                "num_inference_steps": values["steps"],
                "guidance_scale": values["guidance"],
            },
            scheduler={"class": cls, "config": config},
            adapters=({"kind": "lora", "digest": values["lora"]},) if values["lora"] else (),
        )
    image = values["image"]
    return NewEntry(
        recipe=whole,
        model=model(values["model"]) if values["model"] else None,
        environment=environment(values["torch"]) if values["torch"] else None,
        picture=Picture(image, "RGB", width, height, f"{values['phash']:016x}") if image else None,
        blob=Blob(digest("file", image), 1000, "image/png") if values["bytes"] else None,
        obstacles=("Something is missing.",) if values["obstacle"] else (),
        created=values["created"],
        parents=((values["parent"], "variant-of"),) if values["parent"] else (),
        origin="imported" if whole is None else "generated",
    )


def _say(store: Store, draw: random.Random, same: list[Facts]) -> None:
    number = same[0].id
    tags = draw.sample(TAGS, draw.randint(0, 2))
    if tags:
        store.tag([number], tags)
    for user in USERS:
        if favourite := draw.random() < 0.3:
            store.favourite([number], user=user)
        if (rating := draw.choice((None, None, 0, 3, 5))) is not None:
            store.rate([number], rating, user=user)
        for facts in same:
            facts.tags |= {tag.casefold() for tag in tags}
            facts.favourites |= {user} if favourite else set()
            facts.ratings |= {user: rating} if rating is not None else {}


# -- what a query means --------------------------------------------------------------------------------------------


def find(made: list[Facts], query: Query, user: str = "ann") -> list[int]:
    """The ids that a query finds, in its order."""
    speaks_of_trash = "trash" in _keys(query.where)
    found = [facts for facts in made if speaks_of_trash or not facts.values["trash"]]
    if query.where is not None:
        found = [facts for facts in found if holds(query.where, facts, made, user)]
    found.sort(key=lambda facts: facts.id, reverse=not query.sort or not query.sort[-1].ascending)
    for sort in reversed(query.sort):
        known = [facts for facts in found if _sorted_by(sort.key, facts, user) is not None]
        unknown = [facts for facts in found if _sorted_by(sort.key, facts, user) is None]
        known.sort(key=lambda facts: _sorted_by(sort.key, facts, user), reverse=not sort.ascending)
        found = [*known, *unknown]
    return [facts.id for facts in found]


def _keys(node: Node | None) -> set[str]:
    if node is None:
        return set()
    if isinstance(node, Term):
        return {node.key}
    return _keys(node.of) if isinstance(node, Not) else set().union(*map(_keys, node.of))


def _sorted_by(key: str, facts: Facts, user: str) -> Any:
    if key in ("id", "added"):
        return facts.id
    if key == "rating":
        return facts.ratings.get(user)
    if key == "cfg":
        return _cfg(facts)
    return facts.values[key]


def _cfg(facts: Facts) -> float | None:
    guidance = facts.values["guidance"]
    return None if guidance is None else guidance + 1  # all are ZImagePipeline


def holds(node: Node, facts: Facts, made: list[Facts], user: str) -> bool:
    """Whether a condition holds of an entry."""
    match node:
        case Not(of):
            return not holds(of, facts, made, user)
        case And(parts):
            return all(holds(part, facts, made, user) for part in parts)
        case Or(parts):
            return any(holds(part, facts, made, user) for part in parts)
        case Term(key, text):
            return bool(_term(key, text, facts, made, user))


def _term(key: str, text: str, facts: Facts, made: list[Facts], user: str) -> Any:
    values = facts.values
    scheduler = values["scheduler"] or (None, None, None, None)
    image = values["image"]
    if key in ("seed", "steps", "id", "guidance", "cfg", "rating"):
        number = {"id": facts.id, "cfg": _cfg(facts), "rating": facts.ratings.get(user)}.get(key, values.get(key))
        return number is None if text == "none" else number is not None and any(_inside(number, one) for one in text.split(","))
    if key in ("prompt", "negative"):
        return _has_words(values[key], text)
    if key in ("model", "by"):
        return _meets(values[key], text)
    if key == "fav":
        who = {"yes": {user}, "any": set(USERS), "*": set(USERS), "no": {user}}.get(text, {text})
        return bool(facts.favourites & who) != (text == "no")
    if key == "size":
        width, height = values["size"]
        shapes = {"landscape": width > height, "portrait": width < height, "square": width == height}
        return (
            shapes[text]
            if text in shapes
            else all(side in ("*", str(own)) for side, own in zip(text.split("x"), (width, height), strict=True))
        )
    if key == "like":
        number, _, bits = text.partition("~")
        other = made[int(number) - 1].values
        return image is not None and (values["phash"] ^ other["phash"]).bit_count() <= int(bits or 8)
    if key == "created":
        low, _, high = text.partition("..")
        days = values["created"].strftime("%Y-%m-%d") if values["created"] else None
        return days is not None and low <= days and (not high or days <= high)
    answers = {
        "tag": lambda: any(_meets(tag, text) for tag in facts.tags),
        "collection": lambda: text.casefold() in facts.collections,
        "sampler": lambda: _meets(scheduler[2], text),
        "schedule": lambda: _meets(scheduler[3], text),
        "scheduler": lambda: _meets(scheduler[0], text),
        "lora": lambda: values["lora"] is not None and (text == "*" or values["lora"].startswith(text)),
        "env.torch": lambda: _meets(values["torch"], text),
        "verdict": lambda: values["verdict"] == {"none": None}.get(text, text),
        "regenerable": lambda: (values["obstacle"] or values["model"] is None) == (text == "no"),
        "bytes": lambda: values["bytes"] == (text == "present"),
        "digest": lambda: image is not None and image.startswith(text),
        "parent": lambda: values["parent"] == int(text),
        "child": lambda: made[int(text) - 1].values["parent"] == facts.id,
        "trash": lambda: values["trash"] == (text == "yes"),
        "origin": lambda: ("generated" if values["model"] else "imported") == text,
    }
    return answers[key]()


def _inside(number: float, text: str) -> bool:
    low, dots, high = text.removeprefix("=").partition("..")
    if not dots:
        return number == float(low) if "." in low else number == int(low)
    return (not low or number >= float(low)) and (not high or number <= float(high))


def _meets(name: str | None, text: str) -> bool:
    return name is not None and fnmatch.fnmatchcase(name.casefold(), text.casefold())


_PIECES = re.compile(r"[぀-ヿ一-鿿]|[^\W_]+?(?=[぀-ヿ一-鿿])|[^\W_]+|\S")


def _has_words(prompt: str | None, text: str) -> bool:
    if prompt is None:
        return False
    there, wanted = (_PIECES.findall(part.casefold()) for part in (prompt, text.strip("*")))
    if not wanted:
        return True

    def same(at: int, word: str, own: str) -> bool:
        left, right = text.startswith("*") and at == 0, text.endswith("*") and at == len(wanted) - 1
        return word in own if left and right else own.endswith(word) if left else own.startswith(word) if right else word == own

    return any(
        all(same(at, word, there[start + at]) for at, word in enumerate(wanted))
        for start in range(len(there) - len(wanted) + 1)
    )
