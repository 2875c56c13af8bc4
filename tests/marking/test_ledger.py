from __future__ import annotations

import dataclasses
import json
import stat

import numpy as np
import pytest
from scipy import stats as scipy_stats

from taggant.files import write_atomically
from taggant.marking.ledger import Ledger, fingerprint, owner_key

KEY = bytes(32)


def draw(key: bytes = KEY, context: str = "mark", count: int = 4, n: int = 10) -> Ledger:
    ids = [f"{i:032x}" for i in range(count)]
    return Ledger.draw(key, context, {"epsilon": 10}, n, ids, ["0" * 64] * count)


def test_published_indices_are_uniform_and_independent_of_each_other():
    count, n = 40_000, 7
    published = np.array(draw(count=count, n=n).published)
    table = np.histogram2d(published[::2], published[1::2], bins=n)[0]
    assert scipy_stats.chisquare(np.bincount(published, minlength=n)).pvalue > 1e-3
    assert scipy_stats.chisquare(table.ravel()).pvalue > 1e-3


def test_indices_follow_the_ids_and_none_is_missing():
    ledger = draw()
    assert ledger.indices(ledger.ids[::-1]).tolist() == list(ledger.published[::-1])
    with pytest.raises(ValueError, match="zip"):
        dataclasses.replace(ledger, published=ledger.published[:2]).indices(ledger.ids)


def test_indices_and_secret_depend_on_key_and_context_only():
    assert draw() == draw()
    assert draw().published != draw(context="other", count=4).published
    assert draw().secret not in (draw(key=bytes([1] * 32)).secret, draw(context="o").secret, KEY)


def test_saved_ledger_is_private_and_complete(tmp_path):
    path = tmp_path / "ledger.json"
    ledger = draw()
    ledger.save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Ledger.load(path) == ledger
    path.chmod(0o644)
    with pytest.raises(PermissionError, match="0644"):
        Ledger.load(path)


def test_a_scheme_that_marks_otherwise_is_refused_by_what_differs():
    ledger = draw()
    ledger.check({"epsilon": 10})
    with pytest.raises(ValueError, match=r"epsilon = 12, there 10; weights = 'a', there None"):
        ledger.check({"epsilon": 12, "weights": "a"})


def test_repr_withholds_the_secret():
    ledger = draw()
    text = repr(ledger)
    for part in (ledger.secret.hex(), ledger.nonce.hex(), str(list(ledger.published))):
        assert part not in text


def test_commitment_binds_everything_and_hides_with_the_nonce():
    ledger = draw()
    changed = [
        dataclasses.replace(ledger, published=(*ledger.published[1:], ledger.published[0] ^ 1)),
        dataclasses.replace(ledger, n=11),
        dataclasses.replace(ledger, derivation=1),
        dataclasses.replace(ledger, scheme={"epsilon": 9}),
        dataclasses.replace(ledger, raw_sha256=("1" * 64, *ledger.raw_sha256[1:])),
        dataclasses.replace(ledger, nonce=bytes(32)),
        dataclasses.replace(ledger, secret=bytes(32)),
        dataclasses.replace(ledger, withheld=ledger.ids[:1]),
        dataclasses.replace(ledger, withheld=ledger.ids[1:2]),
    ]
    commitments = {ledger.commitment(), *(other.commitment() for other in changed)}
    assert len(commitments) == len(changed) + 1


def test_key_file_is_made_once_and_private(tmp_path):
    path = tmp_path / "deep" / "owner.key"
    key = owner_key(str(path), seed=0)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert owner_key(str(path), seed=1) == key
    assert list(path.parent.iterdir()) == [path]
    path.chmod(0o640)
    with pytest.raises(PermissionError, match="0640"):
        owner_key(str(path), seed=0)


def test_key_file_is_made_in_a_folder_that_is_made_too(tmp_path):
    path = tmp_path / "deep" / "down" / "key"
    assert owner_key(str(path), 0) == owner_key(str(path), 1)
    assert len(path.read_text()) == 64


