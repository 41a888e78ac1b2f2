"""explore.html: a page in which the records of a predictions.csv are filtered, sorted and opened."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seqclf.classifiers.sequence_classifier import SequenceClassifier
from seqclf.data.files import open_table
from seqclf.errors import UserError
from seqclf.inference.atomic import replacing
from seqclf.inference.explain import Explanation
from seqclf.inference.explain import explain as explain_texts
from seqclf.inference.predict_table import read_records
from seqclf.inference.record_vectors import nearest_vectors, record_vectors
from seqclf.inference.spans import readable
from seqclf.run.evidence import as_list, as_read
from seqclf.run.own_parts import import_part
from seqclf.run.predictions_file import PredictionsFile, read_predictions
from seqclf.run.process import inference_settings
from seqclf.text.label_sets import SEPARATOR, readable_cell, split_cell
from seqclf.text.vocabulary import Vocabulary

PAGE = Path(__file__).with_name("explore.html")
PIECE = 128  # records that are explained together
SHOWN = 4000  # characters of a field
CHANCES, NEAR = 6, 5  # how many of a record are shown
FAINT = 0.02  # of the strongest attribution: what is weaker has no colour


def explore(
    model: str,
    input: str,  # the name that is typed
    output: str,
    training: str | None = None,
    label: str = "label",
    limit: int = 10_000,
    seconds: float = 60.0,
    parts: list[str] | None = None,
    threads: int | None = None,
) -> int:
    """Write an interactive page about predictions: one file that needs no network.

    Args:
        model: a model folder.
        input: predictions.csv of this model, as a run or scripts/predict.py writes it.
        output: the page.
        training: a file of records among which the nearest are looked for; null for the input itself.
        label: the label column of that file.
        limit: how many records the page has; of more, evenly spaced ones. Of `training` the same.
        seconds: how long words are attributed, the surest mistakes first; records behind that have no colours.
        parts: dotted names of classes of your own that the model is built of.
        threads: for torch on the CPU; None for one per core.

    Returns:
        How many records the page has.

    Raises:
        UserError: for a model folder or a file that cannot be read, and for predictions of other classes or fields.
    """
    if limit < 1:
        raise UserError(f"limit must be at least 1, but is {limit}.")
    with inference_settings(threads):
        classifier = SequenceClassifier.from_pretrained(model, [import_part(name) for name in parts or []])
        file = read_predictions(Path(input))
        _check(file, classifier.vocab)
        lines = file.lines[:: max(1, -(-len(file.lines) // limit))]
        names = file.header[1 : len(classifier.vocab.columns) + 1]
        texts = [tuple(as_read(line[name], classifier.vocab) for name in names) for line in lines]
        records = [_record(line, own, classifier.vocab) for line, own in zip(lines, texts, strict=True)]
        others = None if training is None else _training(training, label, limit, classifier.vocab)
        _find_near(classifier, texts, None if others is None else others[0], records)
        _attribute(classifier, texts, records, seconds)
        page = {
            "title": f"{len(records):,} of {len(file.lines):,} records of {input}, {model}",
            "fields": classifier.vocab.columns,
            "labels": classifier.vocab.labels,
            "labelled": file.labels is not None,
            "unexplained": f"Words were attributed for {seconds:g} s, the surest mistakes first; not of this record.",
            "nearest": "Nearest of these records" if others is None else f"Nearest records of {training}",
            "training": None if others is None else _kept(others[1], records),
            "records": records,
        }
    _write(page, Path(output))
    return len(records)


def _write(page: dict[str, Any], output: Path) -> None:
    data = json.dumps(page, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    before, after = PAGE.read_text(encoding="utf-8").split("DATA", 1)
    with replacing(output) as temporary:
        temporary.write_text(before + data + after, encoding="utf-8", errors="replace")


def _find_near(
    model: SequenceClassifier,
    texts: Sequence[Sequence[str]],
    others: Sequence[Sequence[str]] | None,
    records: Sequence[dict[str, Any]],
) -> None:
    """Number the nearest of others, or of these, in each record."""
    pool = None if others is None else record_vectors(model, others)
    numbers, cosines = nearest_vectors(record_vectors(model, texts), pool, NEAR)
    for own, near, alike in zip(records, numbers.tolist(), cosines.tolist(), strict=True):
        own["near"] = [(at, round(cosine, 3)) for at, cosine in zip(near, alike, strict=True)]


def _check(file: PredictionsFile, vocab: Vocabulary) -> None:
    if file.classes != list(vocab.labels):
        raise UserError(
            f"{file.path} does not hold the probabilities of this model's {vocab.num_labels} classes: predict again "
            "with this model, without top_k."
        )
    found = [name.removeprefix("text/") for name in file.header[1 : len(vocab.columns) + 1]]
    if found != [name.removeprefix("text/") for name in vocab.columns]:
        raise UserError(f"{file.path} has the fields {found}, but the model reads {list(vocab.columns)}.")
    if not file.lines:
        raise UserError(f"{file.path} has no records.")


def _record(line: dict[str, str], texts: Sequence[str], vocab: Vocabulary) -> dict[str, Any]:
    chances = np.array([float(line[f"probability/{name}"]) for name in vocab.labels])
    gold, given = line.get("label"), line["prediction"]
    wrong = None
    if gold:
        separator = vocab.label_separator
        wrong = gold != given if separator is None else set(_split(gold, separator)) != set(_split(given, separator))
    most = np.argsort(-chances, kind="stable")[:CHANCES].tolist()
    return {
        "row": int(line["row"]),
        "texts": [readable(text)[:SHOWN] for text in texts],
        "gold": gold,
        "given": given,
        "wrong": wrong,
        "sure": round(float(line["probability"]), 4),
        "chances": [(at, round(float(chances[at]), 4)) for at in most],
        "why": None,
    }


def _split(cell: str, separator: str) -> list[str]:
    return split_cell(as_list(cell), separator)


def _training(path: str, label: str, limit: int, vocab: Vocabulary) -> tuple[list[tuple[str, ...]], list[Any]]:
    """Texts, and what the page shows of each."""
    table = open_table(Path(path))
    if vocab.reads_lists:
        table.allow_lists(*vocab.columns)
    rows = list(read_records(table, vocab, label if label in table.columns else None))
    rows = rows[:: max(1, -(-len(rows) // limit))]
    if not rows:
        raise UserError(f"{path} has no records.")
    width, separator = len(vocab.columns), vocab.label_separator or SEPARATOR
    texts = [row.values[:width] for row in rows]
    shown = [
        {
            "texts": [readable(text)[:SHOWN] for text in row.values[:width]],
            "gold": "".join(readable_cell(cell, separator) for cell in row.values[width:]),
        }
        for row in rows
    ]
    return texts, shown


def _kept(shown: Sequence[Any], records: Sequence[dict[str, Any]]) -> list[Any]:
    """The training records that are near to any, which the records then number."""
    places: dict[int, int] = {}
    for own in records:
        own["near"] = [(places.setdefault(at, len(places)), alike) for at, alike in own["near"]]
    return [shown[at] for at in places]


def _attribute(
    model: SequenceClassifier, texts: Sequence[Sequence[str]], records: Sequence[dict[str, Any]], seconds: float
) -> None:
    """Say why of as many records as there is time for, at least of the first few."""
    end = time.perf_counter() + seconds
    order = sorted(range(len(records)), key=lambda at: (not records[at]["wrong"], -records[at]["sure"]))
    for first in range(0, len(order), PIECE):
        chosen = order[first : first + PIECE]
        found = explain_texts(model, [texts[at] for at in chosen], method="gradient_x_input")
        for at, each in zip(chosen, found, strict=True):
            records[at]["why"] = _why(each)
        if time.perf_counter() > end:
            return


def _why(explanation: Explanation) -> dict[str, Any]:
    strongest = max((abs(token.attribution) for token in explanation.tokens), default=0.0)
    tokens: dict[str, list[tuple[int, int, float]]] = {name: [] for name in explanation.texts}
    for token in explanation.tokens:
        if abs(token.attribution) >= FAINT * strongest and token.start < token.end <= SHOWN:
            tokens[token.field].append((token.start, token.end, round(token.attribution, 4)))
    return {
        "label": explanation.label,
        "tokens": list(tokens.values()),
        "fields": [round(explanation.fields[name], 3) if name in explanation.fields else None for name in tokens],
        "weights": [(name, round(weight, 3)) for name, weight in explanation.field_weights],
    }
