from __future__ import annotations

import pytest

from taggant.store.identity import digest, sources


def test_digest_sees_values_not_order():
    assert digest({"a": 1, "b": [1, 2]}) == digest({"b": [1, 2], "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})
    assert digest([1, 2]) != digest([2, 1])


def test_sources_cover_nested_targets_and_name_only_those():
    config = {"_target_": "taggant.score.Score", "x": [{"_target_": "taggant.score.access.Full"}]}
    assert set(sources(config)) == {"taggant.score.Score", "taggant.score.access.Full"}


def test_library_targets_count_by_package():
    assert sources({"_target_": "torch.nn.Linear"}) == {"torch.nn.Linear": "torch"}


def test_unknown_target_is_named():
    with pytest.raises(ModuleNotFoundError, match=r"nowhere\.at\.all"):
        sources({"_target_": "nowhere.at.all"})
