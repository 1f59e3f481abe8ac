"""What is seen of a report in a browser: in two sizes of its window, light and dark, by mouse and by keyboard."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from tests.report.conftest import HOSTILE, Made, hostile, made, tower
from tests.report.test_report import PROFILE
from tests.zoo import FLOAT, node, onnx_file
from tools.browsing import Page
from tools.recorded import DIGITS

pytestmark = pytest.mark.browser

SECTIONS = [
    "Overview",
    "Graph",
    "Memory",
    "Timeline of the cores",
    "Layers",
    "Measured",
    "Comparison",
    "Weights",
    "Passes",
    "Model",
]
STATS = {"board": "qemu-riscv32", "cores": 2, "samples": 3, "instructions_per_inference": 100_000, "ram_bytes": 5_000}
#: Returns the text that is too faint.
FAINT = Path(__file__).with_name("faint.js").read_text(encoding="utf-8")
#: Whether the chosen node of the graph is in its window.
LEADS = """(() => {
  const [node, panel] = [".node.chosen", ".graph"].map((s) => document.querySelector(s).getBoundingClientRect());
  return node.top >= panel.top && node.bottom <= panel.bottom;
})()"""
WINDOWS = [(1400, 900), (420, 850)]


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Returns a report with every section: two cores, measured, compared with one core."""
    folder = tmp_path_factory.mktemp("digits")
    stats = folder / "stats.json"
    stats.write_text(json.dumps(STATS))
    one = made(folder, DIGITS, "--board", "qemu-riscv32", "--cores", "1")
    old = one.json.rename(folder / "old.json")
    log = folder / "device.log"
    log.write_text(PROFILE)
    return made(folder, DIGITS, "--stats", stats, "--against", old, "--profile", log)


def show(browser: Page, report: Made, size: tuple[int, int] = WINDOWS[0], scheme: str = "light") -> None:
    """Opens a report; what it complains of or fetches fails the test."""
    browser.size(*size)
    browser.colours(scheme)
    browser.open(report.page)
    assert browser.complaints == []
    assert browser.requests == [report.page.resolve().as_uri()]


def count(browser: Page, selector: str) -> int:
    return int(browser.run(f"document.querySelectorAll({json.dumps(selector)}).length"))


