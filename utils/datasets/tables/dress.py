"""What a number wears: sign, brackets, currency, thousands and millions, unit."""

from __future__ import annotations

import dataclasses
import re

_SCALES = {
    "k": 3,
    "m": 6,
    "mn": 6,
    "mio": 6,
    "mln": 6,
    "b": 9,
    "bn": 9,
    "mrd": 9,
    "t": 12,
    "tn": 12,
}
# What letters may stand before a number: anything else makes a name of it.
_CURRENCIES = frozenset(
    {"r$", "us$", "a$", "c$", "hk$", "nt$", "s$", "usd", "eur", "gbp", "jpy", "chf", "cny", "inr"}
    | {"krw", "sek", "nok", "dkk", "pln", "czk", "aud", "cad", "brl", "rs", "kr", "fr", "zł", "kč"}
    | {"rmb", "sfr", "rp", "rm"}
)
_AROUND = r"[^\d\s+\-.,'_(]{0,4}"
# sign, something before, sign, digits, exponent, something behind
_DRESSED = re.compile(
    rf"(?P<sign1>[-+]?)\s*(?P<before>{_AROUND}\.?)\s*(?P<sign>[-+]?)\s*"
    r"(?P<digits>[\d.,](?:[\d.,'_ ]*[\d.,])?)(?P<exponent>[eE][-+]?\d+)?"
    r"(?P<space>\s*)(?P<after>[^\d].{0,11}?)?"
)
# What people write for no cents: 12.–, 5,- and 7.--; no minus, and no minus behind.
_NO_CENTS = re.compile(r"(?<=\d[.,])\s?[-—]{1,2}(?!\d)")
# A bound and no number: <0.2 is below what the instrument can measure.
BOUND = re.compile(r"[<>≤≥]=?\s*[-+]?[\d.,]*\d[\d.,]*(\s*[^\d\s]{1,8})?")
_UNIT = re.compile(r"[^\d\s(),;:'\"]+(\s?[^\d\s(),;:'\"]+)?\d?")


@dataclasses.dataclass(frozen=True)
class Part:
    """A cell taken apart.

    Attributes:
        negative: whether a sign or brackets make it so.
        before: what stands before the digits, such as a currency.
        digits: with their marks.
        exponent: such as "e-3", or nothing.
        scale: K, M, B or the like, or nothing.
        unit: what stands behind.
        bracket: whether it was (5).
        behind: whether it was 5-.
        no_cents: whether it was 5,-.
        spaced: whether a space stands before what follows the digits.
    """

    negative: bool
    before: str
    digits: str
    exponent: str
    scale: str
    unit: str
    bracket: bool
    behind: bool
    no_cents: bool
    spaced: bool


def take_apart(text: str) -> Part | None:
    """Take a cell apart: sign, currency, digits, exponent, scale, unit; None for other text."""
    if found := re.fullmatch(r"([^\w\s(.,+-]{1,2})\s*\((.*)\)", text):
        text = f"({found[1]}{found[2]})"  # $(5.00)
    bracket = text.startswith("(") and text.endswith(")")
    if bracket:
        text = text[1:-1].strip()
    text, no_cents = _NO_CENTS.subn("", text)
    behind = re.search(r"\d ?-$", text) is not None
    if behind:
        text = text[:-1].strip()
    found = _DRESSED.fullmatch(text)
    if found is None or text.endswith("-") or (found["sign1"] and found["sign"]):
        return None
    before = found["before"].strip()
    if bracket is False and "(" in before:
        return None
    if re.search(r"\w", before) and before.lower().rstrip(".") not in _CURRENCIES:
        return None  # Q1, AB12: names, no numbers
    sign = found["sign1"] or found["sign"]
    if (bracket or behind) and sign:
        return None
    after = (found["after"] or "").strip()
    scale = after if after.lower().rstrip(".") in _SCALES else ""
    unit = "" if scale else after
    if unit and not _UNIT.fullmatch(unit):
        # A scale and a unit: 5M USD.
        first, _, rest = unit.partition(" ")
        if first.lower() not in _SCALES or not _UNIT.fullmatch(rest):
            return None  # 4:53, 12 of 30, a sentence
    return Part(
        bracket or behind or sign == "-",
        before,
        found["digits"],
        found["exponent"] or "",
        scale,
        unit,
        bracket,
        behind,
        bool(no_cents),
        bool(found["space"]),
    )


def without_shared_scale(parts: dict[int, Part]) -> tuple[dict[int, Part], str]:
    """Return the parts, and the unit if what looks like one scale for all is a unit: 5 m, 300 K.

    Only letters that differ from cell to cell, or a capital M, B, T right behind the digits, are
    thousands and millions.
    """
    scales = {part.scale for part in parts.values()}
    if len(scales) > 1 or scales == {""}:
        return parts, ""
    scale = next(iter(scales))
    spaced = any(part.spaced for part in parts.values())
    if (scale.isupper() and not spaced) or len(scale) > 1:
        return parts, ""
    return {i: dataclasses.replace(part, scale="") for i, part in parts.items()}, scale


def power(scale: str) -> int:
    """Return the power of ten that a scale means."""
    return _SCALES[scale.lower().rstrip(".")]
