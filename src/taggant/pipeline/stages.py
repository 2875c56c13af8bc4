"""The stages of a run, data to audit, and what the outcome of each depends on."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytorch_lightning as lightning
import torch
from hydra.utils import get_method, instantiate
from omegaconf import DictConfig, OmegaConf
from safetensors.torch import save_file

from taggant.audit.callback import AuditCallback
from taggant.audit.engine import Instances, Readings, read
from taggant.audit.instance import InstanceAudit, claims_by_p, decide
from taggant.data.baseline import knn_accuracy
from taggant.data.imageset import ImageSet, Splits
from taggant.marking.ledger import SIMULATED, Ledger, fingerprint, owner_key
from taggant.marking.publish import Published, choose, publish, raw_sha256
from taggant.marking.quality import quality
from taggant.marking.scheme import Scheme
from taggant.pipeline.digest import digest, sources
from taggant.pipeline.progress import rounds
from taggant.pipeline.store import Artifact, Stage, Store
from taggant.score import Oracle, Score
from taggant.stats import Boundary
from taggant.victim import training

Plain = Mapping[str, Any]

CLAIM_LEVELS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9)


class Line:
    """One run's line of stages, made from a composed config.

    Parameters
    ----------
    cfg : DictConfig
        The composed config.
    loggers : sequence of Logger
        Told of curves while training.
    """

    def __init__(self, cfg: DictConfig, loggers: Sequence[Any] = ()) -> None:
        self.cfg = cfg
        self.loggers = list(loggers)
        self.store = Store(Path(cfg.paths.store))
        self.finished: dict[str, Artifact] = {}
        self.audit_config: InstanceAudit = instantiate(cfg.audit)
        self.score: Score = instantiate(cfg.score)
        self.scheme: Scheme = instantiate(cfg.marking.scheme)
        self.boundaries = self.audit_config.boundaries(self.scheme.n)

    # -- data ---------------------------------------------------------------------------------

    @cached_property
    def data(self) -> Stage:
        """Train and test images, and what nearest neighbours reach on them."""
        config = _plain(self.cfg.data)
        arguments = {k: v for k, v in config.items() if k != "_target_"}
        module = config["_target_"].rpartition(".")[0]
        identity = {
            "config": {k: v for k, v in config.items() if k != "root"},
            "content": get_method(f"{module}.fingerprint")(**arguments),
            "sources": sources(config),
        }
        return Stage("data", identity, self._make_data)

    def _make_data(self, folder: Path) -> None:
        splits: Splits = instantiate(self.cfg.data)
        for part in ("train", "test"):
            (folder / part).mkdir(exist_ok=True)
            getattr(splits, part).save(folder / part)
        baseline = knn_accuracy(splits.train, splits.test)
        (folder / "baseline.json").write_text(json.dumps({"knn_accuracy": baseline}))

    @cached_property
    def splits(self) -> Splits:
        """The data stage's images."""
        path = self.get(self.data).path
        return Splits(ImageSet.load(path / "train"), ImageSet.load(path / "test"))

    # -- mark ---------------------------------------------------------------------------------

    @cached_property
    def mark(self) -> Stage:
        """Published versions. The ledger is no part of it: it lies with the secrets."""
        marking = _plain(self.cfg.marking)
        used = ("scheme", "used", "unused")
        identity = {
            "config": {key: marking[key] for key in used},
            "secret": fingerprint(self._key),
            "simulated": marking["secret"] == SIMULATED,
            "seed": self._seed("mark"),
            "data": self.data.digest,
            "sources": sources(marking["scheme"]),
        }
        return Stage("mark", identity, self._make_published)

    @cached_property
    def _key(self) -> bytes:
        return owner_key(str(self.cfg.marking.secret), int(self.cfg.seed))

    def _make_published(self, folder: Path) -> None:
        marking = self.cfg.marking
        chosen = choose(self.splits.train, marking.used, marking.unused, self._seed("mark"))
        ledger = Ledger.draw(
            self._key,
            self.mark.digest,
            self.scheme.parameters(),
            self.scheme.n,
            chosen.ids,
            raw_sha256(chosen.images),
        )
        ledger.save(self._ledger_path)
        published = publish(self.scheme, ledger, chosen, marking.used)
        published.save(folder)
        measured = quality(chosen.images, published.images)
        (folder / "quality.json").write_text(json.dumps(vars(measured)))

    @property
    def _ledger_path(self) -> Path:
        return Path(self.cfg.paths.secrets) / "ledgers" / f"{self.mark.digest}.json"

    @cached_property
    def published(self) -> Published:
        """The mark stage's images."""
        return Published.load(self.get(self.mark).path)

    @cached_property
    def instances(self) -> Instances:
        """What the owner brings to the audit."""
        published = self.published
        if not self._ledger_path.exists():
            raise FileNotFoundError(
                f"{self._ledger_path}: the ledger of these published images is gone; without it "
                f"nothing can be audited. Remove {self.store.folder(self.mark)} to mark again."
            )
        position = {image_id: i for i, image_id in enumerate(self.splits.train.ids)}
        raw = self.splits.train.select([position[i] for i in published.ids])
        return Instances(raw, self.scheme, Ledger.load(self._ledger_path), published)

    # -- train and unlearn --------------------------------------------------------------------

    @cached_property
    def train(self) -> Stage:
        """The victim, its snapshots and its history."""
        config = _plain(self.cfg.victim)
        identity = {
            "config": config,
            "precision": str(self.cfg.trainer.precision),
            "seed": self._seed("train"),
            "data": self.data.digest,
            "published": self.mark.digest,
            "sources": sources(config),
        }
        return Stage("train", identity, self._make_victim, resumable=True)

    def new_victim(self) -> Any:
        """A fresh victim; its weights are a function of the seed."""
        train = self.splits.train
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._seed("train"))
            return instantiate(
                self.cfg.victim,
                classes=len(train.class_names),
                channels=train.images.shape[1],
                image_size=train.images.shape[-1],
                mean=train.mean,
                std=train.std,
            )

    def _make_victim(self, folder: Path) -> None:
        victim = self.new_victim()
        callbacks = training.callbacks(self.splits.test, folder)
        if self.audit_config.live:
            callbacks.insert(1, AuditCallback(victim.snapshots, self._audit_live))
        trainer = self._trainer(victim, callbacks, folder)
        train_set = self.published.training_set(self.splits.train)
        training.fit(victim, trainer, train_set, self.splits.test, self._seed("train"), folder)

    def _trainer(
        self, victim: Any, callbacks: list[lightning.Callback], folder: Path
    ) -> lightning.Trainer:
        if self.cfg.progress:
            callbacks = [*callbacks, lightning.callbacks.RichProgressBar()]
        trainer: lightning.Trainer = instantiate(
            self.cfg.trainer,
            max_epochs=victim.epochs,
            callbacks=callbacks,
            logger=self.loggers or False,
            default_root_dir=str(folder),
            enable_progress_bar=bool(self.cfg.progress),
            enable_model_summary=False,
            num_sanity_val_steps=0,
            log_every_n_steps=1,
        )
        return trainer

    @cached_property
    def unlearn(self) -> Stage:
        """The victim after unlearning."""
        config = _plain(self.cfg.unlearning)
        identity = {"config": config, "victim": self.train.digest, "sources": sources(config)}
        return Stage("unlearn", identity, self._unlearn)

    def _unlearn(self, folder: Path) -> None:
        victim = self._victim(self.get(self.train).path / training.FINAL)
        method = instantiate(self.cfg.unlearning)
        training.save_weights(method(victim), folder / training.FINAL)

    def _victim(self, weights: Path) -> Any:
        victim = self.new_victim()
        training.load_weights(victim, weights)
        return victim

    # -- score --------------------------------------------------------------------------------

    @cached_property
    def score_final(self) -> Stage:
        """Readings of the final model."""
        model = {"unlearn": self.unlearn.digest}
        full = self.audit_config.depth == "full"

        def compute(folder: Path) -> None:
            victim = self._victim(self.get(self.unlearn).path / training.FINAL)
            self._read(victim, None if full else self._tests, "final model").save(folder)

        return Stage("score", self._score_identity(model, full), compute)

    @cached_property
    def score_curve(self) -> dict[int, Stage]:
        """Readings of each snapshot, by epoch."""
        return {e: self._score_epoch(e) for e in self.new_victim().snapshots}

    def _score_epoch(self, epoch: int, victim: Any = None) -> Stage:
        """Readings after an epoch: of the snapshot, or of a victim in training."""

        def compute(folder: Path) -> None:
            weights = self.store.folder(self.train) / training.snapshot_name(epoch)
            model = self._victim(weights) if victim is None else victim
            self._read(model, self._tests, f"epoch {epoch}").save(folder)

        model = {"train": self.train.digest, "epoch": epoch}
        return Stage("score", self._score_identity(model, full=False), compute)

    def _score_identity(self, model: Plain, full: bool) -> Plain:
        config = _plain(self.cfg.score)
        return {
            "config": config,
            "model": model,
            "published": self.mark.digest,
            "seed": self._seed("audit"),
            "until": "full" if full else [_boundary_digest(b) for b in self._tests],
            "sources": sources(config),
            "engine": sources({"_target_": "taggant.audit.engine.read"}),
        }

    @property
    def _tests(self) -> list[Boundary]:
        return list(self.boundaries.values())

    def _read(self, victim: Any, until: list[Boundary] | None, title: str) -> Readings:
        trainer = self.cfg.trainer
        device = victim.device
        if device.type == "cpu" and trainer.accelerator != "cpu" and torch.cuda.is_available():
            device = torch.device("cuda")
            victim = victim.to(device)
        oracle = Oracle(victim, self.score.access, self.audit_config.batch_size, device)
        instances = self.instances
        with rounds(title, len(instances.raw), bool(self.cfg.progress)) as progress:
            return read(
                oracle,
                self.score,
                instances,
                self._seed("audit"),
                until,
                self.audit_config.block,
                progress,
            )

    def _audit_live(self, epoch: int, victim: lightning.LightningModule) -> dict[str, float]:
        readings = Readings.load(self.store.get(self._score_epoch(epoch, victim)).path)
        logged: dict[str, float] = {}
        for p in self.boundaries:
            rates = self._decide(readings, p).rates()
            for name in ("detection_rate", "false_detection_rate"):
                logged[f"{name}/p={p}"] = rates[name]
        return logged

    def _decide(self, readings: Readings, p: float) -> Any:
        return decide(readings, self.boundaries[p], p, self.published.used, self.score.views)

    # -- audit --------------------------------------------------------------------------------

    @cached_property
    def audit(self) -> Stage:
        """Decisions, curves and metrics."""
        config = _plain(self.cfg.audit)
        identity = {
            "config": {key: config[key] for key in ("_target_", "p", "test", "curve", "depth")},
            "final": self.score_final.digest,
            "curve": {str(e): stage.digest for e, stage in self.score_curve.items()},
            "sources": sources(config),
        }
        return Stage("audit", identity, self._make_audit)

    def _make_audit(self, folder: Path) -> None:
        readings = Readings.load(self.get(self.score_final).path)
        result = self._decide(readings, self.audit_config.p)
        raw = self.instances.raw
        assert raw.labels is not None
        exceedances = readings.exceedances() if readings.full else [None] * len(raw)
        pl.DataFrame(
            {
                "id": raw.ids,
                "group": np.where(result.used, "used", "unused"),
                "label": raw.labels.numpy(),
                "exceedances": pl.Series(exceedances, dtype=pl.Int64),
                "versions_read": result.versions_read,
                "queries": result.queries,
                "claim": result.claim,
                "p_value": result.p_value,
            }
        ).write_parquet(folder / "instances.parquet")
        if readings.full:
            levels = [p for p in CLAIM_LEVELS if int(p * readings.n) >= 1]
            claims_by_p(readings, result.used, levels).write_csv(folder / "claims.csv")
        self._curves().write_csv(folder / "curves.csv")
        metrics = {**result.rates(), **self._facts(), "grid": readings.grid}
        (folder / "metrics.json").write_text(json.dumps(metrics, indent=1))
        marked = {"raw": raw.images[:6], "published": self.published.images[:6]}
        save_file({k: v.contiguous() for k, v in marked.items()}, folder / "samples.safetensors")

    def _curves(self) -> pl.DataFrame:
        history = {row["epoch"]: row for row in self._history}
        rows = []
        for epoch, stage in self.score_curve.items():
            readings = Readings.load(self.get(stage).path)
            for p in self.boundaries:
                rates = self._decide(readings, p).rates()
                row = {"epoch": epoch, "p": p}
                for kind in ("detection", "false_detection"):
                    row[f"{kind}_rate"] = rates[f"{kind}_rate"]
                    row[f"{kind}_low"], row[f"{kind}_high"] = rates[f"{kind}_rate_ci"]
                for group in ("used", "unused"):
                    row[f"mean_versions_read_{group}"] = rates[f"mean_versions_read_{group}"]
                row["train_loss"] = history[epoch]["train_loss"]
                row["utility"] = history[epoch]["utility"]
                rows.append(row)
        return pl.DataFrame(rows)

    @cached_property
    def _history(self) -> Sequence[dict[str, float]]:
        return training.read_history(self.get(self.train).path)

    def _facts(self) -> dict[str, Any]:
        """What a reader needs beside the rates."""
        baseline = json.loads((self.get(self.data).path / "baseline.json").read_text())
        train_images = len(self.splits.train) - int((~self.published.used).sum())
        return {
            "utility": self._history[-1]["utility"],
            "utility_baseline": baseline["knn_accuracy"],
            "train_loss": self._history[-1]["train_loss"],
            **json.loads((self.get(self.mark).path / "quality.json").read_text()),
            "versions": self.scheme.n,
            "train_images": train_images,
            "test_images": len(self.splits.test),
            "marked_fraction": float(self.published.used.sum()) / train_images,
        }

    # -- all ----------------------------------------------------------------------------------

    def get(self, stage: Stage) -> Artifact:
        """A stage's artifact, computed if need be; remembered for the run's record."""
        artifact = self.store.get(stage)
        self.finished.setdefault(f"{stage.name}/{stage.digest}", artifact)
        return artifact

    def stages(self) -> list[tuple[str, Stage]]:
        """Every stage in order, by the name it has in the run's record."""
        curve = [(f"score/epoch-{e}", stage) for e, stage in self.score_curve.items()]
        return [
            ("data", self.data),
            ("mark", self.mark),
            ("train", self.train),
            ("unlearn", self.unlearn),
            *curve,
            ("score", self.score_final),
            ("audit", self.audit),
        ]

    def _seed(self, purpose: str) -> int:
        """A stage's own seed, split from the public root seed."""
        sequence = np.random.SeedSequence([int(self.cfg.seed), zlib.crc32(purpose.encode())])
        return int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(12))


def _plain(config: DictConfig) -> dict[str, Any]:
    resolved = OmegaConf.to_container(config, resolve=True)
    assert isinstance(resolved, dict)
    return {str(key): value for key, value in resolved.items()}


def _boundary_digest(boundary: Boundary) -> str:
    return digest([boundary.claim.tolist(), boundary.stop.tolist()])
