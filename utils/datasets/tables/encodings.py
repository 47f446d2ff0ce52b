"""Which encoding a file is in that is not UTF-8: judged by the letters that would come out."""

from __future__ import annotations

import re

_FEW = 4  # bytes beyond ASCII: fewer do not show a script
# Encodings of other scripts, their names, and letters of which headers and dates there are made.
_EAST = (
    (
        "cp932",
        "Shift-JIS (Japanese)",
        "年月日付時分気温売上値計量最高低平均降水合風速照間東京℃のアイシスンテトルーダウロド",
    ),
    ("gb18030", "GB 18030 (Chinese)", "年月日期时间开盘收价格量额温度数据成交高低"),
    ("big5", "Big5 (Chinese)", "年月日期時間開盤收價格量額溫度數據成交高低"),
    ("cp949", "CP 949 (Korean)", "날짜시간년월일가격종거래량온도고저"),
)


def other_script(raw: bytes) -> tuple[str, str] | None:
    """Return the text of a file in a script other than the Latin, and its encoding's name.

    In the Latin script letters beyond ASCII stand alone or in pairs. Where they stand in long runs,
    the encoding counts that gives the most letters which are common in headers and dates.

    Args:
        raw: the file, which is not UTF-8.

    Returns:
        The text and the name; None where the letters may be those of Western Europe.
    """
    high = re.findall(rb"[\x80-\xff]+", raw[:20_000])
    count = sum(map(len, high))
    if count < _FEW:
        return None
    found = []
    for encoding, name, common in _EAST:
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        letters = [letter for letter in text[:20_000] if ord(letter) > 127]
        share = sum(letter in common for letter in letters) / len(letters)
        found.append((share, text, name))
    best = max(found, default=(0.0, "", ""), key=lambda one: one[0])
    if best[0] > 0.3:
        return best[1], best[2]
    words = re.findall(rb"[\xc0-\xff\xa8\xb8]+", raw[:20_000])
    if sum(len(word) for word in words if len(word) > 2) > 0.7 * count:
        try:
            return raw.decode("cp1251"), "Windows-1251 (Cyrillic)"
        except UnicodeDecodeError:
            return None
    return None
