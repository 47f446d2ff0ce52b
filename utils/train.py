"""Train the full LSTM-GAN from the command line, on shipped prices or on a CSV of your own."""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from utils import command

if __name__ == "__main__":
    command.starting()  # the imports take seconds, in which Ctrl-C shall not end in a traceback

import matplotlib

if __name__ == "__main__":
    matplotlib.use("Agg")  # pictures go to files: no window, no display needed

from utils import runtime
from utils.datasets import STOCKS, Series, load_stock, read_csv
from utils.datasets.holdout import split_last
from utils.datasets.tables.options import (
    add_reading_options,
    column_names,
    reading_choices,
    refuse_reading_choices,
)
from utils.lstm_gan import restart, run_folder, run_lock
from utils.lstm_gan.config import TrainingConfig
from utils.lstm_gan.estimator import LstmGan
from utils.lstm_gan.faults import FAILED, MachineError, explained, kept
from utils.lstm_gan.markdown import wrapped
from utils.lstm_gan.recipe import MEMBERS
from utils.lstm_gan.strategies import (
    LOST,
    STRATEGIES,
    WAIT,
    LostWorkerError,
    get_strategy,
    is_chief,
)
from utils.lstm_gan.training import NonFiniteLossError

EXAMPLE = """example:
  python -m utils.train --csv prices.csv --columns Open,Close --window 24 --out runs/mine

Any table with a header and columns of numbers will do, in any unit: CSV (in any country's style,
compressed or not), Excel, parquet. Rows are taken as they follow each other, whatever the time
between them. What is converted, assumed or left out is said before training. Results go to the run
folder: report.md with its pictures and what was seen in the data; scores.csv; samples.csv and
samples.npz (key "samples", shape (windows, time, features), in the data's units; whole numbers
where the data are); history.csv, config.json, the weights and the checkpoint. python -m
utils.sample draws more windows, or one long series.

A run that was stopped, by Ctrl-C, a signal or a power cut, goes on with --resume. Exit status: 0
done; 1 the training diverged; 2 bad input; 3 another worker was lost; 4 the machine failed (a full
disk, too little memory): the last checkpoint is kept; 128 + n stopped by signal n."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status: 0, 2 for bad input, 1 if training diverged.

    It is 3 if another worker was lost, 4 if the machine failed (disk, memory, TensorFlow), and
    128 + n if signal n stopped it.
    """
    command.any_terminal()
    command.one_thread_an_operation()
    options = _parser().parse_args(arguments)
    try:
        os.environ[runtime.PROFILE_VARIABLE] = options.profile or runtime.profile()
        run(options)
    except (ValueError, OSError) as error:
        print(wrapped(f"error: {error}", sys.stderr), file=sys.stderr)
        return 2
    except NonFiniteLossError as error:
        print(wrapped(f"error: {error}", sys.stderr), file=sys.stderr)
        return 1
    except LostWorkerError as error:
        print(wrapped(f"error: {error}", sys.stderr), file=sys.stderr)
        return LOST
    except (MachineError, MemoryError) as error:
        print(
            wrapped(f"error: {error or 'There is not enough memory.'}", sys.stderr), file=sys.stderr
        )
        return FAILED
    except KeyboardInterrupt as stop:
        return command.stopped(stop, kept(_folder(options)))
    return 0


def run(options: argparse.Namespace) -> Path:
    """Train, score and report as ``options`` (see ``--help``) say; return the run folder.

    Raises:
        ValueError, FileNotFoundError: for bad input, before anything is written.
        MachineError: if the disk, the memory or TensorFlow fails; checkpoints are kept.
        NonFiniteLossError: if training diverges.
    """
    if options.window < 2:
        raise ValueError(f"The window is {options.window} rows; expected at least 2.")
    series, holdout = _load(options), None
    if options.holdout:
        series, holdout = split_last(series, options.holdout, options.window)
    gan = LstmGan(
        options.window,
        steps=options.steps
        if options.steps is not None
        else runtime.budget(full=TrainingConfig.steps, quick=20),
        batch_size=options.batch_size,
        members=options.members
        if options.members is not None
        else runtime.budget(full=MEMBERS, quick=1),
        seed=options.seed,
        retry=not options.no_retry,
    )
    folder = _folder(options)
    identity = run_folder.identity(series, options.window, gan.config())
    restart.check(folder, identity, resume=options.resume, overwrite=options.overwrite)
    runtime.reproducible(options.seed)
    runtime.plotting_style()
    # After this all workers have started, with the same run before them.
    same = {**identity, "resume": options.resume, "overwrite": options.overwrite}
    strategy = get_strategy(options.strategy, identity=same, wait=options.wait)

    print(runtime.report())
    if strategy is not None:
        print(f"Strategy {options.strategy}: {strategy.num_replicas_in_sync} replicas.")
    with run_lock.held(folder if is_chief(strategy) else None), explained(folder):
        gan.fit(
            series,
            folder=folder,
            resume=options.resume,
            overwrite=options.overwrite,
            strategy=strategy,
        )
        if not is_chief(strategy):
            print(f"Trained. Worker 0 scores, and writes to {folder}.")
            return folder
        gan.save(folder)
        report = gan.report(folder, holdout=holdout)
    print(f"Everything is in {folder}: open {report} first.")
    return folder


