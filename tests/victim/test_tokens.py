from __future__ import annotations

import pytest

from taggant.victim.tokens import tokenizer

TEXTS = ["red apple, noto style: fruit", "zażółć Ω 🍎"]


def written(made, row):
    return made.decode([number for number in row.tolist() if number])


@pytest.mark.parametrize("size", [514, 4096, 49408])
def test_every_text_can_be_written_with_any_vocabulary(size):
    made = tokenizer("ViT-B-32", 77, {"vocab_size": size})
    tokens = made(TEXTS)
    assert tokens.shape == (2, 77)
    assert tokens.max() == size - 1  # the end of a text, which the text tower looks for
    for text, row in zip(TEXTS, tokens, strict=True):
        assert written(made, row).replace(
            " ", ""
        ) == f"<start_of_text>{text.lower()}<end_of_text>".replace(" ", "")


def test_frequent_words_keep_their_numbers_and_long_captions_are_cut():
    whole, cut = tokenizer("ViT-B-32", 6, {}), tokenizer("ViT-B-32", 6, {"vocab_size": 4096})
    a, b = whole(TEXTS[:1])[0], cut(TEXTS[:1])[0]
    assert a[1:5].tolist() == b[1:5].tolist()
    assert (a[0], a[5], b[0], b[5]) == (49406, 49407, 4094, 4095)
