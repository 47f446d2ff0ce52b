"""Pictures of a report: they fail alone, and write the columns' names as they are."""

import warnings

import matplotlib.pyplot as plt
import pytest
from matplotlib import font_manager

from utils.lstm_gan import pictures
from utils.lstm_gan.pictures import Labels, Picture, draw_pictures


def draw(name):
    _, ax = plt.subplots(figsize=(2, 1))
    ax.set(title=name, xlabel=name)
    plt.gcf().canvas.draw()


def fail(*arguments):
    raise RuntimeError("no\nway")


def test_a_picture_that_fails_leaves_a_sentence_in_its_place(tmp_path):
    (tmp_path / "two.png").write_text("of an earlier run")
    said = []
    lines = draw_pictures(
        tmp_path,
        [Picture("one", "One", draw, ("a",)), Picture("two", "Two", fail, ()),
         Picture("three", "Three", draw, ("c",), "A caption.")],
        say=said.append,
    )  # fmt: skip
    sentence = "The picture 'Two' could not be drawn (RuntimeError: no way)."
    assert said == [sentence]
    assert [line for line in lines if line] == [
        *("## One", "![One](one.png)", "## Two", sentence),
        *("## Three", "A caption.", "![Three](three.png)"),
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.png", "three.png"]
    assert plt.get_fignums() == []


@pytest.mark.parametrize("name", ["Close ($)", "$x^$", "a$_b$c", r"\$", "two\nlines\t", "$\\frac$"])
def test_a_dollar_is_no_formula(tmp_path, name):
    labels = Labels.of([name])
    assert labels.note == ""
    assert (
        draw_pictures(tmp_path, [Picture("p", "P", draw, labels.names)], labels)[2] == "![P](p.png)"
    )


def test_characters_come_from_another_font(tmp_path):
    fonts = {font.name: font.fname for font in font_manager.fontManager.ttflist}
    if "STIXGeneral" not in fonts:
        pytest.skip("Matplotlib's own fonts are not there")
    family = font_manager.FontProperties(family=plt.rcParams["font.family"])
    usual = pictures._drawable(font_manager.findfont(family))
    others = frozenset().union(
        *(pictures._drawable(path) for name, path in fonts.items() if name.startswith("STIX"))
    )
    character = chr(next(c for c in sorted(others - usual) if chr(c).isprintable()))
    labels = Labels.of([f"price {character}"])
    assert labels.names == (f"price {character}",)
    assert len(labels.families) == 2
    with warnings.catch_warnings(action="error"):
        lines = draw_pictures(tmp_path, [Picture("p", "P", draw, labels.names)], labels)
    assert lines[2] == "![P](p.png)"


def test_a_name_that_no_font_can_draw_is_numbered_and_said(tmp_path, monkeypatch):
    monkeypatch.setattr(font_manager.fontManager, "ttflist", [])  # the usual font alone
    labels = Labels.of(["Open", "开盘价", "終値 $"])
    assert labels.names == ("Open", "column 2", "column 3")
    assert labels.note == (
        "No font on this machine has the characters 价 値 开 盘 終: "
        "the pictures call '开盘价' column 2, '終値 $' column 3."
    )
    said = []
    with warnings.catch_warnings(action="error"):
        lines = draw_pictures(
            tmp_path, [Picture("p", "P", draw, (labels.names[1],))], labels, say=said.append
        )
    assert said == [labels.note]
    assert lines.count(labels.note) == 1


def test_no_warning_of_a_missing_glyph_reaches_the_screen(tmp_path):
    with warnings.catch_warnings(action="error"):
        lines = draw_pictures(tmp_path, [Picture("p", "P", draw, ("\U0001f9ff",))])
    assert lines[2] == "![P](p.png)"
