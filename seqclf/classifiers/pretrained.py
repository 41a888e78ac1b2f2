"""Keeping and using a trained classifier."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from torch import Tensor

from seqclf.classifiers.evaluation import evaluate
from seqclf.classifiers.label_space import LabelSpace
from seqclf.errors import UserError
from seqclf.inference import model_folder
from seqclf.inference.attribution import Differentiable, Method
from seqclf.inference.decision import Decision
from seqclf.inference.explain import STEPS, Explanations, explain
from seqclf.inference.hub_folder import find_model_folder, push_model_folder
from seqclf.inference.predict import Example, outputs, probabilities, told
from seqclf.inference.predictions import Predictions
from seqclf.inference.table_in_memory import InMemory, labels_in, like, texts_in


class Pretrained(LabelSpace):
    """What a trained classifier is asked for: its folder, predictions, figures. A subclass gives `forward`."""

    def save_pretrained(self, folder: Path | str) -> Path:
        """Write a folder of weights, vocabulary and configuration that `from_pretrained` loads; returns the folder."""
        return model_folder.save(self, folder)

    def push_to_hub(
        self,
        repo_id: str,
        *,
        private: bool | None = None,
        commit_message: str | None = None,
        revision: str | None = None,
        token: str | None = None,
    ) -> str:
        """Put the model on the Hugging Face hub, where `from_pretrained` finds it; returns its id with the owner.

        Args:
            repo_id: `owner/name`; without an owner it is your own. It is made where there is none.
            private: whether a repository that is made is private; None for what is usual with your account.
            commit_message: of the one commit that replaces the model that was there.
            revision: the branch; the main one unless given.
            token: of the hub; None for that of `hf auth login` or HF_TOKEN.

        Raises:
            UserError: where the hub cannot be reached, or refuses.
        """
        with tempfile.TemporaryDirectory() as scratch:
            folder = self.save_pretrained(Path(scratch) / "model")
            return push_model_folder(folder, repo_id, private, commit_message, revision, token)

    @classmethod
    def from_pretrained(cls, folder: Path | str, parts: Sequence[type] = (), revision: str | None = None) -> Self:
        """Load a model folder, of this machine or of the Hugging Face hub. Nothing in it is ever run.

        Args:
            folder: what `save_pretrained` wrote, or the id of what `push_to_hub` put there: `owner/name`.
            parts: classes of your own that the model is built of.
            revision: a branch, a tag or a commit of the hub; `owner/name@revision` says the same.

        Raises:
            UserError: for a folder that is incomplete, changed, or asks for anything but these parts and seqclf's, and
                for what is no folder and not within reach on the hub.
        """
        from seqclf.build import build_saved  # above: it builds what subclasses of this define

        model = build_saved(find_model_folder(folder, revision), parts)
        if not isinstance(model, cls):
            raise UserError(f"{folder} holds a {type(model).__name__}, not a {cls.__name__}.")
        return model.eval()

    def predict(
        self,
        records: Sequence[Example] | InMemory,
        *,
        top_k: int | None = None,
        abstain: float | None = None,
        thresholds: Mapping[str, float] | float | None = None,
    ) -> Predictions | Any:
        """The label and the probabilities of each record.

        Args:
            records: each a mapping from field to text, a list of texts in the order of the fields, or, where there is
                one field, a text. Where the model reads sentences, a list of texts may stand for a text. A field may be
                missing or None; fields that the model does not know are passed over. A pair is a mapping from column to
                text (`left_title`, ...), or a sequence of two such records. Or all of them as a `pandas.DataFrame` or a
                `datasets.Dataset`, whose other columns are passed over.
            top_k: how many of the likeliest classes are told; None for all.
            abstain: below this probability of being right a record is given no label.
            thresholds: the least probability for a label to be given, one for all or by name; see `Decision`.

        Returns:
            One prediction per record, in order: a list, or for a DataFrame one with its index and the columns
            `prediction`, `probability` and `probability/LABEL`.

        Raises:
            UserError: for a record that names no field of the model, or holds something that is not text.
        """
        chances = probabilities(self, texts_in(self.vocab, records)).tolist()
        return like(records, Predictions(told(self, chances, Decision(top_k, abstain, thresholds))))

    def explain(
        self: Differentiable,
        records: Sequence[Example] | InMemory,
        labels: Sequence[str] | str | None = None,
        method: Method = "integrated_gradients",
        steps: int = STEPS,
    ) -> Explanations:
        """What each token and each field of the records adds to the logit of a class.

        Args:
            records: as for `predict`.
            labels: the class to explain, of all or of each; None for that which is predicted.
            method: `integrated_gradients`, `gradient_x_input` or `leave_one_out`.
            steps: points of integrated gradients; more make the completeness error smaller.

        Raises:
            UserError: for a class or a method that there is not.
        """
        return explain(self, texts_in(self.vocab, records), labels, method, steps)

    def evaluate(self, records: Sequence[Example] | InMemory, labels: Sequence[Any] | str) -> dict[str, float]:
        """Every figure of the model on these records and their labels; unknown labels count as wrong.

        Args:
            records: as `predict` takes them.
            labels: one label per record (or a list of them, where there may be several); of a DataFrame or a Dataset
                the name of the column that they are in will do.

        Raises:
            UserError: where there are not as many labels as records.
        """
        return evaluate(self, [(texts_in(self.vocab, records), labels_in(self.vocab, records, labels))])

    def embed(self, records: Sequence[Example] | InMemory) -> npt.NDArray[np.float32]:
        """The vector of each record `(R, H)`, what the output layer reads; of pairs, of both records joined.

        Args:
            records: as `predict` takes them.

        Raises:
            UserError: as `predict`.
        """
        found: dict[int, npt.NDArray[np.float32]] = {}
        texts = texts_in(self.vocab, records)
        taken = self.projection.register_forward_pre_hook(lambda _, inputs: vectors.append(inputs[0]))
        vectors: list[Tensor] = []
        try:
            for rows, _ in outputs(self, texts):
                found |= dict(zip(rows.tolist(), vectors.pop().float().cpu().numpy(), strict=True))
        finally:
            taken.remove()
        empty = np.zeros((0, self.projection.in_features), dtype=np.float32)
        return np.stack([found[row] for row in range(len(texts))]) if texts else empty
