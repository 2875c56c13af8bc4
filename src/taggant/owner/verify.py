"""Check a certificate: everything in it that can be recomputed is recomputed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hydra.utils import instantiate
from numpy.typing import NDArray
from torch import Tensor

from taggant.data.imageset import content_ids
from taggant.marking.draws import VIEWS, Draws, check_derivation
from taggant.marking.ledger import KEY_BYTES, Ledger
from taggant.marking.place import Place
from taggant.marking.publish import raw_sha256
from taggant.marking.scheme import Scheme
from taggant.owner import pictures
from taggant.owner.audit import bits_and_depth, bits_of, check_score, read_indices
from taggant.owner.certificate import (
    OWN_DIGEST,
    SCHEMA,
    Certificate,
    page,
    pictures_of,
    sealed,
    text_of,
)
from taggant.owner.models import Model
from taggant.owner.rule import Rule, decide
from taggant.owner.seals import PerPicture, Terms, canonical, commitment, draws_of, seal
from taggant.owner.transform import Transform, Transformed
from taggant.score import Score

KEYS = frozenset(
    {
        *("schema", "created", "commitment", "model", "score", "rule", "transform", "terms"),
        *("value", "marking", "format", "made", "seals", "size", "pictures", "set_p"),
        *("opened", "queries", "software", "sha256"),
    }
)
OPENED = frozenset(
    {
        *("seal", "id", "name", "raw_sha256", "secret", "nonce", "published"),
        *("published_sha256", "target", "grid", "scores"),
    }
)
OURS = re.compile(r"taggant\.(marking|score|data)\.[\w.]+|taggant\.score\.Score")
"""What a certificate may name to be imported: nothing from elsewhere."""

NEAR = 1e-3
"""Largest difference of a score that another machine's arithmetic explains, relative to 1 + |s|."""


class MismatchError(ValueError):
    """Something in a certificate does not follow from the rest of it."""


@dataclass(frozen=True)
class Check:
    """One thing that was checked, and what was found wrong (empty: nothing)."""

    name: str
    wrong: str

    @property
    def ok(self) -> bool:
        """Whether it holds."""
        return not self.wrong


def verify(
    content: bytes,
    html: bytes | None = None,
    commitment_file: bytes | None = None,
    beacon_value: str | None = None,
) -> list[Check]:
    """Check a certificate by itself.

    Parameters
    ----------
    content : bytes
        The JSON file.
    html : bytes, optional
        The page beside it.
    commitment_file : bytes, optional
        The public commitment, as it was timestamped.
    beacon_value : str, optional
        What the beacon said, looked up by the verifier.
    """
    try:
        body = _parsed(content)
    except MismatchError as error:
        return [Check("the file is whole", str(error))]
    steps: list[tuple[str, Callable[[Certificate], None]]] = [
        ("the openings fit the commitment", _commitment),
        ("the published versions follow", _published),
        ("the scores give the bits", _bits),
        ("the bits give the decision", _decision),
        ("it names parts of this software only", _imports),
    ]
    if not needs_marker(body):
        steps.append(("the marking is the one committed to", _marking))
    checks = [Check("the file is whole", "")]
    checks += [_checked(name, step, body) for name, step in steps]
    if html is not None:
        same = html == page(body).encode() if all(check.ok for check in checks) else False
        checks.append(Check("the page says the same", "" if same else "it was changed"))
    if commitment_file is not None:
        checks.append(_checked("the public commitment", _public(commitment_file), body))
    if beacon_value is not None:
        wrong = "" if beacon_value == body["value"] else f"the certificate has {body['value']!r}"
        checks.append(Check("the beacon's value", wrong))
    return checks


def unchecked(body: Certificate, model: bool, public: bool) -> list[str]:
    """What a certificate that was found right still asks one to believe."""
    closed = len(body["seals"]) - len(body["opened"])
    notes = []
    if not public:
        notes.append("that the commitment was made public before the model (--commitment)")
    if closed:
        notes.append(
            f"the answers for {closed} pictures that are not opened, on which the p-value of the "
            "set rests (the claims do not)"
        )
    if not model:
        notes.append("that the model gives these scores (--model)")
        if needs_marker(body):
            notes.append("that the marking is the one committed to, which needs its network")
    return notes


def needs_marker(body: Certificate) -> bool:
    """Whether the marking needs a network's weights: then it is checked with the model only."""
    return "marker" in canonical(body["marking"]).decode()


def _checked(name: str, step: Callable[[Certificate], None], body: Certificate) -> Check:
    try:
        step(body)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError) as error:
        return Check(name, str(error) or type(error).__name__)
    return Check(name, "")


