"""An explanation for an engineer: the table of what differs, and the reruns that proved it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from seedbank.cli.printing import table

if TYPE_CHECKING:
    from seedbank.records import Regeneration

HEADS = ("what differs", "recorded", "here", "grade")


def explained(regeneration: Regeneration) -> Iterator[str]:
    """The lines of the table, nothing when nothing differs."""
    causes = regeneration.explanation.get("causes") or []
    if causes:
        yield from table([_row(cause) for cause in causes], HEADS)
    if elsewhere := regeneration.evidence.get("elsewhere"):
        yield f"differs too, but cannot reach that stage: {', '.join(elsewhere)}"
    if operations := regeneration.explanation.get("operations"):
        yield f"operations that compute otherwise here: {', '.join(operations)}"
    for trial in regeneration.evidence.get("trials") or []:
        yield f"rerun with {_made(trial)}: {_came(trial)}"
    if note := regeneration.evidence.get("proof"):
        yield str(note)


def _row(cause: Mapping[str, Any]) -> tuple[str, ...]:
    return cause["name"], _text(cause.get("recorded")), _text(cause.get("present")), cause.get("grade") or ""


def _text(value: Any) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= 40 else f"{text[:39]}…"


def _made(trial: Mapping[str, Any]) -> str:
    return f"{', '.join(trial['changed'])} changed alone" if trial["changed"] else "every setting as recorded"


def _came(trial: Mapping[str, Any]) -> str:
    if trial["restores"]:
        return "as recorded"
    if trial["reproduces"]:
        return "as observed"
    where = trial.get("first_difference")
    return "another result" + (f", from {where} on" if where else "")
