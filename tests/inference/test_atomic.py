"""What is written is there whole or not at all."""

import errno
import resource
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from seqclf.build import build_classifier
from seqclf.classifiers.sequence_classifier import SequenceClassifier
from seqclf.data.table import MemoryTable
from seqclf.errors import UserError
from seqclf.inference.atomic import replacing, replacing_folder
from seqclf.inference.predict_table import write_predictions
from seqclf.run.compose import compose, plain
from seqclf.text.tokenization import Tokenization
from seqclf.text.vocabulary import Vocabulary

RECORDS = MemoryTable("records", ["text"], [[f"good thing {row} " * 20] for row in range(2000)])


@pytest.fixture(scope="module")
def model() -> SequenceClassifier:
    vocab = Vocabulary(Tokenization().train(["good thing"]), ["ham", "spam"], ["text"])
    return build_classifier(plain(compose("encoder=attention", "embedder.embedding_dim=256")), vocab)


@contextmanager
def room(limit: int) -> Iterator[None]:
    """No file can be longer, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_a_full_disk_leaves_the_predictions_of_before(ending: str, model: SequenceClassifier, tmp_path: Path) -> None:
    """P4."""
    file = tmp_path / f"predictions.{ending}"
    file.write_text("those of before")
    with room(10_000), pytest.raises(UserError, match=rf"{file} cannot be written: .*is intact"):
        write_predictions(model, RECORDS, file)
    assert file.read_text() == "those of before"
    assert list(tmp_path.iterdir()) == [file]


def test_a_full_disk_leaves_the_model_of_before(model: SequenceClassifier, tmp_path: Path) -> None:
    """P4."""
    folder = model.save_pretrained(tmp_path / "model")
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    with room(10_000), pytest.raises(UserError, match=rf"{folder} cannot be written"):
        model.save_pretrained(folder)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
    assert list(tmp_path.iterdir()) == [folder]


def test_a_disk_that_is_read_only_is_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """P4; root may write where nobody else can, so the answer of the system is put in its mouth."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise OSError(errno.EROFS, "Read-only file system")

    for name in ("mkstemp", "mkdtemp"):
        monkeypatch.setattr(tempfile, name, refuse)
    for context in (replacing, replacing_folder):
        with pytest.raises(UserError, match=r"out cannot be written: Read-only file system"), context(tmp_path / "out"):
            pytest.fail("there is nothing to write to")
    assert list(tmp_path.iterdir()) == []
