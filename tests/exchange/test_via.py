"""`regen --via`: an import rendered in the tool that made it, and judged as any regeneration."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

import seedbank
from seedbank.api import Library
from seedbank.errors import BadInput, Blocked, RenderFailed
from seedbank.exchange.via import comfyui as api
from seedbank.exchange.via import http
from seedbank.records import Entry, NewEntry, Output, Payload, Regeneration
from tests.exchange.servers import Comfy, Web, picture, serving, speaking

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


@pytest.mark.parametrize(
    "place",
    ["comfyui", "invoke=http://127.0.0.1:1", "comfyui=ftp://host", "comfyui=file:///etc/passwd"]
    + [f"comfyui=http://{rest}" for rest in ("127.0.0.1:99999", "127.0.0.1:abc", "[::1", "127.0.0.1:1/pa th", "host/\x1b]0;x")],
)
def test_what_is_no_tool_and_url_is_bad_input(bank: Library, place: str):
    with pytest.raises(BadInput):
        list(bank.regenerating_via([1], place))


def test_no_server_says_nothing_of_the_entries(bank: Library, comfy: Comfy, web: Web):
    entry = of_comfyui(bank)
    with pytest.raises(Blocked, match="There is no server"):
        via(bank, entry, "comfyui=http://127.0.0.1:9")
    with pytest.raises(Blocked, match="no such API"):
        via(bank, entry, f"comfyui={web.url}")
    with pytest.raises(Blocked, match="no such API"):
        via(bank, entry, f"a1111={comfy.url}")
    assert bank.entry(entry.id).verdict is None


@pytest.mark.parametrize(
    ("altered", "verdict", "said"),
    [
        ({"outputs": None}, "failed", "saved no picture"),
        ({"outputs": ["9"]}, "failed", "saved no picture"),
        ({"outputs": {"9": {"images": 5}}}, "failed", "saved no picture"),
        ({"outputs": {"9": {"images": [{"filename": "../x"}]}}}, "failed", "does not give its picture"),
        ({"status": {"messages": 5}}, "blocked", "from its cache"),
        ({"status": {"messages": [["execution_error", {"exception_message": ["x"], "node_id": {}}]]}}, "failed", "a node (?)"),
    ],
)
def test_an_outcome_of_an_odd_shape_is_judged_for_what_it_lacks(
    bank: Library, comfy: Comfy, altered: dict[str, Any], verdict: str, said: str
):
    comfy.alters = altered
    comfy.says["/view"] = (404, b"")
    found = via(bank, of_comfyui(bank), f"comfyui={comfy.url}")
    assert (found.verdict, said in found.explanation["line"]) == (verdict, True), found.explanation


@pytest.mark.parametrize(
    ("path", "answer", "verdict", "said"),
    [
        ("/prompt", (429, {"error": "queue full"}), "failed", "cannot do it now (status 429)"),
        ("/prompt", (503, b"busy"), "failed", "cannot do it now (status 503: busy)"),
        ("/prompt", (413, b""), "blocked", "no request as large"),
        ("/prompt", (400, {"node_errors": {"3": {"errors": 5}}}), "blocked", "node 3"),
        ("/prompt", (400, "no"), "blocked", "refuses the graph: no."),
        ("/prompt", (200, {"prompt_id": "abc/../x?y"}), "blocked", "gives a prompt no id"),
        ("/history", (500, b"broken"), "failed", "cannot do it now (status 500: broken)"),
    ],
)
def test_a_refusal_is_told_from_a_server_that_cannot_now(
    bank: Library, comfy: Comfy, path: str, answer: tuple[int, Any], verdict: str, said: str
):
    comfy.says[path] = answer
    found = via(bank, of_comfyui(bank), f"comfyui={comfy.url}")
    assert (found.verdict, said in found.explanation["line"]) == (verdict, True), found.explanation


OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"nonsense\r\n\r\n", "broke off"),
        (OK + b"X-Long: " + b"a" * 70000 + b"\r\n\r\n", "broke off"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", "broke off"),
        (OK + b"Content-Length: 9\r\n\r\n{}", "broke off"),
        (b"", "broke off"),
        (OK + b"\r\n" + b"[" * 200_000, "does not answer with JSON"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n", "no such API (status 302)"),
        (b"HTTP/1.1 401 No\r\n\r\n", "wants a password"),
    ],
)
@pytest.mark.parametrize("tool", ["comfyui", "a1111"])
def test_a_server_that_speaks_nonsense_is_named(bank: Library, tool: str, answer: bytes, said: str):
    with speaking(answer) as url, pytest.raises((Blocked, RenderFailed), match=re.escape(said)):
        list(bank.regenerating_via([of_comfyui(bank).id], f"{tool}={url}"))


def test_a_server_that_trickles_is_left():
    with speaking(OK + b"\r\n" + b" " * 1000, pause=0.02) as url:
        began = time.monotonic()
        with pytest.raises(RenderFailed, match=r"did not answer within 0\.2 s"):
            http.Server(url).get("/system_stats", seconds=0.2)
    assert time.monotonic() - began < 5


def test_a_password_goes_along_and_is_never_shown(bank: Library, comfy: Comfy):
    found = via(bank, of_comfyui(bank), f"comfyui={comfy.url.replace('//', '//ann:s3cret%21@')}")
    assert comfy.authorization == f"Basic {base64.b64encode(b'ann:s3cret!').decode()}"
    assert found.verdict == "exact"
    assert "s3cret" not in repr(found)
    with pytest.raises(Blocked) as missing:
        via(bank, of_comfyui(bank), "comfyui=http://ann:s3cret@127.0.0.1:9")
    assert "s3cret" not in missing.value.message
    with pytest.raises(BadInput) as odd:
        via(bank, of_comfyui(bank), "comfyui=http://ann:s3cret@127.0.0.1:x")
    assert "s3cret" not in odd.value.message


def test_what_no_database_takes_is_replaced_in_what_a_server_says(bank: Library, comfy: Comfy):
    comfy.says["/system_stats"] = (
        200,
        b'{"system": {"os": "a\\u0000b\\ud800", "argv": [NaN]}, "devices": [{"name": "\xf0\x9f\x8e\xa8"}]}',
    )
    found = via(bank, of_comfyui(bank), f"comfyui={comfy.url}")
    environment = bank.store.environment(str(found.environment_digest))
    assert environment.parts["system"] == {"tool": "comfyui", "os": "a�b�", "argv": [None]}
    assert environment.parts["hardware"]["gpu"][0]["name"] == "🎨"


def test_odd_answers_of_a1111_are_no_pictures(bank: Library, web: Web, monkeypatch: pytest.MonkeyPatch):
    for images in (["é"], ["!"], 5, [None], []):
        monkeypatch.setattr(web, "post", lambda path, body, images=images: (200, {"images": images}))
        assert via(bank, of_a1111(bank), f"a1111={web.url}").verdict == "failed"
    monkeypatch.setattr(web, "post", lambda path, body: (500, {"error": "OutOfMemoryError", "errors": "CUDA out of memory"}))
    found = via(bank, of_a1111(bank), f"a1111={web.url}")
    assert (found.verdict, "failed: CUDA out of memory" in found.explanation["line"]) == ("failed", True)
    monkeypatch.setattr(web, "get", lambda path, query: (200, {"Packages": 5}))
    assert via(bank, of_a1111(bank), f"a1111={web.url}").verdict == "failed"
