"""What a change of ``utils`` marks: the definitions that code uses, and nothing else."""

from __future__ import annotations

import ast
import dis
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools import depends

ROOT = Path(__file__).resolve().parent.parent

FILES = {
    "utils/__init__.py": '''"""The package."""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from utils.judges.scores import fit
    from utils import judges

os.environ.setdefault("QUIET", "3")


def __getattr__(name):
    import importlib

    return getattr(importlib.import_module("utils.judges.scores"), name)
''',
    "utils/colours.py": '''"""Colours."""

import numpy as np
from numpy import linalg as algebra

INK, RED = "black", "red"
SIZES: dict = {"small": 1}
SIZES["large"] = 2


def unused(x):
    return x


def shade(colour: str, by: float = 0.5) -> str:
    """Return a shade."""
    # Darker.
    return np.array([colour, by, INK])


def length(x):
    return algebra.norm(x) * SIZES["small"]
''',
    "utils/judges/__init__.py": "from .scores import fit as fitted\nfrom .table import *\n",
    "utils/judges/scores.py": """import dataclasses

from utils import colours
from .. import files

STEPS = 3
_last = None


@dataclasses.dataclass
class Judge:
    units: int = STEPS

    def score(self, colours):
        return helper(colours.other)

    def draw(self):
        return colours.shade("red")


def helper(x):
    return x + 1


def fit(x):
    from utils.files import verified as checked

    return Judge(checked("b.csv"))


def remember(x):
    global _last
    _last = [helper for helper in x]
""",
    "utils/judges/table.py": """ROWS = {}


def register(function):
    ROWS[function.__name__] = function
    return function


@register
def first():
    return 1


def second():
    return 2
""",
    "utils/files.py": """import tensorflow as tf

tf.get_logger().setLevel("ERROR")


def verified(name):
    return f"data/{name}"


def prices(symbol):
    return verified(f"{symbol}.csv")


if __name__ == "__main__":
    print(prices("A"))
""",
}
SUMS = {"A.csv": "a" * 64, "b.csv": "b" * 64, "c.csv": "c" * 64}


def library(changes: dict[str, tuple[str, str]] | None = None) -> depends.Library:
    """Return the small package, with (old, new) replaced in some of its files."""
    files = dict(FILES)
    for path, (old, new) in (changes or {}).items():
        assert old in files[path]
        files[path] = files[path].replace(old, new)
    return depends.Library(files, SUMS)


def moved(source: str, path: str, old: str, new: str) -> set[str]:
    """Return what a change of one file marks for code, without the package's name."""
    before, now = library().closure(source), library({f"utils/{path}": (old, new)}).closure(source)
    names = {key for key in before.keys() | now.keys() if before.get(key) != now.get(key)}
    return {name.removeprefix("utils.") for name in names}


# --- Which definitions code uses ----------------------------------------------------------------

SHADE = {"colours.INK", "colours.shade"}
COLOURS = SHADE | {"colours." + name for name in ("RED", "SIZES", "unused", "length")}
JUDGE = SHADE | {"judges.scores." + name for name in ("Judge", "helper", "STEPS")}
FIT = JUDGE | {"judges.scores.fit", "files", "files.verified", "data/b.csv"}
REMEMBER = {"judges.scores.remember", "judges.scores._last"}
TABLE = {"judges.table." + name for name in ("ROWS", "register", "first", "second")}
PRICES = {"files", "files.prices", "files.verified", "data/A.csv"}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("from utils import colours\ncolours.shade(1)", SHADE),
        ("from utils.colours import shade", SHADE),
        ("from utils.colours import shade as s\ns(1)", SHADE),
        ("import utils.colours as c\nf = c.shade", SHADE),
        ("import utils.colours\nutils.colours.shade(1)", SHADE),
        ("import utils\nutils.colours.shade(1)", SHADE),
        ("def f():\n    from utils import colours as c\n    return c.RED", {"colours.RED"}),
        ("def f(c):\n    return c.RED\n\nfrom utils import colours as d", set()),
        ("from utils import colours", set()),
        ("from utils import colours\nprint(colours.__name__)", set()),
        ("from utils import colours\ngetattr(colours, name)", COLOURS),
        ("from utils.colours import *", COLOURS),
        ("from utils import colours\nprint(colours)", COLOURS),
        ("from utils.judges.scores import fit", FIT),
        ("from utils import fit", FIT),
        ("from utils import judges\njudges.fitted(1)", FIT),
        ("import utils.judges as j\nj.scores.fit(1)", FIT),
        ("from utils.judges import scores\nscores.Judge", JUDGE),
        ("from utils.judges import scores\nscores.remember(1)", REMEMBER),
        ("from utils.judges import second", TABLE),
        ("from utils import files\nfiles.prices('A')", PRICES),
        ("run('-m', 'utils.files')", PRICES | {"files.__main__"}),
        ("import numpy as utils\nutils.colours", set()),
        ("from myutils import colours\ncolours.shade", set()),
    ],
)
def test_closure(source: str, expected: set[str]) -> None:
    found = {name.removeprefix("utils.") for name in library().closure(source)}
    assert found - {"utils"} == expected
    # Whoever uses anything runs the package's own statement.
    assert not expected or "utils" in found


