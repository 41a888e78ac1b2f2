"""seqclf: classify text records of one or many fields.

Importing it runs nothing: a name fetches what it needs when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seqclf.batch import RecordBatch
    from seqclf.classifiers.multilabel_classifier import MultilabelClassifier
    from seqclf.classifiers.sequence_classifier import SequenceClassifier
    from seqclf.classifiers.sequence_pair_classifier import SequencePairClassifier
    from seqclf.classifiers.similarity_classifier import SimilarityClassifier
    from seqclf.errors import UserError
    from seqclf.nn.record_encoder import RecordEncoder
    from seqclf.ragged import Ragged
    from seqclf.run.compose import compose
    from seqclf.run.results import RunResult
    from seqclf.run.train_in_memory import train
    from seqclf.text.vocabulary import Vocabulary

__version__ = "0.1.0"

__all__ = [
    "MultilabelClassifier",
    "Ragged",
    "RecordBatch",
    "RecordEncoder",
    "RunResult",
    "SequenceClassifier",
    "SequencePairClassifier",
    "SimilarityClassifier",
    "UserError",
    "Vocabulary",
    "compose",
    "train",
]

_HOMES = {
    "MultilabelClassifier": "seqclf.classifiers.multilabel_classifier",
    "Ragged": "seqclf.ragged",
    "RecordBatch": "seqclf.batch",
    "RecordEncoder": "seqclf.nn.record_encoder",
    "RunResult": "seqclf.run.results",
    "SequenceClassifier": "seqclf.classifiers.sequence_classifier",
    "SequencePairClassifier": "seqclf.classifiers.sequence_pair_classifier",
    "SimilarityClassifier": "seqclf.classifiers.similarity_classifier",
    "UserError": "seqclf.errors",
    "Vocabulary": "seqclf.text.vocabulary",
    "compose": "seqclf.run.compose",
    "train": "seqclf.run.train_in_memory",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
