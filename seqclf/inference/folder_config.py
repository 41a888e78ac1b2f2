"""The `config.yaml` of a model folder: what may stand in it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from seqclf.backbone import BACKBONE
from seqclf.errors import UserError, nearest
from seqclf.text.columns import from_plain
from seqclf.text.frame import frame_from_plain

LAYOUT_KEYS = ("fields", "columns", "join_fields", "segment", "label_separator", "kinds", "frame", "cross")
CONFIG_KEYS = ("format", *LAYOUT_KEYS, "model")
FORMAT = 1
SEGMENTS = (None, "sentences", "windows")


def read_config(file: Path) -> dict[str, Any]:
    """Read and check the file; what older folders lack is filled in.

    Raises:
        UserError: for a file that is broken, or holds anything else than such a file can.
    """
    try:
        config = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{file} is broken: {error}.") from error
    if not isinstance(config, dict):
        raise UserError(f"{file} must hold the keys {', '.join(CONFIG_KEYS)}.")
    for key in config:
        if key not in CONFIG_KEYS:
            raise UserError(f"{file}: there is no key {key!r}. {nearest(str(key), CONFIG_KEYS)}")
    if config.get("format") != FORMAT:
        raise UserError(f"{file}: its format is {config.get('format')!r}, but this seqclf reads format {FORMAT}.")
    fields = config.get("fields")
    if not isinstance(fields, list) or not fields or not _all_text(fields):
        raise UserError(f"{file}: `fields` must be a list of names.")
    columns = config.setdefault("columns", fields)  # FORMAT 1 began without them
    if not isinstance(columns, list) or len(columns) not in (len(fields), 2 * len(fields)) or not _all_text(columns):
        raise UserError(f"{file}: `columns` must be a list of names, one for each field or, for pairs, two.")
    if config.setdefault("segment", None) not in SEGMENTS:
        raise UserError(f"{file}: `segment` must be one of {', '.join(map(str, SEGMENTS))}.")
    try:
        kinds = from_plain(config.setdefault("kinds", {}))
    except ValueError as error:
        raise UserError(f"{file}: `kinds` is broken: {error}.") from error
    if not kinds.keys() <= set(fields):
        raise UserError(f"{file}: `kinds` names what is no field: {', '.join(kinds.keys() - set(fields))}.")
    _check_frame(config, file)
    separator = config.setdefault("label_separator", None)
    if separator is not None and not (isinstance(separator, str) and separator):
        raise UserError(f"{file}: `label_separator` must be text, or null where a record has one label.")
    if not isinstance(config.get("join_fields"), bool) or not isinstance(config.get("model"), dict):
        raise UserError(f"{file}: `join_fields` must be true or false, and `model` must hold the parts.")
    return config


def _check_frame(config: dict[str, Any], file: Path) -> None:
    try:
        frame = frame_from_plain(config.setdefault("frame", None))
    except (TypeError, ValueError, UserError) as error:
        raise UserError(f"{file}: `frame` is broken: {error}.") from error
    if config["segment"] == "windows" and frame is None:
        raise UserError(f"{file}: `segment` says windows, but there is no `frame` to cut them by.")
    if not isinstance(config.setdefault("cross", False), bool):
        raise UserError(f"{file}: `cross` must be true or false.")


def rooted(config: Any, folder: Path) -> Any:
    """The parts of a model, with the place of its backbone's files in this folder where they say `model: backbone`."""
    if not isinstance(config, Mapping):
        return config
    place = str(folder / BACKBONE)
    return {
        name: place if name == "model" and value == BACKBONE else rooted(value, folder)
        for name, value in config.items()
    }


def _all_text(names: list[Any]) -> bool:
    return all(isinstance(name, str) for name in names)
