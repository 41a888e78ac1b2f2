"""What a run leaves behind in its folder."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seqclf.classifiers.sequence_classifier import SequenceClassifier
from seqclf.data.source import Source, Tables
from seqclf.data.store import Store
from seqclf.inference.model_folder import save
from seqclf.inference.predict_table import write_predictions
from seqclf.run.baselines import run_baselines
from seqclf.run.card import write_card
from seqclf.run.evidence import read_evidence
from seqclf.run.progress import watching
from seqclf.run.report import write_report
from seqclf.run.results import show, write_metrics
from seqclf.token_features import settle


def write_outputs(
    folder: Path,
    data: Mapping[str, Any],
    baselines: bool,
    source: Source,
    store: Store,
    model: SequenceClassifier,
    epochs: Sequence[Mapping[str, float]],
    metrics: dict[str, Any],
    began: float,
) -> None:
    """Write the model, the predictions, the figures and the report, and show the figures; one rank alone does.

    Args:
        folder: of the run.
        data: as in the configuration, with nothing of the environment in it.
        baselines: whether they are computed.
        source: the tables.
        store: their numbered records.
        model: with the weights that are kept.
        epochs: the figures of every epoch.
        metrics: every figure; those of the baselines, which are computed here, and the time taken are added.
        began: when the run began, by `time.perf_counter`.
    """
    tables = source.tables()
    if baselines:
        metrics |= run_baselines(source, store)
    kept = settle(model)
    save(kept, folder / "model")
    paths = {"model": folder / "model", "metrics": folder / "metrics.json"}
    paths |= {"predictions": folder / "predictions.csv", "report": folder / "report.html"}
    _write_predictions(model, tables, store, paths["predictions"])
    metrics["seconds"] = time.perf_counter() - began
    write_metrics(metrics, paths["metrics"])
    stage = "test" if "test/accuracy" in metrics else "validation"
    records = int(metrics[f"{stage}/records"])
    evidence = read_evidence(paths["predictions"], model.vocab, model.temperature, records)
    write_report(metrics, epochs, store.report, model, tables, evidence, paths["report"])
    write_card(folder / "model", data, store, kept, metrics, evidence)
    show(metrics, {"run": folder, **paths})


def _write_predictions(model: SequenceClassifier, tables: Tables, store: Store, file: Path) -> None:
    """Of the test records, or of the validation records where there are none to test on."""
    rows = None
    table = tables.test or tables.validation
    if table is None:  # the validation records were cut from the training table
        assert tables.train is not None
        assert store.validation is not None
        table, rows = tables.train, set(store.validation.rows.tolist())
    with watching() as progress:
        write_predictions(model, table, file, tables.label, rows, progress)
