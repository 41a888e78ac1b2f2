from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, ModelCheckpoint
from torch import Tensor, nn
from torch.utils.data import DataLoader

from seqclf.classifiers.optimizers import Adam
from seqclf.errors import UserError
from seqclf.run.averaging import ExponentialAverage, StochasticAverage
from seqclf.run.callbacks import make_callbacks
from seqclf.run.checkpoints import read_weights

STEPS, EPOCHS = 5, 4


class Model(pl.LightningModule):
    """Rows of a sparse table, to be pulled apart."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.table = nn.Embedding(12, 3, sparse=True)
        self.head = nn.Linear(3, 1)

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        return self.head(self.table(batch)).square().mean()

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        self.log("validation/loss", self.head(self.table(batch)).abs().mean())

    def configure_optimizers(self) -> Any:
        return Adam(lr=0.05)(self.named_parameters())


class Watch(Callback):
    """The weights after every step, and those that are validated."""

    def __init__(self) -> None:
        self.steps: list[dict[str, Tensor]] = []
        self.validated: list[dict[str, Tensor]] = []

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *rest: Any) -> None:
        self.steps.append(weights_of(pl_module))

    def on_validation_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *rest: Any) -> None:
        self.validated.append(weights_of(pl_module))


def weights_of(model: nn.Module) -> dict[str, Tensor]:
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}


def loader(batches: int) -> DataLoader[Tensor]:
    generator = torch.Generator().manual_seed(1)
    rows = [torch.randint(0, 12, (2,), generator=generator) for _ in range(batches)]
    return DataLoader(rows, batch_size=None)  # type: ignore[arg-type]


def fitted(folder: Path, average: Callback) -> tuple[Watch, pl.Trainer, Model]:
    watch, model = Watch(), Model()
    best = ModelCheckpoint(dirpath=folder, filename="best", monitor="validation/loss", enable_version_counter=False)
    trainer = pl.Trainer(
        max_epochs=EPOCHS,
        callbacks=[watch, average, best],
        logger=False,
        accelerator="cpu",
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        default_root_dir=folder,
    )
    trainer.fit(model, loader(STEPS), loader(1))
    return watch, trainer, model


def figure(weights: dict[str, Tensor]) -> float:
    """The validation's, of any weights."""
    model = Model()
    model.load_state_dict(weights)
    (batch,) = loader(1)
    return float(model.head(model.table(batch)).abs().mean())


def exponential(watch: Watch, decay: float, every: int) -> list[dict[str, Tensor]]:
    """The averages at the end of each epoch, weight by weight."""
    average, last, ends = watch.steps[0], 0, []
    for step, weights in enumerate(watch.steps, 1):
        kept = min(decay, (1 + step) / (10 + step)) ** (step - last)
        if step - last >= every or step % STEPS == 0:
            first = not ends and last == 0
            average = {
                name: weights[name] if first else kept * average[name] + (1 - kept) * weights[name] for name in weights
            }
            last = step
        if step % STEPS == 0:
            ends.append(average)
    return ends


def mean(watch: Watch, start: int) -> list[dict[str, Tensor]]:
    ends = watch.steps[STEPS - 1 :: STEPS]
    averages = []
    for epoch in range(EPOCHS):
        taken = ends[start : epoch + 1] if epoch >= start else [ends[epoch]]
        averages.append({name: torch.stack([one[name] for one in taken]).mean(0) for name in ends[0]})
    return averages


@pytest.mark.filterwarnings("ignore")  # what a bare Trainer says of so small a training
@pytest.mark.parametrize(
    ("average", "reference"),
    [
        (lambda: ExponentialAverage(0.9, 1), lambda watch: exponential(watch, 0.9, 1)),
        (lambda: ExponentialAverage(0.3, 1), lambda watch: exponential(watch, 0.3, 1)),
        (lambda: ExponentialAverage(0.9, 3), lambda watch: exponential(watch, 0.9, 3)),
        (lambda: ExponentialAverage(0.9, 100), lambda watch: exponential(watch, 0.9, 100)),
        (lambda: StochasticAverage(0.5), lambda watch: mean(watch, 2)),
        (lambda: StochasticAverage(1), lambda watch: mean(watch, 1)),
        (lambda: StochasticAverage(0), lambda watch: mean(watch, 0)),
    ],
)
def test_the_average_is_validated_and_saved_and_training_goes_on_with_the_weights(
    average: Any, reference: Any, tmp_path: Path
) -> None:
    watch, trainer, model = fitted(tmp_path, average())
    plain, _, _ = fitted(tmp_path / "plain", Callback())
    expected = reference(watch)
    for step, weights in enumerate(watch.steps):
        torch.testing.assert_close(weights, plain.steps[step], rtol=0, atol=0)
    assert len(watch.validated) == EPOCHS
    for epoch in range(EPOCHS):
        torch.testing.assert_close(watch.validated[epoch], expected[epoch], rtol=0, atol=1e-6)
    best = min(range(EPOCHS), key=lambda epoch: figure(expected[epoch]))
    torch.testing.assert_close(dict(read_weights(tmp_path / "best.ckpt")), expected[best], rtol=0, atol=1e-6)
    # after training, what the model is given is what is validated
    other = {name: torch.full_like(weight, 0.5) for name, weight in expected[0].items()}
    model.load_state_dict(other)
    trainer.validate(model, loader(1), verbose=False)
    torch.testing.assert_close(watch.validated[-1], other)
    torch.testing.assert_close(weights_of(model), other)


def test_what_is_typed_makes_the_callbacks() -> None:
    def kinds(**options: Any) -> list[str]:
        return [type(callback).__name__ for callback in make_callbacks("validation/loss", "min", **options)]

    assert kinds() == []
    assert kinds(patience=2, average="ema") == ["ExponentialAverage", "EarlyStopping"]
    assert kinds(average="swa", gradual_unfreezing=True) == ["StochasticAverage", "GradualUnfreezing"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"decay": 1.0}, r"callbacks\.decay"),
        ({"average_every": 0}, r"callbacks\.average_every"),
        ({"average_from": -1}, r"callbacks\.average_from"),
    ],
)
def test_a_setting_out_of_bounds_is_refused(options: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        make_callbacks("validation/loss", "min", **options)
