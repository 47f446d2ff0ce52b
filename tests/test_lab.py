"""The learner's copy: made once, renewed on request, never overwritten; and JupyterLab on it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbformat import v4

from tools import lab

ROOT = Path(__file__).resolve().parent.parent


def write(path: Path, *sources: str) -> None:
    """Write a notebook with these cells."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(v4.new_notebook(cells=[v4.new_code_cell(source) for source in sources]), path)


def sources(path: Path) -> list[str]:
    """Return the sources of a notebook's cells."""
    return [cell.source for cell in nbformat.read(path, as_version=4).cells]


def edit(path: Path, *new: str) -> None:
    """Change a notebook as a reader does."""
    write(path, *sources(path), *new)


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """Return a folder with three lessons, one of them in notebooks/deeper."""
    write(tmp_path / "notebooks" / "00_start_here.ipynb", "print(0)")
    write(tmp_path / "notebooks" / "01_rnn.ipynb", "print(1)")
    write(tmp_path / "notebooks" / "deeper" / "02_more.ipynb", "print(2)")
    return tmp_path


NAMES = ["00_start_here.ipynb", "01_rnn.ipynb", "deeper/02_more.ipynb"]


def in_my(course: Path) -> list[str]:
    """Return the names of what lies in ``my/``."""
    files = [path for path in (course / "my").rglob("*") if path.is_file()]
    return sorted(path.relative_to(course / "my").as_posix() for path in files)


# --- Copying ------------------------------------------------------------------------------------


def test_lessons_are_copied_once(course: Path) -> None:
    assert lab.Copy(course).update() == [
        "The lessons are copied into my/: change there what you like."
    ]
    assert in_my(course) == [".lessons.json", *NAMES]
    for name in NAMES:
        assert (course / "my" / name).read_bytes() == (course / "notebooks" / name).read_bytes()
    edit(course / "my" / NAMES[1], "mine")
    assert lab.Copy(course).update() == []
    assert lab.Copy(course).update(refresh=True) == []
    assert sources(course / "my" / NAMES[1]) == ["print(1)", "mine"]


def test_sounds_that_lessons_link_come_along(course: Path) -> None:
    sound = course / "notebooks" / "sounds" / "02_a.wav"
    sound.parent.mkdir()
    for content in (b"old", b"new"):
        sound.write_bytes(content)
        lab.Copy(course).update()
        assert (course / "my" / "sounds" / "02_a.wav").read_bytes() == content


def test_new_lesson_is_added_and_a_deleted_one_returns_on_request(course: Path) -> None:
    lab.Copy(course).update()
    write(course / "notebooks" / "03_new.ipynb", "print(3)")
    (course / "my" / NAMES[0]).unlink()
    assert lab.Copy(course).update() == ["Copied into my/: 03_new.ipynb."]
    assert not (course / "my" / NAMES[0]).exists()
    assert lab.Copy(course).update(refresh=True) == [f"Copied into my/: {NAMES[0]}."]


def test_what_the_reader_left_alone_is_renewed_on_request(course: Path) -> None:
    lab.Copy(course).update()
    write(course / "notebooks" / NAMES[2], "print('newer')")
    said = [f"make lab REFRESH=1 fetches what is newer: {NAMES[2]}."]
    assert lab.Copy(course).update() == said
    assert sources(course / "my" / NAMES[2]) == ["print(2)"]
    assert lab.Copy(course).update(refresh=True) == [f"Copied into my/: {NAMES[2]}."]
    assert sources(course / "my" / NAMES[2]) == ["print('newer')"]
    assert lab.Copy(course).update() == []


def test_what_jupyterlab_changes_is_no_change_of_the_reader(course: Path) -> None:
    lab.Copy(course).update()
    mine = course / "my" / NAMES[1]
    notebook = nbformat.read(mine, as_version=4)
    notebook.metadata["kernelspec"] = {"display_name": "Python 3 (ipykernel)", "name": "python3"}
    notebook.metadata["language_info"] = {"name": "python", "version": "3.11.7"}
    notebook.cells[0].execution_count = 7
    notebook.cells[0].outputs = [v4.new_output("stream", text="1\n")]
    nbformat.write(notebook, mine)
    write(course / "notebooks" / NAMES[1], "print('newer')")
    lab.Copy(course).update(refresh=True)
    assert sources(mine) == ["print('newer')"]
    assert in_my(course) == [".lessons.json", *NAMES]


