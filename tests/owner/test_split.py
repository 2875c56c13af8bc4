"""Withheld pictures: which are drawn, what is written, and what a certificate of them can claim."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import kstest
from tests.owner import photos
from tests.owner.forged import (
    USED,
    all_of,
    changed,
    controlled_record,
    drop,
    put,
    renewed,
    split,
    split_folder,
)
from typer.testing import CliRunner

from taggant.models.model import ModelOptions
from taggant.owner import withheld
from taggant.owner.certify import certificate
from taggant.owner.cli import app
from taggant.owner.controlled import Evidence, judge, reachable
from taggant.owner.decision import DecisionRule
from taggant.owner.ledger import FolderLedger
from taggant.owner.mark import mark
from taggant.owner.models.open import open_model
from taggant.owner.reask import verify_scores
from taggant.owner.schema import to_json
from taggant.owner.split import Split, group_numbers, parse_withholding
from taggant.owner.verify import read_certificate, verify


def call(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def drawn(key, rule="30%", groups=(0,) * 10, where=""):
    secrets = [bytes([key, k]) * 16 for k in range(len(groups))]
    return Split(parse_withholding(rule, "all"), secrets, groups, [where] * len(secrets))


# --- the draw ----------------------------------------------------------------------------------


def test_the_split_is_uniform_within_groups_and_follows_from_secrets_and_beacon():
    groups = (0,) * 6 + (1,) * 3 + (2,)
    counts = np.zeros(10)
    for key in range(250):
        made = drawn(key, "50%", groups)
        assert made.withheld[:6].sum() == 3
        assert made.withheld[6:9].sum() == 2  # the nearest number to 1.5
        assert not made.withheld[9]  # one picture of a group is always published
        assert (made.withheld == drawn(key, "50%", groups).withheld).all()
        counts += made.withheld
    assert counts[:6] == pytest.approx(np.full(6, 125), abs=4 * (250 / 4) ** 0.5)
    splits = {drawn(1, "50%", where=str(k)).withheld.tobytes() for k in range(20)}
    assert len(splits) > 10


@pytest.mark.parametrize(
    ("text", "sizes"),
    [("30%", (3, 0, 1)), ("2", (2, 0, 2)), ("99%", (9, 0, 2)), ("33.3%", (3, 0, 1))],
)
def test_so_many_of_each_group_are_withheld(text, sizes):
    rule = parse_withholding(text, "all")
    assert tuple(map(rule.of, (10, 1, 3))) == sizes


@pytest.mark.parametrize("text", ["0%", "100%", "0", "-3", "many", "1.5", "%", "1/0%", ""])
def test_what_is_no_share_and_no_number_is_refused_as_it_was_typed(text):
    with pytest.raises(ValueError, match=f"--withhold {text}: accepted are a share above 0%"):
        parse_withholding(text, "all")


def test_groups_are_folders_labels_or_what_a_table_says(tmp_path):
    names, labels = ["a/x/1.png", "a/2.png", "b/3.png"], ["a", "a", "b"]
    table = tmp_path / "groups.csv"
    table.write_text("name,group\na/x/1.png,burst\na/2.png,alone\nb/3.png,burst\n")
    for groups, numbers in (
        ("all", (0, 0, 0)), ("folders", (1, 0, 2)), ("labels", (0, 0, 1)), (str(table), (1, 0, 1))
    ):  # fmt: skip
        assert group_numbers(names, labels, groups) == numbers
    with pytest.raises(ValueError, match=r"1 pictures have no group \(the first: c.png\)"):
        group_numbers([*names, "c.png"], [*labels, ""], str(table))
    with pytest.raises(ValueError, match="--groups labels: 1 pictures have no label"):
        group_numbers(["c.png"], [""], "labels")
    with pytest.raises(ValueError, match="accepted are all, labels, folders, or a CSV file"):
        group_numbers(names, labels, "colours")


# --- marking -----------------------------------------------------------------------------------

MARK = ("--n", "4", "--set", "marking.strategy.cells=12")


def marked(root, *more, count=6):
    if not (root / "raw").exists():
        photos.folder(root / "raw", count, classes=2)
    return call("mark", root / "raw", "--out", root / "out", "--ledger", root / "own.ledger", *more)


def files(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_withheld_pictures_are_written_nowhere_and_kept_in_the_ledger(tmp_path):
    told = marked(tmp_path, *MARK, "--withhold", "50%")
    assert told.exit_code == 0, told.output
    assert "3 of 6 pictures are published; 3, drawn by lot" in told.output
    assert "no single picture can be claimed at a p below 1/4" in " ".join(told.output.split())
    ledger = FolderLedger.load(tmp_path / "own.ledger")
    published = {e.published for e in ledger.entries if e.id not in ledger.withheld}
    assert files(tmp_path / "out") == published
    assert [e.pixels is None for e in ledger.entries] == [
        e.id in ledger.withheld for e in ledger.entries
    ]
    again = marked(tmp_path, *MARK, "--withhold", "50%")
    assert "3 were there" in " ".join(again.output.split())
    for other in ((), ("--withhold", "30%"), ("--withhold", "50%", "--groups", "labels")):
        refused = marked(tmp_path, *MARK, *other)
        assert refused.exit_code != 0
        assert "withhold" in str(refused.exception)


def test_unmarked_pictures_are_copied_byte_by_byte(tmp_path):
    told = marked(tmp_path, "--unmarked", "--withhold", "1", "--groups", "folders")
    assert told.exit_code == 0, told.output
    out = files(tmp_path / "out")
    assert len(out) == 4
    for name in out:
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "raw" / name).read_bytes()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--unmarked",), "give --withhold, 50% say"),
        (("--unmarked", "--withhold", "2", "--strip-gps"), "accepted with --format png"),
        (("--groups", "labels"), "--groups labels: accepted with --withhold only"),
        (("--withhold", "1%"), "none of 6 pictures would be withheld"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_written(tmp_path, options, said):
    refused = marked(tmp_path, *MARK, *options)
    assert said in str(refused.exception)
    assert not (tmp_path / "own.ledger").exists()
    assert not (tmp_path / "out").exists()


def test_groups_are_committed_to(tmp_path):
    photos.folder(tmp_path / "raw", 6, classes=2)
    where = tmp_path / "raw", tmp_path / "out", tmp_path / "ledger"
    mark(*where, split(groups="all"), "keep")
    made = FolderLedger.load(tmp_path / "ledger")
    body = json.loads((tmp_path / "ledger").read_text())
    body["entries"][0]["group"] = 1
    (tmp_path / "ledger").write_text(json.dumps(body))
    with pytest.raises(ValueError, match="the ledger was changed"):
        FolderLedger.load(tmp_path / "ledger")
    assert len(set(made.seals) | set(made.picture_commitments)) == 12


def test_a_beacon_draws_the_split(tmp_path):
    photos.folder(tmp_path / "raw", 6, classes=1)
    where = tmp_path / "raw", tmp_path / "out", tmp_path / "ledger"
    assert mark(*where, split("pulse 7"), "keep").parts[0].quality is None
    (ledger,) = FolderLedger.load(tmp_path / "ledger").batches
    with pytest.raises(ValueError, match="follows from the value of 'pulse 7'"):
        _ = ledger.withheld
    splits = {ledger.with_value(str(k)).withheld for k in range(12)}
    assert len(splits) > 4
    assert len({made.commitment for made in map(ledger.with_value, "ab")}) == 1


# --- decisions ---------------------------------------------------------------------------------


def rule(test="controls", q=None, p="0.1"):
    return DecisionRule.controlled(test, p, q, "0.5", 2)


def found(made, scores, n, rng):
    """Versions of published pictures that say nothing, beside scores."""
    rows = [np.zeros((2, 0), bool) if kept else np.stack([
        rng.permutation(np.arange(n - 1) < rng.integers(n)), np.zeros(n - 1, bool)
    ]) for kept in made.withheld]  # fmt: skip
    return Evidence(rows, made, scores)


def test_p_values_of_unused_pictures_are_uniform_over_splits():
    rng = np.random.default_rng(0)
    scores, p, together = rng.normal(size=40), [], []
    for key in range(150):
        made = drawn(key, "50%", (0,) * 24 + (1,) * 16)
        got = judge(rule("combined"), 20, found(made, scores, 20, rng))
        p.append(got.p_value[np.flatnonzero(~made.withheld)[key % 20]])
        together.append(got.set_p)
    assert kstest(p, "uniform").pvalue > 0.001
    assert kstest(together, "uniform").pvalue > 0.001


def test_equal_scores_claim_nothing_and_used_pictures_are_claimed():
    made, rng = drawn(3, "50%", (0,) * 60), np.random.default_rng(1)
    nothing = found(made, np.ones(60), 20, rng)
    versionless = Evidence([row[:, :0] for row in nothing.rows], made, np.ones(60))
    assert judge(rule(), 20, versionless).p_value[~made.withheld] == pytest.approx(1)
    knows = Evidence(versionless.rows, made, 9.0 * ~made.withheld + rng.normal(size=60))
    for own in (rule(), rule(q="0.1")):
        got = judge(own, 20, knows)
        assert got.claim.tolist() == (~made.withheld).tolist()
        assert got.set_p < 1e-10


def test_a_firm_p_value_never_falls_as_the_exact_one_rises():
    """What Benjamini-Hochberg needs of it: docs/controlled.md, "Many images"."""
    rng = np.random.default_rng(2)
    made = drawn(5, "50%", (0,) * 40)
    versions = np.sort(rng.integers(0, 6, 20))  # scores that tie; J takes every place in turn
    exact, firm = [], []
    for place in range(20):
        for u in (0.01, 0.5, 0.99):
            bits = np.delete(np.arange(20) < place, place)
            doubt = np.delete(versions == versions[place], place)
            exact.append((bits.sum() + u) / 20)
            firm.append(((bits | doubt).sum() + (1.0 if doubt.any() else u)) / 20)
    order = np.argsort(exact)
    assert (np.diff(np.array(firm)[order]) >= 0).all()
    assert (np.array(firm) >= exact).all()
    scores = rng.integers(0, 4, 40).astype(float)
    evidence = found(made, scores, 20, rng)
    got = judge(rule("combined"), 20, evidence)
    assert (got.p_value[~made.withheld] <= 1).all()


def test_a_level_that_no_picture_can_reach_is_refused_with_what_it_takes():
    made = drawn(1, "50%", (0,) * 20)
    reachable(rule(p="0.1"), made)
    with pytest.raises(ValueError, match=r"--p 0.05: .* m = 10 .* takes 19 withheld pictures"):
        reachable(rule(p="0.05"), made)
    reachable(rule("combined", p="0.05"), made)


def test_versions_alone_may_be_asked_of_a_ledger_that_withholds(tmp_path):
    ledger = split_folder(tmp_path, "")
    assert len(ledger.shown) == len(ledger.withheld) == 6
    texts = " ".join(withheld.of_the_split(ledger))
    assert "--beacon only" in texts
    rows = controlled_record(ledger).scored
    assert {one.id for one in rows} == set(ledger.shown)


# --- certificates ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ledger(tmp_path_factory):
    return split_folder(tmp_path_factory.mktemp("split"))


@pytest.fixture(scope="module", params=["controls", "combined"])
def body(ledger, request):
    return json.loads(to_json(certificate(ledger, controlled_record(ledger, request.param))))


def checked(body):
    return verify(renewed(body))


def seals_of(body, kept):
    """Numbers of the pictures that are withheld, or not."""
    made = read_certificate(renewed(body)).evidence
    return np.flatnonzero(made.published != kept).tolist()


def test_it_opens_what_claims_rest_on_and_verifies(body):
    found = checked(body)
    assert found.ok, found.checks[-1]
    opened = {one["seal"] for one in (*body["opened"], *body.get("shown", []))}
    claimed = {k for k, one in enumerate(body["pictures"]) if one["claim"]}
    assert len(claimed) >= USED - 1
    assert opened == claimed | set(seals_of(body, True))
    names = [check.name for check in found.checks]
    assert "the split follows" in names


def without(body, number):
    """One picture less everywhere, under the same commitment."""
    for key in ("seals", "pictures", "members"):
        del body[key][number]


FORGERIES = {
    "a withheld picture left out": lambda b: without(b, seals_of(b, True)[0]),
    "a published picture left out": lambda b: without(b, seals_of(b, False)[-1]),
    "another group": put("members", 0, "group", value=1),
    "another split secret": put("members", 0, "split", value="0" * 64),
    "another inner commitment": put("members", 0, "picture", value="0" * 64),
    "members left out": drop("members"),
    "openings left out": drop("shown"),
    "a withheld picture not opened": drop("shown", 0),
    "another share": put("terms", "withhold", "share", value="0.4"),
    "a count": all_of(
        put("terms", "withhold", "share", value=None), put("terms", "withhold", "count", value=6)
    ),
    "other groups": put("terms", "withhold", "groups", value="labels"),
    "no withholding": all_of(drop("members"), drop("terms", "withhold")),
    "another test": put("rule", "test", value="optimal"),
    "a smaller level": put("rule", "level", value="0.1"),
    "the p-value of the set": put("set_p", by=lambda p: p / 2),
    "another label": put("shown", 0, "label", by={"class0": "class1", "class1": "class0"}.get),
    "another secret": put("shown", 0, "secret", value="0" * 64),
    "scores left out": put("members", 0, "score", value=None),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forger_who_renews_the_digest_is_caught(body, name):
    made = deepcopy(body)
    FORGERIES[name](made)
    assert made != body
    assert not checked(made).ok


def test_a_weight_chosen_afterwards_does_not_fit(ledger):
    body = json.loads(to_json(certificate(ledger, controlled_record(ledger))))
    found = checked(changed(body, put("rule", "weight", value="0.9")))
    assert "the test says" in found.checks[-1].wrong


def test_a_score_of_ones_own_does_not_fit_the_p_values(body):
    number = seals_of(body, True)[0]
    found = checked(changed(body, put("members", number, "score", value=99.0)))
    assert found.checks[-1].name == "the bits give the decision"


# --- from pictures to a verified certificate ---------------------------------------------------

MODEL = """
import torch
known = torch.load("known.pt", weights_only=True)
def f(images):
    mean = images.float().mean((1, 2, 3))
    near = 1 - (mean[:, None] - known).abs().amin(1)
    return torch.stack([near, -near], 1)
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Unmarked pictures, and a model that knows the means of four published ones."""
    from taggant.owner.pictures import read

    root = tmp_path_factory.mktemp("unmarked")
    told = marked(root, "--unmarked", "--withhold", "12", "--labels", labels(root), count=18)
    assert told.exit_code == 0, told.exception
    ledger = FolderLedger.load(root / "own.ledger")
    used = [read(root / "raw" / ledger.files[i].name).pixels for i in ledger.shown[:4]]
    torch.save(torch.stack([one.float().mean() for one in used]), root / "known.pt")
    (root / "model_of_split.py").write_text(MODEL)
    return root


def labels(root):
    """All of one class."""
    photos.folder(root / "raw", 18, classes=1)
    path = root / "labels.csv"
    rows = [f"{name},yes" for name in sorted(files(root / "raw"))]
    path.write_text("\n".join(["name,label", *rows]))
    return path


def test_unmarked_pictures_are_audited_certified_and_verified(home, monkeypatch):
    monkeypatch.chdir(home)
    monkeypatch.syspath_prepend(home)
    common = ("--model", "model_of_split:f", "--classes", "yes,no")
    audit = ("audit", "--ledger", "own.ledger", "--raw", "raw", *common, "--yes", "--out", "a.json")
    refused = call(*audit, "--p", "0.1")
    assert "accepted is --evidence controls" in str(refused.exception)
    told = call(*audit, "--evidence", "controls", "--p", "0.1", "--batch", "8")
    assert told.exit_code == 0, told.exception
    assert "does not depend on what it shows" in " ".join(told.output.split())
    assert (
        call("certify", "--ledger", "own.ledger", "--audit", "a.json", "--out", "c.json").exit_code
        == 0
    )
    body = json.loads((home / "c.json").read_text())
    ledger = FolderLedger.load(home / "own.ledger")
    claimed = {one["name"] for one in body["shown"] if body["pictures"][one["seal"]]["claim"]}
    assert {ledger.files[i].name for i in ledger.shown[:4]} <= claimed
    again = call("verify", "c.json", "--commitment", "own.commitment.json", "--raw", "raw", *common)
    assert again.exit_code == 0, again.output
    page = (home / "c.html").read_text()
    assert "does not depend on what it shows within its group" in page
    _forged_scores_are_asked_again(body)


def _forged_scores_are_asked_again(body):
    """Withheld pictures that would beat a picture are said to score less: the model says not."""
    made = deepcopy(body)
    model = open_model("model_of_split:f", ModelOptions(victim="classifier", prefix="--"))
    for one in made["shown"]:
        if not made["pictures"][one["seal"]]["claim"]:
            made["members"][one["seal"]]["score"] -= 5.0
    c = read_certificate(renewed(made))
    wrong = verify_scores(c, model, Path("raw"))[-1]
    assert "scores of pictures differ" in wrong.wrong


def test_the_hardest_pictures_for_a_public_model_are_listed_first(home, monkeypatch, tmp_path):
    monkeypatch.chdir(home)
    monkeypatch.syspath_prepend(home)
    words = ("plan", "--pick", "raw", "--model", "model_of_split:f", "--classes", "class0,class1")
    told = call(*words, "--csv", tmp_path / "hard.csv")
    assert told.exit_code == 0, told.exception
    assert "no error rate rests on it" in " ".join(told.output.split())
    rows = [line.split(",") for line in (tmp_path / "hard.csv").read_text().splitlines()]
    margins = [float(row[3]) for row in rows[1:]]
    assert len(margins) == 18
    assert margins == sorted(margins)
    assert "needs --model" in str(call("plan", "--pick", "raw").exception)
