"""The vectors of a frozen pretrained model, computed once and kept: the head then trains at its own speed."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from seqclf.classifiers.sequence_classifier import SequenceClassifier
from seqclf.data.cache import cache_folder, ensure
from seqclf.data.records import IndexedRecords
from seqclf.data.store import Store
from seqclf.nn.per_field import PerFieldSeq2VecEncoder
from seqclf.nn.pretrained_embedder import PretrainedEmbedder
from seqclf.ragged import IntArray

log = logging.getLogger("seqclf")

MOST = 2**34  # bytes of vectors that are kept; with more, they are computed in every epoch
TOKENS = 8192  # that are computed at once
SHAPES = "shapes.json"


def compute_once(model: SequenceClassifier, store: Store, device: torch.device) -> None:
    """Hand the records of a store a frozen model's vectors: of fields where pooling learns nothing, else of tokens.

    Args:
        model: nothing is done unless its embedder is one pretrained model that stays as it is.
        store: its records get the vectors; they lie in the cache by what they were computed from.
        device: where they are computed.
    """
    if not _is_fixed(model):
        return
    pooled = _pools_alone(model)
    splits = {"train": store.train, "validation": store.validation, "test": store.test}
    known = {split: records for split, records in splits.items() if records is not None}
    shapes = {split: _shape(model, records, pooled) for split, records in known.items()}
    size = sum(4 * rows * width for rows, width in shapes.values())
    if size > MOST:
        log.info("The frozen model's vectors would take %d GB: they are computed in every epoch.", size >> 30)
        return
    folder = cache_folder() / f"vectors-{_key(model, store, pooled)}"

    def build(empty: Path) -> None:
        log.info("Computing the frozen model's vectors, once: %d MB.", size >> 20)
        home = model.device
        model.to(device)
        for split, records in known.items():
            _fill(empty / f"{split}.npy", model, records, pooled, shapes[split])
        model.to(home)
        (empty / SHAPES).write_text(json.dumps(shapes), encoding="utf-8")

    ensure(folder, lambda there: _is_whole(there, shapes), build)
    for split, records in known.items():
        vectors = np.asarray(np.load(folder / f"{split}.npy", mmap_mode="r", allow_pickle=False))
        if pooled:
            records.sequence_vectors = vectors
        else:
            records.token_vectors = vectors


def _is_fixed(model: SequenceClassifier) -> bool:
    parts = list(model.text_field_embedder.token_embedders.values())
    trained = any(parameter.requires_grad for parameter in model.text_field_embedder.parameters())
    return len(parts) == 1 and isinstance(parts[0], PretrainedEmbedder) and parts[0].frozen and not trained


def _pools_alone(model: SequenceClassifier) -> bool:
    """Whether fields are pooled by what learns nothing and leaves nothing out."""
    encoder = model.seq2vec_encoder
    learns = isinstance(encoder, PerFieldSeq2VecEncoder) or next(encoder.parameters(), None) is not None
    return model.seq2seq_encoder is None and not learns


def _shape(model: SequenceClassifier, records: IndexedRecords, pooled: bool) -> tuple[int, int]:
    if pooled:
        return len(records.sequence_offsets) - 1, int(model.seq2vec_encoder.output_dim)
    return len(records.ids), int(model.text_field_embedder.output_dim)


def _key(model: SequenceClassifier, store: Store, pooled: bool) -> str:
    """A hash of all that the vectors depend on."""
    digest = hashlib.sha256(f"1 {store.folder.name} {pooled}".encode())
    digest.update(json.dumps((model.architecture or {}).get("encoder") if pooled else None, sort_keys=True).encode())
    digest.update(repr(sorted(model.backbone_files().items())).encode())
    for name, tensor in model.text_field_embedder.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:32]


def _fill(file: Path, model: SequenceClassifier, records: IndexedRecords, pooled: bool, shape: tuple[int, int]) -> None:
    out: Any = np.lib.format.open_memmap(file, mode="w+", dtype=np.float32, shape=shape)
    training = model.training
    model.eval()
    with torch.inference_mode():
        for indices in _batches(records.lengths):
            batch = records.batch(indices).to(model.device)
            sequences, _ = records.sequences_of(indices)
            if pooled:
                out[sequences] = model.pool(model.token_vectors(batch), batch).float().cpu().numpy()
            else:
                vectors = model.text_field_embedder(batch.tokens)
                starts = records.sequence_offsets[sequences]
                places = np.repeat(starts, vectors.rows.lengths) + vectors.rows.places()
                out[places] = vectors.values.float().cpu().numpy()
    model.train(training)
    out.flush()


def _batches(lengths: npt.NDArray[np.int32]) -> Iterator[IntArray]:
    """Examples of like length, about `TOKENS` tokens at once, the longest first."""
    order = np.argsort(-lengths, kind="stable")
    at = 0
    while at < len(order):
        count = max(1, TOKENS // int(lengths[order[at]]))
        yield order[at : at + count]
        at += count


def _is_whole(folder: Path, shapes: Mapping[str, tuple[int, int]]) -> bool:
    try:
        said = json.loads((folder / SHAPES).read_text(encoding="utf-8"))
        return bool(said == {split: list(shape) for split, shape in shapes.items()}) and all(
            (folder / f"{split}.npy").stat().st_size >= 4 * rows * width for split, (rows, width) in shapes.items()
        )
    except (OSError, ValueError):
        return False
