"""Build the course's site from what is stored: nothing is executed, nothing is fetched.

    make site                          # dist/site, to be opened at index.html
    .venv/bin/python tools/site.py --sources   # only what Sphinx reads, in dist/site-source

Notebooks become pages with their stored outputs. The glossary, the references of all lessons, the
assignments, the commands and the data become pages beside them. Sphinx takes every warning for an
error, so a link that leads nowhere stops the build.
"""

from __future__ import annotations

import argparse
import base64
import os
import posixpath
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Sequence, Set
from pathlib import Path

import nbformat
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parent.parent
sys.path[:] = dict.fromkeys([str(ROOT), *sys.path])  # also when this file is run by its path

from tools import lesson_form  # noqa: E402
from tools import notebooks as tool  # noqa: E402

SOURCE, BUILT = ROOT / "dist" / "site-source", ROOT / "dist" / "site"
PAGES = ROOT / "site"
BADGE_LINE = re.compile(r"^<!-- colab-badge -->.*\n", re.MULTILINE)
SOUND = re.compile(r"\[([^\]]*)\]\((sounds/[\w.-]+\.wav)\)")
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^()\s]+)\)")
INITIALS = re.compile(r"^(?:(?:\w\.-?)+ )+")  # works are sorted by surname
HEADING = re.compile(r"^#{1,6} +(.+)$", re.MULTILINE)
# Where a glossary link may not be put: code, formulas, links, HTML, headings.
CLOSED = re.compile(
    r"```.*?```|`[^`\n]*`|\$\$.*?\$\$|\$[^$\n]+\$|!?\[[^\]]*\]\([^)]*\)|<[^>\n]*>|^#.*?$|^\|.*?$",
    re.DOTALL | re.MULTILINE,
)
# Files of the repository that are pages of the site too.
SHARED_PAGES = {
    "data/README.md": "The data",
    "assignments/README.md": "For a class",
    "benchmarks/quality.md": "Measured quality",
    "benchmarks/speed.md": "Measured speed",
    "CHANGELOG.md": "Changes",
}
COMMANDS = ("utils.train", "utils.sample")
LOST = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>No such page</title>
<meta name="viewport" content="width=device-width">
<body style="font-family: sans-serif; margin: 4rem auto; max-width: 34rem">
<h1>There is no such page</h1>
<p>The lesson may have moved. <a href="HOME">Go to the first page</a>, which lists them all.</p>
</body></html>
"""
PARTS = (
    ("I · Recurrent networks", range(1, 7)),
    ("II · Adversarial networks", range(7, 10)),
    ("III · LSTM-GAN", range(10, 14)),
    ("IV · Frontiers", range(14, 21)),
)


# --- Notebooks ----------------------------------------------------------------------------------


def number_of(path: Path) -> int:
    """Return a notebook's number: of "10_lstm_gan.ipynb", 10."""
    return int(path.stem[:2])


def title_of(notebook: NotebookNode) -> str:
    """Return the title, without its mark."""
    return HEADING.search(notebook.cells[0].source).group(1).strip()


def with_box(header: str, name: str, up: str, colab: str) -> str:
    """Return a header whose needs and time stand in a box, with buttons under the promise.

    Args:
        header: the Markdown of the first cell.
        name: the notebook's file name.
        up: the way from its page to the site's root, such as "../".
        colab: the address that opens it on Colab; "" for none.
    """
    download = f'<a class="button" href="{up}downloads/{name}" download>Download the notebook</a>'
    opens = f'<a class="button" href="{colab}">Open in Colab</a> ' if colab else ""
    buttons = f'<p class="buttons">{opens}{download}</p>\n'
    if BADGE_LINE.search(header):
        header = BADGE_LINE.sub(lambda _: buttons, header, count=1)
    else:
        title, rest = header.split("\n", 1)
        header = f"{title}\n\n{buttons}{rest}"
    header = header.rstrip() + "\n"
    facts = re.findall(r"^\*\*(?:You need|Time)\*\*:.*(?:\n(?!\n).*)*", header, re.MULTILINE)
    if not facts:
        return header
    for fact in facts:
        header = header.replace(fact, "", 1)
    inside = "\n\n".join(fact.strip() for fact in facts)
    box = f":::{{admonition}} Before you begin\n:class: before\n\n{inside}\n:::\n"
    return f"{header.rstrip()}\n\n{box}"


def with_html(text: str) -> str:
    """Return Markdown whose HTML suits the site: links to pages, a player beside each sound."""
    text = re.sub(r'href="([\w./-]+)\.ipynb"', r'href="\1.html"', text)
    player = r'<a href="\2">\1</a> <audio controls preload="none" src="\2"></audio>'
    return SOUND.sub(player, text)


