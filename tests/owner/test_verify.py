"""A certificate in which anything was changed is rejected, whoever renewed its digest."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tests.owner.forged import (
    BEACON,
    COUNT,
    USED,
    VALUE,
    N,
    all_of,
    changed,
    drop,
    marked,
    put,
    record_of,
    renewed,
    text,
)
from typer.testing import CliRunner

from taggant.files import write_atomically
from taggant.marking.draws import VIEWS
from taggant.owner.certify import certificate, write
from taggant.owner.cli import app
from taggant.owner.commitments import Terms, draws_of
from taggant.owner.decision import DecisionRule
from taggant.owner.ledger import FolderLedger
from taggant.owner.mark import commitment_path
from taggant.owner.page import page
from taggant.owner.record import Record
from taggant.owner.schema import parse_values, to_json
from taggant.owner.verify import MismatchError, _beacon, verify


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Marked pictures with a beacon, and an audit record in which the first four stand out."""
    root = tmp_path_factory.mktemp("verify")
    record_of(marked(root)).save(root / "audit.json")
    return root


@pytest.fixture(scope="module")
def made(home):
    return certificate(FolderLedger.load(home / "ledger"), Record.load(home / "audit.json"))


@pytest.fixture(scope="module")
def body(made):
    return json.loads(to_json(made))


def accepted(content, *others):
    return verify(content, *others).ok


def other(text):
    """Text of the same length that differs in its first character."""
    return ("1" if text[:1] == "0" else "0") + text[1:]


def terms_of(body):
    return parse_values(Terms, body["terms"])


def ground_id(body):
    """Another id for an opened picture, with the index, order and ties that follow from it."""
    opened = body["opened"][0]
    opened["id"] = other(opened["id"])
    secret = bytes.fromhex(opened["secret"])
    draws = draws_of(secret, terms_of(body), opened["id"], body["commitment"], body["value"])
    opened["published"] = draws.index()


def swap_pictures(body):
    body["pictures"][0], body["pictures"][-1] = body["pictures"][-1], body["pictures"][0]


def shorter(body):
    """One picture left out, under commitments that no longer give the commitment to the folder."""
    body["pictures"], body["seals"] = body["pictures"][:-1], body["seals"][:-1]


def coarse_grids(body):
    """Everything ties; the keys may give one picture its bits again, but hardly all of them."""
    for one in body["opened"]:
        one["grid"] = 10.0


plus = {"by": lambda value: value + 1}
less_one = {"by": lambda value: value - 1}
less = {"by": lambda value: value / 2}
turned = {"by": other}
OPENED, PICTURE = ("opened", 0), ("pictures", 0)

