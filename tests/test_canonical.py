"""One value has one text."""

from __future__ import annotations

import pytest

from taggant.canonical import canonical_json


def test_the_same_value_in_another_order_has_the_same_text():
    assert canonical_json({"b": [1, 0.5, None], "a": "é"}) == b'{"a":"\\u00e9","b":[1,0.5,null]}'
    assert canonical_json({"a": "é", "b": (1, 0.5, None)}) == canonical_json(
        {"b": [1, 0.5, None], "a": "é"}
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"a": -float("inf")}])
def test_what_json_has_not_is_refused(value):
    with pytest.raises(ValueError, match="JSON"):
        canonical_json(value)
