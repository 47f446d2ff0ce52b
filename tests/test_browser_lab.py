"""JupyterLab in a real browser: lessons run from top to bottom, widgets move, solutions unfold."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tools import browser as chromium

playwright = pytest.importorskip(
    "playwright.sync_api", reason="requirements-browser.txt is not installed"
)

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

ROOT = Path(__file__).resolve().parent.parent
LESSONS = ("00_start_here", "01_rnn_from_scratch", "03_lstm_and_gru")
MINUTES = 10  # that a lesson may take under the quick profile, on a busy machine
SHOWN = ".jp-NotebookPanel:not(.lm-mod-hidden)"  # lessons that were opened before are tabs
RED = "[data-mime-type='application/vnd.jupyter.error'], [data-mime-type*='stderr']"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start `make lab`'s JupyterLab on a copy of some lessons; yield its address with the token."""
    course = tmp_path_factory.mktemp("lab") / "course"
    (course / "notebooks").mkdir(parents=True)
    for name in LESSONS:
        shutil.copy(ROOT / "notebooks" / f"{name}.ipynb", course / "notebooks")
    for name in ("utils", "data", "benchmarks"):
        (course / name).symlink_to(ROOT / name)
    (course / "tools").mkdir()
    shutil.copytree(ROOT / "tools" / "jupyter", course / "tools" / "jupyter")
    shutil.copy(ROOT / "tools" / "lab.py", course / "tools")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    words = [sys.executable, "tools/lab.py", "--no-browser", "--port", str(port)]
    words += ["--allow-root"] if os.geteuid() == 0 else []
    home = os.environ | {"HOME": str(course.parent), "COURSE_PROFILE": "quick"}
    home.pop("COURSE_CHECKS", None)  # as a reader has it
    process = subprocess.Popen(
        words, cwd=course, env=home, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    printed, found = [], None
    for line in process.stdout:
        printed.append(line)
        if found := re.search(r"http://127\.0\.0\.1:\S+token=\S+", line):
            break
    assert found, "".join(printed)
    yield found.group()
    process.kill()
    process.wait()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Start Chromium."""
    subprocess.run([sys.executable, str(ROOT / "tools" / "browser.py")], check=True)
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=chromium.find(), args=["--no-sandbox"])
        yield found
        found.close()


def opened(browser: Any, address: str, lesson: str) -> Any:
    """Open a lesson in JupyterLab and wait for its kernel."""
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.set_default_timeout(120_000)
    # A workspace of its own: no tab of another test is open in it.
    alone = address.replace("/lab/tree", f"/lab/workspaces/{secrets.token_hex(4)}/tree")
    for _ in range(60):
        try:
            page.goto(alone.replace("00_start_here", lesson))
            break
        except playwright.Error:  # it prints its address a moment before it listens
            time.sleep(0.5)
    page.wait_for_selector(f"{SHOWN} .jp-Notebook .jp-Cell")
    page.wait_for_selector(f"{SHOWN} [data-status='idle']", state="attached")
    return page


def run_all(page: Any) -> None:
    """Choose Run → Run All Cells, and wait until the kernel has done them all."""
    for _ in range(5):  # the menu may be there before the kernel is
        page.locator(f"{SHOWN} .jp-Notebook .jp-Cell:visible").first.click()
        page.click(".lm-MenuBar-itemLabel:text-is('Run')")
        page.click(".lm-Menu-item[data-command='runmenu:run-all']")
        try:
            page.wait_for_selector(
                f"{SHOWN} [data-status='busy']", state="attached", timeout=10_000
            )
            break
        except playwright.TimeoutError:
            continue
    until = time.monotonic() + 60 * MINUTES
    idle = 0
    while idle < 3:  # idle once is also between two cells
        assert time.monotonic() < until, "the lesson did not end"
        page.wait_for_timeout(2000)
        idle = idle + 1 if page.locator(f"{SHOWN} [data-status='idle']").count() else 0


def stored(browser_page: Any, lesson: str, address: str) -> nbformat.NotebookNode:
    """Save the notebook and return it as the server has it."""
    browser_page.keyboard.press("Control+s")
    browser_page.wait_for_timeout(3000)
    token = re.search(r"token=(\w+)", address).group(1)
    base = address.split("/lab")[0]
    answer = browser_page.request.get(f"{base}/api/contents/my/{lesson}.ipynb?token={token}")
    return nbformat.from_dict(answer.json()["content"])


@pytest.mark.parametrize("lesson", LESSONS)
def test_lesson_runs_from_top_to_bottom(browser: Any, address: str, lesson: str) -> None:
    page = opened(browser, address, lesson)
    run_all(page)
    assert page.locator(RED).count() == 0
    notebook = stored(page, lesson, address)
    code = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
    assert all(cell.execution_count for cell in code)
    outputs = [output for cell in code for output in cell.outputs]
    assert not [o for o in outputs if o.output_type == "error" or o.get("name") == "stderr"]
    assert not [o for o in outputs if "Progress" in str(o.get("data", {}).get("text/plain", ""))]
    page.close()


def test_the_slider_moves_the_picture(browser: Any, address: str) -> None:
    page = opened(browser, address, LESSONS[0])
    run_all(page)
    slider = page.locator(f"{SHOWN} .jp-OutputArea .noUi-handle").first
    slider.scroll_into_view_if_needed()
    image = page.locator(".jp-OutputArea-output:has(.widget-interact), .widget-interact").first
    before = image.locator("img").first.get_attribute("src")
    slider.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "([frame, old]) => frame.querySelector('img') && frame.querySelector('img').src !== old",
        arg=[image.element_handle(), before],
    )
    page.close()


def test_what_is_folded_unfolds(browser: Any, address: str) -> None:
    """The set-up cell stands for the solutions, which are folded in the same way."""
    page = opened(browser, address, LESSONS[1])
    bar = page.locator(f"{SHOWN} .jp-CodeCell .jp-InputPlaceholder:visible").first
    cell = bar.evaluate_handle("bar => bar.closest('.jp-CodeCell')")
    shown = "cell => !!cell.querySelector('.cm-content')?.checkVisibility()"
    assert not cell.evaluate(shown)
    bar.locator(".jp-Placeholder-content").click()
    page.wait_for_function(shown, arg=cell)
    page.close()
