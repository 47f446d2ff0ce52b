"""Pictures of a report, drawn so that none of them decides whether there is a report.

A picture that fails leaves a sentence in its place. Names of columns are drawn as they are: a ``$``
is a dollar, and characters that the usual font lacks come from another font of this machine.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
from matplotlib import font_manager

from utils.files import replacing

# Fonts of Chinese, Japanese and Korean are looked at first: theirs are the names that need one.
LIKELY = ("cjk", "han", "hei", "gothic", "ming", "song", "noto", "unicode", "nanum", "malgun")
DOTS = 100  # an inch


class Picture(NamedTuple):
    """A picture of a report: ``draw(*arguments)`` draws it into a new figure."""

    name: str  # of the file, without .png
    title: str
    draw: Callable[..., Any]
    arguments: tuple[Any, ...]
    caption: str = ""  # a sentence under the title
    alt: str = ""  # what is to be seen, in words; "": the title


@dataclass(frozen=True)
class Labels:
    """What the columns are called in pictures.

    Attributes:
        names: one for each column: its name, or "column 3" where no font here can draw that.
        families: fonts to draw them with, the usual one first.
        note: a sentence on names that no font can draw; "" if there are none.
    """

    names: tuple[str, ...]
    families: tuple[str, ...]
    note: str = ""

    @classmethod
    def of(cls, columns: Sequence[str]) -> Labels:
        """Return the labels of columns with these names."""
        plain = ["".join(c if c.isprintable() else " " for c in name) for name in columns]
        families, missing = _families({c for name in plain for c in name})
        hidden = [i for i, name in enumerate(plain) if missing.intersection(name)]
        names = [name.replace("$", r"\$") for name in plain]
        for i in hidden:
            names[i] = f"column {i + 1}"
        if not hidden:
            return cls(tuple(names), families)
        shown = sorted(missing)
        called = ", ".join(f"{columns[i]!r} column {i + 1}" for i in hidden[:12])
        return cls(
            tuple(names),
            families,
            f"No font on this machine has the characters {' '.join(shown[:20])}"
            f"{' and others' if len(shown) > 20 else ''}: the pictures call {called}"
            f"{' and so on' if len(hidden) > 12 else ''}.",
        )


def draw_pictures(
    folder: Path,
    pictures: Sequence[Picture],
    labels: Labels | None = None,
    *,
    say: Callable[[str], object] = print,
) -> list[str]:
    """Draw pictures into PNG files; return the lines of Markdown that show them.

    Nothing that goes wrong with a picture is raised: a sentence stands in its place, and is said.

    Args:
        folder: where to; it is there.
        pictures: what to draw; their arguments hold ``labels.names`` where columns are named.
        labels: of the columns.
        say: what to do with a sentence for the reader.
    """
    lines = []
    if labels is not None and labels.note:
        say(labels.note)
        lines += [labels.note, ""]
    families = {} if labels is None else {"font.family": list(labels.families)}
    for picture in pictures:
        lines += [f"## {picture.title}", ""]
        if failure := _drawn(folder / f"{picture.name}.png", picture, families):
            sentence = f"The picture {picture.title!r} could not be drawn ({failure})."
            say(sentence)
            lines += [sentence, ""]
            continue
        lines += [picture.caption, ""] if picture.caption else []
        lines += [f"![{picture.alt or picture.title}]({picture.name}.png)", ""]
    return lines


def _drawn(path: Path, picture: Picture, settings: dict[str, Any]) -> str:
    """Draw one picture; return "", or what went wrong. A picture of an earlier run goes then."""
    try:
        with plt.rc_context(settings), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph .* missing", category=UserWarning)
            picture.draw(*picture.arguments)
            with replacing(path) as temporary:
                plt.gcf().savefig(temporary, dpi=DOTS)
    except Exception as error:
        path.unlink(missing_ok=True)
        reason = " ".join(str(error).split())[:150]
        return f"{type(error).__name__}: {reason}" if reason else type(error).__name__
    finally:
        plt.close("all")
    return ""


def _families(characters: set[str]) -> tuple[tuple[str, ...], set[str]]:
    """Return fonts that draw the characters, the usual one first, and the characters none has."""
    usual = font_manager.FontProperties(family=plt.rcParams["font.family"])
    path = font_manager.findfont(usual)
    families = [font_manager.get_font(path).family_name]
    missing = {c for c in characters if ord(c) not in _drawable(path)}
    fonts = {font.name: font.fname for font in font_manager.fontManager.ttflist}
    for name in sorted(fonts, key=lambda name: (not _likely(name), name)):
        if not missing:
            break
        found = {c for c in missing if ord(c) in _drawable(fonts[name])}
        if found:
            families.append(name)
            missing -= found
    return tuple(families), missing


def _likely(name: str) -> bool:
    return any(word in name.lower() for word in LIKELY)


@functools.cache
def _drawable(path: str) -> frozenset[int]:
    """Return the code points that a font has; none if its file cannot be read."""
    try:
        return frozenset(font_manager.get_font(path).get_charmap())
    except (OSError, RuntimeError):
        return frozenset()
