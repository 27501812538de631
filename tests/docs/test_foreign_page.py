"""The tables of docs/foreign-recipes.md are those of the code. `python -m tests.docs.test_foreign_page` writes them anew."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from seedbank.dialects import COMFYUI, NEAR, NEAR_SCHEDULE, SAMPLER_NAMES, SCHEDULE_NAMES, dialect_of, meaning
from seedbank.importing.guidance import guidance_arguments
from seedbank.pipelines import DISTILLED, OFFSET, STANDARD, TEXT_TO_IMAGE, TRUE_CFG
from seedbank.samplers import NORMAL, SAMPLERS, SIGMAS, SPACINGS
from tests.offered import OFFERED, listed

PAGE = Path(__file__).parents[2] / "docs" / "foreign-recipes.md"
HEADS = ("A1111, Forge", "ComfyUI, SwarmUI, Fooocus", "InvokeAI", "SD.Next", "sd.cpp", "NovelAI")


def _cells(names: tuple[str, ...]) -> str:
    return " | ".join(name.replace("|", ", ") for name in names)


def samplers() -> Iterator[str]:
    yield f"| `--sampler` | diffusers | {' | '.join(HEADS)} |"
    yield "|---|---|" + "---|" * len(HEADS)
    for ours, names in SAMPLER_NAMES.rows.items():
        cls, settings = SAMPLERS[ours]
        told = ", ".join(f"{name}={value}" for name, value in settings.items())
        yield f"| `{ours}` | {cls}{f'({told})' if told else ''} | {_cells(names)} |"


def schedules() -> Iterator[str]:
    yield f"| `--schedule` | setting | {' | '.join(HEADS)} |"
    yield "|---|---|" + "---|" * len(HEADS)
    for ours, names in SCHEDULE_NAMES.rows.items():
        setting = SIGMAS.get(ours) or (f"timestep_spacing={SPACINGS[ours]}" if ours in SPACINGS else "the sampler's own")
        assert ours == NORMAL or ours in SIGMAS or ours in SPACINGS
        yield f"| `{ours}` | {setting} | {_cells(names)} |"


def guidance() -> Iterator[str]:
    for kind in (STANDARD, OFFSET, TRUE_CFG, DISTILLED):
        members = [name.removesuffix("Pipeline") for name, facts in TEXT_TO_IMAGE.items() if facts.guidance == kind]
        of_cfg, _ = guidance_arguments(f"{members[0]}Pipeline", 8.0, 3.5 if kind == TRUE_CFG else None)
        of_distilled, _ = guidance_arguments(f"{members[0]}Pipeline", None, 3.5)
        cfg = {name: value for name, value in of_cfg.items() if kind != TRUE_CFG or name == "true_cfg_scale"}
        distilled = f"3.5 is {_told(of_distilled)}" if kind in (TRUE_CFG, DISTILLED) else "not used"
        yield f"| {', '.join(members)} | CFG 8 is {_told(cfg)} | {distilled} |"


def _told(arguments: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in arguments.items())


def near() -> Iterator[str]:
    for ours, why in NEAR.items():
        yield f"- `{ours}`: {why}."
    for (dialect, schedule), why in NEAR_SCHEDULE.items():
        yield f"- `{schedule}` of {dialect}: {why}."


def refused() -> Iterator[str]:
    yield "| tool | samplers | schedules |"
    yield "|---|---|---|"
    for tool, (samplers_there, schedules_there) in OFFERED.items():
        unknown = [name for name in listed(samplers_there) if meaning(tool, name).unknown is not None]
        others = [name for name in listed(schedules_there) if meaning(tool, "Euler", name).unknown is not None]
        beside = [] if tool == COMFYUI or dialect_of(tool) != COMFYUI else listed(", ".join(OFFERED[COMFYUI]))
        unknown, others = ([name for name in words if name not in beside] for words in (unknown, others))
        if unknown or others:
            yield f"| {tool}{' (beside comfyui)' if beside else ''} | {', '.join(unknown)} | {', '.join(others)} |"


PARTS: Mapping[str, Callable[[], Iterator[str]]] = {
    "guidance": guidance,
    "samplers": samplers,
    "schedules": schedules,
    "refused": refused,
    "near": near,
}


def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(rf"(<!-- {name} -->\n)(.*?)(<!-- /{name} -->)", re.DOTALL)


def test_every_sampler_that_a_tool_offers_has_a_scheduler_or_is_refused_by_its_name():
    for tool, (samplers_there, _) in OFFERED.items():
        for name in listed(samplers_there):
            meant = meaning(tool, name)
            assert (meant.sampler in SAMPLERS) != (meant.unknown == name), (tool, name)


@pytest.mark.parametrize("name", PARTS)
def test_the_tables_of_the_page_are_those_of_the_code(name: str):
    found = _pattern(name).search(PAGE.read_text("utf-8"))
    assert found is not None and found[2] == "".join(f"{line}\n" for line in PARTS[name]())


if __name__ == "__main__":
    text = PAGE.read_text("utf-8")
    for part, lines in PARTS.items():
        made = "".join(f"{line}\n" for line in lines())
        text = _pattern(part).sub(lambda found, made=made: f"{found[1]}{made}{found[3]}", text)
    PAGE.write_text(text, "utf-8")
