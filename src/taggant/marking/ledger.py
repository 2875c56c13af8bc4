"""The owner's secret: which version of each image was published, and how to make the others."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taggant.canonical import canonical_json
from taggant.files import write_atomically
from taggant.marking.draws import DERIVATION, Draws, check_derivation
from taggant.marking.scheme import Parameters
from taggant.marking.stream import KEY_BYTES, derive, tagged

SIMULATED = "simulated"
WHOLE_SET = "the whole set"
SCHEMA = 3
"""Of ledger files. Those of schema 1 left reading order and tie keys to a run's public seed, those
of schema 2 knew of no withheld images."""


@dataclass(frozen=True, repr=False)
class Ledger:
    """What the owner keeps to herself.

    The published index of each image is drawn independently and uniformly; versions and indices
    come from `secret`, never from a run's public seed.

    Attributes
    ----------
    scheme : mapping
        The marking scheme's parameters.
    secret, nonce : bytes
        32 random bytes each: the marking key, and the blinding of the commitment.
    n : int
        Versions per image.
    ids, raw_sha256 : tuple of str
        Content id and SHA-256 of each raw image.
    published : tuple of int
        Published index J of each image, 0..n-1.
    withheld : tuple of str
        Ids of the images that were marked like the others and shown to nobody.
    derivation : int
        By which rule index, order, tie keys, views and marks follow from the secret.
    """

    scheme: Parameters
    secret: bytes
    nonce: bytes
    n: int
    ids: tuple[str, ...]
    raw_sha256: tuple[str, ...]
    published: tuple[int, ...]
    withheld: tuple[str, ...] = ()
    derivation: int = DERIVATION

    @classmethod
    def draw(
        cls,
        owner_key: bytes,
        context: str,
        scheme: Parameters,
        n: int,
        ids: Sequence[str],
        raw_sha256: Sequence[str],
        together: bool = False,
        withhold: int = 0,
        derivation: int = DERIVATION,
    ) -> Ledger:
        """Derive a ledger from the owner's key and draw one index per image.

        Parameters
        ----------
        owner_key : bytes
            The 32 bytes of the owner's key file.
        context : str
            What this ledger is for (the marking stage's digest). A key serves many ledgers, each
            with a secret and indices of its own.
        scheme, n, ids, raw_sha256
            As the attributes.
        together : bool
            Draw one index for all images: then they are evidence as a set, not one by one.
        withhold : int
            How many of the images, drawn uniformly from the secret, are not to be published.
        derivation : int
            By which rule; an older one for what was drawn by it before.
        """
        secret = hmac.digest(owner_key, b"taggant/ledger/" + context.encode(), "sha256")
        nonce = hmac.digest(secret, b"taggant/nonce", "sha256")
        names = [WHOLE_SET] * len(ids) if together else ids
        own = tagged(secret, derivation)
        published = tuple(Draws(own, name, n).index() for name in names)
        withheld = withheld_ids(secret, ids, withhold)
        return cls(
            dict(scheme),
            secret,
            nonce,
            n,
            tuple(ids),
            tuple(raw_sha256),
            published,
            withheld,
            derivation,
        )

    def __repr__(self) -> str:
        return f"Ledger({len(self.ids)} images, n={self.n}, secret withheld)"

    def draws(self, name: str = WHOLE_SET) -> Draws:
        """What is drawn for an image, by its id, or for all of them."""
        return Draws(tagged(self.secret, self.derivation), name, self.n)

    def indices(self, ids: Sequence[str]) -> NDArray[np.int64]:
        """Published index J of each image, [B], by their ids."""
        index = dict(zip(self.ids, self.published, strict=True))
        return np.array([index[image_id] for image_id in ids], dtype=np.int64)

    def commitment(self) -> str:
        """Public SHA-256 commitment (64 hex digits) to scheme, images, n, secret and indices.

        It proves "fixed beforehand" only if it is timestamped before training, and it does not
        prove that the indices were drawn at random.
        """
        body = {
            "scheme": dict(self.scheme),
            "n": self.n,
            "derivation": self.derivation,
            "raw_sha256": list(self.raw_sha256),
            "published": list(self.published),
            "secret_sha256": hashlib.sha256(self.secret).hexdigest(),
        }
        if self.withheld:
            body["withheld"] = list(self.withheld)
        return hashlib.sha256(self.nonce + canonical_json(body)).hexdigest()

    def check(self, parameters: Parameters) -> None:
        """Refuse a scheme that marks otherwise here than when the ledger was drawn.

        Parameters
        ----------
        parameters : mapping
            The scheme's, as it is here.

        Raises
        ------
        ValueError
            Naming those that differ: the weights of a marker network, say.
        """
        differ = differing(parameters, self.scheme)
        if differ:
            both = "; ".join(
                f"{k} = {here!r}, there {drawn!r}" for k, (here, drawn) in differ.items()
            )
            raise ValueError(
                f"the scheme marks otherwise here than where the ledger was drawn: {both}. Hidden "
                "versions and carriers would be others, and the audit would mean nothing"
            )

    def save(self, path: Path) -> None:
        """Write the ledger with mode 0600, atomically."""
        record = {
            "schema": SCHEMA,
            "derivation": self.derivation,
            "scheme": dict(self.scheme),
            "secret": self.secret.hex(),
            "nonce": self.nonce.hex(),
            "n": self.n,
            "ids": list(self.ids),
            "raw_sha256": list(self.raw_sha256),
            "published": list(self.published),
            "withheld": list(self.withheld),
        }
        write_atomically(path, json.dumps(record, indent=1).encode(), mode=0o600)

    @classmethod
    def load(cls, path: Path) -> Ledger:
        """Read a ledger; refuses a file that others can read.

        Raises
        ------
        PermissionError
            If group or others have any right on the file.
        ValueError
            If it is no ledger, damaged, or was written by a version of taggant that drew otherwise.
        """
        content = read_private(path)
        try:
            record = dict(json.loads(content))
            ledger = None if record.get("schema") != SCHEMA else _from(record)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            what = f"it has no {error}" if isinstance(error, KeyError) else str(error)
            raise ValueError(
                f"{path}: no ledger, or damaged ({what}). Without it nothing can be audited: put a "
                "copy of it back"
            ) from error
        if ledger is None:
            raise ValueError(
                f"{path}: a ledger of schema {record.get('schema')!r}, accepted is {SCHEMA}: audit "
                "with the version of taggant that made it, or mark again"
            )
        check_derivation(ledger.derivation)
        return ledger


def differing(here: Parameters, drawn: Parameters) -> dict[str, tuple[object, object]]:
    """Parameters that are not the same once they are written down, here and as they were drawn."""
    one, other = (json.loads(json.dumps(dict(each))) for each in (here, drawn))
    both = {key: (one.get(key), other.get(key)) for key in sorted({*one, *other})}
    return {key: pair for key, pair in both.items() if pair[0] != pair[1]}


def _from(record: Mapping[str, Any]) -> Ledger:
    ledger = Ledger(
        scheme=dict(record["scheme"]),
        secret=bytes.fromhex(record["secret"]),
        nonce=bytes.fromhex(record["nonce"]),
        n=int(record["n"]),
        ids=tuple(record["ids"]),
        raw_sha256=tuple(record["raw_sha256"]),
        published=tuple(record["published"]),
        withheld=tuple(record["withheld"]),
        derivation=record["derivation"],
    )
    counts = {len(ledger.ids), len(ledger.raw_sha256), len(ledger.published)}
    if len(counts) > 1:
        raise ValueError("its lists are of different lengths")
    if not len(ledger.secret) == len(ledger.nonce) == KEY_BYTES:
        raise ValueError(f"its secret and nonce are not of {KEY_BYTES} bytes")
    return ledger


def withheld_ids(secret: bytes, ids: Sequence[str], count: int) -> tuple[str, ...]:
    """So many of the images, a uniform subset that follows from the secret, in their order.

    Raises
    ------
    ValueError
        For more than there are.
    """
    if not 0 <= count <= len(ids):
        raise ValueError(f"withhold = {count} of {len(ids)} images: accepted are 0..{len(ids)}")
    keys = {image_id: derive(secret, f"withheld/{image_id}") for image_id in ids}
    drawn = set(sorted(ids, key=keys.__getitem__)[:count])
    return tuple(image_id for image_id in ids if image_id in drawn)


def owner_key(location: str, seed: int) -> bytes:
    """Read the owner's key, making it on first use.

    Parameters
    ----------
    location : str
        Path of the key file (64 hex digits, mode 0600), or ``simulated``: then the key follows
        from the public `seed`, so an experiment can be repeated and its ledger proves nothing.
    seed : int
        The run's public seed, used by ``simulated`` only.

    Raises
    ------
    ValueError
        If `location` is itself a secret (config holds only its path) or the file is no key.
    PermissionError
        If others can read the key file.
    """
    if location == SIMULATED:
        return hashlib.sha256(f"taggant/simulated/{seed}".encode()).digest()
    if _looks_like_key(location):
        raise ValueError(
            "marking.secret holds a secret itself, which would end in logs and config dumps. "
            f"Accepted: the path of a key file, or '{SIMULATED}'. Treat this key as disclosed."
        )
    path = Path(location)
    try:
        text = read_private(path).decode("ascii", errors="replace").strip()
    except FileNotFoundError:
        _create_key(path)
        text = read_private(path).decode("ascii")
    if not _looks_like_key(text):
        raise ValueError(f"{path}: no taggant key (expected {2 * KEY_BYTES} hex digits)")
    return bytes.fromhex(text)


def fingerprint(key: bytes) -> str:
    """16 hex digits that tell keys apart and reveal nothing of them."""
    return hmac.digest(key, b"taggant/fingerprint", "sha256").hex()[:16]


def _create_key(path: Path) -> None:
    """Make a key file; if another process was quicker, its key is kept."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    write_atomically(draft, secrets.token_hex(KEY_BYTES).encode(), mode=0o600)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def read_private(path: Path) -> bytes:
    """Content of a file that only its owner can read; refuses any other."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise PermissionError(
            f"{path} has mode {mode:04o}: others can read this secret. Accepted is 0600 (chmod 600)"
        )
    return path.read_bytes()


def _looks_like_key(text: str) -> bool:
    return len(text) == 2 * KEY_BYTES and all(c in "0123456789abcdefABCDEF" for c in text)
