"""How a classifier is trained by Lightning: its steps, its figures, its optimiser."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer
from torchmetrics import Metric

from seqclf.batch import RecordBatch
from seqclf.classifiers.clipping import clip_gradients
from seqclf.classifiers.direction import lower_is_better
from seqclf.classifiers.halving import Halving
from seqclf.classifiers.metric_options import MetricOptions
from seqclf.classifiers.metrics import StageMetrics, figure_names
from seqclf.classifiers.multilabel_metrics import MultilabelMetrics
from seqclf.classifiers.several_batches import SeveralBatches
from seqclf.nn.regularizer import Regularizer

STAGES = ("train", "validation", "test")
Figures = StageMetrics | MultilabelMetrics


class Trainable(SeveralBatches):
    """The glue between a classifier and Lightning; a subclass gives `forward` and these attributes.

    Attributes:
        output_classes: the names of the classes.
        accuracy: the accuracy metric, or a function from the number of classes to one.
        regularizer: a penalty added to the training loss.
        optimizer: makes an optimiser from named parameters.
        loss: the loss, which says what a batch weighs.
        scheduler: `(optimizer, total_steps, monitor, mode) -> dict`, a Lightning scheduler configuration.
        monitor: the figure that decides which epoch is the best.
        step: `(model, batch) -> loss`, what a step of training makes of a batch; None reads it once, as it is.
        wide: a linear term that descends by itself; None where there is none.
        metric_options: which figures there are besides the usual ones.
        halving: reads batches in parts that do not fit into memory; None ends in an error then.
        watch_norm: is given the norm of the gradients of every optimiser step, before it; None for nobody.
    """

    accuracy: Metric | Callable[[int], Metric]
    regularizer: Regularizer | None
    optimizer: Callable[[Iterable[tuple[str, nn.Parameter]]], Optimizer]
    scheduler: Callable[[Optimizer, float, str, str], dict[str, Any]] | None
    monitor: str
    step: Callable[[Any, RecordBatch], Tensor] | None
    _recorded = True
    metric_options: MetricOptions
    watch_norm: Callable[[Tensor], None] | None = None
    halving: Halving | None = None

    @property
    def output_classes(self) -> list[str]:
        """The names of the classes, in the order of their indices."""
        raise NotImplementedError

    def backbone_files(self) -> dict[str, str]:
        """The texts of the files that a pretrained part is known by, by their names in a model folder."""
        raise NotImplementedError

    # Figures

    def make_metrics(self) -> None:
        """One set of metrics per stage, for the classes there are now."""
        # "train" is a method of every module, so it cannot be a module's name
        metrics = {f"{stage}_metrics": self.new_metrics(scores=stage != "train") for stage in STAGES}
        self.stage_metrics = nn.ModuleDict(metrics).to(self.device)
        self._recorders: list[Figures] = []

    def new_metrics(self, scores: bool) -> Figures:
        """A set of metrics for the classes there are now; with `scores`, those too that look at all probabilities."""
        return StageMetrics(self.output_classes, self.new_accuracy(), scores, self.metric_options)

    def new_accuracy(self) -> Metric:
        """The accuracy metric, begun anew, for the classes there are now."""
        return deepcopy(self.accuracy) if isinstance(self.accuracy, Metric) else self.accuracy(len(self.output_classes))

    def figure_names(self) -> list[str]:
        """The names of all figures that an evaluation may give."""
        return figure_names(self.output_classes, self.metric_options)

    @property
    def stage(self) -> str:
        """What the records are being read for: "train", "validation" or "test"."""
        trainer = self._trainer
        if trainer is not None and trainer.testing:
            return "test"
        return "train" if self.training else "validation"

    def metrics_of(self, stage: str) -> Figures:
        """The metrics of one stage."""
        metrics = self.stage_metrics[f"{stage}_metrics"]
        assert isinstance(metrics, StageMetrics | MultilabelMetrics)
        return metrics

    def get_metrics(self, reset: bool = False) -> dict[str, float]:
        """All figures of the current stage: `accuracy`, `precision/LABEL`, `recall/LABEL`, `f1/LABEL`, averages.

        Call it on every rank.
        """
        metrics = self.metrics_of(self.stage)
        figures = metrics.compute()
        if reset:
            metrics.reset()
        return figures

    def record(self, logits: Tensor, label: Tensor, loss: Tensor, weight: Tensor) -> None:
        """Count a batch in the metrics of the current stage; nothing in Lightning's sanity check."""
        if not self._recorded:
            return
        if self._recorders:
            self._recorders[-1].update(logits, label, loss, weight)
        elif self._trainer is None or not self._trainer.sanity_checking:
            self.metrics_of(self.stage).update(logits, label, loss, weight)

    @contextmanager
    def recording(self, metrics: Figures) -> Iterator[None]:
        """Count batches in these metrics instead of those of the stage."""
        self._recorders.append(metrics)
        try:
            yield
        finally:
            self._recorders.pop()

    @contextmanager
    def unrecorded(self) -> Iterator[None]:
        """Count no batch in any metrics: what is read more than once in a step is counted once."""
        self._recorded = False
        try:
            yield
        finally:
            self._recorded = True

    # Lightning's steps

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute. Lightning notes this one forty times a step, and it is no parameter to be registered."""
        if name == "_current_fx_name":
            object.__setattr__(self, name, value)
        else:
            super().__setattr__(name, value)

    def training_step(self, batch: RecordBatch, batch_idx: int) -> Tensor:
        """One step of training; returns the loss with the regularizer's penalty."""
        if self.halving is None:
            return self.weighed(self._training_loss(batch), batch)
        scaler = getattr(self.trainer.precision_plugin, "scaler", None)
        scale = 1.0 if scaler is None else float(scaler.get_scale())
        loss = self.halving.step(self._training_loss, batch, self.parameters(), self.unrecorded, scale)
        return self.weighed(loss, batch)

    def _training_loss(self, batch: RecordBatch) -> Tensor:
        loss: Tensor = self.step(self, batch) if self.step else self(batch, label=batch.labels)["loss"]
        return loss if self.regularizer is None else loss + self.regularizer(self)

    def validation_step(self, batch: RecordBatch, batch_idx: int) -> None:
        """One step of validation: records the metrics."""
        self(batch, label=batch.labels)

    def test_step(self, batch: RecordBatch, batch_idx: int) -> None:
        """One step of testing: records the metrics."""
        self(batch, label=batch.labels)

    def on_train_epoch_start(self) -> None:
        """Begin to count anew."""
        self.metrics_of("train").reset()

    def on_validation_epoch_start(self) -> None:
        """Begin to count anew."""
        self.metrics_of("validation").reset()

    def on_test_epoch_start(self) -> None:
        """Begin to count anew."""
        self.metrics_of("test").reset()

    def on_train_epoch_end(self) -> None:
        """Log what the epoch came to."""
        self._log_figures("train")

    def on_validation_epoch_end(self) -> None:
        """Log what the validation came to."""
        self._log_figures("validation")

    def on_test_epoch_end(self) -> None:
        """Log what the test came to."""
        self._log_figures("test")

    def _log_figures(self, stage: str) -> None:
        if not self.trainer.sanity_checking:
            figures = self.metrics_of(stage).compute()
            self.log_dict({f"{stage}/{name}": value for name, value in figures.items()}, rank_zero_only=False)

    # Optimisation

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """The wide term takes its own step, before the other gradients are clipped."""
        if self.wide is not None:
            first = optimizer.param_groups[0]
            share = first["lr"] / (first.get("initial_lr") or first["lr"] or 1.0)
            scaler = getattr(
                self.trainer.precision_plugin, "scaler", None
            )  # it unscales what the optimiser holds alone
            share = share * self.mean_weight if scaler is None else share * self.mean_weight / scaler.get_scale()
            self.wide.descend(self.examples, share)

    @property
    def monitor_mode(self) -> str:
        """Whether the monitored figure is better "min" or "max"."""
        return "min" if lower_is_better(self.monitor) else "max"

    def configure_optimizers(self) -> Any:
        """The optimiser, and the scheduler where there is one."""
        apart = set() if self.wide is None else set(self.wide.parameters())
        trained = [
            (name, parameter)
            for name, parameter in self.named_parameters()
            if parameter.requires_grad and parameter not in apart
        ]
        optimizer = self.optimizer(trained)
        if self.scheduler is None:
            return optimizer
        steps = self.trainer.estimated_stepping_batches
        schedule = self.scheduler(optimizer, steps, self.monitor, self.monitor_mode)
        return {"optimizer": optimizer, "lr_scheduler": schedule}

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip by the norm of all gradients, the sparse ones among them (which torch's own clipping refuses)."""
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        if gradient_clip_val or self.watch_norm is not None:
            clip_gradients(parameters, gradient_clip_val, self.watch_norm)
