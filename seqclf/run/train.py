"""One run, from a configuration to a trained, tested and saved model."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from omegaconf import DictConfig

from seqclf.build import build_classifier
from seqclf.classifiers.multilabel_classifier import MultilabelClassifier
from seqclf.classifiers.sequence_classifier import SequenceClassifier
from seqclf.data.datamodule import DataModule
from seqclf.data.source import Source
from seqclf.data.store import Store
from seqclf.errors import UserError, nearest
from seqclf.parts import Parts
from seqclf.run.checkpoints import BEST, CHECKPOINTS, read_weights
from seqclf.run.compose import plain
from seqclf.run.computed_vectors import compute_once
from seqclf.run.cross_validation import cross_validate
from seqclf.run.fit import Training, fit, make_training
from seqclf.run.freed_memory import freed_memory_kept
from seqclf.run.init_from import Start
from seqclf.run.loaded_config import check_targets
from seqclf.run.memory import explaining
from seqclf.run.open_data import open_data
from seqclf.run.outputs import write_outputs
from seqclf.run.own_parts import import_part
from seqclf.run.precision import tensor_cores
from seqclf.run.process import run_settings
from seqclf.run.provenance import Origin, origin_of, write_provenance
from seqclf.run.ranks import joined, start_ranks, threads_of, to_be_started
from seqclf.run.results import RunResult, git_commit, versions
from seqclf.run.resume import Saved, data_hashes, saved_run, typed_overrides
from seqclf.run.run_folder import finish, run_folder
from seqclf.run.schema import check_config
from seqclf.run.tracker import tracking
from seqclf.token_features import count_documents

log = logging.getLogger("seqclf")


def train(cfg: DictConfig | Mapping[str, Any], parts: Parts = (), folder: Path | None = None) -> RunResult:
    """Train, choose the best epoch on validation, test it once, save it.

    Args:
        cfg: what `compose` returns.
        parts: classes of your own that the configuration names.
        folder: the run's folder; None for Hydra's, or a new one under outputs/.

    Returns:
        The score, every figure, and where the run and the model are.

    Raises:
        UserError: for a mistake in the configuration or in the data.
    """
    config = plain(cfg)
    check_config(config)
    check_targets(config, [*config["parts"], *(f"{part.__module__}.{part.__qualname__}" for part in parts)])
    folder = folder or run_folder(config["resume"])
    if config["cv"] is not None:
        return cross_validate(cfg, train, parts, folder)
    work = partial(train_rank, origin=origin_of(cfg), overrides=typed_overrides())
    if not config["check"] and to_be_started(config["trainer"]):
        if config["data"].get("engine") == "ray":  # before the ranks take the processors of the cluster
            own, start = _parts_and_start(config, parts)
            open_data(config, own, None if start is None else start.vocab)
        return start_ranks(work, config, parts, folder)
    return work(config, parts, folder)


def train_rank(
    config: Mapping[str, Any], parts: Parts, folder: Path, origin: Origin, overrides: list[str] | None
) -> RunResult:
    """What one process of a run does, most often the only one; every rank returns the same figures, rank 0 writes.

    Args:
        config: plain and checked.
        parts: as for `train`.
        folder: of the run.
        origin: where the configuration comes from.
        overrides: what was typed to compose it; None where that is not known.
    """
    began = time.perf_counter()
    parts, start = _parts_and_start(config, parts)
    ranks = nullcontext(folder) if config["check"] else joined(config["trainer"], folder)
    settings = run_settings(int(config["seed"]), threads_of(config["trainer"]))
    with ranks as folder, settings, tensor_cores(config["trainer"]["tf32"]):
        source, store = open_data(config, parts, None if start is None else start.vocab)
        assert store.train.labels is not None  # a store is not built without them
        counts = np.bincount(store.train.labels, minlength=store.vocabulary.num_labels).tolist()
        if start is not None:
            config = start.weigh(config, store.vocabulary)
        model = build_classifier(config, store.vocabulary, parts, counts)
        if start is not None:
            start.hand_over(model)
        check_monitor(model)
        if config["compile"]:
            model.compile_kernels()
        if config["check"]:
            return _checked(config, store)
        hashes = data_hashes(source.tables(), store.vocabulary)
        record = {"config": origin.written, "overrides": overrides, "data": hashes}
        saved = saved_run(config["resume"], folder)
        if saved is not None:
            record = saved.check(config, record)
        write_provenance(folder, config, origin.from_the_start(), source.tables(), model.architecture)
        with freed_memory_kept():
            return _run(config, source, store, model, folder, began, origin, record, saved)


def _parts_and_start(config: Mapping[str, Any], parts: Parts) -> tuple[Parts, Start | None]:
    """The user's own classes, those that the configuration names among them, and the model to start from."""
    parts = [*parts, *(import_part(name) for name in config["parts"])]
    start = None if config["init_from"] is None else Start(config["init_from"], parts)
    if start is not None:
        start.check(config)
    return parts, start


