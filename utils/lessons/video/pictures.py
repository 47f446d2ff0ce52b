"""Clips as animated pictures."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from utils.checks import positive_integer
from utils.lessons.video.motion import _check_clips


def animation(
    rows: Sequence[np.ndarray],
    colors: Sequence[tuple[float, float, float]],
    *,
    zoom: int = 4,
    milliseconds: int = 150,
) -> bytes:
    """Return an animated PNG of clips side by side, which any browser plays; the last frame rests.

    Used in lesson 16.1.

    Args:
        rows: each (clips, frames, height, width), from −1 to 1; all of the same shape.
        colors: of the frame round each row's clips: red, green and blue, from 0 to 1.
        zoom: width of a pixel.
        milliseconds: that a frame is shown; the last one four times as long.

    Raises:
        ValueError: for no rows, shapes that differ, a number of colours that does not fit, or a
            zoom or time below 1.
    """
    clips = [_check_clips(row) for row in rows]
    if len({row.shape for row in clips}) != 1 or len(colors) != len(clips):
        raise ValueError(
            f"There are rows {[row.shape for row in clips]} and {len(colors)} colours; expected "
            "rows of one shape, and a colour each."
        )
    positive_integer(zoom=zoom, milliseconds=milliseconds)
    _, _, height, width = clips[0].shape
    bands = []
    for row, color in zip(clips, colors, strict=True):
        grey = np.clip((row + 1) / 2, 0, 1).repeat(zoom, axis=2).repeat(zoom, axis=3)
        tile = np.ones((*grey.shape[:2], zoom * height + 4, zoom * width + 4, 3)) * color
        tile[:, :, 2:-2, 2:-2] = grey[..., None]
        bands.append(np.concatenate(list(tile), axis=2))
    film = (255 * np.concatenate(bands, axis=1)).round().astype("uint8")
    pages = [Image.fromarray(page) for page in film]
    times = [milliseconds] * (len(pages) - 1) + [4 * milliseconds]
    file = io.BytesIO()
    pages[0].save(
        file, "PNG", save_all=True, append_images=pages[1:], duration=times, loop=0, optimize=True
    )
    return file.getvalue()
