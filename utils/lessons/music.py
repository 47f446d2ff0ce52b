"""Music on a grid of sixteenths: notes, scores of harmony and melody, sound, and MIDI files.

A piece is two arrays of shape ``(…, steps, voices)``, a step a sixteenth: ``pitches``, whole MIDI
numbers (60 is middle C, a semitone each), 0 where a voice is silent; and ``onsets``, true where a
note begins, so that a repeated note is not one long note. Voices run from the highest to the
lowest: soprano, alto, tenor, bass.
"""

from __future__ import annotations

import io
import itertools
import struct
from collections.abc import Sequence
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from scipy.io import wavfile

VOICES = ("soprano", "alto", "tenor", "bass")
STEPS_A_QUARTER = 4
NAMES = ("C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B")
MAJOR = (0, 2, 4, 5, 7, 9, 11)  # semitones above the tonic
LARGEST_INTERVAL = 12  # semitones; larger leaps are counted with an octave
# Semitones above the lower note, octaves left out. Between upper voices a fourth is consonant,
# above the bass it is not (J. J. Fux, Gradus ad Parnassum, 1725, and every textbook since).
CONSONANT = (0, 3, 4, 7, 8, 9)
FOURTH = 5
TICKS_A_STEP = 120  # of a MIDI file: 480 a quarter


class Note(NamedTuple):
    """A note: its voice from 0, its first step, its length in steps, its MIDI pitch.

    Used in lesson 15.1.
    """

    voice: int
    start: int
    length: int
    pitch: int


def grid_to_notes(pitches: np.ndarray, onsets: np.ndarray) -> list[Note]:
    """Return the notes of one piece, in the order of voices, then of time.

    Defined in lesson 15.1.

    A note begins at an onset and sounds on until the next onset, a silence, or the end. Where a
    pitch changes without an onset, or sounds first, a note begins as well.

    Args:
        pitches: whole numbers from 0 to 127, shape ``(steps, voices)``.
        onsets: bool, of the same shape.

    Raises:
        ValueError: if the arrays are not such a piece.
    """
    pitches, begins = _piece(pitches, onsets)
    notes = []
    for voice in range(pitches.shape[1]):
        column = pitches[:, voice]
        edges = np.flatnonzero(begins[:, voice] | (np.diff(column, prepend=-1) != 0))
        for start, end in zip(edges, [*edges[1:], len(column)], strict=True):
            if column[start]:
                notes.append(Note(voice, int(start), int(end - start), int(column[start])))
    return notes


def pitch_class_histogram(pitches: np.ndarray) -> np.ndarray:
    """Return the share of sounding time of each pitch class, C to B, shape ``(…, 12)``.

    Used in lesson 15.3.

    Args:
        pitches: shape ``(…, steps, voices)``.

    Raises:
        ValueError: if they are not whole numbers from 0 to 127, or nothing sounds.
    """
    pitches = _pitches(pitches)
    sounding = (pitches > 0)[..., None] & (pitches[..., None] % 12 == np.arange(12))
    counts = sounding.sum(axis=(-3, -2))
    if not counts.sum(axis=-1).all():
        raise ValueError("A piece is silent throughout; expected at least one note in each.")
    return counts / counts.sum(axis=-1, keepdims=True)


def major_tonic(pitches: np.ndarray) -> np.ndarray:
    """Return the tonic, 0 (C) to 11 (B), of the major scale that holds most of the sounding time.

    Used in lesson 15.2.

    It stands for a key signature: a piece in A minor fits C major. Between scales that hold as
    much, the mean of the notes on the circle of fifths decides: each pitch class p stands at the
    angle 2π·7p/12, where a major scale is an arc whose middle lies two fifths above its tonic.

    Args:
        pitches: shape ``(…, steps, voices)``.

    Returns:
        int, shape ``(…)``.
    """
    shares = pitch_class_histogram(pitches)
    angles = 2 * np.pi * 7 * np.arange(12) / 12
    mean = shares @ np.exp(1j * angles)
    closeness = np.real(mean[..., None] * np.exp(-1j * (angles + 2 * 2 * np.pi / 12)))
    inside = _shares_inside(shares)
    best = np.isclose(inside, inside.max(axis=-1, keepdims=True), atol=1e-9)
    return np.where(best, closeness, -2).argmax(axis=-1)


