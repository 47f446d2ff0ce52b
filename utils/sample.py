"""Draw windows from a trained LSTM-GAN, from the command line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from utils import command

if __name__ == "__main__":
    command.starting()  # the imports take seconds, in which Ctrl-C shall not end in a traceback

import numpy as np
import tensorflow as tf

from utils.checks import positive_integer
from utils.files import replacing
from utils.lstm_gan.estimator import PRETRAINED, LstmGan
from utils.lstm_gan.faults import FAILED, explanation

EXAMPLE = """example:
  python -m utils.sample runs/goog --windows 5000 --out synthetic.csv --seed 7

A .csv is a long table: window, date or step, then the columns of the data with their decimals. A
.npz holds an array, key "samples", of shape (windows, time, features). The same seed gives the
same bytes."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status: 0, or 2 for bad input.

    It is 4 if the machine failed (disk, memory, TensorFlow), and 128 + n if signal n stopped it.
    """
    command.any_terminal()
    options = _parser().parse_args(arguments)
    try:
        print(run(options))
    except (ValueError, FileNotFoundError, PermissionError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except (OSError, MemoryError, tf.errors.OpError) as error:
        print(f"error: {explanation(error, Path(options.out))}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt as stop:
        return command.stopped(stop, "Nothing was written.")
    return 0


def run(options: argparse.Namespace) -> str:
    """Draw and write windows as ``options`` (see ``--help``) say; return what was done.

    Raises:
        ValueError, OSError: for bad input, or a file that cannot be written.
    """
    positive_integer(windows=options.windows)
    out = Path(options.out)
    if out.suffix not in (".csv", ".npz"):
        raise ValueError(f"The file is {out}; expected a name that ends with .csv or .npz.")
    if out.is_dir() or not out.parent.is_dir():
        raise ValueError(f"{out} cannot be written; expected a file in a folder that is there.")
    if out.suffix == ".npz" and options.start is not None:
        raise ValueError("An array has no dates; expected --start with a .csv only.")
    pretrained = options.run.lower() in PRETRAINED and not Path(options.run).is_dir()
    gan = LstmGan.from_pretrained(options.run) if pretrained else LstmGan.load(options.run)
    windows = gan.sample(options.windows, options.seed)
    with replacing(out) as path:
        if out.suffix == ".npz":
            np.savez_compressed(path, samples=windows)
        else:
            table = gan.to_frame(windows, start=options.start)
            table.to_csv(path, index=False, lineterminator="\n")
    count, length, features = windows.shape
    return f"{out}: {count:,} windows of {length} rows and {features} columns, seed {options.seed}."


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m utils.sample",
        description="Draw windows from an LSTM-GAN that `make train` or LstmGan.save wrote.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "run", metavar="RUN", help=f"the run folder; or shipped weights: {', '.join(PRETRAINED)}"
    )
    parser.add_argument(
        "--windows", type=int, default=1000, metavar="N", help="how many (default: %(default)s)"
    )
    parser.add_argument("--out", required=True, metavar="FILE", help="a .csv or a .npz")
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of the windows (default: %(default)s)"
    )
    parser.add_argument(
        "--start",
        metavar="DATE",
        help="first date of every window (default: after the data's last)",
    )
    return parser


if __name__ == "__main__":
    command.started()
    sys.exit(main())