def _parsed(content: bytes) -> Certificate:
    try:
        body = json.loads(content)
    except ValueError as error:
        raise MismatchError(f"no JSON: {error}") from error
    if not isinstance(body, dict) or "schema" not in body:
        raise MismatchError(f"no certificate of this kind ({SCHEMA!r})")
    if body["schema"] != SCHEMA:
        raise MismatchError(f"its schema is {body['schema']!r}, accepted is {SCHEMA!r}")
    if set(body) != KEYS:
        raise MismatchError(f"unknown or missing parts: {sorted(set(body) ^ KEYS)}")
    try:
        digest = sealed(body)[OWN_DIGEST]
        written = text_of(body)
    except ValueError as error:
        raise MismatchError(str(error)) from error
    if digest != body[OWN_DIGEST]:
        raise MismatchError("its SHA-256 is another one: it was changed")
    if written != content:
        raise MismatchError("it is not written as certificates are: it was changed")
    return body


def _want(holds: bool, what: str) -> None:
    if not holds:
        raise MismatchError(what)


def _terms(body: Certificate) -> Terms:
    return Terms(**body["terms"])


def _commitment(body: Certificate) -> None:
    terms = _terms(body)
    check_derivation(terms.derivation)
    _want(commitment(terms, body["seals"]) == body["commitment"], "the seals give another one")
    _want(len(set(body["seals"])) == len(body["seals"]), "a seal occurs twice")
    for opened in body["opened"]:
        _want(set(opened) == OPENED, "an opening has unknown or missing parts")
        own = Ledger(
            scheme=terms.scheme,
            secret=bytes.fromhex(opened["secret"]),
            nonce=bytes.fromhex(opened["nonce"]),
            n=terms.n,
            ids=(opened["id"],),
            raw_sha256=(opened["raw_sha256"],),
            published=(),
            derivation=terms.derivation,
        )
        _want(len(own.secret) == len(own.nonce) == KEY_BYTES, "a secret of another length")
        _want(opened["secret"] == own.secret.hex(), "a secret is not in lower-case hex")
        _want(opened["nonce"] == own.nonce.hex(), "a nonce is not in lower-case hex")
        _want(seal(own) == body["seals"][opened["seal"]], f"seal {opened['seal']} does not open")


def _published(body: Certificate) -> None:
    terms = _terms(body)
    _want(bool(terms.beacon) == bool(body["value"]), "a beacon without a value, or the reverse")
    for opened in body["opened"]:
        index = _draws(body, opened).index()
        _want(index == opened["published"], f"version {opened['published']} was not drawn")


def _draws(body: Certificate, opened: Mapping[str, Any]) -> Draws:
    """Index, reading order, tie keys and views of an opened picture."""
    secret = bytes.fromhex(opened["secret"])
    return draws_of(secret, _terms(body), opened["id"], body["commitment"], body["value"])


def _rows(body: Certificate) -> list[NDArray[np.bool_]]:
    rows = []
    for one in body["pictures"]:
        packed = np.frombuffer(bytes.fromhex(one["bits"]), np.uint8)
        row = np.unpackbits(packed, count=one["read"]).astype(bool)
        _want(np.packbits(row).tobytes().hex() == one["bits"], "bits beyond those read")
        rows.append(row)
    _want(len(rows) == len(body["seals"]), "not as many pictures as seals")
    return rows


def _bits(body: Certificate) -> None:
    rows = _rows(body)
    for opened in body["opened"]:
        row = rows[opened["seal"]]
        _want(len(opened["scores"]) == len(row) + 1, "not one score a version")
        _want(opened["grid"] >= 0, "a negative grid")
        scores = np.array(opened["scores"], np.float32)
        _want(scores.tolist() == opened["scores"], "scores in another precision")
        draws = _draws(body, opened)
        indices = read_indices(draws, len(row))
        same = np.array_equal(bits_of(scores, indices, opened["grid"], draws), row)
        _want(same, f"picture {opened['seal']}: other bits")


def _decision(body: Certificate) -> None:
    rule, rows = Rule(**body["rule"]), _rows(body)
    boundary = rule.boundary(_terms(body).n)
    _want(boundary.size() == body["size"], f"the test's size is {boundary.size()}")
    verdict = decide(rule, boundary, *bits_and_depth(rows))
    _want(pictures_of(rows, verdict) == body["pictures"], "the test says otherwise")
    _want(verdict.set_p == body["set_p"], f"the set's p-value is {verdict.set_p}")
    opened = [one["seal"] for one in body["opened"]]
    _want(opened == sorted(set(opened)), "pictures are opened twice or in disorder")
    _want(set(np.flatnonzero(verdict.claim).tolist()) <= set(opened), "a claim is not opened")