FORGERIES = {
    "schema": put("schema", **turned),
    "commitment": put("commitment", **turned),
    "a seal": put("seals", 1, **turned),
    "a seal twice": put("seals", 1, by=lambda _: "0" * 64),
    "seals in another order": put("seals", by=lambda seals: seals[::-1]),
    "a seal more": put("seals", by=lambda seals: [*seals, "0" * 64]),
    "a picture left out": shorter,
    "number of versions": put("terms", "marking", "n", **plus),
    "scheme's radius": put("terms", "marking", "epsilon", **plus),
    "another beacon": put("terms", "beacon", **turned),
    "no beacon": put("terms", "beacon", value=""),
    "beacon's value": put("value", **turned),
    "no value": put("value", value=""),
    "no rule of drawing": put("terms", "derivation", value=0),
    "an older rule of drawing": put("terms", "derivation", value=1),
    "size of the test": put("size", **less),
    "level of the test": put("rule", "level", value="0.2"),
    "a milder level with its size": all_of(
        put("rule", "level", value="0.2"),
        put("size", value=DecisionRule.each("0.2").boundary(N).size()),
    ),
    "another test": put("rule", "test", value="rank"),
    "no such test": put("rule", "test", value="tea leaves"),
    "an option of the test": put("rule", "options", value={"keep": 0.5}),
    "an option more": put("rule", "keep", value=0.5),
    "a false discovery rate": put("rule", "q", value="0.05"),
    "set p-value": put("set_p", **less),
    "bits": put(*PICTURE, "bits", **turned),
    "bits of a picture that is not opened": put("pictures", -1, "bits", **turned),
    "reads": put(*PICTURE, "read", **plus),
    "exceedances": put(*PICTURE, "exceedances", **plus),
    "p-value": put(*PICTURE, "p_value", **less),
    "adjusted p-value": put(*PICTURE, "adjusted", **less),
    "a claim taken back": put(*PICTURE, "claim", value=False),
    "a claim more": put("pictures", -1, "claim", value=True),
    "pictures exchanged": swap_pictures,
    "which seal is opened": put(*OPENED, "seal", **plus),
    "an opening left out": drop("opened", 0),
    "an opening twice": put("opened", by=lambda rows: [rows[0], *rows]),
    "openings in another order": put("opened", by=lambda rows: rows[::-1]),
    "an id": put(*OPENED, "id", **turned),
    "an id that chooses the index": ground_id,
    "raw pixels": put(*OPENED, "raw_sha256", **turned),
    "secret": put(*OPENED, "secret", **turned),
    "secret in capitals": put(*OPENED, "secret", by=str.upper),
    "nonce": put(*OPENED, "nonce", **turned),
    "a shorter nonce": put(*OPENED, "nonce", by=lambda text: text[:-2]),
    "published index": put(*OPENED, "published", by=lambda j: (j + 1) % N),
    "a score": put(*OPENED, "scores", 0, value=0.0),
    "a score left out": put(*OPENED, "scores", by=lambda scores: scores[:-1]),
    "a score finer than float32": put(*OPENED, "scores", 1, by=lambda s: s + 1e-12),
    "coarse grids": coarse_grids,
    "a moved answer left out": put(*OPENED, "again", value=[0.0, 0.0]),
    "an answer in reverse": put(*OPENED, "again", by=lambda two: [two[0] + 1, two[1]]),
    "answers that moved": put(*OPENED, "again", by=lambda two: [0.0, two[1]]),
    "a comparison made doubtful": put(*PICTURE, "doubtful", by=lambda text: "f" * len(text)),
    "a claim said to be taken": put(*PICTURE, "taken", value=True),
    "a negative grid": put(*OPENED, "grid", value=-1.0),
    "an opening with more in it": put(*OPENED, "note", value="trust me"),
    "a part more": put("note", value="trust me"),
    "a part less": drop("queries"),
    "another label": put(*OPENED, "label", value="class1"),
    "another caption": put(*OPENED, "caption", value="a cat"),
    "another name": put(*OPENED, "name", value="class0/other.png"),
    "a network": put("terms", "network", value={"marker": "a", "weights": "0" * 32}),
    "another format": put("terms", "format", value="jpeg"),
    "another format of a picture": put(*OPENED, "format", value="png"),
    "no such format of a picture": put(*OPENED, "format", value="jpeg"),
    "another quality": put("terms", "quality", **less_one),
    "marking from elsewhere": put(
        "terms", "marking", "strategy", value={"_target_": "os.system", "command": "true"}
    ),
    "marking by a private name": put(
        "terms", "marking", "strategy", "kind", value="taggant.marking.__loader__"
    ),
    "score from elsewhere": put("score", "_target_", value="subprocess.call"),
    "classes without the label": put("model", "classes", value=["dog", "cat"]),
    "fewer queries than reads": put("queries", value=3),
}
"""Changes by a forger who renews the certificate's digest."""


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forgery_is_rejected_even_with_a_new_digest(body, name):
    forged = changed(body, FORGERIES[name])
    assert not accepted(text(forged))
    assert not accepted(renewed(forged))


def test_order_ties_and_views_follow_from_the_committed_secret_of_each_picture(home, body):
    ledger = FolderLedger.load(home / "ledger")
    assert "seed" not in body
    drawn = [ledger.draws(image_id) for image_id in ledger.files]
    orders = {tuple(draws.order(draws.index())) for draws in drawn}
    assert len(orders) == len({draws.seed(VIEWS) for draws in drawn}) == COUNT
    terms = terms_of(body)
    for opened in body["opened"]:
        secret = bytes.fromhex(opened["secret"])
        own = draws_of(secret, terms, opened["id"], body["commitment"], body["value"])
        assert own == ledger.draws(opened["id"])
    # All of it follows from the beacon's value as well: nobody knew it when committing.
    other_value = draws_of(secret, terms, opened["id"], body["commitment"], "cafe")
    assert not np.array_equal(other_value.order(own.index()), own.order(own.index()))
    assert not np.array_equal(other_value.tie_keys(), own.tie_keys())


def test_files_of_other_schemas_are_named(home, body, tmp_path):
    kinds = (("ledger", FolderLedger, "owner ledger", 3), ("audit.json", Record, "audit", 4))
    for name, kind, title, number in kinds:
        record, path = json.loads((home / name).read_text()), tmp_path / name
        for schema in (f"taggant {title} 2", "cake", None):
            other_form = json.dumps({**record, "schema": schema}).encode()
            write_atomically(path, other_form, mode=0o600)
            accepts = f"accepted is 'taggant {title} {number}'"
            with pytest.raises(ValueError, match=f"is {schema!r}, {accepts}"):
                kind.load(path)
    (check,) = verify(renewed({**body, "schema": "taggant certificate 4"})).checks
    assert "'taggant certificate 4', accepted is 'taggant certificate 5'" in check.wrong


