"""Folders as transformers saves them, tiny and random, against transformers' own answers."""

from __future__ import annotations

import json

import pytest
import torch
import transformers as hf
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import AutoImageProcessor

from taggant.data.decode import to_image
from taggant.models.hugging_face.kinds import KINDS
from taggant.models.hugging_face.processor import preprocessing_of
from taggant.models.load import load
from taggant.models.model import ModelOptions
from taggant.models.preprocessing import Preprocessing
from taggant.score.access import Embedding, Full, Tokens
from taggant.score.captioning import Captioning

TINY = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
}
VISION = {**TINY, "image_size": 32, "patch_size": 8}
TEXT = {**TINY, "vocab_size": 12, "max_position_embeddings": 8, "pad_token_id": 0}
CLIP_TEXT = {**TEXT, "bos_token_id": 2, "eos_token_id": 3}
CONV = {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1], "layer_type": "basic"}
NAMES = {0: "cat", 1: "dog", 2: "horse"}
GENERATOR = torch.Generator().manual_seed(0)
PICTURES = torch.randint(256, (3, 3, 40, 52), generator=GENERATOR).to(torch.uint8)
CAPTIONS = ["a red dog", "a cat", "cat"]
SQUASH = {"size": {"height": 32, "width": 32}}
CROP = {"size": {"shortest_edge": 36}, "crop_size": {"height": 32, "width": 32}}


def words(path):
    """A tokenizer of a few words, as the library saves it."""
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "red", "dog", "cat"]
    made = Tokenizer(models.WordLevel({w: i for i, w in enumerate(vocabulary)}, "[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    ends = [("[CLS]", 2), ("[SEP]", 3)]
    made.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", special_tokens=ends)
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]"}
    hf.PreTrainedTokenizerFast(tokenizer_object=made, **special).save_pretrained(path)


def saved(path, net, processor, text=False):
    net.eval().save_pretrained(path)
    processor.save_pretrained(path)
    if text:
        words(path)
    return f"hf:{path}"


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def processed(path, pictures=PICTURES):
    """Pictures as the folder's own processor prepares them."""
    own = AutoImageProcessor.from_pretrained(path, backend="pil")
    return own([to_image(one) for one in pictures], return_tensors="pt")["pixel_values"]


def vit():
    return hf.ViTForImageClassification(hf.ViTConfig(**VISION, id2label=NAMES))


@pytest.fixture
def folder(tmp_path):
    saved(tmp_path, vit(), hf.ViTImageProcessor(**SQUASH))
    return tmp_path


def edited(path, **changes):
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, **changes}))


CLASSIFIERS = {
    "vit": lambda: (vit(), hf.ViTImageProcessor(**SQUASH)),
    "dinov2": lambda: (
        hf.Dinov2ForImageClassification(hf.Dinov2Config(**VISION, id2label=NAMES)),
        hf.BitImageProcessor(**CROP, resample=3),
    ),
    "resnet": lambda: (
        hf.ResNetForImageClassification(hf.ResNetConfig(**CONV, id2label=NAMES)),
        hf.ConvNextImageProcessor(size={"shortest_edge": 32}, crop_pct=0.875),
    ),
    "convnext": lambda: (
        hf.ConvNextForImageClassification(
            hf.ConvNextConfig(hidden_sizes=[8, 8, 8, 8], depths=[1] * 4, id2label=NAMES)
        ),
        hf.ConvNextImageProcessor(size={"shortest_edge": 384}),
    ),
}


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifiers_answer_as_in_transformers(tmp_path, name):
    net, processor = CLASSIFIERS[name]()
    model = load(saved(tmp_path, net, processor))
    assert (model.kind, model.classes) == ("classifier", ("cat", "dog", "horse"))
    with torch.inference_mode():
        expected = net(processed(tmp_path)).logits.log_softmax(1)
    assert torch.allclose(model.oracle(Full()).query(PICTURES), expected, atol=1e-4)


ENCODERS = {
    "vit": lambda: (hf.ViTModel(hf.ViTConfig(**VISION)), hf.ViTImageProcessor(**SQUASH)),
    "dinov2": lambda: (hf.Dinov2Model(hf.Dinov2Config(**VISION)), hf.BitImageProcessor(**CROP)),
    "dinov3": lambda: (
        hf.DINOv3ViTModel(hf.DINOv3ViTConfig(**VISION, num_register_tokens=1)),
        hf.ViTImageProcessor(**SQUASH),
    ),
    "resnet": lambda: (hf.ResNetModel(hf.ResNetConfig(**CONV)), hf.ViTImageProcessor(**SQUASH)),
    "siglip": lambda: (
        hf.SiglipVisionModel(hf.SiglipVisionConfig(**VISION)),
        hf.SiglipImageProcessor(**SQUASH),
    ),
    "clip": lambda: (
        hf.CLIPVisionModelWithProjection(hf.CLIPVisionConfig(**VISION, projection_dim=8)),
        hf.CLIPImageProcessor(**CROP),
    ),
}


