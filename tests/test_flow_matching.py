"""Flow matching: it learns a small toy, sees the whole window, and repeats itself."""

import numpy as np
import pytest

from benchmarks.rivals.flow_matching import FlowConfig, FlowMatching, velocity_network


def toy(count: int = 2000) -> np.ndarray:
    """Return windows of two rows that are equal but for a little noise, at −1 or at +1."""
    rng = np.random.default_rng(0)
    centre = rng.choice([-1.0, 1.0], (count, 1, 1))
    return np.repeat(centre, 2, axis=1) + 0.1 * rng.normal(size=(count, 2, 1))


@pytest.fixture(scope="module")
def learned() -> FlowMatching:
    flow = FlowMatching(toy(), FlowConfig(steps=400, units=16, learning_rate=1e-2, seed=1))
    flow.train(steps_per_call=100)
    return flow


def test_it_learns_two_modes_and_that_rows_agree(learned):
    samples = learned.sample(1000, seed=1)
    assert samples.shape == (1000, 2, 1)
    near = np.abs(np.abs(samples) - 1).max(axis=(1, 2)) < 0.5
    assert near.mean() > 0.9
    assert 0.4 < (samples[:, 0, 0] > 0).mean() < 0.6
    assert np.corrcoef(samples[:, 0, 0], samples[:, 1, 0])[0, 1] > 0.95
    assert np.mean(learned.losses[-50:]) < 0.7 * np.mean(learned.losses[:5])


def test_untrained_it_does_not():
    flow = FlowMatching(toy(), FlowConfig(steps=1, units=16))
    samples = flow.sample(500)  # the velocity starts as zero: noise stays noise
    assert abs(np.corrcoef(samples[:, 0, 0], samples[:, 1, 0])[0, 1]) < 0.2


def test_sampling_depends_on_the_seed_alone(learned):
    one, other = learned.sample(20, seed=3), learned.sample(20, seed=3)
    assert np.array_equal(one, other)
    assert not np.allclose(one, learned.sample(20, seed=4))
    assert np.allclose(learned.sample(20, seed=3, steps=40), one, atol=0.05)


def test_training_depends_on_the_seed_and_not_on_the_calls():
    runs = []
    for calls in (2, 5):
        flow = FlowMatching(toy(100), FlowConfig(steps=10, units=4, batch_size=16, seed=7))
        runs.append(flow.train(steps_per_call=calls))
    assert np.allclose(*runs, rtol=1e-4)


def test_time_stops_training():
    flow = FlowMatching(toy(100), FlowConfig(steps=10**6, units=4))
    assert 0 < len(flow.train(seconds=0.01, steps_per_call=2)) < 10**6


def test_the_velocity_that_leads_to_the_only_window_has_no_error():
    flow = FlowMatching(np.full((4, 2, 1), 3.0), FlowConfig(units=2))
    flow.network = lambda inputs, training: (3 - inputs[0]) / (1 - inputs[1][:, :, np.newaxis])
    noise = np.random.default_rng(1).normal(size=(4, 2, 1)).astype("float32")
    moment = np.array([[0.0], [0.2], [0.5], [0.9]], "float32")
    assert float(flow.loss(flow.real, noise, moment)) < 1e-8


def test_every_output_depends_on_every_row():
    network = velocity_network(5, 2, units=8, seed=1)
    network.get_layer("velocity").set_weights([np.ones((8, 2)), np.zeros(2)])
    moving = np.random.default_rng(1).normal(size=(1, 5, 2)).astype("float32")
    moved = moving + np.eye(5, dtype="float32")[:, :, np.newaxis]  # one row at a time
    windows = np.concatenate([moving, moved])
    velocity = network([windows, np.full((6, 1), 0.5, "float32")]).numpy()
    assert np.all(np.abs(velocity[1:] - velocity[0]).min(axis=2) > 1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "steps is 0"),
        ({"learning_rate": 0.0}, "learning rate is 0"),
        ({"ema_decay": 1.0}, "ema_decay 1"),
    ],
)
def test_bad_settings_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        FlowConfig(**options)


def test_bad_windows_are_refused():
    with pytest.raises(ValueError, match="expected \\(windows, time, features\\)"):
        FlowMatching(np.zeros((10, 3)))
