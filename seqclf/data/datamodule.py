"""The store as Lightning reads it: one loader per split."""

from __future__ import annotations

import numpy as np
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, Dataset

from seqclf.batch import RecordBatch
from seqclf.data.records import IndexedRecords
from seqclf.data.sampler import BatchSampler
from seqclf.data.store import Store
from seqclf.errors import UserError, nearest
from seqclf.ragged import IntArray

SAMPLERS = ("length", "balanced")


class Batches(Dataset[RecordBatch]):
    """Records as a dataset whose items are whole batches.

    Args:
        records: what batches are gathered from.
    """

    def __init__(self, records: IndexedRecords) -> None:
        self.records = records

    def __getitem__(self, indices: IntArray) -> RecordBatch:
        """The batch of the records of these indices `(B,)`."""
        return self.records.batch(indices)

    def __len__(self) -> int:
        """How many records there are."""
        return len(self.records)


class DataModule(pl.LightningDataModule):
    """Loaders over a store: batches of records of like length, in an order that depends on (seed, epoch) alone.

    Each rank takes its own share of the batches, so the trainer needs `use_distributed_sampler=False`.

    Args:
        store: the records of all splits.
        batch_size: how many records a training batch holds at most, on each rank.
        eval_batch_size: the same in validation and test.
        max_tokens: how many tokens a batch holds at most, on each rank; None for no such bound.
        seed: of the order of the training records.
        num_workers: processes that gather batches; numbered records are gathered faster than any model reads them,
            so 0 is right unless the store lies on a slow disk.
        sampler: "length": every training record once an epoch; "balanced": every class equally often. Both put records
            of like length together.

    Raises:
        UserError: for a sampler that there is not, or that these records cannot have.
    """

    def __init__(
        self,
        store: Store,
        batch_size: int,
        eval_batch_size: int = 256,
        max_tokens: int | None = None,
        seed: int = 0,
        num_workers: int = 0,
        sampler: str = "length",
    ) -> None:
        super().__init__()
        if sampler not in SAMPLERS:
            raise UserError(f"data.sampler cannot be {sampler!r}. {nearest(sampler, SAMPLERS)}")
        labels = store.train.labels
        if sampler == "balanced" and (labels is None or store.train.label_offsets is not None):
            raise UserError("data.sampler=balanced needs one label for each record; type data.sampler=length.")
        self.classes = labels.astype(np.int64) if sampler == "balanced" and labels is not None else None
        self.store = store
        self.batch_size = batch_size
        self.eval_batch_size = eval_batch_size
        self.max_tokens = max_tokens
        self.seed = seed
        self.num_workers = num_workers
        self._start = (0, 0)

    def start_at(self, epoch: int, batches: int) -> None:
        """Have the training begin in an epoch, behind batches of it that are done.

        Args:
            epoch: counted from 0.
            batches: how many are done, on each rank.
        """
        self._start = (epoch, batches)

    def train_dataloader(self) -> DataLoader[RecordBatch]:
        """The training records, shuffled anew every epoch."""
        loader = self._loader(self.store.train, self.batch_size, shuffle=True, classes=self.classes)
        assert isinstance(loader.sampler, BatchSampler)
        loader.sampler.set_epoch(*self._start)  # before there is an iterator: workers begin at once
        return loader

    def val_dataloader(self) -> DataLoader[RecordBatch] | list[DataLoader[RecordBatch]]:
        """The validation records, the longest first; no loader where there are none."""
        return self._evaluation(self.store.validation)

    def test_dataloader(self) -> DataLoader[RecordBatch] | list[DataLoader[RecordBatch]]:
        """The test records, the longest first; no loader where there are none."""
        return self._evaluation(self.store.test)

    def transfer_batch_to_device(self, batch: RecordBatch, device: torch.device, dataloader_idx: int) -> RecordBatch:
        """Move a batch, out of page-locked memory without waiting for it."""
        return batch.to(device, non_blocking=True)

    def _evaluation(self, records: IndexedRecords | None) -> DataLoader[RecordBatch] | list[DataLoader[RecordBatch]]:
        return [] if records is None else self._loader(records, self.eval_batch_size, shuffle=False)

    def _loader(
        self, records: IndexedRecords, batch_size: int, shuffle: bool, classes: IntArray | None = None
    ) -> DataLoader[RecordBatch]:
        rank, world_size = (0, 1) if self.trainer is None else (self.trainer.global_rank, self.trainer.world_size)
        if len(records) < world_size:  # a rank without a record would not come to where the others wait for it
            raise UserError(
                f"{len(records)} records cannot be shared among {world_size} processes: give fewer devices."
            )
        sampler = BatchSampler(
            records.lengths, batch_size, self.max_tokens, self.seed, shuffle, rank, world_size, classes
        )
        return DataLoader(
            Batches(records),
            batch_size=None,  # an item is a batch
            sampler=sampler,
            num_workers=self.num_workers,
            persistent_workers=self.num_workers > 0,
            pin_memory=torch.cuda.is_available(),
            generator=torch.Generator().manual_seed(self.seed),  # or its iterators would draw from the global one
        )
