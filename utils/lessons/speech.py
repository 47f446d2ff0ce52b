"""What the twelve numbers of a frame of speech describe: a spectrum, and a voice to listen to.

``python -m utils.lessons.speech notebooks/sounds`` writes the sound files that lesson 6 links.
"""

from __future__ import annotations

import sys
import wave
from pathlib import Path

import numpy as np

from utils.checks import positive_integer
from utils.datasets.speech import load_vowels

RATE = 10_000  # samples a second, of the recordings
STEP = 64  # samples from one frame to the next: 6.4 ms
PULSE = 512  # samples of the answer to one pulse: after 51 ms nothing is left of it
FADE = 60  # samples: 6 ms at either end of a sound


def _frames(frames: np.ndarray) -> np.ndarray:
    """Return frames as float64, checked.

    Raises:
        ValueError: for another shape than ``(time, coefficients)``, or no frame.
    """
    values = np.asarray(frames, dtype="float64")
    if values.ndim != 2 or 0 in values.shape:
        raise ValueError(
            f"The frames have the shape {values.shape}; expected (time, coefficients)."
        )
    return values


def predictor(frames: np.ndarray) -> np.ndarray:
    """Return the linear predictor whose cepstrum each frame is.

    Used in lesson 6.1.

    Derived in its companion 06_cepstrum. With A(z) = 1 + a₁z⁻¹ + … + aₚz⁻ᵖ, the
    cepstrum is that of 1/A, and n·aₙ = −n·cₙ − Σ k·cₖ·aₙ₋ₖ, k from 1 to n − 1.

    Args:
        frames: cepstrum coefficients c₁ … cₚ, ``(time, p)``.

    Returns:
        ``(time, p + 1)``: 1, a₁, …, aₚ.

    Raises:
        ValueError: for frames of another shape.
    """
    c = _frames(frames)
    a = np.zeros((c.shape[0], c.shape[1] + 1))
    a[:, 0] = 1
    for n in range(1, c.shape[1] + 1):
        earlier = sum(k * c[:, k - 1] * a[:, n - k] for k in range(1, n))
        a[:, n] = -c[:, n - 1] - earlier / n
    return a


def spectrum(frames: np.ndarray, bins: int = 200) -> np.ndarray:
    """Return the spectrum 1/|A| of each frame in decibels, up to a constant.

    Used in lesson 6.1.

    Args:
        frames: cepstrum coefficients, ``(time, p)``.
        bins: how many frequencies, evenly from 0 to 5,000 Hz.

    Returns:
        ``(time, bins)``.

    Raises:
        ValueError: for frames of another shape, or fewer than one bin.
    """
    positive_integer(bins=bins)
    a = predictor(frames)
    angle = np.linspace(0, np.pi, bins)
    waves = np.exp(-1j * np.outer(np.arange(a.shape[1]), angle))
    return -20 * np.log10(np.abs(a @ waves))


def _answers(a: np.ndarray) -> np.ndarray:
    """Return what each filter 1/A answers to a pulse, ``(time, PULSE)``."""
    order = a.shape[1] - 1
    out = np.zeros((len(a), order + PULSE))
    out[:, order] = 1
    for n in range(order + 1, order + PULSE):
        out[:, n] = -np.sum(a[:, 1:] * out[:, n - order : n][:, ::-1], axis=1)
    return out[:, order:]


def speak(frames: np.ndarray, *, pitch: float = 120.0, slower: float = 1.0) -> np.ndarray:
    """Return a sound with the spectra of the frames: pulses, each answered by its frame's filter.

    Used in lesson 6.1.

    The pulses stand for those of the vocal cords and are the same for every
    speaker: the frames say nothing of pitch, loudness or breath. Between two frames the
    coefficients are interpolated.

    Args:
        frames: cepstrum coefficients, ``(time, p)``.
        pitch: pulses a second at the start; they slow down by a sixth towards the end.
        slower: how many times as long as the recording the sound lasts; its pitch stays.

    Returns:
        ``(samples,)`` at 10,000 samples a second, at most 0.9 in size.

    Raises:
        ValueError: for frames of another shape, or a pitch or factor that is not above 0.
    """
    c = _frames(frames)
    if not (0 < pitch < RATE / 2 and slower > 0):
        raise ValueError(
            f"The pitch is {pitch} Hz, the factor {slower}; expected a pitch below "
            f"{RATE // 2} and both above 0."
        )
    length = round(len(c) * STEP * slower)
    starts, at = [], 0.0
    while at < length:
        starts.append(int(at))
        at += RATE / (pitch * (1 - at / length / 6))
    places = np.clip(np.array(starts) / (STEP * slower) - 0.5, 0, len(c) - 1)
    between = np.array([np.interp(places, np.arange(len(c)), row) for row in c.T]).T
    sound = np.zeros(length + PULSE)
    for start, answer in zip(starts, _answers(predictor(between)), strict=True):
        sound[start : start + PULSE] += answer
    sound = sound[:length]
    fade = np.minimum(1, np.arange(length) / FADE)
    sound = sound * fade * fade[::-1]
    return 0.9 * sound / np.max(np.abs(sound))


def save_wav(path: str | Path, sound: np.ndarray) -> None:
    """Write a sound from −1 to 1 as a WAV file: one channel, 16 bits, 10,000 samples a second.

    Used in lesson 6.1.

    Raises:
        ValueError: if a sample is not within −1 and 1.
    """
    values = np.asarray(sound, dtype="float64")
    if not np.all(np.abs(values) <= 1):
        raise ValueError("A sample of the sound is not within -1 and 1.")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.round(32767 * values).astype("<i2").tobytes())


def load_wav(path: str | Path) -> np.ndarray:
    """Return the sound of a file that `save_wav` wrote, float64 from −1 to 1.

    Used in lesson 6.1.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it has several channels, other than 16 bits, or another rate.
    """
    with wave.open(str(path), "rb") as file:
        form = (file.getnchannels(), file.getsampwidth(), file.getframerate())
        if form != (1, 2, RATE):
            raise ValueError(
                f"{Path(path).name} has {form[0]} channels of {form[1]} bytes at {form[2]} Hz; "
                f"expected 1, 2 and {RATE}."
            )
        return np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32767


def twice(frames: np.ndarray) -> np.ndarray:
    """Return `speak` at the speed of the recording, a pause, and four times slower.

    Used in lesson 6.1.
    """
    pause = np.zeros(RATE // 4)
    return np.concatenate([speak(frames), pause, speak(frames, slower=4)])


def linked() -> dict[str, np.ndarray]:
    """Return the sounds that lesson 6 links, by the names of their files.

    Used in lesson 6.1.
    """
    frames = load_vowels("train").frames
    found = {f"06_speaker_{speaker}.wav": twice(frames[30 * speaker]) for speaker in (0, 2, 3, 6)}
    found["06_forwards.wav"] = speak(frames[60], slower=4)
    found["06_backwards.wav"] = speak(frames[60][::-1], slower=4)
    return found


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(exist_ok=True)
    for name, sound in linked().items():
        save_wav(folder / name, sound)
