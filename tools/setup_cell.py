import os, pathlib, subprocess as sp, sys  # finds the course beside this notebook, or fetches it

ADDRESS, VERSION, places = "", "main", pathlib.Path("course").resolve().parents  # fmt: skip
sys.path[:0] = home = [str(p) for p in places if (p / "utils/runtime.py").exists()] or ["course"]
ways = f"git clone --depth 1 -b {VERSION} {ADDRESS} course", "python3 -m zipfile -e course.zip ."
if not os.path.isdir(home[0]) and all(sp.call(w.split(), stderr=sp.DEVNULL) for w in ways):
    raise FileNotFoundError("Upload course.zip beside this notebook, then run this cell again.")
from utils import runtime

runtime.setup(seed=1)
