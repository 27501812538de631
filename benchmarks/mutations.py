"""The mutation suite: change one thing, or two, behind a recorded image, and see what `regen --prove` makes of it.

Every field of the profile is changed alone, the fields with an effect in pairs, and things that no record knows are
changed in the render process itself, in the weights and in the recipe. For each case the truth is rendered beside and
compared by raw bytes: was there an effect, and from which stage on? Then: is a changed picture ever called `exact`, is
the stage right, is the cause named, and is anything ever called `proven` that is not?

    python -m benchmarks.mutations [--work FOLDER] [--only single|pair|untold|elsewhere]

Resumable: finished cases lie in FOLDER. Results go to results/mutations.json; `python -m benchmarks.mutation_table`
puts them into docs/exactness.md.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

import seedbank
from benchmarks.machine import save
from benchmarks.mutation_changes import CHANGES, FAULTS, PLANTED, WEIGHTS, fault
from seedbank.api import Library
from seedbank.bank import Pixels, first_difference
from seedbank.environment import Environment
from seedbank.errors import NotFound, SeedbankError
from seedbank.records import Entry, NewEntry
from seedbank.regen import Options, regenerate
from seedbank.regen.bench import Bench
from seedbank.regen.causes import INSTRUCTION_SET
from seedbank.regen.service import setting_of
from seedbank.regen.undoing import SMALLER_CPU
from tests import tiny_models

PROMPT = "a red circle on a blue background"
FAMILIES: dict[str, dict[str, Any]] = {
    "z-image": {"steps": 3, "width": 64, "height": 64},
    "sd15": {"steps": 3, "width": 128, "height": 128},  # twice the VAE's own size, so that tiling has an effect
    "embedded": {"steps": 4, "width": 64, "height": 64},
}
SINGLES: tuple[dict[str, Any], ...] = (
    {"threads": 1}, {"threads": 3}, {"interop_threads": 1}, {"attention": "math"}, {"attention": "flash"},
    {"attention_backend": "_native_math"}, {"attention_default": "_native_math"}, {"fused_qkv": "on"}, {"vae_tiling": "on"},
    {"vae_slicing": "on"}, {"memory_format": "channels_last"}, {"offload": "model"}, {"cpu_capability": "avx2"},
    {"cpu_capability": "default"}, {"onednn_isa": "AVX2"}, {"onednn_isa": "SSE41"}, {"mkl_branch": "COMPATIBLE"},
    {"mkl_branch": "AVX2"}, {"mkl_dynamic": "FALSE"}, {"omp_dynamic": "TRUE"}, {"mkldnn": "off"},
    {"mkldnn_deterministic": "on"}, {"mkldnn_precision": "bf16"}, {"nnpack": "off"}, {"mha_fastpath": "off"},
    {"flush_denormal": "on"}, {"default_dtype": "float64"}, {"matmul_precision": "medium"}, {"deterministic": "on"},
    {"deterministic_warn_only": "on"}, {"fill_uninitialized_memory": "off"}, {"tf32": "on"}, {"fp16_reduction": "off"},
    {"bf16_reduction": "off"}, {"fp16_accumulation": "on"}, {"math_sdp_reduction": "on"}, {"cudnn": "off"},
    {"cudnn_benchmark": "on"}, {"cudnn_deterministic": "on"}, {"blas_library": "cublaslt"},
    {"linalg_library": "magma"}, {"cublas_workspace": ":4096:8"}, {"tf32_override": "0"}, {"hash_seed": "1"},
)  # fmt: skip
PAIRED: tuple[dict[str, Any], ...] = (
    {"threads": 1}, {"attention": "math"}, {"memory_format": "channels_last"}, {"mkldnn": "off"},
    {"cpu_capability": "avx2"}, {"vae_tiling": "on"},
)  # fmt: skip


SMALLER = "recorded on a CPU with AVX2"
"""Rendered with every library kept to AVX2, and recorded without the variables that did it, as such a CPU would."""


@dataclass(frozen=True)
class Case:
    """What is changed: fields that `regen --with` is told, and something that nobody is told."""

    kind: str
    told: Mapping[str, Any] = field(default_factory=dict)
    untold: str = ""

    @property
    def name(self) -> str:
        parts = [f"{name}={value}" for name, value in self.told.items()]
        return " + ".join([*parts, *([f"({self.untold})"] if self.untold else [])])


@dataclass(frozen=True)
class Truth:
    """What the pipeline paints, by raw bytes, whatever regen says of it."""

    rows: bytes
    trace: tuple[tuple[str, str], ...]


def cases() -> list[Case]:
    """Every case of the full suite."""
    pairs = [Case("pair", {**one, **two}) for one, two in combinations(PAIRED, 2)]
    untold = [Case("untold", untold=what) for what in (*FAULTS, *CHANGES)]
    mixed = [Case("untold", {"threads": 1}, what) for what in FAULTS[:2]] + [Case("untold", {"attention": "math"}, FAULTS[0])]
    return [Case("single", one) for one in SINGLES] + pairs + untold + mixed + [Case("elsewhere", untold=SMALLER)]


class Suite:
    """A bank with one entry of each family, and render processes that the cases share."""

    def __init__(self, folder: Path, families: Sequence[str] = tuple(FAMILIES), room: int = 4) -> None:
        self.folder = folder
        self.bank: Library = seedbank.open(folder / "mutations.db", create=True, user="mutations")
        self.bench = Bench(room=room)
        self.entries = {family: self._entry(family) for family in families}
        self.known: dict[tuple[int, str], Truth | None] = {}

    def close(self) -> None:
        self.bench.close()
        self.bank.close()

    def _entry(self, family: str) -> Entry:
        try:
            return self.bank.entry(f"tag:{family}")
        except NotFound:
            pass
        spec = family if family == "embedded" else str(self.model(family))
        (entry,) = self.bank.generate(PROMPT, seed=7, model=spec, device="cpu", tags=[family], **FAMILIES[family])
        return entry

    def model(self, family: str) -> Path:
        """The folder of a tiny model."""
        folder = self.folder / family
        kind = {"z-image": tiny_models.Z_IMAGE, "sd15": tiny_models.SD15}[family]
        return folder if folder.exists() else tiny_models.build(kind, folder)

    def truth(self, entry: Entry, told: Mapping[str, Any]) -> Truth | None:
        """What is painted with these settings, rendered once; None when that cannot be tried or breaks."""
        key = (entry.id, json.dumps(told, sort_keys=True))
        if key not in self.known:
            self.known[key] = self.paint(entry, told)
        return self.known[key]

    def paint(self, entry: Entry, told: Mapping[str, Any]) -> Truth | None:
        """As `truth`, rendered now: for what holds only as long as something is wrong that nobody is told of."""
        assert entry.recipe is not None
        try:
            setting = setting_of(self.bank, entry, Options(changes=told))
            rendering = self.bench.set_up(setting).render(self.bank, entry.recipe)
        except SeedbankError:
            return None
        return Truth(rendering.rows, rendering.trace)

    def recorded(self, entry: Entry) -> Truth:
        return Truth(self.bank.pixels(entry).rows, self.bank.trace_of(entry.output))

    def run(self, case: Case, family: str) -> dict[str, Any]:
        """One row of the table."""
        entry = self.entries[family]
        with self._untold(case, entry) as entry:
            (outcome,) = regenerate(self.bank, [entry.id], Options(changes=case.told, prove=True), bench=self.bench)
            truth = self.paint(entry, case.told) if case.untold else self.truth(entry, case.told)
        found = outcome.regeneration
        proven = [cause["name"] for cause in found.explanation.get("causes", ()) if cause.get("grade") == "proven"]
        row = {
            "kind": case.kind,
            "case": case.name,
            "family": family,
            "effect": "not here" if truth is None else self.effect(self.recorded(entry), truth),
            "verdict": found.verdict,
            "trace": found.trace,
            "stage": found.first_difference,
            "true_stage": None if truth is None else first_difference(self.recorded(entry).trace, truth.trace),
            "grade": found.explanation.get("grade"),
            "causes": [cause["name"] for cause in found.explanation.get("causes", ())][:5],
            "proven": proven,
            "line": found.explanation["line"],
            "trials": len(found.evidence.get("trials", ())),
        }
        row["false_exact"] = row["effect"] == "picture" and found.verdict == "exact"
        if case.untold == SMALLER:
            row["false_proven"] = proven not in ([], [INSTRUCTION_SET])
        else:
            row["false_proven"] = bool(proven) and (bool(case.untold) or not self._holds(entry, case.told, proven))
        return row

    def effect(self, recorded: Truth, present: Truth) -> str:
        """`none`, `computation` (the same picture) or `picture`, by raw bytes."""
        if recorded.rows != present.rows:
            return "picture"
        return "none" if recorded.trace == present.trace else "computation"

    def _holds(self, entry: Entry, told: Mapping[str, Any], proven: Sequence[str]) -> bool:
        """The truth about a proof: without these the record comes out, with these alone what was observed."""
        recorded, observed = self.recorded(entry), self.truth(entry, told)
        undone = self.truth(entry, {name: value for name, value in told.items() if name not in proven})
        alone = self.truth(entry, {name: value for name, value in told.items() if name in proven})
        return undone == recorded and alone == observed

    def _on_smaller_cpu(self, entry: Entry) -> Entry:
        """The same recipe as a CPU with AVX2 would have recorded it."""
        assert entry.recipe is not None
        ready = self.bench.set_up(setting_of(self.bank, entry, Options(changes=SMALLER_CPU["AVX2"])))
        rendering = ready.render(self.bank, entry.recipe)
        own = self.bank.store.environment(entry.environment_digest or "").parts
        profile = {**ready.environment.profile, "variables": own["profile"].get("variables", {})}
        parts = {**ready.environment.parts, "profile": profile, "variables": own.get("variables", {})}
        new = NewEntry(recipe=entry.recipe, environment=Environment(parts), model=entry.model)
        return self.bank.put_entry(
            Pixels(rendering.mode, rendering.width, rendering.height, rendering.rows), new, rendering.trace
        )

    @contextmanager
    def _untold(self, case: Case, entry: Entry) -> Iterator[Entry]:
        """Something changed that neither the record nor the options know."""
        if not case.untold:
            yield entry
        elif case.untold == SMALLER:
            yield self._on_smaller_cpu(entry)
        elif case.untold in PLANTED:
            with PLANTED[case.untold](self.bank, entry, self.folder) as changed:
                yield changed
        else:
            # It must reach the processes of this case, and of no other.
            self.bench.close()
            with tempfile.TemporaryDirectory() as scratch:
                if case.untold in WEIGHTS:
                    with WEIGHTS[case.untold](self.bank, entry, Path(scratch)) as changed:
                        yield changed
                else:
                    with fault(case.untold):
                        yield entry
            self.bench.close()


# -- the run ----------------------------------------------------------------------------------------------------------


def summary(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Counts over the rows. `named`: the told change is among the causes; `proven`: it alone, or the pair, is proven."""
    told = [row for row in rows if row["kind"] in ("single", "pair")]
    effective = [row for row in told if row["effect"] in ("computation", "picture")]
    untold = [row for row in rows if row["kind"] == "untold" and row["effect"] in ("computation", "picture")]
    return {
        "n": len(rows),
        "no effect here": sum(row["effect"] in ("none", "not here") for row in rows),
        "told, with an effect": len(effective),
        "told: detected": sum(_detected(row) for row in effective),
        "told: stage right": sum(row["stage"] == row["true_stage"] for row in effective),
        "told: proven": sum(row["grade"] == "proven" for row in effective),
        "untold, with an effect": len(untold),
        "untold: detected": sum(_detected(row) for row in untold),
        "untold: stage right": sum(row["stage"] == row["true_stage"] for row in untold if row["verdict"] != "unstable"),
        "elsewhere: proven": sum(row["grade"] == "proven" for row in rows if row["kind"] == "elsewhere"),
        "false exact": sum(row["false_exact"] for row in rows),
        "false proven": sum(row["false_proven"] for row in rows),
        "alarms without an effect": sum(row["effect"] == "none" and _detected(row) for row in rows),
    }


