import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqclf.data import jsonl
from seqclf.data.jsonl import JsonLinesTable
from seqclf.data.table import Row
from seqclf.errors import UserError
from seqclf.text.label_sets import LIST

TEXTS = st.text(max_size=8)  # half characters too, and the mark of lists
WHOLE = st.text(st.characters(codec="utf-8", exclude_characters=LIST))
VALUES = TEXTS | st.none() | st.booleans() | st.integers() | st.floats()


def opened(folder: Path, content: str | bytes, encoding: str | None = None) -> JsonLinesTable:
    path = folder / "a.jsonl"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return JsonLinesTable(path, encoding)


def shown(value: object) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value)
    unreadable = [chr(code) for code in (*range(0xD800, 0xE000), 0xFDD0)]  # half characters, and the mark of lists
    return text.translate(dict.fromkeys(map(ord, unreadable), "\ufffd"))


@settings(deadline=None)
@given(records=st.lists(st.fixed_dictionaries({"a": VALUES, "b": VALUES}), min_size=1, max_size=6), blank=st.booleans())
def test_what_json_writes_is_read_verbatim_with_its_lines(
    tmp_path_factory: pytest.TempPathFactory, records: list[dict[str, object]], blank: bool
) -> None:
    end = "\n  \n" if blank else "\n"
    table = opened(tmp_path_factory.mktemp("jsonl"), end.join(json.dumps(record) for record in records))
    step = 2 if blank else 1
    assert list(table.select(["a", "b"])) == [
        Row(1 + step * number, (shown(record["a"]), shown(record["b"]))) for number, record in enumerate(records)
    ]


@settings(deadline=None)
@given(record=st.dictionaries(WHOLE, WHOLE, min_size=1))
def test_keys_are_columns_and_characters_need_no_escape(
    tmp_path_factory: pytest.TempPathFactory, record: dict[str, str]
) -> None:
    table = opened(tmp_path_factory.mktemp("jsonl"), json.dumps(record, ensure_ascii=False))
    assert table.columns == tuple(record)
    assert list(table.rows()) == [Row(1, tuple(record.values()))]


def test_numbers_stay_as_they_are_written(tmp_path: Path) -> None:
    content = '{"a": 01.0}\n'.replace("01.0", "1.0") + '{"a": 1e5}\n{"a": "01"}\n{"a": ' + "9" * 5000 + "}\n"
    assert [row.values[0] for row in opened(tmp_path, content).rows()] == ["1.0", "1e5", "01", "9" * 5000]


def test_a_missing_key_is_empty_text(tmp_path: Path) -> None:
    table = opened(tmp_path, '{"a": "x"}\n{"b": "y", "a": "z"}\n')
    assert table.columns == ("a", "b")
    assert [row.values for row in table.rows()] == [("x", ""), ("z", "y")]
    assert [row.values for row in table.select(["b"])] == [("",), ("y",)]


def test_a_key_that_comes_late_is_refused_unless_it_is_not_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jsonl, "HEADER_RECORDS", 2)
    table = opened(tmp_path, '{"a": "x"}\n{"a": "y"}\n{"late": "z"}\n')
    assert [row.values for row in table.select(["a"])] == [("x",), ("y",), ("",)]
    with pytest.raises(UserError, match=r"a\.jsonl, line 3, column 'late': the first 2 records do not have this key"):
        list(table.rows())


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    assert opened(tmp_path, '\ufeff{"a": "x"}').columns == ("a",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"a\.jsonl is empty"),
        ("\n \n", r"a\.jsonl holds no record"),
        ("{}\n", r"a\.jsonl holds no record with a key"),
        ('{"a": "x"}\n\n{"a": "y"\n', r"a\.jsonl, line 3, character 11: this is no JSON"),
        ('{"a": "x"}\n{"a": "y"} {"a": "z"}\n', r"a\.jsonl, line 2, character 12: this is no JSON \(Extra data\)"),
        ('[{"a": "x"}]\n', r"""a\.jsonl, line 1: '\[\{"a": "x"\}\]' is no object"""),
        ('{"a": "x"}\n"y"\n', r"""a\.jsonl, line 2: '"y"' is no object"""),
        ('{"a": "x"}\nnull\n', r"a\.jsonl, line 2: 'null' is no object"),
        ('{"a": "x"}\n{"a": "y", "a": "z"}\n', r"a\.jsonl, line 2, column 'a': the key is given twice"),
        ('{"a": "x"}\n{"a": ["y"]}\n', r"a\.jsonl, line 2, column 'a': the value is nested"),
        ('{"a": "x"}\n{"a": {"b": "y"}}\n', r"a\.jsonl, line 2, column 'a': the value is nested"),
        ('{"a": ' + "[" * 100_000, r"a\.jsonl, line 1: objects and lists are nested without end"),
        (b'{"a": "x"}\n{"a": "\xe9"}\n', r"a\.jsonl, line 2, character 8: the byte 0xe9 is not UTF-8"),
    ],
)
def test_a_broken_line_is_refused_with_its_place(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(UserError, match=message):
        list(opened(tmp_path, content).rows())


def test_another_encoding_is_read_when_typed(tmp_path: Path) -> None:
    table = opened(tmp_path, '{"a": "é"}'.encode("latin-1"), "latin-1")
    assert list(table.rows()) == [Row(1, ("é",))]
