"""The site in a real browser: `make test-browser`."""

from __future__ import annotations

import functools
import http.server
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from tools import browser as chromium
from tools import site

playwright = pytest.importorskip(
    "playwright.sync_api", reason="requirements-browser.txt is not installed"
)

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

BASE = "/any/base"  # the site must work below any path
SHOTS = site.ROOT / "dist" / "screenshots"
WIDTHS = (1280, 390)
NAMES = sorted(
    path.relative_to(site.ROOT).with_suffix(".html").as_posix()
    for path in site.ROOT.glob("notebooks/**/[0-9]*.ipynb")
)
OTHERS = ["index.html", "glossary.html", "references.html", "own_data.html", "running.html"]
OTHERS += ["commands.html", "api.html", "data/README.html", "assignments/README.html"]
# What a visitor may look for, and a page that has to be among the first five.
QUERIES = {
    "vanishing gradient": "03_lstm_and_gru",
    "teacher forcing": "05_sequence_to_sequence",
    "mask": "06_speech",
    "optimal discriminator": "07_gan_theory",
    "batch normalisation": "08_dcgan",
    "spectral normalisation": "09_",
    "preconditioner": "11_lstm_gan_stocks",
    "chance bound": "12_judging_synthetic_series",
    "heartbeats": "13_conditional_heartbeats",
    "from_pretrained": "api",
}
# The markup that MathJax should have typeset, in text that is neither code nor typeset.
RAW = r"""() => {
  const walker = document.createTreeWalker(document.querySelector("article"), NodeFilter.SHOW_TEXT);
  const found = [];
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (node.parentElement.closest("pre, code, script, style, mjx-container, table.dataframe"))
      continue;
    if (/\\\(|\\\[|\$[^\s$][^$]*\$/.test(node.data)) found.push(node.data.trim().slice(0, 80));
  }
  return found;
}"""
SCROLLING = """() => [...document.querySelectorAll("div.cell_input pre")]
  .filter(pre => pre.scrollWidth > pre.clientWidth + 1).map(pre => pre.innerText.slice(0, 60))"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A server of files that prints nothing and knows one base path."""

    def log_message(self, *_: Any) -> None:
        """Print nothing."""

    def translate_path(self, path: str) -> str:
        """Return the file of an address below the base path."""
        return super().translate_path(path.removeprefix(BASE))


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site."""
    folder = tmp_path_factory.mktemp("site")
    site.write_sources(site.ROOT, folder / "source")
    site.build(folder / "source", folder / "site", "")
    return folder / "site"


@pytest.fixture(scope="session")
def address(built: Path) -> Iterator[str]:
    """Serve the site below a base path; return the address of its root."""
    handler = functools.partial(Quiet, directory=str(built))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}{BASE}/"
        server.shutdown()


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Start Chromium."""
    subprocess.run([sys.executable, str(site.ROOT / "tools" / "browser.py")], check=True)
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=chromium.find(), args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    """Return a page that records what it asks for and what goes wrong."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    found = context.new_page()
    found.set_default_timeout(60_000)
    found.asked, found.errors = [], []
    found.on("request", lambda request: found.asked.append(request.url))
    found.on("pageerror", lambda error: found.errors.append(str(error)))
    found.on("requestfailed", lambda request: found.errors.append(f"failed: {request.url}"))
    yield found
    context.close()


def opened(page: Any, url: str) -> Any:
    """Open an address and wait until its equations are typeset."""
    answer = page.goto(url, wait_until="load")
    assert answer is None or answer.ok
    page.evaluate("() => window.MathJax && MathJax.startup && MathJax.startup.promise")
    return page


# --- Pages --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES + OTHERS)
def test_page_is_clean_at_two_widths(page: Any, address: str, name: str) -> None:
    """No error, no other host, no raw formula; it fits; code needs no scrolling at 1280."""
    opened(page, address + name)
    assert page.errors == []
    outside = [url for url in page.asked if not url.startswith((address, "data:", "blob:"))]
    assert outside == []
    assert page.evaluate(RAW) == []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(300)  # side bars slide away
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        if width == WIDTHS[0]:
            assert page.evaluate(SCROLLING) == []
        target = SHOTS / str(width) / f"{name.replace('/', '_').removesuffix('.html')}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=target, full_page=True)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", [NAMES[0], NAMES[3], *OTHERS])
def test_axe_finds_nothing_serious(page: Any, address: str, name: str, theme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page.emulate_media(color_scheme=theme)
    opened(page, address + name)
    found = axe.Axe().run(page).response["violations"]
    serious = [v for v in found if v["impact"] in ("serious", "critical")]
    assert [(v["id"], v["nodes"][0]["html"][:120]) for v in serious] == []


def test_pages_work_as_files(page: Any, built: Path) -> None:
    opened(page, (built / NAMES[3]).as_uri())
    assert page.errors == []
    assert page.locator("mjx-container").count() > 10
    assert {urlsplit(url).scheme for url in page.asked} <= {"file", "data", "blob"}


def test_keyboard_opens_what_is_folded(page: Any, address: str) -> None:
    opened(page, address + NAMES[3])
    for fold in ("article details:has(> summary:text('Answer'))", "details.hide"):
        first = page.locator(fold).first
        assert first.get_attribute("open") is None
        first.locator("summary").focus()
        page.keyboard.press("Enter")
        assert first.get_attribute("open") is not None


@pytest.mark.parametrize("query", QUERIES)
def test_search_finds(page: Any, address: str, query: str) -> None:
    opened(page, f"{address}search.html?q={query.replace(' ', '+')}")
    page.wait_for_selector("#search-results li a", state="attached")
    page.wait_for_timeout(1500)  # results come one after the other
    found = page.eval_on_selector_all("#search-results li a", "all => all.map(a => a.href)")
    assert any(QUERIES[query] in link for link in found[:5]), found[:5]


def test_sounds_play(page: Any, address: str) -> None:
    """A sound that a lesson links is there, and the browser can decode it."""
    opened(page, address + "notebooks/06_speech.html")
    link = page.locator("audio[src^='sounds/']").first.get_attribute("src")
    assert page.locator(f"a[href='{link}']").count() == 1
    seconds = page.evaluate(
        """link => new Promise((done, fail) => { const sound = new Audio(link);
        sound.onloadedmetadata = () => done(sound.duration); sound.onerror = fail; })""",
        link,
    )
    assert seconds > 0.1


# --- Links --------------------------------------------------------------------------------------


class Links(HTMLParser):
    """Collect a page's links and anchors."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take what a tag has."""
        for key, value in attrs:
            if key in ("href", "src") and value:
                self.links.append(value)
            elif key in ("id", "name") and value:
                self.anchors.add(value)


