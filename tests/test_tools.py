"""The notebook tool: what makes outputs stale, what is stored, what a failure leaves; the setup
cell, wherever the notebook lies."""

from __future__ import annotations

import base64
import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
from nbformat import NotebookNode, v4
from PIL import Image

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
    assert first == tool.code_hash(notebook_of("a  =  1  # why", "b = 2\n"))
    assert first != tool.code_hash(notebook_of("a = 1\nb", "2"))
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
    ("changed", "same"),
    [
        ("n = runtime.budget(full=9, quick=1)  # steps", True),
        ("n = runtime.budget(\n    full=9,\n    quick=3,\n)", True),
        ("n = runtime.budget(9, 3)", True),
        ("n = 9", True),
        ("n = runtime.budget(full=8, quick=1)", False),
        ("n = 1", False),
        ("n = other(full=9, quick=3)", False),
        ("m = runtime.budget(full=9, quick=1)", False),
    ],
)
def test_code_hash_is_of_what_the_full_profile_reads(changed: str, same: bool) -> None:
    before = tool.code_hash(notebook_of("n = runtime.budget(full=9, quick=1)"))
    assert (tool.code_hash(notebook_of(changed)) == before) is same


def test_magics_do_not_hide_imports(utils: Path) -> None:
    notebook = notebook_of("%matplotlib inline\nfrom utils import c", "c.f()")
    assert list(tool.utils_hash(notebook, utils)) == ["utils.a.x", "utils.b.y", "utils.c.f"]


def test_needs_run_says_why(utils: Path) -> None:
    notebook = notebook_of("from utils import c\nc.f()")
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
    (utils / "b.py").write_text("from utils import a\n\nunused = 1\ny = a.x  # why\n")
    assert tool.needs_run(notebook, utils) is None
    (utils / "a.py").write_text("x = 2\n")
    assert tool.needs_run(notebook, utils) == "utils.a.x changed"
    (utils / "b.py").write_text(
        "".join(f"x{i} = {i}\n" for i in range(9)) + "y = " + "+".join(f"x{i}" for i in range(9))
    )
    assert tool.needs_run(notebook, utils) == (
        "utils.a.x, utils.b.x0, utils.b.x1, utils.b.x2 and 7 more changed"
    )
    notebook.cells[1].source += "\n1"
    assert tool.needs_run(notebook, utils) == "its code changed"
    notebook.metadata["course"]["profile"] = "quick"
    assert tool.needs_run(notebook, utils) == "its outputs are of the quick profile"


# --- What a change marks ------------------------------------------------------------------------


@pytest.fixture
def lessons(utils: Path) -> list[Path]:
    """Return two lessons beside the small ``utils``, committed with it."""
    root = utils.parent
    (root / "notebooks").mkdir()
    paths = [root / "notebooks" / "01_one.ipynb", root / "notebooks" / "02_two.ipynb"]
    nbformat.write(notebook_of("from utils.c import f"), paths[0])
    nbformat.write(notebook_of("from utils.a import x"), paths[1])
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.org", "-C", str(root)]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "Start"]):
        subprocess.run([*git, *arguments], check=True)
    return paths


def test_marks(utils: Path, lessons: list[Path]) -> None:
    (utils / "a.py").write_text("x = 1\nw = 2\n")
    assert tool.marks(lessons, utils) == [
        ("utils/__init__.py", [], 0),
        ("utils/a.py", ["01_one", "02_two"], 2),
        ("utils/b.py", ["01_one"], 1),
        ("utils/c.py", ["01_one"], 1),
        ("utils/d.py", [], 0),
    ]


