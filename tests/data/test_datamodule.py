from itertools import chain
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor

from seqclf.batch import RecordBatch
from seqclf.data.datamodule import DataModule
from seqclf.data.records import IndexedRecords
from seqclf.errors import UserError
from seqclf.ragged import Rows


def records_of(count: int, seed: int) -> IndexedRecords:
    lengths = np.random.default_rng(seed).integers(1, 30, count)
    ids = np.repeat(np.arange(count, dtype=np.int32), lengths)  # every token says whose it is
    offsets = Rows.from_lengths(lengths).offsets
    labels = np.arange(count, dtype=np.int32) % 3
    return IndexedRecords(ids, offsets, np.zeros(count, dtype=np.int16), np.arange(count + 1), labels)


@pytest.fixture
def store() -> SimpleNamespace:
    return SimpleNamespace(train=records_of(101, 0), validation=records_of(53, 1), test=None)


def seen_in(loader: Any) -> list[list[int]]:
    """The records of each batch, in order."""
    return [torch.unique_consecutive(batch.tokens["tokens"].values).tolist() for batch in loader]


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("num_workers", [0, 1])
def test_loaders_give_batches_of_every_record(store: SimpleNamespace, num_workers: int) -> None:
    data = DataModule(store, batch_size=8, eval_batch_size=20, seed=1, num_workers=num_workers)
    train = seen_in(data.train_dataloader())
    assert train == seen_in(DataModule(store, 8, seed=1).train_dataloader())
    assert sorted(chain.from_iterable(train)) == list(range(101))
    assert len(train) == len(data.train_dataloader()) == 13
    validation = seen_in(data.val_dataloader())
    assert list(map(len, validation)) == [20, 20, 13]
    assert data.test_dataloader() == []


def test_labels_stay_beside_their_records(store: SimpleNamespace) -> None:
    for batch in DataModule(store, 8).train_dataloader():
        assert isinstance(batch, RecordBatch)
        first = batch.tokens["tokens"].values[batch.tokens["tokens"].rows.offsets[:-1]]
        assert (first % 3 == batch.labels).all()


def test_loaders_leave_the_global_random_state_alone(store: SimpleNamespace) -> None:
    data = DataModule(store, 8)
    torch.manual_seed(0)
    for loader in (data.train_dataloader(), data.val_dataloader()):
        list(loader)
    after = torch.rand(1)
    torch.manual_seed(0)
    assert torch.equal(after, torch.rand(1))


def test_ranks_are_read_from_the_trainer(store: SimpleNamespace) -> None:
    seen = []
    for rank in range(2):
        data = DataModule(store, 8, eval_batch_size=8)
        data.trainer = SimpleNamespace(global_rank=rank, world_size=2)
        seen.append((seen_in(data.train_dataloader()), seen_in(data.val_dataloader())))
    (train, validation), (other_train, other_validation) = seen
    assert len(train) == len(other_train)
    assert len(set(chain.from_iterable(train + other_train))) == 100
    assert sorted(chain.from_iterable(validation + other_validation)) == list(range(53))


class Watcher(pl.LightningModule):
    """Counts what a trainer hands it."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.seen, self.validated, self.batches = {}, 0, []

    def training_step(self, batch: RecordBatch, batch_idx: int) -> Tensor:
        assert batch.device == self.device
        self.seen.setdefault(self.current_epoch, []).append(tuple(seen_in([batch])[0]))
        return self.weight.sum()

    def validation_step(self, batch: RecordBatch, batch_idx: int) -> None:
        self.validated += len(batch)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


@pytest.mark.filterwarnings("ignore:.*treespec, LeafSpec:FutureWarning", "ignore:.*does not have many workers")
def test_a_trainer_sees_every_record_in_every_epoch_in_another_order(store: SimpleNamespace) -> None:
    model = Watcher()
    data = DataModule(store, batch_size=2, max_tokens=30)
    trainer = pl.Trainer(
        max_epochs=3,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
    )
    trainer.fit(model, data)
    orders = [model.seen[epoch] for epoch in range(3)]
    assert [sorted(sum(order, ())) for order in orders] == [list(range(101))] * 3
    assert len(set(map(tuple, orders))) == 3
    assert model.validated == 3 * 53
    assert orders[2] == [tuple(each) for each in epoch_of(store, 2)]


def epoch_of(store: SimpleNamespace, epoch: int) -> list[list[int]]:
    loader = DataModule(store, 2, max_tokens=30).train_dataloader()
    loader.sampler.set_epoch(epoch)
    return seen_in(loader)


def test_a_balanced_loader_draws_every_class_equally_often(store: SimpleNamespace) -> None:
    store.train.labels = (np.arange(len(store.train)) % 10 == 0).astype(np.int32)
    labels = torch.cat([batch.labels for batch in DataModule(store, 4, sampler="balanced").train_dataloader()])
    assert abs(int(labels.sum()) * 2 - len(store.train)) <= 1
    assert len(labels) == len(store.train)


def test_a_sampler_that_there_is_not_or_that_cannot_be_is_refused(store: SimpleNamespace) -> None:
    with pytest.raises(UserError, match=r"data\.sampler cannot be 'balance'\. Did you mean 'balanced'"):
        DataModule(store, 4, sampler="balance")
    store.train.label_offsets = np.arange(len(store.train) + 1)  # any number of labels each
    with pytest.raises(UserError, match="one label for each record"):
        DataModule(store, 4, sampler="balanced")