def for_site(notebook: NotebookNode) -> NotebookNode:
    """Return a notebook as the site shows it: pictures with their text, folded parts folded."""
    shown = nbformat.from_dict(notebook)
    for cell in shown.cells:
        if cell.cell_type != "code":
            continue
        tags = cell.metadata.setdefault("tags", [])
        if cell.get("id") == "setup":
            tags.append("hide-input")
            cell.metadata["mystnb"] = {"code_prompt_show": "Set-up: where the course's code is"}
        elif "solution" in tags:
            tags.append("hide-cell")
            cell.metadata["mystnb"] = {"code_prompt_show": "Show the solution"}
        alt = cell.metadata.get("alt")
        if alt:
            shown_as = cell.metadata.setdefault("mystnb", {})
            shown_as["image"] = {"alt": " ".join(alt.split())}
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(tool.WIDGET_VIEW, None)
    return shown


# --- The glossary -------------------------------------------------------------------------------


def read_glossary(path: Path) -> list[dict]:
    """Return the terms of glossary.toml, in the order of their names."""
    terms = tomllib.loads(path.read_text(encoding="utf-8"))["term"]
    return sorted(terms, key=lambda term: term["name"].casefold())


def link_terms(texts: Sequence[str], terms: Sequence[dict]) -> list[str]:
    """Return Markdown texts in which the first use of each term leads to the glossary.

    Code, formulas, links, headings, tables and HTML are left as they are. Of two terms that begin
    at the same place, the longer form wins.
    """
    forms = {form.casefold(): term["name"] for term in terms for form in term["forms"]}
    if not forms:
        return list(texts)
    longest_first = sorted(forms, key=len, reverse=True)
    any_form = "|".join(re.escape(form).replace(r"\ ", r"\s+") for form in longest_first)
    pattern = re.compile(rf"(?<![\w-])(?:{any_form})(?![\w-])", re.IGNORECASE)
    seen: set[str] = set()

    def linked(match: re.Match[str]) -> str:
        words = match.group()
        name = forms[" ".join(words.casefold().split())]
        if name in seen:
            return words
        seen.add(name)
        return f"{{term}}`{' '.join(words.split())} <{name}>`"

    result = []
    for text in texts:
        done, last = [], 0
        for closed in CLOSED.finditer(text):
            done += [pattern.sub(linked, text[last : closed.start()]), closed.group()]
            last = closed.end()
        result.append("".join([*done, pattern.sub(linked, text[last:])]))
    return result


def glossary_page(terms: Sequence[dict], place: Callable[[str], str]) -> str:
    """Return the glossary as a page; ``place`` gives a lesson's link from its number."""
    lines = ["# Glossary", "", "Each term is linked from its first use in every lesson.", ""]
    lines += ["::::{glossary}"]
    for term in terms:
        see = ", ".join(f"{{term}}`{name}`" for name in term.get("see", ()))
        lines += [term["name"], f"  {term['text']} {place(term['lesson'])}"]
        lines[-1] += f" See also {see}." if see else ""
        lines += [""]
    return "\n".join([*lines, "::::", ""])


def place_in(lessons: dict[int, Path]) -> Callable[[str], str]:
    """Return a function from "03.4" or "03" to a link to that section or lesson."""
    slugs: dict[str, str] = {}
    titles: dict[str, str] = {}
    for number, path in lessons.items():
        titles[f"{number:02d}"] = path.name
        for cell in tool.read(path).cells:
            if cell.cell_type == "markdown":
                for heading in re.findall(r"^## +(\d+\.\d+ .+)$", cell.source, re.MULTILINE):
                    where = heading.split()[0]
                    slugs[f"{number:02d}.{where.split('.')[1]}"] = slug(heading)

    def link(where: str) -> str:
        name = titles.get(where[:2])
        if name is None:
            return f"Lesson {where}."
        anchor = f"#{slugs[where]}" if where in slugs else ""
        return f"[Lesson {where}](notebooks/{name}{anchor})."

    return link


