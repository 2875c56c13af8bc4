"""Webdataset shards: gone through once, every member read or named."""

import io
import tarfile

import pytest

from taggant.data.captions import shard


def write(path, *members, **kinds):
    """A tar file of (name, content); content may be the TarInfo fields of a link."""
    with tarfile.open(path, "w", **kinds) as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            if isinstance(content, dict):
                vars_of(info, content)
                tar.addfile(info)
            else:
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return path


def vars_of(info, fields):
    for key, value in fields.items():
        setattr(info, key, value)


def pairs(count, folder=""):
    parts = (("png", b"picture %d" % i, i) for i in range(count))
    return [
        member
        for suffix, content, i in parts
        for member in ((f"{folder}{i}.{suffix}", content), (f"{folder}{i}.txt", b"text %d\n" % i))
    ]


def read(path):
    return [(pair.name, pair.content().read(), pair.captions[0].text) for pair in shard.read(path)]


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_pictures_are_read_from_where_they_lie_after_one_pass(tmp_path, monkeypatch, form):
    long = "very/" * 60  # beyond the 100 characters of a plain header
    path = write(tmp_path / "0.tar", *pairs(3), *pairs(2, long), format=form)
    opened = []
    real = tarfile.open
    monkeypatch.setattr(tarfile, "open", lambda *a, **b: opened.append(a) or real(*a, **b))
    expected = [(f"{i}.png", b"picture %d" % i, f"text {i}") for i in range(3)]
    expected += [(f"{long}{i}.png", b"picture %d" % i, f"text {i}") for i in range(2)]
    assert read(path) == expected
    assert len(opened) == 1


def test_hidden_members_are_left_out_and_counted(tmp_path):
    hidden = [
        ("._0.png", b"\0"),
        ("._0.txt", b"\xff"),
        (".DS_Store", b""),
        ("__MACOSX/._0.png", b""),
    ]
    plain = write(tmp_path / "0.tar", *pairs(2, "./"))
    with pytest.warns(UserWarning, match=r"1\.tar: left out 4 members whose name begins with a"):
        assert read(write(tmp_path / "1.tar", *hidden, *pairs(2, "./"))) == read(plain)


def test_suffixes_in_any_case_and_other_members(tmp_path):
    others = [("0.json", b"{}"), ("0.cls", b"3"), ("folder", {"type": tarfile.DIRTYPE})]
    path = write(tmp_path / "0.tar", ("0.PNG", b"a"), ("0.TXT", b"\xef\xbb\xbfb"), *others)
    assert read(path) == [("0.PNG", b"a", "b")]


def test_hard_links_are_followed_and_other_links_named(tmp_path):
    copy = ("1.png", {"type": tarfile.LNKTYPE, "linkname": "0.png"}), ("1.txt", b"copy")
    assert read(write(tmp_path / "0.tar", *pairs(1), *copy))[1] == ("1.png", b"picture 0", "copy")
    for fields in (
        {"type": tarfile.SYMTYPE, "linkname": "0.png"},
        {"type": tarfile.LNKTYPE, "linkname": "9.png"},
        {"type": tarfile.FIFOTYPE},
        {"type": tarfile.GNUTYPE_SPARSE},
    ):
        path = write(tmp_path / "1.tar", *pairs(1), ("1.png", fields), ("1.txt", b"copy"))
        with pytest.raises(ValueError, match=r"1\.png in .*1\.tar: a link or the like"):
            read(path)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([], "no pictures"),
        ([("0.txt", b"a")], "no pictures"),
        ([*pairs(1), ("1.png", b""), ("2.jpg", b"")], r"no caption \(\.txt\) of 2 pictures: \['1"),
        ([*pairs(1), ("README.txt", b"")], r"README\.txt in .*: a caption without a picture \(1 "),
        ([*pairs(1), ("0.jpg", b"")], r"0\.jpg in .*: a second \.jpg or the like of 0"),
        ([*pairs(1), ("./0.txt", b"")], r"0\.txt in .*: a second \.txt"),
        ([*pairs(2), *pairs(1)], r"0\.png in .*: there are two members of this name"),
        ([("0.png", b""), ("0.txt", b"a\0b")], r"0\.txt in .*: a NUL character"),
        ([("0.png", b""), ("0.txt", b"a\n\xbf")], r"0\.txt in .*, line 2: captions must be UTF-8"),
    ],
)
def test_members_of_another_form_are_named(tmp_path, members, message):
    with pytest.raises(ValueError, match=message):
        read(write(tmp_path / "0.tar", *members))


def test_files_of_another_form_are_named(tmp_path):
    path = tmp_path / "0.tar"
    whole = write(path, *pairs(3)).read_bytes()
    end = len(whole.rstrip(b"\0")) // 512 * 512 + 512

    def refused(content, message):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=rf"0\.tar: {message}"):
            read(path)

    refused(b"", "no readable")
    refused(b"none", "no readable")
    refused(whole[: end - 700], "damaged, cut off or")
    refused(whole[:end], "cut off at byte")
    refused(whole[: end - 1024], "cut off at byte")
    refused(whole + whole, f"damaged, cut off or put together from several files at byte {end}")
    damaged = bytearray(whole)
    damaged[2048:2060] = b"\xff" * 12
    refused(bytes(damaged), "damaged, cut off or put together from several files at byte 2048")
    with tarfile.open(path, "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("0.png"))
    with pytest.raises(ValueError, match="no readable, uncompressed tar file"):
        read(path)
