"""The spectra and the voice of lesson 06, against closed forms, and the sound files it links."""

from pathlib import Path

import numpy as np
import pytest

from utils.datasets import load_vowels
from utils.lessons import speech

SOUNDS = Path(__file__).parent.parent / "notebooks" / "sounds"
LARGEST = 40_000  # bytes of a sound file


def cepstrum_of(poles, count):
    """Return c₁ … of 1/Π(1 − p z⁻¹): the sum of pⁿ/n over the poles."""
    n = np.arange(1, count + 1)[:, None]
    return np.real(np.sum(np.array(poles) ** n / n, axis=1))


def resonances(*pairs):
    """Return poles, with their conjugates, at (kHz, size)."""
    upper = [size * np.exp(2j * np.pi * at / 10) for at, size in pairs]
    return [*upper, *np.conj(upper)]


VOWEL = resonances((0.5, 0.97), (1.5, 0.95), (2.5, 0.93))


def test_the_predictor_has_the_poles_of_which_the_cepstrum_is():
    a = speech.predictor(cepstrum_of(VOWEL, 12)[None])[0]
    np.testing.assert_allclose(a[:7], np.real(np.poly(VOWEL)), atol=1e-12)
    np.testing.assert_allclose(a[7:], 0, atol=1e-12)


def test_the_spectrum_is_that_of_the_poles_and_its_cosines():
    frames = cepstrum_of(VOWEL, 400)[None]
    angle = np.linspace(0, np.pi, 200)
    product = np.prod([1 - p * np.exp(-1j * angle) for p in VOWEL], axis=0)
    direct = -20 * np.log10(np.abs(product))
    np.testing.assert_allclose(speech.spectrum(frames[:, :12])[0], direct, atol=1e-9)
    n = np.arange(1, 401)
    cosines = 20 / np.log(10) * frames[0] @ np.cos(np.outer(n, angle))
    np.testing.assert_allclose(direct, cosines, atol=1e-3)


def test_every_shipped_frame_is_that_of_a_stable_filter():
    for split in ("train", "test"):
        for frames in load_vowels(split).frames[::10]:
            for a in speech.predictor(frames):
                assert np.max(np.abs(np.roots(a))) < 1


def test_the_sound_has_the_strengths_that_the_frames_describe():
    frames = np.repeat(cepstrum_of(VOWEL, 12)[None], 100, axis=0)
    sound = speech.speak(frames, pitch=100)
    piece = sound[2000:4000] * np.hanning(2000)
    level = 20 * np.log10(np.abs(np.fft.rfft(piece)))
    bands = [np.s_[i : i + 50] for i in range(0, 1000, 50)]
    described = speech.spectrum(frames[:1], bins=1001)[0]
    heard = [level[band].max() for band in bands]
    assert np.corrcoef(heard, [described[band].max() for band in bands])[0, 1] > 0.97


def test_a_slower_voice_lasts_longer_and_keeps_its_pitch():
    frames = np.repeat(cepstrum_of(VOWEL, 12)[None], 40, axis=0)
    for slower in (1, 4):
        sound = speech.speak(frames, pitch=200, slower=slower)
        assert len(sound) == 40 * 64 * slower
        assert np.max(np.abs(sound)) == pytest.approx(0.9)
        start = sound[200:712] - sound[200:712].mean()
        repeats = np.correlate(start, start, "full")[512:]
        assert abs(np.argmax(repeats[30:80]) + 31 - 50) <= 2  # 10,000 / 200 samples


def test_what_is_no_frames_or_no_voice_is_refused():
    with pytest.raises(ValueError, match="expected \\(time, coefficients\\)"):
        speech.speak(np.zeros(12))
    with pytest.raises(ValueError, match="both above 0"):
        speech.speak(np.zeros((3, 12)), pitch=0)
    with pytest.raises(ValueError, match="both above 0"):
        speech.speak(np.zeros((3, 12)), slower=-1)
    with pytest.raises(ValueError, match="bins is 0"):
        speech.spectrum(np.zeros((3, 12)), bins=0)


def test_a_sound_survives_its_file(tmp_path):
    sound = np.sin(np.arange(1000) / 7)
    speech.save_wav(tmp_path / "a.wav", sound)
    np.testing.assert_allclose(speech.load_wav(tmp_path / "a.wav"), sound, atol=1 / 32767)
    with pytest.raises(ValueError, match="not within"):
        speech.save_wav(tmp_path / "b.wav", 2 * sound)
    with pytest.raises(ValueError, match="not within"):
        speech.save_wav(tmp_path / "c.wav", np.array([np.nan]))


@pytest.mark.parametrize("name", sorted(speech.linked()))
def test_the_linked_files_hold_the_sounds_that_the_lesson_plays(name):
    """After a change: python -m utils.lessons.speech notebooks/sounds."""
    path = SOUNDS / name
    assert path.stat().st_size <= LARGEST
    np.testing.assert_allclose(speech.load_wav(path), speech.linked()[name], atol=2 / 32767)


def test_every_sound_file_is_one_of_them():
    assert sorted(path.name for path in SOUNDS.glob("06_*")) == sorted(speech.linked())
