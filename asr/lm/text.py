"""Transcripts as the units that an n-gram model counts: words, or a tokenizer's tokens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from asr.config.ngram import Unit
from asr.errors import UserError
from asr.files import PathLike
from asr.ngrams.model import BEGIN, END, UNKNOWN
from asr.progress import progress_bar
from asr.text.scripts import split_words
from asr.text.tokenizers import Tokenizer, load_tokenizer
from asr.text.transcripts import read_transcripts


class Sentence(NamedTuple):
    """A transcript as units, and how many words it holds, a Han or kana character being one."""

    units: list[str]
    words: int


class UnitText:
    """Sentences of files, one transcript each, as lists of units; may be read again and again.

    Args:
        paths: at least one; see `asr.text.transcripts.read_transcripts`.
        unit: `word`: what white space separates, after the tokenizer's normaliser if there is a
            tokenizer; `token`: the tokens that it spells the text with.
        tokenizer_dir: of the tokenizer.

    Raises:
        UserError: there is no tokenizer for tokens, or it cannot be loaded.
    """

    def __init__(
        self, paths: Sequence[PathLike], unit: Unit, tokenizer_dir: PathLike | None
    ) -> None:
        if unit == "token" and tokenizer_dir is None:
            raise UserError("--unit token needs --tokenizer DIR")
        self.paths = paths
        self.unit = unit
        tokenizer = None if tokenizer_dir is None else load_tokenizer(tokenizer_dir)
        self._split = _splitter(unit, tokenizer)
        self._total: int | None = None

    def sentences(self, doing: str) -> Iterator[Sentence]:
        """Yield the sentence of each transcript, with a progress bar.

        Args:
            doing: what is done with them, beside the bar.

        Raises:
            UserError: see `read_transcripts`; a text holds `<s>` or `</s>`.
        """
        if self._total is None:
            self._total = sum(1 for _ in read_transcripts(self.paths))
        if not self._total:
            raise UserError("no text in it", where=", ".join(map(str, self.paths)))
        with progress_bar(self._total, "sentence", doing) as bar:
            for text in read_transcripts(self.paths):
                bar.update()
                units = self._split(text)
                if BEGIN in units or END in units:
                    raise UserError(
                        f"a text holds {BEGIN} or {END}: '{text[:60]}'",
                        where=", ".join(map(str, self.paths)),
                        todo="Leave them out: every transcript is one sentence.",
                    )
                words = len(units) if self.unit == "word" else len(split_words(text))
                yield Sentence(units, words)

    def counts(self) -> Counter[str]:
        """Return how often each unit occurs."""
        counts: Counter[str] = Counter()
        for sentence in self.sentences("counting words"):
            counts.update(sentence.units)
        return counts


def open_vocabulary(
    text: UnitText, unknown_below: int
) -> tuple[frozenset[str] | None, Callable[[list[str]], list[str]]]:
    """Return the units seen often enough (None for all), and what replaces the others by `<unk>`.

    Raises:
        UserError: no unit is seen that often.
    """
    if unknown_below <= 1:
        return None, lambda units: units
    frequent = frozenset(unit for unit, n in text.counts().items() if n >= unknown_below)
    if not frequent:
        raise UserError(f"no {text.unit} occurs {unknown_below} times", where="--unknown-below")
    return frequent, lambda units: [unit if unit in frequent else UNKNOWN for unit in units]


def _splitter(unit: Unit, tokenizer: Tokenizer[Any] | None) -> Callable[[str], list[str]]:
    if tokenizer is None:
        return str.split
    if unit == "word":
        return lambda text: tokenizer.canonical(text).split()
    return lambda text: [tokenizer.tokens[i] for i in tokenizer.encode(text)]
