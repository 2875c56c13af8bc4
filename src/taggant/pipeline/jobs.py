"""Records that the jobs of a sweep write, from which the sweep lists what became of each.

Each has a record in the sweep's folder, by its number: wherever its own folder lies, whichever
process ran it, and however that ended. A new sweep in an old folder begins with none.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from taggant.files import write_atomically

RECORDS = ".jobs"
ERROR = "error.txt"
RESULT = "result.json"
UNFINISHED = "it did not come to its end"


@dataclass(frozen=True)
class Job:
    """One job of a sweep.

    Attributes
    ----------
    number : int
        Its place in the sweep.
    folder : str
        Where its results lie.
    overrides : sequence of str
        What was asked of it.
    error : str or None
        Why it failed; None if it did not.
    """

    number: int
    folder: str
    overrides: Sequence[str]
    error: str | None = UNFINISHED

    def begin(self, sweep: Path) -> None:
        """Write the job's record, as of one that has not finished.

        Raises
        ------
        ValueError
            If another job of the sweep has the same folder: one would overwrite the other.
        """
        self._put(sweep)
        for other in jobs(sweep):
            if other.number != self.number and other.folder == self.folder:
                raise ValueError(
                    f"hydra.sweep.subdir gives this job the folder of job {other.number}, "
                    f"{self.folder}: accepted is a name of its own for each job, such as "
                    "${hydra.job.num}"
                )

    def end(self, sweep: Path, error: str | None, traceback: str = "") -> None:
        """Write how the job ended into its record and its folder, over what earlier tries left."""
        replace(self, error=error)._put(sweep)
        mine = [job for job in jobs(sweep) if job.folder == self.folder]
        if error is None:
            Path(self.folder, ERROR).unlink(missing_ok=True)
        elif len(mine) == 1:
            Path(self.folder, RESULT).unlink(missing_ok=True)
            write_atomically(Path(self.folder, ERROR), traceback.encode())

    def _put(self, sweep: Path) -> None:
        path = sweep / RECORDS / f"{self.number}.json"
        write_atomically(path, json.dumps(asdict(self), indent=1).encode())


def clear(sweep: Path) -> None:
    """Remove the records of earlier sweeps in this folder."""
    if (sweep / RECORDS).exists():
        shutil.rmtree(sweep / RECORDS)


def jobs(sweep: Path) -> list[Job]:
    """The records of all jobs that have begun, by number."""
    found = [Job(**json.loads(path.read_text())) for path in (sweep / RECORDS).glob("[!.]*.json")]
    return sorted(found, key=lambda job: job.number)


def print_outcome(sweep: Path, asked: int | None) -> bool:
    """Print how many jobs finished and list those that failed; return whether all finished.

    Parameters
    ----------
    sweep : Path
        The sweep's folder.
    asked : int or None
        How many jobs there should be; None where that is not known.
    """
    known = jobs(sweep)
    failed = [job for job in known if job.error is not None]
    total = max(len(known), asked or 0)
    print(f"{len(known) - len(failed)} of {total} jobs finished. Results: {sweep}", flush=True)
    if len(known) < total:
        print(f"{total - len(known)} did not begin", file=sys.stderr)
    if failed:
        print(f"{len(failed)} failed; the same command tries them again:", file=sys.stderr)
    for job in failed:
        where = Path(job.folder, ERROR)
        more = f" (see {where})" if where.exists() else ""
        print(f"  {job.number}: {' '.join(job.overrides)}", file=sys.stderr)
        print(f"     {job.error}{more}", file=sys.stderr)
    return total > 0 and len(known) == total and not failed
