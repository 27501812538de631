"""What a sweep gives its cells beside the text: pictures, latents, ControlNets, IP-Adapters, embeddings.

Of a prompt they are options like those of ``generate``. Of an entry they take the place of what it has of the same kind, and
everything else stays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seedbank.engine.adapters import KINDS, Adapter, adapter_files, read_adapter
from seedbank.errors import BadInput, Blocked, StorageError
from seedbank.explore.axes import IP_FOLDER, IP_WEIGHT, OWN
from seedbank.frozen import replace
from seedbank.hashing import sha256
from seedbank.pipelines import CONTROL, IMAGE, task_of
from seedbank.recipe import AS_IS, STRICT, Recipe
from seedbank.recording.extras import Extras, named_embedding
from seedbank.recording.inputs import Input, Pictures, bytes_of, latents_input
from seedbank.recording.latents import ROLE as LATENTS
from seedbank.recording.latents import read_latents
from seedbank.records import Blob
from seedbank.worker.adapters import CONTROLNET, EMBEDDING, ENCODER_FOLDER, IP_ADAPTER

if TYPE_CHECKING:
    from seedbank.bank import Bank
    from seedbank.engine.told import Loaded
    from seedbank.explore.exchanging import Wanted
    from seedbank.regen.bench import Setting

ROLES = {"image": "image", "mask": "mask_image", "control_image": "control_image", "ip_image": "ip_adapter_image"}
"""{field: what its picture is called in recipes}; some pipelines call the control image `image`."""
ORDER = (*ROLES.values(), LATENTS)
NEEDS = {
    "mask": ("image", "FILE"),
    "control_image": (CONTROLNET, "FOLDER"),
    CONTROLNET: ("control_image", "FILE"),
    "ip_image": (IP_WEIGHT, "FOLDER"),
    IP_WEIGHT: ("ip_image", "FILE"),
}
"""{field: (another without which it has no effect, what that one is)}"""


def check_picture(place: str) -> None:
    """Raises `BadInput` for what is no picture that can be read."""
    Pictures.of(Extras(image=place))


def check_mode(name: str) -> None:
    """Raises `BadInput` for what is no mode."""
    if name not in (AS_IS, STRICT):
        raise BadInput(f"The mode {name!r} does not exist.", f"Use {AS_IS} or {STRICT}.")


CHECKS: Mapping[str, Callable[[str], object]] = {
    "controlnet": lambda place: adapter_files(CONTROLNET, Path(place)),
    IP_FOLDER: lambda place: adapter_files(IP_ADAPTER, Path(place)),
    "embedding": lambda place: None if place == OWN else adapter_files(EMBEDDING, Path(named_embedding(place)[0])),
    "mode": check_mode,
    "latents": read_latents,
    **dict.fromkeys(ROLES, check_picture),
}
"""{field: raises `BadInput` or `Blocked` for a value that is not what it should be}"""


def as_options(values: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """The values of axes as options of `Library.generating`; an embedding stands beside those that are given there."""
    asked = {IP_WEIGHT if field == IP_FOLDER else field: None if value == OWN else value for field, value in values.items()}
    if (embedding := asked.pop("embedding", None)) is not None:
        word = named_embedding(embedding)[1]
        others = [one for one in options.get("embeddings") or () if named_embedding(one)[1] != word]
        asked["embeddings"] = [*others, embedding]
    return asked


# -- in the place of what an entry has --------------------------------------------------------------------------------


def check_together(recipe: Recipe, wanted: Wanted) -> None:
    """Raises `BadInput` for what has no effect on this recipe without something else."""
    has = {meaning(item, recipe.pipeline) for item in recipe.inputs}
    there = {field for field, role in ROLES.items() if role in has}
    there |= {IP_WEIGHT if item["kind"] == IP_ADAPTER else str(item["kind"]) for item in recipe.adapters}
    there |= {field for field, value in vars(wanted).items() if value is not None}
    for field, (needed, what) in NEEDS.items():
        if getattr(wanted, field) is not None and needed not in there:
            raise BadInput(f"{field} has no effect without {needed}, which the entry has not.", f"Add --axis {needed}={what}")
    if wanted.latents is not None and "image" in there:
        raise BadInput("latents and image both say what to start from.", "Take an entry without a picture.")
    if wanted.image is not None and LATENTS in has:
        raise BadInput("The entry starts from latents, and image says what to start from too.", "Take another entry.")


def with_adapters(setting: Setting, wanted: Wanted) -> Setting:
    """The setting with other adapters: one in the place of its kind with the same weight, an embedding of its word."""
    if wanted.controlnet is not None:
        setting = with_adapter(setting, read_adapter(CONTROLNET, wanted.controlnet), lambda item: item["kind"] == CONTROLNET)
        setting = as_denoiser(setting, CONTROLNET)
    if wanted.embedding not in (None, OWN):
        place, word = named_embedding(str(wanted.embedding))
        embedding = read_adapter(EMBEDDING, place, token=word)
        setting = with_adapter(setting, embedding, lambda item: item["kind"] == EMBEDDING and item["token"] == word)
    if wanted.ip_adapter is not None:
        weights = [item.get("weight") for item in setting.adapters if item["kind"] == IP_ADAPTER]
        adapter = read_adapter(IP_ADAPTER, wanted.ip_adapter, weights[0] if weights else 1.0)
        setting = with_adapter(setting, adapter, lambda item: item["kind"] == IP_ADAPTER)
        setting = as_denoiser(setting, ENCODER_FOLDER)
    return setting


def with_adapter(setting: Setting, adapter: Adapter, stands_for: Callable[[Mapping[str, Any]], bool]) -> Setting:
    """The setting with an adapter in the place of that which it `stands_for`, else where `generate` puts its kind."""
    items, rank = list(setting.adapters), KINDS.index(adapter.kind)
    at = next((index for index, item in enumerate(items) if stands_for(item)), None)
    if at is not None:
        items[at] = adapter.recipe_item
    else:
        behind = (index for index, item in enumerate(items) if KINDS.index(item["kind"]) > rank)
        items.insert(next(behind, len(items)), adapter.recipe_item)
    return replace(setting, adapters=tuple(items), known={**setting.known, adapter.model.digest: adapter.model})


def as_denoiser(setting: Setting, component: str) -> Setting:
    """The setting with the dtype of the denoiser for a component that the recorded pipeline has not."""
    known = dict(setting.dtypes)
    dtype = known.get("unet", known.get("transformer"))
    return setting if dtype is None else replace(setting, dtypes={component: dtype, **known})


def meaning(item: Mapping[str, Any], pipeline: str | None) -> str:
    """What an input is, whatever the pipeline calls it."""
    task = task_of(str(pipeline))
    return "control_image" if item["role"] == "image" and CONTROL in task and IMAGE not in task else str(item["role"])


def read_given(wanted: Wanted, loaded: Loaded, width: int, height: int) -> tuple[tuple[Input, ...], tuple[str, ...]]:
    """(the inputs that are wanted, what happens to the pictures). Raises `BadInput`."""
    pictures = Pictures.of(Extras(**{field: getattr(wanted, field) for field in ROLES}))
    inputs = pictures.inputs(loaded, width, height)
    if wanted.latents is not None:
        inputs = (*inputs, latents_input(wanted.latents, loaded))
    return inputs, tuple(pictures.remarks(width, height))


def with_inputs(
    recipe: Recipe, before: str | None, inputs: tuple[Input, ...], loaded: Loaded, names: Mapping[str, str]
) -> tuple[Recipe, dict[str, str]]:
    """(the recipe with these inputs beside and in the place of its own, {role: where each came from}).

    `before` is the pipeline class that the recipe was for: on another one, the control image may be called otherwise.
    """
    control = "control_image" if "control_image" in loaded.call else "image"
    new = {meaning(one.item, loaded.pipeline): one for one in inputs}
    items: list[tuple[str, Mapping[str, Any]]] = []
    called: dict[str, str] = {}
    for item in recipe.inputs:
        what = meaning(item, before)
        role = control if what == "control_image" else str(item["role"])
        if what not in new:
            items.append((what, {**item, "role": role}))
            called |= {role: names[str(item["role"])]} if item["role"] in names else {}
    items += [(what, one.item) for what, one in new.items()]
    items.sort(key=lambda pair: ORDER.index(pair[0]) if pair[0] in ORDER else len(ORDER))
    called |= {str(one.item["role"]): one.name for one in inputs}
    return replace(recipe, inputs=tuple(item for _, item in items)), called


# -- of a run ---------------------------------------------------------------------------------------------------------


def bring_back(bank: Bank, recipe: Recipe, names: Mapping[str, str], blobs: list[Blob]) -> None:
    """Put inputs that the image store has not any more into it again, from the files that they came from.

    Raises `Blocked` when such a file is not what it was.
    """
    for blob in blobs:
        bank.blobs.renew([blob.digest])  # nothing may name it yet but the run
        if bank.blobs.has(blob.digest):
            continue
        role = next((str(item["role"]) for item in recipe.inputs if item["digest"] == blob.digest), "")
        place = names.get(role)
        data = _read_again(role, place)
        if data is None or sha256(data) != blob.digest:
            raise Blocked(
                f"The {role} of this sweep is not in the image store any more, and {place or 'its file'} is not what it was.",
                "Bring the file back, or start another sweep.",
            )
        bank.blobs.put(data, blob.media_type)


def _read_again(role: str, place: str | None) -> bytes | None:
    if place is None:
        return None
    try:
        return read_latents(place)[1] if role == LATENTS else bytes_of(Path(place))
    except (BadInput, StorageError):
        return None
