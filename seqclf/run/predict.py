"""Predictions of a saved model for a file."""

from __future__ import annotations

from pathlib import Path

from seqclf.classifiers.sequence_classifier import SequenceClassifier
from seqclf.data.files import open_table
from seqclf.inference.predict_table import write_predictions
from seqclf.run.own_parts import import_part
from seqclf.run.process import run_settings
from seqclf.run.progress import watching


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
) -> int:
    """Read records, write labels and all probabilities, in the order of the input; memory stays bounded.

    Args:
        model: a model folder.
        input: the file of records; its columns carry the names of the model's fields.
        output: a .csv or .jsonl file.
        label: the column of the labels, copied where it is there.
        encoding: of the input; UTF-8 unless typed.
        separator: between the columns of the input; the file ending's own unless typed.
        parts: dotted names of classes of your own that the model is built of.
        threads: for torch on the CPU; None for one per core.
        calibrated: whether probabilities are at the temperature that validation chose; false for those as learned.

    Returns:
        How many records were predicted.

    Raises:
        UserError: for a model folder or an input that cannot be read.
    """
    with run_settings(0, threads):
        classifier = SequenceClassifier.from_pretrained(model, [import_part(name) for name in parts or []])
        if not calibrated:
            classifier.temperature = 1.0
        table = open_table(Path(input), encoding, separator)
        if label is not None:
            table.allow_lists(label)
        with watching() as progress:
            return write_predictions(classifier, table, Path(output), label, progress=progress)
