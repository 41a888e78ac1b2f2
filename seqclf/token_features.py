"""The embedders that a configuration names, and the indexers that they ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from seqclf.backbone import BACKBONE
from seqclf.batch import RecordBatch
from seqclf.errors import UserError
from seqclf.nn.char_ngram_embedder import CharNgramEmbedder
from seqclf.nn.embedder import TextFieldEmbedder
from seqclf.nn.pretrained_embedder import PretrainedEmbedder
from seqclf.nn.word_counts_embedder import WordCountsEmbedder
from seqclf.parts import Parts, make, resolve
from seqclf.several import is_several, named, settings
from seqclf.text.vocabulary import Vocabulary

Node = Mapping[str, Any]
WORDS = "tokens"  # the indexer that every model has
PRETRAINED = f"{PretrainedEmbedder.__module__}.{PretrainedEmbedder.__qualname__}"
# What a model folder says of a pretrained embedder: its configuration lies there, its weights are with all others.
KEPT = {"model": BACKBONE, "from_scratch": True, "reinit_layers": 0, "trust_remote_code": False}


def word_indexers(embedder: Node, wide: Node | None = None, parts: Parts = ()) -> dict[str, dict[str, Any]]:
    """The indexers of the inside of words that a model asks for, by name, and the options that it has for each.

    Args:
        embedder: the node of the configuration.
        wide: that of the wide term; None where there is none.
        parts: classes of the caller's own.

    Raises:
        UserError: for a part that is refused, and for two that ask for the same indexer with other options.
    """
    asked: dict[str, dict[str, Any]] = {}
    for key, node in _embedders(embedder):
        named_options = getattr(resolve(str(node["_target_"]), key, parts), "indexer_options", ())
        options = {name: node[name] for name in named_options if name in node}
        name = _indexer(node, key, parts)
        if name != WORDS and asked.setdefault(name, options) != options:
            raise UserError(f"{key}: all embedders read the same {name}, so {' and '.join(options)} must be alike.")
    if wide is not None and wide.get("char_weight"):
        asked.setdefault(CharNgramEmbedder.indexer, {})
    return asked


def build_embedder(
    embedder: Node, vocab: Vocabulary, sparse: bool, parts: Parts = (), build: Callable[..., Any] = make
) -> TextFieldEmbedder:
    """Build the embedder of a model.

    Args:
        embedder: the node of the configuration: one embedder, or several by name.
        vocab: sizes their tables.
        sparse: whether a table may have sparse gradients.
        parts: classes of the caller's own.
        build: `make`, with what else is threaded.

    Raises:
        UserError: for a part that is refused or cannot be built, or one that is named twice.
    """
    built: dict[str, Any] = {}
    for key, node in _embedders(embedder):
        indexer = _indexer(node, key, parts)
        name = key.rpartition(".")[2] if is_several(embedder) else indexer
        if name in built:
            raise UserError(f"embedder.names: {name!r} is named twice.")
        if indexer != WORDS and indexer not in vocab.word_indexers:
            raise UserError(f"{key} reads {indexer!r} of each word, which the vocabulary has no numbers for.")
        own = dict(node)
        if "sparse" in own:
            own["sparse"] = own["sparse"] and sparse
        words = vocab.words() if own.get("vectors") else ()
        special = [] if vocab.frame is None else vocab.frame.special_ids
        built[name] = build(own, key, vocab_size=vocab.size(indexer), words=words, special_ids=special)
    if not is_several(embedder):
        return TextFieldEmbedder(built)
    several: TextFieldEmbedder = build(settings(embedder), "embedder", token_embedders=built)
    return several


def count_documents(embedder: TextFieldEmbedder, batches: Callable[[], Iterable[RecordBatch]]) -> None:
    """Count in how many training texts each word is, for the embedders that weigh words by it.

    Args:
        embedder: of a model that is about to be trained.
        batches: gives all training records when it is called.
    """
    for part in embedder.token_embedders.values():
        if isinstance(part, WordCountsEmbedder) and part.use_idf:
            part.count(batch.tokens[part.indexer] for batch in batches())


def without_files(embedder: Any) -> Any:
    """What a model folder says of an embedder: the files that it started with are in its weights."""
    if not isinstance(embedder, Mapping):
        return embedder
    kept = KEPT if embedder.get("_target_") == PRETRAINED else {"vectors": None}
    return {name: kept[name] if name in kept else without_files(value) for name, value in embedder.items()}


def with_rates(optimizer: Node, embedder: TextFieldEmbedder) -> Node:
    """The node of an optimiser, with a group for each layer of a pretrained model that has a rate of its own.

    What the node's own groups say of a parameter stands over it.

    Raises:
        UserError: for an optimiser that cannot have groups.
    """
    rates: dict[str, dict[str, float]] = {}
    for name, part in embedder.token_embedders.items():
        if isinstance(part, PretrainedEmbedder) and (part.lr is not None or part.layer_decay < 1):
            lr = part.lr if part.lr is not None else optimizer.get("lr", 0.001)
            prefix = f"text_field_embedder.token_embedders.{name}.backbone"
            rates |= part.layers.rates(prefix, lr, part.layer_decay)
    return {**optimizer, "groups": {**(optimizer.get("groups") or {}), **rates}} if rates else optimizer


def settle(model: Any) -> Any:
    """The model, whose low-rank layers, unless they are to be kept apart, became part of what they adapt."""
    for part in model.text_field_embedder.token_embedders.values():
        if isinstance(part, PretrainedEmbedder) and part.lora_merge:
            part.merge()
            model.architecture["embedder"] = _without_low_rank(model.architecture["embedder"])
    return model


def _without_low_rank(embedder: Any) -> Any:
    if not isinstance(embedder, Mapping):
        return embedder
    return {name: 0 if name == "lora_rank" else _without_low_rank(value) for name, value in embedder.items()}


def _embedders(embedder: Node) -> list[tuple[str, Node]]:
    """Every embedder that a node names, and where it stands."""
    if not is_several(embedder):
        return [("embedder", embedder)]
    return [(f"embedder.{name}", node) for name, node in named(embedder, "embedder")]


def _indexer(node: Node, key: str, parts: Parts) -> str:
    return str(getattr(resolve(str(node["_target_"]), key, parts), "indexer", WORDS))
