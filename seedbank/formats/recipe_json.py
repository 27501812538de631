"""A whole recipe as a JSON document, with the digests by which its picture is checked. `docs/recipe.schema.json` describes it.

    {"seedbank": {"v": 1, "recipe": <digest>, "image": <digest>, "model": <digest>},
     "recipe": {…}, "image": {…}, "model": {…}, "adapters": […], "profile": {…}, "versions": {…}}

`recipe` is the recipe itself: the SHA-256 of its canonical JSON is the recipe digest. The rest stands beside it: what the
picture is, which files the model and the adapters are made of, which settings the process had, which libraries rendered.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from seedbank.formats.a1111 import sampler_of
from seedbank.formats.checking import DIGEST, LARGEST_SIDE, recipe_from
from seedbank.formats.reading import CERTAIN, Foreign, FormatError, ModelName
from seedbank.formats.stamp import Stamp
from seedbank.frozen import replace
from seedbank.hashing import json_digest
from seedbank.pipelines import cfg_of
from seedbank.recipe import Recipe
from seedbank.records import Model, ModelFile, Picture

VERSION = 1
LARGEST_FILES = 100_000


@dataclass(frozen=True)
class Document:
    """A recipe with all that travels beside it. `sources` of models are names that mean the same everywhere, never paths."""

    recipe: Recipe
    stamp: Stamp
    picture: Picture | None = None
    model: Model | None = None
    adapters: tuple[Model, ...] = ()
    profile: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As JSON values; what is not known is left out."""
        stamp = {"v": VERSION, "recipe": self.stamp.recipe, "image": self.stamp.image, "model": self.stamp.model}
        picture = {name: getattr(self.picture, name) for name in ("mode", "width", "height")} if self.picture else {}
        values = {
            "seedbank": _present(stamp),
            "recipe": self.recipe.to_dict(),
            "image": _present(picture),
            "model": None if self.model is None else _model_values(self.model),
            "adapters": [_model_values(model) for model in self.adapters],
            "profile": self.profile,
            "versions": self.versions,
        }
        return {name: value for name, value in values.items() if value}


def write_json(document: Document) -> str:
    """The document as people can read it."""
    return json.dumps(document.to_dict(), ensure_ascii=False, indent=2)


def read_document(values: Any) -> Document:
    """The reverse of `Document.to_dict`. Raises `FormatError`."""
    if not isinstance(values, Mapping) or not isinstance(stamp := values.get("seedbank"), Mapping):
        raise FormatError("This is no recipe document: it has no object `seedbank`.", "Take it from seedbank recipe --as json.")
    if stamp.get("v") != VERSION:
        raise FormatError(f"This recipe document has version {stamp.get('v')!r}; this seedbank reads {VERSION}.", "Upgrade.")
    digest, image, model_digest = (stamp.get(name) for name in ("recipe", "image", "model"))
    if not _is_digest(digest) or not all(value is None or _is_digest(value) for value in (image, model_digest)):
        raise FormatError("The digests of this recipe document are none of 64 hexadecimal digits.", "Take it again, whole.")
    recipe = recipe_from(values.get("recipe"))
    remarks: list[str] = []
    model = _read_model(values.get("model"), remarks)
    if model is not None and recipe.model is None:  # else its files tell which it is, and nobody's word for them is taken
        model = replace(model, hashes=_read_hashes(values["model"].get("hashes")))
    adapters = [_read_model(one, remarks) for one in _listed(values.get("adapters"))]
    return Document(
        recipe,
        Stamp(str(digest), image, model_digest),
        _read_picture(values.get("image"), image),
        model if model is not None and (model.digest == recipe.model or (recipe.model is None and not model.files)) else None,
        tuple(one for one in adapters if one is not None),
        _mapped(values.get("profile")),
        _mapped(values.get("versions")),
        tuple(remarks),
    )


def said_of(recipe: Recipe, model_name: str | None = None) -> Foreign:
    """What a recipe says in the words that all tools share."""
    sampler, schedule = sampler_of(recipe.scheduler)
    values: dict[str, Any] = {
        "prompt": recipe.prompt,
        "negative_prompt": recipe.negative_prompt,
        "seed": recipe.seed,
        "steps": recipe.steps,
        "guidance_scale": cfg_of(recipe.pipeline, recipe.call),
        "sampler": sampler,
        "schedule": schedule,
        "width": recipe.width,
        "height": recipe.height,
        "model": ModelName(model_name) if model_name is not None else None,
    }
    values = {name: value for name, value in values.items() if value is not None}
    return Foreign(**values, confidence=dict.fromkeys(values, CERTAIN))


def _model_values(model: Model) -> dict[str, Any]:
    names = ("name", "digest", "pipeline", "source", "revision", "variant")
    files = [{"path": file.path, "size": file.size, "sha256": file.sha256} for file in model.files]
    hashes = sorted(list(pair) for pair in model.hashes)
    return _present({**{name: getattr(model, name) for name in names}, "files": files or None, "hashes": hashes or None})


def _read_model(values: Any, remarks: list[str]) -> Model | None:
    if not isinstance(values, Mapping) or not _is_digest(values.get("digest")):
        return None
    texts: dict[str, Any] = {name: _text(values.get(name)) for name in ("pipeline", "source", "revision", "variant")}
    files = tuple(_read_file(one) for one in _listed(values.get("files")))
    name = _text(values.get("name")) or values["digest"][:12]
    if files and json_digest({file.path: file.sha256 for file in files}) != values["digest"]:
        remarks.append(f"The files that are listed for {name} are not those of its digest, and are left out.")
        files = ()
    return Model(digest=values["digest"], name=name, files=files, **texts)


def _read_hashes(values: Any) -> tuple[tuple[str, str], ...]:
    pairs = [one for one in _listed(values) if isinstance(one, list) and len(one) == 2]
    return tuple((kind, digits) for kind, digits in pairs if _text(kind) is not None and _text(digits) is not None)


def _read_file(values: Any) -> ModelFile:
    known = isinstance(values, Mapping) and _is_digest(values.get("sha256")) and isinstance(values.get("path"), str)
    if not known or type(values.get("size")) is not int or not 0 <= values["size"] < 2**62 or not _is_inside(values["path"]):
        raise FormatError(
            "A file of a model in this document is not of the form {path, size, sha256}.", "Take it again, whole."
        )
    return ModelFile(values["path"], values["size"], values["sha256"])


def _is_inside(path: str) -> bool:
    """Whether a path stays inside its folder wherever it is put."""
    return bool(path) and not path.startswith("/") and "\\" not in path and ".." not in path.split("/") and "\0" not in path


def _read_picture(values: Any, digest: str | None) -> Picture | None:
    if digest is None or not isinstance(values, Mapping):
        return None
    mode, width, height = values.get("mode"), values.get("width"), values.get("height")
    sides = [side for side in (width, height) if type(side) is int and 0 < side <= LARGEST_SIDE]
    if not isinstance(mode, str) or re.fullmatch(r"[\w;]{1,8}", mode) is None or len(sides) != 2:
        return None
    return Picture(digest, mode, width, height)


def _listed(value: Any) -> Sequence[Any]:
    return value[:LARGEST_FILES] if isinstance(value, list) else ()


def _mapped(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str | None:
    """A text that can be stored, else None."""
    return value if isinstance(value, str) and not re.search("[\0\ud800-\udfff]", value) else None


def _is_digest(value: Any) -> bool:
    return isinstance(value, str) and DIGEST.fullmatch(value) is not None


def _present(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
