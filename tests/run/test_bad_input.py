"""What `train` says of data that cannot be trained on; the numbers are those of the project's list of bad inputs."""

import gzip
from pathlib import Path

import pytest

from seqclf.errors import UserError
from seqclf.run.compose import compose
from seqclf.run.train import train

GOOD = "text,label\n" + "".join(f"words {row},{'ab'[row % 2]}\n" for row in range(40))


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*overrides: str) -> dict[str, object]:
    quick = ("trainer=debug", "trainer.progress_bar=false", "baselines=false", "embedder.buckets=100")
    return train(compose("data=files", *quick, *overrides)).metrics


REFUSED = {
    "1 empty": (b"", ["train.csv", "empty"]),
    "2 header only": (b"text,label\n", ["train.csv"]),
    "3 latin-1": (b"text,label\ngood,a\ncaf\xe9,b\n", ["train.csv", "line 3", "encoding"]),
    "4 utf-16": (GOOD.encode("utf-16"), ["train.csv", "utf-16"]),
    "6 separator": (GOOD.replace(",", ";").encode(), ["train.csv", "data.separator"]),
    "7 duplicate column": (b"text,text,label\na,b,c\n", ["train.csv", "text"]),
    "8 column missing": (GOOD.replace("label", "lable", 1).encode(), ["train.csv", "'lable'"]),
    "9 row too long": (b"text,label\na,b\nc,d,e\n", ["train.csv", "line 3"]),
    "10 row too short": (b"text,label\na,b\nc\n", ["train.csv", "line 3"]),
    "11 unclosed quote": (b'text,label\na,b\n"c,d\ne,f\n', ["train.csv", "line 3"]),
    "16 label missing": (GOOD.encode() + b"words,\n", ["train.csv", "line 42", "label"]),
    "19 one class": (b"text,label\n" + b"words,a\n" * 30, ["train.csv", "'a'"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_with_file_and_line_and_nothing_half_written(tmp_path: Path, case: str) -> None:
    content, words = REFUSED[case]
    (tmp_path / "train.csv").write_bytes(content)
    with pytest.raises(UserError) as caught:
        run("data.train=train.csv")
    for word in words:
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "outputs").exists()


def test_too_few_records_to_validate_on_are_refused(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("text,label\na,x\nb,y\n")
    with pytest.raises(UserError, match=r"data\.validation=FILE"):
        run("data.train=train.csv")
    assert not (tmp_path / "outputs").exists()


def test_a_precision_may_be_typed_as_a_number(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text(GOOD)
    assert run("data.train=train.csv", "trainer.precision=32")["steps"] == 2


def test_26_a_broken_json_line_is_refused(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text('{"text": "a", "label": "x"}\n{"text": "b", "label"\n')
    with pytest.raises(UserError, match=r"train\.jsonl, line 2"):
        run("data.train=train.jsonl")


def test_30_a_truncated_archive_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress(GOOD.encode() * 50)
    (tmp_path / "train.csv.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"train\.csv\.gz"):
        run("data.train=train.csv.gz")


ACCEPTED = {
    "5 byte order mark": b"\xef\xbb\xbf" + GOOD.encode(),
    "12 newline in quotes": GOOD.encode() + b'"two\nlines",a\n',
    "13 control characters": GOOD.encode() + b"a\x00b\x07,a\n",
    "14 texts that look missing": GOOD.encode() + b"NA,a\nnull,b\nNone,a\n",
    "15 labels that look alike": GOOD.encode() + b"one,01\ntwo,1\nthree,1.0\n",
    "20 a class of one example": GOOD.encode() + b"alone,c\n",
    "21 empty text": GOOD.encode() + b",a\n   ,b\n",
    "22 no words": GOOD.encode() + "🎉🎉,a\n".encode(),
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_accepted_as_it_is(tmp_path: Path, case: str) -> None:
    (tmp_path / "train.csv").write_bytes(ACCEPTED[case])
    assert run("data.train=train.csv")["steps"] == 2


def test_17_and_28_are_counted_and_reported_and_the_run_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "train.csv").write_text(GOOD + "words 1,a\n")
    (tmp_path / "test.csv").write_text("text,label\nwords 1,b\nnew,never seen\nother,\n")
    metrics = run("data.train=train.csv", "data.test=test.csv")
    assert metrics["test/records"] == 2  # a record without a label is predicted, not scored
    said = " ".join(caplog.messages)
    assert "never seen" in said
    assert "more than one label" in said
    assert "very texts of a training record" in said


def test_24_and_25_a_record_of_nothing_and_fields_that_nobody_asked_for(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("title,body,extra,label\n" + ",,x,a\nwords,more,y,b\n" * 20)
    assert run("data.train=train.csv", "data.text=[title,body]")["steps"] == 2
