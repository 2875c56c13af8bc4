"""Rounds of drand quicknet: dates, and signatures as the League of Entropy published them."""

from __future__ import annotations

import dataclasses
import sys
from datetime import datetime, timezone
from hashlib import sha256

import pytest
from tests.owner import authority, photos
from tests.owner.forged import marked, record_of
from tests.owner.test_mark import fresh
from typer.testing import CliRunner

from taggant.owner import drand
from taggant.owner.certificate import Certificate
from taggant.owner.certify import certificate, write
from taggant.owner.cli import app
from taggant.owner.ledger import FolderLedger
from taggant.owner.mark import commitment_path, mark
from taggant.owner.schema import SchemaError, parse, to_json
from taggant.owner.unchecked import Given, unchecked
from taggant.owner.verify import verify

NAME = "drand quicknet round 1000"
RANDOMNESS = "fe290beca10872ef2fb164d2aa4442de4566183ec51c56ff3cd603d930e54fdd"
SIGNATURE = (
    "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125"
    "e342b73a8dd2bacbe47e4b6b63ed5e39"
)
"""Of round 1000, as https://api.drand.sh gives it."""


def test_what_drand_signed_is_accepted():
    drand.check_signature(NAME, RANDOMNESS, SIGNATURE)


def test_json_that_is_nested_deeply_is_refused_afterwards_as_before(monkeypatch):
    """The library raises the limit of recursion when it is imported: a crash, where it stays."""
    before = sys.getrecursionlimit()
    for name in [name for name in sys.modules if f"{name}.".startswith("py_ecc.")]:
        monkeypatch.delitem(sys.modules, name)
    drand.check_signature(NAME, RANDOMNESS, SIGNATURE)
    assert sys.getrecursionlimit() == before
    with pytest.raises(SchemaError, match="nested too deeply"):
        parse(Certificate, b"[" * 100_000)


def test_another_round_is_refused():
    with pytest.raises(drand.BeaconError, match="did not sign drand quicknet round 1001"):
        drand.check_signature("drand quicknet round 1001", RANDOMNESS, SIGNATURE)


@pytest.mark.parametrize(
    ("beacon", "value", "signature", "said"),
    [
        (NAME, RANDOMNESS[::-1], SIGNATURE, "does not follow"),
        (NAME, RANDOMNESS, SIGNATURE[:-1], "96 hex digits"),
        (NAME, RANDOMNESS, SIGNATURE.upper(), "96 hex digits"),
        (NAME, RANDOMNESS, "0" * 96, "does not follow"),
        (NAME, SIGNATURE, SIGNATURE, "does not follow"),
        ("pulse 7", RANDOMNESS, SIGNATURE, "accepted are names"),
        (NAME + " ", RANDOMNESS, SIGNATURE, "accepted are names"),
        ("drand quicknet round 99999999999", RANDOMNESS, SIGNATURE, "accepted are names"),
    ],
    ids=range(8),
)
def test_values_that_do_not_follow_are_refused(beacon, value, signature, said):
    with pytest.raises(drand.BeaconError, match=said):
        drand.check_signature(beacon, value, signature)


@pytest.mark.parametrize("signature", ["0" * 96, "f" * 96, "c" + "0" * 95, "8" + "0" * 94 + "4"])
def test_what_is_no_point_of_the_group_is_no_signature(signature):
    """Zero, a number beyond the field, the point at infinity, one outside the subgroup."""
    with pytest.raises(drand.BeaconError, match="did not sign"):
        drand.check_signature(NAME, sha256(bytes.fromhex(signature)).hexdigest(), signature)


def test_rounds_have_dates():
    assert drand.out_at(1) == datetime(2023, 8, 23, 15, 9, 27, tzinfo=timezone.utc)
    assert drand.out_at(1000) == datetime(2023, 8, 23, 15, 59, 24, tzinfo=timezone.utc)
    assert drand.out_at(drand.LAST).year == 2974
    assert drand.round_of(NAME) == 1000
    assert drand.round_of("drand quicknet round 0") is None


def test_a_round_that_is_out_is_not_named(tmp_path):
    photos.folder(tmp_path / "raw", 2)
    where = tmp_path / "raw", tmp_path / "out", tmp_path / "l"
    with pytest.raises(
        drand.BeaconError, match=r"was out at 2023.*accepted are rounds from \d+ on"
    ):
        mark(*where, fresh(beacon=NAME), "keep")
    assert not (tmp_path / "l").exists()
    assert mark(*where, fresh(beacon="drand quicknet round 9000000000"), "keep").parts


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A certificate whose beacon is round 1000, named in its time."""
    home = tmp_path_factory.mktemp("drand")
    with pytest.MonkeyPatch.context() as then:
        then.setattr(drand, "refuse_known", lambda _: None)
        ledger = marked(home, NAME, RANDOMNESS)
    write(certificate(ledger, record_of(ledger)), home / "c.json")
    return home


def test_the_beacons_signature_is_verified_with_the_certificate(home):
    words = ["verify", str(home / "c.json")]
    told = CliRunner().invoke(app, [*words, "--beacon-signature", SIGNATURE])
    assert told.exit_code == 0, told.output
    assert "ok    the beacon's signature" in told.output
    assert "(--beacon-value)" not in told.output
    assert "(--beacon-value)" in CliRunner().invoke(app, words).output
    told = CliRunner().invoke(app, [*words, "--beacon-signature", "0" * 96])
    assert told.exit_code == 1
    assert "WRONG the beacon's signature" in told.output


@pytest.mark.parametrize("value", [SIGNATURE, RANDOMNESS.upper(), RANDOMNESS[:8]])
def test_a_round_has_one_value_so_that_nobody_chooses_between_its_forms(home, value):
    ledger = FolderLedger.load(home / "ledger")
    waiting = dataclasses.replace(ledger.batches[0], value="")
    with pytest.raises(drand.BeaconError, match="accepted is its randomness"):
        waiting.with_value(value)
    assert waiting.with_value(RANDOMNESS).value == RANDOMNESS
    told = dataclasses.replace(waiting, value=value)  # by another tool than this one
    forged = certificate(FolderLedger((told,)), record_of(FolderLedger((told,))))
    found = verify(to_json(forged), beacon_values=[value])
    assert "accepted is its randomness" in found.checks[-1].wrong


def test_what_no_timestamp_shows_of_a_beacon_has_to_be_believed(home):
    ledger = FolderLedger.load(home / "ledger")
    made = certificate(ledger, record_of(ledger))

    def believed(c: Certificate, **given: int) -> bool:
        return any("before the beacons" in one.text for one in unchecked(c, Given(**given)))

    assert believed(made, public=1, beacon=True)
    assert not believed(made, stamped=1, beacon=True)
    pulse = made.replace(terms=made.terms.replace(beacon="pulse 7"))
    assert believed(pulse, stamped=1, beacon=True)
    assert not believed(made.replace(terms=made.terms.replace(beacon=""), value=""))


def test_a_timestamp_that_is_younger_than_the_round_is_refused(home, tmp_path):
    own = authority.make(tmp_path)
    (tmp_path / "r.tsr").write_bytes(
        authority.stamp(own, commitment_path(home / "ledger").read_bytes())
    )
    words = ["verify", str(home / "c.json"), "--timestamp", str(tmp_path / "r.tsr")]
    told = CliRunner().invoke(app, [*words, "--authority", str(tmp_path / "root.pem")])
    assert told.exit_code == 1
    assert "when drand quicknet round 1000 was out (2023-08-23" in " ".join(told.output.split())
