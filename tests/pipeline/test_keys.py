"""Keys that the chosen audit would leave without effect are refused, by the key that was typed."""

from __future__ import annotations

import re

import pytest
from hydra.errors import ConfigCompositionException
from tests.forks import TINY, warmed
from tests.pipeline.test_identity import composed

from taggant.pipeline.context import RunContext
from taggant.pipeline.kinds import run_from_context

IMAGE_BY_IMAGE = ("audit=instance", "audit=combined", "audit=controlled")
WHOLE_SETS = ("audit=set_rank", "audit=rank_sum", "audit=twins", "audit=radioactive")
SCHEMES = {
    "audit=radioactive": "marking=radioactive",
    **dict.fromkeys(("audit=rank_sum", "audit=twins"), "marking=twins"),
}


def refuse(tmp_path, said, *overrides):
    with pytest.raises(ValueError, match=re.escape(said)):
        run_from_context(RunContext.from_config(composed(tmp_path, *overrides))).fits()


@pytest.mark.parametrize("audit", IMAGE_BY_IMAGE)
@pytest.mark.parametrize(
    ("key", "value", "accepted"),
    [("marking.pool", "24", "null"), ("marking.balanced", "false", "true")],
)
def test_an_audit_image_by_image_takes_no_key_of_whole_sets(tmp_path, audit, key, value, accepted):
    said = f"{key} = {value} has no effect with this audit: accepted is {accepted}, or an audit"
    refuse(tmp_path, said, audit, f"{key}={value}")
    refuse(tmp_path, "audit=set_rank", audit, f"{key}={value}")


@pytest.mark.parametrize("audit", WHOLE_SETS)
def test_an_audit_of_a_whole_set_takes_no_key_of_image_by_image(tmp_path, audit):
    chosen = (audit, SCHEMES.get(audit, "marking=n_version"), "score=loss")
    said = "marking.withhold = 5 has no effect with this audit: accepted is 0, or an audit that"
    refuse(tmp_path, said, *chosen, "marking.withhold=5")
    refuse(tmp_path, "audit=controlled", *chosen, "marking.withhold=5")
    run_from_context(RunContext.from_config(composed(tmp_path, *chosen))).fits()


@pytest.mark.parametrize("audit", WHOLE_SETS)
def test_a_set_without_marks_cannot_be_ranked(tmp_path, audit):
    refuse(tmp_path, "accepted is a scheme that marks", audit, "marking=none")


@pytest.mark.parametrize(
    ("audit", "key"),
    [
        (audit, key)
        for audit in WHOLE_SETS
        for key in ("audit.read=all", "audit.curve=[]", "audit/test=pprm")
        if (audit, key) != ("audit=twins", "audit/test=pprm")  # it has tests of its own
    ],
)
def test_keys_of_the_other_audits_are_no_keys_of_this_one(tmp_path, audit, key):
    with pytest.raises(ConfigCompositionException, match=key.partition("=")[0]):
        composed(tmp_path, audit, key)


def test_a_run_whose_results_are_stored_refuses_them_too(tmp_path):
    assert warmed().run(tmp_path, *TINY) == 0
    assert warmed().run(tmp_path, *TINY, "marking.pool=24") == 2
    said = (tmp_path / "output.txt").read_text()
    assert "error: marking.pool = 24 has no effect with this audit" in said
    whole = [text for text in TINY if not text.startswith(("audit.curve", "audit/", "marking.n"))]
    assert warmed().run(tmp_path, *whole, "~audit.curve", "audit=rank_sum", "marking=none") == 2
    assert "error: audit asks about the whole set" in (tmp_path / "output.txt").read_text()
