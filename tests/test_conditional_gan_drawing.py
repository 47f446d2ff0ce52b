"""The diagram of the conditional GAN: on the axes given, with its labels, inside of its limits."""

from __future__ import annotations

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt

from tests.test_machines import outside, texts
from utils.plots.conditional_gan import conditional_gan


def test_it_names_its_parts_and_stays_inside():
    _, ax = plt.subplots()
    assert conditional_gan(ax, title="A title") is ax
    assert ax.get_title() == "A title"
    drawn = conditional_gan()
    for part in ("embed", "LSTM", "fake beat", "real beat", "$\\phi(x)$", "$e_y$", "logit"):
        assert part in texts(drawn)
    assert outside(drawn) == []
    plt.close("all")
