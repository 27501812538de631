"""A recipe of a bank as text: the block that people paste, parameters, JSON, a ComfyUI prompt, a script."""

from __future__ import annotations

import json
import locale
import os
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from seedbank import dialects
from seedbank.bank import Bank
from seedbank.engine.opening import find_recorded
from seedbank.engine.source import HUB_NAME
from seedbank.environment import Environment
from seedbank.errors import BadInput, NotFound, SeedbankError
from seedbank.exchange.profile import unusual, unusual_pipeline, versions
from seedbank.formats import a1111, block
from seedbank.formats.detect import reader
from seedbank.formats.reading import Foreign, Lora, Payload
from seedbank.formats.recipe_json import Document, write_json
from seedbank.formats.remainder import Names, remainder
from seedbank.formats.script import write_script
from seedbank.formats.stamp import KEY, Stamp
from seedbank.frozen import replace
from seedbank.importing.again import reading_of
from seedbank.keeping import is_foreign, known_adapters
from seedbank.pipelines import cfg_of
from seedbank.recipe import Recipe, input_key
from seedbank.records import Entry, Model
from seedbank.store.recipes import is_digest
from seedbank.worker.adapters import LORA

BLOCK, A1111, JSON, COMFYUI, SCRIPT = "block", "a1111", "json", "comfyui", "script"
FORMS = (BLOCK, A1111, JSON, COMFYUI, SCRIPT)
SECRET = re.compile(r"(api|access|secret|private)[ _-]?key|token$|password|secret|credential", re.IGNORECASE)
"""What a widget is called that lets somebody in."""


def language(environ: Mapping[str, str] = os.environ) -> str:
    """`zh` where the user's messages are Chinese, else `en`."""
    named = next((environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environ.get(name)), "")
    if not named:
        named = locale.getlocale()[0] or ""
    return "zh" if named.lower().startswith(("zh", "chinese")) else "en"


