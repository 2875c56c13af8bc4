"""torchvision, timm and open_clip: names with files, folders, and what the libraries download."""

from __future__ import annotations

import json

import open_clip
import pytest
import timm
import torch
import torchvision
from open_clip.push_to_hf_hub import save_config_for_hf
from safetensors.torch import save_file
from timm.models._hub import save_for_hf

from taggant.models.load import load
from taggant.models.model import ModelOptions
from taggant.models.preprocessing import Preprocessing
from taggant.score.access import Embedding, Full

PICTURES = torch.randint(256, (2, 3, 40, 44), generator=torch.Generator().manual_seed(0)).to(
    torch.uint8
)
CLIP = {
    "embed_dim": 8,
    "vision_cfg": {"layers": 1, "width": 16, "head_width": 8, "patch_size": 16, "image_size": 32},
    "text_cfg": {"context_length": 8, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}


@pytest.fixture(scope="module")
def vit():
    torch.manual_seed(0)
    return timm.create_model("test_vit", num_classes=3).eval()


@pytest.fixture
def timm_folder(vit, tmp_path):
    save_for_hf(vit, tmp_path / "vit", safe_serialization=True)
    return tmp_path / "vit"


@pytest.fixture(scope="module")
def two_towers():
    torch.manual_seed(0)
    return open_clip.CLIP(**CLIP).eval()


@pytest.fixture
def clip_folder(two_towers, tmp_path):
    two_towers.visual.image_mean = two_towers.visual.image_std = (0.5, 0.5, 0.5)
    save_config_for_hf(two_towers, tmp_path / "open_clip_config.json", CLIP)
    save_file(two_towers.state_dict(), tmp_path / "open_clip_model.safetensors")
    return tmp_path


def edited(path, change):
    config = json.loads(path.read_text())
    change(config)
    path.write_text(json.dumps(config))


def test_a_name_of_torchvision_with_its_file(tmp_path):
    torch.manual_seed(0)
    net = torchvision.models.get_model("squeezenet1_1", num_classes=3).eval()
    torch.save(net.state_dict(), tmp_path / "w.pth")
    options = ModelOptions(weights=tmp_path / "w.pth", classes=3)
    found = load("torchvision:squeezenet1_1", options).oracle(Full()).query(PICTURES)
    own = Preprocessing(interpolation="bilinear", edge=256)
    with torch.inference_mode():
        assert torch.allclose(found, net(own(PICTURES)).log_softmax(1), atol=1e-4)
    other = ModelOptions(classes=3, arch="torchvision:squeezenet1_1")
    same = load(tmp_path / "w.pth", other)
    assert same.fingerprint == load("torchvision:squeezenet1_1", options).fingerprint


def test_an_encoder_of_torchvision_is_asked_without_its_head(tmp_path):
    net = torchvision.models.get_model("resnet18", num_classes=3).eval()
    torch.save(net.state_dict(), tmp_path / "w.pth")
    options = ModelOptions(victim="encoder", weights=tmp_path / "w.pth", size=32)
    assert load("torchvision:resnet18", options).oracle(Embedding()).query(PICTURES).shape == (
        2,
        512,
    )


def test_what_its_user_says_counts_and_then_the_whole_square_is_seen(tmp_path, vit):
    torch.save(vit.state_dict(), tmp_path / "w.pth")
    said = {"arch": "timm:test_vit", "classes": 3, "weights": None}
    own = load(tmp_path / "w.pth", ModelOptions(**said)).network.preprocessing
    assert (own.size, own.edge) == (160, 168)
    other = ModelOptions(**said, size=64, mean=(0.1,) * 3, interpolation="bilinear")
    found = load(tmp_path / "w.pth", other).network.preprocessing
    assert found == Preprocessing(64, (0.1,) * 3, (0.5,) * 3, "bilinear", edge=None)


def test_a_folder_of_timm_brings_classes_size_and_normalisation(timm_folder, vit):
    model = load(f"timm:{timm_folder}")
    found = model.oracle(Full()).query(PICTURES)
    own = Preprocessing(160, (0.5,) * 3, (0.5,) * 3, edge=168)
    assert model.network.preprocessing == own
    with torch.inference_mode():
        assert torch.allclose(found, vit(own(PICTURES)).log_softmax(1), atol=1e-5)
    with pytest.raises(ValueError, match=r"classes: 4 are given, and timm:.*vit has 3"):
        load(f"timm:{timm_folder}", ModelOptions(classes=4))


def test_an_encoders_folder_of_timm(tmp_path):
    made = timm.create_model("test_vit", num_classes=0)
    save_for_hf(made, tmp_path / "enc", safe_serialization=True)
    assert load(f"timm:{tmp_path / 'enc'}").kind == "encoder"


def test_names_of_classes_are_read(timm_folder):
    edited(timm_folder / "config.json", lambda c: c.update(label_names=["cat", "dog", "horse"]))
    assert load(f"timm:{timm_folder}").classes == ("cat", "dog", "horse")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.update(architecture="os.system"), r"architecture = 'os.system': unknown"),
        (lambda c: c.update(architecture="hf-hub:x/y"), r"architecture = 'hf-hub:x/y': unknown"),
        (lambda c: c["model_args"].update(checkpoint_path="/etc/x"), "model_args checkpoint_path"),
        (lambda c: c["model_args"].update(act_layer="os.system"), "model_args act_layer: accepted"),
        (lambda c: c["model_args"].update(img_size=10**9), "img_size = 1000000000: accepted"),
        (lambda c: c["pretrained_cfg"].update(crop_mode="border"), "fitted by 'border'"),
        (lambda c: c["pretrained_cfg"].update(mean=5), "pretrained_cfg: .*not iterable"),
        (lambda c: c["pretrained_cfg"].update(input_size=[3, 100, 100]), "fails when it is asked"),
        (lambda c: c.update(pretrained_cfg=[1]), "is no object of JSON"),
        (lambda c: c["model_args"].update(num_classes="many"), "num_classes = 'many'"),
        (lambda c: c["model_args"].update(num_classes=10**6), "more than its weights' file"),
    ],
)
def test_what_a_strangers_folder_of_timm_may_not_say(timm_folder, change, message):
    edited(timm_folder / "config.json", change)
    with pytest.raises(ValueError, match=message):
        load(f"timm:{timm_folder}")