def check_monitor(model: SequenceClassifier) -> None:
    """Say it before training when the figure that decides does not exist.

    Raises:
        UserError: for a monitor that no validation gives.
    """
    known = [f"validation/{name}" for name in model.figure_names()]
    if model.monitor not in known:
        raise UserError(f"monitor: there is no figure {model.monitor!r}. {nearest(model.monitor, known)}")


def _checked(config: Mapping[str, Any], store: Store) -> RunResult:
    log.info("The configuration and the data are fine; nothing was trained.")
    return RunResult(float("nan"), {"check": store.report}, Path(), Path())


def _run(
    config: Mapping[str, Any],
    source: Source,
    store: Store,
    model: SequenceClassifier,
    folder: Path,
    began: float,
    origin: Origin,
    record: Mapping[str, Any],
    saved: Saved | None,
) -> RunResult:
    data = DataModule(
        store,
        config["data"]["batch_size"],
        max_tokens=config["data"]["max_tokens"],
        seed=int(config["seed"]),
        num_workers=config["data"]["num_workers"],
        sampler=config["data"]["sampler"],
    )
    count_documents(model.text_field_embedder, store.train.batches)
    if model.wide is not None and saved is None:
        model.wide.count(store.train.batches())
    training = make_training(config, model, folder, record)
    trainer, history = training.trainer, training.history
    compute_once(model, store, trainer.strategy.root_device)
    with tracking(trainer, origin.without_values(config)), explaining(trainer):
        fit(training, model, data, folder, saved)
        if not history.epochs:
            raise UserError("Nothing was trained: trainer.max_epochs must be at least 1.")
        model.load_state_dict(read_weights(folder / CHECKPOINTS / BEST))
        metrics = _figures(training, model, data)
    metrics |= {
        "monitor": model.monitor,
        "score": history.epochs[history.best][model.monitor],
        "best_epoch": history.best + 1,
        "epochs": len(history.epochs),
        "steps": trainer.global_step,
        "seed": int(config["seed"]),
        "temperature": model.temperature,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "versions": versions(),
        "git": git_commit(),
    }
    if trainer.is_global_zero:
        data, baselines = origin.without_values(config)["data"], config["baselines"]
        write_outputs(folder, data, baselines, source, store, model, history.epochs, metrics, began)
        finish(folder)
    return RunResult(metrics["score"], metrics, folder, folder / "model")


def _figures(training: Training, model: SequenceClassifier, data: DataModule) -> dict[str, Any]:
    """Every figure of the best epoch's weights; the test records are read here for the first and only time."""
    trainer, history, progress = training.trainer, training.history, training.progress
    best = history.epochs[history.best]
    metrics: dict[str, Any] = {name: value for name, value in best.items() if name.startswith("train/")}
    metrics["train/records_per_second"] = median(progress.rates[1:] or progress.rates)
    trainer.validate(model, data, verbose=False)
    if isinstance(model, MultilabelClassifier):
        model.tune_thresholds()
        trainer.validate(model, data, verbose=False)
    model.calibrate()
    metrics |= _figures_of(model, "validation")
    if data.store.test is not None and data.store.test.labels is not None:
        trainer.test(model, data, verbose=False)
        metrics |= _figures_of(model, "test")
    return metrics


def _figures_of(model: SequenceClassifier, stage: str) -> dict[str, float]:
    metrics = model.metrics_of(stage)
    figures = metrics.compute() | model.calibration_figures(metrics)
    return {f"{stage}/{name}": value for name, value in figures.items()}