class Texts:
    """Recipes of one bank as text. What entries share is read once."""

    def __init__(self, bank: Bank, lang: str | None = None) -> None:
        if lang is not None and lang not in block.LANGUAGES:
            raise BadInput(f"There is no language {lang!r}.", f"Use {' or '.join(block.LANGUAGES)}.")
        self._bank = bank
        self._lang = lang or language()
        self._environments: dict[str, Environment] = {}

    def __call__(self, entry: Entry, form: str = BLOCK) -> str:
        """The recipe of `entry` in one of `FORMS`, with its digests. Raises `NotFound` where there is none, `BadInput`
        for what the form cannot say."""
        if entry.recipe is None:
            raise NotFound(f"Entry {entry.id} has no recipe.", "It was added as an image alone.")
        writers: Mapping[str, Callable[[Entry, Recipe], str]] = {
            BLOCK: self._block,
            A1111: self._parameters,
            JSON: self._json,
            COMFYUI: self._comfyui,
            SCRIPT: self._script,
        }
        if form not in writers:
            raise BadInput(f"There is no form {form!r}.", f"Use one of {', '.join(writers)}.")
        return writers[form](entry, entry.recipe)

    def _block(self, entry: Entry, recipe: Recipe) -> str:
        words = self._words(entry, recipe)

        def written(stamp: Stamp | None) -> str:
            return block.write_block(
                recipe,
                lang=self._lang,
                model_name=entry.model.name if entry.model else None,
                loras=self._loras(recipe),
                cfg=cfg_of(recipe.pipeline, recipe.call),
                sampler=words,
                stamp=stamp,
            )

        reading = block.read_block(written(None))
        return written(self._stamp(entry, recipe, Foreign() if reading is None else reading.recipe))

    def _parameters(self, entry: Entry, recipe: Recipe) -> str:
        text = self._file_says(entry) or a1111.write_parameters(
            recipe,
            model_name=entry.model.name if entry.model else None,
            model_hash=entry.model.short_hash if entry.model else None,
            cfg=cfg_of(recipe.pipeline, recipe.call),
            loras=self._loras(recipe),
            sampler=self._words(entry, recipe),
        )
        reading = reader(A1111)([Payload("text", text)])
        stamp = self._stamp(entry, recipe, Foreign() if reading is None else reading.recipe)
        # A field of the last line: a line of its own would be read as a part of the prompt, and the fields before it too.
        return f'{text}, {KEY}: "{stamp}"'

    def _comfyui(self, entry: Entry, recipe: Recipe) -> str:
        from seedbank.exchange import comfyui

        written = graph_of_file(self._bank, entry) or comfyui.graph(recipe, entry.model, self._loras(recipe))
        reading = reader(COMFYUI)([Payload("text", json.dumps(written))])
        said = Foreign() if reading is None else reading.recipe
        return comfyui.stamped(written, self._stamp(entry, recipe, said, comfyui.words))

    def _file_says(self, entry: Entry) -> str | None:
        """The parameters in the file of an import, word for word: they say more than a recipe of it (hires fix, hashes).

        None where they name a user, who may not want to travel.
        """
        if not is_foreign(entry):
            return None
        payloads = self._bank.store.imports.payloads(entry.id)
        reading = reader(A1111)(payloads)
        if reading is None or reading.place != entry.details.get("place") or "User" in reading.recipe.extras:
            return None
        return next(payload.text for payload in payloads if payload.place == reading.place).rstrip(" ,\r\n")

    def _words(self, entry: Entry, recipe: Recipe) -> tuple[str | None, str | None]:
        """(sampler, schedule) as A1111 calls them; of an import without a scheduler in our words, what its file says."""
        if recipe.scheduler is not None or (reading := reading_of(self._bank, entry)) is None:
            return a1111.sampler_of(recipe.scheduler)
        return dialects.translated(reading.tool, reading.recipe.sampler, reading.recipe.schedule, dialects.A1111)

    def _json(self, entry: Entry, recipe: Recipe) -> str:
        return write_json(self._document(entry, recipe))

    def _script(self, entry: Entry, recipe: Recipe) -> str:
        document = self._document(entry, recipe)
        settings = unusual_pipeline(document.profile.get("pipeline", {}))
        return write_script(replace(document, profile=unusual(document.profile)), settings)

    def _document(self, entry: Entry, recipe: Recipe) -> Document:
        environment = self._environment(entry)
        adapters = known_adapters(self._bank, recipe)
        digests = filter(is_digest, (item.get("digest") for item in recipe.adapters))
        return Document(
            recipe,
            stamp_of(entry, recipe),
            entry.picture,
            self._model(entry, recipe),
            tuple(_without_place(adapters[digest]) for digest in digests if digest in adapters),
            {} if environment is None else environment.profile,
            {} if environment is None else versions(environment),
        )

    def _model(self, entry: Entry, recipe: Recipe) -> Model | None:
        """The model as it travels; one that an import only names, with the hash that its file has for it."""
        model = entry.model
        if model is not None and recipe.model is None:
            model = next(iter(self._bank.store.bundles.models([model.digest])), model)
        return None if model is None else _without_place(model)

    def _stamp(self, entry: Entry, recipe: Recipe, said: Foreign, names: Names | None = None) -> Stamp:
        environment = self._environment(entry)
        rest: dict[str, Any] = {"recipe": remainder(recipe, said, *filter(None, [names]))}
        if environment is not None:
            rest |= {"profile": unusual(environment.profile), "versions": versions(environment)}
        return replace(stamp_of(entry, recipe), rest={name: value for name, value in rest.items() if value})

    def _environment(self, entry: Entry) -> Environment | None:
        digest = entry.environment_digest
        if digest is not None and digest not in self._environments:
            self._environments[digest] = self._bank.store.environment(digest)
        return None if digest is None else self._environments[digest]

    def _loras(self, recipe: Recipe) -> tuple[Lora, ...]:
        known = known_adapters(self._bank, recipe)
        items = [item for item in recipe.adapters if item.get("kind") == LORA and is_digest(item.get("digest"))]
        return tuple(
            Lora(known[item["digest"]].name if item["digest"] in known else item["digest"][:12], _weight(item))
            for item in items
        )


