"""Vary: an entry's recipe with a few things changed and everything else as it is, its seed or the rest."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from seedbank.errors import BadInput
from seedbank.explore.axes import OWN
from seedbank.explore.beforehand import as_changes, check_changes, loaded_for
from seedbank.explore.changes import Change, Changer, cut_off, effects
from seedbank.explore.exchanging import Wanted
from seedbank.explore.opening import check_own_noise, open_entry
from seedbank.frozen import replace
from seedbank.progress import QUIET, Progress, track
from seedbank.recipe import Recipe, checked_seed, used_seed
from seedbank.recording.noise import FORMS, SANE, noise_remarks, numbered
from seedbank.recording.request import LARGEST_COUNT
from seedbank.records import Entry
from seedbank.store.opinions import checked_tags
from seedbank.store.writing import VARY, Act

if TYPE_CHECKING:
    from seedbank.api import Library

Say = Callable[[str], None]


def vary(
    library: Library,
    which: int | str | Entry,
    *,
    prompt_add: str | None = None,
    seed: int | None = None,
    n: int = 1,
    strength: float | None = None,
    form: str | None = None,
    variation_seed: int | None = None,
    loras: Mapping[str, float] | None = None,
    arguments: Mapping[str, Any] | None = None,
    tags: Sequence[str] = (),
    model: str | None = None,
    vae: str | None = None,
    dtype: str | None = None,
    device: str | None = None,
    say: Say = lambda remark: None,
    progress: Progress = QUIET,
    **fields: Any,
) -> Iterator[Entry]:
    """Render variants of an entry and yield each, a `variant-of` it, as soon as it is recorded.

    prompt_add    is put behind the prompt, after a comma: see `behind`
    seed          another seed, -1 draws one; image k of `n` gets seed + k
    strength      how far the noise goes from that of the entry's seed (0) to that of a second seed (1); image k of `n` gets
                  `variation_seed` + k; `form` is `sane` or `a1111`
    loras         {name: weight} of LoRAs that the recipe has
    arguments     any other argument of the pipeline, by its own name
    fields        prompt, negative, prompt_2, negative_2, steps, guidance, cfg, size (width, height), sampler, schedule,
                  scheduler, clip_skip
    model, vae, dtype, device   what it is rendered with instead; the VAE `none` is the model's own
    say           gets what the user should know before rendering starts

    Raises `BadInput` for what the pipeline does not have and for no change at all, `Blocked` when the entry cannot be
    rendered here.
    """
    _check(n, seed, strength, form, variation_seed)
    tags = checked_tags(tags)
    wanted = Wanted(model, vae, dtype, device)
    named = any(value is not None for value in (prompt_add, seed, strength, *fields.values()))
    if not named and not loras and not arguments and wanted == Wanted():
        raise BadInput("Nothing changes.", "Say what to change, such as --prompt-add 'oil painting' or --seed -1.")
    others = as_changes(arguments or {})
    entry = library.entry(which)
    if model is None:
        changed = [*others, *((name, value) for name, value in fields.items() if value is not None)]
        pipeline, folder, recorded = loaded_for(library, entry)
        check_changes(pipeline, folder, changed, {None: recorded, OWN: None}.get(vae, vae))
    library.require_writable()
    if seed is None:
        check_own_noise(library, entry)
    loading = ExitStack()
    loading.enter_context(progress.task("loading " + (model or (entry.model.name if entry.model else "the model"))))
    with loading, open_entry(library, entry, wanted, say=say, compare=say) as renderer:
        changer = Changer(renderer)
        changes: list[Change] = [(name, value) for name, value in fields.items() if value is not None]
        if prompt_add is not None:
            changes = _added(changes, renderer.base, prompt_add)
        changes += [(f"lora.{name}", weight) for name, weight in (loras or {}).items()]
        changes += others
        if seed is not None:
            changes.append(("seed", used_seed(seed)))
        if strength is not None:
            second = used_seed(-1 if variation_seed is None else variation_seed)
            changes += [("variation_strength", strength), ("variation_seed", second), ("variation_form", form or SANE)]
        first = changer(changes)
        if device is None and first == (renderer.base if wanted == Wanted() else _alone(entry)):
            raise BadInput(f"Entry {entry.id} is like that already: nothing changes.", "Change something else.")
        for remark in _remarks(entry, renderer.base, first, n, seed, strength):
            say(remark)
        for remark in cut_off(renderer, first):
            say(remark)
        loading.close()
        recipes = track(progress, _numbered(first, n, seed, strength), "vary")
        yield from renderer.render_all(recipes, Act(VARY), parents=[(entry.id, "variant-of")], tags=tags)


def _alone(entry: Entry) -> Recipe | None:
    return None if entry.recipe is None else replace(entry.recipe, batch=None)


def _check(n: int, seed: int | None, strength: float | None, form: str | None, variation_seed: int | None) -> None:
    if not 1 <= n <= LARGEST_COUNT:
        raise BadInput(f"-n {n} is out of range.", f"Use 1 to {LARGEST_COUNT:,}.")
    if n > 1 and seed is None and strength is None:
        raise BadInput(f"-n {n} would make the same picture {n} times.", "Add --seed -1, or --strength 0.2.")
    if strength is None and (form is not None or variation_seed is not None):
        raise BadInput("A variation needs its strength.", "Add for example --strength 0.2.")
    for one in (seed, variation_seed):
        if one not in (None, -1):
            checked_seed(one)
    if form is not None and form not in FORMS:
        raise BadInput(f"There is no form of variation {form!r}.", f"Use one of {', '.join(FORMS)}.")


def _added(changes: Sequence[Change], base: Recipe, more: str) -> list[Change]:
    """The changes with `more` behind the prompt, which may be a new one."""
    said = dict(changes)
    prompt = said.pop("prompt", base.prompt) or ""
    return [*said.items(), ("prompt", behind(prompt, more))]


def behind(prompt: str, more: str) -> str:
    """The prompt with `more` behind it and a comma between: a wide one where it ends in Chinese or Japanese, none behind 。"""
    if not (before := prompt.rstrip(" ,，、")):
        return more
    letter = next(filter(str.isalpha, reversed(before)), " ")
    wide = unicodedata.name(letter, "").startswith(("CJK", "HIRAGANA", "KATAKANA")) or before.rfind("，") > before.rfind(",")
    return f"{before}{'' if before[-1] in '。！？' else '，' if wide else ', '}{more}"


def _numbered(first: Recipe, n: int, seed: int | None, strength: float | None) -> tuple[Recipe, ...]:
    """`n` recipes: of a new seed, seed + k; of a second seed, that + k."""
    if seed is not None and strength is None and first.noise.get("variation"):
        # The entry is a variation itself: its second seed stays, the first one is what was asked to change.
        start = first.seed
        assert start is not None
        return tuple(first.with_seed(start + index) for index in range(n))
    return numbered(first, n)


def _remarks(entry: Entry, base: Recipe, first: Recipe, n: int, seed: int | None, strength: float | None) -> Iterator[str]:
    yield from effects(base, first)
    if seed is not None or strength is not None:
        yield from noise_remarks(first, n)
    if strength is not None and (varied := base.noise.get("variation")):
        yield f"Entry {entry.id} is a variation itself, towards seed {varied['seed']}: the new one takes its place."
    if entry.recipe is not None and entry.recipe.batch is not None:
        size = entry.recipe.batch["size"]
        yield f"Entry {entry.id} was rendered in a batch of {size}; alone, the same recipe can give slightly other bits."
