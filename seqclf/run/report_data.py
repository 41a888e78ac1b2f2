"""Of a report: how the score depends on what records hold, and what is odd about the data."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from html import escape
from itertools import islice, pairwise
from typing import Any

import numpy as np
import torch

from seqclf.classifiers.sequence_classifier import SequenceClassifier
from seqclf.data.indexing import index_records
from seqclf.data.source import Tables
from seqclf.data.table import Table
from seqclf.inference.predict import probabilities
from seqclf.inference.spans import readable
from seqclf.run.evidence import Evidence
from seqclf.run.page import Html, bar, cut, facts, section, table
from seqclf.text.label_sets import readable_cell

GROUPS, PATTERNS, ODD = 6, 8, 5  # how many are shown
ASKED = 1000  # records that are read again without a field
READ = 30_000  # rows of a table that are searched for repeated texts


def by_length(evidence: Evidence) -> Html:
    """The share of right predictions by the number of tokens."""
    lengths = index_records(evidence.vocab, evidence.texts).lengths
    edges = np.unique(np.quantile(lengths, np.linspace(0, 1, GROUPS + 1), method="lower"))
    rows = []
    for low, high in pairwise(edges.tolist()):
        inside = (lengths >= low) & ((lengths < high) | (high == edges[-1]))
        last = int(lengths[inside].max()) if inside.any() else 0
        if inside.any():
            tokens = f"{int(low)} to {last}" if low < last else str(last)
            rows.append((tokens, int(inside.sum()), bar(float(evidence.right[inside].mean()))))
    return section("By length", table(("tokens", "records", "right"), rows)) if len(rows) > 1 else Html("")


def by_presence(evidence: Evidence) -> Html:
    """The share of right predictions by which fields are there."""
    patterns = [tuple(bool(text.strip()) for text in texts) for texts in evidence.texts]
    counts = Counter(patterns).most_common(PATTERNS)
    if len(counts) < 2:
        return Html("")
    rows = []
    for pattern, count in counts:
        names = [name for name, there in zip(evidence.vocab.columns, pattern, strict=True) if there]
        right = evidence.right[[own == pattern for own in patterns]].mean()
        rows.append((", ".join(names) or "none", count, bar(float(right))))
    return section("By the fields that are there", table(("fields", "records", "right"), rows))


def field_importance(model: SequenceClassifier, evidence: Evidence) -> Html:
    """The share of right predictions when a field is left out."""
    columns = evidence.vocab.columns
    if len(columns) < 2:
        return Html("")
    chosen = np.arange(0, len(evidence.rows), -(-len(evidence.rows) // ASKED))
    texts = [evidence.texts[at] for at in chosen]
    whole = float(evidence.right[chosen].mean())
    rows: list[tuple[Any, ...]] = [("none", bar(whole), "")]
    for column, name in enumerate(columns):
        without = [[*own[:column], "", *own[column + 1 :]] for own in texts]
        share = _right(model, without, evidence, chosen)
        rows.append((name, bar(share), Html(f"{share - whole:+.3f}")))
    note = f"What becomes of {len(chosen):,} of these records when a field is not read; nothing is trained anew."
    return section("Fields", table(("left out", "right", ""), rows), note=note)


def repeated_texts(counts: Mapping[str, Any], tables: Tables) -> Html:
    """Texts that are in two splits, and those that have two labels."""
    labels: dict[tuple[str, ...], set[str]] = defaultdict(set)
    if tables.train is not None:
        for texts, label in _rows(tables.train, tables):
            labels[texts].add(label)
    odd = [(texts, ", ".join(sorted(own))) for texts, own in labels.items() if len(own) > 1]
    twice: list[tuple[tuple[str, ...], str]] = []
    for split, other in (("validation", tables.validation), ("test", tables.test)):
        if other is not None:
            twice += [(texts, split) for texts, _ in _rows(other, tables) if texts in labels]
    parts: list[str] = [
        facts((name, counts.get(name)) for name in ("duplicates", "conflicting_labels", "leaks")),
    ]
    for title, found in (("In training and in another split", twice), ("With two labels in training", odd)):
        if found:
            rows = [(Html(_texts(texts)), what) for texts, what in found[:ODD]]
            parts += [f"<h3>{title}</h3>", table(("text", ""), rows)]
    note = f"Counts are of all records; the examples are of the first {READ:,} rows of each table."
    return section("Repeated texts", *parts, note=note)


def _right(model: SequenceClassifier, texts: list[list[str]], evidence: Evidence, chosen: Any) -> float:
    chances = probabilities(model, texts)
    if evidence.multilabel:
        limits = (model.thresholds.logit() / model.temperature).sigmoid().cpu().numpy()  # type: ignore[operator]
        same = ((torch.from_numpy(chances).numpy() > limits) == evidence.gold[chosen]).all(axis=1)
    else:
        same = chances.argmax(axis=1) == evidence.gold[chosen]
    return float(same.mean())


def _rows(own: Table, tables: Tables) -> Iterator[tuple[tuple[str, ...], str]]:
    label = [tables.label] if tables.label in own.columns else []
    width = len(tables.text)
    for row in islice(own.select([*tables.text, *label]), READ):
        yield tuple(row.values[:width]), "".join(map(readable_cell, row.values[width:]))


def _texts(texts: tuple[str, ...]) -> str:
    return '<div class="text">' + "<br>".join(escape(cut(readable(text), 300)) for text in texts if text) + "</div>"
