"""What the site is made of: headers in a box, folded cells, links, the glossary, the references."""

from __future__ import annotations

import importlib.util
import tomllib
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools import notebooks as tool
from tools import site

HEADER = """# 10 · An LSTM-GAN

You build a GAN.

<!-- colab-badge -->

**You will learn**

- one thing.

**You need**: lesson [03](03_lstm_and_gru.ipynb)
(the LSTM).

**Time**: about 58 minutes, of which the computer needs 5 on a laptop's CPU.
"""
TERMS = [
    {"name": "LSTM", "forms": ["LSTM", "LSTMs"], "lesson": "03.4", "text": "A layer."},
    {"name": "LSTM-GAN", "forms": ["LSTM-GAN"], "lesson": "10.4", "text": "A GAN of LSTMs."},
    {"name": "batch", "forms": ["batch", "batches"], "lesson": "01.1", "text": "Some windows."},
]


# --- Notebooks ----------------------------------------------------------------------------------


def test_needs_and_time_stand_in_a_box_and_the_notebook_can_be_downloaded() -> None:
    made = site.with_box(HEADER, "10_lstm_gan.ipynb", "../", "")
    assert "colab" not in made.lower()
    before, box = made.split(":::{admonition} Before you begin\n")
    assert '<a class="button" href="../downloads/10_lstm_gan.ipynb" download>' in before
    assert "- one thing." in before
    assert "**Time**" not in before
    assert "(the LSTM)." in box
    assert box.endswith("laptop's CPU.\n:::\n")


def test_a_published_course_has_a_button_for_colab() -> None:
    made = site.with_box(HEADER, "x.ipynb", "../", "https://colab.example/x")
    assert '<a class="button" href="https://colab.example/x">Open in Colab</a>' in made


def test_pictures_have_their_text_and_set_up_and_solutions_are_folded() -> None:
    picture = new_output("display_data", {"image/png": "", tool.WIDGET_VIEW: {}})
    cells = [
        new_code_cell("setup", id="setup"),
        new_code_cell("draw", id="draw", metadata={"alt": "Two\n lines."}, outputs=[picture]),
        new_code_cell("answer", id="answer", metadata={"tags": ["solution"]}),
        new_code_cell("plain", id="plain"),
    ]
    notebook = new_notebook(cells=cells)
    shown = site.for_site(notebook)
    assert [cell.metadata.tags for cell in shown.cells] == [
        ["hide-input"],
        [],
        ["solution", "hide-cell"],
        [],
    ]
    assert shown.cells[1].metadata["mystnb"]["image"]["alt"] == "Two lines."
    assert list(shown.cells[1].outputs[0].data) == ["image/png"]


def test_a_linked_sound_has_a_player() -> None:
    made = site.with_html("Hear [it](sounds/06_a.wav), or [not](sounds.md).")
    assert made == (
        'Hear <a href="sounds/06_a.wav">it</a> '
        '<audio controls preload="none" src="sounds/06_a.wav"></audio>, or [not](sounds.md).'
    )


def test_a_link_written_in_html_leads_to_the_page() -> None:
    assert site.with_html('<a href="07_x.ipynb">it</a>') == '<a href="07_x.html">it</a>'


# --- The glossary -------------------------------------------------------------------------------


def test_the_first_use_of_a_term_leads_to_the_glossary() -> None:
    made = site.link_terms(["An LSTM reads a batch.", "LSTMs read batches."], TERMS)
    assert made == ["An {term}`LSTM <LSTM>` reads a {term}`batch <batch>`.", "LSTMs read batches."]


def test_the_longer_term_wins_and_parts_of_words_do_not_count() -> None:
    made = site.link_terms(["The LSTM-GAN, a ConvLSTM, a mini-batch, and LSTMs."], TERMS)
    expected = (
        "The {term}`LSTM-GAN <LSTM-GAN>`, a ConvLSTM, a mini-batch, and {term}`LSTMs <LSTM>`."
    )
    assert made == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "# LSTM\n",
        "`LSTM`",
        "```python\nLSTM\n```",
        "$LSTM$",
        "$$\nLSTM\n$$",
        "[LSTM](x.ipynb)",
        '<summary title="LSTM">',
        "| LSTM | 3 |\n",
    ],
)
def test_code_formulas_links_headings_and_tables_are_left_alone(text: str) -> None:
    assert site.link_terms([text], TERMS) == [text]


def test_the_glossary_page_names_lesson_and_section(tmp_path: Path) -> None:
    path = tmp_path / "03_lstm_and_gru.ipynb"
    cells = [new_markdown_cell("# 3"), new_markdown_cell("## 3.4 The cell: *four* gates, `c`\n")]
    nbformat.write(new_notebook(cells=cells), path)
    page = site.glossary_page(TERMS[:2], site.place_in({3: path}))
    assert "LSTM\n  A layer. [Lesson 03.4](notebooks/03_lstm_and_gru.ipynb#34-the-cell" in page
    assert "A GAN of LSTMs. Lesson 10.4." in page  # there is no such lesson here


