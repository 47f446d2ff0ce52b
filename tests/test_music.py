"""The grid and its notes, the scores in closed form, sound, MIDI files, and the chorales."""

import io
import re
import struct
import zipfile
from functools import reduce
from itertools import chain, pairwise

import numpy as np
import pytest
from scipy.io import wavfile

from utils import datasets
from utils.lessons import music
from utils.lessons.music import Note

SCALE = (60, 62, 64, 65, 67, 69, 71, 72)  # C major
LENGTH = 4  # steps a note, in the pieces below


def piece(*voices, length=LENGTH):
    """A piece of notes that all last ``length`` steps."""
    pitches = np.repeat(np.array(voices).T, length, axis=0)
    onsets = np.zeros(pitches.shape, bool)
    onsets[::length] = pitches[::length] > 0
    return pitches, onsets


def chord(*pitches):
    return np.array([pitches])


CHORDS = piece((72, 72, 71, 72), (67, 69, 67, 67), (64, 65, 62, 64), (48, 53, 55, 48))


# --- The grid -----------------------------------------------------------------------------------


def test_notes_are_those_that_were_put_in_and_repeats_stay_apart():
    pitches, onsets = piece((60, 60, 62), (48, 0, 50), length=2)
    assert music.grid_to_notes(pitches, onsets) == [
        Note(0, 0, 2, 60),
        Note(0, 2, 2, 60),
        Note(0, 4, 2, 62),
        Note(1, 0, 2, 48),
        Note(1, 4, 2, 50),
    ]
    onsets[2, 0] = False
    assert music.grid_to_notes(pitches, onsets)[0] == Note(0, 0, 4, 60)


def test_a_change_of_pitch_begins_a_note_with_or_without_an_onset():
    pitches, onsets = piece((60, 62))
    assert music.grid_to_notes(pitches, np.zeros_like(onsets)) == music.grid_to_notes(
        pitches, onsets
    )


def test_grid_and_notes_are_inverse_on_every_chorale():
    for chorale in datasets.load_chorales("test"):
        pitches, onsets = np.zeros_like(chorale.pitches), np.zeros_like(chorale.onsets)
        for voice, start, length, pitch in music.grid_to_notes(chorale.pitches, chorale.onsets):
            assert not pitches[start : start + length, voice].any()
            pitches[start : start + length, voice], onsets[start, voice] = pitch, True
        np.testing.assert_array_equal(pitches, chorale.pitches)
        np.testing.assert_array_equal(onsets, chorale.onsets)


# --- Scores -------------------------------------------------------------------------------------


def test_the_c_major_scale_has_eighths_in_its_pitch_classes_and_nothing_outside():
    pitches, onsets = piece(SCALE)
    expected = np.zeros(12)
    expected[list(music.MAJOR)] = 1 / 8
    expected[0] = 2 / 8
    np.testing.assert_allclose(music.pitch_class_histogram(pitches), expected)
    np.testing.assert_allclose(music.degree_histogram(pitches), expected)
    assert music.major_tonic(pitches) == 0
    assert music.out_of_key(pitches) == 0
    moves = music.voice_leading_histogram(pitches[None], onsets[None])
    assert moves.shape == (1, 25)
    assert moves[0, 12 + 1] == pytest.approx(2 / 7)
    assert moves[0, 12 + 2] == pytest.approx(5 / 7)


def test_moves_are_from_note_to_note_and_leaps_beyond_an_octave_count_as_octaves():
    pitches, onsets = piece((60, 60, 80, 50), (60, 0, 53, 53))
    moves = music.voice_leading_histogram(pitches[None], onsets[None])
    assert {k - 12: v for k, v in enumerate(moves[0]) if v} == pytest.approx(
        {0: 1 / 3, 12: 1 / 3, -12: 1 / 3}
    )
    assert {k - 12: v for k, v in enumerate(moves[1]) if v} == {-7: 0.5, 0: 0.5}


def test_moves_do_not_cross_from_one_window_to_the_next():
    low, high = piece((60, 62)), piece((72, 74))
    moves = music.voice_leading_histogram(np.stack([low[0], high[0]]), np.stack([low[1], high[1]]))
    assert moves[0, 12 + 2] == 1


