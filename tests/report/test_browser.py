"""The report in a real browser, from disk: nothing overflows, nothing is blocked, nothing is loaded."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright
from report_audits import Item, build, face, found
from test_html import everything

from privacy_audit.report import html, samples
from privacy_audit.taxonomy import CODES
from privacy_audit.types import Failure

pytestmark = pytest.mark.browser

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
INSTALL = "these tests need Chromium on the PATH, for example: apt-get install chromium"
PAGES = ("everything", "internal", "empty", "many", "hostile")
MARKS = "\u202e\u2067\u200f"
HOSTILE = f"<script>alert(1)</script><img src=x onerror=alert(2)>{MARKS}" + "x" * 10_000
BLOCKED = "window.blocked = []; addEventListener('securitypolicyviolation', e => blocked.push(e.violatedDirective))"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    executable = shutil.which("chromium")
    if executable is None:
        pytest.fail(INSTALL)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reports")
    whole, before = everything(folder / "1"), build(folder / "0", [Item("a", [face()])])
    many = [Item(f"{number}", [found(code) for code in list(CODES)[:20]]) for number in range(5000)]
    hostile = [
        Item(f"{HOSTILE}{number}", [found(f"x.{HOSTILE}")], [Failure(HOSTILE, "error", HOSTILE)], format=HOSTILE)
        for number in range(12)
    ]
    place = {"cell": "-7,110"}
    audits = {
        "everything": whole,
        "internal": whole,
        "empty": build(folder / "2"),
        "many": build(
            folder / "3", [*many, *(Item(f"g{n}", [found("gps.precise", attributes=place)]) for n in range(40))]
        ),
        "hostile": build(folder / "4", hostile, source_name=HOSTILE, declared={"name": HOSTILE, "sources": HOSTILE}),
        "plain": build(folder / "5", [Item("a", [face()]), Item("b")], source_name="x" * 10_000),
    }
    for name, audit in audits.items():
        single = samples.worst(audit) if name == "internal" else None
        for language in ("en", "id"):
            view = html.View("internal" if single else "public", language, before if name != "plain" else None, single)
            html.write(audit, folder / f"{name}.{language}.html", view)
    return folder


@pytest.mark.parametrize("language", ["en", "id"])
@pytest.mark.parametrize("name", PAGES)
def test_opens_from_disk(browser: Browser, reports: Path, name: str, language: str) -> None:
    """At every width, light and dark: nothing overflows, nothing is blocked, nothing is loaded, axe finds nothing."""
    context = browser.new_context(bypass_csp=False)
    page = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.add_init_script(BLOCKED)
    address = (reports / f"{name}.{language}.html").as_uri()
    page.goto(address)
    assert page.evaluate("blocked") == []
    assert page.evaluate("getComputedStyle(document.body).margin") == "0px"  # the style sheet was let through
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    for width in (375, 768, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth"), width
    assert said == []
    assert asked == [address]
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing(browser: Browser, reports: Path, name: str, scheme: str) -> None:
    script = Path(str(files("axe_playwright_python") / "axe.min.js")).read_text("utf-8")
    context = browser.new_context(viewport={"width": 375, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto((reports / f"{name}.{'id' if scheme == 'dark' else 'en'}.html").as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    page.evaluate(script)
    found = page.evaluate("rules => axe.run(document, {resultTypes: ['violations'], runOnly: rules})", RULES)
    assert [(hit["id"], [node["html"][:200] for node in hit["nodes"]][:3]) for hit in found["violations"]] == []
    context.close()


def test_an_injected_script_would_be_blocked(browser: Browser, reports: Path, tmp_path: Path) -> None:
    page = browser.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    source = (reports / "plain.en.html").read_text(encoding="utf-8")
    hurt = tmp_path / "hurt.html"
    hurt.write_text(source.replace("</main>", "<script>document.title = 'owned'</script></main>"), encoding="utf-8")
    page.goto(hurt.as_uri())
    assert page.title() != "owned"
    assert "Content Security Policy" in " ".join(said)
    page.close()


def test_wide_tables_scroll_by_keyboard(browser: Browser, reports: Path) -> None:
    page = browser.new_page(viewport={"width": 375, "height": 900})
    page.goto((reports / "everything.en.html").as_uri())
    table = page.locator(".scroll", has=page.locator(".kinds"))
    table.focus()
    page.keyboard.press("ArrowRight")
    deadline = time.monotonic() + 10
    while not page.evaluate("document.activeElement.scrollLeft"):  # scrolling is smooth, so it takes a while
        assert time.monotonic() < deadline, "the table did not scroll"
        page.wait_for_timeout(20)
    page.close()


def test_every_patterned_bar_finds_its_pattern(browser: Browser, reports: Path) -> None:
    page = browser.new_page()
    page.goto((reports / "internal.en.html").as_uri())
    fills = page.evaluate("[...document.querySelectorAll('svg.bar rect')].map(each => getComputedStyle(each).fill)")
    assert any(fill.startswith("url(") for fill in fills)
    missing = page.evaluate(
        """[...document.querySelectorAll('rect')].map(each => getComputedStyle(each).fill)
           .map(fill => /#([\\w-]+)/.exec(fill)).filter(Boolean).filter(hit => !document.getElementById(hit[1]))"""
    )
    assert missing == []
    page.close()


def test_print_shows_what_is_folded(browser: Browser, reports: Path) -> None:
    page = browser.new_page(viewport={"width": 794, "height": 1100})
    page.goto((reports / "plain.en.html").as_uri())
    folded = page.locator("details .scroll").first
    assert not folded.is_visible()
    page.emulate_media(media="print")
    assert folded.is_visible()
    assert not page.locator("nav").is_visible()
    assert page.pdf().startswith(b"%PDF")
    page.close()
