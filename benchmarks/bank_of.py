"""Large banks for benchmarks, as a team's would be after years.

A million entries through the store would take an hour, most of it for canonical JSON. So the store writes the first ones, of
every kind that there is, and the others are rows like theirs with seeds, digests, prompts and pictures of their own. `seedbank
check` finds nothing wrong with such a bank but the recipe digests, which are random.
"""

from __future__ import annotations

import hashlib
import random
import time
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any

from sqlalchemy import Connection

from seedbank.environment import Environment
from seedbank.hashing import sha256
from seedbank.recipe import Recipe
from seedbank.records import TRACE_TYPE, Blob, Model, ModelFile, NewEntry, Output, Picture
from seedbank.store import Store, words
from seedbank.store.inserting import insert_many
from seedbank.store.tables import tags
from seedbank.store.wordindex import store_words
from seedbank.store.writing import Work

TEMPLATES = 2_000
"""Entries that are written by the store; the others are rows like theirs."""
CHUNK = 10_000
ORDER = ("prompts", "recipes", "images", "blobs", "image_tags", "opinions", "entries", "opinion_events", "regenerations")
PER_PROMPT = 4
"""Entries that share a prompt: people try seeds."""
WORDS = 40
USERS = ("ann", "bob", "cho")
TAGS = 300
VERDICTS = ("exact",) * 16 + ("close",) * 2 + ("different", "failed")
COMMON, RARE = 0.3, 1e-5
"""Shares of the entries that have the tags `common` and `rare`."""
PROJECT = 0.15
"""The oldest entries up to this share have the tag `early`, and as many of the newest have `late`: a team's projects end."""
SIZES = ((1024, 1024), (1024, 768), (768, 1024), (1280, 720), (720, 1280), (512, 512), (832, 1216), (1216, 832))
CHINESE = "山水雪夜猫狗星空海边小木屋晨雾橘色蓝色水彩风格城市老街樱花少女骑士机器人森林光影"
SYLLABLES = ("ka", "lo", "mi", "ter", "an", "gu", "so", "re", "vin", "da", "pol", "che", "ru", "bel", "or", "its", "fen", "ya")


def vocabulary(random_: random.Random) -> list[str]:
    """20,000 made-up words, after those that every prompt has."""
    known = ["portrait", "light", "soft", "detailed", "cinematic", "lighthouse", "watercolour", "night", "sea", "house"]
    found = dict.fromkeys(known)
    while len(found) < 20_000:
        found["".join(random_.choices(SYLLABLES, k=random_.randint(2, 4)))] = None
    return list(found)


