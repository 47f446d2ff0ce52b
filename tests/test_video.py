"""Moving digits: the simulator, the convolutional LSTM, the judges of frame and motion."""

import io

import keras
import numpy as np
import pytest
from PIL import Image
from scipy.signal import convolve2d, correlate2d

from utils import lstm_gan
from utils.lessons import video
from utils.lessons.video import Digits


@pytest.fixture(scope="module")
def digits():
    return video.load_moving_digits()


@pytest.fixture(scope="module")
def clips(digits):
    return video.simulate(digits[0], 400, 8, seed=3)


# --- the digits ---------------------------------------------------------------------------------


def test_the_digits_are_split_without_overlap(digits):
    train, test = digits
    assert (len(train.images), len(test.images)) == (377, 162)
    assert set(train.labels) == set(test.labels) == {0, 1, 2}
    seen = {image.tobytes() for image in train.images}
    # Two people may write the same 64 numbers; that many of them would be a leak.
    assert sum(image.tobytes() in seen for image in test.images) <= 2
    assert train.images.min() == -1
    assert train.images.max() == 1


def test_labels_follow_the_classes():
    train, _ = video.load_moving_digits((7, 1))
    ones, _ = video.load_moving_digits((1,))
    np.testing.assert_array_equal(
        np.sort(train.images[train.labels == 1].sum(axis=(1, 2))),
        np.sort(ones.images.sum(axis=(1, 2))),
    )


@pytest.mark.parametrize(
    ("classes", "test", "message"),
    [
        ((), 0.3, "expected different digits"),
        ((1, 1), 0.3, "expected different digits"),
        ((10,), 0.3, "expected different digits"),
        ((1, 7), 1.0, "share is 1.0"),
    ],
)
def test_bad_classes_are_refused(classes, test, message):
    with pytest.raises(ValueError, match=message):
        video.load_moving_digits(classes, test=test)


# --- the simulator ------------------------------------------------------------------------------


def test_a_bounce_step_by_step():
    """The triangle wave against a ball that is moved and turned by hand."""
    for speed in (1, 2, 3, 5):
        place, velocity, by_hand = 0, speed, []
        for _ in range(40):
            by_hand.append(place)
            place += velocity
            if place > 8:
                place, velocity = 16 - place, -velocity
            elif place < 0:
                place, velocity = -place, -velocity
        np.testing.assert_array_equal(video.bounce(speed * np.arange(40)), by_hand)
    with pytest.raises(ValueError, match="above 0"):
        video.bounce(np.arange(3), 0)


def test_every_clip_keeps_its_speed_and_stays_inside(clips):
    assert clips.places.min() == 0
    assert clips.places.max() == 8
    steps = np.diff(clips.places, axis=1)
    np.testing.assert_array_equal(
        np.abs(steps), np.broadcast_to(clips.speeds[:, None], steps.shape)
    )
    turned = steps[:, 1:] != steps[:, :-1]
    at_wall = np.isin(clips.places[:, 1:-1], (0, 8)) & (clips.speeds[:, None] > 0)
    np.testing.assert_array_equal(turned, at_wall)
    assert set(map(tuple, clips.speeds)) == {(0, 2), (2, 0), (2, 2)}
    assert set(clips.places.ravel()) == {0, 2, 4, 6, 8}


def test_frames_show_the_digit_at_its_place_and_nothing_else(digits, clips):
    known = {image.tobytes(): label for image, label in zip(*digits[0], strict=True)}
    for i in range(0, 400, 37):
        for frame, (row, column) in zip(clips.frames[i], clips.places[i], strict=True):
            patch = frame[row : row + 8, column : column + 8].copy()
            assert known[patch.tobytes()] == clips.labels[i]
            frame = frame.copy()
            frame[row : row + 8, column : column + 8] = -1
            assert (frame == -1).all()


