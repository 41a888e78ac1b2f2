from types import SimpleNamespace
from typing import Any

import torch

from seqclf.run.callbacks import StepSeed


def noise_of(seed: int, epoch: int, step: int, rank: int) -> torch.Tensor:
    strategy = SimpleNamespace(root_device=torch.device("cpu"))
    trainer: Any = SimpleNamespace(current_epoch=epoch, global_rank=rank, strategy=strategy)
    module: Any = None
    StepSeed(seed).on_train_batch_start(trainer, module, None, step)
    return torch.rand(4)


def test_the_noise_of_a_step_depends_on_seed_epoch_step_and_rank_alone() -> None:
    first = noise_of(1, 2, 3, 0)
    torch.rand(100)
    assert torch.equal(noise_of(1, 2, 3, 0), first)
    others = [noise_of(*place) for place in ((2, 2, 3, 0), (1, 3, 3, 0), (1, 2, 4, 0), (1, 2, 3, 1))]
    assert not any(torch.equal(other, first) for other in others)


def test_a_step_asks_nothing_of_devices_that_are_not_there() -> None:
    waiting = torch.cuda._queued_calls  # torch.manual_seed adds one for good at every call
    before = len(waiting)
    for step in range(3):
        noise_of(1, 1, step, 0)
    assert len(waiting) == before