@pytest.mark.parametrize(
    "text",
    ["a" * 63, "a" * 65, "a" * 63 + "g", "ab", "aa" * 15 + "  " + "aa" * 16, "g" * 64],
)
def test_what_is_nearly_a_key_is_none(tmp_path, monkeypatch, text):
    """Neither as a file's content nor, as a secret in the config's place, as a location."""
    path = tmp_path / "owner.key"
    write_atomically(path, text.encode(), mode=0o600)
    with pytest.raises(ValueError, match="64 hex digits"):
        owner_key(str(path), seed=0)
    monkeypatch.chdir(tmp_path)
    assert len(owner_key(text, seed=0)) == 32


def test_a_key_may_be_written_in_capitals_and_end_its_line(tmp_path):
    path = tmp_path / "owner.key"
    write_atomically(path, ("0123456789abcDEF" * 4 + "\n").encode(), mode=0o600)
    assert owner_key(str(path), seed=0) == bytes.fromhex("0123456789abcdef" * 4)


def test_nothing_is_withheld_unless_asked_for():
    assert draw().withheld == ()
    ids = draw().ids
    held = Ledger.draw(KEY, "mark", {}, 10, ids, ["0" * 64] * 4, withhold=4).withheld
    assert held == ids
    for count in (-1, 5):
        with pytest.raises(ValueError, match=rf"withhold = {count} of 4 images: accepted are 0..4"):
            Ledger.draw(KEY, "mark", {}, 10, ids, ["0" * 64] * 4, withhold=count)


def test_simulated_key_follows_from_the_seed():
    assert owner_key("simulated", 3) == owner_key("simulated", 3) != owner_key("simulated", 4)


def test_a_secret_in_the_config_is_refused_without_repeating_it():
    secret = "ab" * 32
    with pytest.raises(ValueError, match="holds a secret itself") as error:
        owner_key(secret, seed=0)
    assert secret not in str(error.value)


def test_a_file_that_is_no_key_is_refused(tmp_path):
    path = tmp_path / "owner.key"
    path.write_text("hunter2")
    path.chmod(0o600)
    with pytest.raises(ValueError, match="64 hex digits"):
        owner_key(str(path), seed=0)


def test_fingerprint_tells_keys_apart():
    assert fingerprint(KEY) != fingerprint(bytes([1] * 32))
    assert len(fingerprint(KEY)) == 16


def test_a_ledger_of_another_schema_or_rule_is_named(tmp_path):
    path = tmp_path / "ledger.json"
    for key, value, said in (
        ("schema", 1, "ledger of schema 1, accepted is 3"),
        ("derivation", 7, "derivation 7: this version of taggant knows 1 and 2"),
        ("derivation", True, "derivation True: "),
    ):
        draw().save(path)
        write_atomically(
            path, json.dumps({**json.loads(path.read_text()), key: value}).encode(), mode=0o600
        )
        with pytest.raises(ValueError, match=said):
            Ledger.load(path)


def test_a_ledger_that_is_cut_off_or_spoilt_is_named(tmp_path):
    path = tmp_path / "ledger.json"
    draw().save(path)
    text = path.read_text()
    whole = json.loads(text)
    spoilt = [text[: len(text) * k // 5] for k in range(5)] + ["[]", "null", "7", "[" * 100_000]
    spoilt += [json.dumps({k: v for k, v in whole.items() if k != key}) for key in whole]
    spoilt += [json.dumps({**whole, key: None}) for key in whole if key != "schema"]
    spoilt += [json.dumps({**whole, key: []}) for key in ("ids", "published", "secret", "nonce")]
    spoilt += [json.dumps({**whole, "secret": "ab"})]
    for one in spoilt:
        path.write_text(one)
        with pytest.raises(
            ValueError, match=r"ledger\.json: (no ledger, or damaged|a ledger of)|deriv"
        ):
            Ledger.load(path)
