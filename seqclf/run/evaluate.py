"""Figures of a saved model on new data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table as Grid

from seqclf.classifiers.evaluation import evaluate as figures_of
from seqclf.classifiers.sequence_classifier import SequenceClassifier
from seqclf.data.source import Source
from seqclf.data.table import Table
from seqclf.errors import UserError
from seqclf.inference.predict_table import read_records, write_predictions
from seqclf.parts import RUN_ROOMS, make
from seqclf.run.own_parts import import_part
from seqclf.run.process import inference_settings
from seqclf.run.progress import watching
from seqclf.run.results import figure, shown, write_metrics
from seqclf.text.label_sets import split_cell
from seqclf.text.vocabulary import UNKNOWN_LABEL, Vocabulary

PIECE = 8192  # records that are evaluated together
TEXT_KEYS = ("text", "categorical", "numeric", "left", "right")  # of a source, for the columns that are read
LABEL = "label"  # what the label column is called unless another name is typed


def evaluate(
    model: str,
    data: Mapping[str, Any],
    output: str | None = None,
    predictions: str | None = None,
    parts: list[str] | None = None,
    threads: int | None = None,
) -> dict[str, float]:
    """Evaluate a model folder on the test table of a source (or, where it has none, on its validation table).

    Args:
        model: a model folder, or an id of the Hugging Face hub: owner/name, or owner/name@revision.
        data: the source, as `data` in the configuration.
        output: a .json file for every figure.
        predictions: a .csv or .jsonl file for the predictions.
        parts: dotted names of classes of your own that the model is built of.
        threads: for torch on the CPU; None for one per core.

    Returns:
        Every figure by name, `test/accuracy` and so on; none where the table has no labels.

    Raises:
        UserError: for a model folder or data that cannot be read, and for other columns than those of the model.
    """
    with inference_settings(threads):
        classifier = SequenceClassifier.from_pretrained(model, [import_part(name) for name in parts or []])
        _check_columns(data, classifier.vocab)
        source: Source = make(data, "data", rooms=RUN_ROOMS)
        if classifier.vocab.reads_lists:
            source.allow_lists()
        tables = source.tables()
        table = tables.test or tables.validation
        if table is None:
            raise UserError("There is nothing to evaluate on: give data.test=FILE.")
        if data.get("label", LABEL) != LABEL:  # it was typed, so it must be there
            table.column(str(tables.label), "data.label")
        label = tables.label if tables.label in table.columns else None
        figures: dict[str, float] = {}
        unknown: Counter[str] = Counter()
        separator = None if classifier.vocab.label_separator is None else source.label_separator
        separator = separator or classifier.vocab.label_separator
        with watching() as progress:
            if label is not None:
                figures = figures_of(classifier, _pieces(table, classifier.vocab, label, separator, unknown))
            if predictions is not None:
                write_predictions(classifier, table, Path(predictions), label, progress=progress)
    named = {f"test/{name}": value for name, value in figures.items()}
    if output is not None:
        write_metrics(named, Path(output))
    _show(table, figures, unknown)
    return named


def _check_columns(data: Mapping[str, Any], vocab: Vocabulary) -> None:
    typed = {key: data[key] for key in TEXT_KEYS if data.get(key) is not None}
    names = [name for columns in typed.values() for name in columns]
    as_trained = names == list(vocab.columns) if vocab.num_sides > 1 else sorted(names) == sorted(vocab.columns)
    if typed and not as_trained:
        keys = " and ".join(f"data.{key}" for key in typed)
        reads = ", ".join(map(repr, vocab.columns))
        raise UserError(f"{keys}: the model reads the columns {reads}, as it was trained; leave {keys} out.")


def _pieces(
    table: Table, vocab: Vocabulary, label: str, separator: str | None, unknown: Counter[str]
) -> Iterator[tuple[list[list[str]], list[Any]]]:
    """Texts and labels, a piece at a time; labels that the model does not know are counted on the way."""
    texts: list[list[str]] = []
    labels: list[Any] = []
    for row in read_records(table, vocab, label):
        *words, cell = row.values
        texts.append(words)
        names = [cell] if separator is None else split_cell(cell, separator)
        labels.append(cell if separator is None else names)
        unknown.update(name for name, at in zip(names, vocab.label_indices(names), strict=True) if at == UNKNOWN_LABEL)
        if len(texts) == PIECE:
            yield texts, labels
            texts, labels = [], []
    if texts:
        yield texts, labels


def _show(table: Table, figures: Mapping[str, float], unknown: Mapping[str, int]) -> None:
    console = Console(highlight=False)
    if not figures:
        console.print(f"{table.name} has no labels: nothing can be scored.")
        return
    grid = Grid(title=f"{table.name} ({figures['records']:,.0f} records)", title_justify="left")
    names = shown(figures, "")
    for name in names:
        grid.add_column(name.replace("_", " "), justify="right")
    grid.add_row(*(figure(figures.get(name)) for name in names))
    console.print(grid)
    if unknown:
        counted = ", ".join(f"{label} ({count})" for label, count in unknown.items())
        console.print(f"Labels that the model does not know, counted as wrong: {counted}")