def test_the_chromatic_scale_is_out_of_key_five_times_in_twelve():
    assert music.out_of_key(piece(range(60, 72))[0]) == pytest.approx(5 / 12)


@pytest.mark.parametrize("shift", range(12))
def test_a_transposed_piece_keeps_its_scores_and_moves_its_tonic(shift):
    pitches = CHORDS[0]
    moved = pitches + shift
    assert music.major_tonic(moved) == shift
    assert music.out_of_key(moved) == music.out_of_key(pitches)
    assert music.consonance(moved) == music.consonance(pitches)
    np.testing.assert_allclose(music.degree_histogram(moved), music.degree_histogram(pitches))


def test_of_scales_that_hold_all_notes_the_one_in_the_middle_of_the_fifths_is_taken():
    # D E G A lie in C, G, D and F major or three of these; the middle of D A E G is D and A, two
    # fifths above C and G: on the circle G D A E, the mean lies between D and A.
    assert music.major_tonic(piece((62, 64, 67, 69, 62))[0]) == 0  # more weight on D
    assert music.major_tonic(piece((62, 64, 67, 69, 69))[0]) == 7  # more weight on A


@pytest.mark.parametrize(
    ("pitches", "share"),
    [
        ((72, 67, 64, 48), 1),  # C major
        ((72, 69, 65, 60), 3 / 6 + 2 / 6),  # F major over C: the fourth F is dissonant above it
        ((65, 62, 59, 55), 3 / 6 + 1 / 6),  # G7: G B, G D, B D, D F; the tritone and the seventh
        ((61, 60), 0),
        ((72, 60), 1),
        ((72, 71, 0, 60), 1 / 3),  # C C and the seventh and the second; the silent voice is none
        ((65, 60), 0),  # a bare fourth
        ((69, 64, 57), 1),  # the fourth between the upper voices, above A
    ],
)
def test_consonance_of_chords_by_hand(pitches, share):
    assert music.consonance(chord(*pitches)) == pytest.approx(share)


def test_consonance_is_the_mean_over_time_and_windows_are_scored_apart():
    both = np.array([[72, 67, 64, 48], [61, 60, 61, 60]])
    # The second chord: two unisons and four semitones.
    assert music.consonance(both) == pytest.approx((6 + 2) / 12)
    np.testing.assert_allclose(music.consonance(both[:, None]), [1, 1 / 3])


def test_total_variation_by_hand():
    assert music.total_variation([0.5, 0.5, 0], [0.5, 0, 0.5]) == 0.5
    assert music.total_variation([[1, 0], [1, 0]], [[0, 1], [1, 0]]) == 0.5


# --- Sound --------------------------------------------------------------------------------------


def test_sound_is_as_long_as_the_grid_and_within_range():
    pitches, onsets = CHORDS
    sound = music.synthesise(pitches, onsets, quarters_a_minute=90, rate=8000)
    assert sound.shape == (round(4 * 60 / 90 * 8000),)
    assert sound.dtype == np.float32
    assert np.abs(sound).max() == pytest.approx(0.9)


@pytest.mark.parametrize("pitch", [36, 60, 69, 81])
def test_the_strongest_frequency_is_the_notes(pitch):
    pitches, onsets = piece((pitch,), length=32)
    sound = music.synthesise(pitches, onsets)
    spectrum = np.abs(np.fft.rfft(sound))
    found = np.fft.rfftfreq(len(sound), 1 / 8000)[spectrum.argmax()]
    assert found == pytest.approx(440 * 2 ** ((pitch - 69) / 12), abs=0.5)


def test_no_sine_is_folded_back_from_above_half_the_rate():
    pitches, onsets = piece((81,), length=32)  # 880 Hz: the fifth sine would be at 4400
    spectrum = np.abs(np.fft.rfft(music.synthesise(pitches, onsets)))
    spectrum /= spectrum.max()
    frequencies = np.fft.rfftfreq(2 * len(spectrum) - 2, 1 / 8000)
    near = np.abs(frequencies[:, None] - 880 * np.arange(1, 5)).min(axis=1) < 60
    assert spectrum[~near].max() < 0.01


