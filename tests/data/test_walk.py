import os
from pathlib import Path

import pytest

from taggant.data.walk import UNREADABLE, below, digest, visible, walk


def names(root):
    return list(below(root, walk(root)))


def write(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)


def test_every_visible_file_is_found_in_order(tmp_path):
    write(tmp_path, "b/2.png", "b/1.png", "a/x/3.png", "4", ".git/5", "a/.6", "a/.t/7.png")
    assert names(tmp_path) == ["4", "a/x/3.png", "b/1.png", "b/2.png"]


def test_links_are_followed_wherever_they_lie(tmp_path):
    write(tmp_path, "far/1.png", "far/deep/2.png", "root/a/0.png")
    (tmp_path / "root" / "b").symlink_to(tmp_path / "far")
    (tmp_path / "root" / "a" / "more").symlink_to("../../far/deep")
    (tmp_path / "root" / "a" / "one.png").symlink_to("../../far/1.png")
    found = ["a/0.png", "a/more/2.png", "a/one.png", "b/1.png", "b/deep/2.png"]
    assert names(tmp_path / "root") == found
    folders, files = visible(tmp_path / "root")
    assert ([path.name for path in folders], files) == (["a", "b"], [])


@pytest.mark.parametrize("target", [".", "..", "../..", "/", "../../far/up"])
def test_a_link_that_leads_back_is_named(tmp_path, target):
    write(tmp_path, "root/a/0.png", "far/down/1.png")
    (tmp_path / "far" / "up").symlink_to("../root")
    (tmp_path / "root" / "a" / "loop").symlink_to(target)
    for root in (tmp_path / "root", tmp_path / "root" / "a"):
        with pytest.raises(ValueError, match=r"a/loop leads back to .*, a folder that it lies in"):
            walk(root)


def test_folders_that_lead_to_each_other_are_named(tmp_path):
    write(tmp_path, "root/a/0.png", "root/b/1.png", "far/down/2.png")
    (tmp_path / "root" / "a" / "b").symlink_to("../b")
    assert names(tmp_path / "root") == ["a/0.png", "a/b/1.png", "b/1.png"]
    (tmp_path / "root" / "b" / "a").symlink_to("../a")
    with pytest.raises(ValueError, match=r"leads back to"):
        walk(tmp_path / "root")
    (tmp_path / "root" / "b" / "a").unlink()
    (tmp_path / "root" / "c").symlink_to("../far/down")
    (tmp_path / "far" / "down" / "up").symlink_to("..")
    with pytest.raises(ValueError, match=r"root/c/up leads back to .*far, a folder"):
        walk(tmp_path / "root")
    (tmp_path / "far" / "down" / "up").unlink()
    (tmp_path / "far" / "down" / "up").symlink_to(tmp_path / "root")
    with pytest.raises(ValueError, match=r"root/c/up leads back to .*root, a folder"):
        walk(tmp_path / "root" / "c")


def test_a_link_that_leads_nowhere_is_listed_and_counts(tmp_path):
    write(tmp_path, "root/0.png")
    nothing = digest(below(tmp_path / "root", walk(tmp_path / "root")))
    (tmp_path / "root" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    (tmp_path / "root" / "self.png").symlink_to("self.png")
    found = below(tmp_path / "root", walk(tmp_path / "root"))
    assert list(found) == ["0.png", "gone.png", "self.png"]
    broken = digest(found)
    assert broken != nothing
    (tmp_path / "nowhere.png").write_text(UNREADABLE)
    assert digest(found) != broken


def test_what_is_neither_file_nor_folder_is_named(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="pipe is neither a file nor a folder"):
        walk(tmp_path)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "link").symlink_to("../pipe")
    with pytest.raises(ValueError, match="link is neither a file nor a folder"):
        walk(tmp_path / "a")


def test_names_need_not_be_utf8(tmp_path):
    path = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png")
    Path(path).touch()
    assert len(digest(below(tmp_path, walk(tmp_path)))) == 64


def test_digests_follow_names_and_content_not_place(tmp_path):
    write(tmp_path, "a/1", "a/2", "b/1", "b/2")
    of = [digest(below(tmp_path / name, walk(tmp_path / name))) for name in "ab"]
    assert of[0] != of[1]  # their content is their path here
    (tmp_path / "b" / "1").write_text("a/1")
    (tmp_path / "b" / "2").write_text("a/2")
    assert digest(below(tmp_path / "b", walk(tmp_path / "b"))) == of[0]
    (tmp_path / "b" / "2").rename(tmp_path / "b" / "3")
    assert digest(below(tmp_path / "b", walk(tmp_path / "b"))) != of[0]