class Maker:
    """Makes the same entries from the same seed, in order."""

    def __init__(self, seed: int = 0) -> None:
        self.random = random.Random(seed)
        self.words = vocabulary(self.random)
        self.weights = list(accumulate(1 / (rank + 3) for rank in range(len(self.words))))
        self.models = [_model(number) for number in range(20)]
        self.model_weights = list(accumulate(1 / (rank + 1) for rank in range(20)))
        self.environments = [_environment(number) for number in range(30)]
        self.tag_weights = list(accumulate(1 / (rank + 2) for rank in range(TAGS)))
        self.prompt = ""

    def entry(self, number: int) -> NewEntry:
        """Entry `number`, counted from 0."""
        random_ = self.random
        if number % PER_PROMPT == 0:
            self.prompt = self.text()
        model = random_.choices(self.models, cum_weights=self.model_weights)[0]
        width, height = random_.choice(SIZES)
        method = random_.randrange(12)
        recipe = Recipe(
            model=model.digest,
            pipeline=model.pipeline,
            conditioning={"prompt": self.prompt, "negative_prompt": ("blurry, low quality", "text, watermark")[method % 2]},
            noise={"kind": "torch-cpu", "seed": str(random_.getrandbits(32)), "dtype": "float32"},
            call={
                "width": width,
                "height": height,
                "num_inference_steps": random_.choice((4, 8, 20, 25, 28, 30, 50)),
                "guidance_scale": random_.randrange(2, 19) / 2,
                "max_sequence_length": 512,
            },
            scheduler=_scheduler(method),
            dtypes={"text_encoder": "bfloat16", "transformer": "bfloat16", "vae": "float32"},
            adapters=({"kind": "lora", "digest": _digest("lora", random_.randrange(50)), "weight": 0.8},)
            if random_.random() < 0.15
            else (),
        )
        pixels = _digest("pixels", number)
        trace = _digest("trace", number)
        here = random_.random() > 0.02
        return NewEntry(
            recipe=recipe,
            environment=self.environments[min(29, random_.randrange(30) * random_.randrange(30) // 20)],
            model=model,
            picture=Picture(pixels, "RGB", width, height, _digest("phash", number // 3)[:15] + f"{number % 3:x}"),
            blob=Blob(_digest("file", number), 1_300_000, "image/png") if here else None,
            output=Output(Blob(trace, 1200, TRACE_TYPE), trace, {"prompt": 0.02, "denoise": 4.1, "decode": 0.2}, 9 << 30),
            obstacles=("It was rendered by a pipeline of its own.",) if random_.random() < 0.01 else (),
            created=datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=60 * number),
        )

    def text(self) -> str:
        """A prompt: most in 40 words, some in Chinese."""
        random_ = self.random
        if random_.random() < 0.05:
            return "".join(random_.choices(CHINESE, k=30)) + ("🐱" if random_.random() < 0.01 else "")
        found = random_.choices(self.words, cum_weights=self.weights, k=WORDS)
        return " ".join(word + ("," if at % 8 == 7 else "") for at, word in enumerate(found)).capitalize()

    def tags(self) -> list[int]:
        """The numbers of the tags of one entry, 4 on average; 0 is `common`, 1 is `rare`."""
        random_ = self.random
        found = set(random_.choices(range(2, TAGS), cum_weights=self.tag_weights[2:], k=random_.randrange(8)))
        found |= {0} if random_.random() < COMMON else set()
        return sorted(found | ({1} if random_.random() < RARE else set()))


def build(store: Store, count: int, *, seed: int = 0, log: Any = None) -> float:
    """Fills an empty bank with `count` entries and gives the seconds.

    The first `TEMPLATES` are written by the store, and so is everything that entries share but prompts. The others are rows
    like those, in bulk, with seeds, digests, prompts, pictures and times of their own.
    """
    begun = time.perf_counter()
    maker = Maker(seed)
    for number, name in enumerate(USERS):
        store.add_entries([maker.entry(number)], user=name)
    store.add_entries([maker.entry(number) for number in range(len(USERS), min(TEMPLATES, count))])
    bulk = Bulk(store, maker, count)
    for start in range(0, count, CHUNK):
        bulk.write(start, min(start + CHUNK, count))
        if log is not None and (start // CHUNK) % 10 == 0:
            log(f"{min(start + CHUNK, count):,} entries, {time.perf_counter() - begun:.0f} s")
    bulk.finish()
    return time.perf_counter() - begun


class Bulk:
    """Writes rows like those that the store has written, past SQLAlchemy: COPY on PostgreSQL, executemany on SQLite."""

    def __init__(self, store: Store, maker: Maker, count: int) -> None:
        self.store, self.maker, self.random, self.count = store, maker, maker.random, count
        with store.database.reading() as connection:
            self.recipes = _raw(connection, "recipes")
            self.entries = _raw(connection, "entries")
            sizes = _raw(connection, "sizes")
            self.users = [row["id"] for row in _raw(connection, "users")]
            self.blobs, self.prompts = (
                connection.exec_driver_sql(f"SELECT max(id) FROM {name}").scalar() for name in ("blobs", "prompts")
            )
        self.known = len(self.entries)
        self.uid = int.from_bytes(self.entries[-1]["uid"])  # identities grow with time, so do those that follow
        self.recipe_of = {row["id"]: row for row in self.recipes}
        self.sizes = {row["id"]: (row["width"], row["height"]) for row in sizes}
        self.words: set[str] = set()
        self.regenerations = self.events = 0
        with store.database.writing() as connection:
            names = ["common", "rare", *(f"tag{number}" for number in range(2, TAGS)), "early", "late"]
            self.tags = insert_many(connection, tags, [{"name": name, "folded": name} for name in names])
            self.operation = Work.begin(connection, USERS[0]).record("tag")

    def write(self, start: int, end: int) -> None:
        """Entries `start` to `end`, counted from 0; of those that the store wrote only what people say of them."""
        made: dict[str, list[dict[str, Any]]] = {name: [] for name in ORDER}
        for number in range(start, end):
            if number >= self.known:
                self._entry(number, made)
            self._said(number, made)
        with self.store.database.writing() as connection:
            for name, rows in made.items():
                if rows:
                    _insert(connection, name, rows)

    def _entry(self, number: int, made: dict[str, list[dict[str, Any]]]) -> None:
        random_, key = self.random, number + 1
        if number % PER_PROMPT == 0 or self.prompts is None:
            self._prompt(made)
        template = random_.choice(self.entries)
        recipe = dict(self.recipe_of[template["recipe_id"]])
        seed = random_.getrandbits(32) - 2**63
        created = 1_704_067_200_000_000 + 60_000_000 * number
        pixels, file, trace = (_bytes(kind, number) for kind in ("pixels", "file", "trace"))
        here = template["blob_id"] is not None
        size = self.sizes[template["size_id"]]
        made["recipes"].append(
            recipe | {"id": key, "digest": _bytes("recipe", number), "prompt_id": self.prompts, "seed": seed}
        )
        phash = int.from_bytes(_bytes("phash", number // 3)[:8], "big", signed=True) ^ (number % 3)
        made["images"].append({"id": key, "digest": pixels, "mode": "RGB", "width": size[0], "height": size[1], "phash": phash})
        if here:
            self.blobs += 1
            made["blobs"].append(
                {"id": self.blobs, "digest": file, "size": 1_300_000, "media_type": "image/png", "location": None}
            )
        made["entries"].append(
            template
            | {
                "id": key,
                "uid": (self.uid + 2**16 * number).to_bytes(16),
                "added": self.entries[-1]["added"] + number,
                "created": created,
                "recipe_id": key,
                "image_id": key,
                "blob_id": self.blobs if here else None,
                "trace_digest": trace,
                "prompt_id": self.prompts,
                "seed": seed,
                "verdict": None,
            }
        )

    def _prompt(self, made: dict[str, list[dict[str, Any]]]) -> None:
        text = self.maker.text()
        found = words.tokens(text)
        self.prompts += 1
        self.words.update(filter(words.is_indexed, found))
        made["prompts"].append(
            {
                "id": self.prompts,
                "digest": hashlib.sha256(text.encode()).digest(),
                "text": text,
                "tokens": words.joined(found),
                "pairs": " ".join(words.pairs_of(found)),
            }
        )

    def _said(self, number: int, made: dict[str, list[dict[str, Any]]]) -> None:
        """Tags, opinions and a verdict."""
        random_, key = self.random, number + 1
        for tag in [*self.maker.tags(), *self._projects(number)]:
            made["image_tags"].append({"tag_id": self.tags[tag], "image_id": key})
            self.events += 1
            made["opinion_events"].append(
                {
                    "id": self.events,
                    "image_id": key,
                    "operation_id": self.operation,
                    "kind": "tag",
                    "value": f'"tag{tag}"',
                }
            )
        for user in self.users:
            favourite = random_.random() < 0.03
            rating = random_.randrange(6) if random_.random() < 0.1 else None
            if favourite or rating is not None:
                made["opinions"].append(
                    {"image_id": key, "user_id": user, "favourite": favourite, "rating": rating, "note": None}
                )
        if number >= self.known and random_.random() < 0.2:
            verdict = random_.choice(VERDICTS)
            made["entries"][-1]["verdict"] = verdict
            self.regenerations += 1
            made["regenerations"].append(
                {
                    "id": self.regenerations,
                    "uid": (0x0191_0000_0000_7000_8000_0000_0000_0000 + number).to_bytes(16, "big"),
                    "at": 0,
                    "user_id": self.users[0],
                    "entry_id": key,
                    "verdict": verdict,
                    "experiment": False,
                    "trace": "absent",
                }
            )

    def _projects(self, number: int) -> list[int]:
        """The numbers of the tags that an entry has for its age."""
        early, late = number < PROJECT * self.count, number >= (1 - PROJECT) * self.count
        return [TAGS] * early + [TAGS + 1] * late

    def finish(self) -> None:
        """The vocabulary, and the numbers that the database gives out next."""
        with self.store.database.writing() as connection:
            store_words(connection, self.words)
            if not self.store.database.is_sqlite:
                for name in ORDER:
                    if name not in ("image_tags", "opinions"):
                        connection.exec_driver_sql(
                            f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), (SELECT max(id) FROM {name}))"
                        )
        with self.store.database.engine.connect() as connection:
            if not self.store.database.is_sqlite:  # as autovacuum does after a while
                connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("VACUUM ANALYZE")


def _raw(connection: Connection, name: str) -> list[dict[str, Any]]:
    """All rows of a table as they lie in the database."""
    return [dict(row._mapping) for row in connection.exec_driver_sql(f"SELECT * FROM {name} ORDER BY id")]


def _insert(connection: Connection, name: str, rows: list[dict[str, Any]]) -> None:
    columns = list(rows[0])
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" * len(columns))
        driver.executemany(f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({marks})", [tuple(row.values()) for row in rows])
        return
    with driver.cursor().copy(f"COPY {name} ({', '.join(columns)}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(tuple(row.values()))


def _bytes(*parts: object) -> bytes:
    return hashlib.sha256(repr(parts).encode()).digest()


def _digest(*parts: object) -> str:
    return sha256(repr(parts).encode())


def _model(number: int) -> Model:
    pipeline = ("StableDiffusionXLPipeline", "FluxPipeline", "ZImagePipeline")[number % 3]
    name = ("sdxl-base", "flux-dev", "z-image-turbo")[number % 3] + ("" if number < 3 else f"-{number}")
    files = tuple(
        ModelFile(f"{part}/model.safetensors", 10**9, _digest(name, part)) for part in ("text_encoder", "unet", "vae")
    )
    return Model(_digest("model", name), name, files, pipeline=pipeline, source=name if number < 19 else None)


def _scheduler(method: int) -> dict[str, Any]:
    cls = ("FlowMatchEulerDiscreteScheduler", "EulerDiscreteScheduler", "DPMSolverMultistepScheduler")[method % 3]
    config = {f"setting_{number}": number / 7 for number in range(15)}
    return {"class": cls, "config": config | {"shift": 1.0 + method // 3, "use_karras_sigmas": method % 2 == 1}}


def _environment(number: int) -> Environment:
    distributions = {f"distribution-{one}": {"version": f"1.{one}", "record": _digest(one)} for one in range(120)}
    return Environment(
        {
            "system": {"python": "3.11.7", "os": "Linux", "libc": "glibc 2.36"},
            "distributions": distributions
            | {"torch": {"version": f"2.{10 + number // 8}.{number % 8}", "record": _digest(number)}},
            "hardware": {"gpu": {"name": "NVIDIA H100 80GB HBM3" if number % 3 else "NVIDIA A100"}, "cpu": {"model": "EPYC"}},
            "profile": {"device": "cuda", "threads": 2, "tf32": number % 2 == 0},
        }
    )
