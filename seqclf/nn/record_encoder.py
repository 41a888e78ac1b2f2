"""The stack of parts that turns records into vectors."""

import torch
from torch import Tensor, nn

from seqclf.batch import RecordBatch
from seqclf.errors import UserError
from seqclf.nn.embedder import TextFieldEmbedder
from seqclf.nn.feedforward import FeedForward
from seqclf.nn.per_field import PerFieldSeq2SeqEncoder, PerFieldSeq2VecEncoder
from seqclf.nn.pretrained_embedder import PretrainedEmbedder
from seqclf.nn.seq2seq_encoder import DenseSeq2SeqEncoder, Seq2SeqEncoder
from seqclf.nn.seq2vec_encoder import DenseSeq2VecEncoder, Seq2VecEncoder
from seqclf.ragged import Ragged, Rows

POOLED = "pooled"  # the vectors of fields, where they were computed before


class RecordEncoder(nn.Module):
    """Tokens to a vector per token, per field and per record; every part but the first two may be missing.

    Args:
        text_field_embedder: tokens to one vector per token.
        seq2vec_encoder: token vectors to one vector per field.
        seq2seq_encoder: token vectors in context, before they are pooled.
        multifield_seq2seq_encoder: field vectors in context.
        multifield_seq2vec_encoder: field vectors to one vector per record; required for records of several fields.
        feed_forward: applied to the record's vector.
        dropout: share of the field vectors' entries left out in training.
        multifield_dropout: share of the record vectors' entries left out in training.
    """

    def __init__(
        self,
        text_field_embedder: TextFieldEmbedder,
        seq2vec_encoder: Seq2VecEncoder,
        seq2seq_encoder: Seq2SeqEncoder | None = None,
        multifield_seq2seq_encoder: Seq2SeqEncoder | None = None,
        multifield_seq2vec_encoder: Seq2VecEncoder | None = None,
        feed_forward: FeedForward | None = None,
        dropout: float | None = None,
        multifield_dropout: float | None = None,
    ) -> None:
        super().__init__()
        self.text_field_embedder = text_field_embedder
        self.seq2seq_encoder = seq2seq_encoder
        self.seq2vec_encoder = seq2vec_encoder
        self.dropout = nn.Dropout(dropout or 0.0)
        self.multifield_seq2seq_encoder = multifield_seq2seq_encoder
        self.multifield_seq2vec_encoder = multifield_seq2vec_encoder
        self.multifield_dropout = nn.Dropout(multifield_dropout or 0.0)
        self.feed_forward = feed_forward
        last = feed_forward or multifield_seq2vec_encoder or seq2vec_encoder
        self.output_dim = int(last.output_dim)

    def forward(self, batch: RecordBatch) -> Tensor:
        """Encode a batch; returns one vector per record, `(B, I, output_dim)`."""
        if POOLED in batch.tokens:
            return self._of_fields(batch.tokens[POOLED].values, batch)
        return self.encode(self.token_vectors(batch), batch)

    def token_vectors(self, batch: RecordBatch) -> Ragged:
        """The vectors of a batch's tokens, `(N, D)`."""
        vectors: Ragged = self.text_field_embedder(batch.tokens)
        return vectors

    def word_vectors(self, batch: RecordBatch) -> Ragged:
        """The vectors of a batch's tokens before any context `(N, D)`; a pretrained model begins with them."""
        return self.text_field_embedder.word_vectors(batch.tokens)

    def encode(self, vectors: Ragged, batch: RecordBatch) -> Tensor:
        """Encode a batch whose tokens have these vectors `(N, D)`; returns `(B, I, output_dim)`."""
        return self._of_fields(self.pool(vectors, batch), batch)

    def pool(self, vectors: Ragged, batch: RecordBatch) -> Tensor:
        """One vector per field `(S, H)` of token vectors `(N, D)`, before dropout."""
        if isinstance(self.seq2seq_encoder, PerFieldSeq2SeqEncoder):
            vectors = self.seq2seq_encoder(vectors, batch.records)
        elif self.seq2seq_encoder is not None:
            vectors = self.seq2seq_encoder(vectors)
        return self._pool(vectors, batch.records)

    def field_weights(self, batch: RecordBatch) -> Ragged | None:
        """How far each field goes into its record's vector `(S,)`; None where nothing weighs them."""
        weighs = self.multifield_seq2vec_encoder
        if weighs is None:
            return None
        seen: list[Ragged] = []
        hook = weighs.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
        try:
            RecordEncoder.forward(self, batch)
        finally:
            hook.remove()
        return weighs.field_weights(seen[0])

    def compile_kernels(self) -> None:
        """Compile the dense kernels of the encoders and pretrained models, in place: parameters keep their names."""
        for module in self.modules():
            if isinstance(module, DenseSeq2VecEncoder | DenseSeq2SeqEncoder) and module.compiles:
                module.dense = torch.compile(module.dense, dynamic=True)  # type: ignore[method-assign]
            elif isinstance(module, PretrainedEmbedder):
                module.compile_kernel()

    def backbone_files(self) -> dict[str, str]:
        """The texts of the files that a pretrained model is known by, by their names in a model folder."""
        return self.text_field_embedder.backbone_files()

    def _of_fields(self, pooled: Tensor, batch: RecordBatch) -> Tensor:
        fields = self.dropout(pooled)  # (S, H)
        records = self._join_fields(Ragged(fields, batch.records))  # (R, H)
        if self.feed_forward is not None:
            records = self.feed_forward(records)
        return records.view(len(batch), batch.num_inputs, -1)

    def _pool(self, vectors: Ragged, records: Rows) -> Tensor:
        if isinstance(self.seq2vec_encoder, PerFieldSeq2VecEncoder):
            pooled: Tensor = self.seq2vec_encoder(vectors, records)
        else:
            pooled = self.seq2vec_encoder(vectors)
        return pooled

    def _join_fields(self, fields: Ragged) -> Tensor:
        if self.multifield_seq2vec_encoder is None:
            if len(fields) != len(fields.values):
                raise UserError(
                    "The records have several text fields, but the model has no `multifield_seq2vec_encoder` to make "
                    "one vector of them. Give one (multifield=bag), or join the fields into one text (multifield=none)."
                )
            return fields.values
        if self.multifield_seq2seq_encoder is not None:
            fields = self.multifield_seq2seq_encoder(fields)
        vectors: Tensor = self.multifield_dropout(self.multifield_seq2vec_encoder(fields))
        return vectors