def test_a_repeated_note_is_heard_and_silence_is_silent():
    pitches, onsets = piece((69, 69, 0, 69), length=8)
    sound = music.synthesise(pitches, onsets)
    held = onsets.copy()
    held[8] = False
    assert np.abs(sound - music.synthesise(pitches, held)).max() > 0.1
    quarter = len(sound) // 4
    assert not sound[2 * quarter + 1 : 3 * quarter - 1].any()
    assert not music.synthesise(np.zeros((8, 4), int), np.zeros((8, 4), bool)).any()


def test_a_note_fades_in_and_out_without_a_click():
    sound = music.synthesise(*piece((60,), length=2))
    steps = np.abs(np.diff(sound, prepend=0, append=0))
    middle = steps[500:-500].max()
    assert steps[:20].max() < middle
    assert steps[-20:].max() < middle / 4
    attack = np.abs(sound[:20]).max()  # 2.5 ms, of an attack of 10
    assert attack < 0.4 * np.abs(sound[80:400]).max()


def test_a_wav_file_reads_back_to_a_256th():
    sound = music.synthesise(*CHORDS)
    rate, samples = wavfile.read(io.BytesIO(music.wav_bytes(sound, 8000)))
    assert rate == 8000
    assert samples.dtype == np.uint8
    assert len(samples) == len(sound)
    np.testing.assert_allclose(samples / 127.5 - 1, sound, atol=1 / 255 + 1e-6)


# --- MIDI ---------------------------------------------------------------------------------------


HEADER = b"MThd" + bytes([0, 0, 0, 6, 0, 1])  # six bytes follow; format 1
END = [0, 0xFF, 0x2F, 0]
TEMPO_75 = b"MTrk" + bytes([0, 0, 0, 11, 0, 0xFF, 0x51, 3, 0x0C, 0x35, 0x00, *END])  # 800,000 µs


def track(*events):
    body = bytes([*chain(*events), *END])
    return b"MTrk" + struct.pack(">I", len(body)) + body


def test_midi_of_one_note_byte_by_byte():
    content = music.midi_bytes([Note(1, 4, 2, 60)], quarters_a_minute=60, program=5)
    tempo = b"MTrk" + bytes([0, 0, 0, 11, 0, 0xFF, 0x51, 3, 0x0F, 0x42, 0x40, *END])
    # After 480 ticks (in two groups of seven bits: 3 and 96) the note, for 240 (1 and 112).
    body = [0, 0xC1, 5, 0x83, 0x60, 0x91, 60, 80, 0x81, 0x70, 0x81, 60, 0, *END]
    header = struct.pack(">4sIHHH", b"MThd", 6, 1, 2, 480)
    assert content == header + tempo + b"MTrk" + struct.pack(">I", len(body)) + bytes(body)


def test_midi_of_two_voices_in_any_order_with_a_repeated_note_byte_by_byte():
    notes = [Note(0, 0, 8, 60), Note(0, 4, 2, 64), Note(0, 6, 2, 64), Note(2, 0, 1, 48)]
    upper = track(
        [0, 0xC0, 19],
        [0, 0x90, 60, 80],
        [0x83, 0x60, 0x90, 64, 80],  # 480 ticks later, while 60 sounds on
        [0x81, 0x70, 0x80, 64, 0],  # 240 later it ends, before it begins again
        [0, 0x90, 64, 80],
        [0x81, 0x70, 0x80, 60, 0],
        [0, 0x80, 64, 0],
    )
    lower = track([0, 0xC2, 19], [0, 0x92, 48, 80], [0x78, 0x82, 48, 0])
    expected = HEADER + bytes([0, 3, 0x01, 0xE0]) + TEMPO_75 + upper + lower
    assert music.midi_bytes(notes) == music.midi_bytes(notes[::-1]) == expected


def test_midi_writes_a_long_wait_in_three_groups_of_seven_bits():
    late = track(  # 24,000 ticks = 1 · 2¹⁴ + 59 · 2⁷ + 64
        [0, 0xC0, 19], [0x81, 0x80 | 59, 64, 0x90, 60, 80], [0x78, 0x80, 60, 0]
    )
    expected = HEADER + bytes([0, 2, 0x01, 0xE0]) + TEMPO_75 + late
    assert music.midi_bytes([Note(0, 200, 1, 60)]) == expected


