"""Of a report: where the model is wrong, and where the labels may be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from itertools import groupby
from typing import Any

import numpy as np

from seqclf.classifiers.sequence_classifier import SequenceClassifier
from seqclf.inference.attribution import Method
from seqclf.inference.explain import explain
from seqclf.inference.explanation_html import marked
from seqclf.inference.spans import readable
from seqclf.run.evidence import Evidence, Floats, Ints
from seqclf.run.page import Html, bar, cut, section, table
from seqclf.text.vocabulary import Vocabulary

FEW = 12  # classes whose matrix has room
PAIRS, GRID, CLASSES, MISTAKES, SUSPECTS = 15, 30, 60, 10, 15  # how many are shown
LONGEST = 500  # characters of a text
STEPS = 8  # of integrated gradients: a page wants the colours, not the last digit


def classes(metrics: Mapping[str, Any], stage: str, evidence: Evidence | None, labels: list[str]) -> Html:
    """Precision, recall and F1 of each class, with the number of records that have it."""
    support = None
    if evidence is not None and evidence.confusion is not None:
        support = evidence.confusion.sum(axis=1)
    elif evidence is not None:
        gold = evidence.gold
        support = gold.sum(axis=0) if evidence.multilabel else np.bincount(gold, minlength=len(labels))
    rows = [
        (
            label,
            "" if support is None else int(support[at]),
            *(_bar(metrics, f"{stage}/{name}/{label}") for name in FIGURES),
        )
        for at, label in enumerate(labels)
    ]
    note = ""
    if len(rows) > CLASSES:
        rows = sorted(rows, key=lambda row: metrics.get(f"{stage}/f1/{row[0]}") or 0.0)[:CLASSES]
        note = f"The {CLASSES} of {len(labels)} classes with the lowest F1."
    return section("Classes", table(("", "records", *FIGURES), rows), note=note)


FIGURES = ("precision", "recall", "f1")


def confusions(evidence: Evidence) -> Html:
    """Which classes are taken for which: the pairs first, then the matrix of those that are confused most."""
    matrix = evidence.confusion
    if matrix is None:
        return Html("")
    wrong = matrix.copy()
    np.fill_diagonal(wrong, 0)
    labels, there = evidence.vocab.labels, np.maximum(matrix.sum(axis=1), 1)
    order = np.argsort(-wrong, axis=None, kind="stable")[:PAIRS]
    pairs = [(labels[at // len(labels)], labels[at % len(labels)], at) for at in order.tolist() if wrong.flat[at]]
    rows = [
        (gold, given, int(wrong.flat[at]), bar(wrong.flat[at] / there[at // len(labels)])) for gold, given, at in pairs
    ]
    most = np.sort(np.argsort(-(wrong.sum(axis=0) + wrong.sum(axis=1)), kind="stable")[:GRID])
    note = f"The {GRID} of {len(labels)} classes that are confused most." if len(labels) > GRID else ""
    head = "".join(f'<th class="up">{escape(cut(labels[at], 24))}</th>' for at in most)
    lines = "".join(
        f"<tr><th>{escape(cut(labels[gold], 24))}</th>"
        + "".join(
            _shade(int(matrix[gold, given]), float(matrix[gold, given] / there[gold]), gold == given) for given in most
        )
        + "</tr>"
        for gold in most
    )
    sort = "heat few" if len(most) <= FEW else "heat"
    grid = f'<p class="note">Rows are what the records are, columns what they were given. {note}</p>'
    grid += f'<div class="wide"><table class="{sort}"><tr><th></th>{head}</tr>{lines}</table></div>'
    listed = table(("is", "was given", "records", "share of the class"), rows) if rows else Html("<p>None is.</p>")
    return section("Classes that are confused", listed, grid)


def mistakes(model: SequenceClassifier, evidence: Evidence) -> Html:
    """The mistakes that the model is surest of, with the words that spoke for what it said."""
    wrong = np.flatnonzero(~evidence.right)
    sure, which = _mistaken(evidence)
    chosen = wrong[np.argsort(-sure[wrong], kind="stable")[:MISTAKES]].tolist()
    if not chosen:
        return Html("")
    texts = [evidence.texts[at] for at in chosen]
    labels = [evidence.vocab.labels[which[at]] for at in chosen]
    method: Method = "integrated_gradients" if model.vocab.frame is None else "gradient_x_input"  # which is cheaper
    found = explain(model, texts, labels, method=method, steps=STEPS)
    rows = []
    for place, at in enumerate(chosen):
        said = _colours(found[place])
        chance = f"{evidence.probabilities[at, which[at]]:.3f}"
        how = f"{escape(labels[place])} {chance}" if evidence.multilabel else chance
        what = Html(f"<div>{escape(evidence.names(at, evidence.given))}<br><small>{how}</small></div>")
        rows.append(
            (evidence.rows[at], Html(f'<div class="text">{said}</div>'), evidence.names(at, evidence.gold), what)
        )
    of = "the label that is furthest off" if evidence.multilabel else "what was predicted"
    way = f"integrated gradients, {STEPS} steps" if method == "integrated_gradients" else "gradient x input"
    note = f"Blue words spoke for {of}, orange and dotted ones against it ({way})."
    return section("The surest mistakes", table(("row", "text", "is", "was given"), rows), note=note)


def _mistaken(evidence: Evidence) -> tuple[Floats, Ints]:
    """How sure the model is of each record's prediction `(R,)`, and which class that is.

    Of several labels it is the one that the model is furthest off about.
    """
    chances = evidence.probabilities
    if evidence.multilabel:
        off = np.where(evidence.given == 1, chances, 1 - chances)
        chances = np.where(evidence.gold == evidence.given, -1.0, off)
    return chances.max(axis=1), chances.argmax(axis=1)


def label_errors(stage: str, evidence: Evidence) -> Html:
    """Records whose label is likely wrong: confident learning (Northcutt et al. 2021).

    https://arxiv.org/abs/1911.00068. By the probabilities of a split that the model did not learn from.
    """
    if evidence.multilabel:
        return Html("")
    suspects = suspected(evidence.probabilities, evidence.gold)
    rows = []
    for at in suspects[:SUSPECTS]:
        likely = int(evidence.probabilities[at].argmax())
        text = Html(f'<div class="text">{_plain(evidence.vocab, evidence.texts[at])}</div>')
        own = float(evidence.probabilities[at, evidence.gold[at]])
        rows.append((evidence.rows[at], text, evidence.names(at, evidence.gold), own, evidence.vocab.labels[likely]))
    note = (
        f"{len(suspects)} of {len(evidence.rows)} {stage} records are likelier of another class than records of "
        "that class usually are (confident learning, Northcutt et al. 2021). The model did not learn from them."
    )
    listed = table(("row", "text", "label", "its probability", "likelier"), rows) if rows else Html("<p>None.</p>")
    return section("Labels that may be wrong", listed, note=note)


def suspected(probabilities: Any, gold: Ints) -> list[int]:
    """The records that confident learning holds for mislabelled, those of the least probable label first.

    Args:
        probabilities: of a model that did not learn from these records `(R, C)`.
        gold: their labels `(R,)`.
    """
    classes = probabilities.shape[1]
    limits = np.full(classes, np.inf)  # a class's mean probability among the records that have its label
    for label in np.unique(gold):
        limits[label] = probabilities[gold == label, label].mean()
    confident = np.where(probabilities >= limits, probabilities, -1.0)
    likely = confident.argmax(axis=1)
    off = np.flatnonzero((confident.max(axis=1) >= 0) & (likely != gold))
    own = probabilities[off, gold[off]]
    found: list[int] = off[np.argsort(own, kind="stable")].tolist()
    return found


def _bar(metrics: Mapping[str, Any], name: str) -> Any:
    value = metrics.get(name)
    return None if value is None else bar(float(value))


def _shade(count: int, share: float, right: bool) -> str:
    if not count:
        return "<td></td>"
    colour = "38 132 255" if right else "232 93 4"
    return f'<td style="background: rgb({colour} / {0.75 * share:.2f})">{count}</td>'


def _colours(explanation: Any) -> str:
    strongest = max((abs(token.attribution) for token in explanation.tokens), default=0.0)
    by_field = {name: list(own) for name, own in groupby(explanation.tokens, key=lambda token: token.field)}
    return "<br>".join(
        f"<small>{escape(name)}</small> {marked(text, by_field[name], strongest, LONGEST)}"
        for name, text in explanation.texts.items()
        if name in by_field
    )


def _plain(vocab: Vocabulary, texts: Sequence[str]) -> str:
    named = zip(vocab.columns, [escape(cut(readable(text), LONGEST)) for text in texts], strict=True)
    if len(vocab.columns) == 1:
        return "".join(text for _, text in named)
    return "<br>".join(f"<small>{escape(name)}</small> {text}" for name, text in named if text)
