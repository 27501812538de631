"""What the shell offers while a command is typed: keys of queries with their values, tags, models, collections.

Never an error: where there is no bank, or none that this seedbank can read, nothing is offered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from seedbank.api import Library

MOST = 50
Values = Callable[["Library", str], Iterable[str]]


def complete_tags(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Tags of the bank."""
    return _items(_from_bank(context, lambda bank, start: bank.store.curation.tag_names(start, MOST), incomplete))


def complete_models(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Sources of the models in the bank, which --model takes: `embedded`, hub names, folders, files."""
    return _items(_from_bank(context, _sources, incomplete))


def complete_collections(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of collections and saved searches."""
    return _items(_from_bank(context, _collections, incomplete))


def complete_method(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Samplers or schedules, as the option is called."""
    return _items(_methods(str(parameter.name), incomplete))


def complete_which(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """WHICH: @last, or a query."""
    last = [CompletionItem("@last", help="the newest entry")] if incomplete and "@last".startswith(incomplete) else []
    return last + complete_query(context, parameter, incomplete)


def complete_query(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """One word of a query: a key, or behind a key what there is in the bank."""
    from seedbank.query import ALIASES, KEYS, SORTS

    minus = "-" if incomplete.startswith("-") and not incomplete.startswith("--") else ""
    key, colon, value = incomplete.removeprefix(minus).partition(":")
    if not colon:
        found = [
            CompletionItem(f"{minus}{name}:", help=known.help) for name, known in KEYS.items() if name.startswith(key.lower())
        ]
        return found + (
            [CompletionItem("sort:", help="the order, such as rating-,added+")] if "sort".startswith(key) and not minus else []
        )
    name = ALIASES.get(key.lower(), key.lower())
    if name in FIXED:
        values: Iterable[str] = [word for word in FIXED[name] if word.startswith(value.lower())]
    elif name == "sort":
        done, comma, last = value.rpartition(",")
        values = [f"{done}{comma}{word}{sign}" for word in SORTS for sign in "+-" if word.startswith(last.lower())]
    elif name in ("sampler", "schedule"):
        values = _methods(name, value)
    elif name in FROM_BANK:
        values = _from_bank(context, FROM_BANK[name], value.strip('"'))
    else:
        return []
    quoted = [f'"{word}"' if any(map(str.isspace, word)) else word for word in values]
    return _items(f"{minus}{key}:{word}" for word in quoted)


def _methods(of: str, start: str) -> list[str]:
    from seedbank.samplers import FLOW_SAMPLERS, SAMPLERS, SCHEDULES

    known = SCHEDULES if of == "schedule" else {**SAMPLERS, **FLOW_SAMPLERS}
    return [name for name in known if name.startswith(start.lower())]


YES_NO = ("yes", "no")
FIXED = {
    "fav": (*YES_NO, "any"),
    "trash": YES_NO,
    "regenerable": YES_NO,
    "bytes": ("present", "absent"),
    "verdict": ("exact", "close", "different", "unstable", "failed", "blocked", "none", "any"),
    "size": ("landscape", "portrait", "square"),
    "origin": ("generated", "recorded", "added", "imported", "received"),
}


def _models(bank: Library, start: str) -> Iterable[str]:
    return _names(bank, start, of_adapters=False)


def _adapters(bank: Library, start: str) -> Iterable[str]:
    return _names(bank, start, of_adapters=True)


def _names(bank: Library, start: str, *, of_adapters: bool) -> Iterable[str]:
    """Models and adapters stand in one table."""
    from seedbank.engine.adapters import KINDS

    named = (model.name for model in bank.store.models() if (model.pipeline in KINDS) == of_adapters)
    return sorted({name for name in named if name.casefold().startswith(start.casefold())})


def _sources(bank: Library, start: str) -> Iterable[str]:
    return sorted({model.source for model in bank.store.models() if model.source and model.source.startswith(start)})


def _collections(bank: Library, start: str) -> Iterable[str]:
    return [one.name for one in bank.collections() if one.name.casefold().startswith(start.casefold())]


FROM_BANK: dict[str, Values] = {
    "tag": lambda bank, start: bank.store.curation.tag_names(start, MOST),
    "model": _models,
    "lora": _adapters,
    "collection": _collections,
    "run": lambda bank, start: [run.name for run in bank.store.runs() if run.name and run.name.startswith(start)],
}


def _from_bank(context: click.Context, values: Values, start: str) -> list[str]:
    from seedbank.cli.common import open_bank
    from seedbank.errors import SeedbankError

    root = context.find_root()
    root.obj = root.obj or root.params.get("bank")  # while completing, click runs no callback that would set it
    try:
        with open_bank(context) as bank:
            return list(values(bank, start))[:MOST]
    except SeedbankError:
        return []


def _items(values: Iterable[str]) -> list[CompletionItem]:
    return [CompletionItem(value) for value in values]