def out_of_key(pitches: np.ndarray) -> np.ndarray:
    """Return the share of sounding time outside the major scale that fits best, shape ``(…)``.

    Defined in lesson 15.3.

    Args:
        pitches: shape ``(…, steps, voices)``.
    """
    return 1 - _shares_inside(pitch_class_histogram(pitches)).max(axis=-1)


def degree_histogram(pitches: np.ndarray) -> np.ndarray:
    """Return the pitch-class histogram counted from each piece's own ``major_tonic``, ``(…, 12)``.

    Used in lesson 15.3.

    So pieces in different keys can be averaged. In a minor piece the tonic stands at 9.
    """
    shares, tonic = pitch_class_histogram(pitches), major_tonic(pitches)
    return np.take_along_axis(shares, (np.arange(12) + tonic[..., None]) % 12, axis=-1)


def voice_leading_histogram(pitches: np.ndarray, onsets: np.ndarray) -> np.ndarray:
    """Return how often a voice moves by −12, …, 12 semitones from a note to the next.

    Used in lesson 15.3.

    Args:
        pitches, onsets: ``(windows, steps, voices)``.

    Returns:
        Shares of all moves within a window, shape ``(voices, 25)``; a voice's row sums to 1.
        Leaps beyond an octave are counted with the octave; a silence between two notes is
        passed over.

    Raises:
        ValueError: for other arrays, or a voice that never moves from one note to a next.
    """
    pitches, onsets = _grids(pitches, onsets)
    counts = np.zeros((pitches.shape[-1], 2 * LARGEST_INTERVAL + 1))
    for piece, begins in zip(pitches, onsets, strict=True):
        notes = grid_to_notes(piece, begins)
        for one, following in itertools.pairwise(notes):
            if one.voice == following.voice:
                move = np.clip(following.pitch - one.pitch, -LARGEST_INTERVAL, LARGEST_INTERVAL)
                counts[one.voice, move + LARGEST_INTERVAL] += 1
    if not counts.sum(axis=1).all():
        raise ValueError("A voice has no two notes in a window; expected some moves in each voice.")
    return counts / counts.sum(axis=1, keepdims=True)


def consonance(pitches: np.ndarray) -> np.ndarray:
    """Return the share of sounding pairs of voices that are consonant, shape ``(…)``.

    Defined in lesson 15.3.

    Consonant are unisons, thirds, fifths, sixths and octaves, and fourths where neither note is
    the lowest one that sounds. Each step counts once, whether or not a note begins there.

    Args:
        pitches: shape ``(…, steps, voices)``.

    Raises:
        ValueError: for other numbers, or a piece in which no two voices sound together.
    """
    pitches = _pitches(pitches)
    # Silent voices are moved out of the way of the lowest.
    lowest = np.where(pitches > 0, pitches, 128).min(axis=-1)
    good = np.zeros(pitches.shape[:-2])
    pairs = np.zeros(pitches.shape[:-2])
    for one in range(pitches.shape[-1]):
        for other in range(one):
            a, b = pitches[..., one], pitches[..., other]
            both, semitones = (a > 0) & (b > 0), np.abs(a - b) % 12
            fourth = (semitones == FOURTH) & (np.minimum(a, b) > lowest)
            good += (both & (np.isin(semitones, CONSONANT) | fourth)).sum(axis=-1)
            pairs += both.sum(axis=-1)
    if not pairs.all():
        raise ValueError("A piece has no two voices that sound together; expected some.")
    return good / pairs


def total_variation(one: np.ndarray, other: np.ndarray) -> float:
    """Return half the sum of |p − q|, from 0 (equal) to 1 (disjoint), averaged over rows.

    Used in lesson 15.3.

    Args:
        one, other: distributions along the last axis, of equal shape.

    Raises:
        ValueError: if the shapes differ, or something is no distribution.
    """
    one, other = np.asarray(one, float), np.asarray(other, float)
    if one.shape != other.shape:
        raise ValueError(f"The shapes are {one.shape} and {other.shape}; expected equal ones.")
    for shares in (one, other):
        if not (shares >= 0).all() or not np.allclose(shares.sum(axis=-1), 1):
            raise ValueError("The numbers are no distribution; expected shares that sum to 1.")
    return float(np.mean(np.abs(one - other).sum(axis=-1) / 2))