@pytest.mark.parametrize("new", [["print(5)"], ["print(1)", "more"], []])
def test_what_the_reader_changed_is_never_overwritten(course: Path, new: list[str]) -> None:
    lab.Copy(course).update()
    mine, beside = course / "my" / NAMES[1], course / "my" / "01_rnn.new.ipynb"
    write(mine, *new)
    write(course / "notebooks" / NAMES[1], "print('newer')")
    assert len(lab.Copy(course).update()) == 1
    assert not beside.exists()
    assert lab.Copy(course).update(refresh=True)[0] == (
        "my/01_rnn.ipynb has changes of yours and stays; see my/01_rnn.new.ipynb."
    )
    assert sources(mine) == new
    assert sources(beside) == ["print('newer')"]
    assert lab.Copy(course).update(refresh=True) == []  # said once
    # A still newer one takes the place of the one beside, unless that was changed as well.
    write(course / "notebooks" / NAMES[1], "print('newest')")
    lab.Copy(course).update(refresh=True)
    assert sources(beside) == ["print('newest')"]
    edit(beside, "mine too")
    write(course / "notebooks" / NAMES[1], "print('last')")
    assert lab.Copy(course).update(refresh=True) == [
        "my/01_rnn.new.ipynb has changes of yours too: rename it, then ask again."
    ]
    assert sources(beside) == ["print('newest')", "mine too"]
    assert sources(mine) == new


def test_newer_version_that_the_reader_took_over_counts_as_copied(course: Path) -> None:
    lab.Copy(course).update()
    mine = course / "my" / NAMES[1]
    edit(mine, "mine")
    edit(course / "notebooks" / NAMES[1], "mine")
    assert lab.Copy(course).update() == []
    write(course / "notebooks" / NAMES[1], "print('newer')")
    lab.Copy(course).update(refresh=True)
    assert sources(mine) == ["print('newer')"]


@pytest.mark.parametrize(
    "text", ["", "no JSON", "[]", "3", '{"01_rnn.ipynb": 3}', '{"01_rnn.ipynb": {"cells": 1}}']
)
def test_without_its_list_nothing_is_overwritten(course: Path, text: str) -> None:
    lab.Copy(course).update()
    edit(course / "my" / NAMES[1], "mine")
    (course / "my" / lab.MANIFEST).write_text(text)
    assert lab.Copy(course).update(refresh=True)[0].startswith("my/01_rnn.ipynb has changes")
    assert sources(course / "my" / NAMES[1]) == ["print(1)", "mine"]
    assert set(json.loads((course / "my" / lab.MANIFEST).read_text())) >= {NAMES[0], NAMES[2]}


@pytest.mark.parametrize("text", ["", "not a notebook", "[]", '{"cells": [3]}'])
def test_broken_notebook_of_the_reader_stays(course: Path, text: str) -> None:
    lab.Copy(course).update()
    (course / "my" / NAMES[1]).write_text(text)
    write(course / "notebooks" / NAMES[1], "print('newer')")
    lab.Copy(course).update(refresh=True)
    assert (course / "my" / NAMES[1]).read_text() == text
    assert sources(course / "my" / "01_rnn.new.ipynb") == ["print('newer')"]


