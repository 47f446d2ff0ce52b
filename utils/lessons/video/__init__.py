"""Moving digits: a simulator, convolutional LSTMs that learn it, judges of frame and of motion.

A clip is an array (frames, 16, 16) of brightness from −1 (black) to 1 (white), as the images of
lesson 08. Many clips are (clips, frames, 16, 16). A frame's shift or a digit's place is
(rows down, columns right), in pixels. For a ``GanTrainer``, a clip is a series with 256 features
a time step: (clips, frames, 256), which the two networks here take and give.
"""

from utils.lessons.video.clips import (
    SPEEDS,
    Clips,
    Digits,
    bounce,
    load_moving_digits,
    render,
    simulate,
)
from utils.lessons.video.motion import (
    Motion,
    Shifts,
    bounces,
    digit_classifier,
    expected_bounces,
    motion,
    phase_correlation,
    velocities,
)
from utils.lessons.video.networks import (
    Stamp,
    conv_lstm_discriminator,
    conv_lstm_generator,
)
from utils.lessons.video.pictures import animation

__all__ = [
    "SPEEDS",
    "Clips",
    "Digits",
    "Motion",
    "Shifts",
    "Stamp",
    "animation",
    "bounce",
    "bounces",
    "conv_lstm_discriminator",
    "conv_lstm_generator",
    "digit_classifier",
    "expected_bounces",
    "load_moving_digits",
    "motion",
    "phase_correlation",
    "render",
    "simulate",
    "velocities",
]
