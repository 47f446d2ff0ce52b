"""Draw windows or long series from a trained LSTM-GAN, from the command line."""

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
from utils.lstm_gan import long_series
from utils.lstm_gan.estimator import PRETRAINED, LstmGan
from utils.lstm_gan.faults import FAILED, explanation
from utils.lstm_gan.markdown import wrapped

EXAMPLE = """example:
  python -m utils.sample runs/goog --windows 5000 --out synthetic.csv --seed 7

  python -m utils.sample runs/goog --length 2000 --out series.csv --start 2025-01-06

The second command makes one long series: window goes on from window. A .csv is a long table: window
(or series, if there are several), date or step, then the columns of the data with their decimals. A
.npz holds an array, key "samples", of shape (windows or series, time, features). The same seed
gives the same bytes."""

WINDOWS = 1000  # unless told otherwise


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status: 0, or 2 for bad input.

    It is 4 if the machine failed (disk, memory, TensorFlow), and 128 + n if signal n stopped it.
    """
    command.any_terminal()
    command.one_thread_an_operation()
    options = _parser().parse_args(arguments)
    try:
        print(run(options))
    except (ValueError, FileNotFoundError, PermissionError) as error:
        print(wrapped(f"error: {error}", sys.stderr), file=sys.stderr)
        return 2
    except (OSError, MemoryError, tf.errors.OpError) as error:
        print(
            wrapped(f"error: {explanation(error, Path(options.out))}", sys.stderr), file=sys.stderr
        )
        return FAILED
    except KeyboardInterrupt as stop:
        return command.stopped(stop, "Nothing was written.")
    return 0


def run(options: argparse.Namespace) -> str:
    """Draw and write windows as ``options`` (see ``--help``) say; return what was done.

    Raises:
        ValueError, OSError: for bad input, or a file that cannot be written.
    """
    _check_size(options)
    out = Path(options.out)
    if out.suffix not in (".csv", ".npz"):
        raise ValueError(f"The file is {out}; expected a name that ends with .csv or .npz.")
    if out.is_dir() or not out.parent.is_dir():
        raise ValueError(f"{out} cannot be written; expected a file in a folder that is there.")
    if out.suffix == ".npz" and options.start is not None:
        raise ValueError("An array has no dates; expected --start with a .csv only.")
    pretrained = options.run.lower() in PRETRAINED and not Path(options.run).is_dir()
    gan = LstmGan.from_pretrained(options.run) if pretrained else LstmGan.load(options.run)
    if options.length is not None:
        return _long_series(gan, options, out)
    windows = gan.sample(options.windows or WINDOWS, options.seed)
    with replacing(out) as path:
        if out.suffix == ".npz":
            np.savez_compressed(path, samples=windows)
        else:
            table = gan.to_frame(windows, start=options.start)
            table.to_csv(path, index=False, lineterminator="\n")
    count, length, features = windows.shape
    return f"{out}: {count:,} windows of {length} rows and {features} columns, seed {options.seed}."


def _check_size(options: argparse.Namespace) -> None:
    """Refuse sizes that are no sizes, and those of windows and of long series together."""
    sizes = {"windows": options.windows, "length": options.length, "count": options.count}
    positive_integer(**{name: size for name, size in sizes.items() if size is not None})
    if options.length is not None and options.windows is not None:
        raise ValueError("Both --length and --windows were given; expected one of them.")
    if options.length is None and options.count is not None:
        raise ValueError("--count is the number of long series; expected --length with it.")


def _long_series(gan: LstmGan, options: argparse.Namespace, out: Path) -> str:
    """Draw and write long series; return what was done."""
    asked = {"count": options.count or 1, "seed": options.seed}
    if out.suffix == ".npz":
        samples = long_series.array(gan, options.length, **asked)
        with replacing(out) as path:
            np.savez_compressed(path, samples=samples)
    else:
        table = gan.sample_series(options.length, start=options.start, **asked)
        with replacing(out) as path:
            table.to_csv(path, index=False, lineterminator="\n")
    kind = "one series" if asked["count"] == 1 else f"{asked['count']:,} series"
    done = f"{out}: {kind} of {options.length:,} rows and {len(gan.layout_.columns)} columns, "
    return "\n".join([done + f"seed {options.seed}.", *long_series.series_notes(gan.structure_)])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m utils.sample",
        description="Draw windows or long series from an LSTM-GAN that `make train` or "
        "LstmGan.save wrote.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "run", metavar="RUN", help=f"the run folder; or shipped weights: {', '.join(PRETRAINED)}"
    )
    parser.add_argument(
        "--windows", type=int, metavar="N", help=f"how many windows (default: {WINDOWS})"
    )
    parser.add_argument(
        "--length", type=int, metavar="N", help="rows of one long series, instead of windows"
    )
    parser.add_argument("--count", type=int, metavar="N", help="how many long series (default: 1)")
    parser.add_argument("--out", required=True, metavar="FILE", help="a .csv or a .npz")
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of what is drawn (default: %(default)s)"
    )
    parser.add_argument(
        "--start",
        metavar="DATE",
        help="first date of every window or series (default: after the data's last)",
    )
    return parser


if __name__ == "__main__":
    command.started()
    sys.exit(main())