def test_interrupted_copy_leaves_no_half_lesson(
    course: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", stop)
    with pytest.raises(KeyboardInterrupt):
        lab.Copy(course).update()
    assert in_my(course) == []
    monkeypatch.undo()
    lab.Copy(course).update()
    assert in_my(course) == [".lessons.json", *NAMES]


def test_git_ignores_the_copy() -> None:
    git = ["git", "-C", str(ROOT), "check-ignore", "-q", "--no-index", "my/00_start_here.ipynb"]
    assert "my/" in (ROOT / ".gitignore").read_text().splitlines()
    if (ROOT / ".git").exists():
        assert subprocess.run(git).returncode == 0


# --- The command --------------------------------------------------------------------------------


@pytest.fixture
def started(course: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Let nothing start, and note what would."""
    commands: list[list[str]] = []
    monkeypatch.setattr(lab, "ROOT", course)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(os, "execve", lambda file, words, environment: commands.append(words))
    return commands


def test_jupyterlab_opens_the_first_lesson(course: Path, started: list[list[str]]) -> None:
    lab.main(["--no-browser"])
    (words,) = started
    assert words[:3] == [sys.executable, "-m", "jupyterlab"]
    assert f"--ServerApp.root_dir={course}" in words
    assert "--LabApp.default_url=/lab/tree/my/00_start_here.ipynb" in words
    assert words[-1] == "--no-browser"
    assert not any("token" in word or "port" in word for word in words)


def test_refresh_is_not_passed_on(course: Path, started: list[list[str]]) -> None:
    lab.main([])
    write(course / "notebooks" / NAMES[1], "print('newer')")
    lab.main(["--refresh"])
    assert sources(course / "my" / NAMES[1]) == ["print('newer')"]
    assert "--refresh" not in started[1]


def test_root_is_told_what_to_do(
    course: Path,
    started: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert lab.main([]) == 2
    assert "say make lab ARGS=--allow-root" in capsys.readouterr().err
    assert (started, in_my(course)) == ([], [])
    lab.main(["--allow-root"])
    assert started[0][-1] == "--allow-root"


@pytest.mark.parametrize("form", [["--port={}"], ["--port", "{}"]])
def test_busy_port_is_one_sentence(
    started: list[list[str]], capsys: pytest.CaptureFixture[str], form: list[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert lab.main([word.format(port) for word in form]) == 2
        printed = capsys.readouterr().err
        assert re.fullmatch(rf"Port {port} is not free \(.*\): choose another\.\n", printed)
    lab.main([word.format(port) for word in form])
    assert {f"--ServerApp.port={port}", "--ServerApp.port_retries=0"} < set(started[0])


@pytest.mark.parametrize("port", ["0", "65536", "-1", "www", "8888.5"])
def test_number_of_the_port_is_checked(
    started: list[list[str]], capsys: pytest.CaptureFixture[str], port: str
) -> None:
    assert lab.main([f"--port={port}"]) == 2
    assert capsys.readouterr().err == (
        f"The port is {port!r}; expected a number from 1 to 65535.\n"
    )


def test_file_in_the_way_is_one_sentence(
    course: Path, started: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    (course / "my").touch()
    assert lab.main([]) == 2
    assert "There is a file named my" in capsys.readouterr().err


# --- JupyterLab itself --------------------------------------------------------------------------


@pytest.fixture
def server(course: Path, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start JupyterLab on a small copy of the course; yield the process and the address."""
    shutil.copytree(ROOT / "tools" / "jupyter", course / "tools" / "jupyter")
    shutil.copy(ROOT / "tools" / "lab.py", course / "tools")
    shutil.copy(ROOT / "README.md", course)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    words = [sys.executable, "tools/lab.py", "--no-browser", "--port", str(port)]
    words += ["--allow-root"] if os.geteuid() == 0 else []
    home = {**os.environ, "HOME": str(tmp_path / "home"), "JUPYTER_RUNTIME_DIR": str(tmp_path)}
    process = subprocess.Popen(
        words, cwd=course, env=home, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    printed = []
    for line in process.stdout:
        printed.append(line)
        if found := re.search(r"http://127\.0\.0\.1:\S+token=\S+", line):
            break
    assert found, "".join(printed)
    assert len(printed) < 15, "".join(printed)
    yield process, found.group()
    process.kill()
    process.wait()


def listening(address: str) -> bool:
    """Return whether a server answers, soon: it prints its address a moment before it listens."""
    for _ in range(50):
        with contextlib.suppress(ConnectionRefusedError):
            host, port = address.split("/")[2].split(":")
            socket.create_connection((host, int(port)), timeout=5).close()
            return True
        time.sleep(0.2)
    return False


def get(address: str) -> tuple[int, str]:
    """Return the status and the text of a page."""
    with urllib.request.urlopen(address, timeout=10) as page:
        return page.status, page.read().decode()


def test_printed_address_leads_to_the_first_lesson(
    course: Path, server: tuple[subprocess.Popen[str], str]
) -> None:
    process, address = server
    base, path, token = re.fullmatch(r"(http://[^/]+)(/\S*)\?token=(\w+)", address).groups()
    assert path == "/lab/tree/my/00_start_here.ipynb"
    assert listening(address)
    status, page = get(address)
    assert status == 200
    assert "@jupyter/nbgrader" in re.search(r'"disabledExtensions": \[(.*?)\]', page).group(1)
    # The root is the course's folder: the lessons' links to other folders hold.
    for file in ("README.md", "my/01_rnn.ipynb", "notebooks/01_rnn.ipynb"):
        status, found = get(f"{base}/api/contents/{file}?content=0&token={token}")
        assert json.loads(found)["path"] == file
    widgets = "lab/api/settings/@jupyter-widgets/jupyterlab-manager:plugin"
    _, settings = get(f"{base}/{widgets}?token={token}")
    assert json.loads(settings)["schema"]["properties"]["saveState"]["default"] is True
    # Nobody gets in without the token, and no command line shows it.
    with pytest.raises(urllib.error.HTTPError, match="403"):
        get(f"{base}/api/contents/README.md")
    if Path("/proc/self/cmdline").exists():
        assert token not in Path(f"/proc/{process.pid}/cmdline").read_text()
    # The first interrupt asks, the second ends it.
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
    process.wait(timeout=60)
    with pytest.raises(urllib.error.URLError):
        get(address)