def test_closure_is_of_short_hashes_in_order() -> None:
    found = library().closure("from utils import files\nfiles.prices('A')")
    assert list(found) == sorted(found)
    assert {len(value) for value in found.values()} == {16}
    assert found["data/A.csv"] == "a" * 16


LOADS = {"LOAD_GLOBAL", "LOAD_NAME", "STORE_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS"}


def loaded(code: types.CodeType) -> Iterator[str]:
    """Yield the names that compiled code looks up beyond its functions."""
    for line in dis.get_instructions(code):
        if line.opname in LOADS:
            yield line.argval
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            yield from loaded(inner)


def test_names_are_those_that_the_compiler_looks_up() -> None:
    """For every function and class of ``utils``: none is passed over, none is made up."""
    count = 0
    for module in depends.from_folder(ROOT / "utils").modules.values():
        known = module.parts.keys() | module.imports.keys()
        for name, part in module.parts.items():
            if not all(isinstance(node, (*depends.FUNCTIONS, ast.ClassDef)) for node in part.nodes):
                continue
            tree = ast.fix_missing_locations(ast.Module(part.nodes, []))
            expected = known.intersection(loaded(compile(tree, module.name, "exec")))
            found = {mention.chain[0] for mention in part.mentions if mention.module}
            assert expected - {name} == known & found - {name}, f"{module.name}.{name}"
            count += 1
    assert count > 100


# --- What a change marks ------------------------------------------------------------------------

USE = "from utils import colours, fit\nfit(1)\ncolours.length(1)"


@pytest.mark.parametrize(
    ("path", "old", "new", "expected"),
    [
        # What is used, directly, through another, through a re-export, a class, a lazy import.
        ("colours.py", "[colour, by, INK]", "[by, colour, INK]", {"colours.shade"}),
        ("colours.py", '"black"', '"#111"', {"colours.INK"}),
        ("colours.py", '{"small": 1}', '{"small": 3}', {"colours.SIZES"}),
        ("colours.py", '["large"] = 2', '["large"] = 3', {"colours.SIZES"}),
        ("colours.py", "by: float = 0.5", "by: float = 0.6", {"colours.shade"}),
        ("colours.py", "from numpy import linalg", "from scipy import linalg", {"colours.length"}),
        ("judges/scores.py", "STEPS = 3", "STEPS = 4", {"judges.scores.STEPS"}),
        ("judges/scores.py", 'shade("red")', 'shade("blue")', {"judges.scores.Judge"}),
        ("judges/scores.py", "units: int", "layers: int", {"judges.scores.Judge"}),
        ("judges/scores.py", "return x + 1", "return x + 2", {"judges.scores.helper"}),
        ("files.py", 'f"data/{name}"', 'f"{name}"', {"files.verified"}),
        (
            "judges/scores.py",
            '"b.csv"',
            '"c.csv"',
            {"judges.scores.fit", "data/b.csv", "data/c.csv"},
        ),
        # A name that is gone, or that leads elsewhere.
        ("judges/scores.py", "def helper", "def assistant", {"judges.scores.helper"}),
        ("__init__.py", "import fit\n", "import helper as fit\n", None),
        # A module's own statements.
        ("files.py", '"ERROR"', '"INFO"', {"files"}),
        ("__init__.py", '"3"', '"2"', {""}),
        ("colours.py", "\nINK", "\nnp.seterr()\nINK", {"colours"}),
        # What is not used.
        ("colours.py", "return x\n", "return -x\n", set()),
        ("colours.py", '"red"', '"#d00"', set()),
        ("files.py", 'print(prices("A"))', "pass", set()),
        ("judges/table.py", "return 1", "return 3", set()),
        ("__init__.py", "import importlib", "import importlib as loader", set()),
        # What means the same.
        ("colours.py", '"""Return a shade."""', '"""Return\n\n    a darker one."""', set()),
        ("colours.py", '    """Return a shade."""\n', "", set()),
        ("colours.py", "# Darker.", "# Lighter.\n\n", set()),
        ("colours.py", "colour: str, by: float = 0.5) -> str", "colour, by=0.5)", set()),
        ("colours.py", "SIZES: dict =", "SIZES =", set()),
        ("judges/scores.py", "units: int", "units: float", set()),
    ],
)
def test_change_marks(path: str, old: str, new: str, expected: set[str] | None) -> None:
    found = moved(USE, path, old, new)
    if expected is None:
        assert "judges.scores.fit" in found
    else:
        assert {name.removeprefix("utils") for name in found} == expected


