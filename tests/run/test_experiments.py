"""Every experiment says how it is typed and what to expect, and trains a step from files and from the hub's layout."""

import csv
import re
from pathlib import Path
from typing import Any

import pytest

from seqclf.errors import UserError
from seqclf.run.compose import compose, plain
from seqclf.run.conf_path import conf_path
from seqclf.run.results import RunResult
from seqclf.run.schema import check_config
from seqclf.run.train import train
from tests.backbones import make_backbone

EXPERIMENTS = sorted((conf_path() / "experiment").glob("*.yaml"))
NAMES = [path.stem for path in EXPERIMENTS]
WITH_VECTORS = ("kim_cnn_static", "kim_cnn_nonstatic")
SMALL = ("trainer=debug", "trainer.progress_bar=false", "baselines=false", "logger=none")
WORD = ("embedder.buckets=100",)
FEW = {"char_cnn": ("encoder.num_filters=4", "feedforward.hidden_dims=[4]")}


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Path("train.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        writer.writerows(
            [f"the word {row % 7} is good. It is" if row % 2 else "a bad one", "np"[row % 2]] for row in range(40)
        )
    with Path("pairs.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        sides = [f"{side}_{name}" for side in ("left", "right") for name in ("title", "manufacturer", "price")]
        writer.writerow([*sides, "label"])
        writer.writerows([*["a b", "c", "1"], *["a b", "c", "2"], ("match", "no match")[row % 2]] for row in range(40))
    Path("vectors.txt").write_text("".join(f"{word} {' '.join(['0.1'] * 300)}\n" for word in ("good", "bad", "word")))


def run(name: str, *overrides: str) -> RunResult:
    return train(compose(f"experiment={name}", *SMALL, *overrides))


@pytest.mark.parametrize("path", EXPERIMENTS, ids=NAMES)
def test_it_opens_with_its_command_its_paper_and_the_number_to_expect(path: Path) -> None:
    head = "".join(line[2:] for line in path.read_text().splitlines(keepends=True) if line.startswith("# "))
    assert f"python train.py experiment={path.stem}" in head
    assert re.search(r"https://\S+", head)
    published = re.search(r"^Published: (\w+ \d+\.\d(?:, \w+ \d+\.\d)*)(?: \(not verified\))?$", head, re.MULTILINE)
    assert published is not None
    sets = {file.stem for file in (conf_path() / "data").glob("*.yaml")}
    assert {item.split()[0] for item in published[1].split(", ")} <= sets
    for chosen in re.findall(r"data=(\w+)", head):
        assert chosen in sets


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("siamese", "minilm")])
def test_it_trains_a_step_from_a_file(name: str) -> None:
    vectors = ("embedder.vectors=vectors.txt",) if name in WITH_VECTORS else ()
    result = run(name, "data=files", "data.train=train.csv", *WORD, *vectors, *FEW.get(name, ()))
    assert result.metrics["steps"] == 2


@pytest.mark.parametrize("name", WITH_VECTORS)
def test_without_its_word_vectors_it_does_not_train(name: str) -> None:
    with pytest.raises(UserError, match=r"GoogleNews-vectors\.txt"):
        run(name, "data=files", "data.train=train.csv", *WORD)


def test_pairs_train_a_step() -> None:
    result = run("siamese", "data=amazon_google", "data.train=pairs.csv", *WORD)
    assert {"validation/f1/match", "validation/f1/no match"} <= set(result.metrics)


def test_what_is_typed_beside_an_experiment_wins() -> None:
    config: dict[str, Any] = plain(
        compose("experiment=kim_cnn_rand", "encoder.num_filters=7", "data.batch_size=9", "data=trec")
    )
    assert (config["encoder"]["num_filters"], config["data"]["batch_size"]) == (7, 9)
    assert config["encoder"]["ngram_filter_sizes"] == [3, 4, 5]
    assert config["data"]["path"] == "CogComp/trec"
    assert config["loss"]["label_smoothing"] == 0
    assert config["wide"].get("_target_") is None


@pytest.mark.parametrize("name", ["trec", "sst2", "mr", "subj", "ag_news", "yelp", "imdb"])
def test_every_data_set_of_the_hub_goes_with_an_experiment(name: str) -> None:
    check_config(plain(compose("experiment=kim_cnn_rand", f"data={name}")))


def test_a_pretrained_model_is_fine_tuned_for_a_step(tmp_path: Path) -> None:
    backbone = make_backbone(tmp_path / "backbone")
    result = run("minilm", "data=files", "data.train=train.csv", f"embedder.model={backbone}")
    assert result.metrics["steps"] == 2
