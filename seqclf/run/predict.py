"""Predictions of a saved model for a file, or for what comes through a pipe."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from seqclf.classifiers.sequence_classifier import SequenceClassifier
from seqclf.data.files import open_table
from seqclf.data.table import Table
from seqclf.errors import UserError
from seqclf.inference.decision import Decision
from seqclf.inference.hub_folder import find_model_folder
from seqclf.inference.model_folder import MANIFEST_FILE
from seqclf.inference.predict_table import TablePredictions, write_predictions
from seqclf.inference.row_writers import STREAMED, streaming
from seqclf.run.own_parts import import_part
from seqclf.run.process import run_settings
from seqclf.run.progress import watching

PIPE = "-"


def predict(
    model: str,
    input: str,  # the name that is typed
    output: str,
    label: str | None = "label",
    encoding: str | None = None,
    separator: str | None = None,
    parts: list[str] | None = None,
    threads: int | None = None,
    calibrated: bool = True,
    top_k: int | None = None,
    abstain: float | None = None,
    thresholds: dict[str, float] | float | None = None,
    resume: bool = False,
    format: Literal["csv", "tsv", "jsonl"] | None = None,  # the name that is typed
) -> int:
    """Read records, write labels and probabilities, in the order of the input; memory stays bounded.

    Args:
        model: a model folder, or an id of the Hugging Face hub: owner/name, or owner/name@revision.
        input: the file of records; its columns carry the names of the model's fields. `-` for standard input.
        output: a .csv, .jsonl or .parquet file. `-` for standard output.
        label: the column of the labels, copied where it is there.
        encoding: of the input; UTF-8 unless typed.
        separator: between the columns of the input; the file ending's own unless typed.
        parts: dotted names of classes of your own that the model is built of.
        threads: for torch on the CPU; None for one per core.
        calibrated: whether probabilities are at the temperature that validation chose; false for those as learned.
        top_k: so many of the likeliest classes are written, with their probabilities, in place of all classes.
        abstain: below this probability of being right a record is given no label: its prediction is empty.
        thresholds: the least probability for a label to be given: one for all, or '{LABEL: 0.9}'.
        resume: what is predicted is kept in OUTPUT.pieces, and the same command goes on from there.
        format: of standard input and output: csv, tsv (written as csv) or jsonl; csv unless typed.

    Returns:
        How many records were predicted.

    Raises:
        UserError: for a model folder or an input that cannot be read.
    """
    decision = Decision(top_k, abstain, thresholds)
    _check(PIPE in (input, output), resume, format)
    with run_settings(0, threads), _file(input, format or "csv") as file:
        folder = find_model_folder(model)
        classifier = SequenceClassifier.from_pretrained(folder, [import_part(name) for name in parts or []])
        if not calibrated:
            classifier.temperature = 1.0
        table = open_table(file, encoding, separator)
        if label is not None:
            table.allow_lists(label)
        if output == PIPE:
            suffix = ".jsonl" if format == "jsonl" else STREAMED[0]
            return _write_to_pipe(TablePredictions(classifier, table, label, decision=decision), suffix)
        depends = _depends(folder, table, label, decision, calibrated) if resume else None
        with watching() as progress:
            return write_predictions(classifier, table, Path(output), label, None, progress, decision, depends)


def _check(piped: bool, resume: bool, format: str | None) -> None:
    """Refuse options that are for files where there is a pipe, and the other way round."""
    if resume and piped:
        raise UserError("resume=true needs files: what came through a pipe does not come again.")
    if format is not None and not piped:
        raise UserError(
            f"format={format} is for standard input and output; files are read and written by their ending."
        )


@contextmanager
def _file(input: str, format: str) -> Iterator[Path]:
    """The file of the records; what comes through a pipe is read to its end first, onto the disk."""
    if input != PIPE:
        yield Path(input)
        return
    with tempfile.TemporaryDirectory(prefix="seqclf") as folder:
        file = Path(folder) / f"input.{format}"
        with file.open("wb") as out:
            shutil.copyfileobj(sys.stdin.buffer, out)
        try:
            yield file
        except UserError as error:
            raise UserError(str(error).replace(str(file), "standard input")) from error


def _write_to_pipe(predictions: TablePredictions, suffix: str) -> int:
    written = 0
    sys.stdout.reconfigure(encoding="utf-8", errors="replace", newline="")  # type: ignore[union-attr]
    try:
        write = streaming(sys.stdout, suffix, predictions.header)
        for piece in predictions.pieces():
            write(piece)
            sys.stdout.flush()
            written += len(piece)
    except BrokenPipeError:  # who read it has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return written


def _depends(folder: Path, table: Table, label: str | None, decision: Decision, calibrated: bool) -> dict[str, Any]:
    manifest = (folder / MANIFEST_FILE).read_bytes()
    return {
        "model": hashlib.sha256(manifest).hexdigest(),
        "input": table.stamp() or table.fingerprint(),
        "label": label,
        "abstain": decision.abstain,
        "thresholds": decision.thresholds,
        "calibrated": calibrated,
    }
