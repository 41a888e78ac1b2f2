"""What was counted while a store was made, and what of it deserves a word."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from seqclf.data.record_files import RecordsWriter
from seqclf.data.scan import Scan, contradictory, repeated, shared
from seqclf.text.vocabulary import Vocabulary

NAMED = 5  # labels that a remark names


def report_on(
    scans: Mapping[str, Scan],
    in_validation: npt.NDArray[np.bool_],
    written: Mapping[str, RecordsWriter],
    vocabulary: Vocabulary,
    seconds: Mapping[str, float],
) -> dict[str, Any]:
    """Everything that was counted, in plain numbers.

    Args:
        scans: the first reading of each table, by split.
        in_validation: which records of the training table are the validation part `(R,)`.
        written: the records of each split as they were written.
        vocabulary: what was fitted on the training split.
        seconds: what each reading took.

    Returns:
        By name: `records`, `tokens` and `unknown_tokens` (a share) by split; `classes` (training records by label),
        `unknown_labels` (records by label, by split), `missing_labels`, `leaks` (records whose texts are in training
        too) and `cut` (sequences longer than a pretrained model reads) by split;
        `duplicates` and `conflicting_labels` in the training table; `vocabulary`; `seconds`.
    """
    train = scans["train"]
    hashes = {split: found.hashes for split, found in scans.items()} | {"train": train.hashes[~in_validation]}
    counts = {split: found.counts() for split, found in scans.items() if split != "train"}
    if in_validation.any():
        hashes["validation"] = train.hashes[in_validation]
    known = set(vocabulary.labels)
    unknown = {split: {k: n for k, n in found.items() if k not in known} for split, found in counts.items()}
    return {
        "records": {split: records.records for split, records in written.items()},
        "classes": train.counts(~in_validation),
        "unknown_labels": {split: found for split, found in unknown.items() if found},
        "missing_labels": {split: found.missing() for split, found in scans.items() if found.missing()},
        "duplicates": repeated(train.hashes),
        "conflicting_labels": 0 if train.labels is None else contradictory(train.hashes, train.labels),
        "leaks": {split: shared(found, hashes["train"]) for split, found in hashes.items() if split != "train"},
        "tokens": {split: records.tokens for split, records in written.items()},
        "unknown_tokens": {split: records.unknown / records.tokens for split, records in written.items()},
        "cut": {split: records.cut for split, records in written.items() if records.cut},
        "vocabulary": vocabulary.size(),
        "seconds": {name: round(taken, 3) for name, taken in seconds.items()},
    }


def remarks(report: Mapping[str, Any]) -> list[str]:
    """One sentence for everything in a report that a person should know before trusting the figures."""
    found = []
    for split, labels in report["unknown_labels"].items():
        most = sorted(labels, key=lambda label: -labels[label])[:NAMED]
        named = ", ".join(f"{label!r} ({labels[label]})" for label in most) + (", ..." if len(labels) > NAMED else "")
        found.append(
            f"{sum(labels.values())} {split} records have a label that no training record has: {named}. They count as "
            "wrong."
        )
    for split, number in report["missing_labels"].items():
        found.append(f"{number} {split} records have no label.")
    for split, number in report["leaks"].items():
        if number:
            total = report["records"][split]
            found.append(f"{number} of {total} {split} records have the very texts of a training record.")
    for split, number in report["cut"].items():
        found.append(
            f"{number} {split} sequences are longer than tokens.max_length and were cut (tokens.truncation says where; "
            "tokens.segment=windows reads all)."
        )
    if report["conflicting_labels"]:
        found.append(f"{report['conflicting_labels']} texts stand in the training table with more than one label.")
    return found
