"""Runs the cells of a submitted notebook in a box, where they can do no harm.

With bubblewrap (Linux), the kernel has no network, a file system in which everything but its own
working folder is read-only or absent, and no sight of the gradebook, of the tests' source or of
other submissions. Without it, the kernel runs with the grader's rights, and the grader says so.
Time, memory and printed output are limited in both cases.
"""

from __future__ import annotations

import os
import resource
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_output
from nbgrader.preprocessors import Execute, NbGraderPreprocessor
from traitlets import Float, Integer, Unicode

ROOT = Path(__file__).resolve().parent.parent
SHARED = ("utils", "data")  # what a submission may read of the course
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc", "/opt")
PYTHON = (sys.base_prefix, sys.prefix, os.path.realpath(sys.prefix))
ENDLESS = "A cell went on too long and could not be interrupted."
SECRETS = ("/etc/shadow", "/etc/gshadow", "/etc/sudoers", "/etc/ssh")


@cache
def bubblewrap() -> str | None:
    """Return the path of bubblewrap, if it is installed and may make namespaces here."""
    path = shutil.which("bwrap")
    if path is None:
        return None
    trial = [path, "--ro-bind", "/", "/", "--unshare-all", "--die-with-parent", "true"]
    return path if subprocess.run(trial, capture_output=True, check=False).returncode == 0 else None


def boxed(command: list[str], box: Path) -> list[str]:
    """Return the command that runs ``command`` inside bubblewrap.

    Args:
        command: what is to run.
        box: a folder with ``work``, the working folder, and ``kernel``, where the sockets are.
    """
    words = [bubblewrap() or "bwrap", "--unshare-all", "--die-with-parent", "--new-session"]
    words += ["--unsetenv", "JPY_PARENT_PID"]  # a number from outside means nothing inside
    words += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]
    for path in filter(os.path.exists, dict.fromkeys((*SYSTEM, *PYTHON))):
        words += ["--ro-bind", path, path]
    for secret in filter(os.path.exists, SECRETS):
        words += (
            ["--tmpfs", secret] if Path(secret).is_dir() else ["--ro-bind", "/dev/null", secret]
        )
    for name in SHARED:
        words += ["--ro-bind", str(ROOT / name), str(box / name)]
    words += ["--bind", str(box / "work"), str(box / "work")]
    words += ["--bind", str(box / "kernel"), str(box / "kernel")]
    return [*words, "--chdir", str(box / "work"), "--", *command]