def test_midi_without_notes_is_a_header_and_a_tempo():
    assert music.midi_bytes([]) == HEADER + bytes([0, 1, 0x01, 0xE0]) + TEMPO_75


# A wait, and what comes after it: tempo, end, instrument, or a note's channel, pitch and loudness.
EVENT = re.compile(
    rb"([\x80-\xff]*[\x00-\x7f])"
    rb"(?:\xff\x51\x03...|\xff\x2f\x00|[\xc0-\xcf].|([\x80-\x9f])(.)([\x00\x50]))",
    re.DOTALL,
)


def notes_of(content):
    """The notes of a file that ``midi_bytes`` wrote, each of whose events has its status."""
    notes, rest = [], content[14:]
    while rest:
        kind, length = struct.unpack_from(">4sI", rest)
        body, rest = rest[8 : 8 + length], rest[8 + length :]
        assert (kind, len(body), body[-4:]) == (b"MTrk", length, bytes(END))
        events, tick, began = list(EVENT.finditer(body)), 0, {}
        assert b"".join(event[0] for event in events) == body
        for event in events:
            tick += reduce(lambda number, group: number << 7 | group & 127, event[1], 0)
            if event[2] and ord(event[2]) >= 0x90:
                began[event[3]] = tick
            elif event[2]:
                start, pitch = began.pop(event[3]), ord(event[3])
                assert start % 120 == tick % 120 == 0
                length = (tick - start) // 120
                notes.append(Note(ord(event[2]) & 15, start // 120, length, pitch))
        assert not began
    return sorted(notes)


def test_midi_holds_the_notes_of_every_chorale():
    for chorale in datasets.load_chorales("test")[:20]:
        notes = music.grid_to_notes(chorale.pitches, chorale.onsets)
        assert notes_of(music.midi_bytes(notes)) == notes


# --- The picture --------------------------------------------------------------------------------


def test_the_piano_roll_has_a_bar_for_each_note():
    pitches, onsets = CHORDS
    ax = music.piano_roll(pitches, onsets, title="chords")
    assert len(ax.collections) == 16
    (start, pitch), (end, _) = ax.collections[0].get_segments()[0]
    assert (start, pitch) == (0, 72)
    assert 0.8 < end < 1
    assert ax.get_title() == "chords"
    assert ax.get_xlim() == (0, 4)
    music.plt.close(ax.figure)


# --- The chorales -------------------------------------------------------------------------------


def test_chorales_are_four_voices_split_by_tune():
    train, test = datasets.load_chorales(), datasets.load_chorales("test")
    assert (len(train), len(test)) == (284, 80)
    assert not {c.tune for c in train} & {c.tune for c in test}
    assert len({c.bwv for c in train + test}) == 364
    assert sum(len(c.pitches) for c in train + test) == 79_380
    for chorale in train + test:
        pitches, onsets = chorale.pitches, chorale.onsets
        assert pitches.shape == onsets.shape == (len(pitches), 4)
        assert set(np.unique(pitches)) <= {0, *range(36, 82)}
        assert (pitches[onsets] > 0).all()
        # A pitch changes only where a note begins, or a silence.
        changed = np.diff(pitches, axis=0, prepend=0) != 0
        assert (onsets | (pitches == 0))[changed].all()


def test_rests_are_silent_until_the_next_note():
    chorales = datasets.load_chorales() + datasets.load_chorales("test")
    silent = sum(np.sum(c.pitches == 0) for c in chorales)
    assert silent == 3668
    # Some voices rest and come in again.
    assert any((np.diff((c.pitches == 0).astype(int), axis=0) == 1).any() for c in chorales)


def test_a_known_chorale_begins_as_the_score_does():
    # BWV 269, Aus meines Herzens Grunde, no. 1 of Riemenschneider's edition: G major, 3/4,
    # an upbeat, then the soprano G, D, B (dotted) A, G ...
    chorale = next(
        c for c in datasets.load_chorales() + datasets.load_chorales("test") if c.bwv == "269"
    )
    soprano = [n for n in music.grid_to_notes(chorale.pitches, chorale.onsets) if n.voice == 0]
    assert chorale.sharps == 1
    assert [n.pitch for n in soprano[:5]] == [67, 67, 74, 71, 69]
    assert chorale.pitches[0].tolist() == [67, 62, 59, 43]


def test_chorales_are_consonant_lie_in_their_key_and_move_by_step():
    chorales = datasets.load_chorales("test")
    assert np.mean([music.consonance(c.pitches) for c in chorales]) > 0.8
    assert np.mean([music.out_of_key(c.pitches) for c in chorales]) < 0.1
    fits = [music.major_tonic(c.pitches) == 7 * c.sharps % 12 for c in chorales]
    assert np.mean(fits) > 0.8
    for one, other in pairwise(range(4)):
        assert all(c.pitches[:, one].mean() > c.pitches[:, other].mean() for c in chorales)


# --- The builder --------------------------------------------------------------------------------


def note(pitch, sixteenths, inside=""):
    """A note of MusicXML, two divisions a sixteenth; the pitch as step, alteration, octave."""
    what = "<rest/>"
    if pitch:
        step, alter, octave = pitch
        what = f"<pitch><step>{step}</step><alter>{alter}</alter><octave>{octave}</octave></pitch>"
    return f"<note>{inside}{what}<duration>{round(2 * sixteenths)}</duration></note>"


C5, BFLAT4, BFLAT3, FSHARP3 = ("C", 0, 5), ("B", -1, 4), ("B", -1, 3), ("F", 1, 3)
STOP = '<tie type="stop"/>'
SIMPLE = [
    [note(C5, 4), note(C5, 2), note(BFLAT4, 2)],
    [note(BFLAT3, 4), note(BFLAT3, 4, STOP)],  # tied: one note
    [note(None, 2), note(FSHARP3, 0.5), note(C5, 5.5)],  # the second begins off the grid
    [note(C5, 3), "<forward><duration>4</duration></forward>", note(C5, 2.5), "<print/>"],
]


def score(voices, names=("Soprano", "Alto", "Tenor", "Bass")):
    begin = "<attributes><divisions>8</divisions><key><fifths>-2</fifths></key></attributes>"
    parts = "".join(f"<part><measure>{begin}{''.join(v)}</measure></part>" for v in voices)
    listed = "".join(f"<score-part><part-name>{n}</part-name></score-part>" for n in names)
    return f"<score-partwise><part-list>{listed}</part-list>{parts}</score-partwise>"


def corpus(folder, scores, inside=("score.musicxml",)):
    """A package with these scores, each a compressed MusicXML file."""
    path = folder / "music21-9.9.2-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in scores.items():
            packed = io.BytesIO()
            with zipfile.ZipFile(packed, "w") as inner:
                inner.writestr("META-INF/container.xml", "<container/>")
                for file in inside:
                    inner.writestr(file, text)
            archive.writestr(f"music21/corpus/bach/{name}", packed.getvalue())
    return path


def test_builder_puts_notes_rests_and_ties_on_the_grid(build, tmp_path):
    instruments = score(SIMPLE, ("Violin", "Alto", "Tenor", "Bass"))
    scores = {"bwv10.7.mxl": score(SIMPLE), "bwv9.7.mxl": score(SIMPLE), "bwv1.6.mxl": instruments}
    content = build.chorales_npz(corpus(tmp_path, scores))
    with np.load(io.BytesIO(content), allow_pickle=False) as made:
        assert made["bwv"].tolist() == ["9.7", "10.7"]
        assert made["lengths"].tolist() == [8, 8]
        assert made["fifths"].tolist() == [-2, -2]
        assert made["tokens"][:, 8:].tolist() == [
            [72, 0, 0, 0, 72, 0, 70, 0],
            [58, 0, 0, 0, 0, 0, 0, 0],
            [1, 0, 54, 72, 0, 0, 0, 0],
            [72, 0, 0, 1, 0, 72, 0, 0],
        ]


def test_builder_keeps_chorales_on_one_tune_on_one_side(build):
    rng = np.random.default_rng(0)
    tunes = [np.cumsum(rng.integers(-3, 4, 40)) + 100 for _ in range(10)]
    sopranos = [tunes[0], tunes[1], tunes[0] + 5, *tunes[2:]]
    # The last joins the tunes 2 and 3, which had seemed to be two.
    sopranos.append(np.concatenate([tunes[2][:25], tunes[3][:25]]))
    found = build._tunes([np.repeat(tune, 2) * np.tile([1, 0], len(tune)) for tune in sopranos])
    assert found == [0, 1, 0, 2, 2, 3, 4, 5, 6, 7, 8, 2]


@pytest.mark.parametrize(
    ("scores", "inside", "message"),
    [
        ({}, ("s.xml",), "has no scores of four voices"),
        ({"bwv1.mxl": score(SIMPLE)}, ("a.xml", "b.xml"), "expected one"),
        ({"bwv1.mxl": score(SIMPLE)}, (), "expected one"),
        (
            {"bwv1.mxl": score([*SIMPLE[:3], [note(C5, 1), note(C5, 1, "<chord/>")]])},
            ("s.xml",),
            "bwv1.mxl has a part with two notes at once",
        ),
        (
            {"bwv1.mxl": score([*SIMPLE[:3], ["<backup><duration>1</duration></backup>"]])},
            ("s.xml",),
            "two notes at once",
        ),
    ],
)
def test_builder_refuses_what_is_not_four_plain_voices(build, tmp_path, scores, inside, message):
    with pytest.raises(ValueError, match=message):
        build.chorales_npz(corpus(tmp_path, scores, inside))
    (tmp_path / "x.whl").write_text("no zip file")
    with pytest.raises(ValueError, match="is not the package with"):
        build.chorales_npz(tmp_path / "x.whl")


# --- What is refused ----------------------------------------------------------------------------

GRID = np.full((4, 4), 60)
ONSETS = np.ones((4, 4), bool)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: music.grid_to_notes(GRID[None], ONSETS[None]), r"expected \(steps, voices\)"),
        (lambda: music.grid_to_notes(GRID, ONSETS[:2]), "expected bool of the pitches'"),
        (lambda: music.grid_to_notes(GRID, ONSETS.astype(int)), "The onsets are int"),
        (lambda: music.grid_to_notes(GRID + 0.5, ONSETS), "not whole numbers from 0"),
        (lambda: music.consonance(GRID + 70), "not whole numbers from 0"),
        (lambda: music.consonance(-GRID), "not whole numbers from 0"),
        (lambda: music.consonance(np.array([60, 62])), r"expected \(…, steps, voices\)"),
        (lambda: music.consonance(np.array([[60, 0]])), "no two voices that sound together"),
        (lambda: music.out_of_key(0 * GRID), "silent throughout"),
        (lambda: music.major_tonic(np.stack([GRID, 0 * GRID])), "silent throughout"),
        (
            lambda: music.voice_leading_histogram(GRID[None, :1], ONSETS[None, :1]),
            "no two notes in a window",
        ),
        (lambda: music.total_variation([1.0], [0.5, 0.5]), "expected equal ones"),
        (lambda: music.total_variation([0.5, 0.4], [0.5, 0.5]), "no distribution"),
        (lambda: music.total_variation([1.5, -0.5], [0.5, 0.5]), "no distribution"),
        (lambda: music.synthesise(GRID, ONSETS, quarters_a_minute=0), "expected above 0"),
        (lambda: music.synthesise(GRID, ONSETS, quarters_a_minute=9000), "at least 0.01"),
        (lambda: music.synthesise(GRID + 60, ONSETS), "expected below half the rate"),
        (lambda: music.wav_bytes(np.array([0.0, 1.2])), "samples from −1 to 1"),
        (lambda: music.wav_bytes(np.array([0.0, np.nan])), "samples from −1 to 1"),
        (lambda: music.wav_bytes(np.zeros((3, 2))), "samples from −1 to 1"),
        (lambda: music.midi_bytes([Note(0, 0, 0, 60)]), "does not fit"),
        (lambda: music.midi_bytes([Note(16, 0, 4, 60)]), "does not fit"),
        (lambda: music.midi_bytes([Note(0, 0, 4, 128)]), "a pitch that MIDI lacks"),
        (lambda: music.midi_bytes([], quarters_a_minute=0), "The tempo is 0"),
        (lambda: music.midi_bytes([], program=128), "The program is 128"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_split_that_there_is_not_is_refused():
    with pytest.raises(ValueError, match="no split 'valid' of the chorales"):
        datasets.load_chorales("valid")