def text(browser: Page, selector: str) -> str:
    return str(browser.run(f"document.querySelector({json.dumps(selector)}).innerText"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", WINDOWS)
def test_everything_is_seen(browser: Page, digits: Made, size: tuple[int, int], scheme: str, tmp_path: Path) -> None:
    show(browser, digits, size, scheme)
    assert browser.run("[...document.querySelectorAll('main h2')].map(h => h.innerText)") == SECTIONS
    assert text(browser, "h1") == "digits.tflite"
    layers, graph = digits.data["layers"], digits.data["graph"]
    assert count(browser, ".graph .node") == len(graph["nodes"])
    assert count(browser, ".graph path.edge") == len(graph["edges"])
    assert count(browser, "#memory .block.item") == len(digits.data["memory"]["blocks"])
    assert count(browser, "#timeline .run") == len(digits.data["timeline"]["runs"])
    assert count(browser, "#layers tbody tr") == len(layers)
    arena = digits.data["totals"]["arena_bytes"]
    assert f"{arena:,} bytes" in text(browser, "#memory")
    assert "100,000" in text(browser, "#measured") and "5,000" in text(browser, "#measured")
    assert "the same model file" in text(browser, "#changes")
    assert digits.data["model"]["sha256"] in text(browser, "#model")
    # The page is no wider than its window; drawings and tables scroll by themselves.
    assert browser.run("document.documentElement.scrollWidth") <= size[0]
    dark = browser.run("getComputedStyle(document.body).backgroundColor")
    assert dark == ("rgb(14, 18, 23)" if scheme == "dark" else "rgb(255, 255, 255)")
    assert browser.run(FAINT) == []
    browser.run("ariel.choose(2)")
    assert browser.run(FAINT) == []
    picture = tmp_path / "seen.png"
    browser.picture(picture)
    assert picture.stat().st_size > 20_000


def test_boxes_of_drawings_lie_where_the_numbers_say(browser: Page, digits: Made) -> None:
    show(browser, digits)
    memory = digits.data["memory"]
    boxes = browser.run(
        "[...document.querySelectorAll('#memory .block.item')]"
        ".map(r => [r.x, r.y, r.width, r.height].map(v => v.baseVal.value))"
    )
    span = memory["last"] - memory["first"]
    per_tick = max(box[2] / (block[6] - block[5]) for box, block in zip(boxes, memory["blocks"], strict=True))
    per_byte = max(box[3] / block[4] for box, block in zip(boxes, memory["blocks"], strict=True) if block[4] > 500)
    assert per_byte * memory["arena_bytes"] == pytest.approx(300, rel=0.02)
    for (x, y, width, height), (*_, offset, size, start, end) in zip(boxes, memory["blocks"], strict=True):
        assert x - boxes[0][0] == pytest.approx((start - memory["blocks"][0][5]) * per_tick, abs=1)
        assert y + height == pytest.approx(314 - offset * per_byte, abs=2)
        assert height == pytest.approx(max(size * per_byte, 0.75), abs=1)
        assert width == pytest.approx((end - start) * per_tick, abs=1)
    assert per_tick * span < 1400
    idle = browser.run("(r => [r.left, r.right])(document.querySelector('#timeline .idle').getBoundingClientRect())")
    ends = browser.run("[...document.querySelectorAll('#timeline .run')].map(r => r.getBoundingClientRect().right)")
    assert idle[1] - 2 < max(ends) <= idle[1] + 0.5


def test_passes_tell_what_they_did(browser: Page, tmp_path: Path) -> None:
    nodes = [
        node("Reshape", ["x", "six"], ["a"], name="flat"),
        node("Reshape", ["a", "back"], ["b"], name="tall"),
        node("MatMul", ["b", "w"], ["y"]),
    ]
    ends = {"x": (FLOAT, [2, 3])}, {"y": (FLOAT, [3, 4])}
    constants = {"six": np.array([6]), "back": np.array([3, 2]), "w": np.ones((2, 4), np.float32)}
    report = made(tmp_path, onnx_file(tmp_path / "m.onnx", nodes, *ends, constants))
    show(browser, report)
    did = [entry for entry in report.data["passes"] if entry["rewrites"]]
    assert "merge_movement" in [entry["name"] for entry in did]
    for entry in did:
        found = f"[...document.querySelectorAll('#passes details')].find(d => d.innerText.includes('{entry['name']}'))"
        browser.run(f"{found}.querySelector('summary').click()")
        told = browser.run(f"{found}.innerText")
        assert all(rewrite["what"] in told for rewrite in entry["rewrites"])
        assert all(origin in told for rewrite in entry["rewrites"] for origin in rewrite["origins"])
    idle = [entry["name"] for entry in report.data["passes"] if not entry["rewrites"] and not entry["refusals"]]
    assert idle and all(name in text(browser, "#passes > p") for name in idle)


@pytest.mark.parametrize("size", WINDOWS)
def test_a_choice_is_seen_everywhere(browser: Page, digits: Made, size: tuple[int, int]) -> None:
    show(browser, digits, size)
    layers = digits.data["layers"]
    slowest = max(range(len(layers)), key=lambda k: layers[k]["share"])
    browser.click(f'#timeline .run[data-layer="{slowest}"]')
    name = layers[slowest]["name"]
    assert text(browser, "#details h2") == name
    assert layers[slowest]["kernel"] in text(browser, "#details")
    assert f"{layers[slowest]['instructions']:,}" in text(browser, "#details")
    assert browser.run("document.querySelector('.node.chosen text').textContent") == name
    assert text(browser, "#layers tr.chosen th") == name
    chosen = browser.run("[...document.querySelectorAll('#memory .chosen.item')].map(b => b.dataset.layer)")
    assert set(chosen) == {str(slowest)}
    # The graph has scrolled to it.
    assert browser.run(LEADS)
    browser.key("Escape")
    assert count(browser, ".chosen.item") == 0
    browser.click("#layers tbody tr:nth-child(2) .link")
    assert text(browser, "#details h2") == layers[1]["name"]


def test_the_mouse_is_told_what_is_under_it(browser: Page, digits: Made) -> None:
    show(browser, digits)
    assert browser.run("document.getElementById('tip').hidden")
    blocks = digits.data["memory"]["blocks"]
    largest = max(range(len(blocks)), key=lambda k: blocks[k][4] * (blocks[k][6] - blocks[k][5]))
    browser.point(f'#memory .block.item[data-index="{largest}"]')
    tip = text(browser, "#tip")
    assert f"at {blocks[largest][3]:,}" in tip
    assert f"to {blocks[largest][3] + blocks[largest][4]:,}" in tip
    browser.point("h1")
    assert browser.run("document.getElementById('tip').hidden")


def test_the_keyboard_reaches_everything(browser: Page, digits: Made) -> None:
    show(browser, digits)
    focus = "document.activeElement"
    browser.key("Tab")
    assert browser.run(f"{focus}.className") == "skip"
    # Each drawing is one stop; arrows move in it, Enter chooses, and what has the focus is told as by the mouse.
    for drawing, items in (("#graph svg", ".node"), ("#memory svg", ".block.item"), ("#timeline svg", ".run")):
        assert count(browser, f"{drawing} [tabindex='0']") == 1
        browser.run(f"document.querySelector(\"{drawing} [tabindex='0']\").focus()")
        browser.key("End")
        assert browser.run(f"{focus} === [...document.querySelectorAll('{drawing} {items}')].at(-1)")
        browser.key("Home")
        browser.key("ArrowRight", 2)
        assert browser.run(f"{focus} === document.querySelectorAll('{drawing} {items}')[2]")
        assert not browser.run("document.getElementById('tip').hidden")
        assert text(browser, "#tip") != ""
        assert browser.run(f"getComputedStyle({focus}.querySelector('rect') ?? {focus}).strokeWidth") == "2.5px"
    browser.key("Enter")
    assert text(browser, "#details h2") == digits.data["layers"][digits.data["timeline"]["runs"][2][3]]["name"]
    # From the first stop on, the tab key comes to all that can be used, and to its end.
    browser.run("document.querySelector('.skip').focus()")
    seen = []
    for _ in range(80):
        browser.key("Tab")
        seen.append(str(browser.run(f"{focus}.closest('section, nav, aside, header')?.id || {focus}.tagName")))
        if seen[-1] == "BODY":
            break
    order = [place for k, place in enumerate(seen) if k == 0 or seen[k - 1] != place]
    wanted = ["sections", "graph", "memory", "timeline", "layers", "changes", "weights"]
    assert [place for place in order if place in wanted] == wanted


def test_assistive_technology_has_names_for_all(browser: Page, digits: Made) -> None:
    show(browser, digits)
    assert browser.unnamed() == []
    assert browser.run("document.documentElement.lang") == "en"
    assert count(browser, "h1") == 1
    assert count(browser, "main") == 1
    assert browser.run("[...document.querySelectorAll('th')].every(h => h.scope)")


def test_the_table_sorts_and_filters(browser: Page, digits: Made) -> None:
    show(browser, digits)
    layers = digits.data["layers"]
    names = "[...document.querySelectorAll('#layers tbody tr:not([hidden]) th')].map(name => name.innerText)"
    assert browser.run(names) == [layer["name"] for layer in layers]
    measured = "[...document.querySelectorAll('#layers tbody tr td:nth-child(6)')].map(cell => cell.innerText)"
    assert browser.run(measured) == ["1,000", *["\u2013"] * (len(layers) - 1)]
    for column, key in ((8, "instructions"), (10, "weights_bytes")):
        browser.click(f"#layers thead th:nth-child({column}) button")
        down = sorted(range(len(layers)), key=lambda k: (-layers[k][key], k))
        assert browser.run(names) == [layers[k]["name"] for k in down]
        head = f"document.querySelector('#layers thead th:nth-child({column})').ariaSort"
        assert browser.run(head) == "descending"
        browser.click(f"#layers thead th:nth-child({column}) button")
        assert browser.run(head) == "ascending"
        up = sorted(range(len(layers)), key=lambda k: (layers[k][key], k))
        assert browser.run(names) == [layers[k]["name"] for k in up]
    assert count(browser, "#layers [aria-sort]") == 1
    browser.run("document.querySelector('#layers input').focus()")
    browser.type("conv2d CONV_2D")
    kept = [layer for layer in layers if "conv2d" in layer["name"] and "CONV_2D" in layer["origin"]]
    assert 0 < len(kept) < len(layers)
    assert sorted(browser.run(names)) == sorted(layer["name"] for layer in kept)
    assert text(browser, "#layers [role=status]") == f"{len(kept)} of {len(layers)} layers"
    assert f"{sum(layer['macs'] for layer in kept):,}" in text(browser, "#layers tfoot")
    browser.run("document.querySelector('#layers input').select()")
    browser.type("no such layer")
    assert browser.run(names) == []
    assert text(browser, "#layers [role=status]") == f"0 of {len(layers)} layers"


def test_the_switch_of_colours_has_the_last_word(browser: Page, digits: Made) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    show(browser, digits, scheme="light")
    browser.click("#theme label:nth-of-type(3)")
    assert browser.run(ground) == "rgb(14, 18, 23)"
    browser.colours("dark")
    browser.click("#theme label:nth-of-type(2)")
    assert browser.run(ground) == "rgb(255, 255, 255)"
    browser.click("#theme label:nth-of-type(1)")
    assert browser.run(ground) == "rgb(14, 18, 23)"


def test_drawings_zoom_and_follow_the_window(browser: Page, digits: Made) -> None:
    show(browser, digits)
    width = "Number(document.querySelector('#memory svg').getAttribute('width'))"
    before = browser.run(width)
    browser.run("document.querySelector('#memory input').focus()")
    browser.key("ArrowRight", 4)
    assert browser.run(width) == pytest.approx(2 * before, rel=0.01)
    assert browser.run("document.documentElement.scrollWidth") <= WINDOWS[0][0]
    timeline = "Number(document.querySelector('#timeline svg').getAttribute('width'))"
    wide = browser.run(timeline)
    browser.size(*WINDOWS[1])
    for _ in range(100):
        if browser.run(timeline) < wide / 2:
            return
        browser.run("new Promise(done => setTimeout(done, 50))")
    pytest.fail("the drawing is as wide as before")


def test_it_prints(browser: Page, digits: Made) -> None:
    show(browser, digits, scheme="dark")
    browser.colours("dark", "print")
    assert browser.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    for gone in (".tools", "nav", ".controls"):
        assert browser.run(f"getComputedStyle(document.querySelector('{gone}')).display") == "none"
    pdf = browser.print()
    pages = len(re.findall(rb"/Type\s*/Page\b", pdf))
    assert 2 <= pages <= 12
    browser.colours("light")


def test_a_strangers_words_are_shown_and_never_run(browser: Page, tmp_path: Path) -> None:
    report = made(tmp_path, hostile(tmp_path))
    show(browser, report)
    for index in range(len(report.data["layers"])):
        browser.run(f"ariel.choose({index})")
    browser.run("document.querySelectorAll('details').forEach(part => part.open = true)")
    browser.point("#graph .node")
    assert browser.run("window.hurt") is None
    assert count(browser, "body img") == 0
    assert count(browser, "script") == 2
    assert browser.run("document.title").startswith("a&b\"c'<b>{{report}}.onnx on ")
    assert text(browser, "h1") == "a&b\"c'<b>{{report}}.onnx"
    assert browser.run("document.querySelector('#graph .node').getAttribute('aria-label')").startswith(
        f"input {HOSTILE[0]}"
    )
    assert HOSTILE[1] in text(browser, "#model")
    assert browser.complaints == []


def test_even_what_gets_in_does_not_run(browser: Page, tmp_path: Path) -> None:
    """The page's own policy is a second wall: an element with a program in an attribute stays dumb."""
    report = made(tmp_path, DIGITS)
    page = report.page.read_text(encoding="utf-8")
    hurt = '<img src=x onerror="window.hurt=1"><script>window.hurt=2</script>'
    report.page.write_text(page.replace("<header", f"{hurt}<header", 1), encoding="utf-8")
    browser.size(*WINDOWS[0])
    browser.open(report.page)
    assert browser.run("window.hurt") is None
    assert any("Content Security Policy" in complaint for complaint in browser.complaints)


def test_a_thousand_layers_stay_usable(browser: Page, tmp_path: Path) -> None:
    report = made(tmp_path, tower(tmp_path / "tower.onnx", 1_000))
    show(browser, report)
    assert count(browser, "#layers tbody tr") == 1_000
    # A choice is seen at once, though the machine that tests may be slow.
    choose = "(() => { const t = performance.now(); ariel.choose(777); document.body.offsetTop; "
    took = browser.run(choose + "return performance.now() - t })()")
    assert took < 2_000
    assert browser.run(LEADS)
    browser.run("document.querySelector('#graph input[type=search]').focus()")
    browser.type("layer.499/dense")
    assert count(browser, ".node:not(.dim)") == 1
    assert browser.run("document.documentElement.scrollHeight") < 8_000


def test_long_reports_are_unpacked(browser: Page, tmp_path: Path) -> None:
    report = made(tmp_path, tower(tmp_path / "tower.onnx", 1_400))
    assert '<script type="application/json" id="report">{' not in report.page.read_text(encoding="utf-8")
    show(browser, report)
    assert count(browser, "#layers tbody tr") == 1_400