def test_pickles_in_a_folder_are_not_read(timm_folder):
    (timm_folder / "model.safetensors").rename(timm_folder / "pytorch_model.bin")
    with pytest.raises(ValueError, match=r"no weights in safetensors .*pytorch_model.bin nothing"):
        load(f"timm:{timm_folder}")
    (timm_folder / "config.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"config.json is missing, .*LIBRARY:NAME"):
        load(f"timm:{timm_folder}")


def test_a_folder_of_open_clip_compares_pictures_with_captions(clip_folder, two_towers):
    model = load(f"open_clip:{clip_folder}")
    assert (model.kind, model.against) == ("clip", "captions")
    own = Preprocessing(32, (0.5,) * 3, (0.5,) * 3, edge=32)
    assert model.network.preprocessing == own
    found = model.oracle(Embedding()).query(PICTURES)
    with torch.inference_mode():
        expected = two_towers.encode_image(own(PICTURES), normalize=True)
        words = open_clip.get_tokenizer("ViT-B-32", context_length=8)(["a dog"])
        text = two_towers.encode_text(words, normalize=True)
    assert torch.allclose(found, expected, atol=1e-5)
    assert torch.allclose(model.targets(["a dog"]), text, atol=1e-5)
    assert load(f"open_clip:{clip_folder}", ModelOptions(victim="encoder")).against is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda c: c["model_cfg"]["text_cfg"].update(hf_model_name="x/y"),
            "text_cfg.hf_model_name",
        ),
        (lambda c: c["model_cfg"]["vision_cfg"].update(timm_model_name="x"), "cfg.timm_model_name"),
        (lambda c: c["model_cfg"].pop("text_cfg"), "lacks a tower"),
        (lambda c: c["model_cfg"]["vision_cfg"].update(layers=10**9), "layers = 1000000000"),
        (lambda c: c["model_cfg"]["vision_cfg"].update(width=1 << 20), "more than its weights'"),
        (lambda c: c["preprocess_cfg"].update(mean=[0.5]), "preprocess_cfg: mean = "),
    ],
)
def test_what_a_strangers_folder_of_open_clip_may_not_say(clip_folder, change, message):
    edited(clip_folder / "open_clip_config.json", change)
    with pytest.raises(ValueError, match=message):
        load(f"open_clip:{clip_folder}")


def test_names_without_weights_say_the_next_step():
    with pytest.raises(ValueError, match="open_clip:ViT-B-32: weights FILE is needed"):
        load("open_clip:ViT-B-32")
    with pytest.raises(ValueError, match="'ViT-B-33': accepted are"):
        load("open_clip:ViT-B-33")
    with pytest.raises(ValueError, match="unknown to timm"):
        load("timm:no_such_net")


@pytest.mark.parametrize("spec", ["timm:resnet18.a1_in1k", "torchvision:resnet18"])
def test_weights_that_cannot_be_downloaded_say_the_next_step(monkeypatch, spec):
    def offline(*_, **__):
        raise OSError("no route")

    monkeypatch.setattr("timm.create_model", offline)
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", offline)
    with pytest.raises(OSError, match=r"cannot be downloaded \(no route\); weights FILE takes"):
        load(spec)


def test_torchvisions_own_weights_bring_classes_and_are_read_as_weights_alone(monkeypatch):
    net = torchvision.models.get_model("squeezenet1_1")
    asked = []

    def downloaded(url, **how):
        asked.append(how)
        return net.state_dict()

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", downloaded)
    model = load("torchvision:squeezenet1_1")
    assert len(model.classes) == 1000
    assert asked[0]["weights_only"] is True


def test_a_model_of_the_hub_is_a_folder_once_it_is_fetched(monkeypatch, timm_folder):
    def fetched(name, allow_patterns):
        assert name == "timm/vit"
        assert not any(pattern.endswith((".bin", ".py", "*")) for pattern in allow_patterns)
        return str(timm_folder)

    monkeypatch.setattr("huggingface_hub.snapshot_download", fetched)
    assert load("timm:hf-hub:timm/vit").oracle(Full()).query(PICTURES).shape == (2, 3)
    monkeypatch.undo()

    def offline(*_, **__):
        raise OSError("no route")

    monkeypatch.setattr("huggingface_hub.snapshot_download", offline)
    with pytest.raises(FileNotFoundError, match=r"no route.*hf download timm/vit --local-dir"):
        load("timm:hf-hub:timm/vit")