def test_hash_is_the_same_under_every_python() -> None:
    """Else outputs stored under one would be stale under another. 3.12 cuts f-strings otherwise."""
    text = (
        "def f[T](x: T, *, y=None) -> T:\n    return f'{x:{y}} {{x}} {x!r:>8}' or [None, 1.5, b'']"
        if sys.version_info >= (3, 12)
        else "def f(x, *, y=None):\n    return f'{x:{y}} {{x}} {x!r:>8}' or [None, 1.5, b'']"
    )
    found = depends.Library({"utils/__init__.py": "", "utils/a.py": text}, {}).closure(
        "from utils.a import f"
    )
    assert found == {"utils.a.f": "9ccde851ce5c984d"}


def test_class_of_fields_is_told_by_its_annotations() -> None:
    old, new = "units: int = STEPS", "units = STEPS"
    assert moved(USE, "judges/scores.py", old, new) == {"judges.scores.Judge"}
    new = "units: ClassVar[int] = STEPS"
    assert moved(USE, "judges/scores.py", old, new) == {"judges.scores.Judge"}


def test_decorator_of_the_course_counts_for_the_whole_module() -> None:
    use = "from utils.judges.table import second"
    assert moved(use, "judges/table.py", "return 1", "return 3") == {"judges.table.first"}
    assert moved(use, "judges/table.py", "@register\n", "") >= {"judges.table.first"}


def test_checksum_of_the_data_counts() -> None:
    before = library().closure(USE)
    now = depends.Library(FILES, {**SUMS, "b.csv": "9" * 64, "A.csv": "9" * 64}).closure(USE)
    assert {key for key in now if before[key] != now[key]} == {"data/b.csv"}


def test_new_definition_marks_who_uses_the_module_whole() -> None:
    use = "from utils import colours\nvars(colours)"
    assert moved(use, "colours.py", "def unused", "def new():\n    pass\n\n\ndef unused") == {
        "colours.new"
    }


def test_file_of_a_definition() -> None:
    have = library()
    assert have.file_of("utils.judges.scores.fit") == "utils/judges/scores.py"
    assert have.file_of("utils.judges") == "utils/judges/__init__.py"
    assert have.file_of("utils.judges.gone") == "utils/judges/__init__.py"
    assert have.file_of("data/A.csv") is None


# --- Where the files come from ------------------------------------------------------------------


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a folder with the small package, committed."""
    for path, text in FILES.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    (tmp_path / "data").mkdir()
    lines = "".join(f"{value}  {name}\n" for name, value in SUMS.items())
    (tmp_path / "data" / "SHA256SUMS").write_text(lines)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.org", "-C", str(tmp_path)]
    for arguments in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "Start"]):
        subprocess.run([*git, *arguments], check=True)
    return tmp_path


def test_folder_and_commit_hold_the_same(repository: Path) -> None:
    expected = library().closure(USE)
    assert depends.from_folder(repository / "utils").closure(USE) == expected
    (repository / "utils" / "colours.py").write_text("")
    assert depends.from_folder(repository / "utils").closure(USE) != expected
    files = depends.files_at("HEAD", repository)
    assert depends.from_files(files).closure(USE) == expected


@pytest.mark.parametrize("reference", ["nowhere", "--help", "-x", "", "main; ls"])
def test_unknown_commit_is_one_sentence(repository: Path, reference: str) -> None:
    with pytest.raises(ValueError, match="git knows no commit"):
        depends.files_at(reference, repository)


def test_plain_method_counts_only_where_its_name_is_used() -> None:
    """Of a class that no framework calls: who samples does not depend on what ``report`` draws."""
    text = """class Gan(BaseEstimator):
    def __init__(self):
        self.fit = 1

    def sample(self):
        return self._draw()

    def _draw(self):
        return 2

    def report(self):
        from utils.b import picture
        return picture()

    @property
    def size(self):
        return 3
"""
    files = {"utils/__init__.py": "", "utils/a.py": text, "utils/b.py": "def picture():\n    pass"}
    library = depends.Library(files, {})
    used = {"utils.a.Gan", "utils.a.Gan.sample", "utils.a.Gan._draw"}
    assert set(library.closure("from utils.a import Gan\nGan().sample()")) == used
    more = set(library.closure("from utils.a import Gan\nGan().report()"))
    assert more == {"utils.a.Gan", "utils.a.Gan.report", "utils.b.picture"}
    named = set(library.closure("from utils.a import Gan\ngetattr(Gan(), 'sample')()"))
    assert named == used
    # A framework may call any method of its own classes.
    files["utils/a.py"] = text.replace("BaseEstimator", "keras.Model")
    whole = set(depends.Library(files, {}).closure("from utils.a import Gan\nGan()"))
    assert whole == {"utils.a.Gan", "utils.b.picture"}
