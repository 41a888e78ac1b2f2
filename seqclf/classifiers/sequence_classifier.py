"""One record, one label: the stack of parts with a head, a loss, metrics and an optimiser."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torchmetrics import Metric

from seqclf.batch import RecordBatch
from seqclf.classifiers.losses import CrossEntropy
from seqclf.classifiers.metric_options import MetricOptions
from seqclf.classifiers.metrics import categorical_accuracy
from seqclf.classifiers.pretrained import Pretrained
from seqclf.errors import UserError
from seqclf.nn.embedder import TextFieldEmbedder
from seqclf.nn.feedforward import FeedForward
from seqclf.nn.initializer import Initializer
from seqclf.nn.record_encoder import RecordEncoder
from seqclf.nn.regularizer import Regularizer
from seqclf.nn.seq2seq_encoder import Seq2SeqEncoder
from seqclf.nn.seq2vec_encoder import Seq2VecEncoder
from seqclf.nn.token_margins import token_margins
from seqclf.nn.wide_ngrams import WideNgrams
from seqclf.ragged import Ragged
from seqclf.text.vocabulary import Vocabulary


class SequenceClassifier(RecordEncoder, Pretrained):
    """Classifies records of one or several text fields.

    After the `SequenceClassifier` of biome.text, built on AllenNLP (Gardner et al. 2018, https://arxiv.org/abs/1803.07640).

    Args:
        vocab: sizes every input and output projection; holds the label names.
        text_field_embedder: tokens to one vector per token.
        seq2vec_encoder: pools token vectors into one vector per field.
        seq2seq_encoder: contextualises token vectors first.
        multifield_seq2seq_encoder: contextualises the field vectors.
        multifield_seq2vec_encoder: pools field vectors into the record's vector; required for several fields.
        feed_forward: applied to the record's vector.
        dropout: on the output of `seq2vec_encoder`.
        multifield_dropout: on the output of `multifield_seq2vec_encoder`.
        initializer: initialises parameters, chosen by regular expressions over their names.
        regularizer: a penalty added to the training loss, chosen likewise.
        accuracy: the accuracy metric, or a function from the number of classes to one (what `extend_labels` needs);
            by default categorical top-1, `MulticlassAccuracy(num_classes, average="micro")`.
        loss_weights: weight of each label in the cross entropy, by name.
        wide: a linear term on n-grams whose margins are added to the logits; it is learned beside the rest.
        loss: by default `CrossEntropy` with `loss_weights`; it brings its own weights otherwise.
        optimizer: makes an optimiser from named parameters; by default `torch.optim.AdamW`.
        scheduler: `(optimizer, total_steps, monitor, mode) -> dict`, Lightning's configuration of one; by default none.
        monitor: the figure that plateau schedulers, early stopping and the best checkpoint look at.
        step: `(model, batch) -> loss`, what training makes of a batch (`RDrop`, `Mixup`); by default it is read once.
        metrics: figures besides the usual ones; by default none.

    Raises:
        UserError: for several fields without a `multifield_seq2vec_encoder`, for loss weights that do not fit the
            labels, and for an expression that matches no parameter.
    """

    n_inputs = 1
    multilabel = False  # whether a record may have any number of labels

    def __init__(
        self,
        vocab: Vocabulary,
        text_field_embedder: TextFieldEmbedder,
        seq2vec_encoder: Seq2VecEncoder,
        seq2seq_encoder: Seq2SeqEncoder | None = None,
        multifield_seq2seq_encoder: Seq2SeqEncoder | None = None,
        multifield_seq2vec_encoder: Seq2VecEncoder | None = None,
        feed_forward: FeedForward | None = None,
        dropout: float | None = None,
        multifield_dropout: float | None = None,
        initializer: Initializer | None = None,
        regularizer: Regularizer | None = None,
        accuracy: Metric | Callable[[int], Metric] | None = None,
        loss_weights: Mapping[str, float] | None = None,
        *,
        wide: WideNgrams | None = None,
        loss: CrossEntropy | None = None,
        optimizer: Callable[[Iterable[tuple[str, nn.Parameter]]], Optimizer] | None = None,
        scheduler: Callable[[Optimizer, float, str, str], dict[str, Any]] | None = None,
        monitor: str = "validation/accuracy",
        step: Callable[[Any, RecordBatch], Tensor] | None = None,
        metrics: MetricOptions | None = None,
    ) -> None:
        super().__init__(
            text_field_embedder,
            seq2vec_encoder,
            seq2seq_encoder,
            multifield_seq2seq_encoder,
            multifield_seq2vec_encoder,
            feed_forward,
            dropout,
            multifield_dropout,
        )
        self.check_inputs(vocab.num_sides)
        _check_stack(vocab, multifield_seq2vec_encoder)
        self.vocab = vocab
        self.projection = nn.Linear(self.head_dim, vocab.num_labels)
        self.wide = wide
        self.loss = loss or CrossEntropy(vocab.labels, None if loss_weights is None else dict(loss_weights))
        if self.loss.multilabel != self.multilabel:
            wanted = "binary_cross_entropy" if self.multilabel else "cross_entropy"
            raise UserError(f"{type(self).__name__} cannot learn by {type(self.loss).__name__}: type loss={wanted}.")
        self.accuracy = accuracy or categorical_accuracy
        self.regularizer = regularizer
        self.optimizer = optimizer or torch.optim.AdamW
        self.scheduler = scheduler
        self.monitor = monitor
        self.step = step
        self.metric_options = metrics or MetricOptions()
        self.architecture: dict[str, Any] | None = None  # what it was built from, for the model folder
        self.make_metrics()
        if initializer is not None:
            initializer(self)

    @classmethod
    def check_inputs(cls, num_inputs: int) -> None:
        """Say it when examples of so many records are not what this classifier reads.

        Raises:
            UserError: for pairs where there should be single records, or the other way round.
        """
        if num_inputs < cls.n_inputs:
            raise UserError(
                f"{cls.__name__} compares two records: name the columns of each, data.left=[...] data.right=[...]."
            )
        if num_inputs > cls.n_inputs:
            raise UserError(
                f"data.left and data.right make pairs of records, which {cls.__name__} does not read: type task=pair."
            )

    # From records to classes

    @property
    def head_dim(self) -> int:
        """Width of what the projection sees."""
        return self.output_dim

    def forward(  # type: ignore[override]  # the contract of the family; the stack alone is `RecordEncoder.forward`
        self, tokens: RecordBatch | Mapping[str, Tensor], label: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Classify records.

        Args:
            tokens: a `RecordBatch`, or indexer name to padded ids `(B, L)`, `(B, F, L)` for records of several fields.
            label: class indices `(B,)`; -1 for a label that is not among the classes.

        Returns:
            `logits (B, C)`, `class_probabilities (B, C)`, and `loss ()` where a label is given; the metrics of the
            stage are recorded then.
        """
        batch = tokens if isinstance(tokens, RecordBatch) else RecordBatch.from_padded(tokens)
        margins = None if self.wide is None else self.wide(batch)
        return self.output_layer(self.forward_tokens(batch), label, margins)

    def forward_tokens(self, tokens: RecordBatch | Mapping[str, Tensor]) -> Tensor:
        """The whole chain but the output layer: the record's vector `(B, output_dim)`; of pairs, both side by side."""
        batch = tokens if isinstance(tokens, RecordBatch) else RecordBatch.from_padded(tokens)
        encode = super().forward
        return (self.halving.encode(encode, batch) if self.halving and self.training else encode(batch)).flatten(1)

    def logits_from(self, vectors: Ragged, batch: RecordBatch) -> Tensor:
        """Logits `(B, C)` without the wide term, if `word_vectors` of the batch were these `(N, D)`."""
        vectors = self.text_field_embedder.in_context(vectors, batch.tokens)
        return self.head(self.encode(vectors, batch).flatten(1))

    def linear_term(self, batch: RecordBatch) -> tuple[Tensor, Tensor] | None:
        """What each token adds to the logits by the wide term `(N, C)`, and what its bias adds `(C,)`; None without."""
        if self.wide is None:
            return None
        return self.wide.scale * token_margins(self.wide, batch), self.wide.scale * self.wide.bias

    def head(self, encoded_text: Tensor) -> Tensor:
        """Record vectors `(B, output_dim)` to logits `(B, C)`."""
        logits: Tensor = self.projection(encoded_text)
        return logits

    def probabilities(self, logits: Tensor) -> Tensor:
        """The probability of each class `(B, C)`, at the model's temperature."""
        return (logits / self.temperature).softmax(dim=-1)

    def mean_loss(self, encoded_text: Tensor, logits: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
        """The loss of a batch, a scalar, and what its sum was divided by: 0 for both where no label is known."""
        loss, weight = self.loss.sums(logits, label)
        return loss / weight.clamp(min=1e-30), weight

    def output_layer(
        self, encoded_text: Tensor, label: Tensor | None = None, margins: Tensor | None = None
    ) -> dict[str, Tensor]:
        """The head alone.

        Args:
            encoded_text: record vectors `(B, output_dim)`.
            label: class indices `(B,)`.
            margins: of the wide term, `(B, C)`: it has a loss of its own, and the logits are the sum of both.

        Returns:
            `logits (B, C)`, `class_probabilities (B, C)`, and `loss ()` where a label is given.
        """
        deep = self.head(encoded_text)
        logits = deep if self.wide is None or margins is None else deep + self.wide.scale * margins
        output = {"logits": logits, "class_probabilities": self.probabilities(logits)}
        if label is not None:
            output["loss"], weight = self.mean_loss(encoded_text, deep, label)
            if self.wide is not None and margins is not None:
                output["loss"] = output["loss"] + self.wide.mean_hinge(margins, label, self.loss.weight)
            self.record(logits, label, output["loss"], weight)
        return output


def _check_stack(vocab: Vocabulary, multifield_seq2vec_encoder: Seq2VecEncoder | None) -> None:
    if vocab.segment is not None and multifield_seq2vec_encoder is None:
        raise UserError(
            f"tokens.segment={vocab.segment}: a record is several sequences, but there is no "
            "`multifield_seq2vec_encoder` to make one vector of them: multifield=bag, attention, lstm, ..."
        )
    if vocab.several_sequences and multifield_seq2vec_encoder is None:
        raise UserError(
            f"The records have {len(vocab.fields)} text fields ({', '.join(vocab.fields)}), but there is no "
            "`multifield_seq2vec_encoder` to make one of their vectors: multifield=bag, or multifield=none joins them."
        )
