from __future__ import annotations

from taggant.store.identity import digest, sources


def test_digest_sees_values_not_order():
    assert digest({"a": 1, "b": [1, 2]}) == digest({"b": [1, 2], "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})
    assert digest([1, 2]) != digest([2, 1])


def test_sources_cover_nested_targets():
    config = {
        "_target_": "taggant.stats.rank",
        "x": [{"y": {"_target_": "taggant.data.emoji.load"}}],
    }
    assert {"taggant.stats.sequential", "taggant.data.emoji"} <= set(sources(config))


def test_sources_cover_a_class_and_its_bases():
    from taggant.pipeline.stages.mark_set import MarkSet

    found = set(sources({}, MarkSet))
    assert {"taggant.pipeline.stages.mark_set", "taggant.pipeline.stages.mark"} <= found
    assert "taggant.store.store" not in found
