"""What answers of an endpoint say, and what is said of those that cannot be read."""

from __future__ import annotations

import json
import math

import pytest
import torch

from taggant.answers import HIDDEN
from taggant.score.access import Rounded, TopK
from taggant.score.contract import classified, embedded, spread
from taggant.score.oracle import QueryError


def read(text: str, count: int = 1, classes: int = 3) -> torch.Tensor:
    return classified(json.loads(text), count, classes)[1]


def refusal(text: str, count: int = 1, classes: int = 3) -> str:
    with pytest.raises(QueryError) as caught:
        read(text, count, classes)
    return str(caught.value)


def test_confidences_are_taken_as_they_are():
    rows = read('{"confidences": [[0.25, 0.75, 0], [1, 0, 0]]}', 2)
    assert rows.dtype == torch.float32
    assert rows[0, :2].exp().tolist() == pytest.approx([0.25, 0.75])
    assert rows[0, 2] == pytest.approx(math.log(1e-12))


def test_logits_are_a_key_of_their_own():
    rows = read('{"logits": [[-3, 1, 70]]}')
    assert torch.allclose(rows, torch.tensor([[-3.0, 1.0, 70.0]]).log_softmax(1))
    both = classified({"labels": [0], "logits": [[1, 2, 3]]}, 1, 3)
    assert both[0] == "logits"


def test_labels_are_shown_classes():
    hidden = HIDDEN / (1 + 2 * HIDDEN)
    assert read('{"labels": [2]}').exp()[0].tolist() == pytest.approx([hidden, hidden, 1], abs=1e-4)


@pytest.mark.parametrize("digits", [0, 1, 2, 3, 4, 7])
@pytest.mark.parametrize("classes", [2, 10, 1000])
@pytest.mark.parametrize("spread", [0.5, 4.0])
def test_rounded_confidences_are_accepted(digits, classes, spread):
    logits = torch.randn(8, classes, generator=torch.Generator().manual_seed(0)) * spread
    confidences = logits.double().softmax(1).round(decimals=digits)
    rows = read(json.dumps({"confidences": confidences.tolist()}), 8, classes)
    if digits > 1 or classes == 2:
        assert torch.equal(rows.argmax(1), Rounded(digits)(logits).argmax(1))
    floored = (confidences - 0.5 * 10.0**-digits).clamp(min=0).round(decimals=digits)
    assert read(json.dumps({"confidences": floored.tolist()}), 8, classes).isfinite().all()


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_confidences_of_16_bits_are_accepted(kind):
    logits = torch.randn(8, 1000, generator=torch.Generator().manual_seed(0)) * 3
    confidences = logits.softmax(1).to(kind).tolist()
    assert read(json.dumps({"confidences": confidences}), 8, 1000).shape == (8, 1000)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ([-0.2, 0.7, 0.5], "hold -0.2, which is negative: logits belong under the key 'logits'"),
        ([0.9, 0.8, 0.1], "sum to 1.8, not 1: numbers before softmax or sigmoid"),
        ([3.25, 1.5, 0.0], "sum to 4.75, not 1: numbers before softmax"),
        ([1, 1, 0], "sum to 2, not 1: numbers before softmax"),
        ([62.5, 30.5, 7.0], "sum to 100, not 1: divide percents by 100"),
        ([0.61234, 0.21345, 0], r"sum to 0.8258, not 1: where only the largest are shown"),
        ([0.1, 0.1, 0.1], "examples/adapters/top5.py"),
    ],
)
def test_what_are_no_confidences_is_refused_with_a_hint(row, message):
    assert message in refusal(json.dumps({"confidences": [[1, 0, 0], row]}), 2)


