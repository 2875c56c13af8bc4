"""What runs while a stage is computed is part of its identity, or of what it rests on."""

from __future__ import annotations

import pytest
from tests.forks import TINY, ran, warmed
from tests.pipeline.test_whole_set_run import RUN

from taggant.store.identity import NO_OUTCOME
from taggant.store.upkeep import survey

WIRING = (
    "taggant.configs",
    "taggant.pipeline.audit_run",
    "taggant.pipeline.context",
    "taggant.pipeline.instance_run",
    "taggant.pipeline.whole_set_run",
)
"""Hands stages to each other, and values that are part of identities themselves."""
BLIND = "audit.live=false"  # what watches training leaves it alone
RUNS = {
    "images": (*TINY, BLIND, "unlearning=salun", "unlearning.forget=4"),
    "a set": (*RUN, BLIND, "marking.used=12"),
    "captions": (
        *(text for text in TINY if not text.startswith(("data.labels", "victim.width"))),
        BLIND,
        "~victim.width",
        "data=emoji_captions",
        "victim=clip",
        "victim.config.embed_dim=8",
        "victim.config.vision_cfg={layers: 1, width: 16, head_width: 8, patch_size: 8}",
        "victim.config.text_cfg={context_length: 8, vocab_size: 600, width: 16, heads: 2, "
        "layers: 1}",
        "score=image_text",
    ),
}


@pytest.mark.parametrize(
    "name", ["images", *(pytest.param(name, marks=pytest.mark.slow) for name in [*RUNS][1:])]
)
def test_a_stage_rests_on_all_code_that_it_runs(name, tmp_path):
    assert warmed().run(tmp_path, *RUNS[name], watch=True) == 0, (
        tmp_path / "output.txt"
    ).read_text()
    known = [*survey(tmp_path / "store").records, *survey(tmp_path / "secrets").records]
    by_digest = {record.digest: record for record in known}
    missed = set()
    for digest, modules in ran(tmp_path).items():
        covered, waiting = set(), [digest]
        while waiting:
            record = by_digest[waiting.pop()]
            covered |= set(record.manifest["identity"]["sources"])
            waiting += [key for _, key in record.inputs]
        missed |= {
            f"{by_digest[digest].stage} runs {module}"
            for module in modules - covered
            if not module.startswith((*NO_OUTCOME, *WIRING))
        }
    assert missed == set()
    assert len(ran(tmp_path)) > 6
