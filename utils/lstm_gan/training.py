"""The GAN training step and the loop around it: averages, history, checkpoints and resume."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from utils import runtime
from utils.checks import positive_integer
from utils.losses import finite_difference_from_logits, get_loss
from utils.lstm_gan.batches import (
    Draw,
    check_condition,
    check_shapes,
    from_arrays,
    model_inputs,
    split_batch,
)
from utils.lstm_gan.callbacks import Callback
from utils.lstm_gan.config import TrainingConfig
from utils.lstm_gan.networks import draw_latents
from utils.lstm_gan.strategies import is_chief

HISTORY = "history.csv"  # the losses so far, beside the checkpoints
TRAINING, SAMPLING = 0, 1  # streams of random numbers: a sample never repeats a training latent


class NonFiniteLossError(FloatingPointError):
    """A loss, or a weight about to be stored, is NaN or infinite."""


class GanTrainer:
    """Trains a generator against a discriminator on samples of any shape.

    Attributes:
        generator, discriminator: the two models, updated in place.
        ema_generator: the generator with exponentially averaged weights; ``sample`` uses it.
        real: all real samples, a tensor; None where a function draws them.
        history: losses by step, lists under "step", "discriminator" and "generator".
    """

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        real: np.ndarray | tuple[np.ndarray, np.ndarray] | Draw,
        config: TrainingConfig,
        strategy: tf.distribute.Strategy | None = None,
        *,
        latents: Callable[[int, tf.Tensor], tf.Tensor] | None = None,
    ) -> None:
        """Prepare a run on real samples, in the shape that the discriminator reads.

        With a ``strategy`` every step is shared out among its replicas: each takes its part of the
        batch, and their gradients are summed. The models must have been built within
        ``strategy.scope()``, and batch normalisation in them must be synchronised
        (``lstm_generator(synchronised=True)``). The weights are then those of one device, up to
        rounding. Every replica draws the whole batch's random numbers, which is cheap, and keeps
        every n-th row: so the rows are the same however many replicas there are.

        Args:
            generator: latents → samples; of a conditional GAN, [latents, conditions] → samples.
            discriminator: samples → logits (batch, 1), or [samples, conditions] → logits.
            real: all real samples, (samples, …), for windows (windows, time, features). A
                conditional GAN takes a pair: the samples and their conditions, such as labels
                (samples,). Or a function ``real(count, seed)`` that draws such a batch as tensors
                from a seed of two integers: called in the compiled step, again at each step.
            config: what decides the run.
            strategy: of ``tf.distribute``; None is one device.
            latents: ``latents(count, seed)`` draws what the generator reads. By default
                ``draw_latents`` with ``config.static`` and ``config.dynamic``.

        Raises:
            ValueError: if the samples are not finite or do not have the models' shapes, or the
                batch cannot be shared out evenly.
        """
        self.config = config
        shape = generator.input_shape
        window = (shape[0] if isinstance(shape, list) else shape)[1]
        self._draw_latents = latents or (
            lambda count, seed: draw_latents(count, window, config.static, config.dynamic, seed)
        )
        self.real: tf.Tensor | None = None
        if callable(real):
            self._draw_real = real
        else:
            self.real, self._draw_real = from_arrays(real)
        check_shapes(self._draw_real, self._draw_latents, generator, discriminator)
        self.replicas = 1 if strategy is None else strategy.num_replicas_in_sync
        for rows in (config.batch_rows, config.gp_rows if config.gp_weight else 0):
            if rows % (self.replicas * config.members):
                raise ValueError(
                    f"{rows} rows of a batch cannot be shared out evenly among {self.replicas} "
                    "replicas; expected a batch, and a penalised part of it, that they divide."
                )
        self.strategy = strategy
        self.generator, self.discriminator = generator, discriminator
        self.loss = get_loss(config.loss)
        with contextlib.nullcontext() if strategy is None else strategy.scope():
            self.ema_generator = keras.models.clone_model(generator)
            self.ema_generator.set_weights(generator.get_weights())
            self.generator_optimizer = self._optimizer(generator)
            self.discriminator_optimizer = self._optimizer(discriminator)
        self.history: dict[str, list] = {"step": [], "discriminator": [], "generator": []}
        self._step = tf.Variable(0, dtype=tf.int64, trainable=False)
        self._seed = tf.Variable(config.seed, dtype=tf.int64, trainable=False)
        self._generate = tf.function(self.ema_generator, reduce_retracing=True)

    @property
    def step(self) -> int:
        """Training steps done."""
        return int(self._step.numpy())

    def train_step(self, step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Update the discriminator and the generator once each; return their two losses.

        Both updates read the same windows and the same logits: the players move at the same time,
        and each network runs forward once (Algorithm 1 of Goodfellow et al. 2014, arXiv:1406.2661,
        lets them take turns, at a price of two passes more).

        ``step`` is an int64 scalar: an int32 of the same value would draw other random numbers.
        """
        if self.strategy is None:
            losses = self._update(step)
        else:
            shares = self.strategy.run(lambda step: tf.stack(self._update(step)), (step,))
            losses = tuple(tf.unstack(self.strategy.reduce("sum", shares, axis=None)))
        self._update_average(step)
        return losses

    def _update(self, step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Update both models; return this replica's shares of the two losses."""
        config = self.config
        seeds = tf.unstack(tf.random.split(tf.random.fold_in([self._seed, TRAINING], step), 3))
        real, condition = split_batch(self._draw_real(config.batch_rows, seeds[0]))
        real = self._share(real)
        condition = None if condition is None else self._share(condition)
        latents = self._share(self._draw_latents(config.batch_rows, seeds[1]))

        with tf.GradientTape(persistent=True) as tape:
            fake = self.generator(model_inputs(latents, condition), training=True)
            fake_logits = self.discriminator(model_inputs(fake, condition))
            real_logits, penalty = self._real_logits_and_penalty(
                real, fake, fake_logits, seeds[2], condition
            )
            discriminator_loss = self.loss.discriminator(real_logits, fake_logits)
            generator_loss = self.loss.generator(tf.stop_gradient(real_logits), fake_logits)
            if self.replicas > 1:
                # Optimizers sum over replicas; a mean over the batch is the sum of these shares.
                discriminator_loss, generator_loss, penalty = (
                    value / self.replicas for value in (discriminator_loss, generator_loss, penalty)
                )
            objective = discriminator_loss + penalty
        of_discriminator = self.discriminator.trainable_variables
        of_generator = self.generator.trainable_variables
        down = _added_up(tape.gradient(objective, of_discriminator))
        up = _added_up(tape.gradient(generator_loss, of_generator))
        self.discriminator_optimizer.apply(down, of_discriminator)
        self.generator_optimizer.apply(up, of_generator)
        return discriminator_loss, generator_loss

    def _share(self, rows: tf.Tensor) -> tf.Tensor:
        """Return this replica's rows of a batch: every n-th, from its own number on.

        So each replica has as many of the first ``gp_rows`` as any other, and real and
        generated rows that a loss pairs stay together. Of several members a row is one of each.
        """
        if self.replicas == 1:
            return rows
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        group = tf.range(tf.shape(rows)[0]) // self.config.members
        return tf.boolean_mask(rows, group % self.replicas == replica)

    def train(
        self,
        until: int | None = None,
        *,
        steps_per_call: int = 20,
        callbacks: Sequence[Callback] = (),
        folder: Path | str | None = None,
        checkpoint_every: int = 200,
    ) -> dict[str, list]:
        """Train up to step ``until`` (default: ``config.steps``) and return the history.

        Args:
            until: the step to stop after.
            steps_per_call: steps that run inside one call of the compiled graph.
            callbacks: what to do every so many steps.
            folder: where checkpoints go, with the losses so far as ``history.csv``. If it holds a
                checkpoint, call ``resume`` first to go on from there.
            checkpoint_every: steps between two checkpoints.

        Of several workers all are to be given the same arguments; worker 0 alone writes.

        Raises:
            NonFiniteLossError: as soon as a loss or a weight is NaN or infinite.
            ValueError: for an interval below 1, or if another worker is at another step.
        """
        until = self.config.steps if until is None else until
        manager = None if folder is None else self._manager(folder)
        intervals = [every.steps for every in callbacks]
        if manager is not None:
            intervals.append(checkpoint_every)
        positive_integer(until=until, steps_per_call=steps_per_call)
        for interval in intervals:
            positive_integer(interval=interval)
        if self.strategy is not None:
            self._check_in_step(self.strategy)
        with runtime.progress(
            total=until, initial=self.step, unit="step", desc="training", mininterval=1
        ) as bar:
            while (start := self.step) < until:
                stops = [(start // interval + 1) * interval for interval in intervals]
                stop = min(start + steps_per_call, until, *stops)
                losses = self._run(tf.constant(stop - start)).numpy()
                self._record(start, losses, manager)
                bar.update(stop - start)
                bar.set_postfix(D=f"{losses[-1, 0]:.3f}", G=f"{losses[-1, 1]:.3f}", refresh=False)
                for every in callbacks:
                    if stop % every.steps == 0:
                        every.action(self)
                if manager is not None and (stop % checkpoint_every == 0 or stop == until):
                    self._save(manager)
        return self.history

    def sample(
        self, count: int, seed: int = 0, *, condition: np.ndarray | None = None
    ) -> np.ndarray:
        """Return ``count`` samples, (count, …), from the averaged generator.

        The same count and seed give the same samples, whatever was sampled before. A conditional
        generator needs the ``condition`` of each, (count, …).
        """
        return self.generate(self.latents(count, seed), condition=condition)

    def latents(self, count: int, seed: int = 0) -> tf.Tensor:
        """Return latents, (count, …), for ``generate``."""
        positive_integer(count=count)
        return self._draw_latents(count, tf.random.fold_in([self._seed, SAMPLING], seed))

    def generate(
        self, latents: tf.Tensor, batch_size: int = 1024, *, condition: np.ndarray | None = None
    ) -> np.ndarray:
        """Return the averaged generator's samples for these latents, ``batch_size`` at a time.

        Raises:
            ValueError: if the condition is missing, of another shape, or not read.
        """
        check_condition(self.generator, condition, len(latents))
        made = []
        for start in range(0, len(latents), batch_size):
            rows = slice(start, start + batch_size)
            asked = None if condition is None else tf.convert_to_tensor(condition[rows])
            made.append(self._generate(model_inputs(latents[rows], asked)).numpy())
        return np.concatenate(made)

    def resume(self, folder: Path | str) -> int:
        """Take up the state of the last checkpoint in ``folder``; return its step.

        Returns 0, and changes nothing, if the folder holds no checkpoint yet.

        Raises:
            ValueError: if the checkpoint does not fit these models, is damaged, or was written
                with another seed.
        """
        path = tf.train.latest_checkpoint(str(folder))
        if path is None:
            return 0
        try:
            status = self._checkpoint().restore(path)
            status.assert_existing_objects_matched()
        except (ValueError, LookupError, AssertionError, tf.errors.OpError) as error:
            raise ValueError(
                f"The checkpoint {path} does not fit this run: it was written by models of another "
                f"shape, or is damaged ({' '.join(str(error).split())[:100] or 'cannot be read'})."
            ) from error
        if int(self._seed.numpy()) != self.config.seed:
            raise ValueError(
                f"The checkpoint {path} was written with seed {int(self._seed.numpy())}; "
                f"expected {self.config.seed}."
            )
        log = pd.read_csv(Path(folder) / HISTORY, float_precision="round_trip")
        # The losses are written before the checkpoint, so they may be ahead of it.
        kept = log[log["step"] <= self.step]
        self.history = {str(name): kept[name].tolist() for name in kept}
        return self.step

    def _check_in_step(self, strategy: tf.distribute.Strategy) -> None:
        """Refuse to train beside workers that took up another checkpoint, or none."""
        steps = strategy.run(lambda: tf.fill([1], float(self.step)))
        mean = strategy.reduce("mean", steps, axis=None).numpy()[0]
        if mean != self.step:
            raise ValueError(
                f"This worker is at step {self.step}, the mean of all is {mean:g}; expected a "
                "folder of checkpoints that all workers share."
            )

    def _optimizer(self, model: keras.Model) -> keras.optimizers.Optimizer:
        config = self.config
        rate = keras.optimizers.schedules.CosineDecay(
            config.learning_rate, config.steps, alpha=config.cosine_alpha
        )
        optimizer = keras.optimizers.Adam(rate, beta_1=config.beta_1, beta_2=config.beta_2)
        optimizer.build(model.trainable_variables)
        return optimizer

    def _real_logits_and_penalty(
        self,
        real: tf.Tensor,
        fake: tf.Tensor,
        fake_logits: tf.Tensor,
        seed: tf.Tensor,
        condition: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the logits of the real samples, and the penalty on a part of real and fake.

        The moved samples of the penalty are read in the same pass as the real ones. The generator
        does not learn from the penalty: for it they are fixed.
        """
        config = self.config
        if config.gp_weight == 0:
            return self.discriminator(model_inputs(real, condition)), tf.constant(0.0)
        part = config.gp_rows // self.replicas
        fake = tf.cast(fake, real.dtype)  # of mixed precision
        both = tf.concat([real[:part], tf.stop_gradient(fake[:part])], axis=0)
        noise = tf.random.stateless_normal([2 * config.gp_rows, *both.shape[1:]], seed)
        if self.replicas > 1:
            noise = tf.concat([self._share(half) for half in tf.split(noise, 2)], axis=0)
        moved = both + config.gp_sigma * noise
        if condition is not None:
            condition = tf.concat([condition, condition[:part], condition[:part]], axis=0)
        logits = self.discriminator(model_inputs(tf.concat([real, moved], axis=0), condition))
        real_logits, moved_logits = tf.split(logits, [config.batch_rows // self.replicas, 2 * part])
        before = tf.concat([real_logits[:part], fake_logits[:part]], axis=0)
        # The mean over real and fake together is half the sum of their two penalties.
        penalty = 2 * finite_difference_from_logits(
            before, moved_logits, config.gp_weight, config.gp_sigma
        )
        return real_logits, penalty

    def _update_average(self, step: tf.Tensor) -> None:
        # A short memory at first: the untrained weights must not linger in the average.
        step = tf.cast(step, tf.float32)
        decay = tf.minimum(self.config.ema_decay, (1 + step) / (10 + step))
        for mean, new in zip(self.ema_generator.weights, self.generator.weights, strict=True):
            mean.assign(decay * mean + (1 - decay) * new)

    @tf.function
    def _run(self, count: tf.Tensor) -> tf.Tensor:
        """Run ``count`` training steps; return their losses, (count, 2)."""
        losses = tf.TensorArray(tf.float32, count)
        for i in tf.range(count):
            losses = losses.write(i, tf.stack(self.train_step(self._step)))
            self._step.assign_add(1)
        return losses.stack()

    def _record(
        self, start: int, losses: np.ndarray, manager: tf.train.CheckpointManager | None
    ) -> None:
        bad = np.flatnonzero(~np.isfinite(losses).all(axis=1))
        if len(bad):
            raise NonFiniteLossError(
                f"Training stopped at step {start + bad[0] + 1}: the losses are "
                f"{losses[bad[0], 0]} (discriminator) and {losses[bad[0], 1]} (generator); "
                f"expected finite numbers. {self._last_good(manager)}"
            )
        self.history["step"].extend(range(start + 1, start + len(losses) + 1))
        self.history["discriminator"].extend(losses[:, 0].tolist())
        self.history["generator"].extend(losses[:, 1].tolist())

    def _save(self, manager: tf.train.CheckpointManager) -> None:
        models = (self.generator, self.discriminator, self.ema_generator)
        if not all(np.isfinite(array).all() for model in models for array in model.get_weights()):
            raise NonFiniteLossError(
                f"Training stopped at step {self.step}: a weight is NaN or infinite; expected "
                f"finite numbers. {self._last_good(manager)}"
            )
        if not is_chief(self.strategy):
            return
        path = Path(manager.directory) / HISTORY
        pd.DataFrame(self.history).to_csv(path.with_suffix(".tmp"), index=False)
        os.replace(path.with_suffix(".tmp"), path)
        manager.save(checkpoint_number=self.step)

    @staticmethod
    def _last_good(manager: tf.train.CheckpointManager | None) -> str:
        if manager is None or manager.latest_checkpoint is None:
            return "There is no checkpoint to go back to; try a lower learning rate."
        return (
            f"The last good checkpoint is {manager.latest_checkpoint}; try a lower learning rate."
        )

    def _checkpoint(self) -> tf.train.Checkpoint:
        return tf.train.Checkpoint(
            generator=self.generator,
            discriminator=self.discriminator,
            ema_generator=self.ema_generator,
            generator_optimizer=self.generator_optimizer,
            discriminator_optimizer=self.discriminator_optimizer,
            step=self._step,
            seed=self._seed,
        )

    def _manager(self, folder: Path | str) -> tf.train.CheckpointManager:
        Path(folder).mkdir(parents=True, exist_ok=True)
        return tf.train.CheckpointManager(self._checkpoint(), str(folder), max_to_keep=2)


def _added_up(gradients: Sequence[tf.Tensor | tf.IndexedSlices | None]) -> list[tf.Tensor | None]:
    """Return gradients in which the rows of an embedding are added up, one for each label.

    TensorFlow keeps one for every time a row was looked up, and Keras' Adam would take the sum of
    their squares for the square of their sum.
    """
    return [g if g is None else tf.convert_to_tensor(g) for g in gradients]
