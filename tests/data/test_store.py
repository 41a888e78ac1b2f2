import errno
import json
import logging
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Never

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqclf.batch import EMPTY
from seqclf.data.cache import cache_folder
from seqclf.data.indexing import index_records
from seqclf.data.records import IndexedRecords
from seqclf.data.source import Source
from seqclf.data.store import Store, build_store
from seqclf.data.table import MemoryTable, Row, Table
from seqclf.errors import UserError
from seqclf.text.tokenization import Tokenization

COLUMNS = ("title", "body", "label")
TRAIN = [(f"title {n}", f"body of {n % 7}", "ham" if n % 3 else "spam") for n in range(60)]
ROWS = st.lists(st.tuples(st.text(max_size=12), st.text(max_size=12), st.sampled_from("xyz")), min_size=2, max_size=12)


class Memory(Source):
    def __init__(self, label: str | None = "label", columns: tuple[str, ...] = COLUMNS, **tables: Any) -> None:
        super().__init__(None, label)
        self.made: dict[str, Table] = {
            split: MemoryTable(f"{split}.csv", columns, rows) for split, rows in tables.items()
        }

    def splits(self) -> dict[str, Table]:
        return self.made


def build(cache: Path, tokenization: Tokenization | None = None, **arguments: Any) -> Store:
    kept = {name: arguments.pop(name) for name in ("train", "validation", "test", "columns") if name in arguments}
    return build_store(Memory(**{"train": TRAIN, **kept}), tokenization or Tokenization(), cache=cache, **arguments)


def texts_of(store: Store, records: IndexedRecords, row: int) -> dict[str, str]:
    """The words of one record, by field, read back from its ids."""
    batch = records.batch(np.array([row]))
    ragged = batch.tokens["tokens"]
    words = [store.vocabulary.tokenizer.id_to_token(int(index)) for index in ragged.values]
    spans = zip(ragged.rows.offsets, ragged.rows.offsets[1:], strict=False)
    return {
        store.vocabulary.fields[field]: " ".join(words[first:last])
        for field, (first, last) in zip(batch.records.positions, spans, strict=True)
    }


def test_every_record_is_in_one_split_with_its_words_and_label(tmp_path: Path) -> None:
    store = build(tmp_path, validation_size=0.2)
    assert sorted([*store.train.rows, *store.validation.rows]) == list(range(60))
    assert len(store.validation) == 12
    for records in (store.train, store.validation):
        for place, row in enumerate(records.rows):
            title, body, label = TRAIN[row]
            if records is store.train:
                assert texts_of(store, records, place) == {"title": title, "body": body}
            assert store.vocabulary.labels[records.labels[place]] == label


@given(rows=ROWS)
@settings(max_examples=25, deadline=None)
@pytest.mark.parametrize("join_fields", [False, True])
def test_a_store_holds_what_numbering_in_memory_gives(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str]], join_fields: bool
) -> None:
    rows = [*rows, ("", "", "x"), ("a", "", "y")]
    store = build(tmp_path_factory.mktemp("cache"), train=rows, validation_size=0, join_fields=join_fields)
    assert store.validation is None
    expected = index_records(store.vocabulary, [row[:2] for row in rows])
    for name in ("ids", "sequence_offsets", "fields", "record_offsets", "rows"):
        np.testing.assert_array_equal(getattr(store.train, name), getattr(expected, name))
    assert [store.vocabulary.labels[index] for index in store.train.labels] == [row[2] for row in rows]


def test_pieces_do_not_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = build(tmp_path / "whole")
    monkeypatch.setattr("seqclf.data.store_part.PIECE", 7)
    monkeypatch.setattr("seqclf.data.store_part.CHARACTERS", 60)
    pieces = build(tmp_path / "pieces")
    for split in ("train", "validation"):
        for name in ("ids", "sequence_offsets", "fields", "record_offsets", "labels", "rows"):
            one, other = getattr(getattr(whole, split), name), getattr(getattr(pieces, split), name)
            np.testing.assert_array_equal(one, other)


def test_arrays_are_mapped_and_not_read(tmp_path: Path) -> None:
    store = build(tmp_path)
    base = store.train.ids.base
    while base is not None and not isinstance(base, np.memmap):
        base = base.base
    assert isinstance(base, np.memmap)


