"""A ledger and what belongs to it in one encrypted file: a lost disk ends all evidence otherwise.

The file: a line that names it, the cost of the key, a salt and a nonce; what they encrypt
(AES-256-GCM under a key that scrypt makes of a passphrase); and a SHA-256 of all before it, by
which damage is told from a wrong passphrase.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import AfterValidator, FailFast, Field, StringConstraints

from taggant.extras import library
from taggant.files import write_atomically
from taggant.owner.commitments import MOST_BATCHES
from taggant.owner.ledger import FolderLedger
from taggant.owner.schema import (
    LARGEST_FILE,
    OWN_FILES,
    RelativeName,
    Schema,
    parse,
    to_json,
)

if TYPE_CHECKING:  # a library that may be absent
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SchemaName = Literal["taggant backup 1"]
SCHEMA: SchemaName = "taggant backup 1"
HEAD = f"{SCHEMA}\n".encode()
SALT, NONCE, TAG, DIGEST = 16, 12, 16, 32
"""Bytes of each."""
COST = 17
"""scrypt's N = 2**17 with r = 8, p = 1: 128 MiB and about half a second."""
COSTS = range(14, 19)
"""That are read: a stranger's file asks for 256 MiB at most."""
LARGEST = LARGEST_FILE * OWN_FILES
"""Bytes of a backup that is read."""
SHORTEST = 10
"""Letters of a passphrase."""


class BackupError(ValueError):
    """A file that is no backup, is damaged, or that the passphrase does not open."""


def _bare(name: str) -> str:
    if "/" in name or name.startswith("."):
        raise ValueError("accepted are names of files, without folders and dots before them")
    return name


class KeptFile(Schema):
    """A file of a backup; its content in base64."""

    name: Annotated[RelativeName, AfterValidator(_bare)]
    content: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]*={0,2}$")]

    @classmethod
    def of(cls, path: Path) -> KeptFile:
        """A file as it is kept."""
        content = base64.b64encode(path.read_bytes()).decode()
        return cls.from_values(name=path.name, content=content)

    @property
    def bytes_(self) -> bytes:
        """Its content."""
        try:
            return base64.b64decode(self.content, validate=True)
        except ValueError:
            raise BackupError(f"{self.name}: its content is no base64") from None


class Backup(Schema):
    """What is encrypted.

    Attributes
    ----------
    ledger : str
        Which of the files is the ledger.
    files : tuple of KeptFile
    """

    size_factor: ClassVar[int] = OWN_FILES
    schema_: Annotated[SchemaName, Field(alias="schema")]
    ledger: RelativeName
    files: Annotated[
        tuple[KeptFile, ...], Field(min_length=1, max_length=10 * MOST_BATCHES), FailFast()
    ]


def export(ledger: Path, beside: Sequence[Path], passphrase: str, cost: int = COST) -> bytes:
    """A ledger and files beside it, encrypted.

    Raises
    ------
    ValueError
        If the ledger is none, or the passphrase is too short.
    """
    FolderLedger.load(ledger)
    if len(passphrase) < SHORTEST:
        raise ValueError(
            f"the passphrase has {len(passphrase)} letters; accepted are {SHORTEST} or more "
            "(several words drawn by dice are easy to keep)"
        )
    files = tuple(map(KeptFile.of, (ledger, *beside)))
    made = Backup.from_values(schema=SCHEMA, ledger=ledger.name, files=files)
    salt, nonce = secrets.token_bytes(SALT), secrets.token_bytes(NONCE)
    head = HEAD + bytes([cost]) + salt + nonce
    sealed = head + _cipher(passphrase, salt, cost).encrypt(nonce, to_json(made), head)
    return sealed + hashlib.sha256(sealed).digest()


def opened(content: bytes, passphrase: str) -> Backup:
    """What a backup holds.

    Raises
    ------
    BackupError
        Naming whether it is none, was cut off or changed, or has another passphrase; and if the
        ledger in it is none.
    """
    least = len(HEAD) + 1 + SALT + NONCE + TAG + DIGEST
    if not content.startswith(HEAD):
        raise BackupError(f"no backup of `taggant export`: it does not begin with {SCHEMA!r}")
    body, digest = content[:-DIGEST], content[-DIGEST:]
    if len(content) < least or hashlib.sha256(body).digest() != digest:
        raise BackupError("it was cut off or changed: its SHA-256 is another one")
    start = len(HEAD) + 1
    cost, salt = body[start - 1], body[start : start + SALT]
    if cost not in COSTS:
        raise BackupError(f"its cost is 2**{cost}: accepted are 2**{COSTS[0]} to 2**{COSTS[-1]}")
    head, nonce = body[: start + SALT + NONCE], body[start + SALT : start + SALT + NONCE]
    cipher = _cipher(passphrase, salt, cost)
    from cryptography.exceptions import InvalidTag

    try:
        plain = cipher.decrypt(nonce, body[len(head) :], head)
    except InvalidTag:
        raise BackupError("the passphrase is another one") from None
    return _checked(plain)


def _checked(plain: bytes) -> Backup:
    try:
        found = parse(Backup, plain)
        contents = {one.name: one.bytes_ for one in found.files}
        if len(contents) < len(found.files) or found.ledger not in contents:
            raise BackupError("a file is there twice, or the ledger is not among its files")
        FolderLedger.parse(contents[found.ledger])
    except BackupError:
        raise
    except ValueError as error:
        raise BackupError(f"what it holds is no ledger: {error}") from None
    return found


def restore(backup: Backup, folder: Path) -> list[str]:
    """Write the files of a backup, mode 0600; returns the names of those that were not there.

    Raises
    ------
    ValueError
        If another file of that name is there: nothing is overwritten, and nothing was written.
    """
    contents = {one.name: one.bytes_ for one in backup.files}
    there = {name for name in contents if (folder / name).exists()}
    for name in sorted(there):
        if (folder / name).read_bytes() != contents[name]:
            raise ValueError(
                f"{folder / name} is there already, and is another file; nothing is overwritten. "
                "Give another --out"
            )
    missing = [name for name in contents if name not in there]
    for name in missing:
        write_atomically(folder / name, contents[name], mode=0o600, durable=True)
    return missing


def _cipher(passphrase: str, salt: bytes, cost: int) -> AESGCM:
    library("cryptography", "backups")
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    typed = unicodedata.normalize("NFC", passphrase).encode()  # as every keyboard gives it
    key = Scrypt(salt=salt, length=32, n=1 << cost, r=8, p=1).derive(typed)
    return AESGCM(key)
