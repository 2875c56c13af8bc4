"""One command at a time, run beside the page that shows what it says."""

from __future__ import annotations

import threading
from collections.abc import Callable

import typer

from taggant.cli import EXPECTED
from taggant.owner.commands.console import listening
from taggant.urls import redact

MOST_LINES = 400


class BusyError(RuntimeError):
    """Another step is still running."""


class Job:
    """What a step says, how far it is, and what it asks.

    Attributes
    ----------
    step : str
        The last one that was started; empty before the first.
    failed : bool
        Whether it ended otherwise than it should.
    """

    def __init__(self) -> None:
        self.step = ""
        self.failed = False
        self._lines: list[str] = []
        self._far = (0, 0)
        self._question = ""
        self._answer = False
        self._answered = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    @property
    def running(self) -> bool:
        """Whether a step is under way."""
        return self._thread is not None and self._thread.is_alive()

    def start(self, step: str, work: Callable[[], None]) -> None:
        """Run a step in the background.

        Raises
        ------
        BusyError
            If one is running.
        """
        with self._lock:
            if self.running:
                raise BusyError(f"{self.step} is still running")
            self.step, self.failed = step, True  # until it came to its end
            self._lines, self._far, self._question = [], (0, 0), ""
            self._thread = threading.Thread(target=self._run, args=(work,), daemon=True)
            self._thread.start()

    def _run(self, work: Callable[[], None]) -> None:
        said = "It ended unexpectedly; the terminal that it was started from says why."
        try:
            with listening(self):
                work()
            said, self.failed = "", False
        except typer.Abort:
            said, self.failed = "Not started.", False
        except typer.Exit as end:
            said, self.failed = "", bool(end.exit_code)
        except EXPECTED as error:
            said = f"error: {redact(str(error))}"
        finally:
            if said:
                self.say(said)

    def say(self, text: str) -> None:
        """See `Listener.say`."""
        self._lines = [*self._lines, text][-MOST_LINES:]

    def progress(self, done: int, total: int) -> None:
        """See `Listener.progress`."""
        self._far = done, total

    def ask(self, question: str) -> bool:
        """See `Listener.ask`: waits for `answer`."""
        self._answered.clear()
        self._question = question
        self._answered.wait()
        self._question = ""
        return self._answer

    def answer(self, yes: bool) -> None:
        """Answer what was asked, if anything was."""
        if self._question:
            self._answer = yes
            self._answered.set()

    def state(self) -> dict[str, object]:
        """All of it, as the page shows it."""
        done, total = self._far
        return {
            "step": self.step,
            "running": self.running,
            "failed": self.failed and not self.running,
            "lines": self._lines,
            "done": done,
            "total": total,
            "question": self._question,
        }
