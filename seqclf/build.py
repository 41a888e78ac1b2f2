"""From plain dictionaries to modules; every part's output width becomes the next part's input width."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from seqclf.errors import UserError, nearest
from seqclf.inference.model_folder import load_vocabulary, load_weights, targets
from seqclf.nn.chain import Chain
from seqclf.nn.field_dropout import FieldDropout
from seqclf.nn.field_embedding import FieldEmbedding
from seqclf.nn.initializer import Initializer
from seqclf.nn.per_field import PerFieldSeq2SeqEncoder, PerFieldSeq2VecEncoder
from seqclf.nn.regularizer import Regularizer
from seqclf.nn.seq2seq_encoder import Seq2SeqEncoder
from seqclf.nn.seq2vec_encoder import Seq2VecEncoder
from seqclf.parts import Parts, is_part, make, part_arguments, resolve
from seqclf.segmented import refuse_places
from seqclf.several import NAMES, is_several, named, only_named, settings
from seqclf.text.vocabulary import Vocabulary
from seqclf.token_features import build_embedder, with_rates, without_files

log = logging.getLogger("seqclf")

# What a model folder keeps: all that shapes the module and its figures, nothing that only trained it.
ARCHITECTURE = (
    "embedder",
    "seq2seq",
    "encoder",
    "multifield_seq2seq",
    "multifield",
    "feedforward",
    "wide",
    "task",
    "loss",
    "dropout",
    "multifield_dropout",
    "metrics",
)


def make_seq2seq(node: Mapping[str, Any], key: str, width: int, build: Callable[..., Any] = make) -> Seq2SeqEncoder:
    """Build one seq2seq encoder, or a chain of those that the node names, each as wide as the one before it writes.

    Args:
        node: `_target_` and arguments; several encoders by name and `names`, for a chain.
        key: where the node stands in the configuration, for messages.
        width: of the vectors in.
        build: `make`, with what else is threaded.

    Raises:
        UserError: for a part that is refused or cannot be built, and for a name that there is not.
    """
    if not is_several(node):
        encoder: Seq2SeqEncoder = build(node, key, input_dim=width)
        return encoder
    encoders: list[Seq2SeqEncoder] = []
    for name, inside in named(node, key):
        encoders.append(make_seq2seq(inside, f"{key}.{name}", width, build))
        width = encoders[-1].output_dim
    chain: Seq2SeqEncoder = build(settings(node), key, encoders=encoders)
    return chain


def build_classifier(
    config: Mapping[str, Any], vocab: Vocabulary, parts: Parts = (), counts: Sequence[int] | None = None
) -> Any:
    """Build a classifier from the plain configuration of a run or of a model folder.

    With one field that is one sequence the multifield parts are left out, whatever is set.

    Args:
        config: group name to part, as `conf/` lays it out; the groups of training may be missing.
        vocab: sizes the embedder and the head, and says how many fields there are.
        parts: classes of the caller's own that the configuration may name.
        counts: how many training records each class has; balanced loss weights need it.

    Returns:
        The classifier; its `architecture` is what a model folder needs to build it again.

    Raises:
        UserError: for a part that is refused or cannot be built.
    """
    optimizer = make(config["optimizer"], "optimizer", parts) if is_part(config.get("optimizer")) else None
    # Sparse gradients are legal where the optimiser takes them and no penalty falls on the table.
    sparse = bool(getattr(optimizer, "supports_sparse", False)) and not _is_regularized(config)
    stack = _build_stack(config, vocab, parts, sparse)
    if optimizer is not None:
        optimizer = make(with_rates(config["optimizer"], stack["text_field_embedder"]), "optimizer", parts)
    loss = make(config["loss"], "loss", parts, labels=vocab.labels, counts=counts)
    wide = _build_wide(config, vocab, parts)
    model = make(
        config["task"],
        "task",
        parts,
        vocab=vocab,
        **stack,
        wide=wide,
        initializer=_patterns(Initializer, config.get("initializer")),
        regularizer=_patterns(Regularizer, config.get("regularizer")),
        loss=loss,
        optimizer=optimizer,
        scheduler=make(config["scheduler"], "scheduler", parts) if is_part(config.get("scheduler")) else None,
        monitor=str(config.get("monitor", "validation/accuracy")),
        step=make(config["step"], "step", parts) if is_part(config.get("step")) else None,
        metrics=make(config["metrics"], "metrics", parts) if is_part(config.get("metrics")) else None,
    )
    model.architecture = {name: only_named(config.get(name)) for name in ARCHITECTURE}
    model.architecture["wide"] = None if wide is None else config["wide"]
    model.architecture["embedder"] = without_files(model.architecture["embedder"])
    model.architecture["loss"] = {**config["loss"], "weights": loss.weights}  # by name, whatever they were made from
    return model


def build_saved(folder: Path | str, parts: Parts = ()) -> Any:
    """Build the classifier of a model folder, with its weights.

    Raises:
        UserError: for a folder that is incomplete, changed, or names anything but parts of a model; nothing was built
            or imported then.
    """
    vocab, config = read_saved(folder, parts)
    model = build_classifier(config, vocab, parts)
    load_weights(model, folder)
    return model


def read_saved(folder: Path | str, parts: Parts = ()) -> tuple[Vocabulary, dict[str, Any]]:
    """The vocabulary and the configuration of a model folder, checked.

    Raises:
        UserError: as `build_saved`.
    """
    vocab, config = load_vocabulary(folder)
    for key in config:
        if key not in ARCHITECTURE:
            raise UserError(
                f"{folder}: config.yaml has an unknown key 'model.{key}'. {nearest(str(key), ARCHITECTURE)}"
            )
    for key, target in targets(config):
        if not _may_be_a_part(config, key, parts):
            raise UserError(f"{folder}: config.yaml names {target!r} at 'model.{key}', where no part can stand.")
        resolve(target, f"model.{key}", parts)
    return vocab, config


def _may_be_a_part(config: Mapping[str, Any], key: str, parts: Parts) -> bool:
    """Whether a `_target_` may stand at this key: a group, a part that it names, or one that a part takes."""
    group, *inside = key.split(".")
    if group not in ARCHITECTURE:
        return False
    node = config[group]
    for name in inside:
        if is_several(node):
            taken = node[NAMES]
        else:
            taken = part_arguments(node, f"model.{group}", parts) if is_part(node) else ()
        if name not in taken or name not in node:
            return False
        node = node[name]
    return True


def _build_stack(config: Mapping[str, Any], vocab: Vocabulary, parts: Parts, sparse: bool) -> dict[str, Any]:
    build: Callable[..., Any] = partial(make, parts=parts, num_fields=len(vocab.fields))
    embedder = build_embedder(config["embedder"], vocab, sparse, parts, build)
    width = embedder.output_dim
    if vocab.segment is not None:
        refuse_places(config, parts)
    apart = vocab.several_sequences and (config.get("multifield") or {}).get("separate_encoders", False)
    seq2seq, encoder = _build_encoders(config, build, width, len(vocab.fields) if apart else 1)
    width = encoder.output_dim
    multifield_seq2seq, multifield = None, None
    if vocab.several_sequences:
        multifield_seq2seq, multifield = _build_multifield(config, build, width, len(vocab.fields))
        width = multifield.output_dim if multifield is not None else width
    elif is_part(config.get("multifield_seq2seq")) or any((config.get("multifield") or {}).values()):
        log.info("The records have one text field: the multifield parts are left out.")
    forward = config.get("feedforward") or {}
    return {
        "text_field_embedder": embedder,
        "seq2seq_encoder": seq2seq,
        "seq2vec_encoder": encoder,
        "multifield_seq2seq_encoder": multifield_seq2seq,
        "multifield_seq2vec_encoder": multifield,
        "feed_forward": build(forward, "feedforward", input_dim=width) if is_part(forward) else None,
        "dropout": config.get("dropout"),
        "multifield_dropout": config.get("multifield_dropout"),
    }


def _build_encoders(
    config: Mapping[str, Any], build: Callable[..., Any], width: int, copies: int
) -> tuple[Seq2SeqEncoder | None, Seq2VecEncoder]:
    """The encoders of tokens; several copies are one for each field."""
    seq2seqs: list[Seq2SeqEncoder] = []
    if is_part(config.get("seq2seq")):
        seq2seqs = [make_seq2seq(config["seq2seq"], "seq2seq", width, build) for _ in range(copies)]
        width = seq2seqs[0].output_dim
    encoders: list[Seq2VecEncoder] = [build(config["encoder"], "encoder", input_dim=width) for _ in range(copies)]
    if copies > 1:
        return PerFieldSeq2SeqEncoder(seq2seqs) if seq2seqs else None, PerFieldSeq2VecEncoder(encoders)
    return seq2seqs[0] if seq2seqs else None, encoders[0]


def _build_wide(config: Mapping[str, Any], vocab: Vocabulary, parts: Parts) -> Any:
    """The linear term beside the neural model, of the tasks that have one."""
    node, task = config.get("wide") or {}, resolve(str(config["task"]["_target_"]), "task", parts)
    if not is_part(node):
        return None
    if "wide" not in inspect.signature(task).parameters:
        log.info("%s has no wide term: `wide` is left out.", task.__name__)
        return None
    node = {**node, "sparse": node["sparse"] and not _is_regularized(config)}
    return make(node, "wide", parts, vocab_size=vocab.size(), num_classes=vocab.num_labels)


def _build_multifield(
    config: Mapping[str, Any], build: Callable[..., Any], width: int, num_fields: int
) -> tuple[Seq2SeqEncoder | None, Any]:
    node = dict(config.get("multifield") or {})
    in_context: list[Seq2SeqEncoder] = []
    node.pop("separate_encoders", None)  # of the tokens
    field_dropout = node.pop("field_dropout", 0.0)
    if field_dropout:
        in_context.append(FieldDropout(width, field_dropout))
    if node.pop("field_embeddings", False):
        in_context.append(FieldEmbedding(width, num_fields))
    if is_part(config.get("multifield_seq2seq")):
        in_context.append(make_seq2seq(config["multifield_seq2seq"], "multifield_seq2seq", width, build))
        width = in_context[-1].output_dim
    multifield = build(node, "multifield", input_dim=width) if is_part(node) else None
    if len(in_context) > 1:
        return Chain(in_context), multifield
    return (in_context[0] if in_context else None), multifield


def _patterns(kind: type[Any], node: Any) -> Any:
    patterns = (node or {}).get("patterns")
    return kind(patterns) if patterns else None


def _is_regularized(config: Mapping[str, Any]) -> bool:
    return bool((config.get("regularizer") or {}).get("patterns"))
