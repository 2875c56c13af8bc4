"""A ledger in one encrypted file: what is damaged, forged or of another passphrase is told."""

from __future__ import annotations

import base64
import hashlib
import json
import stat

import pytest
from tests.owner.forged import record_of, two_batches
from typer.testing import CliRunner

from taggant import files
from taggant.owner import backup
from taggant.owner.cli import app
from taggant.owner.ledger import FolderLedger
from taggant.owner.status import belonging

PHRASE = "correct horse battery"
LOW = backup.COSTS[0]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Two batches, an audit of both, and what is none of this ledger's."""
    root = tmp_path_factory.mktemp("kept")
    ledger = two_batches(root)
    record_of(ledger).save(root / "audit.json")
    (root / "other.json").write_text('{"schema": "taggant audit 4"}')
    return root


@pytest.fixture(scope="module")
def content(home):
    return backup.export(home / "ledger", belonging(home / "ledger"), PHRASE, LOW)


def call(*words, phrase=PHRASE):
    env = {} if phrase is None else {"TAGGANT_PASSPHRASE": phrase}
    return CliRunner(env=env).invoke(app, [str(word) for word in words])


def test_what_is_exported_is_imported_with_all_that_belongs_to_it(home, tmp_path, monkeypatch):
    monkeypatch.setattr(backup.export, "__defaults__", (LOW,))
    told = call("export", home / "ledger", "--out", tmp_path / "b")
    assert told.exit_code == 0, told.exception
    assert stat.S_IMODE((tmp_path / "b").stat().st_mode) == 0o600
    assert "already; it is not overwritten" in str(
        call("export", home / "ledger", "--out", tmp_path / "b").exception
    )
    told = call("import", tmp_path / "b", "--out", tmp_path / "new")
    assert "12 pictures, 2 batches" in told.output, told.exception
    names = {path.name for path in (tmp_path / "new").iterdir()}
    assert names == {
        *("ledger", "audit.json", "ledger.commitment.json", "ledger.2.commitment.json"),
    }
    for name in names:
        assert (tmp_path / "new" / name).read_bytes() == (home / name).read_bytes()
        assert stat.S_IMODE((tmp_path / "new" / name).stat().st_mode) == 0o600
    again = call("import", tmp_path / "b", "--out", tmp_path / "new")
    assert "0 files written, 4 were there already" in again.output


def test_a_passphrase_is_asked_for_or_taken_from_the_environment(home, tmp_path):
    for phrase, said in ((None, "set TAGGANT_PASSPHRASE"), ("short", "5 letters")):
        told = call("export", home / "ledger", "--out", tmp_path / "b", phrase=phrase)
        assert said in str(told.exception)
    assert not (tmp_path / "b").exists()


def test_nothing_of_the_ledger_is_readable(home, content):
    key = FolderLedger.load(home / "ledger").key
    for secret in (key, key.hex().encode(), base64.b64encode(key)[:40], b"class0", b"entries"):
        assert secret not in content


def test_another_passphrase_is_told(content):
    with pytest.raises(backup.BackupError, match="the passphrase is another one"):
        backup.opened(content, PHRASE + " ")
    assert backup.opened(content, PHRASE).ledger == "ledger"


