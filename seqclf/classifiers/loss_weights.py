"""Weights of the labels in the loss, by name: read, checked, or made from how often each label occurs."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from numbers import Real
from pathlib import Path
from typing import Any

from seqclf.errors import UserError, nearest

KEY = "loss.weights"
COUNTED = ("balanced", "effective")  # made from how many training records each class has


def named_weights(
    weights: Mapping[Any, Any] | str | None,
    labels: Sequence[str],
    counts: Sequence[int] | None = None,
    beta: float = 0.999,
) -> dict[str, float] | None:
    """What a user typed for the weights, as one weight for each label.

    Args:
        weights: None; a dict from label to weight; "balanced" or "effective"; the text of a JSON object; or the path of
            a file of one.
        labels: the names of the classes.
        counts: how many training records each class has, for "balanced" and "effective".
        beta: see `effective`.

    Returns:
        Label to weight, in the order of `labels`; None for None.

    Raises:
        UserError: for weights that cannot be read, are not positive numbers, or do not fit the labels.
    """
    if weights is None:
        return None
    if weights in COUNTED:
        if counts is None:
            raise UserError(f"{KEY}={weights} needs the training records to count; give the weights by name here.")
        made = balanced(counts) if weights == "balanced" else effective(counts, beta)
        return dict(zip(labels, made, strict=True))
    given = _read(weights) if isinstance(weights, str) else weights
    checked = {_name(label, given): _number(label, weight) for label, weight in given.items()}
    for label in checked:
        if label not in labels:
            raise UserError(f"{KEY} has a weight for {label!r}, which is no label. {nearest(label, labels)}")
    missing = [label for label in labels if label not in checked]
    if missing:
        names = ", ".join(map(repr, missing))
        raise UserError(f"{KEY} must have a weight for every label, but has none for {names}.")
    return {label: checked[label] for label in labels}


def balanced(counts: Sequence[int]) -> list[float]:
    """Weights by which every class that occurs counts the same, and the mean record 1: `n / (K * count)`.

    Args:
        counts: how many training records each class has; `K` is the number of those that have any, `n` their sum.

    Returns:
        A weight for each class; 1 for one without a record, as for a class that is added later.
    """
    occurring = sum(count > 0 for count in counts)
    return [sum(counts) / (occurring * count) if count else 1.0 for count in counts]


def effective(counts: Sequence[int], beta: float = 0.999) -> list[float]:
    """One over the effective number of samples (Cui et al. 2019, https://arxiv.org/abs/1901.05555).

    The `n`-th record of a class adds `beta ** (n - 1)` to what the class is taken to hold; in all these are
    `(1 - beta ** n) / (1 - beta)` samples.

    Args:
        counts: how many training records each class has.
        beta: 0 gives equal weights; near 1 a class weighs as much less as it has more records.

    Returns:
        A weight for each class, on average 1 over those that occur; 1 for one without a record.

    Raises:
        UserError: for a beta that is not at least 0 and below 1.
    """
    if not 0 <= beta < 1:
        raise UserError(f"loss.beta must be at least 0 and below 1, but is {beta}.")
    raw = [(1 - beta) / (1 - beta**count) if count else 0.0 for count in counts]
    occurring = sum(count > 0 for count in counts)
    return [weight * occurring / sum(raw) if weight else 1.0 for weight in raw]


def _read(text: str) -> Mapping[Any, Any]:
    """A JSON object, or a file of one."""
    where = KEY
    if not text.lstrip().startswith("{"):
        where = text
        try:
            text = Path(where).read_text(encoding="utf-8-sig")
        except OSError as error:
            raise UserError(
                f"{KEY}: {where!r} is no file that can be read ({error.strerror}). Give null, balanced, effective, a "
                f"dict from label to weight, or a .json file of one. {_slip(where)}".strip()
            ) from error
        except UnicodeDecodeError as error:
            raise UserError(f"{where} is not UTF-8 (byte {error.start}).") from error
    try:
        found = json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        raise UserError(f"{where}, line {error.lineno}, column {error.colno}: no valid JSON: {error.msg}.") from error
    if not isinstance(found, dict):
        raise UserError(f"{where} must hold a JSON object from label to weight, but holds {found!r}.")
    return found


def _slip(text: str) -> str:
    suggestion = nearest(text, COUNTED)
    return suggestion if suggestion.startswith("Did") else ""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"{KEY} has two weights for {name!r}.")
    return dict(pairs)


def _name(label: Any, given: Mapping[Any, Any]) -> str:
    """A label's name. A key that is no text may have swallowed another: Hydra reads `{1: 2, true: 4}` as `{1: 4}`."""
    if isinstance(label, str):
        return label
    quoted = json.dumps({_as_typed(name): value for name, value in given.items()}, ensure_ascii=False, default=str)
    command = quoted.replace('"', '\\"')
    raise UserError(
        f"{KEY}: a label was read as {label!r}, not as text. Quote the labels: in a yaml or json file {quoted}, on the "
        f"command line '{KEY}=\"{command}\"'."
    )


def _as_typed(label: Any) -> str:
    return label if isinstance(label, str) else json.dumps(label, default=str)


def _number(label: Any, weight: Any) -> float:
    if isinstance(weight, Real) and not isinstance(weight, bool) and 0 < float(weight) < math.inf:
        return float(weight)
    hint = ""
    if isinstance(weight, str) and ":" in weight:
        whole = f"{label}:{weight.rpartition(':')[0]}"
        hint = f" If the label is {whole!r}, write its colon as \\: or give the weights in a .json file."
    raise UserError(f"{KEY}: the weight of {label!r} must be a number above 0, but is {weight!r}.{hint}")
