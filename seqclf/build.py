"""From plain dictionaries to modules; every part's output width becomes the next part's input width.

A part is a mapping with a `_target_`, the dotted name of its class, and the constructor's arguments. Only parts of
seqclf itself and those that the caller names are ever imported, so that a configuration from a stranger runs nothing.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from seqclf.errors import UserError, nearest
from seqclf.inference.model_folder import load_vocabulary, load_weights, targets
from seqclf.nn.chain import Chain
from seqclf.nn.embedder import TextFieldEmbedder
from seqclf.nn.field_embedding import FieldEmbedding
from seqclf.nn.initializer import Initializer
from seqclf.nn.regularizer import Regularizer
from seqclf.nn.seq2seq_encoder import Seq2SeqEncoder
from seqclf.text.vocabulary import Vocabulary

log = logging.getLogger("seqclf")

MODEL_ROOMS = ("seqclf.nn.", "seqclf.classifiers.")  # what a model may be built of
# What a model folder keeps: all that shapes the module, nothing that only trained it.
ARCHITECTURE = (
    "embedder",
    "seq2seq",
    "encoder",
    "multifield_seq2seq",
    "multifield",
    "feedforward",
    "task",
    "loss",
    "dropout",
    "multifield_dropout",
)
TRAINING = ("initializer", "regularizer", "optimizer", "scheduler", "monitor")
Parts = Sequence[type]


def resolve(target: str, key: str, parts: Parts = (), rooms: tuple[str, ...] = MODEL_ROOMS) -> Any:
    """The class or function that a `_target_` names.

    Args:
        target: dotted name.
        key: where it stands in the configuration, for the message.
        parts: classes of the caller's own that may be named too.
        rooms: packages of seqclf whose parts may be named.

    Raises:
        UserError: for anything but a part of seqclf or one of `parts`.
    """
    for part in parts:
        if target == f"{part.__module__}.{part.__qualname__}":
            return part
    module, _, name = target.rpartition(".")
    if target.startswith(rooms):
        try:
            found = getattr(import_module(module), name)
        except (ImportError, AttributeError):
            raise UserError(f"{key}: there is no part {target!r} in seqclf.") from None
        # A module's imports are not its parts: seqclf.nn.bag.torch would be all of torch.
        if getattr(found, "__module__", None) == module:
            return found
    raise UserError(
        f"{key}: {target!r} is refused. Only parts of seqclf can be named here; name your own to whoever loads it "
        "(parts=[...])."
    )


def make(
    node: Mapping[str, Any],
    key: str,
    parts: Parts = (),
    rooms: tuple[str, ...] = MODEL_ROOMS,
    **threaded: Any,
) -> Any:
    """Build one part.

    Args:
        node: `_target_` and arguments; `_partial_` is Hydra's and means nothing here.
        key: where the node stands in the configuration, for messages.
        parts: classes of the caller's own.
        rooms: packages of seqclf whose parts may be named.
        **threaded: widths, sizes and other parts; each is given to the constructors that name it.

    Raises:
        UserError: for a target that is refused, or arguments that the part refuses.
    """
    target = resolve(str(node["_target_"]), key, parts, rooms)
    given = {name: value for name, value in node.items() if name not in ("_target_", "_partial_")}
    named = inspect.signature(target).parameters
    try:
        return target(**{name: value for name, value in threaded.items() if name in named}, **given)
    except (TypeError, ValueError, UserError) as error:
        raise UserError(f"{key}: {error}") from error


def is_part(node: Any) -> bool:
    """Whether a node of the configuration names a part (and not `none`)."""
    return isinstance(node, Mapping) and node.get("_target_") is not None


def build_classifier(
    config: Mapping[str, Any], vocab: Vocabulary, parts: Parts = (), counts: Sequence[int] | None = None
) -> Any:
    """Build a classifier from the plain configuration of a run or of a model folder.

    With one field the multifield parts are left out, whatever is set.

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
    stack = _build_stack(config, vocab, parts, sparse=_may_be_sparse(config, optimizer))
    loss = make(config["loss"], "loss", parts, labels=vocab.labels, counts=counts)
    model = make(
        config["task"],
        "task",
        parts,
        vocab=vocab,
        **stack,
        initializer=_patterns(Initializer, config.get("initializer")),
        regularizer=_patterns(Regularizer, config.get("regularizer")),
        loss=loss,
        optimizer=optimizer,
        scheduler=make(config["scheduler"], "scheduler", parts) if is_part(config.get("scheduler")) else None,
        monitor=str(config.get("monitor", "validation/accuracy")),
    )
    model.architecture = {name: config.get(name) for name in ARCHITECTURE}
    model.architecture["loss"] = {**config["loss"], "weights": loss.weights}  # by name, whatever they were made from
    return model


