"""Where the files of a pretrained model lie: a local folder, or an id of the Hugging Face hub. No code of it is run."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import Any

from seqclf.errors import UserError
from seqclf.hub import fetch

CONFIG, WEIGHTS = "config.json", "model.safetensors"
TOKENIZER, TOKENIZER_CONFIG = "tokenizer.json", "tokenizer_config.json"
BACKBONE = "backbone"  # the folder, inside of a model folder, of a pretrained model's configuration and tokenizer
BACKBONE_FILES = tuple(f"{BACKBONE}/{name}" for name in (CONFIG, TOKENIZER, TOKENIZER_CONFIG))
# What is fetched: weights as safetensors, and text that is read as data.
FILES = ("*.json", "*.safetensors", "*.txt", "*.model", "*.jinja")
CODE = "*.py"
_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
# Keys of a config that make transformers fetch or import what is not here.
_UNSAFE = ("auto_map", "quantization_config", "attn_implementation", "_attn_implementation", "_name_or_path")


def find_backbone(model: str | None, code: bool = False) -> Path:
    """The folder of a pretrained model: the local one of that name, what was fetched before, or what the hub has.

    Args:
        model: a folder, or an id of the hub.
        code: whether the code beside the model is fetched too; only what a person typed may say so.

    Raises:
        UserError: for no name, and for a model that is neither here nor within reach.
    """
    if not model:
        raise UserError(
            "embedder=pretrained needs embedder.model: a folder with a config.json, or an id of the Hugging Face hub "
            "(embedder.model=distilbert-base-uncased)."
        )
    folder = Path(model).expanduser()
    if folder.is_dir():
        if not (folder / CONFIG).is_file():
            raise UserError(f"embedder.model={model}: the folder has no {CONFIG}, so it is no model of transformers.")
        return folder
    if not _HUB_ID.fullmatch(model) or model.startswith("."):
        raise UserError(f"embedder.model={model}: there is no such folder.")
    patterns = [*FILES, *([CODE] if code else [])]
    return fetch(model, patterns, said=f"embedder.model={model}", newest=False)


def read_backbone_config(folder: Path) -> dict[str, Any]:
    """The plain `config.json` of a folder, without what makes transformers import or fetch anything.

    Raises:
        UserError: for a file that is missing or broken.
    """
    file = folder / CONFIG
    try:
        plain = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise UserError(f"{file} is broken: {error}.") from error
    if not isinstance(plain, dict):
        raise UserError(f"{file} must hold a mapping.")
    return {name: value for name, value in plain.items() if name not in _UNSAFE}


def longest_sequence(config: dict[str, Any]) -> int | None:
    """How many tokens a model of this configuration has positions for; None where it says nothing."""
    positions = config.get("max_position_embeddings") or config.get("n_positions")
    if not isinstance(positions, int) or positions < 1:
        return None
    # Those of RoBERTa's kind count from behind the padding id.
    counts_on = any(name in str(config.get("model_type")) for name in ("roberta", "camembert", "mpnet", "longformer"))
    return positions - (int(config.get("pad_token_id") or 0) + 1) * counts_on


def load_tokenizer(folder: Path, trust_remote_code: bool = False) -> Any:
    """The quick tokenizer of a folder, as transformers has it.

    Raises:
        UserError: for a folder without one, or with one that needs code of its own.
    """
    from transformers import AutoTokenizer

    try:
        loaded = AutoTokenizer.from_pretrained(folder, trust_remote_code=trust_remote_code, local_files_only=True)
    except Exception as error:  # transformers raises whatever its readers raise
        reason = " ".join(str(error).split())[:300].rstrip(".")
        raise UserError(f"The tokenizer of {folder} cannot be loaded: {reason}.") from error
    if not getattr(loaded, "is_fast", False):
        raise UserError(f"The tokenizer of {folder} has no quick form ({TOKENIZER}), which seqclf reads.")
    return loaded


def tokenizer_files(folder: Path, trust_remote_code: bool = False) -> dict[str, str]:
    """The files of a folder's tokenizer by name, without what would make code run."""
    names = (TOKENIZER, TOKENIZER_CONFIG)
    with tempfile.TemporaryDirectory() as made:
        if not all((folder / name).is_file() for name in names):
            load_tokenizer(folder, trust_remote_code).save_pretrained(made)
            folder = Path(made)
        files = {name: (folder / name).read_text(encoding="utf-8") for name in names}
    config = json.loads(files[TOKENIZER_CONFIG])
    kept = {name: value for name, value in config.items() if name not in _UNSAFE}
    return {**files, TOKENIZER_CONFIG: json.dumps(kept, indent=2, ensure_ascii=False) + "\n"}
