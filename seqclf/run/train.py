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
import pytorch_lightning as pl
from omegaconf import DictConfig

from seqclf.build import build_classifier
from seqclf.classifiers.multilabel_classifier import MultilabelClassifier
from seqclf.classifiers.sequence_classifier import SequenceClassifier
from seqclf.data.datamodule import DataModule
from seqclf.data.source import Source
from seqclf.data.store import Store, build_store
from seqclf.errors import UserError, nearest
from seqclf.parts import RUN_ROOMS, Parts, is_part, make, resolve
from seqclf.run.callbacks import StepSeed
from seqclf.run.checkpoints import best_and_last, read_weights
from seqclf.run.compose import plain
from seqclf.run.computed_vectors import compute_once
from seqclf.run.cross_validation import cross_validate
from seqclf.run.finite import FiniteNumbers
from seqclf.run.history import History
from seqclf.run.init_from import Start
from seqclf.run.loaded_config import check_targets
from seqclf.run.memory import explaining
from seqclf.run.outputs import write_outputs
from seqclf.run.own_parts import import_part
from seqclf.run.precision import tensor_cores
from seqclf.run.process import run_settings
from seqclf.run.progress import RunProgress, watching
from seqclf.run.provenance import Origin, origin_of, write_provenance
from seqclf.run.pruning import pruning
from seqclf.run.ranks import joined, start_ranks, threads_of, to_be_started
from seqclf.run.results import RunResult, git_commit, versions
from seqclf.run.run_folder import run_folder
from seqclf.run.schema import check_config
from seqclf.run.tracker import tracking
from seqclf.text.vocabulary import Vocabulary
from seqclf.token_features import count_documents, word_indexers

log = logging.getLogger("seqclf")

OF_PROCESS = ("threads", "progress_bar", "tf32")  # keys of `trainer` that are not for Lightning's
SHARED_DATA_KEYS = ("batch_size", "max_tokens", "validation_size", "split_seed", "sampler")


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
    folder = folder or run_folder()
    if config["cv"] is not None:
        return cross_validate(cfg, train, parts, folder)
    work = partial(train_rank, origin=origin_of(cfg))
    if not config["check"] and to_be_started(config["trainer"]):
        return start_ranks(work, config, parts, folder)
    return work(config, parts, folder)


def train_rank(config: Mapping[str, Any], parts: Parts, folder: Path, origin: Origin) -> RunResult:
    """What one process of a run does, most often the only one; every rank returns the same figures, rank 0 writes.

    Args:
        config: plain and checked.
        parts: as for `train`.
        folder: of the run.
        origin: where the configuration comes from.
    """
    began = time.perf_counter()
    parts = [*parts, *(import_part(name) for name in config["parts"])]
    start = None if config["init_from"] is None else Start(config["init_from"], parts)
    if start is not None:
        start.check(config)
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
        write_provenance(folder, config, origin, source.tables(), model.architecture)
        return _run(config, source, store, model, folder, began, origin)


def open_data(config: Mapping[str, Any], parts: Parts = (), start: Vocabulary | None = None) -> tuple[Source, Store]:
    """The source that `data` names, and the store of its numbered records; `start` is a vocabulary to be grown.

    Raises:
        UserError: for data that cannot be read, that the task does not read, or that leaves nothing to choose by.
    """
    node = {name: value for name, value in config["data"].items() if name not in SHARED_DATA_KEYS}
    source: Source = make(node, "data", rooms=RUN_ROOMS)
    task: type[SequenceClassifier] = resolve(str(config["task"]["_target_"]), "task", parts)
    task.check_inputs(source.num_inputs)
    tokenization = make(config["tokens"], "tokens", rooms=RUN_ROOMS)
    if (tokenization if start is None else start).segment == "sentences":
        source.allow_lists()
    with watching() as progress:
        store = build_store(
            source,
            tokenization,
            validation_size=config["data"]["validation_size"],
            split_seed=config["data"]["split_seed"],
            join_fields=not is_part(config["multifield"]),
            start=start,
            word_indexers=word_indexers(config["embedder"], config.get("wide"), parts),
            progress=progress,
            multilabel=task.multilabel,
            cross=config["task"].get("interaction") == "cross",
        )
    if store.validation is None or len(store.validation) == 0:
        raise UserError(
            f"None of the {len(store.train)} training records is left to choose the epoch by. Give "
            "data.validation=FILE, or more records, or a larger data.validation_size."
        )
    return source, store


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
) -> RunResult:
    data = DataModule(
        store,
        config["data"]["batch_size"],
        max_tokens=config["data"]["max_tokens"],
        seed=int(config["seed"]),
        sampler=config["data"]["sampler"],
    )
    count_documents(model.text_field_embedder, store.train.batches)
    history = History(model.monitor, model.monitor_mode)
    progress = RunProgress(visible=config["trainer"]["progress_bar"])
    if model.wide is not None:
        model.wide.count(store.train.batches())
    trainer = _make_trainer(config, model, folder, [history, progress])
    compute_once(model, store, trainer.strategy.root_device)
    with tracking(trainer, origin.without_values(config)), explaining(trainer):
        trainer.fit(model, data)
        if not history.epochs:
            raise UserError("Nothing was trained: trainer.max_epochs must be at least 1.")
        model.load_state_dict(read_weights(folder / "checkpoints" / "best.ckpt"))
        metrics = _figures(trainer, model, data, history, progress)
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
        write_outputs(folder, config, source, store, model, history.epochs, metrics, began)
    return RunResult(metrics["score"], metrics, folder, folder / "model")


def _make_trainer(
    config: Mapping[str, Any], model: SequenceClassifier, folder: Path, callbacks: list[pl.Callback]
) -> pl.Trainer:
    make_here = partial(make, rooms=RUN_ROOMS, folder=folder, monitor=model.monitor, mode=model.monitor_mode)
    callbacks += [
        StepSeed(int(config["seed"])),
        FiniteNumbers(folder),
        *best_and_last(folder / "checkpoints", model.monitor, model.monitor_mode),
        *pruning(model.monitor, model.monitor_mode, int(config["trainer"]["max_epochs"])),
    ]
    if is_part(config["callbacks"]):
        callbacks += make_here(config["callbacks"], "callbacks")
    logger = make_here(config["logger"], "logger") if is_part(config["logger"]) else []
    node = {name: value for name, value in config["trainer"].items() if name not in OF_PROCESS}
    trainer: pl.Trainer = make_here(node, "trainer", callbacks=callbacks, logger=logger)
    return trainer


def _figures(
    trainer: pl.Trainer, model: SequenceClassifier, data: DataModule, history: History, progress: RunProgress
) -> dict[str, Any]:
    """Every figure of the best epoch's weights; the test records are read here for the first and only time."""
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
