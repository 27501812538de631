"""`regen --via`: an import rendered in the tool that made it, and judged as any regeneration."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

import seedbank
from seedbank.api import Library
from seedbank.errors import BadInput, Blocked
from seedbank.exchange.via import comfyui as api
from seedbank.records import Entry, NewEntry, Output, Payload, Regeneration
from tests.exchange.servers import Comfy, Web, picture, serving

SEED = 2**53 + 7
GRAPH = {
    "3": {"class_type": "KSampler", "inputs": {"seed": SEED, "steps": 4, "model": ["4", 0], "denoise": float("nan")}},
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "dream.safetensors"}},
    "9": {"class_type": "SaveImage", "inputs": {"images": ["3", 0]}, "_meta": {"title": "保存"}},
}
TEXT = "a cat, 水彩\nNegative prompt: blurry\nSteps: 4, Sampler: Euler a, CFG scale: 7, Seed: 99, Size: 16x16, Model: dream"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "POLL", 0.01)


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    with seedbank.open(tmp_path_factory.mktemp("via") / "art.db", create=True) as opened:
        yield opened


@pytest.fixture
def comfy() -> Iterator[Comfy]:
    with serving(Comfy()) as server:
        yield server


@pytest.fixture
def web() -> Iterator[Web]:
    with serving(Web()) as server:
        yield server


def imported(bank: Library, seed: int, payload: Payload, *, lossy: bool = False) -> Entry:
    """An entry as an import makes it of a file with this payload, whose picture a server draws for `seed`."""
    kept, blob = bank.put_image(picture(seed))
    output = Output(flags={"lossy": True} if lossy else {})
    details = {"tool": "comfyui", "place": payload.place}
    return bank.store.add_entry(
        NewEntry(origin="imported", picture=kept, blob=blob, payloads=(payload,), output=output, details=details)
    )


def of_comfyui(bank: Library, seed: int = SEED, **more: Any) -> Entry:
    text = json.dumps(GRAPH)
    return imported(bank, seed, Payload("png:prompt", text, text.encode()), **more)


def of_a1111(bank: Library, seed: int = 99) -> Entry:
    return imported(bank, seed, Payload("png:parameters", TEXT, TEXT.encode()))


def via(bank: Library, entry: Entry, place: str) -> Regeneration:
    (outcome,) = bank.regenerating_via([entry.id], place)
    return outcome.regeneration


def test_the_graph_goes_to_comfyui_as_it_was_stored_and_the_same_pixels_are_exact(bank: Library, comfy: Comfy):
    entry = of_comfyui(bank)
    found = via(bank, entry, f"comfyui={comfy.url}/")
    assert (found.verdict, found.experiment) == ("exact", False)
    posted = next(body for path, body in comfy.asked if path == "/prompt")
    assert json.dumps(posted["prompt"]) == json.dumps(GRAPH)
    assert bank.entry(entry.id).verdict == "exact"


def test_what_the_server_says_of_itself_is_the_environment(bank: Library, comfy: Comfy):
    found = via(bank, of_comfyui(bank), f"comfyui={comfy.url}")
    environment = bank.store.environment(str(found.environment_digest))
    assert environment.parts["system"]["comfyui_version"] == "0.9.2"
    assert environment.version("torch") == "2.11.0+cu130"
    assert environment.parts["hardware"]["gpu"][0]["name"] == "cuda:0 NVIDIA H100"
    again = via(bank, of_comfyui(bank), f"comfyui={comfy.url}")
    assert again.environment_digest == found.environment_digest  # how much memory is free does not count


def test_a_graph_that_was_run_before_is_executed_again(bank: Library, comfy: Comfy):
    entry = of_comfyui(bank)
    via(bank, entry, f"comfyui={comfy.url}")
    comfy.shift = 1
    assert via(bank, entry, f"comfyui={comfy.url}").verdict == "close"


def test_an_answer_from_the_cache_is_never_judged(bank: Library, comfy: Comfy):
    comfy.forgets = False
    comfy.cache.add(json.dumps(GRAPH))
    found = via(bank, of_comfyui(bank), f"comfyui={comfy.url}")
    assert found.verdict == "blocked"
    assert "from its cache" in found.explanation["line"]


def test_other_pixels_are_kept_and_judged(bank: Library, comfy: Comfy):
    found = via(bank, of_comfyui(bank, seed=1234), f"comfyui={comfy.url}")
    assert found.verdict == "different"
    assert found.picture is not None
    assert found.drift["max"] > 100
    assert "what ComfyUI renders today" in found.explanation["line"]


def test_a_server_that_disagrees_with_itself_is_unstable(bank: Library, comfy: Comfy):
    comfy.drifting = True
    assert via(bank, of_comfyui(bank), f"comfyui={comfy.url}").verdict == "unstable"


def test_of_a_lossy_original_exact_cannot_be_judged(bank: Library, comfy: Comfy):
    comfy.shift = 3
    found = via(bank, of_comfyui(bank, lossy=True), f"comfyui={comfy.url}")
    assert found.verdict == "close"
    assert "lossy" in found.explanation["line"]


def test_what_the_server_lacks_is_named(bank: Library, comfy: Comfy):
    comfy.missing = "dream.safetensors"
    found = via(bank, of_comfyui(bank), f"comfyui={comfy.url}")
    assert found.verdict == "blocked"
    assert "CheckpointLoaderSimple 4" in found.explanation["line"]
    assert "dream.safetensors" in found.explanation["line"]


def test_a_graph_that_breaks_there_has_failed(bank: Library, comfy: Comfy):
    comfy.error = "CUDA out of memory"
    found = via(bank, of_comfyui(bank), f"comfyui={comfy.url}")
    assert found.verdict == "failed"
    assert "KSampler (3): CUDA out of memory" in found.explanation["line"]


def test_parameters_go_to_a1111_word_for_word(bank: Library, web: Web):
    found = via(bank, of_a1111(bank), f"a1111={web.url}")
    assert found.verdict == "exact"
    posted = next(body for path, body in web.asked if path == "/sdapi/v1/txt2img")
    assert posted["infotext"] == TEXT
    environment = bank.store.environment(str(found.environment_digest))
    assert environment.parts["system"]["version"] == "v1.10.1"
    assert environment.parts["system"]["options"]["sd_model_checkpoint"] == "dream.safetensors [6ce0161689]"
    assert environment.version("torch") == "2.1.2"


def test_an_a1111_that_passes_over_the_text_is_told_from_one_that_reads_it(bank: Library, web: Web):
    web.reads_text = False
    found = via(bank, of_a1111(bank), f"forge={web.url}")
    assert found.verdict == "blocked"
    assert "does not take parameters as text" in found.explanation["line"]


def test_an_entry_of_another_tool_is_blocked(bank: Library, comfy: Comfy, web: Web):
    assert via(bank, of_a1111(bank), f"comfyui={comfy.url}").verdict == "blocked"
    assert via(bank, of_comfyui(bank), f"a1111={web.url}").verdict == "blocked"


@pytest.mark.parametrize("place", ["comfyui", "invoke=http://127.0.0.1:1", "comfyui=ftp://host", "comfyui=file:///etc/passwd"])
def test_what_is_no_tool_and_url_is_bad_input(bank: Library, place: str):
    with pytest.raises(BadInput):
        list(bank.regenerating_via([1], place))


def test_no_server_says_nothing_of_the_entries(bank: Library, comfy: Comfy, web: Web):
    entry = of_comfyui(bank)
    with pytest.raises(Blocked, match="There is no server"):
        via(bank, entry, "comfyui=http://127.0.0.1:9")
    with pytest.raises(Blocked, match="no /system_stats"):
        via(bank, entry, f"comfyui={web.url}")
    with pytest.raises(Blocked, match="no such API"):
        via(bank, entry, f"a1111={comfy.url}")
    assert bank.entry(entry.id).verdict is None
