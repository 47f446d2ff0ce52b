"""The glossary: terms that the lessons use, each with the section that introduces it."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from tools import site

ROOT = Path(__file__).resolve().parent.parent
TERMS = site.read_glossary(ROOT / "site" / "glossary.toml")
LONGEST = 45  # words
BOOKS = sorted([*ROOT.glob("notebooks/[0-9]*.ipynb"), *ROOT.glob("notebooks/deeper/*.ipynb")])
PROSE = {
    path: "\n".join(
        "".join(cell["source"])
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
        if cell["cell_type"] == "markdown"
    )
    for path in BOOKS
}
ALL = "\n".join(PROSE.values())


def sections(number: int) -> set[str]:
    """Return the numbers of a lesson's sections, such as "03.4"."""
    (path,) = ROOT.glob(f"notebooks/{number:02d}_*.ipynb")
    found = re.findall(rf"^## +{number}\.(\d+) ", PROSE[path], re.MULTILINE)
    return {f"{number:02d}.{section}" for section in found}


def test_names_and_forms_are_unique() -> None:
    forms = Counter(form.casefold() for term in TERMS for form in term["forms"])
    assert [form for form, count in forms.items() if count > 1] == []
    assert len({term["name"] for term in TERMS}) == len(TERMS)


@pytest.mark.parametrize("term", TERMS, ids=lambda term: term["name"])
def test_term_is_short_used_and_has_its_place(term: dict) -> None:
    assert term["text"].endswith(".")
    assert len(term["text"].split()) <= LONGEST
    number = int(term["lesson"][:2])
    assert term["lesson"] in {f"{number:02d}", *sections(number)}
    names = {other["name"] for other in TERMS}
    assert set(term.get("see", ())) <= names
    any_form = "|".join(map(re.escape, term["forms"]))
    assert re.search(rf"(?<![\w-])(?:{any_form})(?![\w-])", ALL, re.IGNORECASE), "no lesson uses it"