def test_same_seed_same_frames(digits):
    one, same, other = (video.simulate(digits[0], 20, seed=s) for s in (5, 5, 6))
    for a, b in zip(one, same, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(one.frames, other.frames)


def test_bounces_by_enumeration():
    """Every start along one axis, counted; two of the three motions use one axis, one both."""
    for frames in (2, 3, 8, 21):
        paths = [video.bounce(start + 2 * np.arange(frames)) for start in range(0, 16, 2)]
        steps = np.diff(paths, axis=1)
        one_axis = (steps[:, 1:] * steps[:, :-1] < 0).sum(axis=1).mean()
        assert video.expected_bounces(frames) == pytest.approx((1 + 1 + 2) / 3 * one_axis)
    with pytest.raises(ValueError, match="at least 2"):
        video.expected_bounces(1)


def test_simulated_bounces_are_as_many_as_expected(digits):
    places = video.simulate(digits[0], 4000, 8, seed=0).places
    found = video.bounces(np.diff(places, axis=1))
    assert found.mean() == pytest.approx(2, abs=4 * found.std() / np.sqrt(4000))


@pytest.mark.parametrize(
    ("images", "count", "frames", "message"),
    [
        (np.zeros((0, 8, 8)), 3, 8, r"expected \(count, 8, 8\)"),
        (np.zeros((2, 7, 8)), 3, 8, r"expected \(count, 8, 8\)"),
        (np.zeros((2, 8, 8)), 0, 8, "count is 0"),
        (np.zeros((2, 8, 8)), 3, 0, "frames is 0"),
    ],
)
def test_bad_simulations_are_refused(images, count, frames, message):
    with pytest.raises(ValueError, match=message):
        video.simulate(Digits(images, np.zeros(len(images), int)), count, frames)


@pytest.mark.parametrize(
    ("places", "message"),
    [
        (np.full((1, 2, 2), 9), "from 9 to 9"),
        (np.full((1, 2, 2), -1), "from -1 to -1"),
        (np.zeros((2, 2, 2), int), "do not fit"),
        (np.zeros((1, 2, 3), int), "do not fit"),
    ],
)
def test_places_outside_the_frame_are_refused(places, message):
    with pytest.raises(ValueError, match=message):
        video.render(np.zeros((1, 8, 8)), places)


# --- the networks -------------------------------------------------------------------------------


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def convolve(images, kernel):
    """(batch, h, w, in), (k, k, in, out) → (batch, h, w, out), each output by SciPy."""
    output = np.zeros((*images.shape[:3], kernel.shape[3]))
    for row, image in enumerate(images):
        for i in range(kernel.shape[2]):
            for o in range(kernel.shape[3]):
                output[row, ..., o] += correlate2d(image[..., i], kernel[..., i, o], "same")
    return output


def test_convlstm2d_is_the_written_out_step():
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(2, 4, 5, 6, 3)).astype("float32")
    layer = keras.layers.ConvLSTM2D(2, 3, padding="same", return_sequences=True)
    theirs = layer(inputs).numpy()
    weights = [rng.normal(size=w.shape).astype("float32") for w in layer.get_weights()]
    layer.set_weights(weights)
    theirs = layer(inputs).numpy()
    from_input, from_state, bias = weights
    h = c = np.zeros((2, 5, 6, 2))
    for t in range(4):
        total = convolve(inputs[:, t], from_input) + convolve(h, from_state) + bias
        i, f, new, o = np.split(total, 4, axis=-1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(new)
        h = sigmoid(o) * np.tanh(c)
        np.testing.assert_allclose(theirs[:, t], h, atol=1e-5)


def test_a_stamp_is_what_the_simulator_draws(digits, clips):
    rng = np.random.default_rng(0)
    pictures = digits[0].images[:5]
    maps = np.zeros((5, 8, 5, 5), "float32")
    clip, frame = np.indices((5, 8))
    places = clips.places[:5]
    maps[clip, frame, places[..., 0] // 2, places[..., 1] // 2] = 1
    stamped = video.Stamp()([(pictures + 1) / 2, maps]).numpy()
    np.testing.assert_allclose(2 * stamped - 1, video.render(pictures, places), atol=1e-6)
    # Any map: a transposed convolution, which is a full one of the map with zeros in between.
    maps = rng.random(size=(5, 2, 5, 5)).astype("float32")
    stamped = video.Stamp()([pictures, maps]).numpy()
    spread = np.zeros((9, 9))
    spread[::2, ::2] = maps[3, 1]
    np.testing.assert_allclose(stamped[3, 1], convolve2d(spread, pictures[3]), atol=1e-5)


def small_generator(frames, seed=0):
    return video.conv_lstm_generator(frames, content=2, push=3, filters=3, seed=seed)


def test_only_the_first_frames_latents_count():
    generator = small_generator(4)
    latents = lstm_gan.draw_latents(3, 4, 0, 30, [1, 2]).numpy()
    later = latents.copy()
    later[:, 1:] = 0
    np.testing.assert_array_equal(generator(latents), generator(later))
    # A longer clip by the same weights begins with the shorter one.
    longer = small_generator(7)
    longer.set_weights(generator.get_weights())
    np.testing.assert_allclose(
        longer(np.pad(latents, ((0, 0), (0, 3), (0, 0))))[:, :4], generator(latents), atol=1e-6
    )


def test_a_launch_is_a_push_at_the_place_of_the_largest_number():
    generator = small_generator(2)
    launch = keras.Model(generator.input, generator.get_layer("launch").output)
    latents = lstm_gan.draw_latents(20, 2, 30, 0, [1, 2]).numpy()
    boards = launch(latents).numpy()[:, 0]
    for board, numbers in zip(boards, latents[:, 0], strict=True):
        row, column = divmod(int(numbers[2:27].argmax()), 5)
        np.testing.assert_allclose(board[row, column], [2, *2 * numbers[27:]], atol=1e-6)
        board[row, column] = 0
        assert (board == 0).all()


def test_content_and_motion_are_apart():
    generator = small_generator(4)
    where = keras.Model(generator.input, generator.get_layer("where").output)
    what = keras.Model(generator.input, generator.get_layer("what").output)
    latents = lstm_gan.draw_latents(2, 4, 30, 0, [1, 2]).numpy()
    mixed = np.concatenate([latents[:1, :, :2], latents[1:, :, 2:]], axis=-1)
    np.testing.assert_allclose(where(mixed)[0], where(latents)[1], atol=1e-6)
    np.testing.assert_allclose(what(mixed)[0], what(latents)[0], atol=1e-6)
    np.testing.assert_allclose(where(latents).numpy().sum(axis=(2, 3)), 1, atol=1e-5)


@pytest.mark.parametrize("frames", [2, 5])
def test_shapes(frames):
    generator = small_generator(frames)
    assert generator.output_shape == (None, frames, 256)
    assert generator.input_shape == (None, frames, 2 + 25 + 3)
    latents = lstm_gan.draw_latents(3, frames, 30, 0, [1, 2])
    made = generator(latents).numpy()
    assert made.shape == (3, frames, 256)
    assert np.abs(made).max() <= 1
    for recurrent in (True, False):
        discriminator = video.conv_lstm_discriminator(frames, filters=4, recurrent=recurrent)
        assert discriminator(made).shape == (3, 1)
        kinds = {type(layer).__name__ for layer in discriminator.layers}
        assert ("ConvLSTM2D" in kinds) is recurrent
    assert "ConvLSTM2D" in {type(layer).__name__ for layer in generator.layers}


def test_same_seed_same_weights():
    for build in (
        lambda seed: small_generator(3, seed),
        lambda seed: video.conv_lstm_discriminator(3, filters=2, seed=seed),
        lambda seed: video.digit_classifier(3, seed=seed),
    ):
        one, same, other = (build(seed).get_weights() for seed in (7, 7, 8))
        assert all(np.array_equal(a, b) for a, b in zip(one, same, strict=True))
        assert not all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_only_the_recurrent_discriminator_knows_the_order(clips):
    series = clips.frames[:4].reshape(4, 8, 256)
    order = np.random.default_rng(0).permutation(8)
    for recurrent in (True, False):
        discriminator = video.conv_lstm_discriminator(8, filters=4, recurrent=recurrent)
        change = np.abs(discriminator(series).numpy() - discriminator(series[:, order]).numpy())
        assert (change.max() > 1e-4) is np.True_ if recurrent else change.max() < 1e-6


@pytest.mark.parametrize("sizes", [{"frames": 0}, {"content": 0}, {"push": 0}, {"filters": 0}])
def test_sizes_below_one_are_refused(sizes):
    with pytest.raises(ValueError, match="is 0; expected a positive integer"):
        video.conv_lstm_generator(**{"frames": 2} | sizes)
    if {"frames", "filters"} & set(sizes):
        with pytest.raises(ValueError, match="is 0; expected a positive integer"):
            video.conv_lstm_discriminator(**{"frames": 2} | sizes)


# --- the judge of motion ------------------------------------------------------------------------


def test_phase_correlation_recovers_every_shift_of_a_picture():
    rng = np.random.default_rng(0)
    picture = rng.normal(size=(16, 16))
    shifts = np.array([(down, right) for down in range(-8, 8) for right in range(-8, 8)])
    moved = np.stack([np.roll(picture, shift, axis=(0, 1)) for shift in shifts])
    found = video.phase_correlation(np.broadcast_to(picture, moved.shape), 5 * moved + 3)
    np.testing.assert_array_equal(found.pixels, shifts)
    np.testing.assert_allclose(found.heights, 1, atol=1e-9)


def test_phase_correlation_of_an_odd_and_a_wide_frame():
    picture = np.random.default_rng(0).normal(size=(5, 12))
    moved = np.roll(picture, (-2, 5), axis=(0, 1))
    np.testing.assert_array_equal(video.phase_correlation(picture, moved).pixels, (-2, 5))


def test_velocities_of_simulated_clips_are_exact(clips):
    found = video.velocities(clips.frames)
    np.testing.assert_array_equal(found.pixels, np.diff(clips.places, axis=1))
    # Some digits lack a frequency or two of the 256, which the peak then lacks too.
    assert found.heights.min() > 0.98
    assert found.heights.max() < 1 + 1e-9


def test_noise_lowers_the_peak():
    rng = np.random.default_rng(0)
    found = video.phase_correlation(*rng.normal(size=(2, 50, 16, 16)))
    assert found.heights.max() < 0.5


def test_blank_frames_have_no_shift():
    blank = np.full((16, 16), -1.0)
    found = video.phase_correlation(blank, blank)
    np.testing.assert_array_equal(found.pixels, (0, 0))
    assert found.heights == pytest.approx(1 / 256)
    assert video.phase_correlation(0 * blank, 0 * blank).heights == 0


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (np.zeros((3, 4)), np.zeros((4, 3)), "expected equal ones"),
        (np.zeros(3), np.zeros(3), "expected equal ones"),
        (np.zeros((3, 0)), np.zeros((3, 0)), "expected equal ones"),
        (np.full((3, 3), np.nan), np.zeros((3, 3)), "NaN or infinity"),
    ],
)
def test_bad_pictures_are_refused(before, after, message):
    with pytest.raises(ValueError, match=message):
        video.phase_correlation(before, after)


