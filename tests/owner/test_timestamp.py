"""Timestamps of a self-made authority: what it signed is accepted, and nothing else."""

from __future__ import annotations

import json
import shutil

import pytest
from tests.owner import authority, photos
from tests.owner.forged import record_of, renewed, two_batches
from typer.testing import CliRunner

from taggant.owner.certify import certificate, write
from taggant.owner.cli import app
from taggant.owner.mark import commitment_path, timestamp_path
from taggant.owner.timestamp import LARGEST_REPLY, TimestampError, ask, check, stated_time

MESSAGE = b'{"commitment": "0123"}\n'


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    return authority.make(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def reply(own):
    return authority.stamp(own, MESSAGE)


@pytest.fixture(scope="module")
def root(own):
    return (own / "root.pem").read_bytes()


def test_what_the_authority_signed_is_accepted(own, reply, root):
    found = check(reply, MESSAGE, root)
    assert found.time == stated_time(reply, MESSAGE)
    assert found.time.tzinfo is not None
    assert found.signer == "CN=Root, number 7"
    assert check(reply, MESSAGE, root + (own / "tsa.pem").read_bytes()) == found


def test_another_message_is_refused(reply, root):
    for other in (b"", MESSAGE[:-1], MESSAGE + b" "):
        with pytest.raises(TimestampError, match="of another file"):
            check(reply, other, root)


def test_no_change_of_a_byte_gives_another_time(reply, root):
    """Bytes that nothing signs (names of digests) may change; time and message may not."""
    true, passed, told = check(reply, MESSAGE, root), 0, set()
    for place in range(len(reply)):
        changed = reply[:place] + bytes([reply[place] ^ 1]) + reply[place + 1 :]
        try:
            found = check(changed, MESSAGE, root)
        except TimestampError as error:
            told.add(str(error))
            continue
        assert found.time == true.time
        passed += 1
    assert all(line.isprintable() for line in told)
    assert passed < len(reply) / 50


def test_what_is_cut_off_or_no_reply_is_told(reply, root):
    for content in (b"", b"{}", reply[:-1], reply[: len(reply) // 2], MESSAGE, bytes(1000)):
        with pytest.raises(TimestampError, match="no RFC 3161 reply"):
            check(content, MESSAGE, root)
    with pytest.raises(TimestampError, match="accepted at most"):
        check(bytes(LARGEST_REPLY + 1), MESSAGE, root)


def test_another_authority_is_refused(own, reply, tmp_path):
    other = authority.make(tmp_path / "other")
    with pytest.raises(TimestampError, match="did not sign it"):
        check(reply, MESSAGE, (other / "root.pem").read_bytes())
    for content, said in (
        (b"", "no certificates"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "no certificates"),
        ((own / "tsa.pem").read_bytes(), "no root"),
    ):
        with pytest.raises(TimestampError, match=f"--authority: {said}"):
            check(reply, MESSAGE, content)


def test_a_certificate_that_may_give_no_timestamps_is_refused(own, root, tmp_path):
    """One of the same key, name and number, from the same root, is put into the reply."""
    other = tmp_path / "other"
    shutil.copytree(own, other)
    (other / "usage").write_text("extendedKeyUsage = critical,codeSigning\n")
    true = forged = _der(other)
    while true == forged or len(true) != len(forged):  # signatures differ in length
        authority.vouch(other)
        forged = _der(other)
    reply = authority.stamp(own, MESSAGE)
    assert reply.count(true) == 1
    with pytest.raises(TimestampError, match="did not sign it"):
        check(reply.replace(true, forged), MESSAGE, root)


def _der(root):
    authority.openssl(root, "x509", "-in", "tsa.pem", "-outform", "DER", "-out", "der")
    return (root / "der").read_bytes()


# --- asked for ---------------------------------------------------------------------------------


def test_an_authority_is_asked_and_its_reply_kept(own, root, tmp_path):
    with authority.served(own) as url:
        time = ask(url, MESSAGE, tmp_path / "r.tsr")
    assert check((tmp_path / "r.tsr").read_bytes(), MESSAGE, root).time == time


def test_what_is_no_answer_is_told_and_not_kept(own, reply, tmp_path):
    for status, other, said in (
        (200, reply, "another question"),
        (200, b"<html>", "no RFC 3161 reply"),
        (200, bytes(LARGEST_REPLY + 1), "longer than"),
        (403, b"no", "status 403: no"),
    ):
        with authority.served(own, status, other) as url, pytest.raises(TimestampError, match=said):
            ask(url, MESSAGE, tmp_path / "r.tsr")
    with pytest.raises(TimestampError, match=r"--timestamp: .*refused"):
        ask("http://127.0.0.1:9/?key=abcdef", MESSAGE, tmp_path / "r.tsr")
    assert not (tmp_path / "r.tsr").exists()


def call(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def test_marking_asks_for_every_batch_that_has_no_timestamp(own, root, tmp_path):
    photos.folder(tmp_path / "a", 2)
    words = ["--out", tmp_path / "out", "--ledger", tmp_path / "l", "--n", "12"]
    assert call("mark", tmp_path / "a", *words).exit_code == 0
    photos.folder(tmp_path / "b", 2, first=2)
    with authority.served(own) as url:
        told = call("mark", tmp_path / "b", *words, "--append", "--timestamp", url)
        assert told.exit_code == 0, told.exception
    assert told.output.count("timestamped at 20") == 2
    for number in (1, 2):
        message = commitment_path(tmp_path / "l", number).read_bytes()
        check(timestamp_path(tmp_path / "l", number).read_bytes(), message, root)
    with authority.served(own, 500, b"") as url:  # it is not asked again
        assert call("mark", tmp_path / "b", *words, "--append", "--timestamp", url).exit_code == 0


# --- verified with a certificate ---------------------------------------------------------------


@pytest.fixture(scope="module")
def home(own, tmp_path_factory):
    """A certificate of two batches, both timestamped."""
    home = tmp_path_factory.mktemp("stamped")
    ledger = two_batches(home)
    for number in (1, 2):
        reply = authority.stamp(own, commitment_path(home / "ledger", number).read_bytes())
        timestamp_path(home / "ledger", number).write_bytes(reply)
    write(certificate(ledger, record_of(ledger)), home / "c.json")
    return home


def stamps(home, *numbers):
    for number in numbers:
        yield from ("--timestamp", timestamp_path(home / "ledger", number))


def test_timestamps_are_verified_with_the_certificate(own, home):
    words = ("verify", home / "c.json", "--authority", own / "root.pem")
    told = call(*words, *stamps(home, 1, 2))
    assert told.exit_code == 0, told.output
    assert "ok    the timestamps" in told.output
    said = " ".join(told.output.split())
    assert "batch 1: signed at 20" in said
    assert "batch 2: signed at 20" in said
    assert "(--commitment" not in said
    assert "not checked: that the model is younger than the timestamps" in said
    some = " ".join(call(*words, *stamps(home, 2)).output.split())
    assert "the commitments of 1 of 2 batches were made public before the model" in some


def test_timestamps_of_something_else_are_wrong(own, home, reply, tmp_path):
    words = ("verify", home / "c.json", "--authority", own / "root.pem")
    (tmp_path / "other.tsr").write_bytes(reply)
    told = call(*words, "--timestamp", tmp_path / "other.tsr")
    assert told.exit_code == 1
    assert "WRONG the timestamps" in told.output
    assert "none of this certificate's commitments" in " ".join(told.output.split())
    assert call(*words, *stamps(home, 1, 1)).exit_code == 1
    other = authority.make(tmp_path / "other")
    words = ("verify", home / "c.json", "--authority", other / "root.pem")
    assert "did not sign it" in " ".join(call(*words, *stamps(home, 1)).output.split())
    assert "--authority" in str(call("verify", home / "c.json", *stamps(home, 1)).exception)


def test_a_timestamp_after_the_certificate_proves_nothing(own, home, tmp_path):
    body = json.loads((home / "c.json").read_text())
    (tmp_path / "c.json").write_bytes(renewed({**body, "created": "2020-01-01T00:00:00+00:00"}))
    words = ("verify", tmp_path / "c.json", "--authority", own / "root.pem")
    told = call(*words, *stamps(home, 1))
    assert told.exit_code == 1
    assert "after the certificate" in " ".join(told.output.split())