def test_labels_are_numbered_in_their_own_order_and_not_in_that_of_the_rows(tmp_path: Path) -> None:
    rows = [("a", "", "z"), ("b", "", "10"), ("c", "", "b"), ("d", "", "01"), ("e", "", " 1 "), ("f", "", "1")]
    assert build(tmp_path, train=rows).vocabulary.labels == [" 1 ", "01", "1", "10", "b", "z"]


def test_nothing_but_training_records_is_fitted_on(tmp_path: Path) -> None:
    test = [("testmarker", "x", "testlabel"), ("title", "", "ham")]
    store = build(tmp_path / "a", validation=[("validationmarker", "", "ham"), ("", "", "other")], test=test)
    words = store.vocabulary.tokenizer.get_vocab()
    assert "title" in words
    assert not {"testmarker", "validationmarker"} & set(words)
    assert store.vocabulary.labels == ["ham", "spam"]
    assert store.validation.labels.tolist() == [0, -1]
    assert store.test.labels.tolist() == [-1, 0]
    cut = build(tmp_path / "b", train=[(f"marker{n}", "", "ab"[n % 2]) for n in range(20)], validation_size=6)
    known = {f"marker{row}" for row in cut.train.rows}
    assert len(known) == 14
    assert {word for word in cut.vocabulary.tokenizer.get_vocab() if word.startswith("marker")} == known


def test_test_records_need_no_label_and_no_label_column(tmp_path: Path) -> None:
    store = build(tmp_path / "a", test=[("a", "b", "ham"), ("a", "b", " "), ("a", "b", "")])
    assert store.test.labels.tolist() == [0, -2, -2]
    assert store.report["missing_labels"] == {"test": 2}
    source = Memory(train=TRAIN)
    source.made["test"] = MemoryTable("test.csv", ("body", "title"), [("body of 3", "title 1")])
    store = build_store(source, Tokenization(), cache=tmp_path / "b")
    assert store.test.labels is None
    assert texts_of(store, store.test, 0) == {"title": "title 1", "body": "body of 3"}


@pytest.mark.parametrize("split", ["train", "validation"])
@pytest.mark.parametrize("label", ["", " \t"])
def test_a_missing_label_is_refused_with_its_place(tmp_path: Path, split: str, label: str) -> None:
    rows = [*TRAIN[:4], ("a", "b", label)]
    with pytest.raises(UserError, match=rf"{split}.csv, row 5, column 'label': the label is empty"):
        build(tmp_path, **{"train": TRAIN, split: rows})
    assert [file.name for file in tmp_path.iterdir() if not file.name.endswith(".lock")] == []


def test_one_class_alone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"train.csv: every record has the label 'x'.*at least two classes"):
        build(tmp_path, train=[("a", "b", "x")] * 5)


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_a_table_without_records_is_refused(tmp_path: Path, split: str) -> None:
    with pytest.raises(UserError, match=f"{split}.csv has no records"):
        build(tmp_path, **{"train": TRAIN, split: []})


def test_nothing_to_train_on_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nothing to train on"):
        build_store(Memory(label=None, train=TRAIN), Tokenization(), cache=tmp_path)
    with pytest.raises(UserError, match="nothing to train on"):
        build_store(Memory(test=TRAIN), Tokenization(), cache=tmp_path)


def test_a_label_with_one_record_stays_in_training(tmp_path: Path) -> None:
    store = build(tmp_path, train=[*TRAIN, ("only", "one", "rare")], validation_size=0.4)
    assert store.vocabulary.labels == ["ham", "rare", "spam"]
    assert 60 in store.train.rows
    assert store.report["classes"]["rare"] == 1


def test_odd_texts_are_accepted(tmp_path: Path) -> None:
    texts = ["", " \n", "😀😀", "\x00", "\ud800", "NA", "null", "word " * 50_000, "🏽\u200d", "[PAD] [EMPTY]"]
    rows = [(text, "", "ab"[place % 2]) for place, text in enumerate(texts)]
    store = build(tmp_path, Tokenization(split="whitespace", lowercase=False), train=rows, validation_size=0)
    lengths = store.train.lengths
    assert lengths.tolist() == [1, 1, 1, 1, 1, 1, 1, 50_000, 1, 3 + 1]  # "[" "PAD]" "[" "EMPTY]"
    assert (store.train.ids == EMPTY).sum() == 2