@pytest.mark.parametrize("key", ["confidences", "logits"])
@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("[[1, 0, 0], [NaN, 0.5, 0.5]]", "hold NaN (picture 2 of 2)"),
        ("[[Infinity, 0, 0], [1, 0, 0]]", "hold an infinite number (picture 1 of 2)"),
        ("[[1e300, 0, 0], [1, 0, 0]]", "hold an infinite number (picture 1 of 2)"),
        ("[[null, 0, 0], [1, 0, 0]]", "hold null, which is how many servers write NaN"),
        ('[["0.5", 0, 0], [1, 0, 0]]', "hold '0.5' where a number is due"),
        ("[[1, 0, 0], [1, 0]]", "have rows of different lengths: 2, 3"),
        ("[[1, 0, 0]]", "shape [1, 3]; accepted is a list of numbers for each of 2 pictures"),
        ("[[[1, 0, 0]], [[1, 0, 0]]]", "shape [2, 1, 3]; accepted is a list of numbers"),
        ("[[1, 0], [1, 0]]", "shape [2, 2]; accepted is [2, 3]: as many numbers"),
        ("[1, 0]", "shape [2]; accepted is a list of numbers"),
        ("[[], []]", "shape [2, 0]; accepted is a list of numbers"),
        ('"no"', "are no list of lists of numbers"),
        ("null", "are no list of lists of numbers"),
        ("{}", "are no list of lists of numbers"),
        ("1" * 400, "are no list of lists of numbers"),
        (f"[[{'1' * 400}, 0, 0], [1, 0, 0]]", "where a number is due"),
    ],
)
def test_numbers_that_are_none_are_named(key, rows, message):
    assert message in refusal(f'{{"{key}": {rows}}}', 2)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ("[3]", "hold '3'; accepted are class numbers, 0 to 2"),
        ("[-1]", "hold '-1'; accepted"),
        ("[1.0]", "hold '1.0'; accepted"),
        ("[true]", "hold 'True'; accepted"),
        ('["cat"]', "hold 'cat'; accepted"),
        ("[1, 2]", "are no list of 1 numbers"),
        ("1", "are no list of 1 numbers"),
    ],
)
def test_labels_that_are_none_are_named(labels, message):
    assert message in refusal(f'{{"labels": {labels}}}')


@pytest.mark.parametrize(
    ("answer", "adapter"),
    [
        ({"predictions": [[0.1, 0.9]]}, "tf_serving.py"),
        ({"outputs": [{"name": "y", "data": [1.0]}]}, "kserve_v2.py"),
        ({"data": [{"label": "cat"}]}, "gradio_app.py"),
        ({"event_id": "8f"}, "gradio_app.py"),
        ([{"label": "cat", "score": 0.9}], "transformers_pipeline.py"),
        ([[{"label": "cat", "score": 0.9}]], "transformers_pipeline.py"),
        ([{"cat": 0.9, "dog": 0.05}], "top5.py"),
        ({"cat": 0.9, "dog": 0.05}, "top5.py"),
        ({}, "examples/adapters"),
        ([], "a list"),
        (None, "null"),
        ("busy", "a text"),
        (3, "a number"),
    ],
)
def test_other_protocols_are_recognised(answer, adapter):
    said = refusal(json.dumps(answer))
    assert adapter in said
    assert "neither 'logits' nor 'confidences' nor 'labels'" in said


def test_embeddings_are_directions():
    found = embedded({"embeddings": [[3, 4], [0, 1e-3]]}, 2)
    assert torch.allclose(found, torch.tensor([[0.6, 0.8], [0.0, 1.0]]))
    for rows in ([[1.0, 2.0]], [[1.0], [2.0, 3.0]], [[math.nan], [1.0]], "no", [[], []]):
        with pytest.raises(QueryError, match="the answer's 'embeddings'"):
            embedded({"embeddings": rows}, 2)
    with pytest.raises(QueryError, match="no 'embeddings'; examples/adapters/tf_serving"):
        embedded({"predictions": []}, 2)


def test_what_the_shown_classes_leave_is_shared_as_a_local_model_would_show_it():
    logits = torch.tensor([[2.0, 0.5, 1.0, -1.0]])
    names = ["a", "b", "c", "d"]
    shown = dict(zip(names, logits.softmax(1)[0].tolist(), strict=True))
    top = {name: shown[name] for name in ("c", "a")}
    found = classified({"confidences": [spread(top, names)]}, 1, 4)[1]
    assert torch.allclose(found, TopK(2)(logits), atol=1e-6)
    assert spread({"b": 1.0}, ["a", "b"]) == [HIDDEN, 1.0]
    assert spread({"a": 0.25, "b": 0.75}, ["b", "a"]) == [0.75, 0.25]
    with pytest.raises(QueryError, match=r"names 'cow', which is none of the 4 classes \(a, b, c"):
        spread({"cow": 1.0}, names)
