"""The LSTM-GAN as one object: fit, sample, evaluate, report, save and load."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError

from utils import runtime
from utils.checks import positive_integer
from utils.datasets.files import verified
from utils.datasets.frames import Layout, as_series
from utils.datasets.sequences import windows_of
from utils.datasets.series import Series
from utils.datasets.time_series import load_stock
from utils.lstm_gan import long_series, memory, restart, run_folder, run_lock, second_try
from utils.lstm_gan.callbacks import Callback
from utils.lstm_gan.config import TrainingConfig
from utils.lstm_gan.generator import draw_inputs
from utils.lstm_gan.markdown import wrapped
from utils.lstm_gan.observations import observations
from utils.lstm_gan.preconditioner import Preconditioner
from utils.lstm_gan.preparation import Prepared, check_window, fit_maps, prepare
from utils.lstm_gan.recipe import MEMBERS, MOST_NUMBERS, build, build_discriminator, build_generator
from utils.lstm_gan.strategies import is_chief, noticing_lost_workers
from utils.lstm_gan.structure import Structure
from utils.lstm_gan.training import SAMPLING, GanTrainer

PRETRAINED = {"goog": ("GOOG", "lstm_gan_goog.weights.h5")}  # prices, and their weights
MOST_WINDOWS = 10_000  # scored and stored; more would cost memory and teach nothing
BATCH = 1024  # windows generated at a time


class LstmGan(BaseEstimator):
    """An LSTM-GAN of multivariate time series.

    It follows scikit-learn: the arguments are kept as they are, ``get_params``, ``set_params`` and
    ``sklearn.base.clone`` work, ``fit`` returns the object, and what was learnt ends with ``_``::

        gan = LstmGan(window=24, steps=2500, seed=1).fit(frame)
        windows = gan.sample(1000, seed=7)
        gan.save("runs/mine")
        gan = LstmGan.load("runs/mine")

    Args:
        window: rows in a window, at least 2.
        steps: training steps.
        batch_size: real windows in a step, and as many generated ones.
        learning_rate: of both Adam optimizers at the start.
        cosine_alpha: share of the learning rate that is left at the end.
        beta_1: Adam's memory of the gradient.
        beta_2: Adam's memory of the squared gradient.
        loss: a name in ``utils.losses.LOSSES``.
        gp_weight: γ of the gradient penalty; 0 is none.
        gp_fraction: share of a batch on which the penalty is measured.
        gp_sigma: step of the penalty's finite difference.
        ema_decay: of the average of the generator's weights; 0 is none.
        static: latents that stay the same over a window.
        dynamic: latents that are fresh at every time step.
        members: pairs of networks that are trained side by side, and drawn from in turn: mostly
            closer to the data than one pair, and so many times as slow to train.
        seed: of everything random: the same data and seed give the same weights.
        retry: whether to train once more, with another seed, where a column lost its spread; see
            ``utils.lstm_gan.second_try``.
        verbose: whether to print what was seen in the data, and a progress bar.

    Attributes:
        preconditioner_: between windows and normal scores.
        structure_: what generated windows keep by construction.
        generator_: latents and starts → normal scores (batch, time, components), with averaged
            weights.
        discriminator_: normal scores → logits (batch, 1); None where none was stored.
        config_: what it was trained with.
        history_: losses by step, lists under "step", "discriminator" and "generator".
        layout_: names, types, decimals and dates of the data.
        notes_: what was seen in the data, a sentence or two each.
        seconds_: what training took.
    """

    _series: Series | None  # of the training; not stored
    _run: dict[str, Any]  # its identity

    def __init__(
        self,
        window: int = 24,
        *,
        steps: int = TrainingConfig.steps,
        batch_size: int = TrainingConfig.batch_size,
        learning_rate: float = TrainingConfig.learning_rate,
        cosine_alpha: float = TrainingConfig.cosine_alpha,
        beta_1: float = TrainingConfig.beta_1,
        beta_2: float = TrainingConfig.beta_2,
        loss: str = TrainingConfig.loss,
        gp_weight: float = TrainingConfig.gp_weight,
        gp_fraction: float = TrainingConfig.gp_fraction,
        gp_sigma: float = TrainingConfig.gp_sigma,
        ema_decay: float = TrainingConfig.ema_decay,
        static: int = TrainingConfig.static,
        dynamic: int = TrainingConfig.dynamic,
        members: int = MEMBERS,
        seed: int = 1,
        retry: bool = True,
        verbose: bool = True,
    ) -> None:
        self.window = window
        self.steps = steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.cosine_alpha = cosine_alpha
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.loss = loss
        self.gp_weight = gp_weight
        self.gp_fraction = gp_fraction
        self.gp_sigma = gp_sigma
        self.ema_decay = ema_decay
        self.static = static
        self.dynamic = dynamic
        self.members = members
        self.seed = seed
        self.retry = retry
        self.verbose = verbose

    # --- Training -------------------------------------------------------------------------------

    def fit(
        self,
        X: Any,
        y: None = None,
        *,
        folder: str | Path | None = None,
        resume: bool = False,
        overwrite: bool = False,
        strategy: tf.distribute.Strategy | None = None,
        callbacks: Sequence[Callback] = (),
    ) -> Self:
        """Train on a series.

        TensorFlow is seeded, and asked for deterministic kernels, for the whole process.

        Args:
            X: a data frame (dates in the index or in a column), an array (time, features), or a
                ``Series`` of ours; rows in time order.
            y: not used; scikit-learn passes it.
            folder: where checkpoints go. Without one a run that stops is lost.
            resume: whether to go on from the last checkpoint in ``folder``.
            overwrite: whether to start anew where ``folder`` holds this run already.
            strategy: of ``tf.distribute``, from ``get_strategy``; None is one device.
            callbacks: what to do every so many steps with the ``GanTrainer``.

        Raises:
            ValueError: for data or settings that do not do, too little memory, a folder of another
                run or in use by another process; before anything is written.
            NonFiniteLossError: if training diverges.
        """
        series, config = as_series(X), self.config()
        check_window(series, self.window)
        run, layout = run_folder.identity(series, self.window, config), Layout.of(series)
        if folder is not None:
            ways = {"resume": resume, "overwrite": overwrite, "chief": is_chief(strategy)}
            restart.check(Path(folder), run, **ways)
        elif resume:
            raise ValueError("There is no folder to resume from; expected folder=….")
        shape, sequences = series.values.shape, len(series.starts)
        memory.check(shape, self.window, config.batch_size, sequences, config.members)
        runtime.reproducible(config.seed)
        prepared = prepare(series, self.window)
        self._say(*map(wrapped, prepared.notes))
        trainer = build(prepared.preconditioner, prepared.normal_scores, config, strategy)
        run["schedule"] = restart.schedule_from(None, 0, config.steps)
        checkpoint = None if folder is None else Path(folder) / run_folder.CHECKPOINT
        written = Path(folder) if folder is not None and is_chief(strategy) else None
        with (
            run_lock.held(written),
            restart.former_run_aside(written, overwrite) as said,
            noticing_lost_workers(),
        ):
            self._say(*map(wrapped, said))
            if folder is not None:
                more, at = restart.begin(trainer, Path(folder), run, layout, resume=resume)
                self._say(*map(wrapped, [*more, *filter(None, [at])]))
                prepared.notes.extend(more)
            start = time.perf_counter()
            trainer.train(folder=checkpoint, callbacks=callbacks)
            self.layout_, self.notes_ = layout, prepared.notes
            self._run, self._series = run, series
            self._keep(trainer, prepared)
            del trainer  # its copy of the data
            if self.retry and second_try.allowed(config, strategy):
                second_try.where_needed(self, prepared, written, resume, strategy, callbacks)
        self.seconds_ = time.perf_counter() - start
        return self

    def _keep(self, trainer: GanTrainer, prepared: Prepared) -> None:
        """Take over what was trained: of several workers the first one takes the networks."""
        self.history_, self.config_ = trainer.history, trainer.config
        self.structure_, self.preconditioner_ = prepared.structure, prepared.preconditioner
        if is_chief(trainer.strategy):
            self.discriminator_ = trainer.discriminator
            self._use(trainer.ema_generator)
            self._calibrate_structure()

    def config(self) -> TrainingConfig:
        """Return the settings of the training.

        Raises:
            ValueError: for one that is not allowed.
        """
        names = [field.name for field in dataclasses.fields(TrainingConfig)]
        return TrainingConfig(**{name: getattr(self, name) for name in names})

    # --- Sampling -------------------------------------------------------------------------------

    def sample(self, count: int = 1, seed: int = 0) -> np.ndarray:
        """Return windows, float64 (count, window, features), in the data's units.

        The same count and seed give the same windows.
        """
        normal_scores = self.sample_normal_scores(count, seed)
        return self.structure_.decode(self.preconditioner_.inverse_transform(normal_scores))

    def sample_normal_scores(self, count: int = 1, seed: int = 0) -> np.ndarray:
        """Return normal scores as the generator makes them, (count, window, components)."""
        self._check_fitted()
        positive_integer(count=count)
        stream = tf.constant([self.config_.seed, SAMPLING], tf.int64)
        config, window = self.config_, self.preconditioner_.window
        starts, key = self.preconditioner_.starts, tf.random.fold_in(stream, seed)
        inputs = draw_inputs(count, window, config.static, config.dynamic, starts, key)
        size = BATCH - BATCH % config.members  # so that window i is of member i mod members
        parts = [self._forward(inputs[i : i + size]) for i in range(0, count, size)]
        return np.concatenate([part.numpy() for part in parts])

    def _calibrate_structure(self) -> None:
        """Fit the margins of columns whose values are put back by rank to a large sample."""
        if self.structure_.needs_calibration:
            size = self.preconditioner_.window * self.preconditioner_.features
            count = max(1000, min(runtime.budget(20_000, 1_000), MOST_NUMBERS // size))
            normal_scores = self.sample_normal_scores(count, seed=1)
            self.structure_.calibrate(self.preconditioner_.inverse_transform(normal_scores))

    def sample_frame(self, count: int = 1, seed: int = 0, *, start: Any = None) -> pd.DataFrame:
        """Return windows as a long table: window, date or step, and the columns of the data.

        The types and the decimals are those of the data. The dates go on at the data's cadence,
        as calendar days or business days, months, hours: they label the rows, and forecast nothing.

        Args:
            count: how many windows.
            seed: the same count and seed give the same table.
            start: the first date of every window, or one for each. By default every window goes
                on where the data end. Without dates in the data, steps are counted from 0.

        Raises:
            ValueError: for starts that are no dates, or where the data had none.
        """
        return self.to_frame(self.sample(count, seed), start=start)

    def to_frame(self, windows: np.ndarray, *, start: Any = None) -> pd.DataFrame:
        """Return windows, (windows, time, features), as ``sample_frame`` does."""
        self._check_fitted()
        return self.layout_.frame(windows, start)

    def sample_series(
        self, length: int, seed: int = 0, *, start: Any = None, count: int = 1
    ) -> pd.DataFrame:
        """Return one long series of ``length`` rows as a table with dates, or ``count`` of them.

        See ``utils.lstm_gan.long_series``, which also has it as an array; the dates and the types
        are as in ``sample_frame``. The same arguments give the same table.
        """
        self._check_fitted()
        return long_series.table(self, length, count=count, seed=seed, start=start)

    # --- Judging --------------------------------------------------------------------------------

    def evaluate(self, X: Any = None) -> pd.DataFrame:
        """Return the scores of generated windows, of a baseline, and of real against real windows.

        Args:
            X: the data to compare with, with the columns of the data trained on; by default these.

        Raises:
            ValueError: if the data are not known, as after loading, or do not fit.
        """
        from utils.lstm_gan.report import bootstrap, score_table

        real, samples = self._real_and_samples(X)
        return score_table(real, samples, bootstrap(self, self._data(X), len(real)), self.seconds_)

    def report(self, folder: str | Path, X: Any = None, holdout: Any = None) -> Path:
        """Write report.md, its pictures, tables and the samples; return the report's path.

        Args:
            folder: where to; made if it is not there.
            X: as for ``evaluate``.
            holdout: data of a later time that were not trained on, to test on.

        Raises:
            ValueError: as ``evaluate``.
            OSError: if the folder cannot be written.
        """
        from utils.lstm_gan import report

        real, samples = self._real_and_samples(X)
        resampled = report.bootstrap(self, self._data(X), len(real))
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        table = report.score_table(real, samples, resampled, self.seconds_)
        report.write_scores(folder / "scores.csv", table)
        self._say(report.on_screen(table, len(real)))
        report.write_samples(folder, samples, self.to_frame(samples))
        later = None if holdout is None else self._data(holdout)
        return report.write_report(folder, self, self._data(X), table, real, samples, later)

    def _data(self, X: Any) -> Series:
        self._check_fitted()
        if X is None and self._series is None:
            raise ValueError(
                "This LSTM-GAN was loaded, and its data are not stored with it; expected them as "
                "an argument."
            )
        series = self._series if X is None else as_series(X, like=self.layout_.columns)
        assert series is not None
        if series.columns != self.layout_.columns:
            raise ValueError(
                f"The columns are {', '.join(series.columns)}; expected those it was trained on: "
                f"{', '.join(self.layout_.columns)}."
            )
        return series

    def _real_and_samples(self, X: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return as many real windows as are scored, and as many generated ones."""
        real = windows_of(self._data(X).sequences(), self.preconditioner_.window)
        count = min(len(real), MOST_WINDOWS)
        return real[np.linspace(0, len(real) - 1, count).round().astype(int)], self.sample(count, 2)

    # --- Storing --------------------------------------------------------------------------------

    def save(self, folder: str | Path) -> Path:
        """Write what ``load`` reads to a folder, a new one or one of the same run; return it.

        Raises:
            ValueError: if the folder holds something else; before anything is written.
            OSError: if it cannot be written.
        """
        self._check_fitted()
        folder = Path(folder)
        run_folder.check_folder(folder, self._run)
        run_folder.write_model(
            folder,
            self._run,
            self.layout_,
            self.structure_,
            self.preconditioner_,
            self.generator_,
            self.discriminator_,
            self.history_,
        )
        return folder

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Return the LSTM-GAN that ``save`` or ``make train`` wrote to a folder.

        Raises:
            FileNotFoundError: if there is no such folder.
            ValueError: if it holds no finished run, is damaged, or is of a later version.
        """
        folder = Path(folder)
        stored = run_folder.read_model(folder)
        gan = cls(stored.window, **dataclasses.asdict(stored.config))
        config = second_try.trained_with(stored.config, stored.run)
        gan._take(config, stored.layout, stored.structure, stored.preconditioner)
        gan.history_ = stored.history
        keys = ("data", "window", "training", "schedule", second_try.KEY)
        gan._run = {key: stored.run[key] for key in keys if key in stored.run}
        generator = build_generator(stored.window, stored.preconditioner.components, config)
        path = folder / run_folder.GENERATOR
        run_folder.load_weights(generator, path, stored.run.get("weights_sha256"))
        gan._use(generator)
        if (folder / run_folder.DISCRIMINATOR).is_file():
            discriminator = build_discriminator(stored.preconditioner, stored.window, config)
            run_folder.load_weights(discriminator, folder / run_folder.DISCRIMINATOR)
            gan.discriminator_ = discriminator
        return gan

    @classmethod
    def from_pretrained(cls, name: str = "goog") -> Self:
        """Return an LSTM-GAN that comes with the course: "goog", 24 days of the prices of GOOG.

        The weights are those of ``make train``: ``sample(2125, seed=2)`` gives the windows it
        stores.

        Raises:
            ValueError: for a name of which no weights are shipped.
            FileNotFoundError: if the file of the weights is missing.
        """
        if name.lower() not in PRETRAINED:
            raise ValueError(
                f"There are no weights for {name!r}; expected one of {', '.join(PRETRAINED)}."
            )
        symbol, file = PRETRAINED[name.lower()]
        weights = verified(file)
        gan = cls()
        config, series = gan.config(), load_stock(symbol)
        structure, preconditioner, _ = fit_maps(series, gan.window)
        generator = build_generator(gan.window, preconditioner.components, config)
        generator.load_weights(weights)
        gan._take(config, Layout.of(series), structure, preconditioner)
        gan._series, gan._run = series, run_folder.identity(series, gan.window, config)
        gan.notes_ = observations(series, preconditioner, gan.window) + structure.sentences()
        gan._use(generator)
        gan._calibrate_structure()
        return gan

    # --- Within ---------------------------------------------------------------------------------

    def _take(
        self,
        config: TrainingConfig,
        layout: Layout,
        structure: Structure,
        preconditioner: Preconditioner,
    ) -> None:
        self.config_, self.layout_ = config, layout
        self.structure_, self.preconditioner_ = structure, preconditioner
        self.notes_, self.seconds_ = [], float("nan")
        self._series = None
        self.history_ = {"step": [], "discriminator": [], "generator": []}
        self.discriminator_ = None

    def _use(self, generator: keras.Model) -> None:
        """Keep the generator, and one compiled function of it for all samples."""
        self.generator_ = generator
        self._forward = tf.function(generator, reduce_retracing=True)

    def _check_fitted(self) -> None:
        if not self.__sklearn_is_fitted__():
            raise NotFittedError("This LSTM-GAN is not trained yet; expected fit or load first.")

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "generator_")

    def _say(self, *sentences: str) -> None:
        if self.verbose and sentences:
            print(*sentences, sep="\n")
