"""Tables of captions: the right reading, or an error that names file and line."""

import csv
import io
import random
import re

import pytest

from taggant.data.captions import table


def rows(folder, content, name="a.csv"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return [(file, caption.text) for file, (caption,) in table.read(path, folder)]


def refused(folder, content, where, message, name="a.csv"):
    with pytest.raises(ValueError, match=rf"{re.escape(name)}, {where}:? .*{message}"):
        rows(folder, content, name)


PLAIN = [("0.png", "a dog"), ("1.png", "a cat"), ("2.png", "a tree")]
LINES = ["0.png,a dog", "1.png,a cat", "2.png,a tree"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", "| "])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("name", ["a.csv", "a.TXT", "a.tsv"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_every_delimiter_and_line_end_gives_the_same_rows(tmp_path, delimiter, end, name, mark):
    lines = [line.replace(",", delimiter) for line in ("Image,CAPTION", *LINES)]
    assert rows(tmp_path, mark + end.join(lines), name) == PLAIN
    assert rows(tmp_path, mark + end.join([*lines[:2], "", *lines[2:], "", ""]), name) == PLAIN


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_what_the_csv_module_writes_is_read_back(tmp_path, delimiter):
    texts = [
        "a, b; c",
        'she says "hi"',
        '"',
        "two\nlines",
        "two\r\nlines\n\nmore",
        "tab\t| bar",
        "ż 🍎",
    ]
    for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_ALL):
        stream = io.StringIO()
        writer = csv.writer(stream, delimiter=delimiter, quoting=quoting)
        writer.writerows(
            [("id", "file_name", "text"), *((k, f"{k}.png", t) for k, t in enumerate(texts))]
        )
        read = rows(tmp_path, stream.getvalue())
        assert read == [(f"{k}.png", text.replace("\r\n", "\n")) for k, text in enumerate(texts)]


def test_quotes_inside_of_a_field_are_text(tmp_path):
    content = 'image,caption\n0.png,a 5" screen\n1.png,"a 5"" screen"\n2.png, "a, b" '.rstrip()
    assert rows(tmp_path, content) == [
        ("0.png", 'a 5" screen'),
        ("1.png", 'a 5" screen'),
        ("2.png", "a, b"),
    ]


@pytest.mark.parametrize("delimiter", ["\t", "|"])
def test_between_tabs_and_bars_quotes_are_text(tmp_path, delimiter):
    texts = ['"a dog', 'a "big" dog', 'a dog"', '"a dog"', "it's, well; a dog", '"']
    lines = ["image,caption".replace(",", delimiter)]
    lines += [f"{k}.png{delimiter}{text}" for k, text in enumerate(texts)]
    assert rows(tmp_path, "\n".join(lines), "a.tsv") == [
        (f"{k}.png", t) for k, t in enumerate(texts)
    ]
    lines[3] = f'2.png{delimiter}"a ""big"" dog"'
    refused(tmp_path, "\n".join(lines), "line 4", "write the table as CSV")


@pytest.mark.parametrize(
    ("bad", "where"),
    [
        ('1.png,"a cat', "lines 3 to 5"),
        ('1.png,"a ""cat', "lines 3 to 5"),
        ('1.png,"a" cat', "line 3"),
        ('1.png,"a "big" cat"', "line 3"),
        ('"1.png,a cat', "lines 3 to 5"),
        (r'1.png,"a \"big\" cat"', "line 3"),
    ],
)
def test_a_quote_left_open_is_named_where_it_opens(tmp_path, bad, where):
    content = "\n".join(["image,caption", LINES[0], bad, LINES[2], "3.png,a house"])
    refused(tmp_path, content, where, "quotes inside of it are doubled")


@pytest.mark.parametrize("closing", ['3.png,a 5"', '3.png,"', '"3.png",x"'])
@pytest.mark.parametrize("between", ["2.png,a tree", "deep/2.JPEG,a tree"])
def test_an_open_quote_that_a_later_row_closes_swallows_nothing(tmp_path, closing, between):
    content = "\n".join(["image,caption", LINES[0], '1.png,"a cat', between, closing])
    with pytest.raises(ValueError, match=r"a\.csv, lines? 3"):
        rows(tmp_path, content)
    content = "\n".join(["image,caption", LINES[0], '1.png,"a cat', "and a, well, dog", 'too"'])
    assert rows(tmp_path, content)[1] == ("1.png", "a cat\nand a, well, dog\ntoo")


def test_nor_where_pictures_have_no_suffix(tmp_path):
    (tmp_path / "2").touch()
    content = 'image,caption\n0,a dog\n1,"a cat\n2,a screen of 5"'
    refused(tmp_path, content, "line 3", "over line 4, which looks like a row of its own")
    (tmp_path / "2").unlink()
    assert len(rows(tmp_path, content)) == 2


def test_no_quote_too_many_or_too_few_swallows_a_row(tmp_path):
    rng = random.Random(0)
    words = [
        "a dog",
        "a cat, black",
        '5" screen',
        '"quoted"',
        "two\nlines",
        'say "hi", ok',
        "plain",
    ]
    wrong = 0
    for _ in range(400):
        texts = [" ".join(rng.choices(words, k=2)) for _ in range(rng.randint(3, 8))]
        stream = io.StringIO()
        writer = csv.writer(stream, quoting=rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
        writer.writerows([("image", "caption"), *((f"{k}.png", t) for k, t in enumerate(texts))])
        content, start = stream.getvalue(), len('"image","caption"\r\n"')
        quotes = [k for k, mark in enumerate(content) if mark == '"' and k >= start]
        if rng.random() < 0.5 or not quotes:
            at = rng.randrange(start, len(content))
            content = content[:at] + '"' + content[at:]
        else:
            at = rng.choice(quotes)
            content = content[:at] + content[at + 1 :]
        try:
            assert len(rows(tmp_path, content)) >= len(texts)
        except ValueError as error:
            assert re.search(r"a\.csv, lines? \d+", str(error))  # noqa: PT017
            wrong += 1
    assert 200 < wrong < 400


@pytest.mark.parametrize(
    ("name", "bad", "message"),
    [
        (
            "a.csv",
            "1.png,a dog, a cat, a tree",
            "4 columns where the header has 2.* stand in quotes",
        ),
        ("a.csv", "1.png,a cat,", "3 columns where the header has 2"),
        ("a.csv", "1.png", "1 of the header's 2 columns"),
        ("a.csv", "1.png;a cat", "1 of the header's 2 columns"),
        ("a.tsv", "1.png\ta\tcat", "3 columns where the header has 2.*written as CSV or JSON"),
        ("a.tsv", "1.png a cat", "1 of the header's 2 columns"),
        ("a.csv", ",a cat", "no file name"),
        ("a.tsv", "\t", "no file name"),
        ("a.csv", "1.png,a\0cat", "a NUL character"),
        ("a.tsv", "1.png\ta cat\0", "a NUL character"),
        ("a.csv", "1.png,a\rcat", "new-line character"),
        ("a.tsv", "1.png\ta\rcat", "a carriage return inside of the line"),
        ("a.csv", f"1.png,{'a' * 131_073}", "field larger than field limit"),
        ("a.tsv", f"1.png\t{'a' * 131_073}", "a field of 131073 characters; accepted are 131072"),
    ],
)
def test_rows_of_another_form_are_named(tmp_path, name, bad, message):
    header, first, last = ("image,caption", *LINES[::2])
    lines = [header, first, bad, last]
    if name == "a.tsv":
        lines = [line if line is bad else line.replace(",", "\t") for line in lines]
    refused(tmp_path, "\n".join(lines), "line 3", message, name)
    longest = "\n".join([header, f"0.png,{'a' * 131_072}"])
    assert len(rows(tmp_path, longest)[0][1]) == 131_072


def test_text_of_another_encoding_is_named(tmp_path):
    content = "\n".join(["image,caption", *LINES, "3.png,żółw"])
    refused(tmp_path, content.encode("iso-8859-2"), "line 5", "captions must be UTF-8, byte ")
    refused(tmp_path, content.encode("utf-16"), "line 1", "captions must be UTF-8, byte 0")
    refused(tmp_path, content[:30].encode("utf-16-le"), "line 1", "a NUL character")


def test_headers_of_another_form_are_named(tmp_path):
    needed = "one of image, file_name"
    refused(tmp_path, "", "line 1", needed)
    refused(tmp_path, "name,caption\n", "line 1", rf"has \['name', 'caption'\]: {needed}")
    refused(tmp_path, "\n".join(LINES), "line 1", rf"has \['0\.png', 'a dog'\]: {needed}")
    refused(tmp_path, "image,words\n", "line 1", "one of caption, captions, text")
    refused(tmp_path, "image,caption,Caption\n", "line 1", "more than one column is called caption")
    refused(tmp_path, 'image,"caption\n', "line 1", needed)
    refused(tmp_path, '"image"\t"caption"\n', "line 1", needed, "a.tsv")


FLICKR = [f"{i}.jpg| {k}| A dog runs {k} ." for i in (7, 2199200615) for k in range(5)]


def flickr(last):
    return "\n".join(["image_name| comment_number| comment", *FLICKR[:-1], last])


def test_flickr30ks_row_without_its_second_bar_is_mended_and_told(tmp_path):
    last = "2199200615.jpg| 4   A dog runs 4 ."
    with pytest.warns(
        UserWarning, match=r"results\.csv, line 11: the second \| is .*comment 4 of 21"
    ):
        mended = rows(tmp_path, flickr(last), "results.csv")
    assert mended == rows(tmp_path, flickr(FLICKR[-1]), "results.csv")
    assert mended[-1] == ("2199200615.jpg", "A dog runs 4 .")


@pytest.mark.parametrize(
    "last",
    ["2199200615.jpg| 3   A dog .", "8.jpg| 4   A dog .", "2199200615.jpg| A dog .", "7.jpg| 4"],
)
def test_no_other_row_is_mended(tmp_path, last):
    refused(tmp_path, flickr(last), "line 11", "2 of the header's 3 columns", "results.csv")
    other = flickr("2199200615.jpg| 4   A dog runs 4 .").replace("comment_number", "number")
    refused(tmp_path, other, "line 11", "2 of the header's 3 columns", "results.csv")
