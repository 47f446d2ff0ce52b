"""Find Chromium, or install Debian's: what `make test-browser` opens pages with.

.venv/bin/python tools/browser.py    # prints its path; exits 2 where there is none
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
INSTALL = ("apt-get", "install", "--yes", "--no-install-recommends", "chromium")


def find() -> str | None:
    """Return the path of an installed Chromium or Chrome, or None. CHROMIUM=PATH comes first."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


def install() -> None:
    """Install Debian's Chromium where this user may; say nothing of apt unless it fails.

    Raises:
        RuntimeError: there is no apt, no right to use it, or it failed.
    """
    may = hasattr(os, "geteuid") and os.geteuid() == 0
    if not may or shutil.which(INSTALL[0]) is None:
        raise RuntimeError("There is no Chromium here: install it, or set CHROMIUM to its path.")
    done = subprocess.run(INSTALL, capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise RuntimeError(f"apt-get could not install chromium: {' '.join(last)}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    try:
        if find() is None:
            install()
    except RuntimeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(find())
    return 0


if __name__ == "__main__":
    sys.exit(main())