@pytest.mark.parametrize("shape", [(2, 8, 256), (2, 1, 16, 16), (0, 8, 16, 16)])
def test_bad_clips_are_refused(shape):
    with pytest.raises(ValueError, match=r"expected \(clips, frames, height, width\)"):
        video.velocities(np.zeros(shape))


def test_the_motion_of_real_clips(clips):
    judged = video.motion(np.diff(clips.places, axis=1))
    assert judged.lawful == judged.steady == 1
    assert judged.speed_gap < 0.1
    assert judged.bounces == pytest.approx(2, abs=0.25)


def test_motion_by_hand():
    """One lawful clip that turns once; one that stands, takes off aslant, and then too far."""
    shifts = np.array([[[0, 2], [0, -2], [0, -2]], [[0, 0], [2, 2], [2, 4]]])
    judged = video.motion(shifts)
    assert judged.lawful == pytest.approx(4 / 6)
    assert judged.steady == pytest.approx(2 / 4)
    # Of six steps: (0, 2) three, (2, 2) one, (2, 0) none, two outside.
    gaps = abs(3 / 6 - 1 / 3) + abs(1 / 6 - 1 / 3) + 1 / 3 + 2 / 6
    assert judged.speed_gap == pytest.approx(gaps / 2)
    assert judged.bounces == pytest.approx(1 / 2)


