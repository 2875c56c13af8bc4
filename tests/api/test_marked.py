import stat

import numpy as np
import pytest
import torch
from tests.api.cases import KEY, marked_noise, noise
from torchvision.datasets import ImageFolder

import taggant
from taggant.marking.strategies.sign import Sign


def test_training_images_are_published_versions_of_used_images_and_nothing_of_unused_ones():
    marked = marked_noise(unused=0.25, count=16)
    raw = torch.from_numpy(noise(24))
    where = dict(zip(marked.marked_positions.tolist(), range(16), strict=True))
    assert len(marked.training_images) == 24 - 4
    for row, position in enumerate(marked.training_positions.tolist()):
        shown, i = marked.training_images[row], where.get(position)
        if i is None:
            assert torch.equal(shown, raw[position])
        else:
            assert marked.used[i]
            assert torch.equal(shown, marked.published.images[i])
            assert 0 < (shown.int() - raw[position].int()).abs().max() <= 10
        assert marked.training_labels[row] == position % 2
    left_out = set(range(24)) - set(marked.training_positions.tolist())
    assert left_out == set(marked.marked_positions[~marked.used].tolist())


def test_an_owner_may_mark_all_and_keep_none_out():
    marked = marked_noise(unused=0)
    assert marked.used.all()
    assert marked.training_positions.tolist() == list(range(24))


def test_a_key_gives_the_same_marks_again_and_no_key_gives_others():
    first, again = (marked_noise().published.images for _ in range(2))
    assert torch.equal(first, again)
    others = [taggant.mark(noise(), n=40).published.images for _ in range(2)]
    assert not torch.equal(*others)


def test_published_indices_of_one_key_differ_by_set():
    one = taggant.mark(noise(), n=1000, secret=KEY, unused=0.5)
    other = taggant.mark(noise(), n=1000, secret=KEY, unused=0.25)
    assert one.ledger.published != other.ledger.published


def test_a_key_file_is_made_on_first_use(tmp_path):
    path = tmp_path / "owner.key"
    first, again = (taggant.mark(noise(), n=40, secret=path) for _ in range(2))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert first.commitment == again.commitment


def test_nothing_secret_is_shown():
    marked = marked_noise()
    secrets = (marked.ledger.secret.hex(), repr(marked.ledger.secret), str(marked.ledger.published))
    for shown in (repr(marked), str(marked), repr(marked.ledger)):
        assert not any(secret in shown for secret in secrets)
    assert repr(marked) == (
        "Marked(24 of 24 images: 12 used, 12 unused; n = 40, sign, epsilon = 10; secret withheld)"
    )
    assert "an experiment" in repr(taggant.mark(noise(), n=40, secret="simulated"))


def test_marking_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    marked_noise()
    assert not list(tmp_path.iterdir())


def test_what_is_saved_for_publication_is_what_models_train_on(tmp_path):
    marked = marked_noise(unused=0.25)
    secret = marked.save(tmp_path / "published")
    assert secret == tmp_path / "published.secret"
    public = ImageFolder(tmp_path / "published")
    assert public.targets == sorted(marked.training_labels.tolist())
    by_name = {
        path.rpartition("/")[2]: np.asarray(image)
        for (path, _), (image, _) in zip(public.samples, public, strict=True)
    }
    shown = [by_name[name] for name in sorted(by_name)]
    np.testing.assert_array_equal(marked.training_images.permute(0, 2, 3, 1), np.stack(shown))


def test_the_public_folder_holds_no_secret_and_the_other_is_private(tmp_path):
    marked = marked_noise()
    secret = marked.save(tmp_path / "published")
    assert stat.S_IMODE(secret.stat().st_mode) == 0o700
    assert stat.S_IMODE((secret / "ledger.json").stat().st_mode) == 0o600
    public = [path for path in (tmp_path / "published").rglob("*") if path.is_file()]
    assert len(public) == 12 + 2
    for path in public:
        content = path.read_bytes()
        assert marked.ledger.secret.hex().encode() not in content
        assert not any(image_id.encode() in content for image_id in marked.images.ids)


def test_what_was_saved_is_loaded(tmp_path):
    marked = marked_noise(count=20)
    marked.save(tmp_path / "published")
    again = taggant.Marked.load(tmp_path / "published")
    assert repr(again) == repr(marked)
    assert again.commitment == marked.commitment
    assert torch.equal(again.training_images, marked.training_images)
    np.testing.assert_array_equal(again.marked_positions, marked.marked_positions)
    assert again.ledger == marked.ledger


def test_an_own_strategy_is_given_again(tmp_path):
    marked = marked_noise(strategy=Sign(2))
    marked.save(tmp_path / "a", tmp_path / "kept")
    with pytest.raises(ValueError, match="strategy = Sign: accepted are"):
        taggant.Marked.load(tmp_path / "a", tmp_path / "kept")
    with pytest.raises(ValueError, match="marks otherwise"):
        taggant.Marked.load(tmp_path / "a", tmp_path / "kept", strategy=Sign(4))
    again = taggant.Marked.load(tmp_path / "a", tmp_path / "kept", strategy=Sign(2))
    assert torch.equal(again.published.images, marked.published.images)


def test_saving_overwrites_nothing_and_keeps_the_secret_out_of_what_is_published(tmp_path):
    marked = marked_noise()
    marked.save(tmp_path / "published")
    with pytest.raises(FileExistsError, match="published holds something already"):
        marked.save(tmp_path / "published", tmp_path / "other")
    with pytest.raises(ValueError, match="it would lie in"):
        marked.save(tmp_path / "new", tmp_path / "new" / "secret")
    assert not (tmp_path / "new").exists()
    with pytest.raises(FileNotFoundError, match=r"no marked\.json"):
        taggant.Marked.load(tmp_path / "elsewhere")


def test_captions_are_published_beside_the_images(tmp_path):
    captions = [f"picture {i}" for i in range(24)]
    marked = taggant.mark(noise(), captions=captions, n=40, secret=KEY, unused=0.25)
    marked.save(tmp_path / "published")
    lines = (tmp_path / "published" / "metadata.csv").read_text().splitlines()
    shown = [captions[i] for i in marked.training_positions]
    assert lines == ["file_name,text", *(f"{i:02d}.png,{text}" for i, text in enumerate(shown))]


def test_versions_that_are_often_equal_are_told_of():
    with pytest.warns(UserWarning, match=r"1\d% of the pairs .* images of 8 pixels"):
        taggant.mark(noise(4, 8), n=100, secret=KEY)