@pytest.mark.parametrize("name", ENCODERS)
def test_encoders_answer_as_in_transformers(tmp_path, name):
    net, processor = ENCODERS[name]()
    model = load(saved(tmp_path, net, processor))
    assert (model.kind, model.against) == ("encoder", None)
    with torch.inference_mode():
        out = net(processed(tmp_path))
    pooled = {"siglip": "pooler_output", "resnet": "pooler_output", "clip": "image_embeds"}
    features = out[pooled[name]].flatten(1) if name in pooled else out.last_hidden_state[:, 0]
    expected = torch.nn.functional.normalize(features, dim=1)
    assert torch.allclose(model.oracle(Embedding()).query(PICTURES), expected, atol=1e-4)


def clip():
    config = hf.CLIPConfig(text_config=CLIP_TEXT, vision_config=VISION, projection_dim=8)
    return hf.CLIPModel(config), hf.CLIPImageProcessor(**CROP)


def siglip():
    config = hf.SiglipConfig(text_config=TEXT, vision_config=VISION)
    return hf.SiglipModel(config), hf.SiglipImageProcessor(**SQUASH)


@pytest.mark.parametrize("make", [clip, siglip])
def test_image_text_models_compare_as_in_transformers(tmp_path, make):
    net, processor = make()
    model = load(saved(tmp_path, net, processor, text=True))
    assert (model.kind, model.against) == ("clip", "captions")
    cut = hf.PreTrainedTokenizerFast.from_pretrained(tmp_path)
    rows = cut(CAPTIONS, padding="max_length", max_length=8, return_tensors="pt")
    given = {"input_ids": rows["input_ids"], "pixel_values": processed(tmp_path)}
    if make is clip:
        given["attention_mask"] = rows["attention_mask"]
    with torch.inference_mode():
        out = net(**given)
    assert torch.allclose(model.oracle(Embedding()).query(PICTURES), out.image_embeds, atol=1e-4)
    assert torch.allclose(model.targets(CAPTIONS), out.text_embeds, atol=1e-5)


def blip():
    text = {**TEXT, "encoder_hidden_size": 16, "bos_token_id": 2, "sep_token_id": 3}
    config = hf.BlipConfig(text_config=text, vision_config=VISION)
    return hf.BlipForConditionalGeneration(config), hf.BlipImageProcessor(**SQUASH)


def test_a_captioner_writes_captions_as_in_transformers(tmp_path):
    net, processor = blip()
    model = load(saved(tmp_path, net, processor, text=True))
    assert (model.kind, model.answers) == ("captioner", "tokens")
    pixels, tokens = processed(tmp_path), model.targets(CAPTIONS)
    assert tokens.tolist()[1] == [2, 4, 7, 3, 0, 0, 0, 0]
    seen = model.oracle(Tokens()).query(PICTURES)
    expected = []
    for picture, row in zip(pixels, tokens, strict=True):
        row = row[row != 0][None]
        with torch.inference_mode():
            out = net(pixel_values=picture[None], input_ids=row, labels=row)
        expected.append(out.loss)
    assert torch.allclose(model.captioning_loss(seen, tokens), torch.stack(expected), atol=1e-4)
    scored = Captioning().prepare(model, None, Tokens())(seen, tokens)
    assert torch.allclose(scored, -torch.stack(expected), atol=1e-4)


def test_what_a_caption_costs_depends_on_no_neighbour(tmp_path):
    net, processor = blip()
    model = load(saved(tmp_path, net, processor, text=True))
    seen, tokens = model.oracle(Tokens()).query(PICTURES), model.targets(CAPTIONS)
    alone = torch.cat([model.captioning_loss(seen[i : i + 1], tokens[i : i + 1]) for i in range(3)])
    assert torch.equal(alone, model.captioning_loss(seen, tokens))
    each = torch.cat([load(f"hf:{tmp_path}").targets([c]) for c in CAPTIONS])
    assert torch.equal(each, tokens)


def test_a_model_at_hand_is_a_module_that_gives_logits():
    net = vit().eval()
    said = ModelOptions(size=32, mean=(0.5,) * 3, std=(0.5,) * 3)
    pixels = Preprocessing(32, said.mean, said.std)(PICTURES)
    with torch.inference_mode():
        expected = net(pixels).logits.log_softmax(1)
    assert torch.allclose(load(net, said).oracle(Full()).query(PICTURES), expected, atol=1e-5)


