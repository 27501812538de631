"""The page of pictures: whole in one file, harmless whatever a prompt says, and usable in a real browser."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from seedbank.api import Library
from seedbank.errors import BadInput
from seedbank.frozen import replace
from seedbank.pages import grid
from seedbank.recipe import Recipe
from seedbank.records import Model, NewEntry, NewRegeneration
from tests.pictured import MODELS, InProcess, add, drawing, recipe

NASTY = (
    "</script><script>document.title='bad'</script><img src=x onerror=document.title='bad'> "
    '<!-- ]]> \u2028 & "quoted" ${x} $policy'
)


@pytest.fixture(scope="module")
def bank(empty: Library) -> Library:
    """Eight entries: 3 has a nasty prompt, 5 is a favourite, 8 has no picture here."""
    bank = empty
    for number in range(1, 8):
        if number == 3:
            values = recipe(number) | {"conditioning": {"prompt": NASTY}}
            bank.add(drawing(number), values, model=MODELS[1], tags=["<b>tag</b>"])
        else:
            add(bank, number, ["poster"])
    bank.store.add_entry(NewEntry(recipe=Recipe.from_dict(recipe(8))))
    bank.favourite(5)
    bank.note(3, NASTY)
    bank.store.add_regeneration(NewRegeneration(3, "different"))
    bank.store.add_regeneration(NewRegeneration(4, "exact"))
    return bank


@pytest.fixture(scope="module")
def page(bank: Library, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "page.html"
    bank.option = "--bank 'my art.db'"
    path.write_text(bank.page(bank.find(), title=f"tag:poster {NASTY}"), "utf-8")
    return path


def data_of(html: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    parsed: dict[str, Any] = json.loads(found[1])
    return parsed


def test_nothing_in_a_prompt_can_become_markup(page: Path):
    html = page.read_text("utf-8")
    assert "<img src=x" not in html
    assert html.count("<script") == html.count("</script>") == 2
    assert data_of(html)["entries"][5]["prompt"] == NASTY


def test_the_page_asks_for_nothing(page: Path):
    html = page.read_text("utf-8")
    assert "default-src 'none'" in html
    addresses = re.findall(r"https?://[^\s\"'<>\\]+", html)
    assert addresses == []
    previews = [entry.get("preview") for entry in data_of(html)["entries"]]
    assert previews[0] is None
    assert all(preview.startswith("data:image/webp;base64,") for preview in previews[1:])


def test_what_copying_gives_is_what_seedbank_copy_prints(bank: Library, page: Path):
    entry = data_of(page.read_text("utf-8"))["entries"][-1]
    assert entry["parameters"] == bank.recipe_text(bank.entry(1))
    assert (entry["id"], entry["seed"], entry["size"]) == (1, "7001", "64x64")


def test_the_page_names_samplers_and_adapters(bank: Library):
    adapters = [{"kind": "lora", "digest": MODELS[0].digest, "weight": 0.8}, {"kind": "vae", "digest": "e" * 64}]
    made = Recipe.from_dict(recipe(1) | {"adapters": adapters})
    entry = replace(bank.entry(1), recipe=made, details={"sampler": "Euler a", "schedule": "Karras"})
    (card,) = data_of(bank.page([entry]))["entries"]
    assert (card["sampler"], card["adapters"]) == ("Euler a · Karras", ["z-image-turbo × 0.8", "vae eeeeeeeeeeee"])


@pytest.mark.parametrize("adapter", [{"kind": "lora"}, {"digest": ["x"]}, {"kind": "lora", "digest": "zz"}, {}])
def test_adapters_that_a_recipe_of_elsewhere_says_oddly_cost_no_page(bank: Library, adapter: dict[str, Any]):
    made = replace(Recipe.from_dict(recipe(1)), adapters=(adapter,))
    (card,) = data_of(bank.page([replace(bank.entry(1), recipe=made)]))["entries"]
    assert len(card["adapters"]) == 1 and made.prompt in card["parameters"]


def test_previews_are_made_once(bank: Library, monkeypatch: pytest.MonkeyPatch):
    first = bank.page(bank.find("id:1"))
    monkeypatch.setattr(Library, "image_bytes", lambda *_: pytest.fail("decoded again"))
    assert data_of(bank.page(bank.find("id:1"))) == data_of(first)


def test_a_page_has_an_end(bank: Library):
    with pytest.raises(BadInput, match="1000 entries; these are 1001"):
        bank.page([bank.entry(1)] * 1001)


def test_open_writes_the_page_of_a_query_or_of_ids(bank: Library, tmp_path: Path):
    seedbank = InProcess(Path(bank.place))
    target = tmp_path / "page.html"
    for words, ids in ((("tag:poster", "-id:5"), [7, 6, 4, 2, 1]), (("3,1",), [3, 1])):
        assert seedbank("open", *words, "--output", str(target), "--print").out == f"{target}\n"
        assert [entry["id"] for entry in data_of(target.read_text("utf-8"))["entries"]] == ids
    shown = seedbank("open", "--print").out.strip()
    assert len(data_of(Path(shown).read_text("utf-8"))["entries"]) == 8
    option = data_of(Path(shown).read_text("utf-8"))["bank"]
    assert option.startswith("--bank /"), "what the page gives to paste back means this bank, in whatever folder"
    (picture,) = seedbank("open", "1", "--viewer", "--print").lines
    assert Path(picture).suffix == ".png"
    assert "cannot be written" in seedbank("open", "1", "--output", str(tmp_path / "no" / "page.html"), ok=[2]).err


# -- in a browser -----------------------------------------------------------------------------------------------------


class Opened:
    """The page in the browser, and everything that it said or asked for."""

    def __init__(self, browser: Any, page: Path, **options: Any) -> None:
        self.context = browser.new_context(**options)
        self.tab = self.context.new_page()
        self.said: list[str] = []
        self.asked: list[str] = []
        self.tab.on("console", lambda message: self.said.append(message.text))
        self.tab.on("pageerror", lambda error: self.said.append(str(error)))
        self.tab.on("request", lambda request: self.asked.append(request.url))
        self.tab.goto(page.as_uri())

    def text(self, selector: str) -> str:
        return str(self.tab.locator(selector).first.inner_text())

    def visible(self) -> list[int]:
        return [int(card.get_attribute("data-id")) for card in self.tab.locator(".card:visible").all()]


@pytest.fixture
def opened(browser: Any, page: Path) -> Iterator[Opened]:
    found = Opened(browser, page, locale="en-US", color_scheme="light")
    yield found
    found.context.close()


def test_the_page_shows_everything_and_a_script_in_a_prompt_stays_text(opened: Opened):
    assert opened.visible() == [8, 7, 6, 5, 4, 3, 2, 1]
    assert opened.tab.title() == f"tag:poster {NASTY}".replace("\u2028", "\u2028")
    opened.tab.locator("[data-id='3']").click()
    assert opened.text("#prompt").startswith("</script><script>document.title='bad'</script><img src=x")
    assert opened.text("#verdict") == "different"
    assert opened.said == []
    assert [address for address in opened.asked if not address.startswith(("file:", "data:"))] == []


def test_arrows_choose_enter_opens_and_f_lists_favourites_to_paste_back(opened: Opened):
    press = opened.tab.keyboard.press
    for key in ("ArrowRight", "ArrowRight", "f", "ArrowRight", "Enter"):
        press(key)
    assert opened.text("#number") == "6"
    press("f")
    press("ArrowRight")
    assert opened.text("#number") == "5"
    press("f")  # which is a favourite already
    press("Escape")
    assert opened.text("#command").splitlines() == [
        "seedbank --bank 'my art.db' fav 6 7",
        "seedbank --bank 'my art.db' fav --off 5",
    ]
    opened.tab.reload()
    assert opened.text("#command").splitlines()[0] == "seedbank --bank 'my art.db' fav 6 7"


def test_the_list_of_favourites_covers_nothing_at_the_end_of_the_page(opened: Opened):
    for key in ("ArrowRight", "f"):
        opened.tab.keyboard.press(key)
    opened.tab.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    last, tray = (opened.tab.locator(of).bounding_box() for of in ("#keys", "#tray"))
    assert last["y"] + last["height"] <= tray["y"]


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with a very tall picture, a very long prompt, one from right to left, and a model with a long path."""
    folder = tmp_path_factory.mktemp("odd")
    patch = pytest.MonkeyPatch()
    patch.setenv("SEEDBANK_CACHE", str(folder / "cache"))
    with Library.open(folder / "art.db", create=True, user="ann") as bank:
        model = Model("c" * 64, "/models/checkpoints/" + "very-long-" * 10 + "name")
        for number, prompt in enumerate(("a lighthouse " * 200, "منارة على جرف صخري"), 1):
            values = recipe(number) | {"model": model.digest, "conditioning": {"prompt": prompt}}
            values["noise"] = {"kind": "torch-cpu", "seed": str(2**63 + number)}
            bank.add(drawing(number).resize((64, 640) if number == 1 else (64, 64)), values, model=model)
        (folder / "page.html").write_text(bank.page(bank.find()), "utf-8")
    patch.undo()
    return folder / "page.html"


