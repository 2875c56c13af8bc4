"""The steps of the page: what is filled in, and which command runs with it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import StringConstraints

from taggant.owner import mark as marking
from taggant.owner.commands.audit import (
    Claims,
    ScoreChoice,
    Sending,
    Spending,
    audit,
)
from taggant.owner.commands.certify import certify
from taggant.owner.commands.mark import (
    Appended,
    Contents,
    InPublic,
    PublishedFiles,
    Versions,
    WithheldPictures,
    mark,
)
from taggant.owner.commands.model_options import EndpointAccess, ModelKind
from taggant.owner.commands.platform import Platform
from taggant.owner.schema import Line, NonEmptyLine, Schema

Typed = Annotated[NonEmptyLine, StringConstraints(strip_whitespace=True)]


@dataclass(frozen=True)
class Home:
    """Where everything of a folder of pictures lies: beside it, in folders named after it."""

    photos: Path

    @property
    def published(self) -> Path:
        """What may be shown."""
        return self._beside("published")

    @property
    def ledger(self) -> Path:
        """The secret file."""
        return self._beside("secret") / "photos.ledger"

    @property
    def certificates(self) -> Path:
        """What is handed over."""
        return self._beside("certificates")

    def _beside(self, what: str) -> Path:
        return self.photos.with_name(f"{self.photos.name} {what}")


class Pictures(Schema):
    """A folder of pictures."""

    folder: Typed

    @property
    def home(self) -> Home:
        """Where everything of it lies.

        Raises
        ------
        ValueError
            If there is no such folder.
        """
        photos = Path(self.folder).expanduser().absolute()
        if not photos.is_dir():
            raise ValueError(f"{photos}: no such folder")
        return Home(photos)


class Marking(Pictures):
    """The first step."""

    reader: Line
    strip_gps: bool
    no_mining: bool

    def run(self) -> None:
        """Mark the pictures, or those that came since."""
        self.call(InPublic())

    def call(self, public: InPublic) -> None:
        """`taggant mark`."""
        home = self.home
        there = home.ledger.exists()
        home.ledger.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        mark(
            home.photos,
            home.published,
            home.ledger,
            Versions(reader=self.reader),
            WithheldPictures(),
            PublishedFiles(strip_gps=self.strip_gps, no_mining=self.no_mining),
            Contents(),
            public,
            Appended(append=there, copies="skip" if there else ""),
        )


class Dating(Marking):
    """The second step."""

    authority: Line

    def run(self) -> None:
        """Have the commitments timestamped by an authority.

        Raises
        ------
        ValueError
            If none is named.
        """
        if not self.authority.strip():
            raise ValueError("name an authority's address, or post the digits yourself")
        self.call(InPublic(timestamp=self.authority))


class Asking(Pictures):
    """The third step."""

    model: Typed
    classes: Line
    fdr: NonEmptyLine
    platform_copies: Line

    @property
    def name(self) -> str:
        """Of the audit's file: another question has another one."""
        asked = json.dumps([self.model, self.classes, self.fdr, self.platform_copies])
        return hashlib.sha256(asked.encode()).hexdigest()[:12]

    @property
    def record(self) -> Path:
        """The audit's file."""
        return self.home.ledger.with_name(f"audit-{self.name}.json")

    def run(self) -> None:
        """`taggant audit`."""
        home = self.home
        copies = [Path(self.platform_copies).expanduser()] if self.platform_copies else None
        audit(
            home.ledger,
            [home.photos],
            self.model,
            self.record,
            ModelKind(),
            ScoreChoice(),
            Claims(fdr=self.fdr),
            Spending(),
            EndpointAccess(),
            Platform(published_copy=copies),
            Sending(),
            [home.published],
            self.classes,
        )


class Showing(Asking):
    """The fourth step."""

    @property
    def certificate(self) -> Path:
        """The certificate's file; its page lies beside it."""
        return self.home.certificates / f"certificate-{self.name}.json"

    def run(self) -> None:
        """`taggant certify`."""
        self.home.certificates.mkdir(parents=True, exist_ok=True)
        certify(self.home.ledger, self.record, self.certificate)


STEPS: dict[str, type[Marking | Asking]] = {
    "mark": Marking,
    "date": Dating,
    "audit": Asking,
    "show": Showing,
}


def found(home: Home) -> dict[str, object]:
    """What is there already of a folder of pictures."""
    public = marking.commitment_path(home.ledger)
    commitment = json.loads(public.read_bytes())["commitment"] if public.exists() else ""
    return {
        "published": str(home.published) if home.published.exists() else "",
        "secret": str(home.ledger.parent) if home.ledger.exists() else "",
        "commitment": commitment,
        "commitment_file": str(public) if commitment else "",
        "sheet": marking.contact_sheet_path(home.ledger).exists(),
    }


def subfolders(folder: str) -> dict[str, object]:
    """What the page's list of folders shows.

    Raises
    ------
    ValueError
        If it is no folder, or cannot be read.
    """
    here = Path(folder).expanduser().absolute() if folder else Path.home()
    try:
        inside = [path for path in here.iterdir() if not path.name.startswith(".")]
        names = sorted(path.name for path in inside if path.is_dir())
    except OSError as error:
        raise ValueError(f"{here}: {error.strerror}") from None
    return {"here": str(here), "above": str(here.parent), "folders": names}