def test_a_model_in_several_files(folder):
    model = load(f"hf:{folder}")
    expected, before = model.oracle(Full()).query(PICTURES), model.fingerprint
    net = hf.ViTForImageClassification.from_pretrained(folder)
    (folder / "model.safetensors").unlink()
    net.save_pretrained(folder, max_shard_size="5KB")
    assert (folder / "model.safetensors.index.json").exists()
    model = load(f"hf:{folder}")
    assert torch.equal(model.oracle(Full()).query(PICTURES), expected)
    assert model.fingerprint != before
    next(folder.glob("model-00002*")).unlink()
    with pytest.raises(ValueError, match="names files that are not there"):
        load(f"hf:{folder}")


def test_fingerprints_are_of_weights_config_and_processor(folder):
    prints = {load(f"hf:{folder}").fingerprint}
    edited(folder / "preprocessor_config.json", image_mean=[0.1, 0.1, 0.1])
    prints.add(load(f"hf:{folder}").fingerprint)
    edited(folder / "config.json", layer_norm_eps=1e-5)
    prints.add(load(f"hf:{folder}").fingerprint)
    assert len(prints) == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architectures": ["os.system"]}, r"architectures = os.system: accepted are ViTFor"),
        ({"architectures": ["GPT2LMHeadModel"]}, "Load it yourself and give a function"),
        (
            {"architectures": None, "auto_map": {"AutoModel": "x.py"}},
            "code of its own, which is not",
        ),
        ({"quantization_config": {"load_in_4bit": True}}, "quantised weights are not read"),
        ({"num_hidden_layers": 10**9}, "num_hidden_layers = 1000000000: accepted is up to 512"),
        ({"hidden_size": 10**12}, "hidden_size = 1000000000000: accepted"),
        ({"hidden_size": 1 << 19}, "more than its weights' file can hold"),
        ({"num_attention_heads": -1}, "fails when it is asked"),
        ({"hidden_size": 24}, "not the weights of ViTForImageClassification"),
        ({"id2label": {"one": "cat"}}, "no config of ViTForImageClassification"),
        ({"hidden_size": "many"}, "no config of ViTForImageClassification"),
        ({"num_hidden_layers": 2}, r"lacks \d+ tensors of ViTForImageClassification .*whole model"),
    ],
)
def test_what_a_strangers_config_may_not_say(folder, changes, message):
    edited(folder / "config.json", **changes)
    with pytest.raises(ValueError, match=message):
        load(f"hf:{folder}")


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("config.json", "[1]", "no object of JSON"),
        ("config.json", "{" * 3, "no JSON"),
        ("config.json", '{"a":' * 10**5, "no JSON"),
        ("preprocessor_config.json", '{"size": NaN, "image_mean": 1}', r"Give a function"),
        ("preprocessor_config.json", '{"size": {"shortest_edge": 8}, "crop_pct": 0}', "function"),
    ],
)
def test_files_of_nonsense_are_named(folder, file, text, message):
    (folder / file).write_text(text)
    with pytest.raises(ValueError, match=rf"{file}: .*{message}"):
        load(f"hf:{folder}")


@pytest.mark.parametrize("wrong", [{"vocab_size": 7}, {"pad_token_id": 99}])
def test_tokens_that_the_model_does_not_know_are_refused(tmp_path, wrong):
    config = hf.CLIPConfig(text_config={**CLIP_TEXT, **wrong}, vision_config=VISION)
    spec = saved(tmp_path, hf.CLIPModel(config), hf.CLIPImageProcessor(**CROP), text=True)
    with pytest.raises(ValueError, match=r"a token has number \d+, and the model knows"):
        load(spec)


def test_code_and_adapters_beside_the_weights_are_left_alone(folder, monkeypatch):
    expected = load(f"hf:{folder}").oracle(Full()).query(PICTURES)
    bomb = "raise SystemExit('this ran')"
    for name in ("modeling_mine.py", "configuration_mine.py", "generate.py"):
        (folder / name).write_text(bomb)
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "a/b"}')
    edited(
        folder / "config.json",
        auto_map={"AutoModelForImageClassification": "modeling_mine.Mine"},
        _attn_implementation="kernels-community/flash",
        attn_implementation="kernels-community/flash",
        torch_dtype="float16",
        custom_generate="generate",
    )
    edited(folder / "preprocessor_config.json", auto_map={"AutoImageProcessor": "generate.Mine"})
    assert torch.equal(load(f"hf:{folder}").oracle(Full()).query(PICTURES), expected)


