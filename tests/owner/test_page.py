"""The page for people: it says what the numbers mean, and no more than they do."""

from __future__ import annotations

import logging
import re

import pytest
from tests.owner.forged import (
    COUNT,
    N,
    controlled_record,
    marked,
    record_of,
    split_folder,
    two_batches,
)
from typer.testing import CliRunner

from taggant.owner.certify import certificate
from taggant.owner.cli import app
from taggant.owner.commands.summary import summary
from taggant.owner.decision import DecisionRule
from taggant.owner.page import page
from taggant.owner.pdf import _plain, pdf


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("page")


@pytest.fixture(scope="module")
def ledger(home):
    return marked(home)


def text(made):
    """A page without its marks, in single spaces."""
    body = re.sub(r"<style>.*?</style>|<[^>]+>", "", page(made), flags=re.DOTALL)
    return " ".join(body.split())


def test_the_headline_says_what_chance_would_claim(ledger):
    made = certificate(ledger, record_of(ledger))
    chance = f"{made.size * COUNT:.3g} would be by chance if none was used, on average and at most"
    headline = f"4 of {COUNT} pictures are claimed as used to train the model m:f; {chance}."
    assert headline in text(made)
    assert f"4 of {COUNT} pictures claimed as used; {chance}" in summary(made)
    assert "were used to train" not in text(made)


def test_rates_of_one_picture_are_explained(ledger):
    said = text(certificate(ledger, record_of(ledger)))
    assert "It is not the probability that a claim is wrong" in said
    assert "one claim out of so many proves little by itself" in said
    assert "false discovery rate" not in said


def test_rates_of_all_claims_are_explained(ledger):
    rule = DecisionRule.discoveries("0.2", COUNT, N, 0.9, "0.1")
    made = certificate(ledger, record_of(ledger, rule))
    claims = sum(one.claim for one in made.pictures)
    assert claims
    said = text(made)
    assert "if none was used, there would be any claim at all with probability 0.2 at most" in said
    assert f"of {claims} claims that is {claims * 0.2:.3g}" in said
    assert "whoever picks one of them out" in said
    assert "false-detection rate" not in said


@pytest.mark.parametrize("q", [None, "0.3"])
def test_withheld_pictures_have_the_same_headline(tmp_path, q):
    ledger = split_folder(tmp_path)
    made = certificate(ledger, controlled_record(ledger, "controls", q))
    said = text(made)
    expected = "0.3 at most" if q else f"{0.2 * len(ledger.shown):.3g} would be by chance"
    assert expected in said
    assert "It has to be believed" in said


def test_no_claim_is_no_evidence(ledger):
    record = record_of(ledger, DecisionRule.each("0.1", test="rank"))
    scored = tuple(one.replace(scores=(0.5,) * N, again=(0.5, 0.5)) for one in record.scored)
    said = text(certificate(ledger, record.replace(scored=scored, paid=COUNT * N)))
    assert "No claim. " in said
    assert "This is no evidence that they were not used" in said
    assert "are claimed as used" not in said


def test_nothing_is_said_of_courts(ledger):
    said = text(certificate(ledger, record_of(ledger))).lower()
    assert not re.search(r"\b(court|admissib|evidence act|proof of infringement|legal)", said)


def test_the_commitment_of_every_batch_is_shown(tmp_path):
    ledger = two_batches(tmp_path)
    said = text(certificate(ledger, record_of(ledger)))
    for batch in ledger.batches:
        assert f"{batch.commitment}, {COUNT} pictures" in said


# --- printed -----------------------------------------------------------------------------------


def test_the_page_is_printed(home, ledger):
    record_of(ledger).save(home / "audit.json")
    words = ["certify", "--ledger", home / "ledger", "--audit", home / "audit.json", "--pdf"]
    told = CliRunner().invoke(app, list(map(str, [*words, "--out", home / "c.json"])))
    assert told.exit_code == 0, told.exception
    content = (home / "c.pdf").read_bytes()
    assert content.startswith(b"%PDF-")
    assert content.count(b"/Type /Page\n") == 2
    assert CliRunner().invoke(app, ["verify", str(home / "c.json")]).exit_code == 0


@pytest.mark.parametrize("rule", ["each", "controls", "combined"])
def test_every_kind_of_page_is_printed_without_complaint(tmp_path, ledger, rule, caplog):
    if rule == "each":
        made = certificate(ledger, record_of(ledger))
    else:
        own = split_folder(tmp_path)
        made = certificate(own, controlled_record(own, rule))
    with caplog.at_level(logging.WARNING):
        assert pdf(page(made)).startswith(b"%PDF-")
    assert not [record for record in caplog.records if record.name.startswith("fpdf")]


def test_what_a_print_is_made_of_is_the_page(ledger):
    made = certificate(ledger, record_of(ledger))
    words = " ".join(re.sub(r"<[^>]+>", "", _plain(page(made))).split())
    body = text(made).removeprefix("Certificate of data use ")
    assert body in words


@pytest.mark.parametrize(
    "name", ["<b>a</b>.png", "a&amp;b.png", "猫.png", "</table><h1>x.png", "é" * 300]
)
def test_names_of_files_are_printed_as_text(ledger, name):
    made = certificate(ledger, record_of(ledger))
    opened = made.opened[0].replace(name=name)
    assert pdf(page(made.replace(opened=(opened, *made.opened[1:])))).startswith(b"%PDF-")
