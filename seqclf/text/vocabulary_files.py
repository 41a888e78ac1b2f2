"""The files of a vocabulary that every store and model folder has."""

from __future__ import annotations

import json
from pathlib import Path

from tokenizers import Tokenizer

from seqclf.errors import UserError

TOKENIZER_FILE, LABELS_FILE = "tokenizer.json", "labels.json"


def read_vocabulary(folder: Path) -> tuple[Tokenizer, list[str]]:
    """The tokenizer and the labels of a folder.

    Raises:
        UserError: for a file that is missing or broken.
    """
    file = folder / TOKENIZER_FILE
    try:
        tokenizer = Tokenizer.from_str(file.read_text(encoding="utf-8"))
        file = folder / LABELS_FILE
        labels = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}.") from error
    except Exception as error:  # tokenizers raises bare Exception for a broken file
        raise UserError(f"{file} is broken: {error}") from error
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise UserError(f"{file} must hold a list of label names.")
    return tokenizer, labels