def test_what_is_odd_about_the_records_is_counted_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    train = [("a", "b", "x"), ("a", "b", "y"), ("c", "d", "x"), ("c", "d", "x"), ("e", "f", "y"), ("ab", "", "y")]
    test = [("a", "b", "x"), ("new words", "f", "z"), ("e", "f", "z"), ("", "ab", "w")]
    with caplog.at_level(logging.WARNING, logger="seqclf"):
        report = build(tmp_path, train=train, validation=train[:1], test=test).report
    seconds = report.pop("seconds")
    assert set(seconds) == {"labels", "words", "numbers"}
    assert report == {
        "records": {"train": 6, "validation": 1, "test": 4},
        "classes": {"x": 3, "y": 3},
        "unknown_labels": {"test": {"w": 1, "z": 2}},
        "missing_labels": {},
        "duplicates": 2,
        "conflicting_labels": 1,
        "leaks": {"validation": 1, "test": 2},
        "tokens": {"train": 11, "validation": 2, "test": 8},
        "cut": {},
        "unknown_tokens": {"train": 0.0, "validation": 0.0, "test": 0.25},
        "vocabulary": 4 + 7,
    }
    said = caplog.text
    assert "3 test records have a label that no training record has: 'z' (2), 'w' (1)." in said
    assert "2 of 4 test records have the very texts of a training record" in said
    assert "1 texts stand in the training table with more than one label" in said


def test_the_part_that_was_cut_is_counted_as_validation(tmp_path: Path) -> None:
    rows = [("same", "", "x")] * 10 + [("other", "", "y")] * 10
    report = build(tmp_path, train=rows, validation_size=0.2).report
    assert report["records"] == {"train": 16, "validation": 4}
    assert report["classes"] == {"x": 8, "y": 8}
    assert report["leaks"] == {"validation": 4}