def test_any_byte_changed_and_any_end_cut_off_is_told(content):
    for place in range(0, len(content), len(content) // 60):
        changed = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
        with pytest.raises(backup.BackupError, match=r"cut off or changed|no backup"):
            backup.opened(changed, PHRASE)
        with pytest.raises(backup.BackupError, match=r"cut off or changed|no backup"):
            backup.opened(content[:place], PHRASE)


def renewed(content):
    body = content[: -backup.DIGEST]
    return body + hashlib.sha256(body).digest()


def test_a_forger_who_renews_the_digest_gets_no_further(content):
    start = len(backup.HEAD)
    for place in (start + 1, start + 20, start + 40, len(content) // 2, len(content) - 40):
        forged = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
        with pytest.raises(backup.BackupError, match="passphrase is another one"):
            backup.opened(renewed(forged), PHRASE)
    for cost in (0, 13, 19, 63, 255):
        forged = content[:start] + bytes([cost]) + content[start + 1 :]
        with pytest.raises(backup.BackupError, match=rf"2\*\*{cost}: accepted"):
            backup.opened(renewed(forged), PHRASE)


def sealed(body):
    """A stranger's backup, whose passphrase he tells."""
    head = backup.HEAD + bytes([LOW]) + bytes(backup.SALT + backup.NONCE)
    cipher = backup._cipher(PHRASE, bytes(backup.SALT), LOW)
    whole = head + cipher.encrypt(bytes(backup.NONCE), body, head)
    return whole + hashlib.sha256(whole).digest()


@pytest.mark.parametrize("name", ["../l", "a/l", "/etc/l", ".profile", "..", "", "a\\l", "a\nl"])
def test_a_strangers_backup_leads_out_of_no_folder(home, name):
    ledger = base64.b64encode((home / "ledger").read_bytes()).decode()
    files_ = [{"name": "l", "content": ledger}, {"name": name, "content": ""}]
    body = {"schema": backup.SCHEMA, "ledger": "l", "files": files_}
    with pytest.raises(backup.BackupError, match=r"files\.1\.name"):
        backup.opened(sealed(json.dumps(body).encode()), PHRASE)
    files_[1]["name"] = "fine"
    assert len(backup.opened(sealed(json.dumps(body).encode()), PHRASE).files) == 2


@pytest.mark.parametrize(
    ("files_", "said"),
    [
        ([], "files"),
        ([{"name": "l", "content": ""}], "no JSON"),
        ([{"name": "l", "content": "e30="}], "is missing"),
        ([{"name": "l", "content": "e30"}], "no base64"),
        ([{"name": "l", "content": "\u00e9"}], "files.0.content"),
        ([{"name": "m", "content": "e30="}], "not among its files"),
        ([{"name": "l", "content": "e30="}] * 2, "there twice"),
    ],
    ids=range(7),
)
def test_a_strangers_backup_without_a_ledger_is_told(files_, said):
    body = {"schema": backup.SCHEMA, "ledger": "l", "files": files_}
    with pytest.raises(backup.BackupError, match=said):
        backup.opened(sealed(json.dumps(body).encode()), PHRASE)


def test_nothing_is_overwritten_and_a_killed_import_is_ended_by_the_same_call(
    content, tmp_path, monkeypatch
):
    found = backup.opened(content, PHRASE)
    (tmp_path / found.ledger).write_bytes(b"another")
    with pytest.raises(ValueError, match="is another file; nothing is overwritten"):
        backup.restore(found, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [found.ledger]
    (tmp_path / found.ledger).unlink()
    write, left = files._write, [3]

    def counted(*arguments):
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt
        write(*arguments)

    monkeypatch.setattr(files, "_write", counted)
    with pytest.raises(KeyboardInterrupt):
        backup.restore(found, tmp_path)
    assert len(backup.restore(found, tmp_path)) == len(found.files) - 2
    assert backup.restore(found, tmp_path) == []


def test_a_file_of_gigabytes_is_not_read(tmp_path):
    with (tmp_path / "b").open("wb") as stream:
        stream.truncate(3 << 30)
    assert "accepted are at most" in str(
        call("import", tmp_path / "b", "--out", tmp_path).exception
    )


def test_the_status_tells_batches_timestamps_and_audits(home):
    told = " ".join(call("status", "--ledger", home / "ledger").output.split())
    ledger = FolderLedger.load(home / "ledger")
    assert "12 pictures in 2 batches, 40 versions of each" in told
    for number, batch in enumerate(ledger.batches, 1):
        assert f"Batch {number}: 6 pictures, 6 published commitment {batch.commitment}" in told
    assert "timestamp: none (ledger.2.commitment.tsr is not there" in told
    assert "Audits beside it: 1 audit.json: batches 1, 2; m:f: 4 of 12 pictures claimed" in told
