"""The recipe's two networks with parts that can be left out, for ``benchmarks/ablation.py``.

With nothing left out they are those of ``utils.lstm_gan``, layer by layer and weight by weight:
``tests/test_quality_benchmark.py`` compares them.
"""

from __future__ import annotations

import keras
from keras import ops

from utils.lessons import remedies
from utils.lstm_gan.networks import RunningSum, lstm
from utils.lstm_gan.preconditioner import Preconditioner
from utils.lstm_gan.views import data_views


def window_generator(
    window: int,
    static: int,
    dynamic: int,
    components: int,
    *,
    synchronised: bool = False,
    seed: int = 0,
    name: str = "generator",
    start: bool = True,
    mixed: bool = True,
    skip: bool = True,
    scaled_noise: bool = True,
    standardised: bool = True,
) -> keras.Model:
    """Return the generator of ``utils.lstm_gan.window_generator``, or one with a part left out.

    Args:
        window, static, dynamic, components, synchronised, seed, name: as there.
        start: whether the first row is the start that was drawn. Otherwise the start is not read,
            and the first row is generated and standardised apart, as the later ones are.
        mixed: whether there is a hidden layer between the state and the output.
        skip: whether the output layer reads the input beside the LSTM's state.
        scaled_noise: whether noise of a size that the state decides is added.
        standardised: whether the output is batch-normalised.
    """
    latent = static + dynamic
    inputs = keras.Input((window, latent + components), name="latents_and_start")
    read = inputs if start else inputs[:, :, :latent]
    hidden = read
    for layer in range(2):
        hidden = lstm(64, seed=seed + 10 * layer, name=f"lstm_{layer + 1}")(hidden)
    known = keras.layers.Concatenate(name="known")([hidden, read]) if skip else hidden
    if mixed:
        bent = keras.layers.Dense(
            64,
            activation="leaky_relu",
            kernel_initializer=keras.initializers.GlorotUniform(seed=seed + 1003),
            name="mixed",
        )(known)
        known = keras.layers.Concatenate(name="skip")([bent, known])
    output = keras.layers.Dense(
        components,
        kernel_initializer=keras.initializers.GlorotUniform(seed=seed + 1000),
        name="output",
    )(known)
    if scaled_noise:
        log_scale = keras.layers.Dense(
            components,
            kernel_initializer=keras.initializers.RandomNormal(stddev=0.02, seed=seed + 1001),
            name="log_scale",
        )(hidden)
        noise = keras.layers.Dense(
            components,
            use_bias=False,
            kernel_initializer=keras.initializers.Orthogonal(seed=seed + 1002),
            name="noise",
        )(inputs[:, :, static:latent])
        output = output + ops.exp(log_scale) * noise

    def standard(rows: keras.KerasTensor, part: str) -> keras.KerasTensor:
        if not standardised:
            return rows
        return keras.layers.BatchNormalization(
            center=False,
            scale=False,
            epsilon=1e-5,
            momentum=0.98,
            synchronized=synchronised,
            name=part,
        )(rows)

    later = standard(output[:, 1:], "later_steps")
    first = inputs[:, :1, latent:] if start else standard(output[:, :1], "first_step")
    made = keras.layers.Concatenate(axis=1, name="window")([first, later])
    return keras.Model(inputs, made, name=name)


def window_discriminator(
    preconditioner: Preconditioner,
    window: int,
    *,
    seed: int = 0,
    name: str = "discriminator",
    sums: bool = True,
    sizes: bool = True,
    data: bool = True,
    changes: bool = True,
    batch: bool = False,
) -> keras.Model:
    """Return the discriminator of ``utils.lstm_gan.window_discriminator``, or one that sees less.

    Args:
        preconditioner, window, seed, name: as there.
        sums: whether it reads the running sum of the normal scores beside the scores.
        sizes: whether it reads their size.
        data: whether it reads the data.
        changes: whether it reads the changes of the data from row to row.
        batch: whether it reads, more than the recipe's, how much the windows of a batch differ.
    """
    windows = keras.Input((window, preconditioner.components), name="windows")
    views = [RunningSum(name="running_sum")(windows) if sums else windows]
    views += [ops.abs(windows)] if sizes else []
    if data or changes:
        both = zip(data_views(preconditioner, windows), (data, changes), strict=True)
        views += [view for view, seen in both if seen]
    hidden = keras.layers.Concatenate(name="views")(views) if len(views) > 1 else views[0]
    for layer in range(2):
        hidden = lstm(64, seed=seed + 10 * layer, name=f"lstm_{layer + 1}")(hidden)
    mean = keras.layers.GlobalAveragePooling1D(name="mean_state")(hidden)
    summary = keras.layers.Concatenate(name="summary")([mean, hidden[:, -1]])
    if batch:
        summary = keras.layers.Lambda(remedies.minibatch_std, name="minibatch_std")(summary)
    logits = keras.layers.Dense(
        1, kernel_initializer=keras.initializers.GlorotUniform(seed=seed + 1000), name="logit"
    )(summary)
    return keras.Model(windows, logits, name=name)
