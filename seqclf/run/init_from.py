"""Start from a trained model: its architecture in place of the default one, its words and labels first, its weights."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hydra import compose as hydra_compose
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, open_dict

from seqclf.build import ARCHITECTURE, read_saved
from seqclf.errors import UserError
from seqclf.inference.model_folder import load_vocabulary, load_weights
from seqclf.parts import Parts, is_part
from seqclf.run.conf_path import conf_path, read_choice
from seqclf.several import only_named
from seqclf.text.vocabulary import Vocabulary

log = logging.getLogger("seqclf")

OF_NEW_WORDS = ("min_count", "max_size")  # what `tokens` still decides
FREE = (
    "freeze",
    "sparse",
    "vectors",
    "dropout",
    "word_dropout",
    "field_dropout",
)  # options of parts that change none of their weights
Path = tuple[str, ...]


class Start:
    """The trained model that a run starts from. Nothing in its folder is run.

    Args:
        folder: a model folder.
        parts: classes of the caller's own that it may name.

    Attributes:
        vocab: the words, labels and fields that the model knows.

    Raises:
        UserError: for a folder that is incomplete, changed, or names anything but parts of a model.
    """

    def __init__(self, folder: str, parts: Parts = ()) -> None:
        self.folder = str(folder)
        self.vocab, self._saved = read_saved(self.folder, parts)

    def check(self, config: Mapping[str, Any]) -> None:
        """See that a run's configuration describes this model.

        Args:
            config: the plain configuration of the run.

        Raises:
            UserError: for the first thing that is otherwise in the model.
        """
        for group in ARCHITECTURE:
            there, here = self._saved.get(group), only_named(config.get(group))
            if there is None and is_part(here):
                there = {}
            if group in ("loss", "metrics") or not isinstance(there, Mapping):
                continue
            for path, saved, ours in _differences(there, here, (group,)):
                typed = ".".join(path[:-1] if path[-1] == "_target_" else path)
                raise UserError(
                    f"{typed} is {_shown(ours)}, but {_shown(saved)} in {self.folder}, which the run starts from "
                    f"(init_from): a trained model keeps its architecture. Leave {typed}=... out."
                )

    def weigh(self, config: Mapping[str, Any], vocab: Vocabulary) -> dict[str, Any]:
        """The configuration with a loss weight of 1 for every label that is new, where the others have weights."""
        weights = config["loss"].get("weights")
        if not isinstance(weights, Mapping) or set(weights) != set(self.vocab.labels):
            return dict(config)
        grown = {**weights, **{label: 1.0 for label in vocab.labels if label not in weights}}
        return {**config, "loss": {**config["loss"], "weights": grown}}

    def hand_over(self, model: Any) -> None:
        """Give a model of this architecture, with as many words and labels or more, the weights of the trained one."""
        load_weights(model, self.folder, grown=True)
        labels = model.vocab.num_labels - self.vocab.num_labels
        words = model.vocab.size() - self.vocab.size()
        log.info("Starting from %s: %d labels and %d words are new.", self.folder, labels, words)


def with_choices(overrides: Sequence[str]) -> list[str]:
    """The overrides, and those that choose the parts of the model to start from: its recipes and options come along.

    Args:
        overrides: what was typed; without `init_from`, or with several of them, nothing is added.

    Raises:
        UserError: for a folder that is no model folder.
    """
    typed = [_path(override) for override in overrides]
    folders = [override for override, path in zip(overrides, typed, strict=True) if path == ("init_from",)]
    try:
        folder = OverridesParser.create().parse_override(folders[-1]) if folders else None
    except HydraException:  # Hydra says it better
        return list(overrides)
    if folder is None or folder.is_sweep_override() or folder.value() is None:
        return list(overrides)
    _, saved = load_vocabulary(str(folder.value()))
    return [*overrides, *_missing_choices(saved, typed)]


def with_architecture(config: DictConfig, overrides: Sequence[str]) -> DictConfig:
    """The configuration of a run that starts from a model: the architecture is the model's, and so are the recipes.

    What was typed stays as it is; `Start.check` says where it contradicts the model. Hydra must be initialised.

    Args:
        config: as it was composed, with `init_from`.
        overrides: what it was composed from.

    Raises:
        UserError: for a folder that is no model folder, and for another way to cut text into words.
    """
    vocab, saved = load_vocabulary(config.init_from)
    same = _missing_choices(saved, ())
    typed = [_path(override) for override in overrides if override not in same]
    for path in typed:
        if path[0] == "tokens" and path[1:] not in [(name,) for name in OF_NEW_WORDS]:
            raise UserError(
                f"{'.'.join(path)}: with init_from, text is cut as {config.init_from} cuts it. Leave it out; only "
                f"{' and '.join(f'tokens.{name}' for name in OF_NEW_WORDS)} choose which words are new."
            )
    missing = _missing_choices(saved, [_path(override) for override in overrides])
    if missing:  # in a sweep over models
        config = hydra_compose("config", overrides=[*overrides, *missing])
    with open_dict(config):
        for key in ARCHITECTURE:
            if key in saved:
                _put(config, key, _without_interpolation(saved[key], key), typed)
        _name_columns(config.data, vocab)
    return config


def _name_columns(data: DictConfig, vocab: Vocabulary) -> None:
    """The columns that the model reads, where none were typed."""
    width, kinds = len(vocab.fields), {name: column.kind for name, column in vocab.kinds.items()}
    names: dict[str, Sequence[str]] = {"text": [name for name in vocab.fields if name not in kinds]}
    names |= {kind: [name for name in kinds if kinds[name] == kind] for kind in set(kinds.values())}
    if vocab.num_sides > 1:
        names = {"left": vocab.columns[:width], "right": vocab.columns[width:]}
    if all(data.get(key) is None for key in ("text", "left", "right", "categorical", "numeric")):
        data.update({key: list(columns) for key, columns in names.items() if key in data})


def _put(config: DictConfig, key: str, saved: Any, typed: Sequence[Path]) -> None:
    """Put a group or a value of the model into the configuration, below what was typed."""
    if key == "loss" and (key,) in typed:
        if (key, "weights") not in typed and "weights" in config.loss:
            config.loss.weights = saved["weights"]
        return
    if (key,) in typed or (key == "metrics" and saved is None):
        return
    inside = [path for path in typed if path[0] == key]
    node = OmegaConf.create({key: saved})
    for path in inside:
        OmegaConf.update(node, ".".join(path), OmegaConf.select(config, ".".join(path)), merge=False, force_add=True)
    config[key] = node[key]


def _path(override: str) -> Path:
    """Where an override puts its value: `encoder=lstm` and `+encoder@encoder=lstm` at `encoder`."""
    return tuple(override.partition("=")[0].lstrip("+~").partition("@")[0].strip("/").replace("/", ".").split("."))


def _missing_choices(saved: Mapping[str, Any], typed: Sequence[Path]) -> list[str]:
    """An override for each group of the model that was not chosen otherwise."""
    chosen = {group: _choice_of(group, node) for group, node in saved.items() if (group,) not in typed}
    return [f"{group}={choice}" for group, choice in chosen.items() if choice is not None]


def _choice_of(group: str, saved: Any) -> str | None:
    """The choice of a group that a part was made from: of those with its class, the one with most of its values."""
    found, most = None, -1
    for file in sorted((conf_path() / group).glob("*.yaml")):
        node = read_choice(group, file.stem)
        if "_target_" in node and node["_target_"] == ((saved or {}).get("_target_")):
            alike = sum(saved.get(name) == value for name, value in node.items()) if saved else 0
            found, most = (file.stem, alike) if alike > most else (found, most)
    return found


def _without_interpolation(value: Any, key: str) -> Any:
    for inside, text in _texts(value, key):
        if "${" in text:
            raise UserError(f"config.yaml of the model asks for {text!r} at {inside}, which no saved model does.")
    return value


def _texts(value: Any, key: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield key, str(name)
            yield from _texts(item, f"{key}.{name}")
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from _texts(item, f"{key}[{place}]")
    elif isinstance(value, str):
        yield key, value


def _differences(saved: Any, ours: Any, path: Path) -> Iterator[tuple[Path, Any, Any]]:
    if isinstance(saved, Mapping) and isinstance(ours, Mapping):
        names = dict.fromkeys([*saved, *ours])
        for name in sorted(names, key=lambda name: name != "_target_"):  # another class before its arguments
            if name not in FREE and name != "_partial_":
                yield from _differences(saved.get(name), ours.get(name), (*path, str(name)))
    elif saved != ours:
        yield path, saved, ours


def _shown(value: Any) -> str:
    if isinstance(value, str) and value.startswith("seqclf."):
        return value.rpartition(".")[2]
    return "nothing" if value is None else repr(value)
