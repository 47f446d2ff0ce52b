"""Lesson 10 holds a whole LSTM-GAN: its cells, without the course's module, run."""

import json
import re
import subprocess
import sys
from pathlib import Path

LESSON = Path(__file__).resolve().parents[1] / "notebooks" / "10_lstm_gan.ipynb"
# From data to new windows; pictures, checks and judges are left out.
CELLS = [
    *("imports", "data", "truth", "scale", "goal", "generator", "discriminator", "losses", "step"),
    *("latents", "loop", "steps", "penalty", "recipe-step", "train-recipe", "recipe"),
]
OURS = re.compile(r"(from utils|from ipywidgets|check\(|claim\(|@)")
IN_PLACE = {  # what the module gives to these cells: sizes, a progress bar, the device
    "runtime.budget(full=(800, 2400, 2000), quick=(2, 1, 1))": "2, 1, 1",
    "runtime.budget(full=False, quick=True)": "True",
    "runtime.budget(full=(64, 1), quick=(8, 1))": "8, 1",
    "runtime.progress(range(steps))": "range(steps)",
    "runtime.on_gpu()": "False",
}
END = """
assert made.shape == (10_000, 24, 5) and np.isfinite(made).all()
generator.save("generator.keras")
again = keras.models.load_model("generator.keras")
np.testing.assert_allclose(again(many[:5]), generator(many[:5]), atol=1e-6)
print("trained, drawn, saved, loaded")
"""


def test_the_cells_alone_are_an_lstm_gan(tmp_path):
    found = json.loads(LESSON.read_text(encoding="utf-8"))["cells"]
    cells = {cell["id"]: "".join(cell["source"]) for cell in found}
    parts = [cells[name].split("\n\n\nfirst =")[0] for name in CELLS]
    lines = [line for line in "\n\n".join(parts).split("\n") if not OURS.match(line)]
    code = "\n".join(lines)
    for there, here in IN_PLACE.items():
        assert there in code
        code = code.replace(there, here)
    assert not re.search(r"\b(utils\.(?!set_random)|runtime|notebook|evaluation)\b", code)
    file = tmp_path / "lstm_gan.py"
    file.write_text(code + END, encoding="utf-8")
    run = subprocess.run(
        [sys.executable, "-I", str(file)], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert run.returncode == 0, run.stderr[-1500:]
    assert run.stdout.split("\n")[-2] == "trained, drawn, saved, loaded"