def count_builds(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    built = []
    fill = sys.modules["seqclf.data.store"].fill_store
    monkeypatch.setattr("seqclf.data.store.fill_store", lambda *given: (built.append(1), fill(*given)))
    return built


def test_a_store_is_made_once_and_opened_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built = count_builds(monkeypatch)
    first, again = build(tmp_path), build(tmp_path)
    assert built == [1]
    assert first.folder == again.folder
    assert first.report == again.report
    np.testing.assert_array_equal(first.train.ids, again.train.ids)


@pytest.mark.parametrize(
    "change",
    [
        {"validation_size": 0.2},
        {"split_seed": 14},
        {"join_fields": True},
        {"tokenization": Tokenization(lowercase=False)},
        {"train": [*TRAIN[:-1], ("title 59", "body of  3", "ham")]},
        {"test": TRAIN[:1]},
        {"columns": ("label", "title", "body"), "train": [(row[2], row[0], row[1]) for row in TRAIN]},
    ],
)
def test_any_other_content_or_setting_makes_another_store(tmp_path: Path, change: dict[str, Any]) -> None:
    assert build(tmp_path, **change).folder != build(tmp_path).folder


def test_settings_that_change_nothing_share_a_store(tmp_path: Path) -> None:
    rows = [(f"text {n}", "ab"[n % 2]) for n in range(20)]
    one = {"columns": ("text", "label"), "train": rows}
    assert build(tmp_path, join_fields=True, **one).folder == build(tmp_path, **one).folder  # one field
    own = {"validation": TRAIN[:3]}
    assert build(tmp_path, split_seed=1, **own).folder == build(tmp_path, **own).folder  # nothing is cut


def damage_by_cutting(folder: Path) -> None:
    with (folder / "train" / "ids.npy").open("r+b") as file:
        file.truncate(200)


def damage_by_removing(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()


def damage_by_emptying(folder: Path) -> None:
    (folder / "meta.json").write_text("{")


@pytest.mark.parametrize("damage", [damage_by_cutting, damage_by_removing, damage_by_emptying])
def test_a_damaged_store_is_made_anew(
    tmp_path: Path, damage: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    before = build(tmp_path)
    ids = before.train.ids.copy()
    damage(before.folder)
    with caplog.at_level(logging.WARNING, logger="seqclf"):
        after = build(tmp_path)
    np.testing.assert_array_equal(after.train.ids, ids)
    assert "damaged" in caplog.text
    assert sorted(file.suffix for file in tmp_path.iterdir()) == ["", ".lock"]


class Changing(Table):
    """A file that somebody writes to while it is read."""

    def __init__(self) -> None:
        super().__init__("train.csv", COLUMNS)
        self.readings = 0

    def rows(self) -> Iterator[Row]:
        self.readings += 1
        return (Row(place + 2, values) for place, values in enumerate(TRAIN))

    def fingerprint(self) -> str:
        return "unchanged"

    def stamp(self) -> tuple[str, int, int]:
        return "train.csv", 100, self.readings // 2


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    source = Memory(train=TRAIN)
    source.made["train"] = Changing()
    with pytest.raises(UserError, match="changed while they were read"):
        build_store(source, Tokenization(), cache=tmp_path)
    assert not [file for file in tmp_path.iterdir() if file.is_dir()]


def test_a_known_file_is_not_hashed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed = []
    monkeypatch.setattr(Changing, "stamp", lambda self: ("train.csv", 100, 7))
    monkeypatch.setattr(Changing, "fingerprint", lambda self: hashed.append(1) or "hash")
    source = Memory(train=TRAIN)
    source.made["train"] = Changing()
    for _ in range(2):
        build_store(source, Tokenization(), cache=tmp_path)
    assert hashed == [1]
    (tmp_path / "fingerprints.json").write_text("[broken")
    build_store(source, Tokenization(), cache=tmp_path)
    assert hashed == [1, 1]
    assert list(json.loads((tmp_path / "fingerprints.json").read_text()).values()) == ["hash"]


def test_progress_tells_what_is_read_and_how_far_it_is(tmp_path: Path) -> None:
    told = []
    build(tmp_path, progress=lambda what, rows: told.append((what, rows)))
    assert told == [("reading train.csv", 60), ("counting the words of train.csv", 60), ("numbering train.csv", 60)]


def test_the_cache_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEQCLF_CACHE", "/own/place")
    assert cache_folder() == Path("/own/place")
    monkeypatch.delenv("SEQCLF_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert cache_folder() == Path("/xdg/seqclf")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache" / "seqclf"


def test_a_cache_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"file.* cannot be written to .*SEQCLF_CACHE"):
        build(tmp_path / "file" / "cache")


def test_a_full_disk_is_named_and_leaves_nothing_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(writer: object) -> Never:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("seqclf.data.record_files.ArrayWriter.finish", full)
        with pytest.raises(UserError, match=f"disk is full: free space in {tmp_path}"):
            build(tmp_path)
    assert not [file for file in tmp_path.iterdir() if file.is_dir()]
    assert len(build(tmp_path).train) == 54


PROGRAM = """
    import os, sys, time
    from pathlib import Path
    from seqclf.data.source import Source
    from seqclf.data.store import build_store
    from seqclf.data.table import MemoryTable
    from seqclf.text.tokenization import Tokenization

    class Memory(Source):
        def splits(self):
            rows = [(f"text {n}", "ab"[n % 2]) for n in range(500)]
            return {"train": MemoryTable("train.csv", ("text", "label"), rows)}

    cache, place, others, die = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4] == "die"
    told = []

    def progress(what, rows):
        told.append(what)
        if die and what.startswith("numbering"):
            os._exit(9)
        time.sleep(0.2)

    (cache / f"ready-{place}").touch()
    while len(list(cache.glob("ready-*"))) < others:
        time.sleep(0.01)
    store = build_store(Memory(None, "label"), Tokenization(), cache=cache, progress=progress)
    print(len(told), store.train.ids.sum(), store.folder.name)
"""


def start(cache: Path, place: int = 0, others: int = 1, then: str = "live") -> subprocess.Popen[str]:
    command = [sys.executable, "-c", textwrap.dedent(PROGRAM), str(cache), str(place), str(others), then]
    root = str(Path(__file__).parents[2])
    return subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": root}, text=True)


def test_of_two_runs_that_want_the_same_store_at_once_one_makes_it(tmp_path: Path) -> None:
    runs = [start(tmp_path, place, others=2) for place in range(2)]
    told, *same = zip(*(run.communicate(timeout=60)[0].split() for run in runs), strict=True)
    assert sorted(told) == ["0", "3"]
    assert all(len(set(each)) == 1 for each in same)


def test_what_a_killed_run_left_is_removed(tmp_path: Path) -> None:
    run = start(tmp_path, then="die")
    run.communicate(timeout=60)
    assert run.returncode == 9
    assert len(list(tmp_path.glob(".half-*"))) == 1
    build(tmp_path)  # of other records
    assert not list(tmp_path.glob(".half-*"))
    assert len(list(tmp_path.glob("store-*.lock"))) == 2


@pytest.mark.parametrize("join_fields", [False, True])
def test_a_store_that_looks_inside_of_words_holds_what_numbering_in_memory_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, join_fields: bool
) -> None:
    monkeypatch.setattr("seqclf.data.store_part.PIECE", 7)
    given = {
        "validation_size": 0.2,
        "test": [("unseen wörds", "", "ham"), ("", "", "spam")],
        "join_fields": join_fields,
    }
    plain, store = build(tmp_path, **given), build(tmp_path, word_indexers={"characters": {}}, **given)
    assert plain.folder != store.folder
    assert "words" not in {file.stem for file in plain.folder.rglob("*.npy")}
    tables = {"train": TRAIN, "validation": TRAIN, "test": given["test"]}
    for split, table in tables.items():
        records = getattr(store, split)
        np.testing.assert_array_equal(records.ids, getattr(plain, split).ids)
        expected = index_records(store.vocabulary, [table[row][:2] for row in records.rows])
        indices = np.arange(len(records))[::-1]
        one, other = records.batch(indices).tokens["characters"], expected.batch(indices).tokens["characters"]
        rows = [parts.parts.values.split(parts.parts.rows.lengths.tolist()) for parts in (one, other)]
        tokens = [[row[word].tolist() for word in parts.values] for row, parts in zip(rows, (one, other), strict=True)]
        assert tokens[0] == tokens[1]


def test_characters_are_those_of_the_training_split_alone(tmp_path: Path) -> None:
    store = build(tmp_path, test=[("ß", "", "ham")], word_indexers={"characters": {}})
    assert "ß" not in store.vocabulary.word_indexers["characters"].characters
    assert "0" in store.vocabulary.word_indexers["characters"].characters


def test_a_store_of_several_labels_holds_each_record_its_own(tmp_path: Path) -> None:
    cells = ["x|y", "", "y", "z|y|x", " x ", "z"] * 6
    rows = [(f"title {n}", "", cell) for n, cell in enumerate(cells)]
    store = build(tmp_path, train=rows, test=[("a", "", "x|new"), ("b", "", "")], multilabel=True, validation_size=6)
    assert store.vocabulary.labels == ["x", "y", "z"]
    assert store.vocabulary.label_separator == "|"
    expected = {"x|y": [1, 1, 0], "": [0, 0, 0], "y": [0, 1, 0], "z|y|x": [1, 1, 1], " x ": [1, 0, 0], "z": [0, 0, 1]}
    for records in (store.train, store.validation):
        batch = records.batch(np.arange(len(records)))
        assert batch.labels.tolist() == [expected[cells[row]] for row in records.rows]
    assert len(store.validation) == 6
    assert store.test.batch(np.array([1, 0])).labels.tolist() == [[0, 0, 0], [-1, -2, -2]]
    assert store.report["unknown_labels"] == {"test": {"new": 1}}
    assert store.report["classes"]["x"] == int(np.isin(store.train.labels, [0]).sum())


def test_each_separator_and_each_task_has_a_store_of_its_own(tmp_path: Path) -> None:
    rows = [("a", "", "x|y"), ("b", "", "x")] * 5
    several, one = build(tmp_path, train=rows, multilabel=True), build(tmp_path, train=rows)
    assert several.vocabulary.labels == ["x", "y"]
    assert one.vocabulary.labels == ["x", "x|y"]


def test_label_sets_that_are_all_different_leave_records_to_validate_on(tmp_path: Path) -> None:
    rows = [(f"title {n}", "", f"common|label {n}") for n in range(20)]
    rows += [(f"title {n}", "", "common") for n in range(20)]
    store = build(tmp_path, train=rows, multilabel=True)
    assert 1 <= len(store.validation) <= 4
    assert all(rows[row][2] == "common" for row in store.validation.rows)  # a label's only record is learned from
