"""The folder that a trained model is kept in: weights, vocabulary and configuration. Data, never code."""

from __future__ import annotations

import errno
import hashlib
import json
import operator
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from seqclf.backbone import BACKBONE_FILES
from seqclf.errors import UserError, nearest
from seqclf.hub import in_cache
from seqclf.inference.atomic import replacing_folder
from seqclf.inference.classifier import Classifier
from seqclf.inference.folder_config import FORMAT, read_config, rooted
from seqclf.inference.model_card import README_FILE, model_card, read_card
from seqclf.inference.temperature_file import CALIBRATION_FILE, read_temperature, write_temperature
from seqclf.text.columns import from_plain, to_plain
from seqclf.text.frame import frame_from_plain, frame_to_plain
from seqclf.text.vocabulary import WORD_INDEXERS, Vocabulary
from seqclf.text.vocabulary_files import LABELS_FILE, TOKENIZER_FILE

WEIGHTS_FILE, CONFIG_FILE, MANIFEST_FILE = "model.safetensors", "config.yaml", "manifest.json"
HASHED_FILES = (WEIGHTS_FILE, CONFIG_FILE, LABELS_FILE, TOKENIZER_FILE)
# Those that some models have besides.
POSSIBLE_FILES = (CALIBRATION_FILE, *BACKBONE_FILES, *(each.file for each in WORD_INDEXERS.values()))
SMALL = 1 << 28  # bytes; no file but the weights is larger than this


def save(model: Classifier, folder: Path | str) -> Path:
    """Write a model folder, whole or not at all.

    Args:
        model: a classifier that was built from a configuration.
        folder: where to; a folder that is there already is replaced.

    Returns:
        The folder.

    Raises:
        UserError: for a model that was put together by hand, which no configuration describes, and for a folder that
            cannot be written; what was there before is intact then.
    """
    if model.architecture is None:
        raise UserError(
            "This model was put together by hand, so that no configuration says how to build it again. Build it with "
            "seqclf.build.build_classifier, or keep its state_dict."
        )
    vocab = model.vocab
    config = {
        "format": FORMAT,
        "fields": list(vocab.fields),
        "columns": list(vocab.columns),
        "join_fields": vocab.join_fields,
        "segment": vocab.segment,
        "label_separator": vocab.label_separator,
        "kinds": to_plain(vocab.kinds),
        "frame": frame_to_plain(vocab.frame),
        "cross": vocab.cross,
        "model": model.architecture,
    }
    with replacing_folder(Path(folder)) as temporary:
        weights = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
        try:
            save_file(weights, temporary / WEIGHTS_FILE, metadata={"format": "pt"})
        except SafetensorError as error:  # a full disk, by another name
            raise OSError(errno.EIO, str(error)) from error
        text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True)
        (temporary / CONFIG_FILE).write_text(text, encoding="utf-8")
        vocab.save(temporary)
        write_temperature(model.temperature, temporary)
        backbone = model.backbone_files()
        for name, content in backbone.items():
            (temporary / name).parent.mkdir(exist_ok=True)
            (temporary / name).write_text(content, encoding="utf-8")
        written = (WEIGHTS_FILE, CONFIG_FILE, *vocab.files, CALIBRATION_FILE, *backbone)
        manifest = {name: _describe(temporary / name) for name in written}
        (temporary / MANIFEST_FILE).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        (temporary / README_FILE).write_text(model.card or model_card(model), encoding="utf-8")
    return Path(folder)


def load_vocabulary(folder: Path | str) -> tuple[Vocabulary, dict[str, Any]]:
    """Check a model folder and read all but its weights.

    Returns:
        The vocabulary, and the plain configuration to build the model from.

    Raises:
        UserError: for a folder that is incomplete, changed, or asks for anything a model folder cannot have.
    """
    folder = Path(folder)
    files = _check_files(folder)
    config = read_config(folder / CONFIG_FILE)
    indexers = [name for name, indexer in WORD_INDEXERS.items() if indexer.file in files]
    layout = (config["fields"], config["join_fields"], config["columns"])
    vocab = Vocabulary.load(
        folder,
        *layout,
        indexers,
        config["segment"],
        config["label_separator"],
        from_plain(config["kinds"]),
        frame_from_plain(config["frame"]),
        config["cross"],
    )
    return vocab, rooted(config["model"], folder) if files & set(BACKBONE_FILES) else config["model"]


