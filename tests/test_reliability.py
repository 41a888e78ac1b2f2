"""What docs/reliability.md says is there, and the promises that have no other test."""

import ast
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from seqclf.build import build_classifier
from seqclf.inference.predict import probabilities
from seqclf.run.compose import compose, plain
from seqclf.text.tokenization import Tokenization
from seqclf.text.vocabulary import Vocabulary

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))


def test_every_promise_has_a_test_and_every_test_is_there() -> None:
    rows = re.findall(r"^\| (P\d+) \|.*\| (.+) \|$", PAGE, re.MULTILINE)
    assert [name for name, _ in rows] == [f"P{number}" for number in range(1, 26)]
    assert all("::" in tests for _, tests in rows)
    assert PAGE.count("::") == len(re.findall(r"`tests/[\w/]+\.py::\w+`", PAGE))
    there = {}
    for file in {file for file, _ in NAMED}:
        nodes = ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8")))
        there[file] = {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
    assert [f"{file}::{name}" for file, name in NAMED if name not in there[file] or not name.startswith("test_")] == []


def test_the_tests_have_no_network() -> None:
    """P19; the address is one that is kept for examples, and answers nowhere."""
    with pytest.raises(OSError, match="tests use no network"):
        socket.create_connection(("192.0.2.1", 80), timeout=1)
    with pytest.raises(OSError, match="tests use no network"):
        socket.getaddrinfo("example.org", 80)


@pytest.mark.parametrize("encoder", ["bag", "lstm", "cnn", "transformer"])
def test_a_prediction_does_not_hang_on_its_neighbours(encoder: str) -> None:
    """P14: alone, among others, and in the opposite order."""
    generator = np.random.default_rng(0)
    words = [f"word{number}" for number in range(50)]
    sizes = generator.integers(0, 40, (24, 2)).tolist()
    texts = [[" ".join(generator.choice(words, size)) for size in pair] for pair in sizes]
    vocab = Vocabulary(Tokenization().train(words), ["ham", "spam", "eggs"], ["title", "body"])
    torch.manual_seed(0)
    model = build_classifier(plain(compose(f"encoder={encoder}", "embedder.dropout=0.1")), vocab)
    together = probabilities(model, texts)
    alone = np.concatenate([probabilities(model, [text]) for text in texts])
    np.testing.assert_allclose(alone, together, rtol=0, atol=1e-6)
    np.testing.assert_allclose(probabilities(model, texts[::-1])[::-1], together, rtol=0, atol=1e-6)


MEASURED = """
import resource, sys
from pathlib import Path
from seqclf.data.files import Files
from seqclf.data.store import build_store
from seqclf.run.predict import predict
from seqclf.text.tokenization import Tokenization

what, file, model = sys.argv[1:]
if what == "store":
    source = Files(train=file, text=["title", "body"], label="label")
    build_store(source, Tokenization(), cache=Path(file).with_suffix(".cache"))
else:
    predict(model, file, file + ".out.csv", threads=1)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
@pytest.mark.parametrize("what", ["store", "predict"])
def test_ten_times_the_records_need_no_more_memory(what: str, tmp_path: Path) -> None:
    """P21."""
    words = [f"word{number}" for number in range(50)]
    vocab = Vocabulary(Tokenization().train(words), ["ham", "spam"], ["title", "body"])
    model = build_classifier(plain(compose("embedder.buckets=50", "wide.buckets=50")), vocab)
    folder = model.save_pretrained(tmp_path / "model")
    peaks = []
    for records in (20_000, 200_000):
        file = tmp_path / f"{records}.csv"
        generator = np.random.default_rng(0)
        with file.open("w") as out:
            out.write("title,body,label\n")
            for _ in range(records // 1000):
                chosen = generator.choice(words, (1000, 20)).tolist()
                out.writelines(f"{row[0]},{' '.join(row)},{'ham' if row[1] < 'word3' else 'spam'}\n" for row in chosen)
        command = [sys.executable, "-W", "ignore", "-c", MEASURED, what, str(file), str(folder)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        assert done.returncode == 0, done.stderr
        peaks.append(int(done.stdout))
    assert peaks[1] < 1.2 * peaks[0], peaks