def test_what_was_not_changed_is_accepted(body, made):
    assert verify(text(body)).certificate == made
    assert len(body["opened"]) >= USED


def test_a_change_of_any_byte_is_rejected(body):
    content = text(body)
    for place in range(0, len(content), 23):
        flipped = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
        assert not accepted(flipped), place
    for other_length in (content[:-1], content + b" ", b"", content * 2):
        assert not accepted(other_length)


def test_the_page_the_public_commitment_and_the_beacon_are_checked(home, made):
    content, html = to_json(made), page(made).encode()
    public = commitment_path(home / "ledger").read_bytes()
    assert accepted(content, html, [public], [VALUE])
    assert not accepted(content, html.replace(b"pictures", b"pixtures", 1), [public], [VALUE])
    assert not accepted(content, html, [public.replace(BEACON.encode(), b"pulse 8")], [VALUE])
    assert not accepted(content, html, [public.replace(made.commitment.encode(), b"0" * 64)])
    assert not accepted(content, html, [public, public])
    assert not accepted(content, html, [b"[]"])
    assert not accepted(content, html, [public], ["cafe"])
    assert not accepted(content, html, [public], [VALUE, VALUE])
    assert not accepted(content, html, [public], [VALUE], (), ["class1", "class0"])


def test_no_value_is_that_of_a_beacon_that_is_not_named(made):
    """An empty one too: without a beacon a certificate's own value is empty."""
    alone = SimpleNamespace(beacons={})
    for value in ("", VALUE):
        with pytest.raises(MismatchError, match="names no beacon"):
            _beacon(alone, [value])
    _beacon(made, [VALUE])


def test_the_first_failure_ends_it(body):
    body = {**body, "value": "cafe", "set_p": 0.5}
    checks = verify(renewed(body)).checks
    assert [check.ok for check in checks] == [True, True, False]
    assert "was not drawn" in checks[-1].wrong


def test_everything_can_be_opened_and_what_is_not_is_said(home, made, tmp_path):
    words = ["certify", "--ledger", home / "ledger", "--audit", home / "audit.json"]
    words += ["--out", tmp_path / "all.json", "--open-all"]
    assert CliRunner().invoke(app, list(map(str, words)), catch_exceptions=False).exit_code == 0
    whole = verify((tmp_path / "all.json").read_bytes()).certificate
    assert whole is not None
    assert [one.seal for one in whole.opened] == list(range(COUNT))
    assert whole.pictures == made.pictures
    write(made, tmp_path / "some.json")
    told = [
        CliRunner().invoke(app, ["verify", str(tmp_path / name)], catch_exceptions=False).output
        for name in ("all.json", "some.json")
    ]
    assert "are not opened" not in told[0]
    assert f"the answers for {COUNT - len(made.opened)} pictures" in told[1]
    assert "of which are not opened here" in page(made)
    assert "of which are not opened here" not in page(whole)


def test_the_assumptions_are_stated(made):
    text = page(made)
    for words in ("drawn at random, each by itself", "how many models, scores", "asked first and"):
        assert words in text
    many = page(made.replace(rule=DecisionRule.discoveries("0.05", COUNT, N, 0.5, "0.1")))
    assert "independent among the unused pictures" in many


def test_a_model_that_answers_everything_alike_is_no_reason_to_claim(home, tmp_path):
    """Keys decide between equal answers, so that the size is exact; they make no claim."""
    ledger = FolderLedger.load(home / "ledger")
    record = record_of(ledger, DecisionRule.each("0.9", test="rank"))
    scored = tuple(one.replace(scores=(0.5,) * N, again=(0.5, 0.5)) for one in record.scored)
    tied = certificate(ledger, record.replace(scored=scored, paid=COUNT * N))
    taken = sum(picture.taken for picture in tied.pictures)
    assert taken > 0
    assert not any(picture.claim for picture in tied.pictures)
    assert not tied.opened
    assert f"{taken} more would be claimed if" in page(tied)
    assert verify(to_json(tied)).ok
    forged = changed(json.loads(to_json(tied)), put("pictures", 0, "claim", value=True))
    assert not accepted(renewed(forged))


def test_verifying_needs_no_random_state(body):
    before = torch.get_rng_state()
    accepted(text(body))
    assert torch.equal(before, torch.get_rng_state())