@pytest.mark.parametrize("width", [390, 1600])
def test_tall_pictures_long_words_and_other_directions_keep_the_page_in_shape(browser: Any, odd: Path, width: int):
    found = Opened(browser, odd, locale="en-US", viewport={"width": width, "height": 844})
    tab = found.tab
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    frames = tab.evaluate("[...document.querySelectorAll('.frame')].map((it) => it.offsetHeight - it.offsetWidth)")
    assert all(abs(apart) <= 1 for apart in frames)
    small = tab.locator("[data-id='2'] .small span")
    assert small.nth(0).inner_text() == f"2 · {2**63 + 2}" and small.nth(1).inner_text().startswith("very-long-")
    if width == 1600:
        assert small.nth(0).evaluate("(it) => it.scrollWidth <= it.clientWidth"), "the model gives way to the seed"
    assert tab.locator("[data-id='2'] .line").evaluate("(it) => getComputedStyle(it).direction") == "rtl"
    tab.locator("[data-id='1']").click()
    tab.locator("#copies button").first.scroll_into_view_if_needed()
    assert tab.locator("#prompt").evaluate("(it) => it.scrollHeight > it.clientHeight && it.clientHeight < 300")
    tab.keyboard.press("Escape")
    tab.fill("#search", "nothing like that")
    assert tab.locator("#nothing").bounding_box()["y"] < 400
    assert found.said == []
    found.context.close()