def build_saved(folder: Path | str, parts: Parts = ()) -> Any:
    """Build the classifier of a model folder, with its weights.

    Raises:
        UserError: for a folder that is incomplete, changed, or names anything but parts of a model; nothing was built
            or imported then.
    """
    vocab, config = load_vocabulary(folder)
    for key in config:
        if key not in ARCHITECTURE:
            raise UserError(
                f"{folder}: config.yaml has an unknown key 'model.{key}'. {nearest(str(key), ARCHITECTURE)}"
            )
    for key, target in targets(config):
        if key not in ARCHITECTURE:
            raise UserError(f"{folder}: config.yaml names {target!r} at 'model.{key}', where no part can stand.")
        resolve(target, f"model.{key}", parts)
    model = build_classifier(config, vocab, parts)
    load_weights(model, folder)
    return model


def _build_stack(config: Mapping[str, Any], vocab: Vocabulary, parts: Parts, sparse: bool) -> dict[str, Any]:
    build: Callable[..., Any] = partial(make, parts=parts, num_fields=len(vocab.fields))
    embedder_node = dict(config["embedder"])
    if "sparse" in embedder_node:
        embedder_node["sparse"] = embedder_node["sparse"] and sparse
    embedder = TextFieldEmbedder({"tokens": build(embedder_node, "embedder", vocab_size=vocab.size())})
    width = embedder.output_dim
    seq2seq = None
    if is_part(config.get("seq2seq")):
        seq2seq = build(config["seq2seq"], "seq2seq", input_dim=width)
        width = seq2seq.output_dim
    encoder = build(config["encoder"], "encoder", input_dim=width)
    width = encoder.output_dim
    multifield_seq2seq, multifield = None, None
    if len(vocab.fields) > 1 and not vocab.join_fields:
        multifield_seq2seq, multifield = _build_multifield(config, build, width, len(vocab.fields))
        width = multifield.output_dim if multifield is not None else width
    elif is_part(config.get("multifield")) or is_part(config.get("multifield_seq2seq")):
        log.info("The records have one text field: the multifield parts are left out.")
    feed_forward = None
    if is_part(config.get("feedforward")):
        feed_forward = build(config["feedforward"], "feedforward", input_dim=width)
    return {
        "text_field_embedder": embedder,
        "seq2seq_encoder": seq2seq,
        "seq2vec_encoder": encoder,
        "multifield_seq2seq_encoder": multifield_seq2seq,
        "multifield_seq2vec_encoder": multifield,
        "feed_forward": feed_forward,
        "dropout": config.get("dropout"),
        "multifield_dropout": config.get("multifield_dropout"),
    }


def _build_multifield(
    config: Mapping[str, Any], build: Callable[..., Any], width: int, num_fields: int
) -> tuple[Seq2SeqEncoder | None, Any]:
    node = dict(config.get("multifield") or {})
    in_context: list[Seq2SeqEncoder] = []
    if node.pop("field_embeddings", False):
        in_context.append(FieldEmbedding(width, num_fields))
    if is_part(config.get("multifield_seq2seq")):
        in_context.append(build(config["multifield_seq2seq"], "multifield_seq2seq", input_dim=width))
        width = in_context[-1].output_dim
    multifield = build(node, "multifield", input_dim=width) if is_part(node) else None
    if len(in_context) > 1:
        return Chain(in_context), multifield
    return (in_context[0] if in_context else None), multifield


def _patterns(kind: type[Any], node: Any) -> Any:
    patterns = (node or {}).get("patterns")
    return kind(patterns) if patterns else None


def _may_be_sparse(config: Mapping[str, Any], optimizer: Any) -> bool:
    """Sparse gradients are legal where the optimiser takes them and no penalty falls on the table."""
    regularized = bool((config.get("regularizer") or {}).get("patterns"))
    return bool(getattr(optimizer, "supports_sparse", False)) and not regularized