@pytest.mark.parametrize("shape", [(3, 7), (3, 7, 3), (3, 1, 2), (0, 7, 2)])
def test_bad_shifts_are_refused(shape):
    with pytest.raises(ValueError, match="The shifts have the shape"):
        video.motion(np.zeros(shape))


# --- the judge of frames ------------------------------------------------------------------------


def test_the_classifier_reads_a_frame_with_one_channel(clips):
    classifier = video.digit_classifier(4)
    assert classifier.input_shape == (None, 16, 16, 1)
    assert classifier.output_shape == (None, 4)
    assert classifier.get_layer("features").output.shape == (None, 32)
    assert classifier(clips.frames[:2, 0, ..., None]).shape == (2, 4)
    with pytest.raises(ValueError, match="ncompatible"):
        classifier(clips.frames[:2])
    with pytest.raises(ValueError, match="at least 2"):
        video.digit_classifier(1)


# --- pictures -----------------------------------------------------------------------------------


def test_an_animation_plays_every_frame(clips):
    rows = [clips.frames[:3], clips.frames[3:6]]
    film = video.animation(rows, [(1, 0, 0), (0, 0, 1)], zoom=2, milliseconds=100)
    image = Image.open(io.BytesIO(film))
    assert image.format == "PNG"
    assert image.n_frames == 8
    assert image.size == (3 * 36, 2 * 36)
    for t in range(8):
        image.seek(t)
        page = np.asarray(image.convert("RGB"))
        assert tuple(page[0, 0]) == (255, 0, 0)
        assert tuple(page[-1, -1]) == (0, 0, 255)
        shown = page[2:34:2, 38:70:2, 0] / 127.5 - 1
        np.testing.assert_allclose(shown, clips.frames[1, t], atol=0.01)
        assert image.info["duration"] == (400 if t == 7 else 100)


def test_bad_animations_are_refused(clips):
    one = clips.frames[:2]
    with pytest.raises(ValueError, match="a colour each"):
        video.animation([one, clips.frames[:3]], [(1, 0, 0)] * 2)
    with pytest.raises(ValueError, match="a colour each"):
        video.animation([one], [])
    with pytest.raises(ValueError, match="zoom is 0"):
        video.animation([one], [(1, 0, 0)], zoom=0)
    with pytest.raises(ValueError, match="NaN"):
        video.animation([np.full((1, 2, 4, 4), np.nan)], [(1, 0, 0)])