def slug(heading: str) -> str:
    """Return the anchor that a heading gets on GitHub and on the site."""
    plain = re.sub(r"[`*$\\]", "", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")


# --- Pages --------------------------------------------------------------------------------------


def root_from(page: str) -> str:
    """Return the way from a page to the site's root: from "data/README.md", "../"."""
    return "../" * page.count("/")


def relink(text: str, here: str, page: str, pages: Set[str], address: str) -> str:
    """Return a Markdown text of the repository whose links lead somewhere on the site.

    A link to a file that is a page leads to the page. One to another file leads to the public
    repository, or is left as words where there is none yet.

    Args:
        text: Markdown.
        here: the place of the file in the repository.
        page: the place of its page on the site.
        pages: files that are pages, at the same place on the site.
        address: the folder of the public repository that shows files, or "".
    """

    def moved(match: re.Match[str]) -> str:
        mark, words, target = match.groups()
        if re.match(r"[a-z]+:|#", target):
            return match.group()
        path, _, anchor = target.partition("#")
        name = posixpath.normpath(posixpath.join(posixpath.dirname(here), path))
        anchor = f"#{anchor}" if anchor else ""
        if name in pages:
            return f"{mark}[{words}]({root_from(page)}{name}{anchor})"
        if address:
            return f"{mark}[{words}]({address}/{name}{anchor})"
        return words

    return LINK.sub(moved, text)


def references(root: Path, lessons: Sequence[Path], pages: Set[str], address: str) -> str:
    """Return a page of all works that lessons and companions cite, each with who cites it."""
    cited: dict[str, tuple[str, list[str]]] = {}
    for path in lessons:
        notebook = tool.read(path)
        inside = "\n".join(
            cell.source
            for heading, cells in lesson_form.sections(notebook)
            if heading == "References"
            for cell in cells
            if cell.cell_type == "markdown"
        )
        name = path.relative_to(root).as_posix()
        inside = relink(inside, name, "references.md", pages, address)
        for item in re.findall(r"^[-*] +(.+(?:\n  +.+)*)", inside, re.MULTILINE):
            words = " ".join(item.split())
            address = re.search(r"\]\((https?://[^)]+)\)", words)
            key = address.group(1) if address else re.sub(r"\W+", " ", words).casefold()
            label = path.stem.replace("_", " ") if path.parent.name == "deeper" else path.stem[:2]
            by = f"[{label}]({name})"
            _, who = cited.setdefault(key, (words, []))
            if by not in who:
                who.append(by)
    lines = ["# References", "", "Every work that a lesson or a companion cites.", ""]
    order = sorted(cited.values(), key=lambda entry: INITIALS.sub("", entry[0]).casefold())
    lines += [f"- {text} Cited in {', '.join(who)}." for text, who in order]
    return "\n".join([*lines, ""])


def picture_of(path: Path, cell_id: str, target: Path) -> str:
    """Write a stored picture to ``target``; return the text that describes it.

    Raises:
        ValueError: the notebook has no cell with this id and a picture.
    """
    for cell in tool.read(path).cells:
        if cell.get("id") == cell_id and cell.cell_type == "code":
            for output in cell.outputs:
                data = output.get("data", {}).get("image/png")
                if data:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(base64.b64decode(data))
                    return " ".join(cell.metadata["alt"].split())
    raise ValueError(f"{path.name} has no cell {cell_id!r} with a picture.")


def command_page(root: Path) -> str:
    """Return a page with the help of each command."""
    lines = ["# The two commands", "", "`make train` and `make sample` call them."]
    for name in COMMANDS:
        done = subprocess.run(
            [sys.executable, "-m", name, "--help"],
            cwd=root,
            env=os.environ | {"COLUMNS": "79"},
            capture_output=True,
            text=True,
            check=True,
        )
        lines += ["", f"## python -m {name}", "", "```text", done.stdout.rstrip(), "```"]
    return "\n".join([*lines, ""])


def site_address(address: str) -> str:
    """Return where GitHub Pages shows the site of a public repository, or ""."""
    match = re.fullmatch(r"https://github\.com/([^/]+)/([^/]+)", address)
    return f"https://{match[1].lower()}.github.io/{match[2]}/" if match else ""


def lost_page(home: str) -> str:
    """Return the page for an address that does not exist; it needs no other file."""
    return LOST.replace("HOME", home or "/")


def sitemap(built: Path, home: str) -> str:
    """Return sitemap.xml: every page that a search engine may list."""
    pages = sorted(path.relative_to(built).as_posix() for path in built.rglob("*.html"))
    shown = [p for p in pages if p not in ("404.html", "genindex.html", "search.html")]
    rows = "\n".join(f"<url><loc>{home}{page}</loc></url>" for page in shown)
    space = "http://www.sitemaps.org/schemas/sitemap/0.9"
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="{space}">\n{rows}\n</urlset>\n'


# --- Everything together ------------------------------------------------------------------------


def outline(
    lessons: Sequence[Path], companions: Sequence[Path], more: dict[str, Sequence[str]]
) -> str:
    """Return the hidden tables of contents: parts with their lessons, companions, the rest."""
    blocks = [("", ["notebooks/00_start_here"])]
    for caption, numbers in PARTS:
        inside = [f"notebooks/{path.stem}" for path in lessons if number_of(path) in numbers]
        blocks.append((caption, inside))
    blocks.append(("Companions", [f"notebooks/deeper/{path.stem}" for path in companions]))
    blocks += [(caption, list(entries)) for caption, entries in more.items()]
    lines = []
    for caption, entries in blocks:
        lines += ["```{toctree}", ":hidden:", *([f":caption: {caption}"] if caption else []), ""]
        lines += [*entries, "```", ""]
    return "\n".join(lines)


def write_sources(root: Path, source: Path) -> None:
    """Write what Sphinx reads into ``source``, which is emptied first."""
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(root / "site", source)
    for path in source.glob("*.md"):
        # In the repository these pages lie one folder below what they link.
        path.write_text(path.read_text(encoding="utf-8").replace("](../", "]("), "utf-8")
    address, version = tool.published(root)
    github = address.removeprefix("https://github.com/") if "github.com" in address else ""
    files = f"{address}/blob/{version}" if address else ""
    lessons = sorted(root.glob("notebooks/[0-9]*.ipynb"))
    companions = sorted(root.glob("notebooks/deeper/[0-9]*.ipynb"))
    terms = read_glossary(root / "site" / "glossary.toml")
    names = [path.relative_to(root).as_posix() for path in (*lessons, *companions)]
    pages = {*SHARED_PAGES, *names}
    for name in SHARED_PAGES:
        text = (root / name).read_text(encoding="utf-8")
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(relink(text, name, name, pages, files), "utf-8")
    downloads = source / "_extra" / "downloads"
    downloads.mkdir(parents=True)
    for path, name in zip((*lessons, *companions), names, strict=True):
        notebook = for_site(tool.read(path))
        colab = f"https://colab.research.google.com/github/{github}/blob/{version}/{name}"
        prose = [cell for cell in notebook.cells if cell.cell_type == "markdown"]
        for cell in prose:
            cell.source = relink(with_html(cell.source), name, name, pages, files)
        header = notebook.cells[0]
        header.source = with_box(header.source, path.name, root_from(name), colab if github else "")
        for cell, text in zip(
            prose, link_terms([cell.source for cell in prose], terms), strict=True
        ):
            cell.source = text
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, source / name)
        shutil.copy(path, downloads / path.name)
    sounds = "notebooks/sounds"
    shutil.copytree(root / sounds, source / "_extra" / sounds)
    by_number = {number_of(path): path for path in lessons}
    (source / "glossary.md").write_text(glossary_page(terms, place_in(by_number)), "utf-8")
    (source / "references.md").write_text(
        references(root, [*lessons, *companions], pages, files), "utf-8"
    )
    index = source / "index.md"
    (source / "commands.md").write_text(command_page(root), "utf-8")
    (source / "_extra" / "404.html").write_text(lost_page(site_address(address)), "utf-8")
    (source / "_extra" / ".nojekyll").touch()
    shared = [name.removesuffix(".md") for name in SHARED_PAGES]
    more = {
        "Use it": ["own_data", "running", "commands", "api"],
        "Look it up": ["questions", "glossary", "references", *shared],
    }
    index.write_text(
        index.read_text(encoding="utf-8") + "\n" + outline(lessons, companions, more), "utf-8"
    )


