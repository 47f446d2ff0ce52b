"""A film: pictures one after the other in one animated PNG, which any browser plays."""

from __future__ import annotations

import io
from collections.abc import Iterable

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from utils.checks import positive_integer

LONGEST = 5000  # milliseconds: what moves longer must be possible to stop (WCAG 2.2.2)
COLOURS = 64  # of a film


def _picture(frame: Figure | np.ndarray) -> np.ndarray:
    """Return a frame as an array (height, width, 3) of uint8; a figure is drawn and closed."""
    if isinstance(frame, Figure):
        canvas = FigureCanvasAgg(frame)
        canvas.draw()
        plt.close(frame)
        return np.array(canvas.buffer_rgba())[:, :, :3]
    picture = np.asarray(frame)
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        raise ValueError(
            f"A frame has the shape {picture.shape} and the type {picture.dtype}; expected a "
            "figure, or (height, width, 3) of uint8."
        )
    return picture


def film(frames: Iterable[Figure | np.ndarray], *, milliseconds: int = 120) -> bytes:
    """Return an animated PNG that plays once and then rests on its last frame.

    Used in lesson 7.1.

    Show it with ``IPython.display.Image(film(frames))``. A viewer that plays no animation shows the
    last frame. All frames share a few colours, enough for lines and areas: the file stays small.

    Args:
        frames: figures, or pictures ``(height, width, 3)`` of uint8, all of one size. A figure is
            drawn with its own dots per inch and then closed, so a generator needs little memory.
        milliseconds: that each frame is shown.

    Raises:
        ValueError: for no frames, a frame of another kind or size, a time below 1, or a film that
            lasts longer than 5 seconds.
    """
    positive_integer(milliseconds=milliseconds)
    pictures = [_picture(frame) for frame in frames]
    if not pictures or len({picture.shape for picture in pictures}) != 1:
        sizes = sorted({picture.shape[:2] for picture in pictures})
        raise ValueError(f"The frames have the sizes {sizes}; expected frames of one size.")
    if (lasts := milliseconds * len(pictures)) > LONGEST:
        raise ValueError(f"The film lasts {lasts} milliseconds; expected at most {LONGEST}.")
    height, width = pictures[0].shape[:2]
    strip = Image.fromarray(np.concatenate(pictures))
    strip = strip.quantize(COLOURS, dither=Image.Dither.NONE)
    tops = range(0, height * len(pictures), height)
    pages = [strip.crop((0, top, width, top + height)) for top in tops]
    file = io.BytesIO()
    options = {"duration": milliseconds, "loop": 1, "optimize": True}
    # What stands before the film is shown by those who do not play it.
    pages[-1].save(file, "PNG", save_all=True, append_images=pages, default_image=True, **options)
    return file.getvalue()
