"""Published files, written one at a time and never over another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from taggant.files import write_atomically
from taggant.marking.quality import Quality, quality
from taggant.owner import pictures
from taggant.owner.contact_sheet import Row
from taggant.owner.ledger import Entry, FolderLedger
from taggant.owner.scheme import ColoursOnly

SAMPLES = 6
LARGEST_COMPARED = 1024
"""Quality is measured on the central square of at most this side."""

Progress = Callable[[str], None]
"""Called after each picture, with its name."""


class Publisher:
    """Writes published files, one at a time.

    Parameters
    ----------
    folder, out : Path
        Raw pictures, and where their published versions go.
    ledger : FolderLedger
    keep_location : bool
        Whether published files say where they were taken, as far as the raw ones do.

    Attributes
    ----------
    written, already_there : int
        Files written now, and found there.
    """

    def __init__(self, folder: Path, out: Path, ledger: FolderLedger, keep_location: bool) -> None:
        self.folder, self.out, self.ledger, self.keep_location = folder, out, ledger, keep_location
        self.scheme = ColoursOnly(ledger.scheme)
        self.written = self.already_there = 0
        self.old_metadata: list[str] = []
        self.qualities: list[Quality] = []
        self.samples: list[Row] = []

    def publish(self, entry: Entry, progress: Progress) -> Entry:
        """Write a picture's published file, unless it is there; its entry with the pixels' digest.

        Raises
        ------
        ValueError
            If another file of that name is there: nothing is overwritten.
        RuntimeError
            If a file that holds all of a picture reads back otherwise.
        """
        raw = pictures.read(self.folder / entry.name).pixels
        made = self._version(entry.id, raw)
        target, source = self.out / entry.published, self.folder / entry.name
        kind = pictures.format_of(entry.name, self.ledger.terms.format)
        content = self._content(made, source, kind)
        if target.exists():
            self._check_present(target, content, entry)
            self.already_there += 1
        else:
            write_atomically(target, content)
            self.written += 1
        shown = pictures.read(target).pixels
        if kind != "jpeg" and not torch.equal(shown, made):
            raise RuntimeError(f"{target}: reads back as other pixels than were written")
        self._measure(entry, raw, shown)
        progress(entry.name)
        return entry.replace(pixels=pictures.digest(shown))

    def _content(self, made: Tensor, source: Path, kind: str) -> bytes:
        if kind == pictures.RAW_FORMAT:
            return source.read_bytes()
        return pictures.encode(made, source, kind, self.ledger.terms.quality, self.keep_location)

    def _version(self, image_id: str, raw: Tensor) -> Tensor:
        draws = self.ledger.draws(image_id)
        device, index = self.ledger.made.build(), np.array([[draws.index()]])
        made = device.versions(self.scheme, [draws.secret], raw[None], [image_id], index)
        return made[0, 0].cpu()

    def _check_present(self, target: Path, content: bytes, entry: Entry) -> None:
        if target.read_bytes() == content:
            return
        found = pictures.read(target)
        if entry.pixels and pictures.digest(found.pixels) == entry.pixels:
            if found.has_location and not self.keep_location:
                raise ValueError(
                    f"--strip-gps: {target} is there already and says where it was taken; nothing "
                    "is overwritten. Remove it, and the same command writes it without"
                )
            if found.left_out and self.ledger.terms.format != pictures.RAW_FORMAT:
                self.old_metadata.append(entry.published)
            return
        raise ValueError(
            f"{target} is there already and is not what this ledger publishes; nothing is "
            "overwritten. Choose an empty --out, or move the file away"
        )

    def _measure(self, entry: Entry, raw: Tensor, shown: Tensor) -> None:
        a, b = (_centre(picture, LARGEST_COMPARED) for picture in (raw, shown))
        colours = len(raw) - int(len(raw) in (2, 4))
        measured = quality(a[None, :colours], b[None, :colours])
        self.qualities.append(measured)
        if len(self.samples) < SAMPLES:
            self.samples.append(Row(entry.name, raw[:colours], shown[:colours], measured))

    def notes(self) -> tuple[str, ...]:
        """What should be known of the published folder."""
        notes = []
        if self.old_metadata:
            notes.append(
                f"{len(self.old_metadata)} published files were there with metadata that can hold "
                f"the picture without its mark (the first: {self.old_metadata[0]}): remove them, "
                "and the same command writes them again"
            )
        shown = set(self.ledger.shown)
        ours = {entry.published for entry in self.ledger.entries if entry.id in shown}
        others = [name for name in files_in(self.out) if name not in ours]
        if others:
            notes.append(
                f"{self.out} holds {len(others)} files that are none of the published ones (the "
                f"first: {others[0]}): look at them before you publish the folder"
            )
        return tuple(notes)

    def mean_quality(self) -> Quality:
        """Over all published pictures; the largest change of all."""
        count = len(self.qualities)
        return Quality(
            sum(q.psnr for q in self.qualities) / count,
            sum(q.ssim for q in self.qualities) / count,
            max(q.linf for q in self.qualities),
        )


def files_in(folder: Path) -> list[str]:
    """Relative names of all files below a folder, hidden ones too."""
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()
    )


def _centre(pixels: Tensor, side: int) -> Tensor:
    top, left = (max(0, (size - side) // 2) for size in pixels.shape[1:])
    return pixels[:, top : top + side, left : left + side]
