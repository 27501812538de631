"""`seedbank regen`: rebuild entries and check them against their recorded digests."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from seedbank.cli.common import assignment, entry_json, json_option, open_bank, progress, which_argument, words
from seedbank.cli.explained import explained
from seedbank.cli.printing import counted, emit, remark, say

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from seedbank.api import Library
    from seedbank.regen import Options, Outcome

MOST_NAMED = 10
"""Ids that a note lists."""


@click.command("regen")
@which_argument
@click.option("--name", help="A durable run: the same name and selection goes on where it stopped.")
@click.option(
    "--tolerance",
    default="1",
    show_default=True,
    help="What is `close`: 2 of 255 in a channel, or psnr=40, or ssim=0.98,phash=4.",
)
@click.option("--accept", type=click.Choice(["close"]), multiple=True, help="Exit with 0 for this verdict, too.")
@click.option("--model", help="Where the recorded weights lie now.")
@click.option("--allow-other-weights", is_flag=True, help="Render with other weights; marked an experiment.")
@click.option("--device", help="Another device than the recorded one; marked an experiment.")
@click.option(
    "--with",
    "changes",
    multiple=True,
    metavar="NAME=VALUE",
    help="Change a setting of the profile (threads=1, attention=math); marked an experiment.",
)
@click.option("--python", help="Render in this interpreter; nothing is installed there.")
@click.option(
    "--env",
    metavar="recorded|recorded-all|torch==X,…",
    help="Render in an environment made of the recorded distributions; with changes it is marked an experiment.",
)
@click.option("--find-links", multiple=True, metavar="DIR", help="A folder with wheels for --env.")
@click.option(
    "--candidate",
    "candidates",
    multiple=True,
    metavar="model=NEW|lora=NEW",
    help="Put something else in place of one thing and compare; marked an experiment.",
)
@click.option(
    "--trace",
    type=click.Choice(["stages", "components", "modules"]),
    default="stages",
    show_default=True,
    help="Render once more, watch the output of every component or module, and name the first that differs from a "
    "rendering with the recorded settings, or from the attempt before.",
)
@click.option(
    "--via",
    metavar="TOOL=URL",
    help="Render imports in the tool that made them, on your own server: comfyui=http://127.0.0.1:8188, a1111=…, forge=….",
)
@click.option("--prove", is_flag=True, help="Look for the cause of a difference by rendering again with settings put back.")
@click.option("-v", "--verbose", is_flag=True, help="What differs, as a table, and the reruns of a proof.")
@json_option
@click.pass_context
def regen_command(
    context: click.Context,
    which: tuple[str, ...],
    name: str | None,
    tolerance: str,
    accept: tuple[str, ...],
    model: str | None,
    allow_other_weights: bool,
    device: str | None,
    changes: tuple[str, ...],
    python: str | None,
    env: str | None,
    find_links: tuple[str, ...],
    candidates: tuple[str, ...],
    trace: str,
    via: str | None,
    prove: bool,
    verbose: bool,
    as_json: bool,
) -> int:
    """Rebuild WHICH from the record alone and check the image against the recorded digest.

    \b
    exact      the same image, bit for bit                       exit 0
    close      within the tolerance                              exit 3
    different  beyond it                                         exit 3
    unstable   two renderings here disagree with each other      exit 3
    failed     it ran and broke                                  exit 1
    blocked    could not be tried: other weights, no such device exit 1

    With --accept close, close is exit 0.

    \b
    seedbank regen 17
    seedbank regen tag:poster --name torch-2.14    goes on where it stopped
    seedbank regen 17 --prove                      what caused a difference
    """
    from seedbank.regen import Options, Tolerance, exit_code_of

    options = Options(
        tolerance=Tolerance.parse(tolerance),
        model=model,
        allow_other_weights=allow_other_weights,
        device=device,
        changes=dict(assignment(one, "--with") for one in changes),
        prove=prove,
        name=name,
        python=python,
        env=env,
        find_links=find_links or None,
        candidate=dict(_pair(one) for one in candidates) or None,
        trace=None if trace == "stages" else trace,
    )
    outcomes = []
    hints: set[str] = set()
    with open_bank(context) as bank:
        ids = bank.resolve(words(which))
        try:
            for outcome in _attempts(bank, ids, options, via):
                outcomes.append(outcome)
                if as_json:
                    emit(_json(bank, outcome))
                else:
                    _print(outcome, verbose, hints)
        except KeyboardInterrupt:
            if len(ids) > 1:
                goes_on = "the same command goes on with the rest" if name else "with --name NAME it can go on where it stopped"
                say(f"  {goes_on}", err=True)
            raise
        done = {outcome.entry.id: outcome.regeneration.verdict for outcome in outcomes}
        of_run = {} if name is None else bank.store.run_verdicts(name)
        if left_out := [one for one in ids if name is not None and one not in of_run]:
            remark(
                f"{name} goes on with the {counted(len(of_run), 'entry', 'entries')} that it began with; "
                f"not among them: {_named(left_out)}. Another --name takes those in."
            )
        if not as_json and (name is not None or len(outcomes) != 1):
            _summary(done, of_run)
    return exit_code_of([verdict for verdict in (of_run or done).values() if verdict is not None], accept)


def _attempts(bank: Library, ids: list[int], options: Options, via: str | None) -> Iterator[Outcome]:
    """The attempts, here or in the tool that `via` names."""
    from seedbank.errors import BadInput
    from seedbank.regen import Options

    if via is None:
        return bank.regenerating(ids, options, progress=progress())
    if options != Options(tolerance=options.tolerance):
        raise BadInput("--via renders in the other tool; of the options only --tolerance and --accept go with it.")
    return bank.regenerating_via(ids, via, options.tolerance, progress=progress())


def _pair(text: str) -> tuple[str, str]:
    name, equals, place = text.partition("=")
    if not equals or not place:
        raise click.BadParameter(f"{text!r} is not of the form model=NEW or lora=NEW.", param_hint="--candidate")
    return name, place


def _print(outcome: Outcome, verbose: bool, hints: set[str]) -> None:
    """One attempt; `hints` were given before and are not repeated."""
    found = outcome.regeneration
    say(f"{outcome.entry.id}  {found.verdict}  {outcome.seconds:.1f} s  {found.explanation['line']}")
    if (hint := found.explanation.get("hint")) and hint not in hints:
        hints.add(hint)
        say(f"   {hint}", err=True)
    for note in found.explanation.get("notes", ()):
        say(f"   {note}", err=True)
    if deep := found.evidence.get("deep"):
        from seedbank.regen.deep import deep_words

        say(f"   {deep_words(deep)}")
    if verbose:
        for line in explained(found):
            say(f"   {line}")


def _summary(done: Mapping[int, str], of_run: Mapping[int, str | None]) -> None:
    """How many came out how, and of a run that goes on what came of it before."""
    before = [verdict for entry, verdict in of_run.items() if verdict is not None and entry not in done]
    said = _counts(done.values()) or "nothing left to do"
    also = f" ({len(before)} were done before: {_counts(before)})" if before else ""
    say(f"{len(done)} of {len(of_run) or len(done)}: {said}{also}", err=True)


def _counts(verdicts: Iterable[str]) -> str:
    """``2 exact, 1 different``, in the order in which they first came."""
    return ", ".join(f"{count} {verdict}" for verdict, count in Counter(verdicts).items())


def _named(ids: Sequence[int]) -> str:
    """The ids, of very many only the first."""
    return ", ".join(map(str, ids[:MOST_NAMED])) + (f" and {len(ids) - MOST_NAMED:,} more" if len(ids) > MOST_NAMED else "")


def _json(bank: Library, outcome: Outcome) -> dict[str, Any]:
    found = outcome.regeneration
    return entry_json(outcome.entry, bank.path) | {
        "verdict": found.verdict,
        "experiment": found.experiment,
        "trace": found.trace,
        "first_difference": found.first_difference,
        "explanation": dict(found.explanation),
        "evidence": dict(found.evidence),
        "drift": dict(found.drift),
        "made_by": found.explanation.get("foreign", {}).get("tool"),
        "seconds": round(outcome.seconds, 3),
    }