def load_weights(model: Classifier, folder: Path | str, grown: bool = False) -> None:
    """Read the weights of a checked folder into the model that its configuration describes.

    Args:
        model: takes the weights.
        folder: a folder that `load_vocabulary` has checked.
        grown: whether the model may know more words and labels, behind those of the folder: a larger table keeps what
            is its own of them.

    Raises:
        UserError: for weights that do not fit the configuration and the vocabulary, or that are not finite.
    """
    file = Path(folder) / WEIGHTS_FILE
    try:
        weights = load_file(file)
    except SafetensorError as error:
        raise UserError(f"{file} is broken: {error}.") from error
    expected = model.state_dict()
    for name in sorted(expected.keys() ^ weights.keys()):
        what, choices = ("lacks", weights) if name in expected else ("has an unknown", expected)
        raise UserError(f"{file} {what} tensor {name!r}. {nearest(name, choices)}")
    for name, tensor in weights.items():
        there = expected[name]
        if grown and tensor.dim() == there.dim() and all(map(operator.le, tensor.shape, there.shape)):
            weights[name] = there.to(tensor.dtype, copy=True)
            weights[name][tuple(map(slice, tensor.shape))] = tensor
        elif tensor.shape != there.shape:
            raise UserError(
                f"{file}: {name} is {tuple(tensor.shape)}, but the labels, vocabulary and configuration beside it ask "
                f"for {tuple(expected[name].shape)}."
            )
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise UserError(f"{file}: {name} holds values that are not finite numbers.")
    model.load_state_dict(weights)
    if not grown:  # what is learned anew is calibrated and described anew
        model.temperature, model.card = read_temperature(Path(folder)), read_card(Path(folder))


def _describe(file: Path) -> dict[str, Any]:
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        for block in iter(lambda: stream.read(1 << 20), b""):
            digest.update(block)
    return {"sha256": digest.hexdigest(), "size": file.stat().st_size}


def _check_files(folder: Path) -> set[str]:
    """See that every file is there as the manifest describes it; returns the names of those that it describes."""
    if not folder.is_dir():
        raise UserError(f"{folder} is not a model folder: there is no such folder.")
    for name in (*HASHED_FILES, MANIFEST_FILE):
        _check_file(folder, name)
    try:
        manifest = json.loads((folder / MANIFEST_FILE).read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{folder / MANIFEST_FILE} is broken: {error}.") from error
    possible = {*HASHED_FILES, *POSSIBLE_FILES}
    if not isinstance(manifest, dict) or not set(HASHED_FILES) <= set(manifest) <= possible:
        raise UserError(f"{folder / MANIFEST_FILE} must describe {', '.join(HASHED_FILES)} and nothing else.")
    if (folder / CALIBRATION_FILE).exists() and CALIBRATION_FILE not in manifest:  # it would be read unchecked
        raise UserError(f"{folder / CALIBRATION_FILE} is not among the files that {MANIFEST_FILE} describes.")
    for name in manifest:
        _check_file(folder, name)
        if manifest[name] != _describe(folder / name):
            raise UserError(
                f"{folder / name} is not the file that {MANIFEST_FILE} describes: it was changed or cut short."
            )
    return set(manifest)


def _check_file(folder: Path, name: str) -> None:
    file = folder / name
    if not file.is_file() or (file.is_symlink() and not in_cache(file)):
        raise UserError(f"{folder} is not a model folder: {name} is missing or not a plain file.")
    if name != WEIGHTS_FILE and file.stat().st_size > SMALL:
        raise UserError(f"{file} is larger than any such file can be.")


def targets(node: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Every `_target_` anywhere in a plain configuration, with the key where it stands."""
    if isinstance(node, Mapping):
        for name, value in node.items():
            if name == "_target_" and value is not None:
                yield key, str(value)
            else:
                yield from targets(value, f"{key}.{name}" if key else str(name))
    elif isinstance(node, list):
        for place, value in enumerate(node):
            yield from targets(value, f"{key}[{place}]")