def _folder(options: argparse.Namespace) -> Path:
    name = Path(options.csv).stem if options.csv else options.series.lower()
    return Path(options.out or Path("runs") / name)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m utils.train",
        description="Train the full LSTM-GAN on daily GOOG prices, or on a CSV of your own.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--csv", metavar="FILE", help="a CSV, Excel or parquet file with a header, a row a time"
    )
    parser.add_argument(
        "--series", choices=STOCKS, default="GOOG", help="shipped prices (default: GOOG)"
    )
    add_reading_options(parser)
    parser.add_argument(
        "--window", type=int, default=24, metavar="ROWS", help="rows in a window (default: 24)"
    )
    parser.add_argument(
        "--steps",
        type=int,
        metavar="N",
        help=f"training steps (default: {TrainingConfig.steps})",
    )
    parser.add_argument(
        "--batch-size",
        type=int,
        default=TrainingConfig.batch_size,
        metavar="WINDOWS",
        help="windows in a training step, of all replicas together (default: %(default)s)",
    )
    parser.add_argument(
        "--members",
        type=int,
        metavar="N",
        help="GANs trained side by side, and drawn from in turn; 1 is three times faster "
        f"(default: {MEMBERS})",
    )
    parser.add_argument("--seed", type=int, default=1, help="of everything random (default: 1)")
    parser.add_argument(
        "--holdout",
        type=float,
        default=0.0,
        metavar="SHARE",
        help="of the rows, the last ones, not trained on but tested on in the report, such as 0.2 "
        "(default: all rows are trained on)",
    )
    parser.add_argument(
        "--no-retry",
        action="store_true",
        help="do not train once more, with another seed, where a column lost its spread",
    )
    parser.add_argument("--out", metavar="DIR", help="the run folder (default: runs/NAME)")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    parser.add_argument(
        "--overwrite", action="store_true", help="start anew where the same run was before"
    )
    parser.add_argument(
        "--strategy",
        choices=STRATEGIES,
        default="default",
        help="mirrored: share each batch among all GPUs of this machine (without one: two halves "
        "of the CPU, to try it); multiworker: among the machines that TF_CONFIG names, or that "
        "Slurm started, with this same command (default: one device)",
    )
    parser.add_argument(
        "--wait",
        type=float,
        default=WAIT,
        metavar="SECONDS",
        help="for all workers to be started (default: %(default)g)",
    )
    parser.add_argument(
        "--profile",
        choices=runtime.PROFILES,
        help=f"quick: a few steps, to see that it runs (default: {runtime.PROFILE_VARIABLE}, "
        "else full)",
    )
    return parser


def _load(options: argparse.Namespace) -> Series:
    columns = column_names(options.columns)
    if options.csv is not None:
        # Of several sequences one window is enough in each, of a single one it is not.
        least = options.window + (options.group is None)
        return read_csv(options.csv, columns, min_rows=least, **reading_choices(options))
    refuse_reading_choices(options)
    series = load_stock(options.series)
    if columns is not None:
        missing = [column for column in columns if column not in series.columns]
        if missing:
            raise ValueError(
                f"{series.name} has no column {missing[0]!r}; "
                f"expected some of {', '.join(series.columns)}."
            )
        chosen = [series.columns.index(column) for column in columns]
        series = dataclasses.replace(
            series,
            values=series.values[:, chosen],
            columns=tuple(columns),
            units=tuple(series.units[i] for i in chosen),
            dtypes=None if series.dtypes is None else tuple(series.dtypes[i] for i in chosen),
        )
    if len(series.values) < options.window + 1:
        raise ValueError(
            f"{series.name} has {len(series.values)} rows; "
            f"expected at least window + 1 = {options.window + 1}."
        )
    return series


if __name__ == "__main__":
    command.started()
    sys.exit(main())