def test_marks_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert tool.main(["--marks", "00"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["file", "lessons", "most", "by", "one", "definition", "which"]
    assert [line.split()[1:] for line in lines if line.startswith("utils/runtime.py")] == [
        ["1", "1", "00"]
    ]


def test_changed(utils: Path, lessons: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    root = utils.parent
    assert tool.changed("HEAD", lessons, root) == []
    (utils / "d.py").write_text("z = 1\n")
    stored = tool.read(lessons[1])
    stored.cells[1].outputs = [v4.new_output("stream", text="x")]
    nbformat.write(stored, lessons[1])
    assert tool.changed("HEAD", lessons, root) == []
    (utils / "b.py").write_text("y = 3\n")
    assert tool.changed("HEAD", lessons, root) == ["01_one"]
    nbformat.write(notebook_of("from utils.a import x\nx"), lessons[1])
    new = lessons[0].with_name("03_new.ipynb")
    nbformat.write(notebook_of("1"), new)
    assert tool.changed("HEAD", [*lessons, new], root) == ["01_one", "02_two", "03_new"]
    assert tool.main(["--changed", "no-such-branch"]) == 2
    assert capsys.readouterr().err == "git knows no commit 'no-such-branch' here.\n"


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


def test_two_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [tmp_path / "01_good.ipynb", tmp_path / "02_bad.ipynb"]
    nbformat.write(notebook_of("print(1)"), paths[0])
    nbformat.write(notebook_of("1 / 0"), paths[1])
    before = paths[1].read_bytes()
    monkeypatch.setattr(tool, "find", lambda names: paths)
    assert tool.main(["--jobs", "2"]) == 1
    printed = capsys.readouterr()
    assert printed.out.startswith("running 2 notebooks, 2 at a time …\n01_good: ")
    assert printed.err.startswith("02_bad: failed, the file is as it was\n")
    assert tool.read(paths[0]).cells[1].outputs[0].text == "1\n"
    assert paths[1].read_bytes() == before
    assert sorted(tmp_path.iterdir()) == paths


@pytest.mark.parametrize("jobs", ["0", "-1", "two"])
def test_number_of_jobs_is_checked(jobs: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        tool.main([f"--jobs={jobs}"])
    assert f"'{jobs}' is not a number from 1" in capsys.readouterr().err


def view(text: str, model: str = "abc") -> NotebookNode:
    """Return an output that shows a widget."""
    data = {tool.WIDGET_VIEW: {"model_id": model, "version_major": 2}, "text/plain": text}
    return v4.new_output("display_data", data)


def test_tidy_repairs_what_an_editor_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "01_tiny.ipynb"
    notebook = notebook_of("draw()", "for _ in runtime.progress(range(9)): pass", "slider")
    drawn, trained, slid = tool.code_cells(notebook)
    drawn.metadata["alt"] = "A line that rises."
    drawn.outputs = [v4.new_output("display_data", {"image/png": "iVBORw0KGgo="})]
    trained.outputs = [
        view("  0%|          | 0/3000 [00:00<?, ?it/s]"),
        view("epoch: 12it [01:02:03, 3.1it/s]"),
        view("HBox()", model=""),
        v4.new_output("stream", text="done\n"),
    ]
    slid.outputs = [view("IntSlider(value=7)")]
    notebook.metadata["kernelspec"] = {"display_name": "Python 3 (ipykernel)", "name": "mine"}
    notebook.metadata["language_info"] = {"name": "python", "version": "3.11.7"}
    notebook.metadata["widgets"] = {"state": {}}
    nbformat.write(notebook, path)
    monkeypatch.setattr(tool, "find", lambda names: [path])
    monkeypatch.setattr(tool, "run", lambda *arguments: pytest.fail("it ran"))
    assert tool.main(["--tidy", "01"]) == 0
    once = path.read_bytes()
    assert tool.main(["--tidy", "01"]) == 0
    assert capsys.readouterr().out == "01_tiny: tidied\n01_tiny: as it is\n"
    assert path.read_bytes() == once

    stored = tool.read(path)
    drawn, trained, slid = tool.code_cells(stored)
    assert drawn.outputs[0].metadata["image/png"]["alt"] == "A line that rises."
    assert [output.output_type for output in trained.outputs] == ["stream"]
    assert [output.data for output in slid.outputs] == [{"text/plain": tool.WIDGET_TEXT}]
    assert stored.metadata.kernelspec == tool.KERNELSPEC
    assert stored.metadata.language_info == tool.LANGUAGE_INFO
    assert "widgets" not in stored.metadata


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


# --- Pictures -----------------------------------------------------------------------------------


def png(image: Image.Image) -> str:
    stored = io.BytesIO()
    image.save(stored, "PNG")
    return base64.b64encode(stored.getvalue()).decode()


def pixels(picture: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(picture))).convert("RGB"), float)


def test_pictures_of_few_colours_take_fewer_bytes() -> None:
    fig, ax = plt.subplots(figsize=(4, 3), dpi=150)
    ax.plot(np.sin(np.arange(200) / 9))
    stored = io.BytesIO()
    fig.savefig(stored)
    plt.close(fig)
    before = base64.b64encode(stored.getvalue()).decode()
    after = tool.smaller(before)
    assert len(after) < 0.6 * len(before)
    assert np.sqrt(np.mean((pixels(after) - pixels(before)) ** 2)) < tool.VISIBLE
    assert tool.smaller(after) == after


def test_pictures_that_need_their_colours_keep_them() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (90, 90, 3), "uint8")
    photo = png(Image.fromarray(noise))
    glass = png(Image.new("RGBA", (90, 90), (9, 9, 9, 128)))
    for picture in (photo, glass, "iVBORw0KGgo", "no picture"):
        assert tool.smaller(picture) == picture


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
    notebook.cells[1].source = "from utils import runtime\n\nruntime.setup(seed=1)"
    nbformat.write(notebook, path)
    assert tool.sync_setup(path)
    assert tool.read(path).cells[1].source == tool.FIRST_SETUP_SOURCE


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """Return a folder with a ``utils`` that only says where it lies."""
    folder = tmp_path / "origin"
    (folder / "utils").mkdir(parents=True)
    (folder / "utils" / "__init__.py").touch()
    for name in ("runtime.py", "notebook.py"):
        (folder / "utils" / name).write_text(
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
    assert len([line for line in lines if line.strip()]) <= 20
    assert max(map(len, lines)) <= 100


def test_setup_cell_says_whose_setup_it_calls() -> None:
    assert tool.setup_module(tool.SETUP_SOURCE) == "notebook"
    assert tool.setup_module(tool.FIRST_SETUP_SOURCE) == "runtime"
    assert "from utils import notebook" not in tool.FIRST_SETUP_SOURCE


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


@pytest.mark.parametrize("name", ["course (1).zip", "course(2).zip", "course-3.zip"])
def test_setup_takes_the_newest_complete_upload(course: Path, tmp_path: Path, name: str) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    older = zipped(course, alone).rename(alone / "course - old.zip")
    (course / "utils" / "notebook.py").write_text("def setup(seed):\n    print('newer')\n")
    newer = zipped(course, alone).rename(alone / name)
    cut, foreign = alone / "course.zip", alone / "courses.zip"
    cut.write_bytes(newer.read_bytes()[:300])
    with zipfile.ZipFile(foreign, "w") as archive:
        archive.writestr("notes.txt", "mine")
    for second, path in enumerate((older, newer, cut, foreign)):
        os.utime(path, (2e9 + second, 2e9 + second))
    assert setup_in(alone, tool.setup_source("", "main")).stdout == "newer\nnewer\n"
    assert not (alone / "notes.txt").exists()


def test_setup_says_that_an_upload_was_cut_off(course: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    upload = zipped(course, alone)
    upload.write_bytes(upload.read_bytes()[:300])
    assert setup_in(alone, tool.setup_source("", "main")).stderr.splitlines()[-1] == (
        "FileNotFoundError: course.zip is cut off: upload it again, then run this cell again."
    )
    assert [path.name for path in alone.iterdir()] == ["course.zip"]


def test_setup_leaves_another_folder_called_course_alone(course: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    (alone / "course").mkdir(parents=True)
    (alone / "course" / "notes.txt").write_text("mine")
    zipped(course, alone)
    assert setup_in(alone, tool.setup_source("", "main")).stderr.splitlines()[-1] == (
        f"FileNotFoundError: {alone / 'course'} is not the course: rename it, "
        "then run this cell again."
    )
    assert [path.name for path in (alone / "course").iterdir()] == ["notes.txt"]
    (alone / "course").rename(alone / "course of mine")
    assert setup_in(alone, tool.setup_source("", "main")).stdout == "1 course\n1 course\n"


@pytest.fixture
def repository(course: Path) -> str:
    """Return the address of the course, with a tag v1 and a later version that fails."""
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.org", "-C", str(course)]
    for arguments in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "Start"]):
        subprocess.run([*git, *arguments], check=True)
    subprocess.run([*git, "tag", "v1"], check=True)
    (course / "utils" / "notebook.py").write_text("raise ValueError('a later version')\n")
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
