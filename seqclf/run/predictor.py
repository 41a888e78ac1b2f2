"""What `scripts/predict.py` does with one file of records, and then with the next."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from seqclf.classifiers.sequence_classifier import SequenceClassifier
from seqclf.data.files import open_table
from seqclf.data.table import Table
from seqclf.inference.decision import Decision
from seqclf.inference.hub_folder import find_model_folder
from seqclf.inference.model_folder import MANIFEST_FILE
from seqclf.inference.predict_table import TablePredictions, write_predictions
from seqclf.run.own_parts import import_part


@dataclass(frozen=True)
class Predictor:
    """A saved model and how its predictions are given; the model is read when the first file is, once.

    Args:
        model: a model folder, or an id of the Hugging Face hub.
        label: the column of the labels; None where there is none.
        encoding: of the files.
        separator: between their columns.
        parts: dotted names of classes that the model is built of.
        calibrated: whether probabilities are at the temperature that validation chose.
        decision: how labels are given.
    """

    model: str
    label: str | None
    encoding: str | None
    separator: str | None
    parts: tuple[str, ...]
    calibrated: bool
    decision: Decision

    @cached_property
    def folder(self) -> Path:
        """Where the model is."""
        return find_model_folder(self.model)

    @cached_property
    def classifier(self) -> SequenceClassifier:
        """The model."""
        classifier = SequenceClassifier.from_pretrained(self.folder, [import_part(name) for name in self.parts])
        if not self.calibrated:
            classifier.temperature = 1.0
        return classifier

    def unread(self) -> Predictor:
        """The same for other processes, which read the model themselves, from the same folder."""
        return replace(self, model=str(self.folder.resolve()))

    def settings(self) -> dict[str, Any]:
        """All that predictions depend on besides the records, in plain values."""
        return {
            "model": hashlib.sha256((self.folder / MANIFEST_FILE).read_bytes()).hexdigest(),
            "label": self.label,
            "abstain": self.decision.abstain,
            "thresholds": self.decision.thresholds,
            "calibrated": self.calibrated,
        }

    def table(self, file: Path) -> Table:
        """A file of records."""
        table = open_table(file, self.encoding, self.separator)
        if self.label is not None:
            table.allow_lists(self.label)
        return table

    def rows(self, file: Path) -> TablePredictions:
        """The predictions of a file, for who writes them elsewhere."""
        self.classifier  # noqa: B018  a model that cannot be read is said before a file that cannot
        return TablePredictions(self.classifier, self.table(file), self.label, decision=self.decision)

    def write(self, file: Path, output: Path, resume: bool, progress: Callable[[str, int], None] | None = None) -> int:
        """Predict a file into another, which is there whole or not at all.

        Args:
            file: of the records.
            output: of the predictions.
            resume: whether what is predicted is kept until all is, and gone on with.
            progress: called as `progress(what, rows)`.

        Returns:
            How many records were predicted now.
        """
        classifier, table = self.classifier, self.table(file)
        depends = {**self.settings(), "input": table.stamp() or table.fingerprint()} if resume else None
        return write_predictions(classifier, table, output, self.label, None, progress, self.decision, depends)
