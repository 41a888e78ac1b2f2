"""Everything that is numbered: words, labels, fields."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from seqclf.batch import SPECIAL_TOKENS, UNKNOWN
from seqclf.errors import UserError, nearest
from seqclf.text.characters import Characters
from seqclf.text.columns import Column
from seqclf.text.cutter import Cutter, well_formed
from seqclf.text.frame import Frame
from seqclf.text.label_sets import label_matrix
from seqclf.text.numbering import Numbering
from seqclf.text.pieces import Pieces
from seqclf.text.vocabulary_files import LABELS_FILE, TOKENIZER_FILE, read_vocabulary
from seqclf.text.word_indexer import WordIndexer

WORD_INDEXERS: dict[str, type[WordIndexer]] = {"characters": Characters, "pieces": Pieces}

# What stands for a class index where there is no class: a label that is not among the classes, and no label at all.
UNKNOWN_LABEL, MISSING_LABEL = -1, -2


class Vocabulary:
    """The numbers of words, labels and fields, fitted on the training split alone.

    Args:
        tokenizer: cuts a text into numbered tokens.
        labels: names of the classes; a name's place is its number.
        fields: names of the text fields of a record, in order.
        join_fields: whether the fields of a record are one sequence, with `[SEP]` between them.
        columns: the text columns of a table, one per field, and for pairs those of the first record before those of the
            second; None where they are called as the fields.
        word_indexers: what numbers the inside of words, by name; None for nothing.
        segment: "sentences" where each sentence of a field is a sequence of its own; None where each field is one.
        label_separator: what is written between the labels of a record that may have several; None where each has one.
        kinds: the fields that are no text but categories or numbers, by name; None for none.
        frame: what a pretrained model's tokenizer puts around texts: its ids then stand behind those of the special
            tokens. None for a tokenizer that was fitted here and has the special tokens itself.
        cross: whether the two records of a pair are one sequence.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        labels: Sequence[str],
        fields: Sequence[str],
        join_fields: bool = False,
        columns: Sequence[str] | None = None,
        word_indexers: Mapping[str, WordIndexer] | None = None,
        segment: str | None = None,
        label_separator: str | None = None,
        kinds: Mapping[str, Column] | None = None,
        frame: Frame | None = None,
        cross: bool = False,
    ) -> None:
        self.tokenizer = tokenizer
        self._numbering, self.cutter = Numbering(tokenizer), Cutter(tokenizer)
        self.max_length: int | None = (tokenizer.truncation or {}).get("max_length")  # words of a text that are read
        self.frame = frame
        self.cross = cross
        self._first = 0 if frame is None else len(SPECIAL_TOKENS)  # the number of the tokenizer's id 0
        if frame is not None:
            tokenizer.encode_special_tokens = True  # no text can spell one
        self.labels = list(labels)
        self.fields = tuple(fields)
        self.join_fields = join_fields
        self.columns = self.fields if columns is None else tuple(columns)
        self.word_indexers = dict(word_indexers or {})
        self.segment = segment
        self.label_separator = label_separator
        self.kinds = dict(kinds or {})
        self._label_indices = {label: index for index, label in enumerate(self.labels)}
        if len(self._label_indices) != len(self.labels):
            raise ValueError(f"`labels` must be distinct, but are {self.labels}")
        if not self.columns or len(self.columns) % len(self.fields):
            raise ValueError(f"`columns` must be as many as `fields`, or twice as many, but are {self.columns}")

    @property
    def num_inputs(self) -> int:
        """How many records one example holds, `I`: 2 for pairs, unless both are one sequence."""
        return 1 if self.cross else self.num_sides

    @property
    def num_sides(self) -> int:
        """How many records a row of a table holds: 2 for pairs."""
        return len(self.columns) // len(self.fields)

    @property
    def width(self) -> int:
        """How many texts a record has; where pairs are one sequence, those of both."""
        return len(self.columns) // self.num_inputs

    @property
    def reads_lists(self) -> bool:
        """Whether a list of texts may stand for a text: each is a sequence of its own then."""
        return self.segment == "sentences"

    @property
    def several_sequences(self) -> bool:
        """Whether a record may be several sequences, of which a multifield encoder makes one vector."""
        return self.segment is not None or (len(self.fields) > 1 and not self.join_fields)

    @property
    def num_labels(self) -> int:
        """How many classes there are, `C`."""
        return len(self.labels)

    def size(self, indexer: str = "tokens") -> int:
        """How many ids an indexer can give, `V`: the words (characters, ...) and the special tokens.

        Raises:
            ValueError: for an indexer that this vocabulary does not have.
        """
        if indexer in self.word_indexers:
            return self.word_indexers[indexer].size
        if indexer != "tokens":
            raise ValueError(f"there is no indexer {indexer!r}. {nearest(indexer, ['tokens', *self.word_indexers])}")
        return self._first + int(self.tokenizer.get_vocab_size(with_added_tokens=True))

    def words(self) -> list[str]:
        """The special tokens and the words, each at the place of its id."""
        known = self.tokenizer.get_vocab(with_added_tokens=True)
        return [*SPECIAL_TOKENS[: self._first], *sorted(known, key=known.__getitem__)]

    def label_index(self, label: str) -> int:
        """The number of a class.

        Raises:
            UserError: for a label that is not among the classes; it names the nearest one.
        """
        try:
            return self._label_indices[label]
        except KeyError:
            raise UserError(f"There is no label {label!r}. {nearest(label, self.labels)}") from None

    def label_indices(self, labels: Iterable[str]) -> npt.NDArray[np.int32]:
        """The numbers of many labels `(R,)`.

        `UNKNOWN_LABEL` for those that are not among the classes, `MISSING_LABEL` for those that are empty.
        """
        return np.fromiter((self._index_or_less(label) for label in labels), dtype=np.int32)

    def label_sets(self, sets: Sequence[Sequence[str]]) -> npt.NDArray[np.int64]:
        """The labels of many records that may have several, as `label_matrix` has them `(R, C)`."""
        indices = self.label_indices(chain.from_iterable(sets))
        return label_matrix(indices, [len(labels) for labels in sets], self.num_labels)

    def _index_or_less(self, label: str) -> int:
        index = self._label_indices.get(label, UNKNOWN_LABEL)
        return MISSING_LABEL if index == UNKNOWN_LABEL and (not label or label.isspace()) else index

    def extend_labels(self, new: Iterable[str]) -> Vocabulary:
        """The same vocabulary with more classes: known labels keep their number, new ones are appended in order."""
        labels = list(dict.fromkeys([*self.labels, *new]))
        grown = copy(self)
        grown.labels = labels
        grown._label_indices = {label: index for index, label in enumerate(labels)}
        return grown

    def encode(self, texts: Sequence[str]) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
        """Number the tokens of many texts.

        Args:
            texts: any texts, empty ones among them.

        Returns:
            The ids of all texts, one after another `(N,)`, and how many each text has `(texts,)`.
        """
        numbers, lengths = self._numbering(texts)
        if self.frame is not None:
            numbers = np.where(numbers == self.frame.unknown, UNKNOWN, numbers + self._first).astype(np.int32)
        return numbers, lengths

    def cut(self, text: str) -> list[str]:
        """The words of a text, normalised: what `encode` numbers, known or not."""
        if self.frame is not None:
            return list(self.tokenizer.encode(well_formed(text), add_special_tokens=False).tokens)
        return self.cutter(text)[: self.max_length]

    def word_id(self, word: str) -> int:
        """The number of a word that `cut` gave."""
        index = self.tokenizer.token_to_id(word)
        return UNKNOWN if index is None else self._first + int(index)

    @property
    def files(self) -> tuple[str, ...]:
        """The files that `save` writes."""
        return (TOKENIZER_FILE, LABELS_FILE, *(indexer.file for indexer in self.word_indexers.values()))

    def numbers(self, tokens: Iterable[str]) -> npt.NDArray[np.int32]:
        """The ids of tokens that are no words of a text `(tokens,)`."""
        return np.fromiter(map(self.word_id, tokens), dtype=np.int32)

    def save(self, folder: Path | str) -> None:
        """Write `tokenizer.json`, `labels.json` and what the indexers of words need into the folder."""
        folder = Path(folder)
        (folder / TOKENIZER_FILE).write_text(self.tokenizer.to_str(), encoding="utf-8")
        labels = json.dumps(self.labels, ensure_ascii=False, indent=0)
        # A lone surrogate in a name becomes its JSON escape.
        (folder / LABELS_FILE).write_text(labels + "\n", encoding="utf-8", errors="backslashreplace")
        for indexer in self.word_indexers.values():
            indexer.save(folder)

    @classmethod
    def load(
        cls,
        folder: Path | str,
        fields: Sequence[str],
        join_fields: bool = False,
        columns: Sequence[str] | None = None,
        word_indexers: Iterable[str] = (),
        segment: str | None = None,
        label_separator: str | None = None,
        kinds: Mapping[str, Column] | None = None,
        frame: Frame | None = None,
        cross: bool = False,
    ) -> Vocabulary:
        """Read what `save` wrote.

        Args:
            folder: where it lies.
            fields: names of the text fields; this and what follows as for the class.
            join_fields: whether they are one sequence.
            columns: the text columns of a table.
            word_indexers: names of what numbers the inside of words, which are read too.
            segment: what each field is cut into.
            label_separator: between the labels of a record that may have several.
            kinds: the fields that are no text.
            frame: what a pretrained model's tokenizer puts around texts.
            cross: whether the two records of a pair are one sequence.

        Raises:
            UserError: for a file that is missing or broken.
        """
        folder = Path(folder)
        tokenizer, labels = read_vocabulary(folder)
        indexers = {name: WORD_INDEXERS[name].load(folder) for name in word_indexers}
        inside = (indexers, segment, label_separator)
        return cls(tokenizer, labels, fields, join_fields, columns, *inside, kinds, frame, cross)