def test_the_glossary_that_is_shipped_can_be_read() -> None:
    path = tool.ROOT / "site" / "glossary.toml"
    names = [term["name"] for term in site.read_glossary(path)]
    assert names == sorted(names, key=str.casefold)
    assert len(names) == len(tomllib.loads(path.read_text(encoding="utf-8"))["term"])


# --- Pages --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("here", "text", "expected"),
    [
        ("data/README.md", "[a](../CHANGELOG.md#x)", "[a](../CHANGELOG.md#x)"),
        ("notebooks/deeper/a.ipynb", "[d](../../data/README.md)", "[d](../../data/README.md)"),
        ("CHANGELOG.md", "see [the code](utils/train.py).", "see the code."),
        ("CHANGELOG.md", "[w](https://example.org/a) [up](#top)", None),
    ],
)
def test_links_lead_to_pages_or_are_words(here: str, text: str, expected: str | None) -> None:
    pages = {"data/README.md", "CHANGELOG.md"}
    assert site.relink(text, here, here, pages, "") == (text if expected is None else expected)


@pytest.mark.parametrize("path", sorted(site.PAGES.glob("*.md")), ids=lambda path: path.stem)
def test_pages_lead_somewhere_in_the_repository_too(path: Path) -> None:
    """On GitHub they are read where they are; what is made with the site is not there."""
    made = {"glossary.md", "references.md", "commands.md"}
    for _, _, target in site.LINK.findall(path.read_text(encoding="utf-8")):
        file = target.partition("#")[0]
        if file and ":" not in file and file not in made:
            assert (path.parent / file).exists(), target


def test_links_to_other_files_lead_to_the_public_repository() -> None:
    made = site.relink("[c](../utils/train.py)", "data/README.md", "data/README.md", set(), "R/b")
    assert made == "[c](R/b/utils/train.py)"


def test_a_work_stands_once_with_all_who_cite_it(tmp_path: Path) -> None:
    folder = tmp_path / "notebooks"
    folder.mkdir()
    work = "- Hochreiter and Schmidhuber (1997), *LSTM*, [doi](https://doi.org/1)."
    for name in ("03_a.ipynb", "10_b.ipynb"):
        other = f"- Work of {name}." if name == "10_b.ipynb" else ""
        cells = [new_markdown_cell("# x"), new_markdown_cell(f"## References\n\n{work}\n{other}")]
        nbformat.write(new_notebook(cells=cells), folder / name)
    page = site.references(tmp_path, sorted(folder.glob("*.ipynb")), set(), "")
    assert page.count("Hochreiter") == 1
    assert "Cited in [03](notebooks/03_a.ipynb), [10](notebooks/10_b.ipynb)." in page
    assert "Work of 10_b.ipynb. Cited in [10](notebooks/10_b.ipynb)." in page


def test_a_picture_that_is_not_there_is_said(tmp_path: Path) -> None:
    nbformat.write(new_notebook(cells=[new_code_cell("1", id="a")]), tmp_path / "x.ipynb")
    with pytest.raises(ValueError, match=r"x\.ipynb has no cell 'goal' with a picture"):
        site.picture_of(tmp_path / "x.ipynb", "goal", tmp_path / "x.png")


def test_the_public_site_of_a_repository(tmp_path: Path) -> None:
    assert site.site_address("") == ""
    assert site.site_address("https://github.com/Owner/Name") == "https://owner.github.io/Name/"
    assert 'href="/"' in site.lost_page("")
    for name in ("index.html", "search.html", "notebooks/a.html"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = site.sitemap(tmp_path, "https://o.github.io/n/")
    assert found.count("<loc>") == 2
    assert "<loc>https://o.github.io/n/notebooks/a.html</loc>" in found


def test_every_lesson_and_companion_has_a_place_in_the_outline() -> None:
    lessons = sorted(tool.ROOT.glob("notebooks/[0-9]*.ipynb"))
    companions = sorted(tool.ROOT.glob("notebooks/deeper/[0-9]*.ipynb"))
    found = site.outline(lessons, companions, {})
    for path in (*lessons, *companions):
        place = path.relative_to(tool.ROOT).with_suffix("").as_posix()
        assert found.count(f"\n{place}\n") == 1


@pytest.mark.skipif(
    importlib.util.find_spec("myst_nb") is None, reason="requirements-site.txt is not installed"
)
def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    source = tmp_path / "source"
    site.write_sources(tool.ROOT, source)
    site.build(source, tmp_path / "site", "https://owner.github.io/name/")
    lesson = (tmp_path / "site" / "notebooks" / "10_lstm_gan.html").read_text(encoding="utf-8")
    assert 'alt="Left: forty real curves' in lesson
    assert "Show the solution" in lesson
    assert (tmp_path / "site" / "sitemap.xml").exists()
    assert not (tmp_path / "site.tmp").exists()
