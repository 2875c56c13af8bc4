"""Audits while a model is trained: by Lightning, by transformers, by hand."""

import math

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import CSVLogger
from tests.api.cases import Rote, ignorant, marked_noise
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import taggant


@pytest.fixture(scope="module")
def marked():
    return marked_noise()


class Plain(pl.LightningModule):
    """Anybody's LightningModule: pixels of 0..1, dropout, batch norm."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Flatten(), nn.Linear(768, 16), nn.BatchNorm1d(16), nn.Dropout(0.2), nn.Linear(16, 2)
        )

    def forward(self, images):
        return self.net(images)

    def training_step(self, batch, index):
        images, labels = batch
        return nn.functional.cross_entropy(self(images / 255), labels)

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), 0.01)


def fit(marked, folder, *callbacks, epochs=5):
    torch.manual_seed(0)
    data = TensorDataset(marked.training_images.float(), marked.training_labels)
    module = Plain()
    trainer = pl.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=CSVLogger(folder),
        callbacks=list(callbacks),
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
    )
    trainer.fit(module, DataLoader(data, 6, shuffle=True))
    return module, trainer


def test_a_lightning_trainer_logs_curves_and_trains_as_without(marked, tmp_path):
    callback = taggant.AuditCallback(marked, every=2, p=0.1)
    module, _ = fit(marked, tmp_path / "with", callback)
    alone, _ = fit(marked, tmp_path / "without")
    for name, weights in module.state_dict().items():
        assert torch.equal(weights, alone.state_dict()[name]), name
    assert list(callback.results) == [2, 4, 5]
    assert callback.curve["epoch"].to_list() == [2, 4, 5]
    logged = (tmp_path / "with").rglob("metrics.csv")
    text = "".join(path.read_text() for path in logged)
    assert "detection_rate/p=0.1" in text
    final = taggant.audit(module, marked, p=0.1)
    assert callback.results[5].p_values.tolist() == final.p_values.tolist()
    rates = callback.curve.row(-1, named=True)
    assert rates["detection_rate"] == final.detection_rate
    assert rates["false_detection_high"] == final.false_detection_interval.high


def test_checkpoints_hold_no_secret(marked, tmp_path):
    _, trainer = fit(marked, tmp_path, taggant.AuditCallback(marked, every=1, p=0.1), epochs=1)
    path = tmp_path / "kept.ckpt"
    trainer.save_checkpoint(path)
    content = path.read_bytes()
    assert marked.ledger.secret not in content
    assert marked.ledger.secret.hex().encode() not in content


def test_a_transformers_trainer_logs_curves(marked, tmp_path):
    from transformers import Trainer, TrainingArguments, ViTConfig, ViTForImageClassification

    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = ViTConfig(**sizes, intermediate_size=16, image_size=16, patch_size=8, num_labels=2)
    torch.manual_seed(0)
    model = ViTForImageClassification(config)
    pixels = marked.training_images.float() / 255
    data = [
        {"pixel_values": image, "labels": label}
        for image, label in zip(pixels, marked.training_labels.tolist(), strict=True)
    ]
    callback = taggant.transformers_callback(marked, every=2, p=0.1)
    arguments = TrainingArguments(
        tmp_path, num_train_epochs=3, report_to=[], use_cpu=True, disable_tqdm=True,
        save_strategy="no", per_device_train_batch_size=6,
    )  # fmt: skip
    trainer = Trainer(model, arguments, train_dataset=data, callbacks=[callback])
    trainer.train()
    assert list(callback.results) == [2, 3]
    assert callback.curve.height == 2
    logged = [row for row in trainer.state.log_history if "detection_rate/p=0.1" in row]
    assert [row["epoch"] for row in logged] == [2, 3]


def test_a_metric_pools_the_models_that_it_was_updated_with(marked):
    metric = taggant.AuditMetric(marked, p=0.1)
    rote = Rote(marked.training_images, marked.training_labels)
    assert metric(rote)["detection_rate"] == 1
    metric.update(ignorant)
    both = metric.compute()
    known = (12 + int(metric.result.claims[metric.result.used].sum())) / 24
    assert float(both["detection_rate"]) == pytest.approx(known)
    assert known < 1
    metric.reset()
    assert math.isnan(float(metric.compute()["detection_rate"]))
    assert marked.ledger.secret.hex() not in repr(metric)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"p": 2}, "p = 2: accepted are numbers in"),
        ({"p": 0.01}, "p = 0.01 with n = 40 versions"),
        ({"tests": "rank"}, "tests: no such option"),
        ({"test": "ranks"}, "test = ranks: accepted are"),
        ({"marked": 3}, "marked: int is given"),
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "kind", [taggant.AuditCallback, taggant.transformers_callback, taggant.AuditMetric]
)
def test_what_is_wrong_is_told_before_training(marked, kind, given, said):
    with pytest.raises((ValueError, TypeError), match=said):
        kind(**{"marked": marked, "p": 0.1, **given})


@pytest.mark.parametrize("kind", [taggant.AuditCallback, taggant.transformers_callback])
def test_a_period_is_a_whole_number_of_epochs(marked, kind):
    with pytest.raises(ValueError, match="every = 0: accepted are 1, 2, 3"):
        kind(marked, every=0, p=0.1)