SUFFIXES = {b"\x89PNG": ".png", b"\xff\xd8\xff": ".jpg", b"RIFF": ".webp"}
"""{how the bytes of a picture begin: the suffix of its file}"""


def files_beside(bank: Bank, entry: Entry, form: str, stem: str) -> Iterator[tuple[str, bytes | None, str]]:
    """(file name, bytes, SHA-256) of every input that a form names: a script looks for them beside itself, ComfyUI in its
    input folder. The bytes are None where the bank does not hold them. `stem` is the name of the script without its suffix.
    """
    from seedbank.exchange.comfyui import image_name

    if form not in (SCRIPT, COMFYUI):
        return
    for item in entry.recipe.inputs if entry.recipe is not None else ():
        digest = str(item["digest"])
        data = bank.blobs.get(digest) if bank.blobs.has(digest) else None
        usual = {"picture": "", None: ".json"}.get(item.get("kind"), ".safetensors")
        suffix = usual or next((suffix for start, suffix in SUFFIXES.items() if (data or b"").startswith(start)), "")
        yield image_name(item) if form == COMFYUI else f"{stem}.{input_key(item)}-{digest[:12]}{suffix}", data, digest


def files_to_name(bank: Bank, entry: Entry) -> list[str]:
    """What the script of an entry is told on its command line, as far as it is here: its model, where no hub has it, and its
    adapters. `FILE` stands for what is not here."""
    model, known = entry.model, known_adapters(bank, entry.recipe)
    words = []
    if model is not None and model.revision is None:
        try:
            source = find_recorded(model)
            words += ["--model", str(source.file or source.folder)]
        except SeedbankError:
            words += ["--model", "FOLDER"]
    for item in entry.recipe.adapters if entry.recipe is not None else ():
        adapter = known.get(str(item.get("digest")))
        words += ["--adapter", adapter.source if adapter is not None and adapter.source else "FILE"]
    return words


def stamp_of(entry: Entry, recipe: Recipe) -> Stamp:
    """The digests of an entry."""
    return Stamp(recipe.digest, entry.picture.digest if entry.picture else None, recipe.model)


def is_name(source: str) -> bool:
    """Whether a source is a name that means the same on every machine: `embedded@2`, or one of the hub."""
    return source.startswith("embedded@") or (HUB_NAME.fullmatch(source) is not None and not source.startswith("."))


def _without_place(model: Model) -> Model:
    """A model without where it lies on this machine; names that mean the same everywhere stay."""
    source = model.source or ""
    return replace(model, source=source if is_name(source) else None, config=None)


def graph_of_file(bank: Bank, entry: Entry) -> dict[str, Any]:
    """The graph in the file of an import, less what lets others in: widgets for keys, what Civitai puts between the nodes."""
    from seedbank.formats.comfyui.payloads import find

    found = find(bank.store.imports.payloads(entry.id)) if is_foreign(entry) else None
    nodes = found.prompt if found is not None and found.prompt else {}
    return {key: _without_secrets(node) for key, node in nodes.items() if _is_node(node)}


def _is_node(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("class_type"), str)


def _without_secrets(node: Mapping[str, Any]) -> dict[str, Any]:
    inputs = node.get("inputs")
    if not isinstance(inputs, Mapping):
        return dict(node)
    blank = {name: "" for name, value in inputs.items() if isinstance(value, (str, dict)) and SECRET.search(name)}
    return {**node, "inputs": {**inputs, **blank}}


def _weight(item: Mapping[str, Any]) -> float | None:
    """One number for a LoRA; a weight for each component has none."""
    weight = item.get("weight")
    return float(weight) if isinstance(weight, (int, float)) else None
