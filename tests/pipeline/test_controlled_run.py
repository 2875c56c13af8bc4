"""Runs with controlled publication, from withholding to the report."""

from __future__ import annotations

import json

import polars as pl
import pytest
from tests.forks import TINY, calls, warmed

from taggant.marking.ledger import Ledger
from taggant.marking.publish import Published

RUN = (
    *TINY,
    "audit.live=false",
    "marking.secret=simulated",
    "marking.withhold=12",
    "audit.sets=[3]",
    "audit.asked=2",
)
KINDS = ["versions", "controls", "combined"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    root = tmp_path_factory.mktemp("controlled")
    found = {}
    for name, own in (
        (
            "combined",
            (
                "audit=combined",
                "reference=known",
                "audit.strata=difficulty",
                "+score@audit.membership=loss",
            ),
        ),
        ("controlled", ("audit=controlled",)),
    ):
        folder = f"hydra.run.dir=${{paths.runs}}/{name}"
        assert warmed().run(root, *RUN, *own, folder, report=True) == 0, _said(root)
        found[name] = json.loads((root / "runs" / name / "result.json").read_text())
    return root, found


def _said(root):
    return (root / "output.txt").read_text()[-2000:]


def test_withheld_images_are_in_the_ledger_and_in_no_published_file(runs):
    root, _ = runs
    (folder,) = root.glob("store/mark/*")
    published = Published.load(folder)
    ledger = Ledger.load(root / "secrets" / "ledgers" / f"{folder.name}.json")
    assert set(ledger.withheld) == set(published.withheld)
    assert len(ledger.withheld) == 12
    assert len(published.ids) == len(published.images) == 24
    assert not set(published.ids) & set(ledger.withheld)


def test_both_audits_share_victim_and_marks(runs):
    root, found = runs
    assert calls(root).count("train") == 5  # the victim and four references
    for stage in ("mark", "train"):
        assert len({found[name]["stages"][stage]["digest"] for name in found}) == 1
    own = [found[name]["stages"]["membership"]["digest"] for name in found]
    assert own[0] != own[1]  # one has a score of its own


def test_each_kind_of_evidence_has_rates_with_intervals(runs):
    root, found = runs
    metrics = found["combined"]["metrics"]
    for kind in KINDS:
        low, high = metrics[f"false_detection_rate_{kind}_ci"]
        assert 0 <= low <= metrics[f"false_detection_rate_{kind}"] <= high <= 1
    assert metrics["withheld"] == 12
    assert "detection_rate_versions" not in found["controlled"]["metrics"]
    table = pl.read_parquet(root / "runs" / "combined" / "instances.parquet")
    assert table["claim"].to_list() == (table["p_value_combined"] <= 0.1).to_list()
    assert metrics["detection_rate"] == metrics["detection_rate_combined"]
    assert metrics["owner_log10_p"] == metrics["owner_log10_p_combined"] <= 0
    assert 0 <= metrics["used_at_least"] <= 24
    alone = found["controlled"]["metrics"]
    assert alone["owner_log10_p"] == alone["owner_log10_p_controls"] <= 0
    assert "used_at_least" not in alone  # p-values that share withheld images do not add up
    sets = pl.read_csv(root / "runs" / "combined" / "sets.csv")
    assert sets["evidence"].unique(maintain_order=True).to_list() == KINDS


def test_the_report_says_what_is_assumed(runs):
    root, _ = runs
    page = (root / "runs" / "combined" / "report.html").read_text()
    assert "takes of them does not depend on the images" in page
    assert "withheld" in page


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (("audit=combined", "marking.withhold=0"), "marking.withhold = 0"),
        (("audit=combined", "audit.read=until_decided"), "choose audit.read=all"),
        (("audit=combined", "marking=none"), "choose audit=controlled"),
        (("audit=combined", "reference=known", "reference.count=2"), "reference.count = 2"),
        (("audit=combined", "audit.asked=0"), "audit.asked = 0: accepted are 'raw' and 1, 2"),
        (("audit=combined", "audit/attack=rmia", "reference=none"), "there are none: choose"),
        (("audit=combined", "audit/attack=lira", "reference=public"), "choose reference=known"),
    ],
)
def test_what_cannot_work_is_refused(tmp_path, overrides, said):
    common = [one for one in RUN if not (overrides[-1] == "marking=none" and "marking.n" in one)]
    assert warmed().run(tmp_path, *common, *overrides, "plan=true") != 0
    assert said in _said(tmp_path)