def test_pickled_weights_are_not_read(folder):
    net = hf.ViTForImageClassification.from_pretrained(folder)
    (folder / "model.safetensors").unlink()
    torch.save(net.state_dict(), folder / "pytorch_model.bin")
    with pytest.raises(ValueError, match=r"of pytorch_model.bin nothing is read.*save_pretrained"):
        load(f"hf:{folder}")


def test_a_folder_without_a_processor_asks_for_what_the_model_takes(folder):
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(
        ValueError, match=r"processor.save_pretrained\(FOLDER\) writes it; or say size"
    ):
        load(f"hf:{folder}")
    said = ModelOptions(size=32, mean=(0.5,) * 3, std=(0.5,) * 3)
    assert load(f"hf:{folder}", said).oracle(Full()).query(PICTURES).shape == (3, 3)


def test_a_processor_within_that_of_a_whole_model_is_read(tmp_path):
    net, processor = blip()
    saved(tmp_path, net, processor, text=True)
    own = json.loads((tmp_path / "preprocessor_config.json").read_text())
    (tmp_path / "preprocessor_config.json").unlink()
    (tmp_path / "processor_config.json").write_text(json.dumps({"image_processor": own}))
    assert load(f"hf:{tmp_path}").network.preprocessing.size == 32


def test_an_image_text_model_without_a_tokenizer_says_the_next_step(tmp_path):
    net, processor = clip()
    with pytest.raises(ValueError, match=r"tokenizer.json is missing.*save_pretrained\(FOLDER\)"):
        load(saved(tmp_path, net, processor))
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ValueError, match="no tokenizer"):
        load(f"hf:{tmp_path}")
    words(tmp_path)
    edited(tmp_path / "config.json", text_config={**CLIP_TEXT, "vocab_size": 5})
    with pytest.raises(
        ValueError, match=r"not the weights of CLIPModel|8 pieces, and the model has 5"
    ):
        load(f"hf:{tmp_path}")


HALF = (32, (0.5,) * 3, (0.5,) * 3, "bilinear")


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"size": 32}, Preprocessing(*HALF, 32, True)),
        ({**CROP, "do_center_crop": True}, Preprocessing(*HALF, 36)),
        (
            {"size": {"height": 36, "width": 36}, "crop_size": 32, "do_center_crop": True},
            Preprocessing(*HALF, 36, True),
        ),
        (
            {"size": 32, "do_normalize": False},
            Preprocessing(32, (0.0,) * 3, (1.0,) * 3, "bilinear", 32, True),
        ),
    ],
)
def test_processors_are_read(tmp_path, config, expected):
    usual = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    found = preprocessing_of({**usual, **config}, tmp_path / "p.json")
    assert found == expected


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"size": {"height": 32, "width": 40}}, "accepted are squares"),
        ({"size": {"shortest_edge": 32}}, "shortest_edge without do_center_crop"),
        ({"size": 32, "rescale_factor": 1.0}, "rescale_factor = 1.0: accepted is 1/255"),
        ({"size": 32, "do_resize": False}, "do_resize = false"),
        ({"size": 32, "resample": 5}, "interpolation = 'hamming': accepted"),
        ({}, "'size'"),
    ],
)
def test_what_a_processor_does_besides_is_refused(tmp_path, config, message):
    usual = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    with pytest.raises(ValueError, match=rf"p\.json: .*{message}.*Give a function of pictures"):
        preprocessing_of({**usual, **config}, tmp_path / "p.json")


def test_every_architecture_of_the_table_is_one_of_transformers():
    for name, kind in KINDS.items():
        assert hasattr(hf, name)
        assert hasattr(hf, kind.config)


def test_a_library_that_is_not_there_is_named_with_its_extra(folder, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "transformers", None)
    with pytest.raises(
        ModuleNotFoundError, match=r"needs transformers.*pip install 'taggant\[hub\]'"
    ):
        load(f"hf:{folder}")


def test_a_model_that_is_nowhere_says_how_to_fetch_it(monkeypatch):
    def offline(*_, **__):
        raise OSError("no route")

    monkeypatch.setattr("huggingface_hub.snapshot_download", offline)
    with pytest.raises(FileNotFoundError, match=r"hf:a/b: no folder a/b.*hf download a/b"):
        load("hf:a/b")


def test_another_kind_or_number_of_classes_is_refused(folder):
    with pytest.raises(ValueError, match=r"victim encoder: hf:.* is a classifier"):
        load(f"hf:{folder}", ModelOptions(victim="encoder"))
    with pytest.raises(ValueError, match="classes: 4 are given"):
        load(f"hf:{folder}", ModelOptions(classes=4))
