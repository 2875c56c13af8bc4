"""Runs of the command line in children forked from one warmed process.

Imports take seconds, a run at tiny size less than one. The warmed process has computed nothing and
holds no threads, so its children are as good as fresh interpreters. As a script, this file is that
process: it takes requests as JSON lines and answers each with the child's exit status.
"""

from __future__ import annotations

import atexit
import inspect
import json
import os
import resource
import signal
import subprocess
import sys
import time
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
TINY = (
    "+experiment=smoke",
    "progress=false",
    "threads=1",
    "trainer=cpu",
    "data.train=60",
    "data.test=20",
    "data.labels=category",
    "marking.n=20",
    "marking.used=12",
    "marking.unused=12",
    "victim.width=2",
    "victim.epochs=3",
    "victim.snapshots=2",
    "audit.p=0.1",
    "audit.batch_size=64",
)
WRITES = ("open", "os.rename", "os.mkdir", "os.remove", "shutil.rmtree", "shutil.copyfile")


class Forks:
    """A warmed process that forks one child a run."""

    def __init__(self) -> None:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
        environment.pop("HYDRA_FULL_ERROR", None)
        self.process = subprocess.Popen(
            [sys.executable, __file__],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, root: Path, *overrides: str, **faults: Any) -> None:
        """Start a run; `wait` tells how it ended."""
        request = {"root": str(root), "overrides": [*overrides], **faults}
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()

    def wait(self) -> int:
        """Exit status of a started run, minus the signal that killed it."""
        assert self.process.stdout is not None
        return int(self.process.stdout.readline())

    def run(self, root: Path, *overrides: str, **faults: Any) -> int:
        """Run the command line under `root`; its output goes to ``root/output.txt``."""
        self.start(root, *overrides, **faults)
        return self.wait()

    def close(self) -> None:
        """End the warmed process."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


@cache
def warmed() -> Forks:
    """The warmed process of this test session."""
    forks = Forks()
    atexit.register(forks.close)
    return forks


def calls(root: Path) -> list[str]:
    """Every training ("train") and every reading of a model ("read") under `root`, in order."""
    path = root / "calls.txt"
    return path.read_text().split() if path.exists() else []


def serve() -> None:
    """Take requests until there are no more."""
    import matplotlib.pyplot  # noqa: F401

    from taggant import code

    # An edit while tests run is not to change what half of the children take for the code.
    code.closure(code.sources("taggant"))  # parsed once here, not in every child
    import_module("taggant.pipeline.job")
    import_module("taggant.pipeline.sweep")
    import_module("taggant.victim.captioner")
    import_module("taggant.victim.ssl.simclr")
    out = os.fdopen(os.dup(1), "w")
    children: dict[int, Any] = {}
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            _child(request)
        children[child] = request
        if request.get("beside"):  # another one follows, to run side by side
            continue
        while children:
            done, status = os.wait()
            del children[done]
            out.write(f"{os.waitstatus_to_exitcode(status)}\n")
            out.flush()


def _child(request: dict[str, Any]) -> None:
    root = Path(request["root"])
    root.mkdir(parents=True, exist_ok=True)
    output = os.open(root / "output.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ["TAGGANT_ROOT"] = str(root)
    sys.stdin.close()
    code = 1
    try:
        _stub(request)
        _count(root)
        if request.get("watch"):
            _watch(root)
        _fail(root, request)
        sys.argv = ["run.py", *request["overrides"]]
        import runpy

        runpy.run_path(str(ROOT / "run.py"), run_name="__main__")
        code = 0
    except SystemExit as stop:
        code = int(stop.code or 0)
    except BaseException:
        import traceback

        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _stub(request: dict[str, Any]) -> None:
    """A report takes longer than the rest of a tiny run: unless asked for, draw none."""
    if request.get("report"):
        return
    import taggant.report

    def write(folder: Path) -> Path:
        (folder / "report.html").write_text("no report")
        return folder / "report.html"

    taggant.report.write = write


def _count(root: Path) -> None:
    """Write down every training and every reading."""
    import taggant.pipeline.stages.score as score
    from taggant.victim import training

    def counted(name: str, function: Any) -> Any:
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with (root / "calls.txt").open("a") as stream:
                stream.write(f"{name}\n")
            return function(*args, **kwargs)

        return wrapper

    training.fit = counted("train", training.fit)
    score.read = counted("read", score.read)


def ran(root: Path) -> dict[str, set[str]]:
    """Modules of which a function ran while a stage was computed, by digest; of runs watched."""
    found: dict[str, set[str]] = {}
    for line in (root / "ran.txt").read_text().splitlines():
        digest, *names = line.split()
        found.setdefault(digest, set()).update(names)
    return found


def _watch(root: Path) -> None:
    """Write down what `ran` reads."""
    from taggant import code
    from taggant.store.store import Stage, Store

    compute = Store._compute
    names = {str(source.path): name for name, source in code.sources("taggant").items()}
    seen: list[set[str]] = []

    def profile(frame: Any, event: str, _: Any) -> None:
        # The body of a module or a class runs once, whoever imports it first.
        if event == "call" and seen and frame.f_code.co_flags & inspect.CO_OPTIMIZED:
            seen[-1].add(frame.f_code.co_filename)

    def watched(store: Store, stage: Stage) -> Path:
        seen.append(set())
        sys.setprofile(profile)
        try:
            return compute(store, stage)
        finally:
            sys.setprofile(profile if seen[1:] else None)
            found = sorted(names[path] for path in seen.pop() if path in names)
            with (root / "ran.txt").open("a") as stream:
                stream.write(f"{stage.digest} {' '.join(found)}\n")

    Store._compute = watched  # type: ignore[method-assign]


def _fail(root: Path, request: dict[str, Any]) -> None:
    """Arrange for the fault that the request asks for."""
    if "bytes" in request:  # no file may grow beyond this: writes fail as on a full disk
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (request["bytes"], resource.RLIM_INFINITY))
    number = request.get("signal", signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell in the background ignores it
    if "after" in request:  # seconds
        signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), number))
        signal.setitimer(signal.ITIMER_REAL, request["after"])
    if "at" in request or request.get("trace"):  # the k-th change of a file (whose path has "of")
        _count_writes(root, request)


def _count_writes(root: Path, request: dict[str, Any]) -> None:
    seen = 0
    prefix = f"{root}/"

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal seen
        if event not in WRITES or not str(arguments[0]).startswith(prefix):
            return
        if event == "open" and not (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR):
            return
        if str(arguments[0]).endswith(".txt") or request.get("of", "") not in str(arguments[0]):
            return
        seen += 1
        if seen == request.get("at"):
            os.kill(os.getpid(), request.get("signal", signal.SIGKILL))
            time.sleep(10)
        if request.get("trace"):
            handle = os.open(f"{root}.trace", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.write(handle, f"{event} {arguments[0]}\n".encode())
            os.close(handle)

    sys.addaudithook(hook)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    serve()
