"""Predictions of a saved model for a file, or for what comes through a pipe."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from seqclf.errors import UserError
from seqclf.inference.decision import Decision
from seqclf.inference.predict_table import TablePredictions
from seqclf.inference.row_writers import STREAMED, streaming
from seqclf.run.predictor import Predictor
from seqclf.run.process import inference_settings
from seqclf.run.progress import watching
from seqclf.run.shards import predict_folder

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
    engine: Literal["here", "ray"] = "here",
) -> int:
    """Read records, write labels and probabilities, in the order of the input; memory stays bounded.

    Args:
        model: a model folder, or an id of the Hugging Face hub: owner/name, or owner/name@revision.
        input: the file of records; its columns carry the names of the model's fields. `-` for standard input. A folder
            of such files is predicted file by file.
        output: a .csv, .jsonl or .parquet file, or the folder for those of a folder. `-` for standard output.
        label: the column of the labels, copied where it is there.
        encoding: of the input; UTF-8 unless typed.
        separator: between the columns of the input; the file ending's own unless typed.
        parts: dotted names of classes of your own that the model is built of.
        threads: for torch on the CPU; None for one per core.
        calibrated: whether probabilities are at the temperature that validation chose; false for those as learned.
        top_k: so many of the likeliest classes are written, with their probabilities, in place of all classes.
        abstain: below this probability of being right a record is given no label: its prediction is empty.
        thresholds: the least probability for a label to be given: one for all, or '{LABEL: 0.9}'.
        resume: what is predicted is kept in OUTPUT.pieces, and the same command goes on from there; files of a folder
            that are predicted are passed over.
        format: of standard input and output: csv, tsv (written as csv) or jsonl; csv unless typed.
        engine: who predicts the files of a folder: this process (here), or the workers of a Ray cluster (ray).

    Returns:
        How many records were predicted.

    Raises:
        UserError: for a model folder or an input that cannot be read.
    """
    _check(PIPE in (input, output), resume, format)
    decision = Decision(top_k, abstain, thresholds)
    predictor = Predictor(model, label, encoding, separator, tuple(parts or ()), calibrated, decision)
    if input != PIPE and Path(input).is_dir():
        if output == PIPE:
            raise UserError(f"{input} is a folder: its predictions need a folder too, output=FOLDER.")
        return predict_folder(predictor, Path(input), Path(output), engine, resume, threads)
    if engine != "here":
        raise UserError(f"engine={engine} is for a folder of files, and {input} is none.")
    with inference_settings(threads), _file(input, format or "csv") as file:
        if output == PIPE:
            return _write_to_pipe(predictor.rows(file), ".jsonl" if format == "jsonl" else STREAMED[0])
        with watching() as progress:
            return predictor.write(file, Path(output), resume, progress)


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
