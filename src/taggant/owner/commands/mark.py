"""``taggant mark``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import typer

from taggant.owner import mark as marking
from taggant.owner import timestamp
from taggant.owner.append import COPIES
from taggant.owner.batch import Batch, Entry
from taggant.owner.commands.compose import compose_marking
from taggant.owner.commands.console import ByteProgress, note
from taggant.owner.commands.option_groups import OptionGroup
from taggant.owner.commands.parse import parse_choice
from taggant.owner.components.marking import Marking, unmarked
from taggant.owner.grain import cells_for
from taggant.owner.jpeg import JPEG
from taggant.owner.labels import FOLDERS, Labelling
from taggant.owner.ledger import FolderLedger
from taggant.owner.pictures import KEEP_FORMAT, RAW_FORMAT, SUFFIX_OF
from taggant.owner.split import ALL, Withholding, group_numbers, parse_withholding
from taggant.owner.withheld import check_split, of_the_split

QUALITY = 95
"""Of published JPEG files whose raw ones were none."""
SCALED = "scaled_sign"
CELLS = "marking.strategy.cells"


@dataclass(frozen=True)
class Versions(OptionGroup):
    """How the versions of a picture are made."""

    heading: ClassVar[str] = "Versions"
    n: Annotated[int, typer.Option(help="versions of each picture")] = 1000
    eps: Annotated[int, typer.Option(help="largest change of a pixel, in grey levels")] = 10
    reader: Annotated[
        str,
        typer.Option(
            "--for",
            help="how coarse: for models that read web pictures (224 pixels), on a phone (128), or "
            "so many pixels; left out: web",
        ),
    ] = ""
    scheme: Annotated[
        str, typer.Option(help="a file of conf/marking/strategy, e.g. scaled_sign, sign, jacobian")
    ] = SCALED
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="KEY=VALUE of the scheme, e.g. marking.strategy.cells=16"),
    ] = None
    unmarked: Annotated[
        bool,
        typer.Option("--unmarked", help="change no pixel: the evidence is in what is withheld"),
    ] = False

    @property
    def marking(self) -> Marking:
        """How pictures are marked."""
        grain = self._grain()
        if self.unmarked:
            return unmarked()
        return compose_marking(self.scheme, self.n, self.eps, [*grain, *(self.set_ or [])])

    def _grain(self) -> list[str]:
        """What ``--for`` sets."""
        if not self.reader:
            return []
        if self.unmarked or self.scheme != SCALED:
            other = "--unmarked" if self.unmarked else f"--scheme {self.scheme}"
            raise ValueError(
                f"--for {self.reader}: accepted with --scheme {SCALED} only, not {other}"
            )
        set_already = [one for one in self.set_ or [] if one.startswith(f"{CELLS}=")]
        if set_already:
            raise ValueError(
                f"--for {self.reader} and --set {set_already[0]} both say how coarse marks are: "
                "accepted is one of them"
            )
        return [f"{CELLS}={cells_for(self.reader)}"]


@dataclass(frozen=True)
class WithheldPictures(OptionGroup):
    """Which pictures are published at all."""

    heading: ClassVar[str] = "Withheld pictures"
    withhold: Annotated[
        str, typer.Option(help="a share, 30%, or how many of each group: drawn, shown to nobody")
    ] = ""
    groups: Annotated[
        str | None,
        typer.Option(
            help="compared with each other only: all, labels, folders, or a CSV file: name,group"
        ),
    ] = None

    @property
    def rule(self) -> Withholding | None:
        """How many are withheld, if any."""
        if self.withhold:
            return parse_withholding(self.withhold, self.groups or ALL)
        if self.groups is not None:
            raise ValueError(f"--groups {self.groups}: accepted with --withhold only")
        return None

    def grouped(self, entries: Sequence[Entry]) -> list[Entry]:
        """Entries with their groups, where some are withheld."""
        if self.rule is None:
            return list(entries)
        names, labels = [one.name for one in entries], [one.label for one in entries]
        numbers = group_numbers(names, labels, self.groups or ALL)
        return [one.replace(group=k) for one, k in zip(entries, numbers, strict=True)]


@dataclass(frozen=True)
class PublishedFiles(OptionGroup):
    """How published files are written."""

    heading: ClassVar[str] = "Published files"
    file_format: Annotated[
        str, typer.Option("--format", help="keep (lossless: WebP, TIFF, else PNG), or one of all")
    ] = KEEP_FORMAT
    quality: Annotated[
        int | None,
        typer.Option(
            min=1, max=100, help=f"of JPEG; left out: a JPEG picture's own, {QUALITY} of others"
        ),
    ] = None
    strip_gps: Annotated[
        bool, typer.Option("--strip-gps", help="leave out where the pictures were taken")
    ] = False
    no_mining: Annotated[
        bool,
        typer.Option("--no-mining", help="say in them (IPTC, PLUS): no model may learn of them"),
    ] = False


@dataclass(frozen=True)
class Contents(OptionGroup):
    """What the pictures show, in words."""

    heading: ClassVar[str] = "What the pictures show"
    labels: Annotated[
        str | None,
        typer.Option(help="folders (the first one of a name), none, or a CSV file: name,label"),
    ] = None
    captions: Annotated[Path | None, typer.Option(help="CSV file: name,caption")] = None

    @property
    def labelling(self) -> Labelling | None:
        """Where labels and captions come from, if that was said."""
        if self.labels is None and self.captions is None:
            return None
        return Labelling(self.labels or FOLDERS, self.captions)


@dataclass(frozen=True)
class Appended(OptionGroup):
    """What is done with pictures that came later."""

    heading: ClassVar[str] = "Pictures that came later"
    append: Annotated[
        bool, typer.Option("--append", help="make new pictures a batch of the same ledger")
    ] = False
    copies: Annotated[
        str, typer.Option(help="of pictures marked before: mark or skip them; empty: ask")
    ] = ""

    def __post_init__(self) -> None:
        if self.copies:
            parse_choice("--copies", self.copies, COPIES)
        if self.copies and not self.append:
            raise ValueError(f"--copies {self.copies}: accepted with --append only")


@dataclass(frozen=True)
class InPublic(OptionGroup):
    """What chooses the published versions in public, and who dates the commitment."""

    heading: ClassVar[str] = "In public"
    beacon: Annotated[
        str, typer.Option(help="public random value that will choose the versions, by name")
    ] = ""
    beacon_value: Annotated[str, typer.Option(help="what that beacon said")] = ""
    timestamp: Annotated[
        str, typer.Option(help="address of an RFC 3161 authority: it dates the commitment")
    ] = ""


def mark(
    folder: Annotated[Path, typer.Argument(help="your pictures, in any sub-folders")],
    out: Annotated[Path, typer.Option(help="where the published versions go")],
    ledger: Annotated[
        Path, typer.Option(help="your secret file; keep it, and keep it to yourself")
    ],
    versions: Versions,
    held: WithheldPictures,
    files: PublishedFiles,
    contents: Contents,
    public: InPublic,
    later: Appended,
) -> None:
    """Mark a folder of pictures before you publish it."""
    file_format = _format(versions, held, files)

    def fresh(entries: Sequence[Entry]) -> Batch:
        own = held.grouped(entries)
        made = Batch.draw(
            versions.marking, own, public.beacon, file_format, files.quality or QUALITY, held.rule
        )
        check_split(made)
        return made

    if file_format == JPEG:
        note(
            "warning: JPEG is lossy. Pictures of less than about 500 pixels lose a good part of "
            "their marks, and detection with it; large ones hardly any. png, webp and tiff keep "
            "all of it.",
            style="yellow",
        )
    with ByteProgress() as progress:
        marked = marking.mark(
            folder,
            out,
            ledger,
            fresh,
            file_format,
            public.beacon_value,
            progress.stage("publishing"),
            progress.stage("reading"),
            keep_location=not files.strip_gps,
            labelling=contents.labelling,
            own_quality=files.quality is None,
            append=later.append,
            copies=later.copies,
            no_mining=files.no_mining,
        )
    _report(marked, out, ledger)
    if public.timestamp:
        _timestamp(marked.ledger, ledger, public.timestamp)
    elif marked.parts:
        note(timestamp_advice(ledger, marked.parts[-1].number))
    if marked.skipped:
        _name_skipped(marked.skipped)
        raise typer.Exit(1)


def _name_skipped(skipped: Mapping[str, str]) -> None:
    note(f"{len(skipped)} pictures were not marked:", style="red")
    for name, what_to_do in skipped.items():
        note(f"  {name}: {what_to_do}")


def _timestamp(own: FolderLedger, path: Path, url: str) -> None:
    """Have an authority timestamp every commitment that it has not yet."""
    for number in range(1, len(own.batches) + 1):
        reply, public = marking.timestamp_path(path, number), marking.commitment_path(path, number)
        if not reply.exists():
            time = timestamp.ask(url, timestamp.stamped(own.batches[number - 1].public), reply)
            note(f"{public} was timestamped at {time.isoformat()} ({reply}).")


def _format(versions: Versions, held: WithheldPictures, files: PublishedFiles) -> str:
    """In which format files are published; those without marks are copied unless one is named."""
    parse_choice("--format", files.file_format, (KEEP_FORMAT, *SUFFIX_OF))
    if not versions.unmarked:
        return files.file_format
    if held.rule is None:
        raise ValueError(
            "--unmarked: without marks the only evidence is in which pictures are published; give "
            "--withhold, 50% say"
        )
    if files.file_format != KEEP_FORMAT:
        return files.file_format
    for option, asked in (("--strip-gps", files.strip_gps), ("--no-mining", files.no_mining)):
        if asked:
            raise ValueError(
                f"{option}: unmarked files are copied as they are; accepted with --format png"
            )
    return RAW_FORMAT


def _report(marked: marking.Marked, out: Path, ledger: Path) -> None:
    for text in marked.notes:
        note(f"note: {text}", style="dim")
    if not marked.parts:
        note("There is no new picture, and nothing left to write.")
    for part in marked.parts:
        if len(marked.ledger.batches) > 1:
            note(f"Batch {part.number}, {len(part.batch.files)} pictures:")
        _report_batch(part, out, ledger)


def _report_batch(part: marking.MarkedBatch, out: Path, ledger: Path) -> None:
    batch = part.batch
    public = marking.commitment_path(ledger, part.number)
    if part.quality is None:
        note(
            f"Commitment {batch.commitment} made ({public}).\n"
            f"Timestamp it now. When {batch.terms.beacon} is out, give the same command with "
            "--beacon-value VALUE; nothing is published before."
        )
    else:
        q = part.quality
        note(f"{part.written} pictures written to {out}, {part.already_there} were there already.")
        for text in of_the_split(batch):
            note(text)
        changed = (
            f"PSNR {q.psnr:.1f} dB, SSIM {q.ssim:.3f}, no pixel changed by more than {q.linf} of "
            "255."
        )
        note(
            f"{changed if q.linf else 'No pixel was changed.'} Contact sheet: "
            f"{marking.contact_sheet_path(ledger, part.number)} (keep it to yourself).\n"
            f"Commitment {batch.commitment} ({public})."
        )


def timestamp_advice(ledger: Path, number: int) -> str:
    """How to prove later that a batch's commitment was there before the model."""
    public, reply = marking.commitment_path(ledger, number), marking.timestamp_path(ledger, number)
    query = public.with_suffix(".tsq")
    return (
        "Timestamp the commitment before you publish the pictures, so that it counts:\n"
        "  - post it where the date cannot be changed and anyone can see it, or\n"
        "  - have a timestamp authority (RFC 3161) sign it: give --timestamp URL, or\n"
        f"      curl -H 'Content-Type: application/timestamp-query' --data-binary @{query} "
        f"URL-OF-AUTHORITY > {reply}\n"
        f"      openssl ts -verify -data {public} -in {reply} -CAfile AUTHORITY.pem"
    )
