"""Find the pictures of a ledger: raw, published, and as a platform shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from taggant.auditing.published import AuditError
from taggant.data.imageset import ImageSet, content_ids
from taggant.marking.publish import raw_sha256
from taggant.owner import kinds, pictures
from taggant.owner.commitments import PictureDescription
from taggant.owner.ledger import Entry, FolderLedger
from taggant.owner.transform import CLOSE_ENOUGH, Transform, closeness


@dataclass(frozen=True)
class FoundPicture:
    """A picture with everything an audit needs of it.

    Attributes
    ----------
    entry : Entry
    raw : Tensor, uint8 [C, H, W]
    published : Tensor, uint8 [C, H, W]
        As it was published, before any platform.
    """

    entry: Entry
    raw: Tensor
    published: Tensor


def gather(ledger: FolderLedger, raw: Mapping[str, Tensor], published: Path) -> list[FoundPicture]:
    """The published pictures of a ledger, found by content wherever they were moved to.

    Parameters
    ----------
    ledger : FolderLedger
    raw : mapping of id to Tensor
        See `gather_raw`.
    published : Path

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
        pixels = shown.find(entry)
        if pixels is None:
            edited.append(entry.published)
            continue
        found[entry.id] = FoundPicture(entry, raw[entry.id], pixels)
    if edited:
        raise ValueError(
            f"{len(edited)} published files in {published} are missing or were edited since they "
            f"were marked (the first: {edited[0]}). Put the files of `taggant mark` back (the same "
            "command makes missing ones again), or, if a platform re-encoded them, give "
            "--published the files as marked and --published-copy the platform's"
        )
    return [found[image_id] for image_id in sorted(found)]


def gather_raw(ledger: FolderLedger, folder: Path) -> dict[str, Tensor]:
    """Raw pictures of a ledger by id, withheld ones too, found by content under any name.

    Raises
    ------
    ValueError
        Naming what is missing.
    """
    found = find_raw(folder, ledger.files)
    missing = [entry.name for image_id, entry in ledger.files.items() if image_id not in found]
    if missing:
        raise ValueError(
            f"{len(missing)} of {len(ledger.files)} raw pictures are not in {folder} (the first: "
            f"{missing[0]}): moved away or edited. They are found by content under any name; give "
            "the folder that holds them with --raw"
        )
    return found


def find_raw(folder: Path, wanted: Mapping[str, PictureDescription]) -> dict[str, Tensor]:
    """Raw pictures below a folder by id, found by content under whatever name.

    Parameters
    ----------
    folder : Path
    wanted : mapping of id to PictureDescription
        Those not found are missing from what is returned.
    """
    found: dict[str, Tensor] = {}
    for name in kinds.find(folder).pictures:
        try:
            pixels = pictures.read(folder / name).pixels[None]
        except pictures.PictureError:
            continue  # not one of those that were marked: they were readable then
        image_id = content_ids(pixels)[0]
        if image_id in wanted and raw_sha256(pixels)[0] == wanted[image_id].raw_sha256:
            found[image_id] = pixels[0]
    return found


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

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.others: dict[str, Tensor] | None = None

    def find(self, entry: Entry) -> Tensor | None:
        path = self.folder / entry.published
        if path.exists():
            try:
                pixels = pictures.read(path).pixels
            except pictures.PictureError:
                return None
            return pixels if pictures.digest(pixels) == entry.pixels else None
        if self.others is None:
            self.others = self._scan()
        return None if entry.pixels is None else self.others.get(entry.pixels)

    def _scan(self) -> dict[str, Tensor]:
        found = {}
        for name in kinds.find(self.folder).pictures:
            try:
                pixels = pictures.read(self.folder / name).pixels
            except pictures.PictureError:
                continue
            found[pictures.digest(pixels)] = pixels
        return found


def copies_of(found: Sequence[FoundPicture], folder: Path) -> list[Path]:
    """A platform's copy of each published file: the same name but for the suffix.

    Raises
    ------
    ValueError
        If some are not there.
    """
    names = kinds.find(folder).pictures
    by_stem = {str(Path(name).with_suffix("")): folder / name for name in names}
    stems = [str(Path(one.entry.published).with_suffix("")) for one in found]
    missing = [stem for stem in stems if stem not in by_stem]
    if missing:
        raise ValueError(
            f"{len(missing)} of {len(stems)} published pictures have no copy in {folder} (the "
            f"first: {missing[0]}): copies keep the published files' names"
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
