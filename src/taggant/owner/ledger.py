"""The owner's file about a folder: the one secret thing, and everything needed to audit later."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.utils import instantiate

from taggant.cli import CONF
from taggant.files import write_atomically
from taggant.marking.draws import Draws, check_derivation
from taggant.marking.ledger import KEY_BYTES, Ledger, read_private
from taggant.marking.place import Place
from taggant.marking.scheme import Scheme
from taggant.owner.schema import SchemaError, check_schema
from taggant.owner.seals import Terms, commitment, draws_of, picture_ledger, seal
from taggant.pipeline.setting import plain

SCHEMA = "taggant owner ledger 2"


@dataclass(frozen=True)
class Entry:
    """One picture file.

    Attributes
    ----------
    name : str
        Of the raw file, relative to the folder.
    id : str
        Content id; two files with the same pixels share it.
    raw_sha256 : str
        SHA-256 of the raw pixels.
    published : str
        Name of the published file, relative to its folder.
    pixels : str
        SHA-256 of the published pixels; empty until they are published.
    """

    name: str
    id: str
    raw_sha256: str
    published: str
    pixels: str = ""


@dataclass(frozen=True, repr=False)
class FolderLedger:
    """What the owner keeps. Whoever has it can tell published from hidden versions.

    Attributes
    ----------
    key : bytes
        32 random bytes; every picture's secret follows from it.
    config : mapping
        The scheme's config, with its ``_target_``.
    terms : Terms
    entries : tuple of Entry
    value : str
        The beacon's value; empty while it is awaited, or without a beacon.
    format : str
        In which format the files are published.
    quality : int
        Of published JPEG files.
    made : Place
        Where they were marked.
    """

    key: bytes
    config: Mapping[str, Any]
    terms: Terms
    entries: tuple[Entry, ...]
    value: str = ""
    format: str = "keep"
    quality: int = 95
    made: Place = field(default_factory=Place.here)

    def __repr__(self) -> str:
        return f"FolderLedger({len(self.entries)} pictures, n={self.terms.n}, secrets withheld)"

    @classmethod
    def draw(cls, config: Mapping[str, Any], beacon: str, entries: Sequence[Entry]) -> FolderLedger:
        """A ledger with a fresh key."""
        scheme: Scheme = instantiate(config)
        terms = Terms(dict(scheme.parameters()), scheme.n, beacon)
        return cls(secrets.token_bytes(KEY_BYTES), dict(config), terms, tuple(entries))

    @cached_property
    def scheme(self) -> Scheme:
        """The marking scheme."""
        made: Scheme = instantiate(dict(self.config))
        if canonical_plain(made.parameters()) != canonical_plain(self.terms.scheme):
            raise ValueError(
                "the ledger's scheme has other parameters here than where it was made (another "
                "marker network?); hidden versions cannot be made"
            )
        return made

    @cached_property
    def pictures(self) -> dict[str, Ledger]:
        """Each picture's own ledger, by id, in the order of the seals."""
        digests = {entry.id: entry.raw_sha256 for entry in self.entries}
        return {i: picture_ledger(self.key, self.terms, i, digests[i]) for i in sorted(digests)}

    @cached_property
    def seals(self) -> tuple[str, ...]:
        """Commitments to the pictures, one by one."""
        return tuple(seal(ledger) for ledger in self.pictures.values())

    @cached_property
    def commitment(self) -> str:
        """The public commitment, 64 hex digits."""
        return commitment(self.terms, self.seals)

    @property
    def awaits_beacon(self) -> bool:
        """Whether the published versions are not chosen yet."""
        return bool(self.terms.beacon) and not self.value

    def draws(self, image_id: str) -> Draws:
        """What is drawn for a picture: published index, reading order, tie keys and views."""
        if self.awaits_beacon:
            raise ValueError(
                f"the published versions follow from the value of {self.terms.beacon!r}; give it "
                "with --beacon-value"
            )
        secret = self.pictures[image_id].secret
        return draws_of(secret, self.terms, image_id, self.commitment, self.value)

    def index(self, image_id: str) -> int:
        """Published index J of a picture."""
        return self.draws(image_id).index()

    def with_value(self, value: str) -> FolderLedger:
        """The ledger once the beacon has spoken.

        Raises
        ------
        ValueError
            If no beacon was named when the commitment was made, or it said something else before.
        """
        if not self.terms.beacon:
            raise ValueError("the commitment names no beacon: its value cannot be used now")
        if self.value not in ("", value):
            raise ValueError(f"the ledger already holds the beacon value {self.value!r}")
        return replace(self, value=value)

    def save(self, path: Path) -> None:
        """Write with mode 0600, atomically."""
        record = {
            "schema": SCHEMA,
            "key": self.key.hex(),
            "config": dict(self.config),
            "terms": asdict(self.terms),
            "value": self.value,
            "format": self.format,
            "quality": self.quality,
            "made": asdict(self.made),
            "commitment": self.commitment,
            "entries": [asdict(entry) for entry in self.entries],
        }
        write_atomically(path, json.dumps(record, indent=1).encode(), mode=0o600)

    @classmethod
    def load(cls, path: Path) -> FolderLedger:
        """Read a ledger.

        Raises
        ------
        FileNotFoundError
            If it is gone.
        PermissionError
            If others can read it.
        ValueError
            If it is no ledger, one of another schema, or was changed.
        """
        if not path.exists():
            raise FileNotFoundError(
                f"{path}: no such ledger. Without the ledger nothing can be audited, and nobody "
                "can make it again: look in your backups"
            )
        try:
            record = json.loads(read_private(path))
            check_schema(record["schema"], SCHEMA, path)
            check_derivation(record["terms"]["derivation"])
            ledger = cls(
                key=bytes.fromhex(record["key"]),
                config=record["config"],
                terms=Terms(**record["terms"]),
                entries=tuple(Entry(**entry) for entry in record["entries"]),
                value=record["value"],
                format=record["format"],
                quality=record["quality"],
                made=Place(**record["made"]),
            )
            same = ledger.commitment == record["commitment"]
        except SchemaError:
            raise
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            what = f"it has no {error}" if isinstance(error, KeyError) else str(error)
            raise ValueError(
                f"{path}: no ledger of `taggant mark`, or damaged ({what}). Nobody can make it "
                "again: look in your backups"
            ) from error
        if not same:
            raise ValueError(f"{path}: the ledger was changed: its commitment is another one")
        return ledger


def canonical_plain(value: Any) -> str:
    """Text by which plain values are compared."""
    return json.dumps(plain(value), sort_keys=True)


def configured(*overrides: str) -> Any:
    """A config as ``run.py`` composes it, with these overrides."""
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("config", list(overrides))


def scheme_config(strategy: str, n: int, epsilon: int, overrides: Sequence[str]) -> dict[str, Any]:
    """Plain config of the n-version scheme with a strategy of ``conf/marking/strategy``."""
    cfg = configured(
        f"marking/strategy={strategy}", f"marking.n={n}", f"marking.epsilon={epsilon}", *overrides
    )
    config: dict[str, Any] = plain(cfg.marking.scheme)
    return config
