"""README.md of a model folder: a model card as the Hugging Face hub reads it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import yaml

from seqclf.inference.classifier import Classifier

README_FILE = "README.md"
PLACE = "OWNER/NAME"  # stands for the id that a model is given on the hub
SHOWN = 100  # classes that are listed
LARGEST = 1 << 20  # bytes of a card that is kept
_SIGNS = re.compile(r"[\\|`*_\[\]#~$@]|:(?=//)")


def model_card(model: Classifier, front: Mapping[str, Any] | None = None, sections: Sequence[str] = ()) -> str:
    """The text of a card.

    Args:
        model: what it is of.
        front: what stands before the text besides what every model has: the key-value pairs that the hub reads.
        sections: of the text, each beginning with its heading; without any, the classes are named.

    Returns:
        Markdown behind a block of yaml.
    """
    vocab, architecture = model.vocab, model.architecture or {}
    tags = ["text-classification", "seqclf", "pytorch"]
    tags += ["multi-label"] if vocab.label_separator is not None else []
    tags += ["text-pair"] if len(vocab.columns) > len(vocab.fields) else []
    said = {"library_name": "seqclf", "pipeline_tag": "text-classification", "tags": tags, **(front or {})}
    example = json.dumps(dict.fromkeys(vocab.columns, "..."), ensure_ascii=False)
    parts = {name: _part(architecture.get(name)) for name in ("embedder", "encoder", "multifield", "wide")}
    built = ", ".join(f"{name} `{part}`" for name, part in parts.items() if part)
    head = f"""# A text classifier

It reads a record of {_counted(len(vocab.columns), "field")} ({", ".join(map(cell, vocab.columns))}) and gives it
{"any number" if vocab.label_separator is not None else "one"} of {_counted(vocab.num_labels, "class", "classes")}. \
Made with seqclf{f": {built}" if built else ""}.

```python
from seqclf import SequenceClassifier

model = SequenceClassifier.from_pretrained("{PLACE}")  # an id of the hub, or the path of this folder
model.predict([{example}])
```

It is weights (safetensors), json and yaml; no code of it is run when it is loaded."""
    block = yaml.safe_dump(said, sort_keys=False, allow_unicode=True, width=1000)
    return f"---\n{block}---\n\n" + "\n\n".join([head, *(sections or [_classes(vocab.labels)])]) + "\n"


def read_card(folder: Path) -> str | None:
    """The card of a model folder as it is; None where there is none that can be kept."""
    file = folder / README_FILE
    try:
        return file.read_text(encoding="utf-8") if file.stat().st_size <= LARGEST else None
    except (OSError, ValueError):
        return None


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A table; the first column is text, the others are figures."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def cell(text: str) -> str:
    """Any text as it looks the same in markdown, on one line, with no markdown, html or formula in it."""
    shown = "".join(each if each.isprintable() else "\ufffd" for each in " ".join(text.split()))
    shown = _SIGNS.sub(r"\\\g<0>", escape(shown, quote=False))
    shown = re.sub(r"^(\d+)([.)])|^([-+=])", lambda found: f"{found[1] or ''}\\{found[2] or found[3]}", shown)  # a list
    return shown or "(nothing)"


def _classes(labels: Sequence[str]) -> str:
    rest = [f"- and {len(labels) - SHOWN} more, in labels.json"] if len(labels) > SHOWN else []
    return "\n".join(["## Classes", "", *(f"- {cell(label)}" for label in labels[:SHOWN]), *rest])


def _counted(count: int, one: str, more: str | None = None) -> str:
    return f"{count} {one if count == 1 else more or one + 's'}"


def _part(node: Any) -> str:
    return str(node.get("_target_") or "").rpartition(".")[2] if isinstance(node, Mapping) else ""
