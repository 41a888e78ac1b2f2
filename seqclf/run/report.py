"""report.html: one self-contained page about a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from seqclf.classifiers.sequence_classifier import SequenceClassifier
from seqclf.data.source import Tables
from seqclf.inference.atomic import replacing
from seqclf.inference.explanation_html import STYLE as MARKS
from seqclf.run.charts import STYLE as CHARTS
from seqclf.run.evidence import Evidence
from seqclf.run.page import STYLE, facts, section
from seqclf.run.report_data import by_length, by_presence, field_importance, repeated_texts
from seqclf.run.report_errors import classes, confusions, label_errors, mistakes
from seqclf.run.report_scores import calibration, learning_curves, precision_recall, scores


def write_report(
    metrics: Mapping[str, Any],
    epochs: Sequence[Mapping[str, float]],
    counts: Mapping[str, Any],
    model: SequenceClassifier,
    tables: Tables,
    evidence: Evidence | None,
    file: Path,
) -> None:
    """Write the page. Of large data sets a sample of the records is looked at, which the page says.

    Args:
        metrics: every figure of the run, as in metrics.json.
        epochs: the figures of each epoch.
        counts: what the store counted in the data.
        model: the trained model.
        tables: the data.
        evidence: what predictions.csv of the run says of the records that it is judged by.
        file: where to.
    """
    stage = "test" if "test/accuracy" in metrics else "validation"
    own = {name: value for name, value in metrics.items() if "/" not in name and name != "versions"}
    parts = [
        f"<h1>{escape(stage)} accuracy {metrics[f'{stage}/accuracy']:.4f}</h1>",
        scores(metrics, stage, evidence),
        learning_curves(epochs),
        "" if evidence is None else confusions(evidence),
        classes(metrics, stage, evidence, model.output_classes),
        *([] if evidence is None else _looked_at(metrics, stage, evidence, model)),
        repeated_texts(counts, tables),
        section("Data", facts(counts.items())),
        section("Run", facts((own | {"seed": str(own["seed"])}).items())),
        section("Versions", facts(metrics["versions"].items())),
    ]
    page = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>seqclf run</title><style>{STYLE}{CHARTS}{MARKS.replace('.sq mark', 'mark')}</style></head><body>\n"
        + "\n".join(part for part in parts if part)
        + "\n</body></html>\n"
    )
    with replacing(file) as temporary:
        temporary.write_text(page, encoding="utf-8", errors="replace")


def _looked_at(metrics: Mapping[str, Any], stage: str, evidence: Evidence, model: SequenceClassifier) -> list[str]:
    """What is seen by looking at single records."""
    return [
        calibration(metrics, stage, evidence),
        precision_recall(evidence),
        by_length(evidence),
        by_presence(evidence),
        field_importance(model, evidence),
        mistakes(model, evidence),
        label_errors(stage, evidence),
    ]