def _detected(row: Mapping[str, Any]) -> bool:
    return row["verdict"] in ("close", "different", "unstable") or (row["verdict"], row["trace"]) == ("exact", "differs")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "seedbank-mutations")
    parser.add_argument("--only", choices=["single", "pair", "untold", "elsewhere"])
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    done_file = options.work / "rows.jsonl"
    rows = [json.loads(line) for line in done_file.read_text().splitlines()] if done_file.exists() else []
    done = {(row["case"], row["family"]) for row in rows}
    suite = Suite(options.work)
    try:
        for case in cases():
            for family in FAMILIES:
                if (case.name, family) in done or (options.only and case.kind != options.only):
                    continue
                since = time.monotonic()
                row = suite.run(case, family)
                rows.append(row)
                with done_file.open("a") as stream:
                    stream.write(json.dumps(row) + "\n")
                print(
                    f"{time.monotonic() - since:6.1f} s  {case.name:<40} {family:<9} {row['effect']:<12} {row['line']}",
                    flush=True,
                )
    finally:
        suite.close()
    counted = summary(rows)
    digest = hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()
    print(json.dumps(counted, indent=2), f"\n{save('mutations', {'summary': counted, 'rows_digest': digest, 'rows': rows})}")


if __name__ == "__main__":
    main()