class BoxedKernelManager(AsyncKernelManager):
    """Starts the kernel of a submission in its box, and talks to it through files, not ports."""

    box: Path
    memory: int  # bytes

    def format_kernel_cmd(self, extra_arguments: list[str] | None = None) -> list[str]:
        """Return the kernel's command, inside bubblewrap where there is one."""
        command = super().format_kernel_cmd(extra_arguments)
        return boxed(command, self.box) if bubblewrap() else command

    async def _async_start_kernel(self, **options: Any) -> None:
        def limits() -> None:
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            resource.setrlimit(resource.RLIMIT_FSIZE, (200_000_000, 200_000_000))
            resource.setrlimit(resource.RLIMIT_DATA, (self.memory, self.memory))

        work = str(self.box / "work")
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "TZ") if name in os.environ}
        options["env"] = kept | {
            "HOME": work,
            "IPYTHONDIR": f"{work}/.ipython",
            "MPLCONFIGDIR": f"{work}/.matplotlib",
            "TMPDIR": work,
            "COURSE_PROFILE": "quick",
            "COURSE_PROGRESS": "off",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        self.kernel_spec.interrupt_mode = "message"  # a signal would end the box, not the cell
        await super()._async_start_kernel(**options | {"cwd": work, "preexec_fn": limits})

    start_kernel = _async_start_kernel


@contextmanager
def new_box(files: Path) -> Iterator[Path]:
    """Make a box whose working folder holds the submission's other files; delete it at the end."""
    box = Path(tempfile.mkdtemp(prefix="box"))
    try:
        (box / "kernel").mkdir()
        shutil.copytree(files, box / "work", ignore=shutil.ignore_patterns("*.ipynb"))
        for name in SHARED:
            (box / name).mkdir() if bubblewrap() else (box / name).symlink_to(ROOT / name)
        yield box
    finally:
        shutil.rmtree(box, ignore_errors=True)


class BoxedExecute(Execute):
    """nbgrader's step that runs a submission, with a box around the kernel and limits.

    A cell that fails or takes too long costs its own points. When the kernel is gone, the cells
    after it are marked as not run, with the reason.
    """

    timeout = Integer(120, help="seconds for a cell").tag(config=True)
    total = Float(900, help="seconds for all cells").tag(config=True)
    memory = Integer(6_000_000_000, help="bytes that the kernel may allocate").tag(config=True)
    printed = Integer(100_000, help="characters kept of what a cell prints").tag(config=True)
    flood = Integer(20_000_000, help="printed characters at which the kernel is ended").tag(
        config=True
    )
    reason = Unicode("", help="why the notebook was not run to its end")

    def preprocess(
        self, nb: NotebookNode, resources: Any = None, km: Any = None
    ) -> tuple[NotebookNode, Any]:
        """Run all cells of ``nb`` in a box; see `Execute`."""
        self.reason, self._sizes, self._start = "", {}, time.monotonic()
        nonce = secrets.token_hex(8)
        # If this cell does not fail, the submission has changed what running a cell means.
        alarm = new_code_cell(f"assert abs(-2) == 1, {nonce!r}")
        nb.cells.append(alarm)
        with new_box(Path(resources["metadata"]["path"])) as box:
            km = BoxedKernelManager(
                kernel_name="python3",
                transport="ipc",
                connection_file=str(box / "kernel" / "k.json"),
            )
            km.box, km.memory = box, self.memory
            try:
                super().preprocess(nb, resources, km)
            except (DeadKernelError, RuntimeError, TimeoutError) as error:
                self.reason = self.reason or f"The kernel did not start: {error}."
                for cell in nb.cells:
                    self._not_run(cell)
        nb.cells.remove(alarm)
        if not self.reason and not any(nonce in o.get("evalue", "") for o in alarm.outputs):
            self.reason = "The notebook changes how cells are run, so that its tests prove nothing."
            for cell in nb.cells:
                cell.pop("execution_count", None)
                self._not_run(cell)
        nb.metadata["not_run"] = self.reason
        return nb, resources

    def preprocess_cell(self, cell: NotebookNode, resources: Any, index: int) -> tuple:
        """Run one cell, or mark it as not run when there is no kernel any more."""
        left = self.total - (time.monotonic() - self._start)
        if not self.reason and left <= 0:
            self._stop(f"The notebook took longer than {self.total:.0f} s.")
        if self.reason:
            self._not_run(cell)
            return cell, resources
        self._check_assign_resources(resources)
        allowed, self.timeout = self.timeout, max(1, min(self.timeout, round(left)))
        try:
            cell = self.execute_cell(cell, index, store_history=True)
        except DeadKernelError:
            self._stop(
                "The kernel ended in this cell: it was told to exit, or memory ran out "
                f"(at most {self.memory / 1e9:.0f} GB)."
            )
            self._not_run(cell)
        except CellTimeoutError:
            self._stop(ENDLESS)
            self._not_run(cell)
        finally:
            self.timeout = allowed
        late = any(o.get("ename") == "CellTimeoutError" for o in cell.get("outputs", ()))
        if late:
            self._say_late(cell)
            if not self._answers(seconds=10):
                self._stop(ENDLESS)
        return cell, resources

    def process_message(self, msg: dict, cell: NotebookNode, cell_index: int) -> Any:
        """Keep the beginning of what a cell prints; end a kernel that floods."""
        content = msg["content"]
        size = len(str(content.get("text", ""))) + len(str(content.get("data", "")))
        if msg["msg_type"] in ("stream", "display_data", "execute_result"):
            before = self._sizes.get(cell_index, 0)
            self._sizes[cell_index] = before + size
            if before + size > self.flood and not self.reason:
                self._stop(f"A cell printed more than {self.flood / 1e6:.0f} million characters.")
            if before > self.printed:
                return None
            if "text" in content:
                content["text"] = content["text"][: self.printed]
        return super().process_message(msg, cell, cell_index)

    def _stop(self, reason: str) -> None:
        self.reason = self.reason or reason
        process = getattr(self.km.provisioner, "process", None)
        if process is not None and process.poll() is None:
            with_group = os.getpgid(process.pid) == process.pid
            (os.killpg if with_group else os.kill)(process.pid, signal.SIGKILL)

    def _not_run(self, cell: NotebookNode) -> None:
        if cell.cell_type == "code":
            text = f"Not run. {self.reason}"
            cell.execution_count = None
            cell.outputs = [
                new_output("error", ename="NotRun", evalue=self.reason, traceback=[text])
            ]

    def _say_late(self, cell: NotebookNode) -> None:
        for output in cell.outputs:
            if output.get("ename") == "CellTimeoutError":
                output.evalue = f"The cell took longer than {self.timeout} s."
                output.traceback = [f"CellTimeoutError: {output.evalue}"]

    def _answers(self, seconds: float) -> bool:
        """Say whether the kernel takes a question within so many seconds."""
        question, end = self.kc.kernel_info(), time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                reply = self._next_reply(end - time.monotonic())
            except Exception:  # nothing came in time
                return False
            if reply["parent_header"].get("msg_id") == question:
                return True
        return False

    def _next_reply(self, seconds: float) -> dict:
        from jupyter_core.utils import run_sync

        return run_sync(self.kc.shell_channel.get_msg)(timeout=max(0.1, seconds))


class ShortErrors(NbGraderPreprocessor):
    """Feedback shows what an error says, not the lines of the (hidden) test that raised it."""

    def preprocess_cell(self, cell: NotebookNode, resources: Any, cell_index: int) -> tuple:
        """Cut the tracebacks of a test cell down to their last line."""
        if cell.cell_type == "code" and cell.metadata.get("nbgrader", {}).get("grade"):
            for output in cell.outputs:
                if output.output_type == "error":
                    output.traceback = [f"{output.ename}: {output.evalue}"]
        return cell, resources
