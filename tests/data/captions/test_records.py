"""JSON files of captions: the right reading, or an error that names file and entry."""

import json
import re

import pytest

from taggant.data.captions import records


def read(folder, content):
    path = folder / "a.json"
    text = content if isinstance(content, str) else json.dumps(content)
    path.write_text(text, encoding="utf-8")
    return [(name, [c.text for c in captions]) for name, captions in records.read(path)]


def test_every_form_is_read(tmp_path):
    expected = [("0.png", ["a dog"]), ("1.png", ["a cat", "a pet"])]
    assert expected == read(
        tmp_path,
        [
            {"file_name": "0.png", "caption": "a dog "},
            {"image": "1.png", "captions": ["a cat", "a pet"]},
        ],
    )
    sentences = [["a dog"], ["a cat", "a pet"]]
    assert expected == read(
        tmp_path,
        {
            "images": [
                {"filename": f"{i}.png", "sentences": [{"raw": text} for text in texts]}
                for i, texts in enumerate(sentences)
            ]
        },
    )
    images = [{"id": 5 - i, "file_name": f"{i}.png"} for i in range(2)]
    notes = [(5, "a dog"), (4, "a cat"), (4, "a pet")]
    annotations = [{"image_id": i, "caption": text} for i, text in notes]
    assert read(tmp_path, {"images": images, "annotations": annotations}) == [
        ("0.png", ["a dog"]),
        ("1.png", ["a cat"]),
        ("1.png", ["a pet"]),
    ]
    assert read(tmp_path, "\ufeff[]") == []


def test_images_without_annotations_are_counted_and_named(tmp_path):
    images = [{"id": str(i), "file_name": f"{i}.png"} for i in range(9)]
    notes = [{"image_id": "3", "caption": "a dog"}]
    with pytest.warns(
        UserWarning, match=r"left out 8 of 9 images, .*: 0\.png, 1\.png, .*, and 3 more$"
    ):
        assert read(tmp_path, {"images": images, "annotations": notes}) == [("3.png", ["a dog"])]


def coco(images=({"id": 1, "file_name": "0.png"},), notes=()):
    return {"images": [*images], "annotations": [*notes]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[", "no JSON .*line 1 column 2"),
        ("[" * 200_000, "no JSON .*recursion"),
        ('[{"caption": "a", "caption": "b"}]', "no JSON .the key 'caption' occurs twice"),
        ('"text"', "expected is a list of records"),
        ({"a": 1}, "expected is a list of records"),
        ({"images": {"a": 1}}, "expected is a list of records"),
        ([1], r"\[0\]: 1 stands where a record must be"),
        ([{"file_name": "0.png"}], r"\[0\] has \['file_name'\]: one of caption, captions"),
        ([{"file_name": "0.png", "caption": None}], r"\[0\]: None stands where a text"),
        ([{"file_name": 3, "caption": "a"}], r"\[0\]: 3 stands where a text"),
        ([{"file_name": "0.png", "caption": "a\0b"}], r"\[0\]: a NUL character"),
        ('[{"file_name": "0.png", "caption": "\\ud83c"}]', r"\[0\]: '\\ud83c' is half a char"),
        ('[{"file_name": "\\udc00.png", "caption": "a"}]', r"\[0\]: '\\udc00' is half a char"),
        ({"images": [{"filename": "0.png", "sentences": [{}]}]}, r"images\[0\]: None stands"),
        (coco(images=[{"id": 1}]), r"images\[0\] has \['id'\]: one of"),
        (coco(images=[{"id": [1], "file_name": "a"}]), r"images\[0\]: \[1\] stands where a number"),
        (coco(images=[{"id": 1, "file_name": c} for c in "ab"]), r"images\[1\]: a second image wi"),
        (
            coco(notes=[{"image_id": 99, "caption": "a"}]),
            r"annotations\[0\]: a caption of image 99",
        ),
        (coco(notes=[{"image_id": "1", "caption": "a"}]), r"annotations\[0\]: .* image '1', which"),
        (coco(notes=[{"image_id": {}, "caption": "a"}]), r"annotations\[0\]: \{\} stands where"),
        (coco(notes=[{"image_id": 1, "bbox": []}]), r"annotations\[0\] has .*one of caption"),
        (coco(notes=["a"]), r"annotations\[0\]: 'a' stands where a record must be"),
    ],
    ids=str,
)
def test_what_is_of_no_form_is_named(tmp_path, content, message):
    with pytest.raises(ValueError, match=rf"{re.escape(str(tmp_path))}/a\.json.*{message}"):
        read(tmp_path, content)
