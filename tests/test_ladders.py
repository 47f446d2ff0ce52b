"""Orders that hold by construction, and columns that become logarithms."""

from __future__ import annotations

import json

import numpy as np
import pytest

from utils.datasets.time_series import load_stock
from utils.lstm_gan.ladders import Ladder
from utils.lstm_gan.structure import Structure

OPEN, HIGH, LOW, CLOSE, ADJUSTED, VOLUME = range(6)


@pytest.fixture(scope="module")
def prices() -> np.ndarray:
    return load_stock("GOOG").values


def noise(encoded: np.ndarray, scale: float = 1.0, seed: int = 1) -> np.ndarray:
    """Return windows that are nothing like the data, (50, 20, features)."""
    rng = np.random.default_rng(seed)
    spread = scale * encoded.std(axis=0)
    return encoded.mean(axis=0) + spread * rng.normal(size=(50, 20, encoded.shape[1]))


def test_a_day_of_prices_is_a_close_and_what_lies_around_it(prices: np.ndarray) -> None:
    structure = Structure().fit([prices], load_stock("GOOG").columns)
    (first,) = structure.ladders
    assert first.rungs == [CLOSE, OPEN]
    assert (first.above, first.below) == ([HIGH], [LOW])
    assert first.logarithms
    assert structure.as_is == [VOLUME]
    # The adjusted close is a constant times the close: nothing of it is encoded.
    assert list(first.twins) == [ADJUSTED]
    (encoded,) = structure.encode([prices])
    assert encoded.shape == (len(prices), 5)
    back = structure.decode(encoded[None])[0]
    np.testing.assert_allclose(back, prices, rtol=1e-12)


@pytest.mark.parametrize("scale", [1.0, 5.0])
def test_no_generated_day_is_impossible(prices: np.ndarray, scale: float) -> None:
    structure = Structure().fit([prices], load_stock("GOOG").columns)
    (encoded,) = structure.encode([prices])
    days = structure.decode(noise(encoded, scale)).reshape(-1, 6)
    assert (days[:, LOW] <= days[:, [OPEN, CLOSE]].min(axis=1)).all()
    assert (days[:, HIGH] >= days[:, [OPEN, CLOSE]].max(axis=1)).all()
    np.testing.assert_allclose(days[:, ADJUSTED], days[:, CLOSE] * 0.5015482313425003, rtol=1e-9)
    assert (days >= prices.min(axis=0) - 1e-9).all()
    assert (days <= prices.max(axis=0) + 1e-9).all()


def test_an_adjusted_close_that_drifts_goes_with_the_close() -> None:
    rows = load_stock("IBM").values
    ladder = Structure().fit([rows], load_stock("IBM").columns).ladders[0]
    assert ladder.beside == [ADJUSTED]
    assert not ladder.twins
    np.testing.assert_allclose(
        ladder.decode(ladder.encode(rows[:, ladder.columns])), rows[:, ladder.columns], rtol=1e-12
    )


def test_temperatures_keep_their_unit() -> None:
    rng = np.random.default_rng(0)
    middle = 10 * np.sin(np.arange(900) / 60) + rng.normal(size=900).cumsum() / 10
    rows = np.column_stack([middle - rng.gamma(2, 2, 900), middle + rng.gamma(2, 2, 900)])
    (ladder,) = Structure().fit([rows], ["lowest", "highest"]).ladders
    assert not ladder.logarithms  # some are below zero
    made = ladder.decode(noise(ladder.encode(rows), 3.0))
    assert (made[..., 0] <= made[..., 1]).all()


def test_positive_columns_that_vary_widely_become_logarithms() -> None:
    height = np.linspace(10, 25, 200)
    pair = [(0, 1)]
    for rows, logarithms in (
        (np.column_stack([height, height + 1]), True),
        (np.column_stack([height - 10, height]), False),  # down to zero
        (np.column_stack([height + 100, height + 101]), False),  # not twice the smallest
    ):
        assert Ladder([0, 1], pair).fit([rows]).logarithms == logarithms


def test_an_order_that_is_no_ladder_is_left_to_the_repair() -> None:
    """Column 0 lies below 3 alone, and not below the columns between."""
    pairs = [(0, 3), (4, 1), (4, 2), (4, 5), (1, 3), (2, 3), (5, 3)]
    ladder = Ladder(range(6), pairs)
    assert not ladder.orderly
    assert Ladder([0, 1, 2], [(0, 1), (1, 2)]).orderly


def test_a_ladder_is_stored_as_json(prices: np.ndarray) -> None:
    structure = Structure().fit([prices], load_stock("GOOG").columns)
    again = Structure.from_state(json.loads(json.dumps(structure.state())))
    (encoded,) = structure.encode([prices])
    np.testing.assert_array_equal(again.encode([prices])[0], encoded)
    np.testing.assert_array_equal(again.decode(noise(encoded)), structure.decode(noise(encoded)))