def test_the_search_box_narrows_the_page(opened: Opened):
    opened.tab.keyboard.press("/")
    opened.tab.keyboard.type("小木屋 -seed:7001")
    assert opened.visible() == [5]
    assert opened.text("#count") == "1 of 8 entries"
    for words, ids in (
        ("tag:poster -seed:7002..7005", [7, 6, 1]),
        ("TAG:post* fav:yes", [5]),
        ("id:..2,7 steps:8", [7, 2, 1]),
        ("model:z-image-turbo verdict:exact", [4]),
        ("verdict:none -fav:no", [5]),
        ('"red circle" size:64x64 by:ann', [8, 4]),
        ("rating:none seed:=7004 cfg:7..8", [4]),
        ("note:script", [3]),
        ("cfg:7.50 id:4", [4]),
        ("circle lighthouse OR 晨", [5, 1]),
        ("alert:1", []),
        ('-"red circle" -tag:poster', [3]),
        ("(", [8, 7, 6, 5, 4, 3, 2, 1]),
    ):
        opened.tab.fill("#search", words)
        assert opened.visible() == ids, words
    opened.tab.keyboard.press("Escape")
    assert len(opened.visible()) == 8
    assert opened.said == []


def test_it_is_light_or_dark_english_or_chinese_as_the_reader_is_and_as_chosen(browser: Any, page: Path):
    found = Opened(browser, page, locale="zh-CN", color_scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    assert found.text("#count") == "8 条"
    assert found.tab.evaluate("document.documentElement.lang") == "zh-CN"
    dark = found.tab.evaluate(ground)
    found.tab.locator("#theme").click()
    found.tab.locator("#language").click()
    assert found.text("#count") == "8 entries"
    assert found.tab.evaluate(ground) != dark
    found.tab.reload()
    assert found.text("#count") == "8 entries"
    found.context.close()


def test_copying_puts_the_parameters_on_the_clipboard(browser: Any, bank: Library, page: Path):
    found = Opened(browser, page, permissions=["clipboard-read", "clipboard-write"])
    found.tab.locator("[data-id='1']").click()
    found.tab.locator("#copies button").first.click()
    found.tab.wait_for_selector("#said.shown")
    assert found.tab.evaluate("navigator.clipboard.readText()") == bank.recipe_text(bank.entry(1))
    found.context.close()


# -- a sweep ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def swept(bank: Library, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prompts across, seeds down, steps as a third axis: entries 1 to 7, one cell that failed and four that are not there."""
    axes = [("prompt", ["oil", NASTY, "水彩"]), ("seed", ["5", "6"]), ("steps", ["4", "8"])]
    cells: dict[int, int | str] = {position: position + 1 for position in range(7)} | {7: NASTY}
    path = tmp_path_factory.mktemp("swept") / "page.html"
    path.write_text(grid(bank, bank.store.entries(range(1, 8)), axes, cells, bank.recipe_text, "a lighthouse"), "utf-8")
    return path


def test_a_sweep_is_a_table_whose_axes_can_be_chosen(browser: Any, swept: Path):
    opened = Opened(browser, swept, locale="en-US", color_scheme="dark", viewport={"width": 1200, "height": 900})
    tab = opened.tab
    assert tab.locator("thead th").all_inner_texts() == ["seed\xa0↓  prompt\xa0→", "oil", NASTY, "水彩"]
    assert tab.locator("tbody th").all_inner_texts() == ["5", "6"]
    assert opened.visible() == [1, 2, 3, 4, 5, 6]
    for key in ("ArrowRight", "ArrowDown", "Enter"):
        tab.keyboard.press(key)
        tab.wait_for_timeout(250)  # a card that is chosen rises: the next row is still the next row
    assert (opened.text("#number"), opened.text("#copies button")) == ("4", "Copy parameters")
    tab.keyboard.press("Escape")
    tab.locator("#axes select").nth(2).select_option("1")
    assert opened.visible() == [7]
    assert opened.text("td.failed").startswith("failed")
    tab.locator("#axes select").nth(0).select_option("2")
    assert tab.locator("thead th").all_inner_texts() == ["seed\xa0↓  steps\xa0→", "4", "8"]
    assert opened.visible() == [1, 7, 4]
    tab.fill("#search", "seed:7004")
    assert opened.visible() == [4]
    tab.click("#language")
    assert tab.locator("thead th").first.inner_text() == "种子\xa0↓  步数\xa0→"
    assert tab.locator("#axes label").all_inner_texts()[2].startswith("提示词")
    assert opened.visible() == [4]
    assert tab.title() == "a lighthouse" and opened.said == []
    opened.context.close()


def test_the_page_of_a_sweep_has_an_end(bank: Library):
    with pytest.raises(BadInput, match="A page holds 1,000 pictures; the grid has 1,001"):
        grid(bank, [bank.entry(1)] * 1001, [("seed", ["1"])], {}, bank.recipe_text)
