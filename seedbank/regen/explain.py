"""From a judgement to one line that a designer reads and the causes that an engineer checks.

Grades: `proven` (undoing the change alone restores the record and making it alone yields what was seen), `likely` (a
recorded field differs and the numerics fingerprint shows operations that compute otherwise), `suspect` (something that
can reach the first stage that differs is not as recorded), `unexplained`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seedbank.records import CLOSE, DIFFERENT, EXACT, TRACE_DIFFERS, UNSTABLE
from seedbank.regen.causes import NAMED, Cause, Differences
from seedbank.regen.judge import Judgement
from seedbank.regen.proof import Proof
from seedbank.regen.stages import stage_words

KEEP = "Keep the PNG: here the recorded image does not come back."
"""What a verdict means for whoever works with the image."""
PROVEN, LIKELY, SUSPECT, UNEXPLAINED = "proven", "likely", "suspect", "unexplained"


def explanation(
    judgement: Judgement,
    found: Differences,
    experiment: Sequence[str] = (),
    proof: Proof | None = None,
) -> dict[str, Any]:
    """{line, hint, grade, stage, causes, operations} of a rendering that was judged, with the reruns when there were any.

    Every key but the line is left out when the computation is the recorded one.
    """
    said = f" (experiment: {', '.join(experiment)})" if experiment else ""
    if not needs_explanation(judgement):
        return {"line": f"exact: you can go on from this image{said}"}
    every = [*found.causes, *found.others]
    guilty = [cause for cause in every if proof is not None and cause.name in proof.causes]
    if guilty:
        grade, named = PROVEN, guilty
    elif found.causes:
        grade, named = LIKELY if found.operations else SUSPECT, list(found.causes)
    else:
        grade, named = UNEXPLAINED, []
    listed = guilty + [cause for cause in found.causes if cause not in guilty]
    beyond = "; with these settings as recorded it differs too" if proof is not None and proof.beyond else ""
    told = {
        "line": _head(judgement) + _why(judgement, grade, named) + beyond + said,
        "grade": grade,
        "stage": judgement.first_difference,
        "causes": [cause.to_dict(PROVEN if cause in guilty else SUSPECT if grade == PROVEN else grade) for cause in listed],
    }
    if judgement.verdict in (DIFFERENT, UNSTABLE) and not experiment:
        told["hint"] = KEEP
    return told | ({"operations": list(found.operations)} if found.operations else {})


def needs_explanation(judgement: Judgement) -> bool:
    """Whether anything differs: the picture, or the computation behind the same picture."""
    return judgement.verdict != EXACT or judgement.trace == TRACE_DIFFERS


def _head(judgement: Judgement) -> str:
    where = stage_words(judgement.first_difference)
    since = f" from {where} on" if where else ""
    if judgement.verdict == EXACT:
        return f"exact: the computation drifted{since}, the picture did not"
    if judgement.verdict == UNSTABLE:
        parting = stage_words(judgement.parting)
        return "unstable: two renderings here disagree with each other" + (f" from {parting} on" if parting else "")
    if judgement.verdict == CLOSE:
        return f"close: no eye sees it (at most {judgement.drift.get('max', 0):g} of 255){since}"
    assert judgement.verdict == DIFFERENT
    return f"different{since}"


def _why(judgement: Judgement, grade: str, named: Sequence[Cause]) -> str:
    if named:
        words = [cause.words for cause in named[:NAMED]]
        more = f" and {len(named) - NAMED} more" if len(named) > NAMED else ""
        joined = " and ".join(words) if grade == PROVEN else ", ".join(words)
        return f": {joined}{more} — {grade}"
    if judgement.verdict == EXACT:
        return ""
    return f": nothing recorded that could cause it differs — {grade}"
