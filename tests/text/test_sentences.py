import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqclf.text.sentences import sentences


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \n ", []),
        ("One sentence", ["One sentence"]),
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ('He said "Go." Then he left... She stayed?!', ['He said "Go."', "Then he left...", "She stayed?!"]),
        (
            "Dr. Smith met J. R. Jones, e.g. in Fig. 3. They spoke.",
            ["Dr. Smith met J. R. Jones, e.g. in Fig. 3.", "They spoke."],
        ),
        ("It costs 3.50 at www.example.com. 7 left.", ["It costs 3.50 at www.example.com.", "7 left."]),
        ("It ended. then it went on. So did I. We left.", ["It ended. then it went on.", "So did I.", "We left."]),
        ("A heading\n\nA paragraph\nof two lines", ["A heading", "A paragraph\nof two lines"]),
        ("Wait ... what? (Yes.) [No!] Ok", ["Wait ... what?", "(Yes.)", "[No!]", "Ok"]),
        (
            "今日は晴れ。明日は雨!そう\uff1f「はい。」おわり",
            ["今日は晴れ。", "明日は雨!そう\uff1f", "「はい。」", "おわり"],
        ),
        ("Etwas z.B. hier. Über uns.", ["Etwas z.B. hier.", "Über uns."]),
        ("¿Qué? ¡No! Sí.", ["¿Qué?", "¡No!", "Sí."]),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


@given(st.text(alphabet="aB. !?\n。\"'()é…I", max_size=60))
def test_nothing_but_space_is_lost_and_a_sentence_is_one(text: str) -> None:
    found = sentences(text)
    assert re.sub(r"\s", "", "".join(found)) == re.sub(r"\s", "", text)
    assert all(sentence == sentence.strip() and sentence for sentence in found)


@pytest.mark.parametrize("piece", ["Ab cd. ", "a", ".", " ", "\n", ". ", "A. ", "a\n", "。", ".)", "\n \t"])
def test_time_grows_with_the_length_alone(piece: str) -> None:
    began = time.process_time()
    sentences("x" + piece * 50_000 + "x")
    assert time.process_time() - began < 3
