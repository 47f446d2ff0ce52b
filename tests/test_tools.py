"""The notebook tool: what makes outputs stale, what is stored, what a failure leaves; the setup
cell, wherever the notebook lies."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode, v4

from tools import notebooks as tool


def notebook_of(*sources: str) -> NotebookNode:
    """Return a notebook of a title and these code cells."""
    cells = [v4.new_markdown_cell("# Title"), *(v4.new_code_cell(source) for source in sources)]
    return v4.new_notebook(cells=cells)


@pytest.fixture
def utils(tmp_path: Path) -> Path:
    """Return a small ``utils`` folder: a ← b ← c, and d apart."""
    folder = tmp_path / "utils"
    folder.mkdir()
    (folder / "__init__.py").write_text('"""Package."""\n')
    (folder / "a.py").write_text("x = 1\n")
    (folder / "b.py").write_text("from utils import a\n\ny = a.x\n")
    (folder / "c.py").write_text('"""C."""\n\nfrom .b import y\n\n\ndef f():\n    return y\n')
    (folder / "d.py").write_text("z = 0\n")
    return folder


# --- What makes outputs stale -------------------------------------------------------------------


def test_code_hash_sees_code_and_its_order_and_nothing_else() -> None:
    first = tool.code_hash(notebook_of("a = 1", "b = 2"))
    assert first == tool.code_hash(notebook_of("a = 1", "b = 2"))
    assert first != tool.code_hash(notebook_of("b = 2", "a = 1"))
    assert first != tool.code_hash(notebook_of("a = 1\nb = 2"))
    assert first != tool.code_hash(notebook_of("a = 1b = ", "2"))
    prose = notebook_of("a = 1", "b = 2")
    prose.cells[0].source = "# Another title"
    prose.cells[1].outputs = [v4.new_output("stream", text="x")]
    assert first == tool.code_hash(prose)


def test_code_hash_passes_over_how_the_setup_cell_finds_the_course() -> None:
    empty, stamped, other = (notebook_of(tool.setup_source("", "main"), "a = 1") for _ in range(3))
    for notebook in (empty, stamped, other):
        notebook.cells[1].id = "setup"
    stamped.cells[1].source = tool.setup_source("https://github.com/a/b", "v1")
    assert stamped.cells[1].source != empty.cells[1].source
    assert tool.code_hash(stamped) == tool.code_hash(empty)
    other.cells[1].source = tool.SETUP_SOURCE.replace("seed=1", "seed=2")
    assert tool.code_hash(other) != tool.code_hash(empty)


@pytest.mark.parametrize(
    ("source", "files"),
    [
        ("import utils.a", ["__init__.py", "a.py"]),
        ("from utils import c", ["__init__.py", "a.py", "b.py", "c.py"]),
        ("from utils.b import y as w", ["__init__.py", "a.py", "b.py"]),
        ("def f():\n    from utils import d, a", ["__init__.py", "a.py", "d.py"]),
        ("%matplotlib inline\nimport utils.d as dd", ["__init__.py", "d.py"]),
        ("import numpy\nfrom myutils import a", []),
    ],
)
def test_utils_hash_follows_imports(utils: Path, source: str, files: list[str]) -> None:
    assert sorted(tool.utils_hash(notebook_of(source), utils)) == files


def test_utils_hash_sees_code_and_not_comments(utils: Path) -> None:
    notebook = notebook_of("from utils import c")
    before = tool.utils_hash(notebook, utils)
    text = (utils / "c.py").read_text()
    commented = text.replace('"""C."""', '"""C,\n\nexplained."""').replace("y\n", "y  # why\n")
    (utils / "c.py").write_text("# New.\n" + commented)
    assert tool.utils_hash(notebook, utils) == before
    (utils / "a.py").write_text("x = '# 2'\n")
    now = tool.utils_hash(notebook, utils)
    assert {name for name in now if now[name] != before[name]} == {"a.py"}
    (utils / "a.py").write_text("x = '# 3'\n")
    assert tool.utils_hash(notebook, utils)["a.py"] != now["a.py"]
    (utils / "c.py").write_text(text.replace("    return", "        return"))
    assert tool.utils_hash(notebook, utils)["c.py"] != now["c.py"]


def test_needs_run_says_why(utils: Path) -> None:
    notebook = notebook_of("from utils import c")
    assert tool.needs_run(notebook, utils) == "it has no stored outputs"
    notebook.metadata["course"] = {
        "code_sha256": tool.code_hash(notebook),
        "profile": "full",
        "utils_sha256": tool.utils_hash(notebook, utils),
    }
    assert tool.needs_run(notebook, utils) == "it has no stored outputs"
    notebook.cells[1].execution_count = 1
    assert tool.needs_run(notebook, utils) is None
    (utils / "d.py").write_text("z = 1\n")
    assert tool.needs_run(notebook, utils) is None
    (utils / "a.py").write_text("x = 2\n")
    assert tool.needs_run(notebook, utils) == "it imports what changed in utils: a.py"
    notebook.cells[1].source += "\n"
    assert tool.needs_run(notebook, utils) == "its code changed"
    notebook.metadata["course"]["profile"] = "quick"
    assert tool.needs_run(notebook, utils) == "its outputs are of the quick profile"


def test_every_utils_file_is_readable() -> None:
    for path in tool.UTILS.glob("*.py"):
        assert tool.meaning(path.read_text(encoding="utf-8")) or path.name == "__init__.py"


# --- Running and storing ------------------------------------------------------------------------

CELLS = (
    "import os, sys\n_ = sys.stderr.write('careful')\nprint(os.environ['COURSE_PROFILE'], 'ran')",
    "import matplotlib.pyplot as plt\n_ = plt.plot([0, 1])",
    "import ipywidgets\nipywidgets.IntSlider()",
    "print(os.path.basename(os.getcwd()), os.environ.get('COURSE_PROGRESS'))\n6 * 7",
    "_ = ipywidgets.interact(lambda x: print(x), x=ipywidgets.IntSlider(7))",
)


def test_run_stores_outputs_without_traces(tmp_path: Path) -> None:
    path = tmp_path / "01_tiny.ipynb"
    notebook = notebook_of(*CELLS)
    notebook.cells[2].metadata["alt"] = "A line."
    notebook.metadata["language_info"] = {"name": "python", "version": "3.11.7"}
    notebook.cells[1].metadata["execution"] = {"iopub.status.busy": "2020-01-01T00:00:00Z"}
    nbformat.write(notebook, path)
    assert tool.run(path, timeout=60) > 0

    stored = tool.read(path)
    first, picture, widget, last, interactive = tool.code_cells(stored)
    assert [cell.execution_count for cell in tool.code_cells(stored)] == [1, 2, 3, 4, 5]
    # What a cell writes to stderr must be stored, or no test could refuse it.
    assert {output.name: output.text for output in first.outputs} == {
        "stdout": "full ran\n",
        "stderr": "careful",
    }
    assert picture.outputs[0].metadata["image/png"]["alt"] == "A line."
    assert widget.outputs[0].data == {"text/plain": tool.WIDGET_TEXT}
    assert [output.data for output in interactive.outputs] == [{"text/plain": tool.WIDGET_TEXT}]
    assert last.outputs[0].text == f"{tmp_path.name} off\n"
    assert last.outputs[1].data == {"text/plain": "42"}
    assert "execution" not in first.metadata
    assert "widgets" not in stored.metadata
    assert "version" not in stored.metadata.language_info
    assert stored.metadata.kernelspec.name == "python3"
    assert stored.metadata.course == {
        "code_sha256": tool.code_hash(notebook),
        "profile": "full",
        "utils_sha256": {},
    }
    assert tool.needs_run(stored) is None
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_failing_cell_leaves_the_file_and_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "01_tiny.ipynb"
    nbformat.write(notebook_of("print(1)", "assert 1 == 2, 'one is not two'"), path)
    before = path.read_bytes()
    monkeypatch.setattr(tool, "find", lambda names: [path])
    assert tool.main([]) == 1
    printed = capsys.readouterr()
    assert "01_tiny: failed, the file is as it was" in printed.err
    assert "AssertionError: one is not two" in printed.err
    assert len(printed.err.splitlines()) < 15
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_notebook_edited_while_it_runs_is_left_as_edited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "01_tiny.ipynb"
    nbformat.write(notebook_of("print(1)"), path)
    edited = notebook_of("print(2)")
    monkeypatch.setattr(tool, "execute", lambda *arguments: nbformat.write(edited, path))
    with pytest.raises(ValueError, match="was edited while it ran"):
        tool.run(path)
    assert tool.read(path).cells[1].source == "print(2)"


def test_interrupted_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "01_tiny.ipynb"
    nbformat.write(notebook_of("print(1)"), path)
    before = path.read_bytes()

    def stop(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", stop)
    with pytest.raises(KeyboardInterrupt):
        tool.write(notebook_of("print(2)"), path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_check_runs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "01_tiny.ipynb"
    nbformat.write(notebook_of("print(1)"), path)
    monkeypatch.setattr(tool, "find", lambda names: [path])
    monkeypatch.setattr(tool, "run", lambda *arguments: pytest.fail("it ran"))
    assert tool.main(["--check"]) == 1
    assert capsys.readouterr().out == "01_tiny needs to run: it has no stored outputs\n"


def test_up_to_date_notebook_is_run_only_on_demand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "01_tiny.ipynb"
    nbformat.write(notebook_of("print(1)"), path)
    ran: list[str] = []
    monkeypatch.setattr(tool, "find", lambda names: [path])
    monkeypatch.setattr(tool, "needs_run", lambda notebook: None)
    monkeypatch.setattr(tool, "run", lambda path, timeout: ran.append(path.stem) or 0.0)
    assert tool.main([]) == 0
    assert ran == []
    assert tool.main(["--all"]) == 0
    assert tool.main(["01"]) == 0
    assert ran == ["01_tiny", "01_tiny"]


def test_broken_file_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "01_tiny.ipynb"
    path.write_text("not JSON")
    with pytest.raises(ValueError, match=r"01_tiny\.ipynb is not a valid notebook"):
        tool.read(path)


def test_find(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, ten = tmp_path / "01_rnn.ipynb", tmp_path / "10_gan.ipynb"
    one.touch()
    ten.touch()
    assert tool.find([], tmp_path) == [one, ten]
    assert tool.find(["10", "notebooks/01_rnn.ipynb", "01"], tmp_path) == [ten, one]
    with pytest.raises(FileNotFoundError, match=r"'1'; there are: 01_rnn, 10_gan\.$"):
        tool.find(["1"], tmp_path)
    assert tool.main(["no_such_notebook"]) == 2
    assert "No notebook is named 'no_such_notebook'" in capsys.readouterr().err


# --- The setup cell -----------------------------------------------------------------------------


def test_sync_setup(tmp_path: Path) -> None:
    path = tmp_path / "01_tiny.ipynb"
    notebook = notebook_of("old", "print(1)")
    nbformat.write(notebook, path)
    with pytest.raises(ValueError, match="no code cell with the id 'setup'"):
        tool.sync_setup(path)
    notebook.cells[1].id = "setup"
    nbformat.write(notebook, path)
    assert tool.sync_setup(path)
    assert tool.read(path).cells[1].source == tool.SETUP_SOURCE
    assert not tool.sync_setup(path)


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """Return a folder with a ``utils`` that only says where it lies."""
    folder = tmp_path / "origin"
    (folder / "utils").mkdir(parents=True)
    (folder / "utils" / "__init__.py").touch()
    (folder / "utils" / "runtime.py").write_text(
        "from pathlib import Path\n\n\n"
        "def setup(seed):\n    print(seed, Path(__file__).parent.parent.name)\n"
    )
    return folder


def setup_in(folder: Path, source: str = tool.SETUP_SOURCE) -> subprocess.CompletedProcess[str]:
    """Run the setup cell twice in ``folder``."""
    return subprocess.run(
        [sys.executable, "-c", f"for _ in range(2):\n    exec({source!r})\n"],
        cwd=folder,
        capture_output=True,
        text=True,
        env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
    )


def zipped(course: Path, folder: Path) -> Path:
    """Put a course.zip of ``course`` into ``folder``, as `make colab` packs it."""
    path = folder / "course.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in (course / "utils").glob("*.py"):
            archive.write(file, f"course/{file.relative_to(course)}")
    return path


def test_setup_cell_is_short() -> None:
    lines = tool.SETUP_TEMPLATE.splitlines()
    assert len([line for line in lines if line.strip()]) <= 8
    assert max(map(len, lines)) <= 100


@pytest.mark.parametrize("folder", [".", "notebooks", "assignments/source/one"])
def test_setup_finds_the_checkout_around_it(course: Path, folder: str) -> None:
    (course / folder).mkdir(parents=True, exist_ok=True)
    assert setup_in(course / folder).stdout == "1 origin\n1 origin\n"


def test_setup_unpacks_an_uploaded_course(course: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    upload = zipped(course, alone)
    done = setup_in(alone, tool.setup_source("", "main"))
    assert done.stdout == "1 course\n1 course\n", done.stderr
    # The second time, nothing is needed any more.
    upload.unlink()
    assert setup_in(alone, tool.setup_source("", "main")).stdout == "1 course\n1 course\n"


@pytest.fixture
def repository(course: Path) -> str:
    """Return the address of the course, with a tag v1 and a later version that fails."""
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.org", "-C", str(course)]
    for arguments in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "Start"]):
        subprocess.run([*git, *arguments], check=True)
    subprocess.run([*git, "tag", "v1"], check=True)
    (course / "utils" / "runtime.py").write_text("raise ValueError('a later version')\n")
    subprocess.run([*git, "commit", "-q", "-a", "-m", "Later"], check=True)
    return course.as_uri()


def test_setup_clones_the_published_version(repository: str, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    done = setup_in(alone, tool.setup_source(repository, "v1"))
    assert done.stdout == "1 course\n1 course\n", done.stderr
    depth = ["git", "-C", str(alone / "course"), "rev-list", "--count", "HEAD"]
    assert subprocess.run(depth, capture_output=True, text=True).stdout == "1\n"


@pytest.mark.parametrize("address", ["", "file:///no/such/place"])
def test_setup_alone_says_what_to_do_and_then_works(
    course: Path, tmp_path: Path, address: str
) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    done = setup_in(alone, tool.setup_source(address, "main"))
    assert done.stderr.splitlines()[-1] == (
        "FileNotFoundError: Upload course.zip beside this notebook, then run this cell again."
    )
    assert "fatal" not in done.stderr
    assert list(alone.iterdir()) == []
    zipped(course, alone)
    assert setup_in(alone, tool.setup_source(address, "main")).stdout == "1 course\n1 course\n"
