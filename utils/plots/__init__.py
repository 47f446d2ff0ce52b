"""The course's pictures: each takes data and an optional ``ax``, and returns the ``ax``."""

from utils.plots.diagrams import Shape, shapes
from utils.plots.images import images
from utils.plots.series import (
    autocorrelations,
    embedding,
    losses,
    marginals,
    paths,
    real_beside_generated,
    sample_evolution,
)
from utils.plots.style import GENERATED, HIDDEN, INK, PALETTE, REAL, Color, finish

__all__ = [
    "GENERATED",
    "HIDDEN",
    "INK",
    "PALETTE",
    "REAL",
    "Color",
    "Shape",
    "autocorrelations",
    "embedding",
    "finish",
    "images",
    "losses",
    "marginals",
    "paths",
    "real_beside_generated",
    "sample_evolution",
    "shapes",
]