def build(source: Path, built: Path, home: str) -> None:
    """Run Sphinx; every warning stops it. The site is replaced only once it is complete.

    Args:
        source: what `write_sources` wrote.
        built: the folder of the site.
        home: the public address of the site, or "".
    """
    fresh = built.with_name(f"{built.name}.tmp")
    shutil.rmtree(fresh, ignore_errors=True)
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q"]
    command += ["-b", "html", "-d", str(source.with_name("site-doctrees")), str(source), str(fresh)]
    command += ["-D", f"html_baseurl={home}", "-A", f"home={home}"]
    subprocess.run(command, check=True, cwd=ROOT)
    if home:
        (fresh / "sitemap.xml").write_text(sitemap(fresh, home), "utf-8")
    shutil.rmtree(built, ignore_errors=True)
    os.replace(fresh, built)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(description="Build the course's site from stored outputs.")
    parser.add_argument("--sources", action="store_true", help="stop before Sphinx")
    options = parser.parse_args(arguments)
    write_sources(ROOT, SOURCE)
    if not options.sources:
        try:
            build(SOURCE, BUILT, site_address(tool.published(ROOT)[0]))
        except subprocess.CalledProcessError as error:
            print(f"error: Sphinx ended with {error.returncode}; see above.", file=sys.stderr)
            return 2
        print(f"The site is in {BUILT.relative_to(ROOT)}: open index.html there.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
