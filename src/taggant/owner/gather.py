"""Find the pictures of a ledger: raw, published, and as a platform shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from torch import Tensor

from taggant.auditing.published import AuditError
from taggant.data.imageset import ImageSet, content_ids
from taggant.marking.publish import raw_sha256
from taggant.owner import kinds, pictures
from taggant.owner.batch import Entry
from taggant.owner.commitments import PictureDescription
from taggant.owner.ledger import FolderLedger
from taggant.owner.picture_file import PictureFile, PictureFiles
from taggant.owner.streaming import streamed
from taggant.owner.transform import CLOSE_ENOUGH, Transform, closeness


@dataclass(frozen=True)
class FoundPicture:
    """A picture with everything an audit needs of it.

    Attributes
    ----------
    entry : Entry
    raw_file, published_file : PictureFile
    """

    entry: Entry
    raw_file: PictureFile
    published_file: PictureFile

    @property
    def raw(self) -> Tensor:
        """The raw picture, uint8 [C, H, W], read anew."""
        return self.raw_file.read()

    @property
    def published(self) -> Tensor:
        """As it was published, before any platform, uint8 [C, H, W], read anew."""
        return self.published_file.read()


def gather(ledger: FolderLedger, raw: PictureFiles, *published: Path) -> list[FoundPicture]:
    """The published pictures of a ledger, found by content wherever they were moved to.

    Parameters
    ----------
    ledger : FolderLedger
    raw : PictureFiles
        See `gather_raw`.
    *published : Path
        Folders.

    Raises
    ------
    ValueError
        Naming what is missing, and what was edited.
    """
    found: dict[str, FoundPicture] = {}
    edited: list[str] = []
    shown = _Published(published)
    for entry in ledger.entries:
        if entry.id in found or entry.id in ledger.withheld:
            continue
        file = shown.find(entry)
        if file is None:
            edited.append(entry.published)
            continue
        found[entry.id] = FoundPicture(entry, raw.files[entry.id], file)
    if edited:
        raise ValueError(
            f"{len(edited)} published files in {any_of(published)} are missing or were edited "
            f"since they were marked (the first: {edited[0]}). Put the files of `taggant mark` "
            "back (the same command makes missing ones again), or name every folder that holds "
            "some, each with a --published of its own, or, if a platform re-encoded them, give "
            "--published the files as marked and --published-copy the platform's"
        )
    return [found[image_id] for image_id in ledger.shown]


def gather_raw(ledger: FolderLedger, *folders: Path) -> PictureFiles:
    """Raw pictures of a ledger by id, withheld ones too, found by content under any name.

    Raises
    ------
    ValueError
        Naming what is missing.
    """
    found = find_raw(folders, ledger.files)
    missing = [entry.name for image_id, entry in ledger.files.items() if image_id not in found]
    if missing:
        others = ", or leave their batches out with --batches" if ledger.batches[1:] else ""
        raise ValueError(
            f"{len(missing)} of {len(ledger.files)} raw pictures are not in {any_of(folders)} (the "
            f"first: {missing[0]}): moved away or edited. They are found by content under any "
            "name; name every folder that holds some, each with a --raw of its own"
            f"{others}"
        )
    return found


def find_raw(folders: Sequence[Path], wanted: Mapping[str, PictureDescription]) -> PictureFiles:
    """Raw pictures below some folders by id, found by content under whatever name.

    Parameters
    ----------
    folders : sequence of Path
    wanted : mapping of id to PictureDescription
        Those not found are missing from what is returned.
    """
    paths = [path for folder in folders for path in _below(folder)]
    read = streamed(partial(_recognised, wanted), paths, pictures.size_of)
    return PictureFiles(dict(one for one in read if one is not None))


def _recognised(
    wanted: Mapping[str, PictureDescription], path: Path
) -> tuple[str, PictureFile] | None:
    """The id of a picture that is wanted, and its file."""
    pixels = _pixels(path)
    if pixels is None:
        return None  # not one of those that were marked: they were readable then
    image_id = content_ids(pixels[None])[0]
    if image_id in wanted and raw_sha256(pixels[None])[0] == wanted[image_id].raw_sha256:
        return image_id, PictureFile.of(path, pixels)
    return None


def _pixels(path: Path) -> Tensor | None:
    try:
        return pictures.read(path).pixels
    except pictures.PictureError:
        return None


def imageset_of(images: Tensor, ids: tuple[str, ...]) -> ImageSet:
    """Pictures of one shape, uint8 [B, C, H, W], as the engine takes them."""
    channels = images.shape[1]
    return ImageSet(
        images=images,
        ids=ids,
        labels=None,
        captions=None,
        name="marked pictures",
        class_names=(),
        mean=(0.5,) * channels,
        std=(0.25,) * channels,
    )


class _Published:
    """Published files by name; where one is not there, by content."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = folders
        self.others: dict[str, PictureFile] | None = None

    def find(self, entry: Entry) -> PictureFile | None:
        there = [folder / entry.published for folder in self.folders]
        there = [path for path in there if path.exists()]
        if there:
            files = filter(None, map(_file, there))
            return next((file for file in files if file.digest == entry.pixels), None)
        if self.others is None:
            self.others = self._scan()
        return None if entry.pixels is None else self.others.get(entry.pixels)

    def _scan(self) -> dict[str, PictureFile]:
        paths = [path for folder in self.folders for path in _below(folder)]
        files = streamed(_file, paths, pictures.size_of)
        return {file.digest: file for file in files if file is not None}


def _below(folder: Path) -> list[Path]:
    return [folder / name for name in kinds.find(folder).pictures]


def any_of(folders: Sequence[Path]) -> str:
    """Folders as a message names them."""
    return " or ".join(map(str, folders))


def _file(path: Path) -> PictureFile | None:
    """A picture's file; None if it cannot be read."""
    pixels = _pixels(path)
    return None if pixels is None else PictureFile.of(path, pixels)


def copies_of(found: Sequence[FoundPicture], *folders: Path) -> list[Path]:
    """A platform's copy of each published file: the same name but for the suffix.

    Raises
    ------
    ValueError
        If some are not there.
    """
    by_stem = {
        str(path.relative_to(folder).with_suffix("")): path
        for folder in folders
        for path in _below(folder)
    }
    stems = [str(Path(one.entry.published).with_suffix("")) for one in found]
    missing = [stem for stem in stems if stem not in by_stem]
    if missing:
        raise ValueError(
            f"{len(missing)} of {len(stems)} published pictures have no copy in {any_of(folders)} "
            f"(the first: {missing[0]}): copies keep the published files' names"
        )
    return [by_stem[stem] for stem in stems]


def check_copies(
    found: Sequence[FoundPicture], copies: Sequence[Path], transform: Transform
) -> None:
    """Refuse a transform that does not explain the platform's copies.

    Hidden versions go through the same transform as the published one, so the error rate holds
    whatever it is; but if it is another one than the platform's, what the model saw is not asked.

    Raises
    ------
    AuditError
        If a copy is farther from what the transform makes than re-encoding explains.
    """
    for one, path in zip(found, copies, strict=True):
        psnr = closeness(pictures.read(path).pixels, transform(one.published))
        if psnr < CLOSE_ENOUGH:
            raise AuditError(
                f"{path}: {str(transform) or 'no transform'} does not explain this copy (PSNR "
                f"{psnr:.1f} dB, at least {CLOSE_ENOUGH:g} needed): it was cropped, filtered or "
                "resized otherwise. Hidden versions cannot be treated as it was; the audit refuses"
            )