def _shares_inside(shares: np.ndarray) -> np.ndarray:
    """Return the share of time inside each of the twelve major scales, ``(…, 12)``."""
    degrees = (np.arange(12)[:, None] + np.array(MAJOR)) % 12  # (tonic, degree)
    return shares[..., degrees].sum(axis=-1)


def piano_roll(
    pitches: np.ndarray, onsets: np.ndarray, ax: Axes | None = None, title: str = ""
) -> Axes:
    """Draw one piece: time across in quarters, pitch upwards, a bar a note, a colour a voice.

    Used in lesson 15.1.

    Args:
        pitches, onsets: ``(steps, voices)``.
        ax: where to draw; a new figure if None.
        title: of the axes.
    """
    ax = ax if ax is not None else plt.subplots()[1]
    for note in grid_to_notes(pitches, onsets):
        start, end = note.start / STEPS_A_QUARTER, (note.start + note.length) / STEPS_A_QUARTER
        # A gap at the end, so that a repeated note shows.
        bar = ax.hlines(note.pitch, start, end - 0.08, color=f"C{note.voice}", linewidth=3)
        bar.set_capstyle("butt")
    octaves = range(12 * (int(np.min(pitches)) // 12), int(np.max(pitches)) + 12, 12)
    ax.set_yticks(octaves, [f"C{pitch // 12 - 1}" for pitch in octaves])
    lowest, highest = np.min(pitches[pitches > 0]), np.max(pitches)
    ax.set(xlim=(0, len(pitches) / STEPS_A_QUARTER), ylim=(lowest - 2, highest + 2), title=title)
    return ax


def synthesise(
    pitches: np.ndarray, onsets: np.ndarray, *, quarters_a_minute: float = 75, rate: int = 8000
) -> np.ndarray:
    """Return the sound of one piece, float32 from −1 to 1, ``rate`` samples a second.

    Defined in lesson 15.10.

    Each note is a sum of sines at 1, 2, … times its frequency, the k-th 1/k² as strong in power,
    below half the rate (those above would come back as wrong notes), with a swift attack and
    a slow decay. The loudest sample is 0.9. Its length is that of the grid, to the sample.

    Args:
        pitches, onsets: ``(steps, voices)``.
        quarters_a_minute: the tempo.
        rate: samples a second.

    Raises:
        ValueError: for another grid, a tempo or rate that is not positive, or one so that a step
            is shorter than a hundredth of a second or a note has no sine below half the rate.
    """
    if not quarters_a_minute > 0 or not rate > 0:
        raise ValueError(f"The tempo is {quarters_a_minute}, the rate {rate}; expected above 0.")
    seconds = 60 / quarters_a_minute / STEPS_A_QUARTER  # a step
    if seconds < 0.01:
        raise ValueError(f"A step lasts {seconds:.4f} s; expected at least 0.01.")
    notes = grid_to_notes(pitches, onsets)
    sound = np.zeros(round(len(pitches) * seconds * rate))
    for note in notes:
        start = round(note.start * seconds * rate)
        end = round((note.start + note.length) * seconds * rate)
        time = np.arange(end - start) / rate
        frequency = 440 * 2 ** ((note.pitch - 69) / 12)
        harmonics = np.arange(1, 9)
        harmonics = harmonics[harmonics * frequency < rate / 2]
        if not len(harmonics):
            raise ValueError(
                f"The pitch {note.pitch} has {frequency:.0f} Hz; expected below half the rate."
            )
        waves = np.sin(2 * np.pi * frequency * time[:, None] * harmonics) @ (1 / harmonics)
        fade = np.minimum(time / 0.01, 1) * np.exp(-time / 1.5)
        fade *= np.minimum((end - start - np.arange(end - start)) / rate / 0.02, 1)
        sound[start:end] += waves * fade
    if notes:
        sound *= 0.9 / np.abs(sound).max()
    return sound.astype(np.float32)


def wav_bytes(sound: np.ndarray, rate: int = 8000) -> bytes:
    """Return a WAV file of 8 bits a sample, one channel: small, with a faint hiss.

    Used in lesson 15.10.

    Args:
        sound: from −1 to 1, shape ``(samples,)``.
        rate: samples a second.

    Raises:
        ValueError: for another shape, or samples outside that range.
    """
    sound = np.asarray(sound)
    if sound.ndim != 1 or not (np.abs(sound) <= 1).all():
        raise ValueError("The sound is not a row of samples from −1 to 1.")
    file = io.BytesIO()
    wavfile.write(file, rate, np.round(127.5 + 127.5 * sound).astype(np.uint8))
    return file.getvalue()


def midi_bytes(notes: Sequence[Note], quarters_a_minute: float = 75, program: int = 19) -> bytes:
    """Return a standard MIDI file, format 1: a track with the tempo, then one for each voice.

    Used in lesson 15.11.

    Args:
        notes: starts and lengths in sixteenths.
        quarters_a_minute: the tempo.
        program: the instrument of General MIDI, from 0; 19 is a church organ.

    Raises:
        ValueError: for a note, a tempo or a program that the format cannot hold.
    """
    microseconds = round(60e6 / quarters_a_minute) if quarters_a_minute > 0 else 0
    if not 0 < microseconds < 2**24:
        raise ValueError(f"The tempo is {quarters_a_minute}; expected 4 to 60,000,000 a minute.")
    if not 0 <= program < 128:
        raise ValueError(f"The program is {program}; expected 0 to 127.")
    for note in notes:
        if not (0 <= note.voice < 16 and note.start >= 0 and note.length > 0):
            raise ValueError(f"{note} does not fit: 16 voices, a start from 0, a length from 1.")
        if not 0 < note.pitch < 128:
            raise ValueError(f"{note} has a pitch that MIDI lacks; expected 1 to 127.")
    tempo = b"\x00\xff\x51\x03" + microseconds.to_bytes(3, "big")
    tracks = [tempo]
    for voice in sorted({note.voice for note in notes}):
        events = []  # (tick, 0 to end a note or 1 to begin one, pitch): ends come first
        for note in (note for note in notes if note.voice == voice):
            events.append((TICKS_A_STEP * note.start, 1, note.pitch))
            events.append((TICKS_A_STEP * (note.start + note.length), 0, note.pitch))
        track, before = bytes([0, 0xC0 | voice, program]), 0
        for tick, begins, pitch in sorted(events):
            status = (0x90 if begins else 0x80) | voice
            track += _variable_length(tick - before) + bytes([status, pitch, 80 if begins else 0])
            before = tick
        tracks.append(track)
    header = struct.pack(">4sIHHH", b"MThd", 6, 1, len(tracks), TICKS_A_STEP * STEPS_A_QUARTER)
    end = b"\x00\xff\x2f\x00"
    return header + b"".join(
        struct.pack(">4sI", b"MTrk", len(track + end)) + track + end for track in tracks
    )


def _variable_length(number: int) -> bytes:
    """Return a number in groups of seven bits, the highest first; all but the last have bit 8."""
    groups = [number & 0x7F]
    while number := number >> 7:
        groups.append(number & 0x7F | 0x80)
    return bytes(reversed(groups))


def _pitches(pitches: np.ndarray) -> np.ndarray:
    pitches = np.asarray(pitches)
    if pitches.ndim < 2 or not pitches.size:
        raise ValueError(f"The pitches have shape {pitches.shape}; expected (…, steps, voices).")
    whole = pitches.dtype.kind in "iu"
    if not whole or pitches.min() < 0 or pitches.max() > 127:
        raise ValueError("The pitches are not whole numbers from 0 (silent) to 127.")
    return pitches.astype(int)


def _grids(pitches: np.ndarray, onsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    pitches, onsets = _pitches(pitches), np.asarray(onsets)
    if onsets.shape != pitches.shape or onsets.dtype != bool:
        raise ValueError(
            f"The onsets are {onsets.dtype} of shape {onsets.shape}; "
            f"expected bool of the pitches' {pitches.shape}."
        )
    return pitches, onsets


def _piece(pitches: np.ndarray, onsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    pitches, onsets = _grids(pitches, onsets)
    if pitches.ndim != 2:
        raise ValueError(f"The pitches have shape {pitches.shape}; expected (steps, voices).")
    return pitches, onsets
