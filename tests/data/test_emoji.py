import json
from collections import Counter

import pytest
import torch

from taggant.data import emoji


@pytest.fixture(scope="module")
def splits():
    return emoji.load(train=1400, test=600, seed=0)


def test_shapes_and_counts(splits):
    assert splits.train.images.shape == (1400, 3, 32, 32)
    assert splits.test.images.shape == (600, 3, 32, 32)
    assert len(splits.train.class_names) == 10
    assert set(splits.train.labels.tolist()) == set(range(10))
    assert all(0.4 < mean < 0.7 for mean in splits.train.mean)


def test_whole_set_is_split_by_concept_without_duplicates():
    whole = emoji.load(seed=3)
    assert len(whole.train) + len(whole.test) == 3775  # 1,911 x 2 less exact duplicates
    assert not set(whole.train.ids) & set(whole.test.ids)
    # annotations are unique to their concept
    assert not set(whole.train.captions) & set(whole.test.captions)
    assert max(Counter(whole.train.captions).values()) == 2


def test_seed_decides(splits):
    again = emoji.load(train=1400, test=600, seed=0)
    assert again.train.ids == splits.train.ids
    assert torch.equal(again.test.labels, splits.test.labels)
    assert emoji.load(train=1400, test=600, seed=1).train.ids != splits.train.ids


def test_images_are_on_mid_grey_and_differ_in_style():
    noto = emoji.load(styles=("noto",), train=300, test=50)
    corners = noto.train.images[:, :, 0, 0]
    assert (corners == 128).all(1).float().mean() > 0.7
    twemoji = emoji.load(styles=("twemoji",), train=300, test=50)
    # the same concepts, but for those that one style draws alike, in another style
    assert len(set(noto.train.captions) & set(twemoji.train.captions)) >= 290
    assert not set(noto.train.ids) & set(twemoji.train.ids)


def test_known_picture_has_its_label_caption_and_colour():
    whole = emoji.load(caption="{style}: {annotation} ({category}, {subcategory}): {tags}")
    caption = next(
        c for c in (*whole.train.captions, *whole.test.captions) if c.startswith("noto: red apple")
    )
    assert caption.startswith("noto: red apple (Food & Drink, food-fruit): ")
    part = whole.train if caption in whole.train.captions else whole.test
    at = part.captions.index(caption)
    assert part.class_names[int(part.labels[at])] == "Food & Drink"
    red, green, blue = part.images[at, :, 14:20, 14:20].float().mean((1, 2)).tolist()
    assert red > 150
    assert red > 2 * max(green, blue)


def test_subcategories():
    splits = emoji.load(labels="subcategory", train=1400, test=600)
    assert len(splits.train.class_names) == 99
    assert set(splits.train.labels.tolist()) == set(range(99))


def test_other_sizes():
    assert emoji.load(size=16, train=40, test=10).train.images.shape == (40, 3, 16, 16)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": "colour"}, "data.labels = colour: accepted are category, subcategory"),
        ({"size": 0}, "data.size = 0: accepted are 1, 2"),
        ({"styles": ["apple"]}, r"data.styles = \['apple'\]: .* one or more of noto, twemoji"),
        ({"styles": ()}, r"data.styles = \(\)"),
        ({"styles": "noto"}, r"data.styles = noto: accepted are lists"),
        ({"styles": None}, r"data.styles = None: accepted are lists"),
        ({"styles": ["noto", "noto"]}, r"data.styles = \['noto', 'noto'\]"),
        (
            {"caption": "{name}"},
            r"data.caption = \{name\}: accepted .* hold \{annotation\}, \{tags",
        ),
        *(
            ({"caption": wrong}, "data.caption = .*: accepted is a text")
            for wrong in ("{}", "{0}", "{tags", "{tags.first}", "{tags:d}", " ", None)
        ),
        ({"train": 5000}, "data.train = 5000: emoji .category. has only 30"),
        ({"test": 1000}, "data.test = 1000: emoji .category. has only 76"),
        ({"train": 9}, "data.train = 9: emoji .category. has 10 classes"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        emoji.load(**options)


def test_files_are_small_and_carry_their_licences():
    files = [path for path in emoji.FOLDER.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert max(path.stat().st_size for path in files) < 2_000_000
    assert sum(path.stat().st_size for path in files) < 6_000_000
    notice = (emoji.FOLDER / "NOTICE.md").read_text("utf-8")
    for licence in (emoji.FOLDER / "licences").iterdir():
        assert f"licences/{licence.name}" in notice
        assert licence.stat().st_size > 1000
    for style in emoji.STYLES:
        assert f"{style}.webp" in notice


def test_metadata_is_complete():
    table = json.loads((emoji.FOLDER / "concepts.json").read_text("utf-8"))
    rows = [dict(zip(table["columns"], row, strict=True)) for row in table["concepts"]]
    assert len(rows) == len({row["code"] for row in rows}) == 1911
    assert len({row["annotation"] for row in rows}) == 1911
    assert {row["category"] for row in rows} == set(range(10))
    assert {row["subcategory"] for row in rows} == set(range(99))
    assert all(row["annotation"] and row["tags"] for row in rows)


def test_fingerprint_is_that_of_the_embedded_files():
    assert emoji.fingerprint(train=1) == emoji.fingerprint(labels="subcategory")
    assert len(emoji.fingerprint()) == 64