def read(path: Path) -> Links:
    """Return a page's links and anchors."""
    parser = Links()
    parser.feed(re.sub(r"<script.*?</script>", "", path.read_text(encoding="utf-8"), flags=re.S))
    return parser


def test_every_link_inside_the_site_leads_somewhere(built: Path) -> None:
    static = built / "_static"  # the theme's templates are no pages
    pages = {path: read(path) for path in built.rglob("*.html") if static not in path.parents}
    wrong = []
    for path, found in pages.items():
        for link in found.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc or path.name == "404.html":
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            known = pages.get(target)
            there = target.exists() and (
                not parts.fragment or known is None or unquote(parts.fragment) in known.anchors
            )
            if not there:
                wrong.append((path.relative_to(built).as_posix(), link))
    assert wrong == []


def test_no_page_is_left_over(built: Path) -> None:
    """Every page can be reached from the first one."""
    seen, left = set(), [built / "index.html"]
    while left:
        path = left.pop()
        if path in seen or path.suffix != ".html" or not path.exists():
            continue
        seen.add(path)
        for link in read(path).links:
            parts = urlsplit(link)
            if not parts.scheme and not parts.netloc and parts.path:
                left.append((path.parent / unquote(parts.path)).resolve())
    alone = {path for path in built.rglob("*.html") if path not in seen}
    alone -= set((built / "_static").rglob("*.html"))  # the theme's templates
    assert {path.name for path in alone} <= {"404.html", "search.html", "genindex.html"}


def teardown_module() -> None:
    """Leave no folder of screenshots that holds nothing."""
    if SHOTS.exists() and not any(SHOTS.rglob("*.png")):
        shutil.rmtree(SHOTS)