def _imports(body: Certificate) -> None:
    _only_ours(body["marking"])
    _only_ours(body["score"])


def _marking(body: Certificate) -> None:
    _imports(body)
    _same_marking(body)


def _same_marking(body: Certificate) -> Scheme:
    scheme: Scheme = instantiate(body["marking"])
    _want(dict(scheme.parameters()) == body["terms"]["scheme"], "other parameters")
    return scheme


def _only_ours(config: Any) -> None:
    for target in _targets(config):
        if not OURS.fullmatch(target) or "__" in target:
            raise MismatchError(f"{target} is no part of this software; it is not imported")


def _targets(config: Any) -> Iterator[str]:
    if isinstance(config, Mapping):
        for key, value in config.items():
            if key == "_target_":
                yield str(value)
            yield from _targets(value)
    elif isinstance(config, Sequence) and not isinstance(config, str):
        for value in config:
            yield from _targets(value)


def _public(content: bytes) -> Callable[[Certificate], None]:
    def check(body: Certificate) -> None:
        public = json.loads(content)
        for key, value in (
            ("commitment", body["commitment"]),
            ("pictures", len(body["seals"])),
            ("beacon", body["terms"]["beacon"]),
        ):
            _want(public[key] == value, f"the public file has another {key}")

    return check


# --- with the model ----------------------------------------------------------------------------


def verify_scores(body: Certificate, model: Model, raw: Path) -> list[Check]:
    """Make the versions of the claimed pictures again and ask the model every score.

    Parameters
    ----------
    body : mapping
        A certificate that `verify` found nothing wrong with.
    model : Model
    raw : Path
        Folder with the raw pictures; found by content.
    """
    wrong = "" if model.fingerprint == body["model"]["fingerprint"] else "it is another model"
    checks = [Check("the model is the one named", wrong)]
    if wrong:
        return checks

    def ask(body: Certificate) -> None:
        _ask_again(body, model, _raw(body, raw))

    return [*checks, _checked("the model gives the scores", ask, body)]


def _raw(body: Certificate, folder: Path) -> dict[str, Tensor]:
    wanted = {opened["id"]: opened for opened in body["opened"]}
    found: dict[str, Tensor] = {}
    for name in pictures.find(folder)[0]:
        try:
            pixels = pictures.read(folder / name).pixels[None]
        except pictures.PictureError:
            continue
        image_id = content_ids(pixels)[0]
        if image_id in wanted and raw_sha256(pixels)[0] == wanted[image_id]["raw_sha256"]:
            found[image_id] = pixels[0]
    missing = [opened["name"] for i, opened in wanted.items() if i not in found]
    _want(not missing, f"{len(missing)} raw pictures are not in {folder}: {missing[:3]}")
    return found


def _ask_again(body: Certificate, model: Model, raw: Mapping[str, Tensor]) -> None:
    score: Score = instantiate(body["score"])
    check_score(score, model)
    oracle = model.oracle(score.access)
    secrets = {one["id"]: bytes.fromhex(one["secret"]) for one in body["opened"]}
    form, quality = body["format"]
    step = Transform(quality=quality) if form == "jpeg" else Transform()
    scheme = Transformed(PerPicture(_same_marking(body), secrets), step)
    for opened in body["opened"]:
        _ask_one(body, opened, model, score, oracle, scheme, raw[opened["id"]])


def _ask_one(
    body: Certificate,
    opened: Mapping[str, Any],
    model: Model,
    score: Score,
    oracle: Any,
    scheme: Transformed,
    raw: Tensor,
) -> None:
    draws, image_id = _draws(body, opened), opened["id"]
    indices = read_indices(draws, len(opened["scores"]) - 1)
    place = Place(**body["made"])
    made = place.versions(scheme, b"", raw[None], [image_id], indices[None])[0]
    _want(pictures.digest(made[0].cpu()) == opened["published_sha256"], "other published pixels")
    transform = Transform.parse(body["transform"])
    images = torch.stack([transform(one) for one in made.cpu()])
    target = model.targets([opened["target"]])
    targets = target.expand(len(images), *target.shape[1:])
    views = score.draw_views([draws.seed(VIEWS)]).expand(len(images), -1, -1)
    again = score(oracle, images, targets, views).float().cpu().numpy()
    before = np.array(opened["scores"], np.float32)
    far = np.abs(again - before) > NEAR * (1 + np.abs(before))
    _want(not far.any(), f"{opened['name']}: {int(far.sum())} of {len(far)} scores differ")
