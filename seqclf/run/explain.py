"""Explanations of a saved model for a file."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import IO, Literal

from seqclf.classifiers.sequence_classifier import SequenceClassifier
from seqclf.data.files import open_table
from seqclf.data.table import Table
from seqclf.errors import UserError
from seqclf.inference.atomic import replacing
from seqclf.inference.explain import Explanation
from seqclf.inference.explain import explain as explain_texts
from seqclf.inference.explanation_html import page
from seqclf.inference.predict_table import read_records
from seqclf.run.own_parts import import_part
from seqclf.run.process import inference_settings
from seqclf.run.progress import watching

PIECE = 256  # records that are explained together
FORMATS = (".html", ".csv", ".jsonl")
COLUMNS = ("row", "explained", "prediction", "probability", "field", "start", "end", "token", "attribution")


def explain(
    model: str,
    input: str,  # the name that is typed
    output: str,
    label: str | None = None,
    method: Literal["integrated_gradients", "gradient_x_input", "leave_one_out"] = "integrated_gradients",
    steps: int = 32,
    limit: int | None = None,
    encoding: str | None = None,
    separator: str | None = None,
    parts: list[str] | None = None,
    threads: int | None = None,
) -> int:
    """Say for each record of a file what each of its tokens and fields adds to the logit of its class.

    Args:
        model: a model folder, or an id of the Hugging Face hub: owner/name, or owner/name@revision.
        input: the file of records; its columns carry the names of the model's fields.
        output: a .html page, a .csv file of one line per token, or a .jsonl file of one object per record.
        label: the class to explain in every record; null for the one that is predicted.
        method: integrated_gradients; gradient_x_input, which is quicker; leave_one_out, which reads without each token.
        steps: points of integrated gradients; more make the completeness error smaller.
        limit: how many records are explained, from the beginning; null for all.
        encoding: of the input; UTF-8 unless typed.
        separator: between the columns of the input; the file ending's own unless typed.
        parts: dotted names of classes of your own that the model is built of.
        threads: for torch on the CPU; None for one per core.

    Returns:
        How many records were explained.

    Raises:
        UserError: for a model folder or an input that cannot be read, and for another ending of the output.
    """
    file = Path(output)
    if file.suffix not in FORMATS:
        raise UserError(f"{output}: explanations are written as {', '.join(FORMATS)}, not {file.suffix!r}.")
    count = 0

    def counted(explanations: Iterator[Explanation]) -> Iterator[Explanation]:
        nonlocal count
        for each in explanations:
            count += 1
            yield each

    with inference_settings(threads), watching() as progress:
        classifier = SequenceClassifier.from_pretrained(model, [import_part(name) for name in parts or []])
        if label is not None:
            classifier.vocab.label_index(label)
        table = open_table(Path(input), encoding, separator)

        def explanations() -> Iterator[Explanation]:
            for piece in _pieces(table, classifier, limit):
                yield from explain_texts(classifier, piece, label, method, steps)
                if progress is not None:
                    progress("explaining", count)

        with replacing(file) as temporary, temporary.open("w", encoding="utf-8", errors="replace", newline="") as out:
            _write(out, file.suffix, counted(explanations()))
    return count


def _pieces(table: Table, model: SequenceClassifier, limit: int | None) -> Iterator[list[tuple[str, ...]]]:
    if model.vocab.segment is not None:
        table.allow_lists(*model.vocab.columns)
    rows = islice(read_records(table, model.vocab), limit)
    while piece := [row.values for row in islice(rows, PIECE)]:
        yield piece


def _write(out: IO[str], suffix: str, explanations: Iterator[Explanation]) -> None:
    if suffix == ".html":
        out.writelines(page(explanations))
    elif suffix == ".jsonl":
        for row, each in enumerate(explanations):
            print(json.dumps({"row": row, **asdict(each)}, ensure_ascii=False), file=out)
    else:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(COLUMNS)
        for row, each in enumerate(explanations):
            said = (row, each.label, each.prediction.label, format(each.prediction.probability, ".8g"))
            for token in each.tokens:
                value = format(token.attribution, ".8g")
                writer.writerow((*said, token.field, token.start, token.end, token.text, value))
